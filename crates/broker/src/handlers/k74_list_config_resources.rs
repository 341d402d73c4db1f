//! ListConfigResources (key 74): names of all that has settings (KIP-1142).
//!
//! Version 0 asks for subscriptions to client metrics alone, of which there are none here; 1 names kinds.

use tidemill_wire::list_config_resources::{
    ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse,
};
use tidemill_wire::{ErrorCode, Text};

use super::resources::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use crate::answer::Answer;
use crate::context::Call;

const ALL: [i8; 5] = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];

/// Tells the names of each kind that is asked for.
pub(crate) async fn handle(
    call: &Call,
    request: ListConfigResourcesRequest,
) -> Answer<ListConfigResourcesResponse> {
    let mut response = ListConfigResourcesResponse::default();
    let asked = match call.version {
        0 => &[CLIENT_METRICS][..],
        _ if request.resource_types.is_empty() => &ALL[..],
        _ => &request.resource_types[..],
    };
    if asked.iter().any(|kind| !ALL.contains(kind)) {
        response.error_code = ErrorCode::UnsupportedVersion.code();
        return Answer::Now(response);
    }
    for kind in ALL.into_iter().filter(|kind| asked.contains(kind)) {
        let named = |resource_name: Text| ConfigResource { resource_name, resource_type: kind };
        response.config_resources.extend(names(call, kind).into_iter().map(named));
    }
    Answer::Now(response)
}

fn names(call: &Call, kind: i8) -> Vec<Text> {
    match kind {
        TOPIC => call.shared.log.topics().iter().map(|topic| Text::from(&*topic.name)).collect(),
        BROKER | BROKER_LOGGER => vec![Text::from(call.shared.config.node_id.to_string())],
        GROUP => call.shared.admin.groups_with_settings().into_iter().map(Text::from).collect(),
        _ => Vec::new(),
    }
}
