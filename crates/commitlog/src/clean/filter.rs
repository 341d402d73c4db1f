//! What is kept of one batch. (Kafka's `Cleaner.shouldRetainRecord` and `MemoryRecords.filterTo`.)

use std::collections::BTreeMap;

use bytes::Bytes;

use super::keys::KeyMap;
use super::transactions::Transactions;
use crate::batch::{BatchHeader, EndMarker, Records, empty, records, rewrite};

/// What a producer that may still write wrote last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastOfProducer {
    pub(super) epoch: i16,
    /// Last offset of its last batch of data in that epoch.
    pub(super) last_offset: Option<i64>,
}

/// What a pass over a partition decides by.
pub(super) struct Filter<'a> {
    pub(super) keys: &'a KeyMap,
    pub(super) now_ms: i64,
    pub(super) delete_retention_ms: u64,
    pub(super) producers: &'a BTreeMap<i64, LastOfProducer>,
    /// Where the segment that is being made ends: the base of the one after it.
    pub(super) end_offset: i64,
}

/// What is kept of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// All of it, as it is.
    Whole,
    /// This instead.
    Changed(Bytes),
    Nothing,
}

impl Filter<'_> {
    /// Decides on one whole batch; its records were in the log's order before it.
    pub(super) fn judge(
        &self,
        transactions: &mut Transactions,
        header: &BatchHeader,
        batch: &Bytes,
    ) -> Kept {
        let result = match header.is_control() {
            true => self.judge_control(transactions, header, batch),
            false => self.judge_data(transactions, header, batch),
        };
        result.unwrap_or_else(|| self.bare(header))
    }

    /// `None` when no record is kept.
    fn judge_control(
        &self,
        transactions: &mut Transactions,
        header: &BatchHeader,
        batch: &Bytes,
    ) -> Option<Kept> {
        let commit = EndMarker::read(batch).map(|marker| marker.commit);
        let is_spent = transactions.marker(header, commit);
        if header.record_count <= 0 {
            return None;
        }
        match (is_spent, header.delete_horizon_ms()) {
            (false, _) => Some(Kept::Whole),
            (true, Some(horizon)) if horizon <= self.now_ms => None,
            (true, Some(_)) => Some(Kept::Whole),
            (true, None) => {
                let Ok(opened) = records(batch) else { return Some(Kept::Whole) };
                let kept = vec![true; usize::try_from(header.record_count).unwrap_or(0)];
                Some(self.changed(&opened, &kept, true))
            }
        }
    }

    fn judge_data(
        &self,
        transactions: &mut Transactions,
        header: &BatchHeader,
        batch: &Bytes,
    ) -> Option<Kept> {
        if transactions.batch(header) {
            return None;
        }
        let Ok(opened) = records(batch) else { return Some(Kept::Whole) };
        let mut kept = Vec::new();
        let (mut some, mut all, mut has_tombstone) = (false, true, false);
        for record in &opened {
            let Ok(record) = record else { return Some(Kept::Whole) };
            let is_kept = self.is_kept(header, record.offset, record.key, record.value.is_some());
            some |= is_kept;
            all &= is_kept;
            has_tombstone |= is_kept && record.value.is_none();
            kept.push(is_kept);
        }
        let needs_horizon = has_tombstone && header.delete_horizon_ms().is_none();
        match (some, all) {
            (false, _) => None,
            (true, true) if !needs_horizon => Some(Kept::Whole),
            (true, _) => Some(self.changed(&opened, &kept, needs_horizon)),
        }
    }

    fn is_kept(
        &self,
        header: &BatchHeader,
        offset: i64,
        key: Option<&[u8]>,
        has_value: bool,
    ) -> bool {
        if offset > self.keys.latest {
            return true;
        }
        // A compacted topic takes none; it was another topic's once.
        let Some(key) = key else { return false };
        let is_last = self.keys.get(key).is_none_or(|last| offset >= last);
        let horizon = header.delete_horizon_ms();
        is_last && (has_value || horizon.is_none_or(|horizon| self.now_ms < horizon))
    }

    fn changed(&self, opened: &Records, kept: &[bool], needs_horizon: bool) -> Kept {
        let retention = i64::try_from(self.delete_retention_ms).unwrap_or(i64::MAX);
        let horizon = needs_horizon.then(|| self.now_ms.saturating_add(retention));
        // The records were walked just before.
        rewrite(opened, kept, horizon).map_or(Kept::Whole, Kept::Changed)
    }

    /// What stays of a batch without records.
    fn bare(&self, header: &BatchHeader) -> Kept {
        let ends_segment = header.last_offset().saturating_add(1) >= self.end_offset;
        if !ends_segment && !self.is_last_of_producer(header) {
            return Kept::Nothing;
        }
        if header.record_count == 0 { Kept::Whole } else { Kept::Changed(empty(header)) }
    }

    fn is_last_of_producer(&self, header: &BatchHeader) -> bool {
        let Some(producer) = self.producers.get(&header.producer_id) else { return false };
        match producer.last_offset {
            Some(last) => header.last_offset() == last,
            None => header.is_control() && header.producer_epoch == producer.epoch,
        }
    }
}

#[cfg(test)]
mod tests;
