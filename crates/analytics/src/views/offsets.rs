//! Which offsets of a partition have been counted.
//!
//! # Constraints
//!
//! * Tuples may come late, twice or out of order, because a failed one is replayed alone. Everything
//!   below `next` has been counted, and a few above it.
//! * The set above is bounded: an offset that never comes (a record that is no hit, or one removed by
//!   retention) must not make it grow for ever.

use hashbrown::HashSet;

#[cfg(test)]
mod tests;

/// Offsets above the low-water mark that are held; four times what the topology has in flight.
pub const ABOVE_MAX: usize = 4 * crate::bounds::IN_FLIGHT_MAX;

/// The counted offsets of one partition.
#[derive(Clone, Debug, Default)]
pub struct Offsets {
    next: i64,
    above: HashSet<i64, foldhash::fast::RandomState>,
}

impl Offsets {
    /// Notes an offset; `false` if it was there.
    pub fn note(&mut self, offset: i64) -> bool {
        if offset < self.next || !self.above.insert(offset) {
            return false;
        }
        while self.above.remove(&self.next) {
            self.next += 1;
        }
        if self.above.len() > ABOVE_MAX
            && let Some(lowest) = self.above.iter().min().copied()
        {
            self.start_at(lowest);
        }
        true
    }

    /// Takes everything below `offset` as counted.
    pub fn start_at(&mut self, offset: i64) {
        self.next = self.next.max(offset);
        self.above.retain(|above| *above >= offset);
        while self.above.remove(&self.next) {
            self.next += 1;
        }
    }

    /// Everything below has been counted.
    pub fn next(&self) -> i64 {
        self.next
    }

    /// Whether this offset has been counted.
    pub fn contains(&self, offset: i64) -> bool {
        offset < self.next || self.above.contains(&offset)
    }
}
