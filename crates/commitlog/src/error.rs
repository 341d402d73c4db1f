//! What can go wrong, one enum per operation.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use crate::batch::BatchError;

/// Why a log cannot be opened. Nothing was changed, unless it says so.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another `Log` of this one, has the folder.
    #[error("log folder {dir} is in use: another process holds {dir}/.lock; stop it or choose another folder", dir = dir.display())]
    Locked {
        /// The log folder.
        dir: PathBuf,
    },
    /// A setting is out of bounds.
    #[error("log setting {field} is invalid: {why}")]
    InvalidConfig {
        /// The setting.
        field: &'static str,
        /// Its rule.
        why: &'static str,
    },
    /// A small durable file cannot be understood. The log is not opened, because guessing could lose data.
    #[error("{file} cannot be read: {why}; restore it from a backup, or move it away to give up what it names", file = file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// The line or field.
        why: String,
    },
    /// The disk refused.
    #[error("log folder cannot be opened: {what} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
}

impl OpenError {
    /// Makes an [`io::Error`] into an [`OpenError::Io`].
    pub(crate) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}

/// Why a log did not end cleanly. It is closed all the same; the next open recovers.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum CloseError {
    /// Some partition had failed or the last writes did; no clean-stop mark was left.
    #[error(
        "log closed without a clean-stop mark: {why}; the next open scans what is past the synced mark"
    )]
    Unclean {
        /// The first thing that failed.
        why: String,
    },
}

/// Why a topic cannot be created or deleted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TopicError {
    /// The name breaks Kafka's rules.
    #[error("topic name {name:?} is invalid: {why}")]
    InvalidName {
        /// The name, cut to 249 characters.
        name: String,
        /// The rule.
        why: &'static str,
    },
    /// A setting is out of bounds.
    #[error("topic setting {field} is invalid: {why}")]
    InvalidConfig {
        /// The setting.
        field: &'static str,
        /// Its rule.
        why: String,
    },
    /// A topic of that name is there.
    #[error("topic {0} exists already")]
    Exists(Arc<str>),
    /// No topic of that name is there.
    #[error("topic {0} does not exist")]
    Unknown(String),
    /// A folder of that name holds data that belongs to no topic.
    #[error("topic cannot be created: {folder} holds data of no known topic; move it away first", folder = folder.display())]
    Stray {
        /// The folder.
        folder: PathBuf,
    },
    /// The log is closed.
    #[error("the log is closed")]
    Closed,
    /// The disk refused. What is half made or half deleted is removed before the
    /// next topic is made or deleted, or when the log is opened again.
    #[error("topic folder cannot be changed: {path}: {source}", path = path.display())]
    Io {
        /// On what.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
}

impl TopicError {
    /// Makes an [`io::Error`] into a [`TopicError::Io`].
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// Why no producer id was given. None was used up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProducerIdError {
    /// The log is closed.
    #[error("the log is closed")]
    Closed,
    /// The next ids could not be reserved durably; try again when the disk is well.
    #[error("producer ids cannot be reserved in {dir}: {source}", dir = dir.display())]
    Io {
        /// The log folder.
        dir: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
}

/// Where a partition's bytes are wrong inside what was synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// The segment file.
    pub file: PathBuf,
    /// The first byte of the batch that is wrong.
    pub position: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, position, what } = self;
        write!(
            f,
            "{} is corrupt at byte {position}: {what}; nothing was cut: check the disk, then restore the file from a \
             backup, or stop and run `tidemill log check DIR` to see all that is wrong and `tidemill log repair DIR` to \
             set aside what follows and go on without it",
            file.display()
        )
    }
}

/// Records that made an append be refused: their places in it, counted from 0; of very many only the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRecords(pub(crate) Arc<[i32]>);

impl RefusedRecords {
    /// The places, ascending, at least one.
    pub fn places(&self) -> &[i32] {
        &self.0
    }
}

impl fmt::Display for RefusedRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_first() {
            Some((first, [])) => write!(f, "record {first} is"),
            Some((first, more)) => write!(f, "record {first} and {} more are", more.len()),
            None => write!(f, "some are"),
        }
    }
}

/// Why an append was not done. Unless it says otherwise nothing of it is in the log.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The batch itself is wrong; sending it again will fail again.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// No batch at all.
    #[error("append has no batch")]
    Empty,
    /// A batch is larger than the topic's `max_message_bytes`.
    #[error(
        "batch of {bytes} bytes is larger than max_message_bytes {max} of topic {topic}; send smaller batches"
    )]
    TooLarge {
        /// The topic.
        topic: Arc<str>,
        /// Bytes of the batch.
        bytes: usize,
        /// The setting.
        max: usize,
    },
    /// All batches together are larger than one append may be.
    #[error("append of {bytes} bytes is larger than {max}; split it")]
    AppendTooLarge {
        /// Bytes of the append.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// A field of a committed offset is too long.
    #[error("{field} of a committed offset has {bytes} bytes, at most {max} are kept")]
    OffsetField {
        /// Which field.
        field: &'static str,
        /// Its bytes.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// A record's timestamp is further from the log's clock than the topic allows.
    #[error(
        "timestamp {timestamp_ms} of a record is not within {least} to {most}, as {partition} demands; set the \
         clock right, or change timestamp_before_max_ms or timestamp_after_max_ms of the topic"
    )]
    Timestamp {
        /// `topic-partition`.
        partition: Arc<str>,
        /// The timestamp, milliseconds.
        timestamp_ms: i64,
        /// The least that is allowed now.
        least: i64,
        /// The most that is allowed now.
        most: i64,
    },
    /// Records of a compacted topic have no key.
    #[error("{partition} is compacted and takes no record without a key; {records} without")]
    NoKey {
        /// `topic-partition`.
        partition: Arc<str>,
        /// Which records.
        records: RefusedRecords,
    },
    /// A batch names a producer id, but no epoch or no sequence.
    #[error(
        "batch of producer {producer_id} has no epoch or no sequence; send both, or no producer id"
    )]
    NoSequence {
        /// The producer.
        producer_id: i64,
    },
    /// A newer epoch of the same producer has written to the partition.
    #[error(
        "producer {producer_id} of epoch {epoch} is fenced in {partition}: epoch {current} has written"
    )]
    ProducerFenced {
        /// `topic-partition`.
        partition: Arc<str>,
        /// The producer.
        producer_id: i64,
        /// The epoch of the batch.
        epoch: i16,
        /// The epoch that has written.
        current: i16,
    },
    /// A batch before this one is missing, or this one is older than the five that are remembered.
    #[error(
        "batch of producer {producer_id} has sequence {found} where {expected} is due in {partition}; \
         send the batches before it first"
    )]
    OutOfOrderSequence {
        /// `topic-partition`.
        partition: Arc<str>,
        /// The producer.
        producer_id: i64,
        /// The sequence that is due.
        expected: i32,
        /// The sequence of the batch.
        found: i32,
    },
    /// A control batch came in as data. Only the log writes those, at the end of a transaction.
    #[error("control batches are written by the log alone; end a transaction instead")]
    Control,
    /// The batch does not fit the producer's transaction in the partition. The transaction is as it was.
    #[error(
        "batch of producer {producer_id} is refused in {partition}: {why}; end the transaction first"
    )]
    TransactionState {
        /// `topic-partition`.
        partition: Arc<str>,
        /// The producer.
        producer_id: i64,
        /// What does not fit.
        why: &'static str,
    },
    /// A marker came from a transaction coordinator that another has replaced; the transaction is as it was.
    #[error(
        "transaction coordinator of epoch {epoch} is fenced in {partition} for producer {producer_id}: \
         epoch {current} has written"
    )]
    CoordinatorFenced {
        /// `topic-partition`.
        partition: Arc<str>,
        /// The producer.
        producer_id: i64,
        /// The coordinator's epoch of the marker.
        epoch: i32,
        /// The epoch that has written.
        current: i32,
    },
    /// A part of [`append_all`](crate::Log::append_all) is of a partition of another log.
    #[error("{partition} is a partition of another log; append to its own")]
    OtherLog {
        /// `topic-partition`.
        partition: Arc<str>,
    },
    /// The queue to the writer is full; try again after earlier appends are answered.
    #[error(
        "append queue is full with {bytes} bytes in {appends} appends; try again, or use append_wait"
    )]
    Busy {
        /// Bytes waiting.
        bytes: usize,
        /// Appends waiting.
        appends: usize,
    },
    /// The disk is full. Earlier data can still be read; appends work again when there is room.
    #[error("disk is full: append to {partition} was refused; free space and try again")]
    DiskFull {
        /// `topic-partition`.
        partition: Arc<str>,
    },
    /// A write or sync failed, now or before. Whether *this* append survives is unknown when it was the
    /// one that met the failure. The partition takes no appends until it is reopened.
    #[error(
        "partition {partition} takes no appends since a write failed: {reason}; reopen it once the disk is well"
    )]
    Fenced {
        /// `topic-partition`.
        partition: Arc<str>,
        /// What failed.
        reason: Arc<str>,
    },
    /// The partition was found corrupt when it was opened.
    #[error("partition is stopped: {0}")]
    Corrupt(Arc<Corruption>),
    /// The topic was deleted.
    #[error("topic of {partition} was deleted")]
    Deleted {
        /// `topic-partition`.
        partition: Arc<str>,
    },
    /// The log is closed, or closed before the append was answered (then whether it survives is
    /// unknown).
    #[error("the log is closed")]
    Closed,
}

/// Why a read gave nothing.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The offset is not in `log_start_offset..=high_watermark`.
    #[error("offset {offset} is outside {log_start_offset} to {high_watermark}")]
    OutOfRange {
        /// What was asked for.
        offset: i64,
        /// The first offset there is.
        log_start_offset: i64,
        /// The offset after the last there is.
        high_watermark: i64,
    },
    /// The bytes on the disk are not what was written.
    #[error("{0}")]
    Corrupt(Arc<Corruption>),
    /// The topic was deleted.
    #[error("topic of {partition} was deleted")]
    Deleted {
        /// `topic-partition`.
        partition: Arc<str>,
    },
    /// The disk refused; the same read may succeed later.
    #[error("{file} cannot be read: {source}", file = file.display())]
    Io {
        /// The segment file.
        file: PathBuf,
        /// What the disk said.
        source: Arc<io::Error>,
    },
}

impl ReadError {
    /// Makes an [`io::Error`] into a [`ReadError::Io`].
    pub(crate) fn io(file: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let file = file.into();
        move |source| Self::Io { file, source: Arc::new(source) }
    }
}

/// Why a partition cannot be taken into use again. It stays stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReopenError {
    /// The topic was deleted or the log is closed.
    #[error("partition is gone: its topic was deleted or the log is closed")]
    Gone,
    /// Its files are still wrong.
    #[error("{0}")]
    Corrupt(Arc<Corruption>),
    /// The disk still refuses.
    #[error("partition folder {folder} cannot be recovered: {source}", folder = folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
}
