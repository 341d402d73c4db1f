//! CreateTopics (key 19): new topics, with the settings Kafka's clients know.
//!
//! Version 5 answers with the settings and is flexible, 7 answers with the id. A replication factor above one is
//! taken, because scripts written for a cluster should run, and logged, because there is one copy.

use std::collections::BTreeMap;

use tidemill_commitlog::{TopicConfig, TopicId, TopicInfo};
use tidemill_wire::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::Call;
use crate::topic_settings;
use crate::topics::{self, TopicFailure};

/// "The broker's default", for partitions and replicas (KIP-464).
const DEFAULT: i32 = -1;
/// Where a setting comes from: the topic itself.
const FROM_TOPIC: i8 = 1;

/// Makes each topic.
pub(crate) async fn handle(
    call: &Call,
    request: CreateTopicsRequest,
) -> Answer<CreateTopicsResponse> {
    let mut times: BTreeMap<Text, usize> = BTreeMap::new();
    for topic in &request.topics {
        *times.entry(topic.name.clone()).or_default() += 1;
    }
    let mut response = CreateTopicsResponse::default();
    for topic in request.topics {
        let name = topic.name.clone();
        let result = match times.get(&name) {
            Some(1) => create(call, topic, request.validate_only).await,
            _ => Err(failure(ErrorCode::InvalidRequest, "the topic is named twice")),
        };
        response.topics.push(match result {
            Ok(made) => told(name, &made),
            Err(failure) => CreatableTopicResult {
                name,
                error_code: failure.error.code(),
                error_message: Some(failure.message),
                ..Default::default()
            },
        });
    }
    Answer::Now(response)
}

async fn create(
    call: &Call,
    topic: CreatableTopic,
    validate_only: bool,
) -> Result<TopicInfo, TopicFailure> {
    let config = config(call, &topic)?;
    if topics::is_internal(&topic.name) {
        return Err(failure(ErrorCode::InvalidTopicException, "the broker owns this topic"));
    }
    if !validate_only {
        return call.shared.create_topic(&topic.name, config).await;
    }
    if call.shared.log.topic(&topic.name).is_some() {
        let error = ErrorCode::TopicAlreadyExists;
        return Err(failure(error, error.message()));
    }
    topics::check_name(&topic.name)
        .map_err(|why| failure(ErrorCode::InvalidTopicException, why))?;
    Ok(TopicInfo { name: topic.name.as_str().into(), id: TopicId([0; 16]), config })
}

fn config(call: &Call, topic: &CreatableTopic) -> Result<TopicConfig, TopicFailure> {
    let mut config = call.shared.default_topic();
    config.partitions = partitions(call, topic)?;
    match topic.replication_factor {
        -1 | 1 => {}
        factor if factor > 1 => tracing::warn!(
            topic = %topic.name, factor, "there is one copy, whatever the replication factor says"
        ),
        _ => {
            let why = "the replication factor must be 1 or more, or -1 for the default";
            return Err(failure(ErrorCode::InvalidReplicationFactor, why));
        }
    }
    for setting in &topic.configs {
        let Some(value) = &setting.value else { continue };
        match topic_settings::apply(&mut config, &setting.name, value) {
            Ok(true) => {}
            Ok(false) => tracing::warn!(
                topic = %topic.name, setting = %setting.name, "this setting has no meaning here"
            ),
            Err(why) => return Err(failure(ErrorCode::InvalidConfig, &why)),
        }
    }
    Ok(config)
}

fn partitions(call: &Call, topic: &CreatableTopic) -> Result<i32, TopicFailure> {
    if topic.assignments.is_empty() {
        return match topic.num_partitions {
            DEFAULT => Ok(call.shared.config.num_partitions),
            count if count > 0 => Ok(count),
            _ => {
                let why = "there must be at least one partition, or -1 for the default";
                Err(failure(ErrorCode::InvalidPartitions, why))
            }
        };
    }
    let mut placed: Vec<i32> =
        topic.assignments.iter().map(|assignment| assignment.partition_index).collect();
    placed.sort_unstable();
    if placed.iter().zip(0..).any(|(index, expected)| *index != expected) {
        let why = "partitions placed by hand must be numbered from 0 without gaps";
        return Err(failure(ErrorCode::InvalidReplicaAssignment, why));
    }
    i32::try_from(placed.len()).map_err(|_| failure(ErrorCode::InvalidPartitions, "too many"))
}

fn failure(error: ErrorCode, message: &str) -> TopicFailure {
    TopicFailure { error, message: Text::from(message) }
}

fn told(name: Text, made: &TopicInfo) -> CreatableTopicResult {
    let settings = topic_settings::describe(&made.config).into_iter();
    let configs = settings.map(|(name, value)| CreatableTopicConfigs {
        name: Text::from_static(name),
        value: Some(Text::from(value)),
        config_source: FROM_TOPIC,
        ..Default::default()
    });
    CreatableTopicResult {
        name,
        topic_id: topics::wire_id(made),
        num_partitions: made.config.partitions,
        replication_factor: 1,
        configs: Some(configs.collect()),
        ..Default::default()
    }
}
