//! DescribeProducers (key 61): what partitions know of their producers (KIP-664).

use tidemill_commitlog::ProducerInfo;
use tidemill_wire::ErrorCode;
use tidemill_wire::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState,
    TopicResponse,
};

use crate::answer::Answer;
use crate::context::{Call, Shared};

/// Asks each partition, on a thread that may wait for the writer.
pub(crate) async fn handle(
    call: &Call,
    request: DescribeProducersRequest,
) -> Answer<DescribeProducersResponse> {
    let shared = std::sync::Arc::clone(&call.shared);
    let found = tokio::task::spawn_blocking(move || describe(&shared, request)).await;
    Answer::Now(DescribeProducersResponse {
        topics: found.unwrap_or_default(),
        ..Default::default()
    })
}

fn describe(shared: &Shared, request: DescribeProducersRequest) -> Vec<TopicResponse> {
    let topics = request.topics.into_iter();
    topics
        .map(|topic| TopicResponse {
            partitions: topic
                .partition_indexes
                .iter()
                .map(|index| partition(shared, &topic.name, *index))
                .collect(),
            name: topic.name,
        })
        .collect()
}

fn partition(shared: &Shared, topic: &str, partition_index: i32) -> PartitionResponse {
    match shared.log.partition(topic, partition_index) {
        Some(partition) => PartitionResponse {
            partition_index,
            active_producers: partition.producers().iter().map(producer).collect(),
            ..Default::default()
        },
        None => PartitionResponse {
            partition_index,
            error_code: ErrorCode::UnknownTopicOrPartition.code(),
            ..Default::default()
        },
    }
}

fn producer(known: &ProducerInfo) -> ProducerState {
    ProducerState {
        producer_id: known.producer_id,
        producer_epoch: known.producer_epoch.into(),
        last_sequence: known.last_sequence,
        last_timestamp: known.last_timestamp_ms,
        coordinator_epoch: known.coordinator_epoch.unwrap_or(-1),
        current_txn_start_offset: known.transaction_start_offset.unwrap_or(-1),
    }
}
