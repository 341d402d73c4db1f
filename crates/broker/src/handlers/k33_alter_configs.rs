//! AlterConfigs (key 33): all settings of a topic or broker replaced; what is not named goes back to its default.
//!
//! Version 2 is flexible. Kafka calls it superseded by IncrementalAlterConfigs, and older tools still send it.

use tidemill_wire::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};
use tidemill_wire::{ErrorCode, Text};

use super::resources::{BROKER, TOPIC};
use crate::admin::Admin;
use crate::admin::changes::check_once;
use crate::admin::kept::Values;
use crate::answer::Answer;
use crate::context::Call;
use crate::errors::{self, Failure};

/// Replaces the settings of each resource by itself.
pub(crate) async fn handle(
    call: &Call,
    request: AlterConfigsRequest,
) -> Answer<AlterConfigsResponse> {
    let done = call.blocking(move |shared| {
        let only = request.validate_only;
        let all = request.resources.iter();
        all.map(|resource| one(&shared.admin, resource, only)).collect()
    });
    Answer::Now(AlterConfigsResponse {
        responses: done.await.unwrap_or_default(),
        ..Default::default()
    })
}

fn one(
    admin: &Admin,
    resource: &AlterConfigsResource,
    validate_only: bool,
) -> AlterConfigsResourceResponse {
    let (error_code, error_message) = errors::told(replace(admin, resource, validate_only));
    AlterConfigsResourceResponse {
        error_code,
        error_message,
        resource_type: resource.resource_type,
        resource_name: Text::from(&*resource.resource_name),
    }
}

fn replace(
    admin: &Admin,
    resource: &AlterConfigsResource,
    validate_only: bool,
) -> Result<(), Failure> {
    check_once(resource.configs.iter().map(|config| &*config.name))?;
    let mut values = Values::new();
    for config in &resource.configs {
        let Some(value) = &config.value else {
            let why = format!("Null value not supported for : {}", config.name);
            return Err(Failure::new(ErrorCode::InvalidRequest, why));
        };
        values.insert(config.name.to_string(), value.to_string());
    }
    let name = &*resource.resource_name;
    match resource.resource_type {
        TOPIC => admin.replace_topic(name, &values, validate_only),
        BROKER => admin.replace_broker(name, values, validate_only),
        other => {
            let why = format!("Unsupported resource type: {other}");
            Err(Failure::new(ErrorCode::InvalidRequest, why))
        }
    }
}
