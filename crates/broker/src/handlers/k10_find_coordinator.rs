//! FindCoordinator (key 10): this broker, for every group and every transactional id.
//!
//! Version 1 tells groups from transactions, 3 is flexible, 4 asks for several keys.

use tidemill_wire::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::Call;

/// The first version that asks for several keys.
const SEVERAL: i16 = 4;
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// Names this broker.
pub(crate) async fn handle(
    call: &Call,
    request: FindCoordinatorRequest,
) -> Answer<FindCoordinatorResponse> {
    if call.version < SEVERAL {
        let one = one(call, request.key_type, request.key);
        return Answer::Now(FindCoordinatorResponse {
            error_code: one.error_code,
            error_message: one.error_message,
            node_id: one.node_id,
            host: one.host,
            port: one.port,
            ..Default::default()
        });
    }
    let keys = request.coordinator_keys.into_iter();
    let coordinators = keys.map(|key| one(call, request.key_type, key)).collect();
    Answer::Now(FindCoordinatorResponse { coordinators, ..Default::default() })
}

fn one(call: &Call, key_type: i8, key: Text) -> Coordinator {
    let refused = match key_type {
        GROUP if key.is_empty() => Some((ErrorCode::InvalidGroupId, "the group id is empty")),
        TRANSACTION if key.is_empty() => {
            Some((ErrorCode::InvalidRequest, "the transactional id is empty"))
        }
        GROUP | TRANSACTION => None,
        _ => Some((
            ErrorCode::InvalidRequest,
            "only groups (0) and transactions (1) have a coordinator here",
        )),
    };
    if let Some((error, message)) = refused {
        return Coordinator {
            key,
            node_id: -1,
            host: Text::default(),
            port: -1,
            error_code: error.code(),
            error_message: Some(Text::from_static(message)),
        };
    }
    let (host, port) = call.address();
    Coordinator { key, node_id: call.shared.config.node_id, host, port, ..Default::default() }
}
