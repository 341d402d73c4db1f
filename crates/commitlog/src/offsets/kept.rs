//! What the topic `__consumer_offsets` says: a plain value that its records change, at commit and at replay alike.
//!
//! Offsets that a producer commits within its transaction are *pending*: they count when the transaction's
//! marker says so, and are dropped when it says no (KIP-98). Of two offsets for one partition that one counts which lies
//! later in the topic, so a pending one that is older than a plain commit does not take its place
//! (Kafka's `OffsetMetadataManager`).

use std::collections::BTreeMap;

use bytes::Bytes;

use super::codec::{CommittedOffset, OffsetKey};

/// An offset, and where and when it was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) committed: CommittedOffset,
    /// When, milliseconds since 1970.
    pub(super) timestamp_ms: i64,
    /// The offset of its record.
    pub(super) record_offset: i64,
}

type Groups = BTreeMap<String, BTreeMap<(String, i32), Held>>;

/// What a record does: a value to set, or `None` to remove.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Offset(OffsetKey, Option<(CommittedOffset, i64)>),
    Record(Bytes, Option<Bytes>),
}

/// Everything live in the topic.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) groups: Groups,
    /// What the coordinator keeps beside the offsets, by key.
    pub(super) records: BTreeMap<Bytes, Bytes>,
    /// Offsets of open transactions, by producer.
    pending: BTreeMap<i64, BTreeMap<OffsetKey, Held>>,
}

impl Kept {
    /// Takes in records that follow one another from `offset` on. `producer_id` is that of their transaction.
    pub(super) fn apply(
        &mut self,
        changes: impl IntoIterator<Item = Change>,
        offset: i64,
        producer_id: Option<i64>,
    ) {
        for (record_offset, change) in (offset..).zip(changes) {
            self.apply_one(change, record_offset, producer_id);
        }
    }

    /// Takes in one record.
    pub(super) fn apply_one(
        &mut self,
        change: Change,
        record_offset: i64,
        producer_id: Option<i64>,
    ) {
        match change {
            Change::Record(key, Some(value)) => drop(self.records.insert(key, value)),
            Change::Record(key, None) => drop(self.records.remove(&key)),
            Change::Offset(key, None) => self.remove(&key),
            Change::Offset(key, Some((committed, timestamp_ms))) => {
                let held = Held { committed, timestamp_ms, record_offset };
                match producer_id {
                    Some(id) => drop(self.pending.entry(id).or_default().insert(key, held)),
                    None => self.insert(key, held),
                }
            }
        }
    }

    fn insert(&mut self, key: OffsetKey, held: Held) {
        let OffsetKey { group, topic, partition } = key;
        let offsets = self.groups.entry(group).or_default();
        let before = offsets.get(&(topic.clone(), partition));
        if before.is_none_or(|before| before.record_offset < held.record_offset) {
            offsets.insert((topic, partition), held);
        }
    }

    /// What is removed is removed from open transactions too, which else would bring it back.
    fn remove(&mut self, key: &OffsetKey) {
        let place = (key.topic.clone(), key.partition);
        if let Some(offsets) = self.groups.get_mut(&key.group) {
            offsets.remove(&place);
            if offsets.is_empty() {
                self.groups.remove(&key.group);
            }
        }
        self.pending.retain(|_, offsets| {
            offsets.remove(key);
            !offsets.is_empty()
        });
    }

    /// A producer's transaction has ended.
    pub(super) fn end(&mut self, producer_id: i64, commit: bool) {
        let ended = self.pending.remove(&producer_id).unwrap_or_default();
        if commit {
            ended.into_iter().for_each(|(key, held)| self.insert(key, held));
        }
    }

    /// Whether an open transaction holds an offset for this partition.
    pub(super) fn is_pending(&self, key: &OffsetKey) -> bool {
        self.pending.values().any(|offsets| offsets.contains_key(key))
    }

    /// Whether any transaction is open.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Every partition for which a group has an offset, also a pending one.
    pub(super) fn places(&self, group: &str) -> Vec<(String, i32)> {
        let committed =
            self.groups.get(group).into_iter().flatten().map(|(place, _)| place.clone());
        let pending = self.pending.values().flatten().map(|(key, _)| key);
        let pending =
            pending.filter(|key| key.group == group).map(|key| (key.topic.clone(), key.partition));
        let mut places: Vec<_> = committed.chain(pending).collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}
