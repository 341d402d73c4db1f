//! DescribeTopicPartitions (key 75): topics and their partitions, a page at a time (KIP-966).
//!
//! Topics come by name, and a page ends with a cursor that names where the next begins. Without topics all are told.

use std::collections::BTreeSet;

use tidemill_commitlog::TopicInfo;
use tidemill_wire::describe_topic_partitions::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic, NextCursor,
};
use tidemill_wire::{ErrorCode, Text};

use super::resources::TOPIC_RIGHTS;
use crate::answer::Answer;
use crate::context::Call;
use crate::{names, topics};

/// Tells one page.
pub(crate) async fn handle(
    call: &Call,
    request: DescribeTopicPartitionsRequest,
) -> Answer<DescribeTopicPartitionsResponse> {
    let all = request.topics.is_empty();
    let wanted: BTreeSet<Text> = match all {
        true => call.shared.log.topics().iter().map(|topic| Text::from(&*topic.name)).collect(),
        false => request.topics.into_iter().map(|topic| topic.name).collect(),
    };
    let begin = request.cursor.unwrap_or_default();
    let told = call.shared.config.partitions_told_max;
    let asked = usize::try_from(request.response_partition_limit).unwrap_or(0);
    let mut left = asked.clamp(1, told.max(1));
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in wanted.into_iter().filter(|name| **name >= *begin.topic_name) {
        let first = if *name == *begin.topic_name { begin.partition_index.max(0) } else { 0 };
        if left == 0 {
            response.next_cursor = Some(cursor(name, first));
            break;
        }
        let Some(topic) = call.shared.log.topic(&name) else {
            // A topic that went while all were told is left out.
            if !all {
                response.topics.push(missing(name));
            }
            continue;
        };
        let end = topic
            .config
            .partitions
            .min(first.saturating_add(i32::try_from(left).unwrap_or(i32::MAX)));
        response.topics.push(describe(call, &topic, first..end));
        left -= usize::try_from(end - first).unwrap_or(0).min(left);
        if end < topic.config.partitions {
            response.next_cursor = Some(cursor(name, end));
            break;
        }
    }
    Answer::Now(response)
}

fn cursor(topic_name: Text, partition_index: i32) -> NextCursor {
    NextCursor { topic_name, partition_index }
}

fn missing(name: Text) -> DescribeTopicPartitionsResponseTopic {
    let error = match names::check(&name) {
        Ok(()) => ErrorCode::UnknownTopicOrPartition,
        Err(failure) => failure.error,
    };
    DescribeTopicPartitionsResponseTopic {
        error_code: error.code(),
        is_internal: topics::is_internal(&name),
        name: Some(name),
        ..Default::default()
    }
}

fn describe(
    call: &Call,
    topic: &TopicInfo,
    indexes: std::ops::Range<i32>,
) -> DescribeTopicPartitionsResponseTopic {
    let me = call.shared.config.node_id;
    let partitions = indexes.map(|partition_index| {
        let found = call.shared.log.partition(&topic.name, partition_index);
        DescribeTopicPartitionsResponsePartition {
            partition_index,
            leader_id: me,
            leader_epoch: found.map_or(-1, |partition| partition.leader_epoch()),
            replica_nodes: vec![me],
            isr_nodes: vec![me],
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(Vec::new()),
            ..Default::default()
        }
    });
    DescribeTopicPartitionsResponseTopic {
        name: Some(Text::from(&*topic.name)),
        topic_id: topics::wire_id(topic),
        is_internal: topics::is_internal(&topic.name),
        partitions: partitions.collect(),
        topic_authorized_operations: TOPIC_RIGHTS,
        ..Default::default()
    }
}
