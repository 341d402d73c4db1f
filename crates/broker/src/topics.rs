//! Which topic a request means, and making topics on the way.

use std::sync::Arc;

use tidemill_commitlog::offsets::OFFSETS_TOPIC;
use tidemill_commitlog::{TopicConfig, TopicError, TopicId, TopicInfo};
use tidemill_wire::{ErrorCode, Uuid};

use crate::context::Shared;
use crate::errors::Failure;
use crate::names;
use crate::transactions::TRANSACTIONS_TOPIC;
use crate::transactions::types::Place;

/// Whether the broker owns the topic. Clients may read such a topic; only the broker writes it.
pub(crate) fn is_internal(name: &str) -> bool {
    name == OFFSETS_TOPIC || name == TRANSACTIONS_TOPIC
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

    /// A partition that is there, as transactions name it.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) fn place(&self, topic: &str, index: i32) -> Result<Place, ErrorCode> {
        let unknown = ErrorCode::UnknownTopicOrPartition;
        let topic = self.log.topic(topic).ok_or(unknown)?;
        let is_there = (0..topic.config.partitions).contains(&index);
        if is_there { Ok((topic.name, index)) } else { Err(unknown) }
    }

    /// The partition with the offsets of every group.
    pub(crate) fn offsets_place(&self) -> Place {
        (Arc::clone(&self.offsets.partition().topic().name), 0)
    }

    /// Makes a topic unless it is there. The disk is waited for on a thread that may wait.
    pub(crate) async fn ensure_topic(
        self: &Arc<Self>,
        name: &str,
        config: TopicConfig,
    ) -> Result<TopicInfo, Failure> {
        let (log, name) = (self.log.clone(), name.to_owned());
        blocking(move || log.ensure_topic(&name, config)).await
    }

    /// Makes a topic that must not be there.
    pub(crate) async fn create_topic(
        self: &Arc<Self>,
        name: &str,
        config: TopicConfig,
    ) -> Result<TopicInfo, Failure> {
        let (log, name) = (self.log.clone(), name.to_owned());
        blocking(move || log.create_topic(&name, config)).await
    }

    /// Deletes a topic.
    pub(crate) async fn delete_topic(self: &Arc<Self>, name: &str) -> Result<(), Failure> {
        let (log, name) = (self.log.clone(), name.to_owned());
        blocking(move || log.delete_topic(&name)).await
    }

    /// Settings of a topic whose creator says nothing.
    ///
    /// # Errors
    /// The broker's own settings contradict each other.
    pub(crate) fn default_topic(&self) -> Result<TopicConfig, Failure> {
        self.admin.new_topic(self.config.num_partitions, std::iter::empty())
    }

    /// Whether another topic's name is the same but for `.` and `_`, which programs take for one.
    pub(crate) fn check_collision(&self, name: &str) -> Result<(), Failure> {
        if !name.contains(['.', '_']) {
            return Ok(());
        }
        let topics = self.log.topics();
        let Some(other) = topics.iter().find(|other| names::collide(&other.name, name)) else {
            return Ok(());
        };
        let why = format!("Topic '{name}' collides with existing topic: {}", other.name);
        Err(Failure::new(ErrorCode::InvalidTopicException, why))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TopicError> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(Failure::from),
        Err(_) => Err(Failure::new(
            ErrorCode::UnknownServerError,
            "the change of the topic did not end; see the server's log",
        )),
    }
}

/// The id of a topic as it goes over the wire.
pub(crate) fn wire_id(topic: &TopicInfo) -> Uuid {
    Uuid(topic.id.0)
}
