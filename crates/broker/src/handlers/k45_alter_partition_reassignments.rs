//! AlterPartitionReassignments (key 45): replicas moved between brokers (KIP-455). There is one broker, so the only
//! possible assignment is the one that holds.
//!
//! Version 1 may forbid another number of replicas.

use tidemill_wire::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition,
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use tidemill_wire::{ErrorCode, Text};

use super::resources;
use crate::answer::Answer;
use crate::context::Call;
use crate::errors::{self, Failure};

/// Checks each partition's assignment.
pub(crate) async fn handle(
    call: &Call,
    request: AlterPartitionReassignmentsRequest,
) -> Answer<AlterPartitionReassignmentsResponse> {
    let topics = request.topics.into_iter().map(|topic| ReassignableTopicResponse {
        partitions: topic
            .partitions
            .iter()
            .map(|partition| {
                let (error_code, error_message) =
                    errors::told(reassign(call, &topic.name, partition));
                ReassignablePartitionResponse {
                    partition_index: partition.partition_index,
                    error_code,
                    error_message,
                }
            })
            .collect(),
        name: topic.name,
    });
    Answer::Now(AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: request.allow_replication_factor_change,
        responses: topics.collect(),
        ..Default::default()
    })
}

fn reassign(call: &Call, topic: &Text, partition: &ReassignablePartition) -> Result<(), Failure> {
    let (log, index) = (&call.shared.log, partition.partition_index);
    let unknown = |why: String| Err(Failure::new(ErrorCode::UnknownTopicOrPartition, why));
    if log.topic(topic).is_none() {
        return unknown(format!("Unable to find a topic named {topic}."));
    }
    if log.partition(topic, index).is_none() {
        return unknown(format!("Unable to find partition {topic}:{index}."));
    }
    match &partition.replicas {
        Some(brokers) => resources::check_replicas(brokers, call.shared.config.node_id),
        None => Err(ErrorCode::NoReassignmentInProgress.into()),
    }
}
