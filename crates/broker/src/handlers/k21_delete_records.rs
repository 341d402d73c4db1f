//! DeleteRecords (key 21): records given up from the beginning of a partition (KIP-107).
//!
//! Version 2 is flexible. -1 gives up everything there is.

use tidemill_wire::ErrorCode;
use tidemill_wire::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteRecordsTopicResult,
};

use crate::answer::Answer;
use crate::context::{Call, Shared};
use crate::{errors, topics};

/// "Up to the end."
const END: i64 = -1;

/// Gives the records up on a thread that may wait for the disk.
pub(crate) async fn handle(
    call: &Call,
    request: DeleteRecordsRequest,
) -> Answer<DeleteRecordsResponse> {
    let shared = std::sync::Arc::clone(&call.shared);
    let done = tokio::task::spawn_blocking(move || delete(&shared, &request)).await;
    Answer::Now(DeleteRecordsResponse { topics: done.unwrap_or_default(), ..Default::default() })
}

fn delete(shared: &Shared, request: &DeleteRecordsRequest) -> Vec<DeleteRecordsTopicResult> {
    let topics = request.topics.iter();
    topics
        .map(|topic| DeleteRecordsTopicResult {
            name: topic.name.clone(),
            partitions: topic
                .partitions
                .iter()
                .map(|asked| {
                    let (low_watermark, error) = match one(shared, &topic.name, asked) {
                        Ok(start) => (start, ErrorCode::None),
                        Err(error) => (-1, error),
                    };
                    DeleteRecordsPartitionResult {
                        partition_index: asked.partition_index,
                        low_watermark,
                        error_code: error.code(),
                    }
                })
                .collect(),
        })
        .collect()
}

fn one(shared: &Shared, topic: &str, asked: &DeleteRecordsPartition) -> Result<i64, ErrorCode> {
    if topics::is_internal(topic) {
        return Err(ErrorCode::InvalidTopicException);
    }
    let partition = shared
        .log
        .partition(topic, asked.partition_index)
        .ok_or(ErrorCode::UnknownTopicOrPartition)?;
    // As in Kafka: the beginning of a topic that is only compacted is for readers that want every key.
    let cleanup = partition.topic().config.cleanup;
    if cleanup.compact && !cleanup.delete {
        return Err(ErrorCode::PolicyViolation);
    }
    let offset = match asked.offset {
        END => partition.high_watermark(),
        offset => offset,
    };
    partition.delete_records(offset).map_err(|error| errors::read(&error))
}
