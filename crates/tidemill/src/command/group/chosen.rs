//! Which partitions of which topics are meant, and whether the group may be touched at all.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::CliError;
use crate::kafka::{Group, TopicPartition};

/// Partitions of a topic; all if none is named.
pub(super) type Partitions = Option<BTreeSet<i32>>;

/// Apache Kafka writes hosts with a slash before them.
pub(super) fn at_host(host: &str) -> String {
    let host = host.trim_start_matches('/');
    if host.is_empty() { String::new() } else { format!("@{host}") }
}

/// Refuses to touch a group that has members: they would go on from where they are and write over it.
pub(super) fn check_empty(name: &str, group: &Group) -> Result<(), CliError> {
    if group.members.is_empty() {
        return Ok(());
    }
    let who: BTreeSet<String> = group
        .members
        .iter()
        .map(|member| format!("{}{}", member.client, at_host(&member.host)))
        .collect();
    let who = who.into_iter().collect::<Vec<_>>().join(", ");
    let why = format!(
        "it is {} with {} member{} ({who}), which would go on from where they are",
        group.state,
        group.members.len(),
        if group.members.len() == 1 { "" } else { "s" },
    );
    let help =
        format!("stop the members and try again; `tidemill group describe {name}` names them");
    Err(CliError::with_help(format!("group `{name}` cannot be moved"), why, help))
}

/// `TOPIC` or `TOPIC:0,3`.
pub(super) fn parse_topic(text: &str) -> Result<(String, Partitions), CliError> {
    let Some((topic, partitions)) = text.split_once(':') else {
        return Ok((text.to_owned(), None));
    };
    let numbers: Result<BTreeSet<i32>, _> = partitions.split(',').map(str::parse).collect();
    match numbers {
        Ok(numbers) => Ok((topic.to_owned(), Some(numbers))),
        Err(_) => Err(CliError::Usage(format!("`{text}`: write TOPIC, or TOPIC:0,3"))),
    }
}

/// Whether the list of topics, if there is one, names the partition.
pub(super) fn is_wanted(wanted: &BTreeMap<String, Partitions>, at: &TopicPartition) -> bool {
    match wanted.get(&at.0) {
        None => wanted.is_empty(),
        Some(None) => true,
        Some(Some(partitions)) => partitions.contains(&at.1),
    }
}
