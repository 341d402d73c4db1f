//! DescribeConfigs (key 32): settings of topics and of this broker.
//!
//! Version 1 tells where values come from, 3 their types, 4 is flexible. Settings that have no meaning here
//! are not told, so that nobody relies on them.

use tidemill_wire::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult,
};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::Call;
use crate::topic_settings;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// Where a value comes from: the topic, or the file the broker was started with.
const FROM_TOPIC: i8 = 1;
const FROM_STATIC_BROKER: i8 = 4;

/// Describes each resource.
pub(crate) async fn handle(
    call: &Call,
    request: DescribeConfigsRequest,
) -> Answer<DescribeConfigsResponse> {
    let results = request.resources.into_iter().map(|resource| one(call, resource));
    Answer::Now(DescribeConfigsResponse { results: results.collect(), ..Default::default() })
}

fn one(call: &Call, resource: DescribeConfigsResource) -> DescribeConfigsResult {
    let settings = match resource.resource_type {
        TOPIC => topic(call, &resource.resource_name),
        BROKER => broker(call, &resource.resource_name),
        _ => Err((ErrorCode::InvalidRequest, "only topics (2) and brokers (4) have settings")),
    };
    let wanted = |name: &str| match &resource.configuration_keys {
        Some(keys) => keys.iter().any(|key| &**key == name),
        None => true,
    };
    let (settings, error) = match settings {
        Ok(settings) => (settings, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let source = if resource.resource_type == TOPIC { FROM_TOPIC } else { FROM_STATIC_BROKER };
    let configs = settings.into_iter().filter(|(name, _)| wanted(name)).map(|(name, value)| {
        DescribeConfigsResourceResult {
            name: Text::from_static(name),
            value: Some(Text::from(value)),
            read_only: true,
            config_source: source,
            ..Default::default()
        }
    });
    DescribeConfigsResult {
        error_code: error.map_or(ErrorCode::None, |(error, _)| error).code(),
        error_message: error.map(|(_, why)| Text::from_static(why)),
        resource_type: resource.resource_type,
        configs: configs.collect(),
        resource_name: resource.resource_name,
    }
}

type Settings = Result<Vec<(&'static str, String)>, (ErrorCode, &'static str)>;

fn topic(call: &Call, name: &str) -> Settings {
    match call.shared.log.topic(name) {
        Some(topic) => Ok(topic_settings::describe(&topic.config)),
        None => {
            let error = ErrorCode::UnknownTopicOrPartition;
            Err((error, error.message()))
        }
    }
}

fn broker(call: &Call, name: &str) -> Settings {
    let config = &call.shared.config;
    if name.parse() != Ok(config.node_id) {
        return Err((ErrorCode::InvalidRequest, "there is no broker of that number"));
    }
    Ok(vec![
        ("auto.create.topics.enable", config.auto_create_topics.to_string()),
        ("connections.max.idle.ms", config.connection_idle_max.as_millis().to_string()),
        ("fetch.max.bytes", config.fetch_bytes_max.to_string()),
        ("max.connections", config.connections_max.to_string()),
        ("node.id", config.node_id.to_string()),
        ("num.partitions", config.num_partitions.to_string()),
        ("offset.metadata.max.bytes", config.offset_metadata_bytes_max.to_string()),
        ("socket.request.max.bytes", config.request_bytes_max.to_string()),
    ])
}
