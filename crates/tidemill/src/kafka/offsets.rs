//! Where partitions start and end, and which offset belongs to a time.

use std::collections::BTreeMap;
use std::time::Duration;

use tidemill_wire::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use tidemill_wire::metadata::MetadataResponseTopic;
use tidemill_wire::{ErrorCode, Text};

use super::Client;
use super::refusal::check;
use crate::error::CliError;

/// A partition of a topic.
pub(crate) type TopicPartition = (String, i32);

/// Where a partition starts and ends, as ListOffsets names it.
pub(crate) const EARLIEST: i64 = -2;
pub(crate) const LATEST: i64 = -1;

/// The newest version that has no new meaning for us.
const LIST_OFFSETS: i16 = 7;
/// Partitions in one request: a broker's answer stays small.
const PARTITIONS_MAX: usize = 2_000;

/// A partition without a leader is asked for again so often, at intervals of [`LEADER_WAIT`].
const LEADER_TRIES: u32 = 30;
const LEADER_WAIT: Duration = Duration::from_millis(100);

/// The offset that was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed {
    /// -1 if no record is as young as was asked.
    pub(crate) offset: i64,
}

impl Client {
    /// The offsets at a time (milliseconds since 1970), at [`EARLIEST`] or at [`LATEST`], of every partition.
    ///
    /// # Errors
    /// A partition has no leader, also after a while, or its leader does not answer.
    pub(crate) fn offsets(
        &mut self,
        topics: &[MetadataResponseTopic],
        timestamp: i64,
        read_committed: bool,
    ) -> Result<BTreeMap<TopicPartition, Listed>, CliError> {
        let names: Vec<String> = topics
            .iter()
            .filter_map(|topic| topic.name.as_ref().map(ToString::to_string))
            .collect();
        let mut wanted = leaders(topics);
        let mut found = BTreeMap::new();
        for last in (0..LEADER_TRIES).map(|at| at + 1 == LEADER_TRIES) {
            let asked = Asked { timestamp, read_committed, last };
            wanted = self.ask(&asked, &wanted, &mut found)?;
            if wanted.is_empty() {
                break;
            }
            // A topic that was just made, or a leader that just moved: the next answer knows more.
            std::thread::sleep(LEADER_WAIT);
            let fresh = leaders(&self.metadata(Some(&names), false)?.topics);
            wanted.retain(|at, leader| {
                *leader = fresh.get(at).copied().unwrap_or(-1);
                true
            });
        }
        Ok(found)
    }

    /// Asks each leader. Returns the partitions whose leader is not, or no longer, the one that was asked.
    fn ask(
        &mut self,
        asked: &Asked,
        wanted: &BTreeMap<TopicPartition, i32>,
        found: &mut BTreeMap<TopicPartition, Listed>,
    ) -> Result<BTreeMap<TopicPartition, i32>, CliError> {
        let mut by_leader: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
        let mut again = BTreeMap::new();
        for (at, leader) in wanted {
            if *leader >= 0 {
                by_leader.entry(*leader).or_default().push(at.clone());
            } else if asked.last {
                let what = format!("topic `{}` partition {}", at.0, at.1);
                return Err(CliError::failed(what, ErrorCode::LeaderNotAvailable));
            } else {
                again.insert(at.clone(), -1);
            }
        }
        for (leader, partitions) in by_leader {
            for part in partitions.chunks(PARTITIONS_MAX) {
                self.list_offsets(leader, part, asked, found, &mut again)?;
            }
        }
        Ok(again)
    }

    fn list_offsets(
        &mut self,
        leader: i32,
        partitions: &[TopicPartition],
        asked: &Asked,
        found: &mut BTreeMap<TopicPartition, Listed>,
        again: &mut BTreeMap<TopicPartition, i32>,
    ) -> Result<(), CliError> {
        let request = ListOffsetsRequest {
            replica_id: -1,
            isolation_level: i8::from(asked.read_committed),
            topics: by_topic(partitions, asked.timestamp),
            ..Default::default()
        };
        let response = self.broker(leader)?.call(&request, LIST_OFFSETS)?;
        for topic in &response.topics {
            for result in &topic.partitions {
                let at = (topic.name.to_string(), result.partition_index);
                if is_passing(result.error_code) && !asked.last {
                    again.insert(at, -1);
                    continue;
                }
                let what = format!("topic `{}` partition {}", topic.name, result.partition_index);
                check(result.error_code, None, &what)?;
                found.insert(at, Listed { offset: result.offset });
            }
        }
        Ok(())
    }
}

/// What is asked of every leader.
struct Asked {
    timestamp: i64,
    read_committed: bool,
    /// Whether a partition without a leader is an error.
    last: bool,
}

/// The leader of each partition.
fn leaders(topics: &[MetadataResponseTopic]) -> BTreeMap<TopicPartition, i32> {
    let mut leaders = BTreeMap::new();
    for topic in topics {
        let name = topic.name.as_deref().unwrap_or("");
        let partitions = topic.partitions.iter();
        leaders.extend(partitions.map(|p| ((name.to_owned(), p.partition_index), p.leader_id)));
    }
    leaders
}

/// The partitions in the form of the request; those of a topic stand together.
fn by_topic(partitions: &[TopicPartition], timestamp: i64) -> Vec<ListOffsetsTopic> {
    let mut topics: Vec<ListOffsetsTopic> = Vec::new();
    for (name, partition) in partitions {
        let wanted = ListOffsetsPartition {
            partition_index: *partition,
            current_leader_epoch: -1,
            timestamp,
        };
        match topics.last_mut().filter(|topic| *topic.name == **name) {
            Some(topic) => topic.partitions.push(wanted),
            None => topics.push(ListOffsetsTopic {
                name: Text::from(name.as_str()),
                partitions: vec![wanted],
            }),
        }
    }
    topics
}

/// Whether the next Metadata may tell another leader.
fn is_passing(code: i16) -> bool {
    [
        ErrorCode::LeaderNotAvailable,
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::UnknownTopicOrPartition,
        ErrorCode::OffsetNotAvailable,
    ]
    .map(ErrorCode::code)
    .contains(&code)
}
