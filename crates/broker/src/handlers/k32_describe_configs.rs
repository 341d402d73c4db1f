//! DescribeConfigs (key 32): settings of topics, of this broker and its logger, and of groups.
//!
//! Version 1 tells where values come from, 3 their types and what they mean, 4 is flexible.

use tidemill_wire::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use tidemill_wire::{ErrorCode, Text};
use tracing::level_filters::LevelFilter;

use super::resources::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, ROOT_LOGGER, TOPIC};
use crate::admin::Admin;
use crate::admin::describe::Described;
use crate::answer::Answer;
use crate::context::Call;
use crate::errors::{self, Failure};
use crate::settings::layers::Source;

/// Describes each resource.
pub(crate) async fn handle(
    call: &Call,
    request: DescribeConfigsRequest,
) -> Answer<DescribeConfigsResponse> {
    let admin = &call.shared.admin;
    let results = request.resources.iter().map(|resource| one(admin, &request, resource));
    Answer::Now(DescribeConfigsResponse { results: results.collect(), ..Default::default() })
}

fn one(
    admin: &Admin,
    request: &DescribeConfigsRequest,
    resource: &DescribeConfigsResource,
) -> DescribeConfigsResult {
    let name = &*resource.resource_name;
    let described = match resource.resource_type {
        TOPIC => admin.describe_topic(name),
        BROKER => admin.describe_broker(name),
        BROKER_LOGGER => loggers(admin, name),
        GROUP => admin.describe_group(name),
        // Nothing is subscribed to where nothing is collected.
        CLIENT_METRICS => Ok(Vec::new()),
        other => {
            let why = format!("Unsupported resource type: {other}");
            Err(Failure::new(ErrorCode::InvalidRequest, why))
        }
    };
    let wanted = |described: &&Described| match &resource.configuration_keys {
        Some(keys) => keys.iter().any(|key| **key == *described.name),
        None => true,
    };
    let configs = match &described {
        Ok(all) => all.iter().filter(wanted).map(|one| tell(request, one)).collect(),
        Err(_) => Vec::new(),
    };
    let (error_code, error_message) = errors::told(described);
    DescribeConfigsResult {
        error_code,
        // Kafka's own answers have an empty text where all is well.
        error_message: error_message.or(Some(Text::default())),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        configs,
    }
}

fn tell(request: &DescribeConfigsRequest, described: &Described) -> DescribeConfigsResourceResult {
    let text = |text: &String| Text::from(text.as_str());
    let synonyms = described.synonyms.iter().map(|(name, value, source)| DescribeConfigsSynonym {
        name: text(name),
        value: value.as_ref().map(text),
        source: *source as i8,
    });
    DescribeConfigsResourceResult {
        name: text(&described.name),
        value: described.value.as_ref().map(text),
        read_only: described.read_only,
        config_source: described.source as i8,
        is_sensitive: described.sensitive,
        synonyms: if request.include_synonyms { synonyms.collect() } else { Vec::new() },
        config_type: described.kind.map_or(0, |kind| kind as i8),
        documentation: request.include_documentation.then(|| Text::from_static(described.doc)),
    }
}

/// The level below which nothing is logged, in the words of Kafka's loggers.
fn loggers(admin: &Admin, broker: &str) -> Result<Vec<Described>, Failure> {
    if admin.is_for_all(broker)? {
        let why = "Broker id must not be empty";
        return Err(Failure::new(ErrorCode::InvalidRequest, why));
    }
    let level = match LevelFilter::current() {
        LevelFilter::OFF => "FATAL".to_owned(),
        level => level.to_string().to_uppercase(),
    };
    Ok(vec![Described {
        name: ROOT_LOGGER.to_owned(),
        value: Some(level),
        source: Source::Logger,
        read_only: true,
        sensitive: false,
        kind: None,
        doc: "The level of what the program logs, set when it starts.",
        synonyms: Vec::new(),
    }])
}
