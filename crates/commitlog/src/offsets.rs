//! How far consumer groups have read, kept in the topic `__consumer_offsets` in Kafka's own format.
//!
//! All offsets are in memory, by group. A commit is a batch of records, one per partition, and counts when the append is
//! answered; a deletion is a batch of tombstones. Opening replays the topic.
//!
//! Only the last record of each key matters, so when much has been appended and no commit is under way, all
//! that is live is appended once more as a snapshot and everything before it is given up.
//!
//! Whoever coordinates the groups keeps records of its own in the same topic, as in Kafka (members, epochs). What they
//! say is its business: to this module they are keys and values.

mod codec;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use thiserror::Error;

use crate::batch::{BatchBuilder, BatchError, Record, records};
use crate::config::{Acks, Cleanup, TopicConfig};
use crate::error::{AppendError, ReadError, TopicError};
use crate::limits::{APPEND_BYTES_MAX, OFFSETS_SNAPSHOT_BYTES};
use crate::log::Log;
use crate::outcome::{AppendFuture, Appended, Outcome};
use crate::partition::Partition;
pub use codec::{CommittedOffset, METADATA_BYTES_MAX};
use codec::{OffsetKey, decode_key, decode_value, encode_key, encode_value};

/// The topic that holds the offsets, as in Kafka.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// Bytes of a group id or topic name: lengths are 16 bits with a sign.
const NAME_BYTES_MAX: usize = i16::MAX as usize;

/// Bytes of a segment of the offsets topic: small, so that snapshots free space soon.
const SEGMENT_BYTES: u64 = 16 << 20;

/// Bytes that a batch's head, a record's lengths and an offset's numbers add to what is appended, rounded up.
const CHANGE_OVERHEAD_BYTES: usize = 256;

/// Bytes read at once when the topic is replayed.
const REPLAY_BYTES: usize = 1 << 20;

/// Why the offsets cannot be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OffsetsError {
    /// The topic cannot be made.
    #[error("topic __consumer_offsets cannot be made: {0}")]
    Topic(#[from] TopicError),
    /// The topic cannot be replayed.
    #[error("topic __consumer_offsets cannot be replayed: {0}")]
    Read(#[from] ReadError),
    /// A batch of the topic cannot be understood.
    #[error("topic __consumer_offsets holds a batch that cannot be understood: {0}")]
    Batch(#[from] BatchError),
}

/// The committed offsets of all groups. Cloning is one reference count. Open it once per log.
#[derive(Clone)]
pub struct GroupOffsets(Arc<Inner>);

struct Inner {
    log: Log,
    partition: Partition,
    kept: Mutex<Kept>,
    /// Held while something is appended, so that a snapshot knows what is before it.
    turn: Mutex<()>,
    /// Appends that are not answered.
    under_way: AtomicU64,
    /// Bytes appended since the last snapshot.
    bytes: AtomicU64,
}

type Groups = BTreeMap<String, BTreeMap<(String, i32), CommittedOffset>>;

/// Everything live in the topic.
#[derive(Default)]
struct Kept {
    groups: Groups,
    /// What the coordinator keeps beside the offsets, by key.
    records: BTreeMap<Bytes, Bytes>,
}

/// What an append does to what is kept once it is answered: a value to set, or `None` to remove.
#[derive(Clone, Debug)]
enum Change {
    Offset(OffsetKey, Option<CommittedOffset>),
    Record(Bytes, Option<Bytes>),
}

impl std::fmt::Debug for GroupOffsets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GroupOffsets({} groups)", self.0.kept().groups.len())
    }
}

impl GroupOffsets {
    /// Makes the topic if need be and replays it.
    ///
    /// # Errors
    /// The topic cannot be made or read.
    pub fn open(log: &Log) -> Result<Self, OffsetsError> {
        let config = TopicConfig {
            retention_ms: None,
            cleanup: Cleanup::COMPACT,
            segment_bytes: Some(SEGMENT_BYTES),
            ..TopicConfig::default()
        };
        log.ensure_topic(OFFSETS_TOPIC, config)?;
        let unknown = || TopicError::Unknown(OFFSETS_TOPIC.to_owned());
        let partition = log.partition(OFFSETS_TOPIC, 0).ok_or_else(unknown)?;
        let (kept, bytes) = replay(&partition)?;
        Ok(Self(Arc::new(Inner {
            log: log.clone(),
            partition,
            kept: Mutex::new(kept),
            turn: Mutex::default(),
            under_way: AtomicU64::new(0),
            bytes: AtomicU64::new(bytes),
        })))
    }

    /// Commits offsets of one group, all or none. They count, and [`fetch`](Self::fetch) sees them, when the
    /// future is ready.
    pub fn commit(&self, group: &str, offsets: &[(&str, i32, CommittedOffset)]) -> AppendFuture {
        let outcome = Outcome::default();
        let future = outcome.future();
        self.commit_with(group, offsets, move |result| outcome.set(result));
        future
    }

    /// [`commit`](Self::commit) with a callback, which must be short and must not block.
    pub fn commit_with(
        &self,
        group: &str,
        offsets: &[(&str, i32, CommittedOffset)],
        done: impl FnOnce(Result<Appended, AppendError>) + Send + 'static,
    ) {
        let changes = offsets.iter().map(|(topic, partition, committed)| {
            let (group, topic) = (group.to_owned(), (*topic).to_owned());
            Change::Offset(
                OffsetKey { group, topic, partition: *partition },
                Some(committed.clone()),
            )
        });
        Inner::change(&self.0, changes.collect(), done);
    }

    /// What a group committed for one partition.
    pub fn fetch(&self, group: &str, topic: &str, partition: i32) -> Option<CommittedOffset> {
        let kept = self.0.kept();
        kept.groups.get(group)?.get(&(topic.to_owned(), partition)).cloned()
    }

    /// All that a group committed: topic, partition, offset.
    pub fn fetch_all(&self, group: &str) -> Vec<(String, i32, CommittedOffset)> {
        let kept = self.0.kept();
        let offsets = kept.groups.get(group).into_iter().flatten();
        offsets.map(|((topic, partition), at)| (topic.clone(), *partition, at.clone())).collect()
    }

    /// The groups that have committed something.
    pub fn groups(&self) -> Vec<String> {
        self.0.kept().groups.keys().cloned().collect()
    }

    /// Forgets a group, durably when the future is ready. An unknown group is forgotten already.
    pub fn delete_group(&self, group: &str) -> AppendFuture {
        let all = self.fetch_all(group);
        let partitions: Vec<(&str, i32)> =
            all.iter().map(|(topic, partition, _)| (topic.as_str(), *partition)).collect();
        self.delete_offsets(group, &partitions)
    }

    /// Forgets some partitions of a group.
    pub fn delete_offsets(&self, group: &str, partitions: &[(&str, i32)]) -> AppendFuture {
        let outcome = Outcome::default();
        let future = outcome.future();
        let changes = partitions.iter().map(|(topic, partition)| {
            let (group, topic) = (group.to_owned(), (*topic).to_owned());
            Change::Offset(OffsetKey { group, topic, partition: *partition }, None)
        });
        Inner::change(&self.0, changes.collect(), move |result| outcome.set(result));
        future
    }

    /// Keeps records of the coordinator in the order given; one without a value removes what its key had. They
    /// are durable when the future is ready. Keys are those of Kafka's record types but the offsets' own, which would
    /// be taken for offsets at the next start.
    pub fn put_records(&self, records: Vec<(Bytes, Option<Bytes>)>) -> AppendFuture {
        let outcome = Outcome::default();
        let future = outcome.future();
        let changes = records.into_iter().map(|(key, value)| Change::Record(key, value));
        Inner::change(&self.0, changes.collect(), move |result| outcome.set(result));
        future
    }

    /// The coordinator's records, in the order of their keys.
    pub fn records(&self) -> Vec<(Bytes, Bytes)> {
        let kept = self.0.kept();
        kept.records.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

impl Inner {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends changes and applies them once they are in the log. The writer answers in the order of the
    /// log, so the map changes in that order too.
    fn change(
        inner: &Arc<Self>,
        changes: Vec<Change>,
        done: impl FnOnce(Result<Appended, AppendError>) + Send + 'static,
    ) {
        if changes.is_empty() {
            let offset = inner.partition.high_watermark();
            done(Ok(Appended {
                base_offset: offset,
                last_offset: offset - 1,
                log_append_time_ms: -1,
                log_start_offset: inner.partition.log_start_offset(),
            }));
            return;
        }
        let batches = match inner.encode(&changes) {
            Ok(batches) => batches,
            Err(error) => return done(Err(error)),
        };
        let _turn = inner.turn.lock().unwrap_or_else(PoisonError::into_inner);
        inner.under_way.fetch_add(1, Ordering::AcqRel);
        inner.bytes.fetch_add(batches.len() as u64, Ordering::Relaxed);
        let answered = Arc::clone(inner);
        inner.partition.append(batches, Acks::Synced, move |result| {
            if result.is_ok() {
                apply(&mut answered.kept(), changes);
            }
            answered.under_way.fetch_sub(1, Ordering::AcqRel);
            done(result);
            Self::snapshot_if_due(&answered);
        });
    }

    fn encode(&self, changes: &[Change]) -> Result<Bytes, AppendError> {
        let max = usize::try_from(self.partition.topic().config.max_message_bytes).unwrap_or(0);
        let timestamp_ms = self.log.world().clock().wall_ms();
        let mut builder = BatchBuilder::new(max);
        let mut out = Vec::new();
        for change in changes {
            let (key, value) = change.encode(timestamp_ms)?;
            let record =
                Record { timestamp_ms, key: Some(&key), value: value.as_deref(), headers: &[] };
            if let Err(BatchError::Full { .. }) = builder.push(&record) {
                out.extend_from_slice(&builder.finish());
                builder.push(&record)?;
            }
        }
        if out.is_empty() {
            return Ok(builder.finish());
        }
        out.extend_from_slice(&builder.finish());
        Ok(out.into())
    }

    /// Appends all that is live and gives up what was before, if it is time and nothing is under way.
    fn snapshot_if_due(inner: &Arc<Self>) {
        if inner.bytes.load(Ordering::Relaxed) < OFFSETS_SNAPSHOT_BYTES {
            return;
        }
        // Somebody appends just now; the end of that append tries again.
        let Ok(_turn) = inner.turn.try_lock() else { return };
        if inner.under_way.load(Ordering::Acquire) > 0 {
            return;
        }
        let Some(appends) = inner.snapshot() else { return };
        inner.bytes.store(0, Ordering::Relaxed);
        let first = Arc::new(AtomicI64::new(i64::MAX));
        let count = appends.len();
        for (at, batches) in appends.into_iter().enumerate() {
            let (inner, first) = (Arc::clone(inner), Arc::clone(&first));
            inner.clone().partition.append(batches, Acks::Synced, move |result| {
                inner.snapshot_answered(&first, at + 1 == count, &result);
            });
        }
    }

    /// Everything live as appends of a size that the log takes; `None` when there is nothing or it is too much
    /// to be worth it.
    fn snapshot(&self) -> Option<Vec<Bytes>> {
        let kept = self.kept();
        let offsets = kept.groups.iter().flat_map(|(group, offsets)| {
            offsets.iter().map(|((topic, partition), committed)| {
                let (group, topic) = (group.clone(), topic.clone());
                let key = OffsetKey { group, topic, partition: *partition };
                Change::Offset(key, Some(committed.clone()))
            })
        });
        let records = kept
            .records
            .iter()
            .map(|(key, value)| Change::Record(key.clone(), Some(value.clone())));
        let changes: Vec<Change> = offsets.chain(records).collect();
        drop(kept);
        let mut room = 0;
        let mut appends: Vec<Vec<Change>> = Vec::new();
        for change in changes {
            let bytes = change.bytes_max();
            if bytes > room || appends.is_empty() {
                appends.push(Vec::new());
                room = APPEND_BYTES_MAX;
            }
            room = room.saturating_sub(bytes);
            if let Some(append) = appends.last_mut() {
                append.push(change);
            }
        }
        let appends: Option<Vec<Bytes>> =
            appends.iter().map(|changes| self.encode(changes).ok()).collect();
        appends.filter(|appends| !appends.is_empty())
    }

    fn snapshot_answered(
        &self,
        first: &AtomicI64,
        is_last: bool,
        result: &Result<Appended, AppendError>,
    ) {
        /// A part failed: what is before the snapshot is still needed.
        const FAILED: i64 = -1;
        match result {
            Ok(appended) => first.fetch_min(appended.base_offset, Ordering::AcqRel),
            Err(_) => first.fetch_min(FAILED, Ordering::AcqRel),
        };
        let first = first.load(Ordering::Acquire);
        if is_last
            && first != FAILED
            && let Err(error) = self.partition.delete_records(first)
        {
            tracing::warn!("old group offsets cannot be given up: {error}");
        }
    }
}

impl Change {
    /// Key and value as they are in the topic.
    fn encode(&self, timestamp_ms: i64) -> Result<(Bytes, Option<Bytes>), AppendError> {
        match self {
            Self::Offset(key, committed) => {
                check_lengths(key, committed.as_ref())?;
                let value =
                    committed.as_ref().map(|value| encode_value(value, timestamp_ms).into());
                Ok((encode_key(&key.group, &key.topic, key.partition).into(), value))
            }
            Self::Record(key, value) => Ok((key.clone(), value.clone())),
        }
    }

    /// No more bytes than this are appended for it, with what a batch and a record add.
    fn bytes_max(&self) -> usize {
        let (key, value) = match self {
            Self::Offset(key, committed) => (
                key.group.len() + key.topic.len(),
                committed.as_ref().map_or(0, |at| at.metadata.len()),
            ),
            Self::Record(key, value) => (key.len(), value.as_ref().map_or(0, Bytes::len)),
        };
        key + value + CHANGE_OVERHEAD_BYTES
    }
}

fn check_lengths(key: &OffsetKey, committed: Option<&CommittedOffset>) -> Result<(), AppendError> {
    let check = |field, bytes: usize, max| {
        if bytes > max { Err(AppendError::OffsetField { field, bytes, max }) } else { Ok(()) }
    };
    check("group", key.group.len(), NAME_BYTES_MAX)?;
    check("topic", key.topic.len(), NAME_BYTES_MAX)?;
    check("metadata", committed.map_or(0, |at| at.metadata.len()), METADATA_BYTES_MAX)
}

fn apply(kept: &mut Kept, changes: Vec<Change>) {
    for change in changes {
        match change {
            Change::Offset(key, committed) => apply_offset(&mut kept.groups, key, committed),
            Change::Record(key, Some(value)) => drop(kept.records.insert(key, value)),
            Change::Record(key, None) => drop(kept.records.remove(&key)),
        }
    }
}

fn apply_offset(groups: &mut Groups, key: OffsetKey, committed: Option<CommittedOffset>) {
    let OffsetKey { group, topic, partition } = key;
    if let Some(committed) = committed {
        groups.entry(group).or_default().insert((topic, partition), committed);
    } else if let Some(offsets) = groups.get_mut(&group) {
        offsets.remove(&(topic, partition));
        if offsets.is_empty() {
            groups.remove(&group);
        }
    }
}

/// Reads the whole topic; also says how many bytes that were.
fn replay(partition: &Partition) -> Result<(Kept, u64), OffsetsError> {
    let mut kept = Kept::default();
    let mut bytes = 0;
    let mut offset = partition.log_start_offset();
    while offset < partition.high_watermark() {
        let read = partition.read(offset, REPLAY_BYTES)?;
        bytes += read.bytes() as u64;
        for batch in read.batches() {
            apply(&mut kept, changes_of(&batch)?);
        }
        offset = read.next_offset;
    }
    Ok((kept, bytes))
}

fn changes_of(batch: &Bytes) -> Result<Vec<Change>, BatchError> {
    let mut changes = Vec::new();
    for record in &records(batch)? {
        let record = record?;
        let Some(bytes) = record.key else { continue };
        let Some(key) = decode_key(bytes) else {
            // Copied, because a slice would keep the whole batch alive.
            let value = record.value.map(Bytes::copy_from_slice);
            changes.push(Change::Record(Bytes::copy_from_slice(bytes), value));
            continue;
        };
        match record.value.map(decode_value) {
            None => changes.push(Change::Offset(key, None)),
            Some(Some(committed)) => changes.push(Change::Offset(key, Some(committed))),
            Some(None) => {
                tracing::warn!("offset {} of __consumer_offsets is malformed", record.offset);
            }
        }
    }
    Ok(changes)
}
