//! `tidemill topic list|create|describe|alter|delete`.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::json;
use tidemill_wire::metadata::MetadataResponseTopic;

use crate::error::CliError;
use crate::kafka::{Change, Client, EARLIEST, Kind, LATEST, Listed, NewTopic, TopicPartition};
use crate::output;
use crate::place::{Place, pair};

/// Arguments of `topic`.
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
    /// All topics with their partitions and records
    List {
        /// Show the topics that the cluster keeps for itself too
        #[arg(short, long)]
        all: bool,
    },
    /// Make a topic
    Create {
        /// Its name
        topic: String,
        /// How many partitions it has; the broker's default if not given
        #[arg(short, long, value_parser = clap::value_parser!(i32).range(1..))]
        partitions: Option<i32>,
        /// How many copies there are; the broker's default if not given, and one on Tidemill
        #[arg(short, long, value_parser = clap::value_parser!(i16).range(1..))]
        replication_factor: Option<i16>,
        /// A setting by Kafka's name, as retention.ms=86400000
        #[arg(short, long = "config", value_name = "NAME=VALUE", value_parser = pair)]
        configs: Vec<(String, String)>,
        /// Do nothing if the topic is there
        #[arg(long)]
        if_not_exists: bool,
    },
    /// One topic: its partitions, and the settings that differ from the defaults
    Describe {
        /// Its name
        topic: String,
    },
    /// Raise the number of partitions, or change settings
    Alter {
        /// Its name
        topic: String,
        /// How many partitions there shall be in all
        #[arg(short, long, value_parser = clap::value_parser!(i32).range(1..))]
        partitions: Option<i32>,
        /// A setting by Kafka's name, as retention.ms=86400000
        #[arg(short, long = "config", value_name = "NAME=VALUE", value_parser = pair)]
        configs: Vec<(String, String)>,
        /// A setting that shall have its default again
        #[arg(short, long, value_name = "NAME")]
        unset: Vec<String>,
    },
    /// Remove a topic and all its records
    Delete {
        /// Its name
        topic: String,
    },
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let mut client = Client::connect(&arguments.place)?;
    let as_json = arguments.json;
    match &arguments.action {
        Action::List { all } => list(&mut client, *all, as_json),
        Action::Create { topic, partitions, replication_factor, configs, if_not_exists } => {
            let new = NewTopic {
                name: topic,
                partitions: partitions.unwrap_or(-1),
                replication_factor: replication_factor.unwrap_or(-1),
                settings: configs,
            };
            create(&mut client, &new, *if_not_exists, as_json)
        }
        Action::Describe { topic } => describe(&mut client, topic, as_json),
        Action::Alter { topic, partitions, configs, unset } => {
            let set = configs.iter().map(|(name, value)| Change::Set(name.clone(), value.clone()));
            let changes: Vec<Change> =
                set.chain(unset.iter().map(|name| Change::Unset(name.clone()))).collect();
            alter(&mut client, topic, *partitions, &changes, as_json)
        }
        Action::Delete { topic } => {
            client.delete_topic(topic)?;
            output::done(&format!("deleted topic {topic}"), as_json, &json!({"deleted": topic}))
        }
    }
}

fn create(
    client: &mut Client,
    new: &NewTopic<'_>,
    if_not_exists: bool,
    as_json: bool,
) -> Result<(), CliError> {
    let name = new.name;
    if if_not_exists && client.topics()?.iter().any(|topic| topic.name.as_deref() == Some(name)) {
        return output::done(
            &format!("topic {name} is there already"),
            as_json,
            &json!({"topic": name, "created": false}),
        );
    }
    let made = client.create_topic(new)?;
    let plural = if made == 1 { "" } else { "s" };
    let with = if made < 0 { String::new() } else { format!(" with {made} partition{plural}") };
    output::done(
        &format!("created topic {name}{with}"),
        as_json,
        &json!({"topic": name, "created": true, "partitions": made}),
    )
}

fn alter(
    client: &mut Client,
    name: &str,
    partitions: Option<i32>,
    changes: &[Change],
    as_json: bool,
) -> Result<(), CliError> {
    if partitions.is_none() && changes.is_empty() {
        let what = "nothing to change; give --partitions N, --config NAME=VALUE or --unset NAME";
        return Err(CliError::Usage(what.to_owned()));
    }
    client.topic(name, false)?;
    if !changes.is_empty() {
        client.change_settings(Kind::Topic, name, changes)?;
    }
    if let Some(total) = partitions {
        client.add_partitions(name, total)?;
    }
    output::done(&format!("altered topic {name}"), as_json, &json!({"altered": name}))
}

fn list(client: &mut Client, all: bool, as_json: bool) -> Result<(), CliError> {
    let mut topics = client.topics()?;
    topics.retain(|topic| all || !topic.is_internal);
    let extents = extents(client, &topics)?;
    let mut rows = Vec::new();
    for topic in &topics {
        let name = topic.name.as_deref().unwrap_or("");
        let records: i64 = extents
            .range((name.to_owned(), i32::MIN)..=(name.to_owned(), i32::MAX))
            .map(|(_, (start, end))| end - start)
            .sum();
        let partitions = topic.partitions.len();
        if as_json {
            let line = json!({"topic": name, "partitions": partitions, "records": records});
            output::line(&line.to_string())?;
        } else {
            rows.push(vec![name.to_owned(), partitions.to_string(), records.to_string()]);
        }
    }
    if as_json { Ok(()) } else { output::table(&["topic", "partitions", "records"], &rows) }
}

fn describe(client: &mut Client, name: &str, as_json: bool) -> Result<(), CliError> {
    let topic = client.topic(name, false)?;
    let settings = client.settings(Kind::Topic, name)?;
    let changed = settings.iter().filter(|setting| setting.source == "topic");
    let settings: Vec<(&str, &str)> = changed
        .map(|setting| (setting.name.as_str(), setting.value.as_deref().unwrap_or("")))
        .collect();
    let extents = extents(client, std::slice::from_ref(&topic))?;
    let id = format!("{:?}", topic.topic_id);
    let mut rows = Vec::new();
    for partition in &topic.partitions {
        let index = partition.partition_index;
        let (start, end) = extents.get(&(name.to_owned(), index)).copied().unwrap_or_default();
        if as_json {
            let line = json!({
                "topic": name, "id": id, "partition": index, "start": start, "end": end,
                "leader": partition.leader_id, "replicas": partition.replica_nodes,
                "in_sync": partition.isr_nodes,
            });
            output::line(&line.to_string())?;
        } else {
            let nodes =
                |nodes: &[i32]| nodes.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
            let mut row: Vec<String> =
                [i64::from(index), start, end, end - start].map(|n| n.to_string()).into();
            row.push(partition.leader_id.to_string());
            row.push(nodes(&partition.replica_nodes));
            row.push(nodes(&partition.isr_nodes));
            rows.push(row);
        }
    }
    if as_json {
        let settings: BTreeMap<&str, &str> = settings.into_iter().collect();
        return output::line(&json!({"topic": name, "settings": settings}).to_string());
    }
    output::line(&format!("topic {name}, id {id}"))?;
    for (name, value) in settings {
        output::line(&format!("{name}={value}"))?;
    }
    let head = ["partition", "start", "end", "records", "leader", "replicas", "in sync"];
    output::table(&head, &rows)
}

/// First offset and end.
type Extent = (i64, i64);

/// First offset and end of each partition.
fn extents(
    client: &mut Client,
    topics: &[MetadataResponseTopic],
) -> Result<BTreeMap<TopicPartition, Extent>, CliError> {
    let starts = client.offsets(topics, EARLIEST, false)?;
    let ends = client.offsets(topics, LATEST, false)?;
    let extent = |(at, end): (&TopicPartition, &Listed)| {
        let start = starts.get(at).map_or(0, |listed| listed.offset);
        (at.clone(), (start, end.offset))
    };
    Ok(ends.iter().map(extent).collect())
}
