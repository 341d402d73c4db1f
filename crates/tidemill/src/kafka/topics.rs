//! Topics: which there are, and how they are made, changed and removed.

use tidemill_broker::settings::topic;
use tidemill_wire::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use tidemill_wire::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use tidemill_wire::delete_topics::DeleteTopicsRequest;
use tidemill_wire::metadata::MetadataResponseTopic;
use tidemill_wire::{ErrorCode, Text};

use super::refusal::check;
use super::{Client, TIMEOUT_MS};
use crate::error::CliError;
use crate::nearest::nearest;

/// How a topic shall be.
pub(crate) struct NewTopic<'a> {
    pub(crate) name: &'a str,
    /// -1 leaves it to the broker.
    pub(crate) partitions: i32,
    /// -1 leaves it to the broker.
    pub(crate) replication_factor: i16,
    pub(crate) settings: &'a [(String, String)],
}

impl Client {
    /// All topics, by name.
    pub(crate) fn topics(&mut self) -> Result<Vec<MetadataResponseTopic>, CliError> {
        let mut topics = self.metadata(None, false)?.topics;
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// One topic that must be there; `create` lets asking create it.
    ///
    /// # Errors
    /// There is none; the error names the closest one there is.
    pub(crate) fn topic(
        &mut self,
        name: &str,
        create: bool,
    ) -> Result<MetadataResponseTopic, CliError> {
        let what = format!("topic `{name}`");
        let topics = self.metadata(Some(&[name.to_owned()]), create)?.topics;
        let mut topic =
            topics.into_iter().next().ok_or_else(|| CliError::failed(&what, "no answer"))?;
        if topic.error_code == ErrorCode::UnknownTopicOrPartition.code() {
            return Err(self.unknown_topic(name));
        }
        // A topic that was just created may have no leader for a moment; the callers that care ask again.
        if topic.error_code != ErrorCode::LeaderNotAvailable.code() {
            check(topic.error_code, None, &what)?;
        }
        topic.partitions.sort_by_key(|partition| partition.partition_index);
        Ok(topic)
    }

    /// The error for a topic that is not there.
    pub(crate) fn unknown_topic(&mut self, name: &str) -> CliError {
        let topics = self.topics().unwrap_or_default();
        let names = topics.iter().filter_map(|topic| topic.name.as_deref());
        let help = match nearest(name, names) {
            Some(near) => {
                format!("did you mean `{near}`? `tidemill topic list` shows what is there")
            }
            None => "`tidemill topic list` shows what is there".to_owned(),
        };
        CliError::with_help(format!("topic `{name}`"), "there is no such topic", help)
    }

    /// Creates a topic and returns how many partitions it has.
    pub(crate) fn create_topic(&mut self, new: &NewTopic<'_>) -> Result<i32, CliError> {
        let config = |(name, value): &(String, String)| CreatableTopicConfig {
            name: Text::from(name.as_str()),
            value: Some(Text::from(value.as_str())),
        };
        let topic = CreatableTopic {
            name: Text::from(new.name),
            num_partitions: new.partitions,
            replication_factor: new.replication_factor,
            configs: new.settings.iter().map(config).collect(),
            ..Default::default()
        };
        let request = CreateTopicsRequest {
            topics: vec![topic],
            timeout_ms: TIMEOUT_MS,
            ..Default::default()
        };
        let response = self.call_controller(&request, 7)?;
        let what = format!("topic `{}`", new.name);
        for result in &response.topics {
            let refused = check(result.error_code, result.error_message.as_ref(), &what);
            refused.map_err(|error| suggest(new.settings, error))?;
        }
        let made = response.topics.first().map(|result| result.num_partitions);
        Ok(made.filter(|count| *count > 0).unwrap_or(new.partitions))
    }

    /// Raises the number of partitions.
    pub(crate) fn add_partitions(&mut self, name: &str, total: i32) -> Result<(), CliError> {
        let topic =
            CreatePartitionsTopic { name: Text::from(name), count: total, assignments: None };
        let request = CreatePartitionsRequest {
            topics: vec![topic],
            timeout_ms: TIMEOUT_MS,
            validate_only: false,
        };
        for result in &self.call_controller(&request, 3)?.results {
            check(result.error_code, result.error_message.as_ref(), &format!("topic `{name}`"))?;
        }
        Ok(())
    }

    /// Deletes a topic.
    pub(crate) fn delete_topic(&mut self, name: &str) -> Result<(), CliError> {
        let request = DeleteTopicsRequest {
            topic_names: vec![Text::from(name)],
            timeout_ms: TIMEOUT_MS,
            ..Default::default()
        };
        for result in &self.call_controller(&request, 5)?.responses {
            if result.error_code == ErrorCode::UnknownTopicOrPartition.code() {
                return Err(self.unknown_topic(name));
            }
            check(result.error_code, result.error_message.as_ref(), &format!("topic `{name}`"))?;
        }
        Ok(())
    }
}

/// Adds the closest known name to the refusal of a setting whose name is not known.
fn suggest(settings: &[(String, String)], error: CliError) -> CliError {
    let known = || topic::all().map(|setting| setting.name);
    let wrong = settings.iter().map(|(name, _)| name.as_str());
    let wrong = wrong.filter(|name| known().all(|known| known != *name));
    match (wrong.filter_map(|name| nearest(name, known())).next(), error) {
        (Some(near), CliError::Failed { what, why, .. }) => {
            CliError::with_help(what, why, format!("did you mean `{near}`?"))
        }
        (_, error) => error,
    }
}
