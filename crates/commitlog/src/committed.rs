//! Passing over what a reader of committed transactions does not want (KIP-98).

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::batch::{BatchHeader, EndMarker, header};
use crate::read::{AbortedTransaction, ReadBatches};

/// What is known of aborted transactions while their batches are walked in order.
#[derive(Debug)]
struct Filter {
    /// Those that begin further on, the last one first.
    ahead: Vec<AbortedTransaction>,
    /// Producers whose batches belong to an aborted transaction here.
    aborted: BTreeSet<i64>,
}

impl Filter {
    fn new(aborted: &[AbortedTransaction]) -> Self {
        let mut ahead = aborted.to_vec();
        ahead.sort_unstable_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
        Self { ahead, aborted: BTreeSet::new() }
    }

    /// Whether the next batch is data that counts.
    fn keeps(&mut self, header: &BatchHeader, batch: &Bytes) -> bool {
        let last_offset = header.last_offset();
        while let Some(next) = self.ahead.pop_if(|next| next.first_offset <= last_offset) {
            self.aborted.insert(next.producer_id);
        }
        if !header.is_control() {
            return !(header.is_transactional() && self.aborted.contains(&header.producer_id));
        }
        // The marker ends the aborted transaction; the producer's next one may count.
        if self.aborted.contains(&header.producer_id)
            && EndMarker::read(batch).is_some_and(|marker| !marker.commit)
        {
            self.aborted.remove(&header.producer_id);
        }
        false
    }
}

impl ReadBatches {
    /// Each batch of data by itself, without those of aborted transactions and without control batches: what a
    /// consumer in `read_committed` mode gives its user. Only right for what
    /// [`read_committed`](crate::Partition::read_committed) gave.
    pub fn committed(&self) -> impl Iterator<Item = Bytes> + '_ {
        let mut filter = Filter::new(&self.aborted);
        self.batches()
            .filter(move |batch| header(batch).is_ok_and(|header| filter.keeps(&header, batch)))
    }
}
