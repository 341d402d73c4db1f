//! Metadata (key 3): this broker, the topics, the partitions; and topics made by asking for them.
//!
//! Versions: 0 says "all" by an empty list, later ones by null; 4 may forbid making topics, 9 is flexible, 10
//! brings topic ids, 12 asks by them. The broker is told at the address the client reached, so that a client that
//! came through a name, a container or another interface finds its way back.

use tidemill_commitlog::TopicInfo;
use tidemill_wire::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use tidemill_wire::{ErrorCode, Text};

use super::resources::{CLUSTER_RIGHTS, TOPIC_RIGHTS};
use crate::answer::Answer;
use crate::context::Call;
use crate::errors::Failure;
use crate::{names, topics};

/// Tells what there is.
pub(crate) async fn handle(call: &Call, request: MetadataRequest) -> Answer<MetadataResponse> {
    let (host, port) = call.address();
    let node_id = call.shared.config.node_id;
    let mut response = MetadataResponse {
        brokers: vec![MetadataResponseBroker { node_id, host, port, rack: None }],
        cluster_id: Some(call.shared.cluster_id.clone()),
        controller_id: node_id,
        ..Default::default()
    };
    match request.topics {
        Some(asked) if call.version > 0 || !asked.is_empty() => {
            for topic in asked {
                let may_create = request.allow_auto_topic_creation;
                response.topics.push(one(call, topic, may_create).await);
            }
        }
        _ => {
            let all = call.shared.log.topics();
            response.topics = all.iter().map(|topic| describe(call, topic)).collect();
        }
    }
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = CLUSTER_RIGHTS;
    }
    if request.include_topic_authorized_operations {
        let there = response.topics.iter_mut().filter(|topic| topic.error_code == 0);
        there.for_each(|topic| topic.topic_authorized_operations = TOPIC_RIGHTS);
    }
    Answer::Now(response)
}

async fn one(call: &Call, asked: MetadataRequestTopic, may_create: bool) -> MetadataResponseTopic {
    // By id when there is one: Kafka's own client sends an empty name beside it.
    let name = asked.name.filter(|_| asked.topic_id.is_zero());
    let Some(name) = name else {
        return match call.shared.find_topic(true, "", asked.topic_id) {
            Ok(topic) => describe(call, &topic),
            Err(error) => MetadataResponseTopic {
                error_code: error.code(),
                topic_id: asked.topic_id,
                ..Default::default()
            },
        };
    };
    let missing = |error: ErrorCode, name: Text| MetadataResponseTopic {
        error_code: error.code(),
        is_internal: topics::is_internal(&name),
        name: Some(name),
        ..Default::default()
    };
    if let Some(topic) = call.shared.log.topic(&name) {
        return describe(call, &topic);
    }
    if let Err(failure) = names::check(&name) {
        return missing(failure.error, name);
    }
    if !may_create || !call.shared.config.auto_create_topics || topics::is_internal(&name) {
        return missing(ErrorCode::UnknownTopicOrPartition, name);
    }
    match create(call, &name).await {
        Ok(topic) => {
            tracing::info!(topic = %name, "topic made because a client asked for it");
            describe(call, &topic)
        }
        Err(failure) => missing(failure.error, name),
    }
}

async fn create(call: &Call, name: &str) -> Result<TopicInfo, Failure> {
    call.shared.check_collision(name)?;
    call.shared.ensure_topic(name, call.shared.default_topic()?).await
}

fn describe(call: &Call, topic: &TopicInfo) -> MetadataResponseTopic {
    MetadataResponseTopic {
        error_code: ErrorCode::None.code(),
        name: Some(Text::from(&*topic.name)),
        topic_id: topics::wire_id(topic),
        is_internal: topics::is_internal(&topic.name),
        partitions: (0..topic.config.partitions)
            .map(|index| partition(call, topic, index))
            .collect(),
        ..Default::default()
    }
}

fn partition(call: &Call, topic: &TopicInfo, partition_index: i32) -> MetadataResponsePartition {
    let me = call.shared.config.node_id;
    let found = call.shared.log.partition(&topic.name, partition_index);
    MetadataResponsePartition {
        partition_index,
        leader_id: me,
        leader_epoch: found.map_or(-1, |partition| partition.leader_epoch()),
        replica_nodes: vec![me],
        isr_nodes: vec![me],
        ..Default::default()
    }
}
