//! `tidemill group list|describe|seek|reset|delete`.

mod chosen;
mod seek;

use std::collections::BTreeSet;

use chosen::{at_host, check_empty, is_wanted, parse_topic};
use clap::{Args, Subcommand};
use serde_json::json;
use tidemill_wire::metadata::MetadataResponseTopic;

use crate::error::CliError;
use crate::kafka::{Client, Group, LATEST, Member, TopicPartition};
use crate::output;
use crate::place::Place;

/// Arguments of `group`.
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
    /// All groups with their state
    List,
    /// How far a group is in each partition, how much it has still to read, and which member reads it
    Describe {
        /// Its name
        group: String,
    },
    /// Move a group that has no members
    Seek(seek::Arguments),
    /// Forget how far a group without members is, so that it begins as a new one
    Reset {
        /// Its name
        group: String,
        /// Only this topic, or some of its partitions as TOPIC:0,3; may be given again
        #[arg(short, long = "topic", value_name = "TOPIC[:P,…]")]
        topics: Vec<String>,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove a group without members
    Delete {
        /// Its name
        group: String,
    },
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let mut client = Client::connect(&arguments.place)?;
    let as_json = arguments.json;
    match &arguments.action {
        Action::List => list(&mut client, as_json),
        Action::Describe { group } => describe(&mut client, group, as_json),
        Action::Seek(arguments) => seek::run(&mut client, arguments, as_json),
        Action::Reset { group, topics, dry_run } => {
            reset(&mut client, group, topics, *dry_run, as_json)
        }
        Action::Delete { group } => {
            client.delete_group(group)?;
            output::done(&format!("deleted group {group}"), as_json, &json!({"deleted": group}))
        }
    }
}

fn list(client: &mut Client, as_json: bool) -> Result<(), CliError> {
    let groups = client.groups()?;
    if !as_json {
        let rows: Vec<Vec<String>> =
            groups.into_iter().map(|group| vec![group.id, group.kind, group.state]).collect();
        return output::table(&["group", "protocol", "state"], &rows);
    }
    for group in groups {
        let line = json!({"group": group.id, "protocol": group.kind, "state": group.state});
        output::line(&line.to_string())?;
    }
    Ok(())
}

/// One line of a description.
struct Row<'a> {
    at: TopicPartition,
    committed: Option<i64>,
    end: Option<i64>,
    member: Option<&'a Member>,
}

impl Row<'_> {
    fn lag(&self) -> Option<i64> {
        self.committed.zip(self.end).map(|(committed, end)| (end - committed).max(0))
    }
}

fn describe(client: &mut Client, name: &str, as_json: bool) -> Result<(), CliError> {
    let group = client.group(name)?;
    let committed = client.committed(name)?;
    let mut partitions: BTreeSet<TopicPartition> = committed.keys().cloned().collect();
    partitions.extend(group.members.iter().flat_map(|member| member.assignment.iter().cloned()));
    let topics = topics_of(client, &partitions)?;
    let ends = client.offsets(&topics, LATEST, false)?;
    let row = |at: TopicPartition| Row {
        committed: committed.get(&at).copied(),
        end: ends.get(&at).map(|listed| listed.offset),
        member: group.members.iter().find(|member| member.assignment.contains(&at)),
        at,
    };
    let rows: Vec<Row<'_>> = partitions.into_iter().map(row).collect();
    if as_json { describe_json(name, &group, &rows) } else { describe_text(name, &group, &rows) }
}

fn describe_json(name: &str, group: &Group, rows: &[Row<'_>]) -> Result<(), CliError> {
    let members: Vec<_> = group
        .members
        .iter()
        .map(|member| {
            json!({
                "member": member.id, "instance": member.instance, "client": member.client,
                "host": member.host, "partitions": member.assignment.len(),
            })
        })
        .collect();
    let head = json!({
        "group": name, "protocol": group.kind, "state": group.state, "assignor": group.assignor,
        "members": members,
    });
    output::line(&head.to_string())?;
    for row in rows {
        let line = json!({
            "group": name, "topic": row.at.0, "partition": row.at.1, "committed": row.committed,
            "end": row.end, "lag": row.lag(), "member": row.member.map(|member| &member.id),
        });
        output::line(&line.to_string())?;
    }
    Ok(())
}

fn describe_text(name: &str, group: &Group, rows: &[Row<'_>]) -> Result<(), CliError> {
    let count = group.members.len();
    let plural = if count == 1 { "" } else { "s" };
    let assignor = if group.assignor.is_empty() { "" } else { ", " };
    output::line(&format!(
        "group {name}, {} protocol, {}, {count} member{plural}{assignor}{}",
        group.kind, group.state, group.assignor
    ))?;
    let lag: i64 = rows.iter().filter_map(Row::lag).sum();
    let unknown = match rows.iter().filter(|row| row.committed.is_none()).count() {
        0 => String::new(),
        count => format!(", not counting {count} partitions without a committed offset"),
    };
    output::line(&format!("lag {lag}{unknown}"))?;
    let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let table: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let member = row.member;
            vec![
                row.at.0.clone(),
                row.at.1.to_string(),
                number(row.committed),
                number(row.end),
                number(row.lag()),
                member.map_or_else(|| "-".to_owned(), |member| member.id.clone()),
                member.map_or_else(
                    || "-".to_owned(),
                    |m| format!("{}{}", m.client, at_host(&m.host)),
                ),
            ]
        })
        .collect();
    output::table(&["topic", "partition", "committed", "end", "lag", "member", "client"], &table)?;
    for member in group.members.iter().filter(|member| member.assignment.is_empty()) {
        output::line(&format!(
            "{} {}{} reads nothing",
            member.id,
            member.client,
            at_host(&member.host)
        ))?;
    }
    Ok(())
}

/// The topics of these partitions that are still there, with these partitions only.
fn topics_of(
    client: &mut Client,
    partitions: &BTreeSet<TopicPartition>,
) -> Result<Vec<MetadataResponseTopic>, CliError> {
    let mut topics = client.topics()?;
    for topic in &mut topics {
        let name = topic.name.as_deref().unwrap_or("").to_owned();
        topic.partitions.retain(|p| partitions.contains(&(name.clone(), p.partition_index)));
    }
    topics.retain(|topic| !topic.partitions.is_empty());
    Ok(topics)
}

fn reset(
    client: &mut Client,
    name: &str,
    topics: &[String],
    dry_run: bool,
    as_json: bool,
) -> Result<(), CliError> {
    let wanted = topics.iter().map(|text| parse_topic(text)).collect::<Result<_, _>>()?;
    let group = client.group(name)?;
    check_empty(name, &group)?;
    let committed = client.committed(name)?;
    let partitions: BTreeSet<TopicPartition> =
        committed.into_keys().filter(|at| is_wanted(&wanted, at)).collect();
    if partitions.is_empty() {
        let why = "it has no offsets there";
        return Err(CliError::failed(format!("group `{name}`"), why));
    }
    if !dry_run {
        client.forget(name, &partitions)?;
    }
    let rows: Vec<Vec<String>> = partitions
        .iter()
        .map(|(topic, partition)| vec![topic.clone(), partition.to_string()])
        .collect();
    if as_json {
        for (topic, partition) in &partitions {
            let line =
                json!({"group": name, "topic": topic, "partition": partition, "dry_run": dry_run});
            output::line(&line.to_string())?;
        }
        return Ok(());
    }
    eprintln!("{}", if dry_run { "would forget" } else { "forgot" });
    output::table(&["topic", "partition"], &rows)
}
