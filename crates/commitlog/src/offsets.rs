//! How far consumer groups have read, kept in the topic `__consumer_offsets` in Kafka's own format.
//!
//! All offsets are in memory, by group. A commit is a batch of records, one per partition, and counts when the append is
//! answered; a deletion is a batch of tombstones. Opening replays the topic.
//!
//! Only the last record of each key matters, so the topic is compacted like any other whose cleanup policy says so.
//!
//! Offsets may be committed as part of a producer's transaction. They are records of that transaction, and count when its
//! marker is in the topic; who writes the marker says so by [`GroupOffsets::end_transaction`].
//!
//! Whoever coordinates the groups keeps records of its own in the same topic, as in Kafka (members, epochs). What they
//! say is its business: to this module they are keys and values.

mod codec;
mod kept;
#[cfg(test)]
mod tests;
mod under_way;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use thiserror::Error;

use crate::batch::{BatchBuilder, BatchError, EndMarker, ProducerStamp, Record, header, records};
use crate::config::{Acks, Cleanup, TopicConfig};
use crate::error::{AppendError, ReadError, TopicError};
use crate::log::Log;
use crate::outcome::{AppendFuture, Appended, Outcome};
use crate::partition::Partition;
pub use codec::{CommittedOffset, METADATA_BYTES_MAX};
use codec::{OffsetKey, decode_key, decode_value, encode_key, encode_value};
use kept::{Change, Kept};
use under_way::UnderWay;

/// The topic that holds the offsets, as in Kafka.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// Bytes of a group id or topic name: lengths are 16 bits with a sign.
const NAME_BYTES_MAX: usize = i16::MAX as usize;

/// Bytes of a segment of the offsets topic: small, so that compaction frees space soon.
#[cfg(not(test))]
const SEGMENT_BYTES: u64 = 16 << 20;
#[cfg(test)]
const SEGMENT_BYTES: u64 = 4 << 10;

/// Producers whose next sequence is remembered; of the others the log is asked.
const SEQUENCES_MAX: usize = 100_000;

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

/// What became of a group's offsets.
#[derive(Debug)]
pub struct Expired {
    /// How many go.
    pub gone: usize,
    /// How many stay, with those that open transactions hold.
    pub left: usize,
    /// Ready when they are gone durably.
    pub done: AppendFuture,
}

/// The committed offsets of all groups. Cloning is one reference count. Open it once per log.
#[derive(Clone)]
pub struct GroupOffsets(Arc<Inner>);

struct Inner {
    log: Log,
    partition: Partition,
    kept: Mutex<Kept>,
    /// Held while something is appended, so that what is numbered keeps its order.
    turn: Mutex<()>,
    /// The sequence that follows for each producer that committed in a transaction, with its epoch.
    sequences: Mutex<Sequences>,
    /// Commits that are not answered yet.
    under_way: UnderWay,
}

type Sequences = BTreeMap<i64, (i16, i32)>;

/// The part of a transaction that an append is.
#[derive(Clone, Copy, Debug)]
struct Within {
    producer_id: i64,
    producer_epoch: i16,
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
        let kept = replay(&partition)?;
        Ok(Self(Arc::new(Inner {
            log: log.clone(),
            partition,
            kept: Mutex::new(kept),
            turn: Mutex::default(),
            sequences: Mutex::default(),
            under_way: UnderWay::default(),
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
        Inner::change(&self.0, self.changes(group, offsets), None, done);
    }

    /// Commits offsets of one group as part of a producer's transaction, all or none. They count when
    /// [`end_transaction`](Self::end_transaction) says so, also if that is after a crash.
    pub fn commit_in_transaction(
        &self,
        group: &str,
        offsets: &[(&str, i32, CommittedOffset)],
        producer_id: i64,
        producer_epoch: i16,
    ) -> AppendFuture {
        let outcome = Outcome::default();
        let future = outcome.future();
        let within = Some(Within { producer_id, producer_epoch });
        let changes = self.changes(group, offsets);
        Inner::change(&self.0, changes, within, move |result| outcome.set(result));
        future
    }

    /// The marker of a producer's transaction is in [`partition`](Self::partition): the offsets that wait for it count,
    /// or are dropped.
    pub fn end_transaction(&self, producer_id: i64, commit: bool) {
        self.0.kept().end(producer_id, commit);
    }

    /// The partition of the topic that has the offsets: where a transaction with offsets needs its marker.
    pub fn partition(&self) -> &Partition {
        &self.0.partition
    }

    /// Whether an open transaction holds an offset of the group for this partition, so that what
    /// [`fetch`](Self::fetch) says may change without anybody reading on (KIP-447).
    pub fn is_pending(&self, group: &str, topic: &str, partition: i32) -> bool {
        let kept = self.0.kept();
        kept.has_pending() && {
            let (group, topic) = (group.to_owned(), topic.to_owned());
            kept.is_pending(&OffsetKey { group, topic, partition })
        }
    }

    fn changes(&self, group: &str, offsets: &[(&str, i32, CommittedOffset)]) -> Vec<Change> {
        let timestamp_ms = self.0.log.world().clock().wall_ms();
        let change = |(topic, partition, committed): &(&str, i32, CommittedOffset)| {
            let (group, topic) = (group.to_owned(), (*topic).to_owned());
            let key = OffsetKey { group, topic, partition: *partition };
            Change::Offset(key, Some((committed.clone(), timestamp_ms)))
        };
        offsets.iter().map(change).collect()
    }

    /// What a group committed for one partition.
    pub fn fetch(&self, group: &str, topic: &str, partition: i32) -> Option<CommittedOffset> {
        let kept = self.0.kept();
        let held = kept.groups.get(group)?.get(&(topic.to_owned(), partition))?;
        Some(held.committed.clone())
    }

    /// All that a group committed: topic, partition, offset.
    pub fn fetch_all(&self, group: &str) -> Vec<(String, i32, CommittedOffset)> {
        let kept = self.0.kept();
        let offsets = kept.groups.get(group).into_iter().flatten();
        offsets
            .map(|((topic, partition), held)| (topic.clone(), *partition, held.committed.clone()))
            .collect()
    }

    /// The groups that have committed something.
    pub fn groups(&self) -> Vec<String> {
        self.0.kept().groups.keys().cloned().collect()
    }

    /// Forgets a group, durably when the future is ready, with what open transactions would commit to it. An unknown
    /// group is forgotten already.
    pub fn delete_group(&self, group: &str) -> AppendFuture {
        let places = self.0.kept().places(group);
        let partitions: Vec<(&str, i32)> =
            places.iter().map(|(topic, partition)| (topic.as_str(), *partition)).collect();
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
        Inner::change(&self.0, changes.collect(), None, move |result| outcome.set(result));
        future
    }

    /// Forgets the offsets of a group that `is_over` says yes to: it is given topic, partition and when that was
    /// committed, milliseconds since 1970. It must not call this again. Offsets that an open transaction is about to replace stay.
    ///
    /// `None` while a commit of the group is on its way to the log: nothing is changed, ask later.
    pub fn expire(&self, group: &str, is_over: impl Fn(&str, i32, i64) -> bool) -> Option<Expired> {
        let inner = &self.0;
        let turn = inner.turn();
        if inner.under_way.has(group) {
            return None;
        }
        let (changes, left) = self.over(group, is_over);
        let (gone, outcome) = (changes.len(), Outcome::default());
        let done = outcome.future();
        Inner::change_in_turn(inner, &turn, changes, None, move |result| outcome.set(result));
        Some(Expired { gone, left, done })
    }

    /// The tombstones, and how many offsets stay.
    fn over(&self, group: &str, is_over: impl Fn(&str, i32, i64) -> bool) -> (Vec<Change>, usize) {
        let kept = self.0.kept();
        let all = kept.places(group).len();
        let committed = kept.groups.get(group).into_iter().flatten();
        let over = committed
            .filter(|((topic, partition), held)| is_over(topic, *partition, held.timestamp_ms));
        let keys = over.map(|((topic, partition), _)| {
            let (group, topic) = (group.to_owned(), topic.clone());
            OffsetKey { group, topic, partition: *partition }
        });
        let gone: Vec<Change> =
            keys.filter(|key| !kept.is_pending(key)).map(|key| Change::Offset(key, None)).collect();
        let left = all.saturating_sub(gone.len());
        (gone, left)
    }

    /// Keeps records of the coordinator in the order given; one without a value removes what its key had. They
    /// are durable when the future is ready. Keys are those of Kafka's record types but the offsets' own, which would
    /// be taken for offsets at the next start.
    pub fn put_records(&self, records: Vec<(Bytes, Option<Bytes>)>) -> AppendFuture {
        let outcome = Outcome::default();
        let future = outcome.future();
        let changes = records.into_iter().map(|(key, value)| Change::Record(key, value));
        Inner::change(&self.0, changes.collect(), None, move |result| outcome.set(result));
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

    /// The right to append, for as long as it is held.
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends changes and applies them once they are in the log. The writer answers in the order of the
    /// log, so the map changes in that order too.
    fn change(
        inner: &Arc<Self>,
        changes: Vec<Change>,
        within: Option<Within>,
        done: impl FnOnce(Result<Appended, AppendError>) + Send + 'static,
    ) {
        let turn = inner.turn();
        Self::change_in_turn(inner, &turn, changes, within, done);
    }

    fn change_in_turn(
        inner: &Arc<Self>,
        _turn: &MutexGuard<'_, ()>,
        changes: Vec<Change>,
        within: Option<Within>,
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
        let stamp = within.map(|within| inner.stamp(within));
        let batches = match inner.encode(&changes, stamp) {
            Ok(batches) => batches,
            Err(error) => return done(Err(error)),
        };
        if let Some(stamp) = stamp {
            inner.numbered(stamp, changes.len());
        }
        let answered = Arc::clone(inner);
        let group = inner.under_way.begin(&changes);
        inner.partition.append(batches, Acks::Synced, move |result| {
            let producer_id = within.map(|within| within.producer_id);
            match (&result, producer_id) {
                (Ok(at), _) => answered.kept().apply(changes, at.base_offset, producer_id),
                // What follows is asked of the log again.
                (Err(_), Some(producer_id)) => drop(answered.sequences().remove(&producer_id)),
                (Err(_), None) => {}
            }
            answered.under_way.done(group.as_ref());
            done(result);
        });
    }

    fn sequences(&self) -> MutexGuard<'_, Sequences> {
        self.sequences.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the next batch of a transaction says of its producer.
    fn stamp(&self, within: Within) -> ProducerStamp {
        let Within { producer_id, producer_epoch } = within;
        let known = self.sequences().get(&producer_id).copied();
        let (epoch, next) = known.unwrap_or_else(|| self.sequence_in_log(producer_id));
        let base_sequence = if epoch == producer_epoch { next } else { 0 };
        ProducerStamp { producer_id, producer_epoch, base_sequence, is_transactional: true }
    }

    /// What follows by the log's own account; it waits for the round that is under way, once for each producer.
    fn sequence_in_log(&self, producer_id: i64) -> (i16, i32) {
        let producers = self.partition.producers();
        let found = producers.iter().find(|producer| producer.producer_id == producer_id);
        found.map_or((-1, 0), |producer| {
            let next =
                if producer.last_sequence == i32::MAX { 0 } else { producer.last_sequence + 1 };
            (producer.producer_epoch, next)
        })
    }

    fn numbered(&self, stamp: ProducerStamp, records: usize) {
        let mut sequences = self.sequences();
        if sequences.len() >= SEQUENCES_MAX {
            sequences.clear();
        }
        let next = stamp.after(records).base_sequence;
        sequences.insert(stamp.producer_id, (stamp.producer_epoch, next));
    }

    fn encode(
        &self,
        changes: &[Change],
        stamp: Option<ProducerStamp>,
    ) -> Result<Bytes, AppendError> {
        let max = usize::try_from(self.partition.topic().config.max_message_bytes).unwrap_or(0);
        let timestamp_ms = self.log.world().clock().wall_ms();
        let mut builder = BatchBuilder::new(max).stamp(stamp);
        let mut out = Vec::new();
        for change in changes {
            let (key, value) = change.encode()?;
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
}

impl Change {
    /// Key and value as they are in the topic.
    fn encode(&self) -> Result<(Bytes, Option<Bytes>), AppendError> {
        match self {
            Self::Offset(key, committed) => {
                check_lengths(key, committed.as_ref().map(|(committed, _)| committed))?;
                let value = committed
                    .as_ref()
                    .map(|(value, timestamp_ms)| encode_value(value, *timestamp_ms).into());
                Ok((encode_key(&key.group, &key.topic, key.partition).into(), value))
            }
            Self::Record(key, value) => Ok((key.clone(), value.clone())),
        }
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

/// Reads the whole topic.
fn replay(partition: &Partition) -> Result<Kept, OffsetsError> {
    let mut kept = Kept::default();
    let mut offset = partition.log_start_offset();
    while offset < partition.high_watermark() {
        let read = partition.read(offset, REPLAY_BYTES)?;
        for batch in read.batches() {
            replay_batch(&mut kept, &batch)?;
        }
        offset = read.next_offset;
    }
    Ok(kept)
}

fn replay_batch(kept: &mut Kept, batch: &Bytes) -> Result<(), BatchError> {
    let header = header(batch)?;
    if header.is_control() {
        if let Some(marker) = EndMarker::read(batch) {
            kept.end(marker.producer_id, marker.commit);
        }
        return Ok(());
    }
    let producer_id = header.is_transactional().then_some(header.producer_id);
    for record in &records(batch)? {
        let record = record?;
        if let Some(change) = record.key.and_then(|key| change_of(key, record.value)) {
            kept.apply_one(change, record.offset, producer_id);
        } else {
            tracing::warn!("offset {} of __consumer_offsets is malformed", record.offset);
        }
    }
    Ok(())
}

fn change_of(key: &[u8], value: Option<&[u8]>) -> Option<Change> {
    let Some(offset) = decode_key(key) else {
        // Copied, because a slice would keep the whole batch alive.
        let value = value.map(Bytes::copy_from_slice);
        return Some(Change::Record(Bytes::copy_from_slice(key), value));
    };
    match value {
        None => Some(Change::Offset(offset, None)),
        Some(value) => Some(Change::Offset(offset, Some(decode_value(value)?))),
    }
}
