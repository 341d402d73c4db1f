//! `tidemill cluster info`.

use clap::{Args, Subcommand};
use serde_json::json;
use tidemill_wire::ApiKey;
use tidemill_wire::api_versions::ApiVersionsResponse;

use crate::error::CliError;
use crate::kafka::Client;
use crate::output;
use crate::place::Place;

/// Arguments of `cluster`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// JSON, one object a line
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Id, brokers, features, and how many topics, partitions and groups there are
    Info {
        /// List the APIs that are served and their versions
        #[arg(long)]
        apis: bool,
    },
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let Action::Info { apis } = arguments.action;
    let mut client = Client::connect(&arguments.place)?;
    let served = client.served();
    if apis {
        return list_apis(&served, arguments.json);
    }
    let cluster = client.cluster()?;
    let topics = client.topics()?;
    let partitions: usize = topics.iter().map(|topic| topic.partitions.len()).sum();
    let groups = client.groups()?.len();
    let features: Vec<(&str, i16)> =
        served.finalized_features.iter().map(|f| (&*f.name, f.max_version_level)).collect();
    let apis = served.api_keys.len();
    if arguments.json {
        let brokers: Vec<_> = cluster
            .brokers
            .iter()
            .map(|broker| {
                let rack = broker.rack.as_deref();
                json!({"id": broker.broker_id, "host": &*broker.host, "port": broker.port, "rack": rack})
            })
            .collect();
        let features: serde_json::Map<_, _> =
            features.into_iter().map(|(name, level)| (name.to_owned(), json!(level))).collect();
        let line = json!({
            "cluster": &*cluster.cluster_id, "controller": cluster.controller_id, "brokers": brokers,
            "apis": apis, "features": features, "topics": topics.len(), "partitions": partitions,
            "groups": groups,
        });
        return output::line(&line.to_string());
    }
    output::line(&format!("cluster     {}", cluster.cluster_id))?;
    for broker in &cluster.brokers {
        let controls = if broker.broker_id == cluster.controller_id { ", controller" } else { "" };
        let rack = broker.rack.as_ref().map(|rack| format!(", rack {rack}")).unwrap_or_default();
        output::line(&format!(
            "broker {:<4} {}:{}{controls}{rack}",
            broker.broker_id, broker.host, broker.port
        ))?;
    }
    let features: Vec<String> =
        features.into_iter().map(|(name, level)| format!("{name}={level}")).collect();
    let features = if features.is_empty() { "none".to_owned() } else { features.join(" ") };
    output::line(&format!("features    {features}"))?;
    output::line(&format!("APIs        {apis}, listed by --apis"))?;
    output::line(&format!("topics      {} with {partitions} partitions", topics.len()))?;
    output::line(&format!("groups      {groups}"))
}

fn list_apis(served: &ApiVersionsResponse, as_json: bool) -> Result<(), CliError> {
    let mut rows = Vec::new();
    for api in &served.api_keys {
        let name = ApiKey::try_from(api.api_key).map_or("", ApiKey::name);
        if as_json {
            let line = json!({"key": api.api_key, "name": name, "min": api.min_version, "max": api.max_version});
            output::line(&line.to_string())?;
        } else {
            rows.push(vec![
                api.api_key.to_string(),
                name.to_owned(),
                api.min_version.to_string(),
                api.max_version.to_string(),
            ]);
        }
    }
    if as_json { Ok(()) } else { output::table(&["key", "API", "from", "to"], &rows) }
}
