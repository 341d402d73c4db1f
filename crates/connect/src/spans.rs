//! Which offsets the message ids of a spout stand for.
//!
//! The engine wants ids that rise over all partitions of a spout; the log has offsets that rise in each. A span is a run of records of
//! one partition that were emitted together: ids from `first_id` stand for offsets from `first_offset`. Spans are
//! kept until they are committed, so there are as many as reads in flight, not as records.

use std::collections::VecDeque;

/// The spans in flight, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    spans: VecDeque<Span>,
    next_id: u64,
}

#[derive(Debug)]
struct Span {
    first_id: u64,
    partition: usize,
    first_offset: i64,
    /// The offset after the last one.
    end_offset: i64,
}

impl Spans {
    /// Spans whose first id is `id`.
    pub(crate) fn starting_at(id: u64) -> Self {
        Self { spans: VecDeque::new(), next_id: id }
    }

    /// Opens a span at the next record of a partition. The ids of the span are [`id`](Self::id) of its offsets.
    pub(crate) fn open(&mut self, partition: usize, first_offset: i64) {
        let span =
            Span { first_id: self.next_id, partition, first_offset, end_offset: first_offset };
        self.spans.push_back(span);
    }

    /// The id of an offset in the span opened last, which then ends after it.
    pub(crate) fn id(&mut self, offset: i64) -> u64 {
        let Some(span) = self.spans.back_mut() else { return self.next_id };
        let distance = u64::try_from(offset - span.first_offset).unwrap_or(0);
        span.end_offset = offset + 1;
        self.next_id = span.first_id + distance + 1;
        span.first_id + distance
    }

    /// Everything with an id below `low_water` is done: calls `committed` with a partition and the offset
    /// after the last one that is done, for each span that this touches.
    pub(crate) fn commit(&mut self, low_water: u64, mut committed: impl FnMut(usize, i64)) {
        while let Some(span) = self.spans.front() {
            let ids = u64::try_from(span.end_offset - span.first_offset).unwrap_or(0);
            let done = low_water.saturating_sub(span.first_id).min(ids);
            if done > 0 {
                let end = span.first_offset + i64::try_from(done).unwrap_or(0);
                committed(span.partition, end);
            }
            // The span opened last may still grow.
            if done < ids || self.spans.len() == 1 {
                return;
            }
            self.spans.pop_front();
        }
    }

    /// How many spans are kept.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }
}

#[cfg(test)]
mod tests;
