//! The tuples of the windows that are open, and when a window is due.
//!
//! # Constraints
//!
//! * A plain value: tuples with their times go in, the time that has come goes in, windows come out.
//! * Entries are kept in the order of their times (equal times in the order they came), so a window is a range:
//!   `(end - length, end]` for a length in time, the last so many up to its end for a count.
//! * A window without tuples does not come out, and the time between two tuples far apart is jumped over, not walked.
//!
//! # The rules
//!
//! They are Storm's (`WindowManager` and its trigger and eviction policies):
//!
//! | slide | a window ends |
//! |---|---|
//! | time | at each multiple of the slide, the first being the one at or after the earliest tuple (processing time: counted from the bolt's start) |
//! | count | at each so-many-th tuple, in processing time as it comes, in event time once the watermark is past it |
//!
//! Unlike in Storm a tuple leaves as soon as no later window can hold it, not only when the next window comes out: its
//! root need not wait for a window that may never come.

use std::collections::VecDeque;

use super::policy::Span;

/// One tuple and its time.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) at_ms: i64,
    pub(crate) item: T,
    /// Whether an earlier window had it.
    pub(crate) seen: bool,
}

/// A window that is due: the entries `from..to` of the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// The time it ends at: its last tuple's if it slides by count.
    pub(crate) end_ms: i64,
}

/// The tuples of the windows of one task.
#[derive(Debug)]
pub(crate) struct Buffer<T> {
    length: Span,
    slide: Span,
    event_time: bool,
    entries: VecDeque<Entry<T>>,
    /// The end of the next window of a slide in time, once it is known.
    next_end: Option<i64>,
    /// Entries at the front that count slides have passed over.
    counted: usize,
    /// The greatest end that came out.
    ended: Option<i64>,
    /// Up to here time has come.
    reached: Option<i64>,
}

impl<T> Buffer<T> {
    /// An empty buffer; processing time begins at `now_ms`.
    pub(crate) fn new(length: Span, slide: Span, event_time: bool, now_ms: i64) -> Self {
        // A window leaves out its very beginning, so the first begins a moment before now.
        let first = slide.millis().map(|slide| now_ms + slide - 1);
        Self {
            length,
            slide,
            event_time,
            entries: VecDeque::new(),
            next_end: first.filter(|_| !event_time),
            counted: 0,
            ended: None,
            reached: None,
        }
    }

    pub(crate) fn entries(&self) -> &VecDeque<Entry<T>> {
        &self.entries
    }

    /// Whether a tuple of that time comes after a window that would have had it.
    pub(crate) fn is_late(&self, at_ms: i64) -> bool {
        // A count passes over tuples, not over times: one more of the same time is the next.
        let by_count = matches!(self.slide, Span::Count(_));
        let is_behind = |ended| at_ms < ended || (at_ms == ended && !by_count);
        self.event_time && self.ended.is_some_and(is_behind)
    }

    /// Takes a tuple, which must not be late.
    pub(crate) fn add(&mut self, at_ms: i64, item: T) {
        let entry = Entry { at_ms, item, seen: false };
        let behind = self.entries.back().is_some_and(|last| last.at_ms > at_ms);
        if behind {
            let place = self.after(at_ms);
            self.entries.insert(place, entry);
        } else {
            self.entries.push_back(entry);
        }
    }

    /// The time has come to `at_ms`: the watermark, or the clock. The last moment of all never comes, so that there
    /// always is an end that is not reached.
    pub(crate) fn reach(&mut self, at_ms: i64) {
        self.reached = self.reached.max(Some(at_ms.min(i64::MAX - 1)));
    }

    /// The index after the last entry not later than `at_ms`.
    fn after(&self, at_ms: i64) -> usize {
        self.entries.partition_point(|entry| entry.at_ms <= at_ms)
    }

    /// The next window that is due. Call [`done`](Self::done) with it before the next.
    pub(crate) fn due(&mut self) -> Option<Due> {
        match self.slide {
            Span::Count(count) => self.due_by_count(count),
            Span::Time(_) => self.due_by_time(self.slide.millis()?),
        }
    }

    fn due_by_count(&self, count: usize) -> Option<Due> {
        let to = self.counted + count;
        let last = self.entries.get(to - 1)?;
        let end_ms = last.at_ms;
        // In event time earlier tuples may still come in between.
        if self.event_time && self.reached.is_none_or(|reached| end_ms > reached) {
            return None;
        }
        Some(Due { from: self.from(to, end_ms), to, end_ms })
    }

    fn due_by_time(&mut self, slide: i64) -> Option<Due> {
        let reached = self.reached?;
        loop {
            let end_ms = match self.next_end {
                Some(end) => end,
                None => aligned(self.entries.front()?.at_ms, slide),
            };
            if end_ms > reached {
                return None;
            }
            let to = self.after(end_ms);
            let from = self.from(to, end_ms);
            if from < to {
                self.next_end = Some(end_ms);
                return Some(Due { from, to, end_ms });
            }
            self.next_end = Some(self.next_after(end_ms, to, slide, reached));
        }
    }

    /// The end of the next window that may have a tuple, after one at `end` that has none. It is never further than
    /// the first end past `reached`: a tuple may still come for that.
    fn next_after(&self, end: i64, to: usize, slide: i64, reached: i64) -> i64 {
        let past = reached.saturating_add(1);
        let at = self.entries.get(to).map_or(past, |next| next.at_ms.min(past));
        let steps = at.saturating_sub(end).saturating_add(slide - 1) / slide;
        end.saturating_add(steps.max(1).saturating_mul(slide))
    }

    fn from(&self, to: usize, end_ms: i64) -> usize {
        match self.length {
            Span::Count(count) => to.saturating_sub(count),
            Span::Time(_) => {
                let length = self.length.millis().unwrap_or(i64::MAX);
                self.after(end_ms.saturating_sub(length)).min(to)
            }
        }
    }

    /// The window was handed over: marks its entries as seen and hands out those that no later window can hold.
    pub(crate) fn done(&mut self, due: Due) -> impl Iterator<Item = Entry<T>> + '_ {
        self.entries.range_mut(due.from..due.to).for_each(|entry| entry.seen = true);
        self.ended = self.ended.max(Some(due.end_ms));
        let gone = self.pass(due).min(self.entries.len());
        self.counted = self.counted.saturating_sub(gone);
        self.entries.drain(..gone)
    }

    /// Moves on to the next window; returns how many entries at the front it cannot hold.
    fn pass(&mut self, due: Due) -> usize {
        match (self.slide, self.length) {
            (Span::Count(slide), Span::Count(length)) => {
                self.counted = due.to;
                (due.to + slide).saturating_sub(length).min(due.to)
            }
            (Span::Count(_), Span::Time(_)) => {
                self.counted = due.to;
                due.from
            }
            (Span::Time(_), Span::Time(_)) => {
                let slide = self.slide.millis().unwrap_or(i64::MAX);
                let end = due.end_ms.saturating_add(slide);
                self.next_end = Some(end);
                self.from(due.to, end)
            }
            (Span::Time(_), Span::Count(_)) => {
                let slide = self.slide.millis().unwrap_or(i64::MAX);
                self.next_end = Some(due.end_ms.saturating_add(slide));
                due.from
            }
        }
    }

    /// The window failed: hands out its entries, which are not there any more.
    pub(crate) fn failed(&mut self, due: Due) -> impl Iterator<Item = Entry<T>> + '_ {
        self.ended = self.ended.max(Some(due.end_ms));
        self.pass(due);
        self.counted = due.from;
        self.entries.drain(due.from..due.to)
    }
}

/// The first multiple of `slide` at or after `at`.
fn aligned(at: i64, slide: i64) -> i64 {
    let past = at.rem_euclid(slide);
    if past == 0 { at } else { at.saturating_add(slide - past) }
}

#[cfg(test)]
mod tests;
