//! IncrementalAlterConfigs (key 44): single settings of topics, of this broker and of groups (KIP-339).
//!
//! Version 1 is flexible. A resource is changed whole or not at all.

use std::collections::BTreeMap;

use tidemill_wire::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use tidemill_wire::{ErrorCode, Text};

use super::resources::{BROKER, BROKER_LOGGER, GROUP, ROOT_LOGGER, TOPIC};
use crate::admin::Admin;
use crate::admin::changes::{Change, Operation};
use crate::answer::Answer;
use crate::context::Call;
use crate::errors::{self, Failure};

/// Changes each resource by itself.
pub(crate) async fn handle(
    call: &Call,
    request: IncrementalAlterConfigsRequest,
) -> Answer<IncrementalAlterConfigsResponse> {
    let done = call.blocking(move |shared| {
        let mut times: BTreeMap<(i8, &str), usize> = BTreeMap::new();
        for resource in &request.resources {
            *times.entry((resource.resource_type, &resource.resource_name)).or_default() += 1;
        }
        let all = request.resources.iter();
        all.map(|resource| {
            let twice = times.get(&(resource.resource_type, &*resource.resource_name)) != Some(&1);
            let result = match twice {
                true => {
                    let why = "Each resource must appear at most once.";
                    Err(Failure::new(ErrorCode::InvalidRequest, why))
                }
                false => alter(&shared.admin, resource, request.validate_only),
            };
            let (error_code, error_message) = errors::told(result);
            AlterConfigsResourceResponse {
                error_code,
                error_message,
                resource_type: resource.resource_type,
                resource_name: Text::from(&*resource.resource_name),
            }
        })
        .collect()
    });
    let responses = done.await.unwrap_or_default();
    Answer::Now(IncrementalAlterConfigsResponse { responses, ..Default::default() })
}

fn alter(admin: &Admin, resource: &AlterConfigsResource, only: bool) -> Result<(), Failure> {
    let invalid = |why: String| Failure::new(ErrorCode::InvalidRequest, why);
    let mut changes = Vec::with_capacity(resource.configs.len());
    for config in &resource.configs {
        let number = config.config_operation;
        let operation = Operation::from_wire(number)
            .ok_or_else(|| invalid(format!("Unknown operation type {number}")))?;
        let value = config.value.as_ref().map(ToString::to_string);
        changes.push(Change { name: config.name.to_string(), operation, value });
    }
    let name = &*resource.resource_name;
    match resource.resource_type {
        TOPIC => admin.alter_topic(name, &changes, only),
        BROKER => admin.alter_broker(name, &changes, only),
        GROUP => admin.alter_group(name, &changes, only),
        BROKER_LOGGER => loggers(admin, name, &changes),
        other => Err(invalid(format!("Unsupported resource type: {other}"))),
    }
}

/// Levels are set when the program starts.
fn loggers(admin: &Admin, broker: &str, changes: &[Change]) -> Result<(), Failure> {
    admin.is_for_all(broker)?;
    let Some(change) = changes.first() else { return Ok(()) };
    let list = match change.operation {
        Operation::Append => Some("APPEND"),
        Operation::Subtract => Some("SUBTRACT"),
        _ => None,
    };
    if let Some(list) = list {
        let why = format!("{list} operation is not allowed for the BROKER_LOGGER resource");
        return Err(Failure::new(ErrorCode::InvalidRequest, why));
    }
    let why = match change.name == ROOT_LOGGER {
        true => "levels are set when the program starts".to_owned(),
        false => format!("Logger {} does not exist!", change.name),
    };
    Err(Failure::new(ErrorCode::InvalidConfig, why))
}
