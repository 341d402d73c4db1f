//! DescribeTransactions (key 65): where transactional ids stand (KIP-664).

use tidemill_wire::describe_transactions::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, TopicData, TransactionState,
};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::Call;
use crate::transactions::codec::by_topic;

/// Describes each id.
pub(crate) async fn handle(
    call: &Call,
    request: DescribeTransactionsRequest,
) -> Answer<DescribeTransactionsResponse> {
    let transaction_states = request.transactional_ids.into_iter().map(|id| one(call, &id));
    Answer::Now(DescribeTransactionsResponse {
        transaction_states: transaction_states.collect(),
        ..Default::default()
    })
}

fn one(call: &Call, transactional_id: &Text) -> TransactionState {
    let refuse = |error: ErrorCode| TransactionState {
        error_code: error.code(),
        transactional_id: transactional_id.clone(),
        ..Default::default()
    };
    if transactional_id.is_empty() {
        return refuse(ErrorCode::InvalidRequest);
    }
    let Some(found) = call.shared.transactions.view(transactional_id) else {
        return refuse(ErrorCode::TransactionalIdNotFound);
    };
    let topics = by_topic(&found.partitions)
        .into_iter()
        .map(|(topic, partitions)| TopicData { topic: Text::from(&*topic), partitions });
    TransactionState {
        error_code: 0,
        transactional_id: transactional_id.clone(),
        transaction_state: Text::from_static(found.state.name()),
        transaction_timeout_ms: found.timeout_ms,
        transaction_start_time_ms: found.start_ms,
        producer_id: found.producer.id,
        producer_epoch: found.producer.epoch,
        topics: topics.collect(),
    }
}
