//! DescribeQuorum (key 55): the controllers of the cluster (KIP-595). This broker is its own, alone.
//!
//! Version 1 tells times of replicas, 2 their folders and where controllers listen. Metadata is kept in files of its
//! own here and not in a log, so the offsets are 0.

use tidemill_wire::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, Listener, Node, Partition, ReplicaState, Topic,
};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::Call;

/// The log of Kafka's controllers.
const METADATA: &str = "__cluster_metadata";
/// The epoch of a leader that never changed.
const EPOCH: i32 = 1;

/// Tells of a quorum of one.
pub(crate) async fn handle(
    call: &Call,
    request: DescribeQuorumRequest,
) -> Answer<DescribeQuorumResponse> {
    let topics = request.topics.into_iter().map(|topic| Topic {
        partitions: topic
            .partitions
            .iter()
            .map(|asked| match (&*topic.topic_name, asked.partition_index) {
                (METADATA, 0) => alone(call),
                (_, index) => {
                    let error = ErrorCode::UnknownTopicOrPartition;
                    Partition {
                        partition_index: index,
                        error_code: error.code(),
                        error_message: Some(Text::from_static(error.message())),
                        ..Default::default()
                    }
                }
            })
            .collect(),
        topic_name: topic.topic_name,
    });
    let (host, port) = call.address();
    let listener = Listener {
        name: Text::from_static("CONTROLLER"),
        host,
        port: u16::try_from(port).unwrap_or_default(),
    };
    let node = Node { node_id: call.shared.config.node_id, listeners: vec![listener] };
    Answer::Now(DescribeQuorumResponse {
        topics: topics.collect(),
        nodes: vec![node],
        ..Default::default()
    })
}

fn alone(call: &Call) -> Partition {
    let me = call.shared.config.node_id;
    let now = call.shared.world.clock().wall_ms();
    let voter = ReplicaState {
        replica_id: me,
        last_fetch_timestamp: now,
        last_caught_up_timestamp: now,
        ..Default::default()
    };
    Partition {
        leader_id: me,
        leader_epoch: EPOCH,
        current_voters: vec![voter],
        ..Default::default()
    }
}
