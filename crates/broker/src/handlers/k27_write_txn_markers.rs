//! WriteTxnMarkers (key 27): ends transactions in single partitions, whatever their coordinator knows of them.
//!
//! Brokers of a cluster send it, and so does whoever mends a transaction that hangs
//! (`kafka-transactions.sh abort`, KIP-664). Versions: 1 is flexible, 2 tells the protocol of the coordinator (KIP-1228).

use tidemill_commitlog::offsets::OFFSETS_TOPIC;
use tidemill_commitlog::{AppendError, EndMarker};
use tidemill_wire::ErrorCode;
use tidemill_wire::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerPartitionResult, WritableTxnMarkerResult,
    WritableTxnMarkerTopic, WritableTxnMarkerTopicResult, WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
};
use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::context::Call;
use crate::errors;
use crate::transactions::TRANSACTIONS_TOPIC;

type Written = oneshot::Receiver<Result<(), AppendError>>;

/// Writes every marker, and answers once all are on the disk.
pub(crate) async fn handle(
    call: &Call,
    request: WriteTxnMarkersRequest,
) -> Answer<WriteTxnMarkersResponse> {
    let started: Vec<_> = request.markers.into_iter().map(|marker| start(call, marker)).collect();
    Answer::Later(Box::pin(async move {
        let mut response = WriteTxnMarkersResponse::default();
        for marker in started {
            response.markers.push(marker.answer().await);
        }
        response
    }))
}

struct Started {
    producer_id: i64,
    topics: Vec<(WritableTxnMarkerTopic, Vec<Result<Written, ErrorCode>>)>,
}

fn start(call: &Call, asked: WritableTxnMarker) -> Started {
    let marker = EndMarker {
        producer_id: asked.producer_id,
        producer_epoch: asked.producer_epoch,
        coordinator_epoch: asked.coordinator_epoch,
        commit: asked.transaction_result,
        transaction_version: asked.transaction_version,
    };
    let topic = |topic: WritableTxnMarkerTopic| {
        let indexes = topic.partition_indexes.iter();
        let written = indexes.map(|index| write(call, &topic.name, *index, marker)).collect();
        (topic, written)
    };
    let topics = asked.topics.into_iter().map(topic).collect();
    Started { producer_id: asked.producer_id, topics }
}

fn write(call: &Call, topic: &str, index: i32, marker: EndMarker) -> Result<Written, ErrorCode> {
    if topic == TRANSACTIONS_TOPIC {
        return Err(ErrorCode::InvalidTopicException);
    }
    let partition =
        call.shared.log.partition(topic, index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    // The offsets that waited for this marker count once it is there, or are dropped.
    let offsets = (topic == OFFSETS_TOPIC).then(|| call.shared.offsets.clone());
    let (done, written) = oneshot::channel();
    partition.end_transaction(marker, move |result| {
        if let (Ok(_), Some(offsets)) = (&result, offsets) {
            offsets.end_transaction(marker.producer_id, marker.commit);
        }
        drop(done.send(result.map(drop)));
    });
    Ok(written)
}

impl Started {
    async fn answer(self) -> WritableTxnMarkerResult {
        let mut topics = Vec::with_capacity(self.topics.len());
        for (topic, written) in self.topics {
            let mut partitions = Vec::with_capacity(written.len());
            for (partition_index, written) in topic.partition_indexes.into_iter().zip(written) {
                let error_code = end(written).await.code();
                partitions.push(WritableTxnMarkerPartitionResult { partition_index, error_code });
            }
            topics.push(WritableTxnMarkerTopicResult { name: topic.name, partitions });
        }
        WritableTxnMarkerResult { producer_id: self.producer_id, topics }
    }
}

async fn end(written: Result<Written, ErrorCode>) -> ErrorCode {
    match written {
        Err(error) => error,
        Ok(written) => match written.await {
            Ok(Ok(())) => ErrorCode::None,
            Ok(Err(error)) => errors::append(&error),
            Err(_) => ErrorCode::NotLeaderOrFollower,
        },
    }
}
