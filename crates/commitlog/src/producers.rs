//! What a partition knows of the producers that write to it, so that a batch sent twice is kept once (KIP-98).
//!
//! # The rules
//!
//! * A batch carries producer id, epoch and the sequence of its first record. Nothing is asked of a batch
//!   without a producer id.
//! * An exact repeat of one of the last [`BATCHES_KEPT`] batches is a duplicate: it is answered with the offset it
//!   has, and not appended. Clients keep at most five requests on the way, so a retry is always among them.
//! * Otherwise the sequence must follow the last one (0 follows `i32::MAX`); a newer epoch begins at 0; an older
//!   epoch is fenced.
//! * Of a producer of which nothing is known any sequence is taken, as Kafka does since 2.5 (KIP-360): its state may have
//!   expired.
//!
//! # What is kept
//!
//! A plain value: batch headers and `now` go in, a decision comes out. What was decided since the last
//! [`commit`](Producers::commit) can be taken back, because a full disk takes back a whole round. Producers are
//! forgotten when they were idle too long, and the longest idle go first when there are too many.
//! Idleness is counted by the log's clock, not by the timestamps of records, which may be years old.

use std::collections::BTreeMap;

use crate::batch::{BatchHeader, frames};
use crate::limits::PRODUCERS_MAX;

/// Batches of a producer that are recognised when they come again: what Kafka keeps, and what its clients have on
/// the way at most.
pub(crate) const BATCHES_KEPT: usize = 5;

/// Changes for which memory is kept between rounds.
const UNDO_KEPT: usize = 1_024;

/// A batch that was appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) last_sequence: i32,
    pub(crate) last_offset: i64,
    /// Records of the batch less one.
    pub(crate) offset_delta: i32,
    /// When it was appended, by the log's clock.
    pub(crate) at_ms: i64,
}

impl Written {
    fn of(header: &BatchHeader, base_offset: i64, now_ms: i64) -> Self {
        Self {
            last_sequence: sequence_after(header.base_sequence, header.last_offset_delta),
            last_offset: base_offset.saturating_add(header.last_offset_delta.into()),
            offset_delta: header.last_offset_delta,
            at_ms: now_ms,
        }
    }

    fn base_offset(&self) -> i64 {
        self.last_offset.saturating_sub(self.offset_delta.into())
    }

    /// Whether this batch has the same sequences.
    fn is_repeated_by(&self, header: &BatchHeader) -> bool {
        self.offset_delta == header.last_offset_delta
            && self.last_sequence == sequence_after(header.base_sequence, header.last_offset_delta)
    }
}

/// The sequence `count` records after `sequence`; it goes on from 0 after `i32::MAX`.
fn sequence_after(sequence: i32, count: i32) -> i32 {
    let sum = (i64::from(sequence) + i64::from(count)) % (i64::from(i32::MAX) + 1);
    i32::try_from(sum).unwrap_or(0)
}

/// One producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Producer {
    epoch: i16,
    /// So many of `batches` are there; the oldest comes first.
    kept: usize,
    batches: [Written; BATCHES_KEPT],
}

impl Producer {
    fn new(epoch: i16, first: Written) -> Self {
        let mut batches = [Written::default(); BATCHES_KEPT];
        batches[0] = first;
        Self { epoch, kept: 1, batches }
    }

    fn push(&mut self, batch: Written) {
        if self.kept == BATCHES_KEPT {
            self.batches.rotate_left(1);
            self.kept -= 1;
        }
        if let Some(slot) = self.batches.get_mut(self.kept) {
            *slot = batch;
            self.kept += 1;
        }
    }

    fn batches(&self) -> &[Written] {
        self.batches.get(..self.kept).unwrap_or_default()
    }

    fn last(&self) -> Written {
        self.batches().last().copied().unwrap_or_default()
    }
}

/// Why a batch is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SequenceError {
    /// It has a producer id, but no epoch or sequence.
    Missing { producer_id: i64 },
    /// A newer epoch of the producer has written.
    Fenced { producer_id: i64, epoch: i16, current: i16 },
    /// Records before it are missing, or it is older than what is remembered.
    OutOfOrder { producer_id: i64, expected: i32, found: i32 },
}

/// What is to be done with an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Append it.
    Append,
    /// Append what follows the first `bytes`, which hold `records` records and are there already, from
    /// `base_offset` on. Only an append of several batches that a crash cut in two comes back like this.
    AppendRest { bytes: usize, records: i64, base_offset: i64 },
    /// All of it is there already, from `base_offset` on.
    Duplicate { base_offset: i64 },
}

/// The producers of one partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Producers {
    known: BTreeMap<i64, Producer>,
    /// What was there before each change since the last commit.
    undo: Vec<(i64, Option<Producer>)>,
}

impl Producers {
    /// Decides on the batches of one append whose first new record gets `next_offset`, and notes them if they
    /// are to be appended. A refusal changes nothing.
    pub(crate) fn decide(
        &mut self,
        batches: &[u8],
        next_offset: i64,
        now_ms: i64,
    ) -> Result<Decision, SequenceError> {
        let point = self.undo.len();
        let result = self.decide_each(batches, next_offset, now_ms);
        if result.is_err() {
            self.rewind_to(point);
        }
        result
    }

    fn decide_each(
        &mut self,
        batches: &[u8],
        next_offset: i64,
        now_ms: i64,
    ) -> Result<Decision, SequenceError> {
        let mut offset = next_offset;
        // Bytes, records and first offset of the duplicates at the front.
        let (mut bytes, mut records, mut known_from) = (0, 0, None);
        for (header, _) in frames(batches).map_while(Result::ok) {
            match self.judge(&header)? {
                Some(base_offset) if offset == next_offset => {
                    known_from.get_or_insert(base_offset);
                    bytes += header.bytes;
                    records += i64::from(header.record_count);
                }
                // Behind something new nothing can be old.
                Some(_) => return Err(self.out_of_order(&header)),
                None => {
                    if header.producer_id >= 0 {
                        self.note(&header, offset, now_ms);
                    }
                    offset += i64::from(header.record_count);
                }
            }
        }
        Ok(match known_from {
            None => Decision::Append,
            Some(base_offset) if offset == next_offset => Decision::Duplicate { base_offset },
            Some(base_offset) => Decision::AppendRest { bytes, records, base_offset },
        })
    }

    /// The offset of a batch that is there already; `None` for one that may be appended.
    fn judge(&self, header: &BatchHeader) -> Result<Option<i64>, SequenceError> {
        let BatchHeader { producer_id, producer_epoch: epoch, base_sequence, .. } = *header;
        if producer_id < 0 {
            return Ok(None);
        }
        if epoch < 0 || base_sequence < 0 {
            return Err(SequenceError::Missing { producer_id });
        }
        let Some(producer) = self.known.get(&producer_id) else { return Ok(None) };
        let current = producer.epoch;
        if epoch < current {
            return Err(SequenceError::Fenced { producer_id, epoch, current });
        }
        if epoch == current
            && let Some(batch) = producer.batches().iter().find(|b| b.is_repeated_by(header))
        {
            return Ok(Some(batch.base_offset()));
        }
        if base_sequence == producer.expected(epoch) {
            Ok(None)
        } else {
            Err(self.out_of_order(header))
        }
    }

    fn out_of_order(&self, header: &BatchHeader) -> SequenceError {
        let BatchHeader { producer_id, producer_epoch, base_sequence: found, .. } = *header;
        let producer = self.known.get(&producer_id);
        let expected = producer.map_or(0, |producer| producer.expected(producer_epoch));
        SequenceError::OutOfOrder { producer_id, expected, found }
    }

    /// Takes in a batch that is in the log; its order was decided when it was appended.
    pub(crate) fn note(&mut self, header: &BatchHeader, base_offset: i64, now_ms: i64) {
        let batch = Written::of(header, base_offset, now_ms);
        self.insert(header.producer_id, header.producer_epoch, batch);
    }

    /// Takes in the next batch of a producer.
    pub(crate) fn insert(&mut self, id: i64, epoch: i16, batch: Written) {
        let before = self.known.get(&id).copied();
        if before.is_none() && self.known.len() >= PRODUCERS_MAX {
            self.forget_longest_idle();
        }
        let after = match before {
            Some(mut producer) if producer.epoch == epoch => {
                producer.push(batch);
                producer
            }
            _ => Producer::new(epoch, batch),
        };
        self.undo.push((id, before));
        self.known.insert(id, after);
    }

    /// Makes room for more than one, so that a flood of new producers does not search for each.
    fn forget_longest_idle(&mut self) {
        let mut idle: Vec<(i64, i64)> =
            self.known.iter().map(|(id, producer)| (producer.last().at_ms, *id)).collect();
        idle.sort_unstable();
        for (_, id) in idle.into_iter().take(PRODUCERS_MAX / 16 + 1) {
            let before = self.known.remove(&id);
            self.undo.push((id, before));
        }
    }

    /// Forgets producers that appended nothing for so long.
    pub(crate) fn expire(&mut self, now_ms: i64, idle_ms: i64) {
        let limit = now_ms.saturating_sub(idle_ms);
        self.known.retain(|_, producer| producer.last().at_ms > limit);
    }

    /// What was decided so far stays.
    pub(crate) fn commit(&mut self) {
        self.undo.clear();
        self.undo.shrink_to(UNDO_KEPT);
    }

    /// Takes back what was decided since the last commit.
    pub(crate) fn rewind(&mut self) {
        self.rewind_to(0);
    }

    fn rewind_to(&mut self, point: usize) {
        for (id, before) in self.undo.drain(point..).rev() {
            match before {
                Some(producer) => self.known.insert(id, producer),
                None => self.known.remove(&id),
            };
        }
    }

    /// Every batch that is remembered with the id and epoch of its producer, a producer's oldest first.
    pub(crate) fn batches(&self) -> impl Iterator<Item = (i64, i16, &Written)> {
        self.known.iter().flat_map(|(id, producer)| {
            producer.batches().iter().map(move |batch| (*id, producer.epoch, batch))
        })
    }
}

impl Producer {
    /// The sequence that must come next in `epoch`.
    fn expected(&self, epoch: i16) -> i32 {
        if epoch == self.epoch { sequence_after(self.last().last_sequence, 1) } else { 0 }
    }
}

#[cfg(test)]
mod tests;
