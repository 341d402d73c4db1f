//! CreateTopics (key 19): new topics, with the settings Kafka's clients know.
//!
//! Version 5 answers with the settings and is flexible, 7 answers with the id. A replication factor above one is
//! taken, because a program written for three brokers should run, answered as 1, and logged, because there is one
//! copy; `tidemill.replication.strict` makes it Kafka's error instead.

use std::collections::BTreeMap;

use tidemill_commitlog::{TopicConfig, TopicId, TopicInfo};
use tidemill_wire::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};
use tidemill_wire::{ErrorCode, Text};

use super::resources;
use crate::answer::Answer;
use crate::context::Call;
use crate::errors::Failure;
use crate::{names, topics};

/// "The broker's default", for partitions and replicas (KIP-464).
const DEFAULT: i32 = -1;
/// The log of Kafka's controllers, whose name stays free.
const METADATA: &str = "__cluster_metadata";

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
        let result = match times.get(&topic.name) {
            Some(1) => create(call, &topic, request.validate_only).await,
            _ => Err(Failure::new(ErrorCode::InvalidRequest, "Duplicate topic name.")),
        };
        response.topics.push(match result {
            Ok(made) => told(call, topic.name, &made),
            Err(failure) => CreatableTopicResult {
                name: topic.name,
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
    topic: &CreatableTopic,
    validate_only: bool,
) -> Result<TopicInfo, Failure> {
    check_name(call, &topic.name)?;
    let config = config(call, topic)?;
    if topic.replication_factor > 1 {
        tracing::warn!(
            topic = %topic.name, factor = topic.replication_factor,
            "there is one copy, whatever the replication factor says"
        );
    }
    if !validate_only {
        return call.shared.create_topic(&topic.name, config).await;
    }
    config.check()?;
    Ok(TopicInfo { name: topic.name.as_str().into(), id: TopicId([0; 16]), config })
}

fn check_name(call: &Call, name: &Text) -> Result<(), Failure> {
    if **name == *METADATA {
        let why = format!("Creation of internal topic {METADATA} is prohibited.");
        return Err(Failure::new(ErrorCode::InvalidRequest, why));
    }
    names::check(name)?;
    if call.shared.log.topic(name).is_some() {
        let why = format!("Topic '{name}' already exists.");
        return Err(Failure::new(ErrorCode::TopicAlreadyExists, why));
    }
    if topics::is_internal(name) {
        return Err(Failure::new(ErrorCode::InvalidTopicException, "the broker owns this topic"));
    }
    call.shared.check_collision(name)
}

fn config(call: &Call, topic: &CreatableTopic) -> Result<TopicConfig, Failure> {
    if let Some(setting) = topic.configs.iter().find(|setting| setting.value.is_none()) {
        let why = format!("Null value not supported for topic configs: {}", setting.name);
        return Err(Failure::new(ErrorCode::InvalidConfig, why));
    }
    let own = topic.configs.iter().map(|setting| {
        let value = setting.value.as_ref().map(Text::as_str).unwrap_or_default();
        (setting.name.as_str(), value)
    });
    // Settings before partitions, as Kafka looks at them.
    let config = call.shared.admin.new_topic(1, own)?;
    check_factor(call, topic)?;
    Ok(TopicConfig { partitions: partitions(call, topic)?, ..config })
}

fn check_factor(call: &Call, topic: &CreatableTopic) -> Result<(), Failure> {
    let factor = topic.replication_factor;
    let refuse = |why: String| Err(Failure::new(ErrorCode::InvalidReplicationFactor, why));
    match factor {
        i16::MIN..=-2 | 0 => refuse(
            "Replication factor must be larger than 0, or -1 to use the default value.".to_owned(),
        ),
        2.. if call.shared.config.replication_factor_strict => refuse(format!(
            "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} cannot be \
             reached because only 1 broker(s) are registered or some brokers have all their log directories cordoned."
        )),
        _ => Ok(()),
    }
}

fn partitions(call: &Call, topic: &CreatableTopic) -> Result<i32, Failure> {
    let refuse = |error, why: &'static str| Err(Failure::new(error, why));
    if topic.assignments.is_empty() {
        return match topic.num_partitions {
            DEFAULT => Ok(call.shared.config.num_partitions),
            count if count > 0 => Ok(count),
            _ => refuse(
                ErrorCode::InvalidPartitions,
                "Number of partitions was set to an invalid non-positive value.",
            ),
        };
    }
    if topic.replication_factor != -1 {
        let why = "A manual partition assignment was specified, but replication factor was not set to -1.";
        return refuse(ErrorCode::InvalidRequest, why);
    }
    if topic.num_partitions != DEFAULT {
        let why =
            "A manual partition assignment was specified, but numPartitions was not set to -1.";
        return refuse(ErrorCode::InvalidRequest, why);
    }
    for assignment in &topic.assignments {
        resources::check_replicas(&assignment.broker_ids, call.shared.config.node_id)?;
    }
    let mut placed: Vec<i32> =
        topic.assignments.iter().map(|assignment| assignment.partition_index).collect();
    placed.sort_unstable();
    if placed.iter().zip(0..).any(|(index, expected)| *index != expected) {
        let why = "partitions should be a consecutive 0-based integer sequence";
        return refuse(ErrorCode::InvalidReplicaAssignment, why);
    }
    i32::try_from(placed.len()).or_else(|_| refuse(ErrorCode::InvalidPartitions, "too many"))
}

fn told(call: &Call, name: Text, made: &TopicInfo) -> CreatableTopicResult {
    let settings = call.shared.admin.describe_config(&made.config).into_iter();
    let configs = settings.map(|described| CreatableTopicConfigs {
        name: Text::from(described.name),
        value: described.value.map(Text::from),
        read_only: described.read_only,
        config_source: described.source as i8,
        is_sensitive: described.sensitive,
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
