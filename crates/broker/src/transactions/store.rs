//! The topic `__transaction_state`: opened, replayed, and records made for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;
use tidemill_commitlog::batch::{BatchBuilder, BatchError, Record, header, records};
use tidemill_commitlog::{
    AppendError, Cleanup, Log, Partition, ReadError, TopicConfig, TopicError,
};

use super::change::Change;
use super::codec::{RecordError, decode_key, decode_value, encode_key, encode_value};
use super::metadata::Metadata;

/// The topic that holds the transactional ids, as in Kafka.
pub(crate) const TRANSACTIONS_TOPIC: &str = "__transaction_state";

/// Bytes of a segment: small, so that compaction frees space soon (`transaction.state.log.segment.bytes` is 100 MiB
/// where fifty partitions share the load).
const SEGMENT_BYTES: u64 = 16 << 20;
/// Bytes read at once when the topic is replayed.
const REPLAY_BYTES: usize = 1 << 20;

/// Why the transactional ids cannot be read.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    /// The topic cannot be made.
    #[error("topic __transaction_state cannot be made: {0}")]
    Topic(#[from] TopicError),
    /// The topic cannot be read.
    #[error("topic __transaction_state cannot be read: {0}")]
    Read(#[from] ReadError),
    /// A batch cannot be understood.
    #[error("topic __transaction_state holds a batch that cannot be understood: {0}")]
    Batch(#[from] BatchError),
    /// A record cannot be understood. It is not passed over: a transaction could hang on it.
    #[error("record {offset} of topic __transaction_state cannot be understood: {source}")]
    Record {
        /// Its offset.
        offset: i64,
        /// What is wrong.
        source: RecordError,
    },
}

/// The ids as the log has them.
pub(crate) type Loaded = BTreeMap<Arc<str>, Metadata>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) partition: Partition,
}

impl Store {
    /// Makes the topic if need be and reads it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub(crate) fn open(log: &Log) -> Result<(Self, Loaded), StoreError> {
        let config = TopicConfig {
            retention_ms: None,
            cleanup: Cleanup::COMPACT,
            segment_bytes: Some(SEGMENT_BYTES),
            ..TopicConfig::default()
        };
        log.ensure_topic(TRANSACTIONS_TOPIC, config)?;
        let unknown = || TopicError::Unknown(TRANSACTIONS_TOPIC.to_owned());
        let partition = log.partition(TRANSACTIONS_TOPIC, 0).ok_or_else(unknown)?;
        let loaded = replay(&partition)?;
        Ok((Self { partition }, loaded))
    }

    /// The epoch of this coordinator: it rises with every start that follows a crash.
    pub(crate) fn coordinator_epoch(&self) -> i32 {
        self.partition.leader_epoch()
    }

    /// The batch that says what a change makes of its id.
    ///
    /// # Errors
    /// It is larger than the topic takes.
    pub(crate) fn batch(&self, change: &Change, now_ms: i64) -> Result<Bytes, AppendError> {
        self.record(&change.id, change.next.as_ref(), now_ms)
    }

    /// The batch that says what is known of an id; `None` forgets it.
    ///
    /// # Errors
    /// It is larger than the topic takes.
    pub(crate) fn record(
        &self,
        id: &str,
        metadata: Option<&Metadata>,
        now_ms: i64,
    ) -> Result<Bytes, AppendError> {
        let bytes_max = self.partition.topic().config.max_message_bytes;
        let too_many = |_| BatchError::Full { bytes: usize::MAX, max: usize::MAX };
        let key = encode_key(id).map_err(too_many)?;
        let value = metadata.map(encode_value).transpose().map_err(too_many)?;
        let mut builder = BatchBuilder::new(usize::try_from(bytes_max).unwrap_or(usize::MAX));
        builder.push(&Record {
            timestamp_ms: now_ms,
            key: Some(&key),
            value: value.as_deref(),
            headers: &[],
        })?;
        Ok(builder.finish())
    }
}

fn replay(partition: &Partition) -> Result<Loaded, StoreError> {
    let mut loaded = Loaded::new();
    let mut offset = partition.log_start_offset();
    while offset < partition.high_watermark() {
        let read = partition.read(offset, REPLAY_BYTES)?;
        for batch in read.batches() {
            take(&batch, &mut loaded)?;
        }
        offset = read.next_offset;
    }
    Ok(loaded)
}

fn take(batch: &Bytes, loaded: &mut Loaded) -> Result<(), StoreError> {
    // Nobody writes markers here; one that Kafka's tools wrote says nothing of an id.
    if header(batch)?.is_control() {
        return Ok(());
    }
    for record in &records(batch)? {
        let record = record?;
        let Some(id) = record.key.and_then(decode_key) else { continue };
        match record.value {
            None => {
                loaded.remove(&id);
            }
            Some(value) => {
                let metadata = decode_value(value)
                    .map_err(|source| StoreError::Record { offset: record.offset, source })?;
                loaded.insert(id, metadata);
            }
        }
    }
    Ok(())
}
