//! Heartbeat (key 12): a member says that it lives and hears whether to join again.
//!
//! Version 3 brings static members, 4 is flexible.

use tidemill_wire::heartbeat::{HeartbeatRequest, HeartbeatResponse};

use crate::answer::Answer;
use crate::context::Call;
use crate::groups::types::Identity;

/// Hands the heartbeat to its group.
pub(crate) async fn handle(call: &Call, request: HeartbeatRequest) -> Answer<HeartbeatResponse> {
    let who = Identity {
        member_id: request.member_id,
        instance_id: request.group_instance_id,
        generation: request.generation_id,
    };
    let error_code = call.shared.groups.heartbeat(&request.group_id, &who).code();
    Answer::Now(HeartbeatResponse { error_code, ..Default::default() })
}
