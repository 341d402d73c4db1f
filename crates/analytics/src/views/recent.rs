//! Which heartbeats were counted lately, so that a copy is not counted again.

use std::collections::VecDeque;

use hashbrown::HashSet;

/// Heartbeats that are remembered: at 1,000 a second, those of the last four minutes, longer than
/// a browser or a proxy takes to send a copy. 6 MB.
const REMEMBERED_MAX: usize = 262_144;

/// The last heartbeats.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    order: VecDeque<u64>,
    known: HashSet<u64, foldhash::fast::RandomState>,
}

impl Recent {
    /// Notes a heartbeat's number; `false` if it was there. Number 0 is of one that cannot be told apart.
    pub(super) fn note(&mut self, number: u64) -> bool {
        if number == 0 {
            return true;
        }
        if !self.known.insert(number) {
            return false;
        }
        self.order.push_back(number);
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}
