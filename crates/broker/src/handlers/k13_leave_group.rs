//! LeaveGroup (key 13): members leave.
//!
//! Version 3 takes several, also by static id; 4 is flexible; 5 brings a reason.

use tidemill_wire::ErrorCode;
use tidemill_wire::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberResponse};

use crate::answer::Answer;
use crate::context::Call;

/// The first version that takes several members.
const SEVERAL: i16 = 3;

/// Hands each leave to the group.
pub(crate) async fn handle(call: &Call, request: LeaveGroupRequest) -> Answer<LeaveGroupResponse> {
    let groups = &call.shared.groups;
    let group = &request.group_id;
    if group.is_empty() {
        let error_code = ErrorCode::InvalidGroupId.code();
        return Answer::Now(LeaveGroupResponse { error_code, ..Default::default() });
    }
    if call.version < SEVERAL {
        let left = groups.leave(group, &request.member_id, None);
        let error_code = left.unwrap_or(ErrorCode::UnknownMemberId).code();
        return Answer::Now(LeaveGroupResponse { error_code, ..Default::default() });
    }
    if !groups.is_known(group) {
        let error_code = ErrorCode::UnknownMemberId.code();
        return Answer::Now(LeaveGroupResponse { error_code, ..Default::default() });
    }
    let members = request.members.into_iter().map(|member| {
        let left = groups.leave(group, &member.member_id, member.group_instance_id.as_ref());
        let error = left.unwrap_or(ErrorCode::UnknownMemberId);
        MemberResponse {
            member_id: member.member_id,
            group_instance_id: member.group_instance_id,
            error_code: error.code(),
        }
    });
    Answer::Now(LeaveGroupResponse { members: members.collect(), ..Default::default() })
}
