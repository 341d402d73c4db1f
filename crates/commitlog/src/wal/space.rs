//! Which bytes of the write-ahead file are in use: entries one after another, round and round, behind block 0.

use std::collections::VecDeque;

use tidemill_world::BLOCK_BYTES;

const BLOCK: u64 = BLOCK_BYTES as u64;

#[derive(Debug)]
pub(crate) struct Space {
    bytes: u64,
    /// Behind the newest entry.
    head: u64,
    /// Those that may not be overwritten, the oldest first.
    spans: VecDeque<Span>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    sequence: u64,
    start: u64,
}

impl Space {
    pub(crate) fn new(bytes: u64) -> Self {
        Self { bytes, head: BLOCK, spans: VecDeque::new() }
    }

    /// Where an entry of so many bytes can go so that a block is left behind it, for one that frees others.
    pub(crate) fn place(&self, bytes: u64) -> Option<u64> {
        self.place_last(bytes.checked_add(BLOCK)?)
    }

    /// Where an entry of so many bytes can go.
    pub(crate) fn place_last(&self, bytes: u64) -> Option<u64> {
        let fits = |start: u64, end: u64| start.checked_add(bytes).is_some_and(|past| past <= end);
        let (ahead, around) = match self.spans.front() {
            None => (self.bytes, self.bytes),
            Some(oldest) if self.head > oldest.start => (self.bytes, oldest.start),
            // It has gone round already.
            Some(oldest) => (oldest.start, 0),
        };
        if fits(self.head, ahead) {
            return Some(self.head);
        }
        fits(BLOCK, around).then_some(BLOCK)
    }

    /// Notes an entry at `start`.
    pub(crate) fn take(&mut self, sequence: u64, start: u64, bytes: u64) {
        self.spans.push_back(Span { sequence, start });
        self.head = start + bytes;
    }

    /// Entries below this may be overwritten.
    pub(crate) fn free_before(&mut self, sequence: u64) {
        while self.spans.front().is_some_and(|span| span.sequence < sequence) {
            self.spans.pop_front();
        }
    }

    /// Bytes from the oldest entry to the newest one's end.
    pub(crate) fn used(&self) -> u64 {
        match self.spans.front() {
            None => 0,
            Some(oldest) if self.head > oldest.start => self.head - oldest.start,
            Some(oldest) => self.bytes - oldest.start + self.head,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_entry_that_does_not_fit_at_the_end_goes_to_the_start() {
        let mut space = Space::new(10 * BLOCK);
        space.take(1, space.place(4 * BLOCK).unwrap(), 4 * BLOCK);
        assert_eq!(space.place(4 * BLOCK), Some(5 * BLOCK));
        assert_eq!(space.place(5 * BLOCK), None, "a block is left for the one that frees");
        assert_eq!(space.place_last(5 * BLOCK), Some(5 * BLOCK));
        space.take(2, 5 * BLOCK, 4 * BLOCK);
        space.free_before(2);
        assert_eq!(space.place(3 * BLOCK), Some(BLOCK));
        space.take(3, BLOCK, 3 * BLOCK);
        assert_eq!((space.used(), space.place(BLOCK)), (9 * BLOCK, None));
    }

    proptest! {
        /// Entries in use never overlap one another or block 0.
        #[test]
        fn entries_never_overlap(steps in prop::collection::vec((1..6u64, 0..3u64), 1..200)) {
            let mut space = Space::new(16 * BLOCK);
            let mut kept: VecDeque<(u64, u64, u64)> = VecDeque::new();
            for (sequence, (blocks, freed)) in (1u64..).zip(steps) {
                for _ in 0..freed {
                    if let Some(first) = kept.pop_front() {
                        space.free_before(first.0 + 1);
                    }
                }
                let bytes = blocks * BLOCK;
                let Some(start) = space.place(bytes) else {
                    prop_assert!(!kept.is_empty(), "an empty file holds any of these");
                    continue;
                };
                let end = start + bytes;
                prop_assert!(start >= BLOCK && end <= 16 * BLOCK);
                for (_, other, other_end) in &kept {
                    prop_assert!(end <= *other || *other_end <= start);
                }
                space.take(sequence, start, bytes);
                kept.push_back((sequence, start, end));
                prop_assert!(space.place_last(BLOCK).is_some());
            }
        }
    }
}
