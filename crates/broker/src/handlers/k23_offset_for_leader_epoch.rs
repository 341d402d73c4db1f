//! OffsetForLeaderEpoch (key 23): where a leader epoch ended, so that a client notices lost records (KIP-320).
//!
//! Version 3 brings the replica id, 4 is flexible.

use tidemill_wire::ErrorCode;
use tidemill_wire::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};

use crate::answer::Answer;
use crate::context::Call;

/// Looks every epoch up.
pub(crate) async fn handle(
    call: &Call,
    request: OffsetForLeaderEpochRequest,
) -> Answer<OffsetForLeaderEpochResponse> {
    let topics = request.topics.into_iter().map(|topic| OffsetForLeaderTopicResult {
        partitions: topic
            .partitions
            .iter()
            .map(|asked| {
                one(call, &topic.topic, asked).unwrap_or_else(|error| EpochEndOffset {
                    error_code: error.code(),
                    partition: asked.partition,
                    ..Default::default()
                })
            })
            .collect(),
        topic: topic.topic,
    });
    Answer::Now(OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() })
}

fn one(
    call: &Call,
    topic: &str,
    asked: &OffsetForLeaderPartition,
) -> Result<EpochEndOffset, ErrorCode> {
    let partition = call
        .shared
        .log
        .partition(topic, asked.partition)
        .ok_or(ErrorCode::UnknownTopicOrPartition)?;
    match asked.current_leader_epoch {
        -1 => {}
        epoch if epoch < partition.leader_epoch() => return Err(ErrorCode::FencedLeaderEpoch),
        epoch if epoch > partition.leader_epoch() => return Err(ErrorCode::UnknownLeaderEpoch),
        _ => {}
    }
    let (leader_epoch, end_offset) = partition.epoch_end(asked.leader_epoch).unwrap_or((-1, -1));
    Ok(EpochEndOffset { error_code: 0, partition: asked.partition, leader_epoch, end_offset })
}
