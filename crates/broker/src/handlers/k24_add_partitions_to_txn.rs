//! AddPartitionsToTxn (key 24): which partitions a transaction will write to (KIP-98).
//!
//! Versions: 2 knows `PRODUCER_FENCED`, 3 is flexible, 4 takes several transactions and may only ask (KIP-890; brokers of a
//! cluster send it), 5 knows `TRANSACTION_ABORTABLE`. All partitions are added or none.

use tidemill_wire::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnPartitionResultV3,
    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, AddPartitionsToTxnResult,
    AddPartitionsToTxnTopic, AddPartitionsToTxnTopicResult, AddPartitionsToTxnTopicResultV3,
    AddPartitionsToTxnTransaction,
};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::Call;
use crate::transactions::types::{Place, Producer, VERSION_0, VERSION_2};
use crate::{errors, topics};

/// The first version whose clients know `PRODUCER_FENCED`.
const FENCED: i16 = 2;
/// The first version with several transactions.
const SEVERAL: i16 = 4;
/// The first version whose clients know `TRANSACTION_ABORTABLE`.
const ABORTABLE: i16 = 5;

/// Adds to each transaction, or asks.
pub(crate) async fn handle(
    call: &Call,
    request: AddPartitionsToTxnRequest,
) -> Answer<AddPartitionsToTxnResponse> {
    if call.version >= SEVERAL {
        let mut response = AddPartitionsToTxnResponse::default();
        for transaction in request.transactions {
            let transactional_id = transaction.transactional_id.clone();
            let topic_results = one(call, transaction).await;
            let result = AddPartitionsToTxnResult { transactional_id, topic_results };
            response.results_by_transaction.push(result);
        }
        return Answer::Now(response);
    }
    let topics = request
        .v3_and_below_topics
        .into_iter()
        .map(|topic| AddPartitionsToTxnTopic { name: topic.name, partitions: topic.partitions });
    let transaction = AddPartitionsToTxnTransaction {
        transactional_id: request.v3_and_below_transactional_id,
        producer_id: request.v3_and_below_producer_id,
        producer_epoch: request.v3_and_below_producer_epoch,
        verify_only: false,
        topics: topics.collect(),
    };
    let results = one(call, transaction).await.into_iter().map(old_topic);
    Answer::Now(AddPartitionsToTxnResponse {
        results_by_topic_v3_and_below: results.collect(),
        ..Default::default()
    })
}

/// Answers are built topic by topic in the order asked.
async fn one(
    call: &Call,
    asked: AddPartitionsToTxnTransaction,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let found: Vec<(Text, Vec<Found>)> = asked
        .topics
        .iter()
        .map(|topic| {
            let indexes = topic.partitions.iter();
            (topic.name.clone(), indexes.map(|index| find(call, &topic.name, *index)).collect())
        })
        .collect();
    let places = || found.iter().flat_map(|(_, found)| found);
    let result = match places().all(|(_, place)| place.is_ok()) {
        true => {
            let places: Vec<Place> =
                places().filter_map(|(_, place)| place.as_ref().ok().cloned()).collect();
            add(call, &asked, &places).await
        }
        // The others could be added, and are not.
        false => Err(ErrorCode::OperationNotAttempted),
    };
    let topic = |(name, found): (Text, Vec<Found>)| {
        let partition = |(partition_index, place): Found| AddPartitionsToTxnPartitionResult {
            partition_index,
            partition_error_code: told(call.version, &result, place).code(),
        };
        let results_by_partition = found.into_iter().map(partition).collect();
        AddPartitionsToTxnTopicResult { name, results_by_partition }
    };
    found.into_iter().map(topic).collect()
}

/// A partition index, and what it is.
type Found = (i32, Result<Place, ErrorCode>);

fn find(call: &Call, topic: &str, index: i32) -> Found {
    let place = match call.shared.place(topic, index) {
        // Only the broker writes there.
        Ok(_) if topics::is_internal(topic) => Err(ErrorCode::TopicAuthorizationFailed),
        place => place,
    };
    (index, place)
}

/// Adds, or asks; gives those that are not in the transaction.
async fn add(
    call: &Call,
    asked: &AddPartitionsToTxnTransaction,
    places: &[Place],
) -> Result<Vec<Place>, ErrorCode> {
    let producer = Producer { id: asked.producer_id, epoch: asked.producer_epoch };
    let transactions = &call.shared.transactions;
    if asked.verify_only {
        return transactions.verify(&asked.transactional_id, producer, places);
    }
    let version = if call.version >= SEVERAL { VERSION_2 } else { VERSION_0 };
    transactions.add(&asked.transactional_id, producer, version, places).await?;
    Ok(Vec::new())
}

fn told(
    version: i16,
    result: &Result<Vec<Place>, ErrorCode>,
    place: Result<Place, ErrorCode>,
) -> ErrorCode {
    match (place, result) {
        (Err(error), _) => error,
        (Ok(_), Err(error)) => errors::fenced(*error, version >= FENCED),
        (Ok(place), Ok(outside)) if outside.contains(&place) => match version >= ABORTABLE {
            true => ErrorCode::TransactionAbortable,
            false => ErrorCode::InvalidTxnState,
        },
        (Ok(_), Ok(_)) => ErrorCode::None,
    }
}

fn old_topic(new: AddPartitionsToTxnTopicResult) -> AddPartitionsToTxnTopicResultV3 {
    let partitions = new.results_by_partition.into_iter();
    let results_by_partition = partitions
        .map(|result| AddPartitionsToTxnPartitionResultV3 {
            partition_index: result.partition_index,
            partition_error_code: result.partition_error_code,
        })
        .collect();
    AddPartitionsToTxnTopicResultV3 { name: new.name, results_by_partition }
}
