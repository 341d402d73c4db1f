//! DescribeGroups (key 15): state and members of groups.
//!
//! Version 4 brings static members, 5 is flexible, 6 says when a group is not there.

use tidemill_wire::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::Call;
use crate::groups::types::GroupView;

/// The first version that says when a group is not there; before, it is dead.
const SAYS_NOT_FOUND: i16 = 6;

/// Describes each group.
pub(crate) async fn handle(
    call: &Call,
    request: DescribeGroupsRequest,
) -> Answer<DescribeGroupsResponse> {
    let groups = request.groups.into_iter().map(|group| match call.shared.groups.view(&group) {
        Some(view) => living(group, view),
        None => without_members(call, group),
    });
    Answer::Now(DescribeGroupsResponse { groups: groups.collect(), ..Default::default() })
}

fn living(group_id: Text, view: GroupView) -> DescribedGroup {
    let members = view.members.into_iter().map(|member| DescribedGroupMember {
        member_id: member.member_id,
        group_instance_id: member.instance_id,
        client_id: member.client_id,
        client_host: member.client_host,
        member_metadata: member.metadata,
        member_assignment: member.assignment,
    });
    DescribedGroup {
        group_id,
        group_state: Text::from_static(view.state),
        protocol_type: view.protocol_type,
        protocol_data: view.protocol,
        members: members.collect(),
        ..Default::default()
    }
}

/// A group without members has offsets, or is none.
fn without_members(call: &Call, group_id: Text) -> DescribedGroup {
    // Groups of the consumer protocol are described by ConsumerGroupDescribe only.
    let is_consumer = call.shared.groups.is_known(&group_id);
    let known = !is_consumer && !call.shared.offsets.fetch_all(&group_id).is_empty();
    let mut group = DescribedGroup {
        group_id,
        group_state: Text::from_static(if known { "Empty" } else { "Dead" }),
        ..Default::default()
    };
    if known {
        group.protocol_type = Text::from_static("consumer");
    } else if call.version >= SAYS_NOT_FOUND {
        group.error_code = ErrorCode::GroupIdNotFound.code();
        group.error_message = Some(Text::from_static(ErrorCode::GroupIdNotFound.message()));
    }
    group
}
