//! InitProducerId (key 22): an id and an epoch for a producer that numbers its batches (KIP-98).
//!
//! Versions: 2 is flexible, 3 tells the id and epoch that the producer has, to have the epoch raised (KIP-360), 4
//! and 5 change nothing here.
//!
//! There are no transactions yet. A producer that asks for one is told `UNSUPPORTED_VERSION`: clients take that
//! for final and say so at once, where `NOT_COORDINATOR` would have them ask for ever.

use tidemill_wire::ErrorCode;
use tidemill_wire::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use crate::answer::Answer;
use crate::context::Call;

/// No id, or no epoch.
const NONE: i64 = -1;
/// The last epoch that is given: the one after it stays free, as in Kafka, to fence with.
const EPOCH_MAX: i16 = i16::MAX - 1;

/// Gives an id, or the next epoch of one.
pub(crate) async fn handle(
    call: &Call,
    request: InitProducerIdRequest,
) -> Answer<InitProducerIdResponse> {
    Answer::Now(match give(call, &request) {
        Ok((producer_id, producer_epoch)) => {
            InitProducerIdResponse { producer_id, producer_epoch, ..Default::default() }
        }
        Err(error) => InitProducerIdResponse {
            error_code: error.code(),
            producer_id: NONE,
            producer_epoch: -1,
            ..Default::default()
        },
    })
}

fn give(call: &Call, request: &InitProducerIdRequest) -> Result<(i64, i16), ErrorCode> {
    let InitProducerIdRequest { producer_id: id, producer_epoch: epoch, .. } = *request;
    if request.transactional_id.is_some() {
        return Err(ErrorCode::UnsupportedVersion);
    }
    if (id == NONE) != (epoch == -1) {
        return Err(ErrorCode::InvalidRequest);
    }
    let log = &call.shared.log;
    if log.is_producer_id(id) && (0..EPOCH_MAX).contains(&epoch) {
        return Ok((id, epoch + 1));
    }
    let id = log.allocate_producer_id().map_err(|error| {
        tracing::error!("{error}");
        ErrorCode::CoordinatorNotAvailable
    })?;
    Ok((id, 0))
}
