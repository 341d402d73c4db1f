//! Which transactions a walk over a partition has met: their data, and whether their markers are still needed.
//! (Kafka's `CleanedTransactionMetadata`.)

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::aborted::Aborted;
use crate::batch::BatchHeader;

/// See the module. Batches must come in the order of their offsets.
#[derive(Default)]
pub(super) struct Transactions {
    /// Aborted transactions that the walk has not come to, the first to begin first.
    ahead: VecDeque<Aborted>,
    /// Those it is in, by producer, and whether any batch of it was there.
    aborted: BTreeMap<i64, (Aborted, bool)>,
    /// Producers with batches of a transaction whose commit has not come.
    committed: BTreeSet<i64>,
    /// Entries of the transaction index that are still needed, in the order of their markers.
    kept: Vec<Aborted>,
}

impl Transactions {
    /// With the aborted transactions that overlap the walk.
    pub(super) fn new(mut aborted: Vec<Aborted>) -> Self {
        aborted.sort_by_key(|one| one.first_offset);
        Self { ahead: aborted.into(), ..Self::default() }
    }

    /// Takes note of a batch of data; whether it was aborted.
    pub(super) fn batch(&mut self, header: &BatchHeader) -> bool {
        self.come_to(header.last_offset());
        if !header.is_transactional() {
            return false;
        }
        match self.aborted.get_mut(&header.producer_id) {
            Some((_, is_met)) => {
                *is_met = true;
                true
            }
            None => {
                self.committed.insert(header.producer_id);
                false
            }
        }
    }

    /// Takes note of a control batch; whether nothing of its transaction is left before it. `commit` is `None` when it
    /// has no record (then it was needed for nothing before), or is no marker of a transaction.
    pub(super) fn marker(&mut self, header: &BatchHeader, commit: Option<bool>) -> bool {
        self.come_to(header.last_offset());
        match commit {
            Some(true) => !self.committed.remove(&header.producer_id),
            Some(false) => match self.aborted.remove(&header.producer_id) {
                Some((aborted, true)) => {
                    self.kept.push(aborted);
                    false
                }
                _ => true,
            },
            None => header.record_count == 0,
        }
    }

    /// The entries that the index of what was walked since the last call must have.
    pub(super) fn take_kept(&mut self) -> Vec<Aborted> {
        std::mem::take(&mut self.kept)
    }

    fn come_to(&mut self, offset: i64) {
        while self.ahead.front().is_some_and(|next| next.first_offset <= offset) {
            if let Some(next) = self.ahead.pop_front() {
                self.aborted.entry(next.producer_id).or_insert((next, false));
            }
        }
    }
}
