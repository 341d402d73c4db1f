//! Where a group shall go on, and the plan for each partition.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde_json::json;

use super::chosen::{Partitions, check_empty, is_wanted, parse_topic};
use crate::error::CliError;
use crate::kafka::{Client, EARLIEST, LATEST, Listed, TopicPartition};
use crate::output;

/// Arguments of `group seek`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Its name; a group that is not there is made by its offsets, for the topics given with --topic
    group: String,
    /// beginning, end, an offset, +N or -N from where it is, or @MS for the first record of that time
    #[arg(long, value_name = "WHERE", allow_hyphen_values = true, value_parser = target)]
    to: Target,
    /// Only this topic, or some of its partitions as TOPIC:0,3; may be given again
    #[arg(short, long = "topic", value_name = "TOPIC[:P,…]")]
    topics: Vec<String>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Where to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Beginning,
    End,
    At(i64),
    Shift(i64),
    /// Milliseconds since 1970.
    Time(i64),
}

fn target(text: &str) -> Result<Target, String> {
    let wrong = || "write beginning, end, an offset, +N, -N or @MS".to_owned();
    match text {
        "start" | "beginning" | "earliest" => return Ok(Target::Beginning),
        "end" | "latest" => return Ok(Target::End),
        _ => {}
    }
    if let Some(ms) = text.strip_prefix('@') {
        return ms.parse().map(Target::Time).map_err(|_| wrong());
    }
    let number: i64 = text.parse().map_err(|_| wrong())?;
    Ok(if text.starts_with(['+', '-']) { Target::Shift(number) } else { Target::At(number) })
}

/// Runs the command.
pub(super) fn run(
    client: &mut Client,
    arguments: &Arguments,
    as_json: bool,
) -> Result<(), CliError> {
    let name = &arguments.group;
    let wanted: BTreeMap<String, Partitions> =
        arguments.topics.iter().map(|text| parse_topic(text)).collect::<Result<_, _>>()?;
    match client.group(name) {
        Ok(group) => check_empty(name, &group)?,
        Err(error) if wanted.is_empty() => return Err(error),
        Err(_) => {}
    }
    let committed = client.committed(name)?;
    let plan = plan(client, arguments, &wanted, &committed)?;
    if !arguments.dry_run {
        client.commit(name, &plan)?;
    }
    show(name, arguments.dry_run, as_json, &committed, &plan)
}

/// The new offset of each partition that is wanted.
fn plan(
    client: &mut Client,
    arguments: &Arguments,
    wanted: &BTreeMap<String, Partitions>,
    committed: &BTreeMap<TopicPartition, i64>,
) -> Result<BTreeMap<TopicPartition, i64>, CliError> {
    let mut topics = Vec::new();
    let mut names: BTreeSet<String> = wanted.keys().cloned().collect();
    if names.is_empty() {
        names = committed.keys().map(|(topic, _)| topic.clone()).collect();
    }
    for name in &names {
        let mut topic = client.topic(name, false)?;
        let count = topic.partitions.len();
        topic.partitions.retain(|p| {
            let at = (name.clone(), p.partition_index);
            is_wanted(wanted, &at) && (!wanted.is_empty() || committed.contains_key(&at))
        });
        if topic.partitions.is_empty() {
            let why = format!("it has {count} partitions, counted from 0");
            return Err(CliError::failed(format!("topic `{name}`"), why));
        }
        topics.push(topic);
    }
    let starts = client.offsets(&topics, EARLIEST, false)?;
    let ends = client.offsets(&topics, LATEST, false)?;
    let times = match arguments.to {
        Target::Time(ms) => client.offsets(&topics, ms, false)?,
        _ => BTreeMap::new(),
    };
    let mut plan = BTreeMap::new();
    for at in ends.keys() {
        let offset = |found: &BTreeMap<TopicPartition, Listed>| {
            found.get(at).map_or(-1, |listed| listed.offset)
        };
        let (start, end) = (offset(&starts).max(0), offset(&ends).max(0));
        let next = match arguments.to {
            Target::Beginning => start,
            Target::End => end,
            Target::At(offset) => offset,
            Target::Shift(by) => match committed.get(at) {
                Some(from) => from.saturating_add(by),
                // There is nothing to shift from.
                None => continue,
            },
            Target::Time(_) => Some(offset(&times)).filter(|at| *at >= 0).unwrap_or(end),
        };
        plan.insert(at.clone(), next.clamp(start, end));
    }
    if plan.is_empty() {
        let what = format!("group `{}`", arguments.group);
        let help =
            "name the topics with --topic, and a place with --to beginning, end, an offset or @MS";
        return Err(CliError::with_help(what, "it has no offsets there", help));
    }
    Ok(plan)
}

fn show(
    name: &str,
    dry_run: bool,
    as_json: bool,
    committed: &BTreeMap<TopicPartition, i64>,
    plan: &BTreeMap<TopicPartition, i64>,
) -> Result<(), CliError> {
    let mut rows = Vec::new();
    for (at, next) in plan {
        let before = committed.get(at);
        if as_json {
            let line = json!({
                "group": name, "topic": at.0, "partition": at.1, "from": before, "to": next,
                "dry_run": dry_run,
            });
            output::line(&line.to_string())?;
            continue;
        }
        let before = before.map_or_else(|| "-".to_owned(), i64::to_string);
        rows.push(vec![at.0.clone(), at.1.to_string(), before, next.to_string()]);
    }
    if as_json {
        return Ok(());
    }
    eprintln!("{} group {name}", if dry_run { "would move" } else { "moved" });
    output::table(&["topic", "partition", "from", "to"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        for (text, wanted) in [
            ("earliest", Target::Beginning),
            ("end", Target::End),
            ("7", Target::At(7)),
            ("+7", Target::Shift(7)),
            ("-7", Target::Shift(-7)),
            ("@1700000000000", Target::Time(1_700_000_000_000)),
        ] {
            assert_eq!(target(text), Ok(wanted), "{text}");
        }
        for wrong in ["", "@", "seven", "@x", "--7", "1.5"] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }
}
