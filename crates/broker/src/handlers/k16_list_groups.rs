//! ListGroups (key 16): groups with members, and groups with offsets.
//!
//! Version 3 is flexible, 4 filters by state, 5 by type.

use std::collections::BTreeMap;

use tidemill_wire::Text;
use tidemill_wire::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

use crate::answer::Answer;
use crate::context::Call;
use crate::groups::types::Listed;

/// The type of a group that has offsets and no members.
const CLASSIC: &str = "classic";

/// Lists what the filters let through.
pub(crate) async fn handle(call: &Call, request: ListGroupsRequest) -> Answer<ListGroupsResponse> {
    let mut groups: BTreeMap<Text, ListedGroup> = BTreeMap::new();
    for group in call.shared.offsets.groups() {
        let id = Text::from(group.to_string());
        let protocol_type = Text::from_static("consumer");
        let line = Listed { protocol_type, state: "Empty", kind: CLASSIC };
        groups.insert(id.clone(), listed(id, line));
    }
    for (id, line) in call.shared.groups.list() {
        groups.insert(id.clone(), listed(id, line));
    }
    let passes = |filter: &[Text], value: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    groups.retain(|_, group| {
        passes(&request.states_filter, &group.group_state)
            && passes(&request.types_filter, &group.group_type)
    });
    Answer::Now(ListGroupsResponse { groups: groups.into_values().collect(), ..Default::default() })
}

fn listed(group_id: Text, line: Listed) -> ListedGroup {
    ListedGroup {
        group_id,
        protocol_type: line.protocol_type,
        group_state: Text::from_static(line.state),
        group_type: Text::from_static(line.kind),
    }
}
