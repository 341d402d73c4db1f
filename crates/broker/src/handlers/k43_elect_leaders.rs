//! ElectLeaders (key 43): this broker leads everything, so no election is ever needed.
//!
//! Version 1 tells preferred from unclean elections, 2 is flexible.

use tidemill_wire::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::Call;
use crate::errors::{self, Failure};

/// Says of each partition that its leader is the right one. Asked for all, it has nothing to tell.
pub(crate) async fn handle(
    call: &Call,
    request: ElectLeadersRequest,
) -> Answer<ElectLeadersResponse> {
    let topics = request.topic_partitions.unwrap_or_default();
    let results = topics.into_iter().map(|topic| ReplicaElectionResult {
        partition_result: topic
            .partitions
            .iter()
            .map(|index| {
                let (error_code, error_message) = errors::told(elect(call, &topic.topic, *index));
                PartitionResult { partition_id: *index, error_code, error_message }
            })
            .collect(),
        topic: topic.topic,
    });
    Answer::Now(ElectLeadersResponse {
        replica_election_results: results.collect(),
        ..Default::default()
    })
}

fn elect(call: &Call, topic: &Text, index: i32) -> Result<(), Failure> {
    let log = &call.shared.log;
    let unknown = |why: String| Err(Failure::new(ErrorCode::UnknownTopicOrPartition, why));
    if log.topic(topic).is_none() {
        return unknown(format!("No such topic as {topic}"));
    }
    if log.partition(topic, index).is_none() {
        return unknown(format!("No such partition as {topic}-{index}"));
    }
    let why = "Leader election not needed for topic partition.";
    Err(Failure::new(ErrorCode::ElectionNotNeeded, why))
}
