//! Which of Kafka's error codes an error of the log becomes: the one place that decides it.

use tidemill_commitlog::batch::BatchError;
use tidemill_commitlog::{AppendError, ReadError, TopicError};
use tidemill_wire::{ErrorCode, Text};

/// The code for a refused append.
pub(crate) fn append(error: &AppendError) -> ErrorCode {
    match error {
        AppendError::Batch(error) => batch(error),
        AppendError::Empty
        | AppendError::NoSequence { .. }
        | AppendError::NoKey { .. }
        | AppendError::Control => ErrorCode::InvalidRecord,
        AppendError::Timestamp { .. } => ErrorCode::InvalidTimestamp,
        AppendError::TransactionState { .. } => ErrorCode::InvalidTxnState,
        AppendError::CoordinatorFenced { .. } => ErrorCode::TransactionCoordinatorFenced,
        AppendError::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
        AppendError::ProducerFenced { .. } => ErrorCode::InvalidProducerEpoch,
        AppendError::TooLarge { .. } => ErrorCode::MessageTooLarge,
        AppendError::AppendTooLarge { .. } => ErrorCode::RecordListTooLarge,
        // Clients send again after these two.
        AppendError::Busy { .. } => ErrorCode::RequestTimedOut,
        AppendError::Closed => ErrorCode::NotLeaderOrFollower,
        AppendError::DiskFull { .. } | AppendError::Fenced { .. } | AppendError::Corrupt(_) => {
            ErrorCode::KafkaStorageError
        }
        AppendError::Deleted { .. } => ErrorCode::UnknownTopicOrPartition,
        _ => ErrorCode::UnknownServerError,
    }
}

/// What a fenced producer is told: clients of older versions know only the first name that the error had.
pub(crate) fn fenced(error: ErrorCode, knows_fenced: bool) -> ErrorCode {
    match error {
        ErrorCode::ProducerFenced if !knows_fenced => ErrorCode::InvalidProducerEpoch,
        error => error,
    }
}

fn batch(error: &BatchError) -> ErrorCode {
    match error {
        BatchError::Codec(_) => ErrorCode::UnsupportedCompressionType,
        BatchError::Count { .. } | BatchError::Record { .. } => ErrorCode::InvalidRecord,
        BatchError::TooLarge { .. } => ErrorCode::MessageTooLarge,
        BatchError::Magic(_) => ErrorCode::UnsupportedForMessageFormat,
        _ => ErrorCode::CorruptMessage,
    }
}

/// The code for a read that gave nothing.
pub(crate) fn read(error: &ReadError) -> ErrorCode {
    match error {
        ReadError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        ReadError::Deleted { .. } => ErrorCode::UnknownTopicOrPartition,
        ReadError::Corrupt(_) | ReadError::Io { .. } => ErrorCode::KafkaStorageError,
        _ => ErrorCode::UnknownServerError,
    }
}

/// The code for a topic that was not created or deleted.
pub(crate) fn topic(error: &TopicError) -> ErrorCode {
    match error {
        TopicError::InvalidName { .. } => ErrorCode::InvalidTopicException,
        TopicError::InvalidConfig { field: "partitions", .. } => ErrorCode::InvalidPartitions,
        TopicError::InvalidConfig { .. } => ErrorCode::InvalidConfig,
        TopicError::Exists(_) => ErrorCode::TopicAlreadyExists,
        TopicError::Unknown(_) => ErrorCode::UnknownTopicOrPartition,
        TopicError::Stray { .. } | TopicError::Io { .. } => ErrorCode::KafkaStorageError,
        TopicError::Closed => ErrorCode::NotController,
        _ => ErrorCode::UnknownServerError,
    }
}

/// Why something was not done, as the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) error: ErrorCode,
    pub(crate) message: Text,
}

impl Failure {
    /// With words of its own.
    pub(crate) fn new(error: ErrorCode, message: impl Into<Text>) -> Self {
        Self { error, message: message.into() }
    }
}

impl From<ErrorCode> for Failure {
    fn from(error: ErrorCode) -> Self {
        Self { error, message: Text::from_static(error.message()) }
    }
}

impl From<TopicError> for Failure {
    fn from(error: TopicError) -> Self {
        Self { error: topic(&error), message: Text::from(error.to_string()) }
    }
}

/// Error code and message of an answer.
pub(crate) fn told<T>(result: Result<T, Failure>) -> (i16, Option<Text>) {
    match result {
        Ok(_) => (ErrorCode::None.code(), None),
        Err(failure) => (failure.error.code(), Some(failure.message)),
    }
}
