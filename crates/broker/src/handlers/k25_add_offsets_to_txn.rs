//! AddOffsetsToTxn (key 25): a transaction will commit offsets of a group (KIP-98).
//!
//! Versions: 2 knows `PRODUCER_FENCED`, 3 is flexible, 4 `TRANSACTION_ABORTABLE`. The partition that holds the group's
//! offsets comes into the transaction like any other.

use tidemill_wire::ErrorCode;
use tidemill_wire::add_offsets_to_txn::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};

use crate::answer::Answer;
use crate::context::Call;
use crate::errors;
use crate::transactions::types::{Producer, VERSION_0};

/// The first version whose clients know `PRODUCER_FENCED`.
const FENCED: i16 = 2;

/// Adds the group's partition.
pub(crate) async fn handle(
    call: &Call,
    request: AddOffsetsToTxnRequest,
) -> Answer<AddOffsetsToTxnResponse> {
    let error = add(call, &request).await.err().unwrap_or(ErrorCode::None);
    let error_code = errors::fenced(error, call.version >= FENCED).code();
    Answer::Now(AddOffsetsToTxnResponse { error_code, ..Default::default() })
}

async fn add(call: &Call, request: &AddOffsetsToTxnRequest) -> Result<(), ErrorCode> {
    if request.group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let producer = Producer { id: request.producer_id, epoch: request.producer_epoch };
    let place = call.shared.offsets_place();
    let transactions = &call.shared.transactions;
    transactions.add(&request.transactional_id, producer, VERSION_0, &[place]).await
}
