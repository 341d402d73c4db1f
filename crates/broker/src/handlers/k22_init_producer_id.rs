//! InitProducerId (key 22): an id and an epoch for a producer that numbers its batches (KIP-98).
//!
//! Versions: 2 is flexible, 3 tells the id and epoch that the producer has, to have the epoch raised (KIP-360), 4
//! knows `PRODUCER_FENCED`, 5 `TRANSACTION_ABORTABLE`. With a transactional id the producers before are fenced and what
//! they left open is aborted; without one an id is given from the log's own.

use tidemill_wire::ErrorCode;
use tidemill_wire::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use crate::answer::Answer;
use crate::context::Call;
use crate::errors;
use crate::transactions::types::{NO_EPOCH, NO_ID, Producer};

/// The last epoch that is given: the one after it stays free, as in Kafka, to fence with.
const EPOCH_MAX: i16 = i16::MAX - 1;
/// The first version whose clients know `PRODUCER_FENCED`.
const FENCED: i16 = 4;

/// Gives an id, or the next epoch of one.
pub(crate) async fn handle(
    call: &Call,
    request: InitProducerIdRequest,
) -> Answer<InitProducerIdResponse> {
    Answer::Now(match give(call, &request).await {
        Ok(Producer { id, epoch }) => {
            InitProducerIdResponse { producer_id: id, producer_epoch: epoch, ..Default::default() }
        }
        Err(error) => InitProducerIdResponse {
            error_code: errors::fenced(error, call.version >= FENCED).code(),
            producer_id: NO_ID,
            producer_epoch: NO_EPOCH,
            ..Default::default()
        },
    })
}

async fn give(call: &Call, request: &InitProducerIdRequest) -> Result<Producer, ErrorCode> {
    let InitProducerIdRequest { producer_id: id, producer_epoch: epoch, .. } = *request;
    if (id == NO_ID) != (epoch == NO_EPOCH) {
        return Err(ErrorCode::InvalidRequest);
    }
    let has = Producer { id, epoch };
    if let Some(transactional_id) = &request.transactional_id {
        let expected = Some(has).filter(|has| has.id != NO_ID);
        let timeout_ms = request.transaction_timeout_ms;
        return call.shared.transactions.init(transactional_id, timeout_ms, expected).await;
    }
    let log = &call.shared.log;
    if log.is_producer_id(id) && (0..EPOCH_MAX).contains(&epoch) {
        return Ok(Producer { id, epoch: epoch + 1 });
    }
    let id = log.allocate_producer_id().map_err(|error| {
        tracing::error!("{error}");
        ErrorCode::CoordinatorNotAvailable
    })?;
    Ok(Producer { id, epoch: 0 })
}
