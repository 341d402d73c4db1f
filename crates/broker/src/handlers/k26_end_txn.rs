//! EndTxn (key 26): commits or aborts a transaction, and answers once every partition says so on the disk.
//!
//! Versions: 2 knows `PRODUCER_FENCED`, 3 is flexible, 4 `TRANSACTION_ABORTABLE`, 5 raises the epoch with each end and
//! tells it (KIP-890).

use tidemill_wire::end_txn::{EndTxnRequest, EndTxnResponse};

use crate::answer::Answer;
use crate::context::Call;
use crate::errors;
use crate::transactions::types::{Producer, VERSION_0, VERSION_2};

/// The first version whose clients know `PRODUCER_FENCED`.
const FENCED: i16 = 2;
/// The first version that raises the epoch.
const RAISES: i16 = 5;

/// Ends the transaction.
pub(crate) async fn handle(call: &Call, request: EndTxnRequest) -> Answer<EndTxnResponse> {
    let producer = Producer { id: request.producer_id, epoch: request.producer_epoch };
    let version = if call.version >= RAISES { VERSION_2 } else { VERSION_0 };
    let transactions = &call.shared.transactions;
    let ended =
        transactions.end(&request.transactional_id, producer, version, request.committed).await;
    Answer::Now(match ended {
        Ok(Producer { id, epoch }) => {
            EndTxnResponse { producer_id: id, producer_epoch: epoch, ..Default::default() }
        }
        Err(error) => EndTxnResponse {
            error_code: errors::fenced(error, call.version >= FENCED).code(),
            ..Default::default()
        },
    })
}
