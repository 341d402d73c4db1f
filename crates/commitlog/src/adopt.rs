//! Taking over a data folder that Apache Kafka wrote.
//!
//! A folder is taken over when it has Kafka's `meta.properties` and none of our topic files. Its partitions are known by
//! their folders and `partition.metadata` alone, for Kafka keeps settings elsewhere. So:
//!
//! * Topics keep their ids and get the default settings, but nothing of them is removed by age: the retention that they
//!   had is not known. Those that Kafka's cleaner has worked on, and its own (`__…`), are compacted.
//! * Log start offsets and how far topics are cleaned are read from Kafka's checkpoints. Everything else is found by a
//!   whole scan: marks of ours from before would be of another state.
//! * The leader epoch rises past every epoch that is there.
//! * The metadata log (`__cluster_metadata`) is left alone.
//!
//! Nothing of this is durable before every partition was opened; then the topic files appear at once. A crash before
//! that takes the folder over anew.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use tidemill_world::Disk;

use crate::checkpoint::{self, malformed, parse_partition_metadata, read_epochs, read_text};
use crate::clean::CleanMarks;
use crate::config::{Cleanup, TopicConfig, TopicId, TopicInfo};
use crate::names::{
    KAFKA_LOG_STARTS, KAFKA_META, LEADER_EPOCHS, LOG_STARTS, PARTITION_METADATA, TOPICS,
    parse_partition_folder, partition_folder,
};
use crate::starts::Starts;
use crate::topic_file::encode;
use crate::topics::LIVE;

/// The topic of Kafka's controllers: another protocol writes it.
const METADATA_TOPIC: &str = "__cluster_metadata";
/// The folder of topic files until all are there.
const TOPICS_PASSING: &str = ".topics.adopting";

/// What is found in a folder of Kafka's.
pub(crate) struct Adopted {
    pub(crate) topics: Vec<TopicInfo>,
    pub(crate) starts: Starts,
    /// The greatest leader epoch of any partition.
    pub(crate) epoch: i32,
}

/// An error with the file it is of.
type Unreadable = (PathBuf, io::Error);

/// Whether `dir` is to be taken over.
pub(crate) fn is_kafkas(disk: &dyn Disk, dir: &Path) -> io::Result<bool> {
    Ok(!disk.exists(&dir.join(TOPICS))? && disk.exists(&dir.join(KAFKA_META))?)
}

/// Finds the topics of a folder that Kafka wrote. Changes nothing.
pub(crate) fn find(
    disk: &dyn Disk,
    dir: &Path,
    cleaned: &CleanMarks,
) -> Result<Adopted, Unreadable> {
    let mut found: BTreeMap<String, (TopicId, BTreeSet<i32>)> = BTreeMap::new();
    let mut epoch = 0;
    let entries = disk.list(dir).map_err(|error| (dir.to_owned(), error))?;
    for entry in entries.iter().filter(|entry| entry.is_dir) {
        let Some((topic, index)) = parse_partition_folder(&entry.name) else { continue };
        if topic == METADATA_TOPIC {
            continue;
        }
        let path = dir.join(&entry.name);
        let Some(id) = topic_id(disk, &path)? else {
            tracing::warn!("{} has no topic id and is left alone", path.display());
            continue;
        };
        let epochs = read_epochs(disk, &path.join(LEADER_EPOCHS));
        let epochs = epochs.map_err(|error| (path.join(LEADER_EPOCHS), error))?;
        epoch = epochs.last().map_or(epoch, |last| epoch.max(last.epoch));
        let (known, indexes) = found.entry(topic.to_owned()).or_insert((id, BTreeSet::new()));
        if *known != id {
            let what = format!("it is of topic id {id}, other partitions are of {known}");
            return Err((path.join(PARTITION_METADATA), malformed(&what)));
        }
        indexes.insert(index);
    }
    let topics: Result<Vec<TopicInfo>, Unreadable> = found
        .into_iter()
        .map(|(name, (id, indexes))| topic(dir, &name, id, &indexes, cleaned))
        .collect();
    let topics = topics?;
    let starts = starts(disk, dir, &topics)?;
    Ok(Adopted { topics, starts, epoch })
}

fn topic_id(disk: &dyn Disk, folder: &Path) -> Result<Option<TopicId>, Unreadable> {
    let path = folder.join(PARTITION_METADATA);
    let text = read_text(disk, &path).map_err(|error| (path, error))?;
    Ok(text.as_deref().and_then(parse_partition_metadata))
}

fn topic(
    dir: &Path,
    name: &str,
    id: TopicId,
    indexes: &BTreeSet<i32>,
    cleaned: &CleanMarks,
) -> Result<TopicInfo, Unreadable> {
    if let Some((missing, _)) = (0..).zip(indexes).find(|(expected, index)| expected != *index) {
        let path = dir.join(partition_folder(name, missing));
        return Err((path, malformed("this partition is not in the folder, later ones are")));
    }
    let partitions = i32::try_from(indexes.len()).unwrap_or(i32::MAX);
    let is_cleaned = cleaned.keys().any(|(topic, _)| topic == name);
    let cleanup =
        if is_cleaned || name.starts_with("__") { Cleanup::COMPACT } else { Cleanup::DELETE };
    let config =
        TopicConfig { retention_ms: None, cleanup, ..TopicConfig::with_partitions(partitions) };
    tracing::info!("topic {name} of {partitions} partitions is taken over from Kafka");
    Ok(TopicInfo { name: name.into(), id, config })
}

/// Kafka's log start offsets, which are by name.
fn starts(disk: &dyn Disk, dir: &Path, topics: &[TopicInfo]) -> Result<Starts, Unreadable> {
    let path = dir.join(KAFKA_LOG_STARTS);
    let lines = checkpoint::read(disk, &path).map_err(|error| (path.clone(), error))?;
    let mut starts = Starts::new();
    for line in &lines {
        let mut words = line.split(' ');
        let parsed = (|| {
            Some((words.next()?, words.next()?.parse::<i32>().ok()?, words.next()?.parse().ok()?))
        })();
        let Some((name, index, offset)) = parsed else {
            return Err((path, malformed("a line is not a topic, a partition and an offset")));
        };
        if let Some(topic) = topics.iter().find(|topic| *topic.name == *name) {
            starts.insert((topic.id, index), offset);
        }
    }
    Ok(starts)
}

/// Makes the topics ours, durably and at once. Everything else about them must be durable before.
pub(crate) fn finish(disk: &dyn Disk, dir: &Path, adopted: &Adopted) -> io::Result<()> {
    let lines: Vec<String> = adopted
        .starts
        .iter()
        .filter(|(_, offset)| **offset > 0)
        .map(|((id, index), offset)| format!("{id} {index} {offset}"))
        .collect();
    checkpoint::write(disk, &dir.join(LOG_STARTS), &lines)?;
    let passing = dir.join(TOPICS_PASSING);
    disk.create_dir_all(&passing)?;
    for topic in &adopted.topics {
        disk.replace(&passing.join(format!("{}{LIVE}", topic.id)), encode(topic).as_bytes())?;
    }
    disk.sync_dir(&passing)?;
    disk.rename(&passing, &dir.join(TOPICS))?;
    disk.sync_dir(dir)
}

#[cfg(test)]
mod tests;
