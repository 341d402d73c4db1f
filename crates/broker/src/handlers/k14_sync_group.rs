//! SyncGroup (key 14): the leader hands in the assignment; each member waits for its own.
//!
//! Version 3 brings static members, 4 is flexible, 5 names the protocol so that a mix-up is noticed.

use tidemill_wire::ErrorCode;
use tidemill_wire::sync_group::{SyncGroupRequest, SyncGroupResponse};

use crate::answer::Answer;
use crate::context::Call;
use crate::groups::types::{Identity, SyncInput};

/// Hands the sync to its group.
pub(crate) async fn handle(call: &Call, request: SyncGroupRequest) -> Answer<SyncGroupResponse> {
    let assignments =
        request.assignments.into_iter().map(|one| (one.member_id, one.assignment)).collect();
    let identity = Identity {
        member_id: request.member_id,
        instance_id: request.group_instance_id,
        generation: request.generation_id,
    };
    let answer = call.shared.groups.sync(&request.group_id, |ticket| SyncInput {
        ticket,
        identity,
        protocol_type: request.protocol_type,
        protocol: request.protocol_name,
        assignments,
    });
    Answer::Later(Box::pin(async move {
        match answer.await.unwrap_or(Err(ErrorCode::NotCoordinator)) {
            Ok(synced) => SyncGroupResponse {
                protocol_type: synced.protocol_type,
                protocol_name: synced.protocol,
                assignment: synced.assignment,
                ..Default::default()
            },
            Err(error) => SyncGroupResponse { error_code: error.code(), ..Default::default() },
        }
    }))
}
