//! `tidemill topic list|create|describe|delete`.

use clap::{Args, Subcommand};
use serde_json::json;
use tidemill_wire::metadata::MetadataResponseTopic;

use crate::connection::Where;
use crate::error::CliError;
use crate::kafka::{Client, EARLIEST, LATEST};
use crate::output;

/// Arguments of `topic`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// All topics with their partitions and records
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Make a topic
    Create {
        /// Its name
        topic: String,
        /// How many partitions it has
        #[arg(short, long, default_value_t = 1)]
        partitions: i32,
        /// A setting by Kafka's name, as retention.ms=86400000
        #[arg(short, long = "config", value_name = "NAME=VALUE", value_parser = pair)]
        configs: Vec<(String, String)>,
    },
    /// One topic, partition by partition
    Describe {
        /// Its name
        topic: String,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Remove a topic and all its records
    Delete {
        /// Its name
        topic: String,
    },
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or("write NAME=VALUE, as retention.ms=86400000")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let mut client = Client::connect(&arguments.place.kafka_address())?;
    match &arguments.action {
        Action::List { json } => list(&mut client, *json),
        Action::Create { topic, partitions, configs } => {
            let made = client.create_topic(topic, *partitions, configs)?;
            eprintln!("created topic {topic} with {made} partition{}", plural(made));
            Ok(())
        }
        Action::Describe { topic, json } => describe(&mut client, topic, *json),
        Action::Delete { topic } => {
            client.delete_topic(topic)?;
            eprintln!("deleted topic {topic}");
            Ok(())
        }
    }
}

fn plural(count: i32) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn list(client: &mut Client, as_json: bool) -> Result<(), CliError> {
    let mut topics = client.topics(None, false)?;
    topics.sort_by(|a, b| a.name.as_deref().cmp(&b.name.as_deref()));
    let mut rows = Vec::new();
    for topic in &topics {
        let name = topic.name.as_deref().unwrap_or("");
        let records: i64 = extents(client, topic)?.iter().map(|(_, start, end)| end - start).sum();
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
    let mut rows = Vec::new();
    for (partition, start, end) in extents(client, &topic)? {
        if as_json {
            let line = json!({"topic": name, "partition": partition, "start": start, "end": end});
            output::line(&line.to_string())?;
        } else {
            rows.push(
                [i64::from(partition), start, end, end - start].map(|n| n.to_string()).into(),
            );
        }
    }
    if as_json {
        return Ok(());
    }
    eprintln!("topic {name}, id {:?}", topic.topic_id);
    output::table(&["partition", "start", "end", "records"], &rows)
}

/// Partition, first offset and end of each partition.
fn extents(
    client: &mut Client,
    topic: &MetadataResponseTopic,
) -> Result<Vec<(i32, i64, i64)>, CliError> {
    let name = topic.name.as_deref().unwrap_or("").to_owned();
    let mut partitions: Vec<i32> = topic.partitions.iter().map(|p| p.partition_index).collect();
    partitions.sort_unstable();
    partitions
        .into_iter()
        .map(|partition| {
            let start = client.offset(&name, partition, EARLIEST)?;
            Ok((partition, start, client.offset(&name, partition, LATEST)?))
        })
        .collect()
}
