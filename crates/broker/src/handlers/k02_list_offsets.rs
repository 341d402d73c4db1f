//! ListOffsets (key 2): offsets by time.
//!
//! Versions: 4 leader epochs, 6 flexible, 7 brings -3, 8 and 9 bring -4 and -5 (remote storage), 10 a
//! timeout, 11 -6. There is no remote storage, so -4 is the start and -5 and -6 find nothing.

use tidemill_commitlog::{Partition, ReadError};
use tidemill_wire::ErrorCode;
use tidemill_wire::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};

use crate::answer::Answer;
use crate::context::{Call, Shared};
use crate::errors;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const LARGEST_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_REMOTE: i64 = -5;
/// The isolation level that wants committed transactions only.
const READ_COMMITTED: i8 = 1;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// Looks every partition up on a thread that may wait for the disk.
pub(crate) async fn handle(
    call: &Call,
    request: ListOffsetsRequest,
) -> Answer<ListOffsetsResponse> {
    let shared = std::sync::Arc::clone(&call.shared);
    // A batch may have to be unpacked to be looked into, so only so many do that at one time.
    let _turn = shared.lookups.acquire().await;
    let shared = std::sync::Arc::clone(&call.shared);
    let found = tokio::task::spawn_blocking(move || look_up(&shared, &request)).await;
    Answer::Now(ListOffsetsResponse { topics: found.unwrap_or_default(), ..Default::default() })
}

fn look_up(shared: &Shared, request: &ListOffsetsRequest) -> Vec<ListOffsetsTopicResponse> {
    let committed = request.isolation_level == READ_COMMITTED;
    let topics = request.topics.iter();
    topics
        .map(|topic| ListOffsetsTopicResponse {
            name: topic.name.clone(),
            partitions: topic
                .partitions
                .iter()
                .map(|asked| match one(shared, &topic.name, asked, committed) {
                    Ok(found) => found,
                    Err(error) => ListOffsetsPartitionResponse {
                        partition_index: asked.partition_index,
                        error_code: error.code(),
                        ..Default::default()
                    },
                })
                .collect(),
        })
        .collect()
}

fn one(
    shared: &Shared,
    topic: &str,
    asked: &ListOffsetsPartition,
    committed: bool,
) -> Result<ListOffsetsPartitionResponse, ErrorCode> {
    let partition = shared
        .log
        .partition(topic, asked.partition_index)
        .ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let leader_epoch = partition.leader_epoch();
    match asked.current_leader_epoch {
        -1 => {}
        epoch if epoch < leader_epoch => return Err(ErrorCode::FencedLeaderEpoch),
        epoch if epoch > leader_epoch => return Err(ErrorCode::UnknownLeaderEpoch),
        _ => {}
    }
    let found = find(&partition, asked.timestamp, committed);
    let found = found.map_err(|error| errors::read(&error))?;
    let (offset, timestamp) = found.unwrap_or((-1, -1));
    Ok(ListOffsetsPartitionResponse {
        partition_index: asked.partition_index,
        error_code: ErrorCode::None.code(),
        timestamp,
        offset,
        leader_epoch: if found.is_some() { leader_epoch } else { -1 },
    })
}

/// A reader of committed transactions sees nothing from the last stable offset on (KIP-98).
fn find(
    partition: &Partition,
    timestamp: i64,
    committed: bool,
) -> Result<Option<(i64, i64)>, ReadError> {
    let end = match committed {
        true => partition.last_stable_offset(),
        false => partition.high_watermark(),
    };
    match timestamp {
        LATEST => Ok(Some((end, -1))),
        EARLIEST | EARLIEST_LOCAL => Ok(Some((partition.log_start_offset(), -1))),
        LARGEST_TIMESTAMP => largest_timestamp(partition),
        LATEST_REMOTE | EARLIEST_PENDING_UPLOAD => Ok(None),
        _ => {
            let found = partition.offset_for_timestamp(timestamp)?;
            Ok(found.filter(|(offset, _)| *offset < end))
        }
    }
}

/// The log finds the first record at or after a time, so the largest time is found by halving: at most 63 steps.
fn largest_timestamp(partition: &Partition) -> Result<Option<(i64, i64)>, ReadError> {
    let Some(mut best) = partition.offset_for_timestamp(0)? else { return Ok(None) };
    let mut above = i64::MAX;
    while above - best.1 > 1 {
        let middle = best.1 + (above - best.1) / 2;
        match partition.offset_for_timestamp(middle)? {
            Some(found) => best = found,
            None => above = middle,
        }
    }
    Ok(Some(best))
}
