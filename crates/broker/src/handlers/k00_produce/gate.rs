//! Whether the transactional batches of a request may be appended.
//!
//! A batch that says it is part of a transaction would open one in its partition by itself, and nobody would
//! end it. So the transaction's coordinator is asked first (KIP-890), and while the [`Gate`] lives the producer cannot end
//! the transaction before the batches are in the log's queue.

use std::sync::Arc;

use tidemill_commitlog::batch;
use tidemill_wire::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use tidemill_wire::{ErrorCode, Text};

use crate::context::Call;
use crate::transactions::driver::Admission;
use crate::transactions::types::{Place, Producer, VERSION_0, VERSION_2};
use crate::{errors, topics};

/// The first version that names topics by id.
const BY_ID: i16 = 13;
/// The first version whose clients know `TRANSACTION_ABORTABLE`.
const ABORTABLE: i16 = 11;
/// The first version that adds partitions by writing to them.
const ADDS: i16 = 12;

/// See the module.
pub(super) enum Gate {
    /// Nothing is part of a transaction.
    Open,
    /// What is part of the transaction may be appended, but for some partitions.
    Admitted(Admission),
    /// Nothing may be appended.
    Closed(ErrorCode),
}

impl Gate {
    /// Asks for all batches of a request.
    pub(super) async fn of(call: &Call, request: &ProduceRequest) -> Self {
        let found = match find(call, request) {
            Ok(found) => found,
            Err(error) => return Self::Closed(error),
        };
        let Some((producer, places)) = found else { return Self::Open };
        let Some(id) = &request.transactional_id else {
            return Self::Closed(ErrorCode::TransactionalIdAuthorizationFailed);
        };
        Self::ask(call, id, producer, &places).await
    }

    async fn ask(call: &Call, id: &Text, producer: Producer, places: &[Place]) -> Self {
        if places.is_empty() {
            // Each of these partitions is refused for itself.
            return Self::Open;
        }
        let version = if call.version >= ADDS { VERSION_2 } else { VERSION_0 };
        match call.shared.transactions.admit(id, producer, version, places).await {
            Ok(admission) => Self::Admitted(admission),
            Err(error) => Self::Closed(told(call.version, error)),
        }
    }

    /// Whether the batches for a partition may be appended.
    pub(super) fn check(&self, version: i16, topic: &str, index: i32) -> Result<(), ErrorCode> {
        match self {
            Self::Open => Ok(()),
            Self::Closed(error) => Err(*error),
            Self::Admitted(admission) => {
                let mut outside = admission.outside.iter();
                match outside.any(|(name, partition)| **name == *topic && *partition == index) {
                    false => Ok(()),
                    true if version >= ABORTABLE => Err(ErrorCode::TransactionAbortable),
                    true => Err(ErrorCode::InvalidTxnState),
                }
            }
        }
    }
}

/// The one producer of all transactional batches, and the partitions they are for; `None` if there are no such batches.
///
/// # Errors
/// There are several producers.
fn find(
    call: &Call,
    request: &ProduceRequest,
) -> Result<Option<(Producer, Vec<Place>)>, ErrorCode> {
    let mut producer = None;
    let mut places = Vec::new();
    for topic in &request.topic_data {
        // Looked up once a topic, and only if it is needed.
        let mut name = None;
        for data in &topic.partition_data {
            let Some(found) = producer_of(data)? else { continue };
            if *producer.get_or_insert(found) != found {
                return Err(ErrorCode::InvalidTxnState);
            }
            let name = name.get_or_insert_with(|| name_of(call, topic)).as_ref();
            let place = name.map(|name| call.shared.place(name, data.index));
            places.extend(place.and_then(Result::ok));
        }
    }
    Ok(producer.map(|producer| (producer, places)))
}

fn name_of(call: &Call, topic: &TopicProduceData) -> Option<Arc<str>> {
    let found = call.shared.find_topic(call.version >= BY_ID, &topic.name, topic.topic_id).ok()?;
    (!topics::is_internal(&found.name)).then_some(found.name)
}

/// The producer of a partition's transactional batches.
fn producer_of(data: &PartitionProduceData) -> Result<Option<Producer>, ErrorCode> {
    let Some(records) = &data.records else { return Ok(None) };
    let mut producer = None;
    for chunk in records.chunks() {
        for (header, _) in batch::frames(chunk).map_while(Result::ok) {
            if header.is_transactional() {
                let found = Producer { id: header.producer_id, epoch: header.producer_epoch };
                if *producer.get_or_insert(found) != found {
                    return Err(ErrorCode::InvalidTxnState);
                }
            }
        }
    }
    Ok(producer)
}

/// What clients of this version know how to take: old ones try again after `NOT_ENOUGH_REPLICAS`.
fn told(version: i16, error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::ConcurrentTransactions if version < ADDS => ErrorCode::NotEnoughReplicas,
        ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
            ErrorCode::NotEnoughReplicas
        }
        error => errors::fenced(error, false),
    }
}
