//! Which topic a request means, and making topics on the way.

use std::sync::Arc;

use tidemill_commitlog::offsets::OFFSETS_TOPIC;
use tidemill_commitlog::{TopicConfig, TopicError, TopicId, TopicInfo};
use tidemill_wire::{ErrorCode, Text, Uuid};

use crate::context::Shared;

/// Whether the broker owns the topic. Clients may read such a topic; only the broker writes it.
pub(crate) fn is_internal(name: &str) -> bool {
    name == OFFSETS_TOPIC
}

impl Shared {
    /// The topic a request names by name or, if `by_id`, by id.
    pub(crate) fn find_topic(
        &self,
        by_id: bool,
        name: &str,
        id: Uuid,
    ) -> Result<TopicInfo, ErrorCode> {
        if by_id {
            return self.log.topic_by_id(TopicId(id.0)).ok_or(ErrorCode::UnknownTopicId);
        }
        self.log.topic(name).ok_or(ErrorCode::UnknownTopicOrPartition)
    }

    /// Makes a topic unless it is there. The disk is waited for on a thread that may wait.
    pub(crate) async fn ensure_topic(
        self: &Arc<Self>,
        name: &str,
        config: TopicConfig,
    ) -> Result<TopicInfo, TopicFailure> {
        let (log, name) = (self.log.clone(), name.to_owned());
        blocking(move || log.ensure_topic(&name, config)).await
    }

    /// Makes a topic that must not be there.
    pub(crate) async fn create_topic(
        self: &Arc<Self>,
        name: &str,
        config: TopicConfig,
    ) -> Result<TopicInfo, TopicFailure> {
        let (log, name) = (self.log.clone(), name.to_owned());
        blocking(move || log.create_topic(&name, config)).await
    }

    /// Deletes a topic.
    pub(crate) async fn delete_topic(self: &Arc<Self>, name: &str) -> Result<(), TopicFailure> {
        let (log, name) = (self.log.clone(), name.to_owned());
        blocking(move || log.delete_topic(&name)).await
    }

    /// Settings of a topic whose creator says nothing.
    pub(crate) fn default_topic(&self) -> TopicConfig {
        TopicConfig { partitions: self.config.num_partitions, ..TopicConfig::default() }
    }
}

/// Why a topic was not changed, as the client is told.
#[derive(Clone, Debug)]
pub(crate) struct TopicFailure {
    pub(crate) error: ErrorCode,
    pub(crate) message: Text,
}

impl From<TopicError> for TopicFailure {
    fn from(error: TopicError) -> Self {
        Self { error: crate::errors::topic(&error), message: Text::from(error.to_string()) }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TopicError> + Send + 'static,
) -> Result<T, TopicFailure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(TopicFailure::from),
        Err(_) => Err(TopicFailure {
            error: ErrorCode::UnknownServerError,
            message: Text::from_static("the change of the topic did not end; see the server's log"),
        }),
    }
}

/// The id of a topic as it goes over the wire.
pub(crate) fn wire_id(topic: &TopicInfo) -> Uuid {
    Uuid(topic.id.0)
}

/// The longest topic name, as in Kafka.
const NAME_BYTES_MAX: usize = 249;

/// Kafka's rule for topic names, for a topic that is only checked and not made.
///
/// # Errors
/// The rule that is broken.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match name {
        "" => Err("the topic name is empty"),
        "." | ".." => Err("the topic name may not be . or .."),
        _ if name.len() > NAME_BYTES_MAX => Err("the topic name is longer than 249 characters"),
        _ if !name.bytes().all(allowed) => {
            Err("a topic name has only ASCII letters, digits, '.', '_' and '-'")
        }
        _ => Ok(()),
    }
}
