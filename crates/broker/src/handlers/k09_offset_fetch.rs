//! OffsetFetch (key 9): where groups stand.
//!
//! Versions: 2 null for all topics and an error for the whole, 5 leader epochs, 6 flexible, 7 require stable, 8 several
//! groups, 9 KIP-848 members, 10 topics by id. Who requires stable offsets is told to ask again while an open
//! transaction holds one, because it would read on from an offset that is about to change (KIP-447).

use std::collections::BTreeMap;

use tidemill_commitlog::offsets::CommittedOffset;
use tidemill_wire::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchResponse, OffsetFetchResponseGroup,
    OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use tidemill_wire::{ErrorCode, Text, Uuid};

use crate::answer::Answer;
use crate::context::Call;

/// The first version that asks for several groups.
const SEVERAL: i16 = 8;
/// The first version that names topics by id.
const BY_ID: i16 = 10;

/// Tells what was kept.
pub(crate) async fn handle(
    call: &Call,
    request: OffsetFetchRequest,
) -> Answer<OffsetFetchResponse> {
    if call.version >= SEVERAL {
        let stable = request.require_stable;
        let groups = request.groups.into_iter().map(|asked| group(call, asked, stable));
        return Answer::Now(OffsetFetchResponse { groups: groups.collect(), ..Default::default() });
    }
    let topics = request.topics.map(|topics| {
        let asked = |topic: tidemill_wire::offset_fetch::OffsetFetchRequestTopic| Asked {
            name: topic.name,
            id: Uuid::ZERO,
            partitions: topic.partition_indexes,
        };
        topics.into_iter().map(asked).collect()
    });
    let stable = request.require_stable;
    let found = find(call, &request.group_id, topics, false, stable);
    let topics = found.into_iter().map(|topic| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(old_partition).collect(),
    });
    Answer::Now(OffsetFetchResponse { topics: topics.collect(), ..Default::default() })
}

fn group(call: &Call, asked: OffsetFetchRequestGroup, stable: bool) -> OffsetFetchResponseGroup {
    let by_id = call.version >= BY_ID;
    let topics = asked.topics.map(|topics| {
        let asked = |topic: tidemill_wire::offset_fetch::OffsetFetchRequestTopics| Asked {
            name: topic.name,
            id: topic.topic_id,
            partitions: topic.partition_indexes,
        };
        topics.into_iter().map(asked).collect()
    });
    let (member, epoch) = (asked.member_id.as_ref(), asked.member_epoch);
    match call.shared.groups.fetch(&asked.group_id, member, epoch) {
        Ok(()) => {
            let topics = find(call, &asked.group_id, topics, by_id, stable);
            OffsetFetchResponseGroup { group_id: asked.group_id, topics, error_code: 0 }
        }
        Err(error) => OffsetFetchResponseGroup {
            group_id: asked.group_id,
            error_code: error.code(),
            ..Default::default()
        },
    }
}

struct Asked {
    name: Text,
    id: Uuid,
    partitions: Vec<i32>,
}

fn find(
    call: &Call,
    group: &str,
    topics: Option<Vec<Asked>>,
    by_id: bool,
    stable: bool,
) -> Vec<OffsetFetchResponseTopics> {
    match topics {
        Some(topics) => {
            topics.into_iter().map(|topic| some(call, group, topic, by_id, stable)).collect()
        }
        None => all(call, group, stable),
    }
}

/// Whether an offset may be told.
fn check(call: &Call, group: &str, topic: &str, index: i32, stable: bool) -> Result<(), ErrorCode> {
    let moves = stable && call.shared.offsets.is_pending(group, topic, index);
    if moves { Err(ErrorCode::UnstableOffsetCommit) } else { Ok(()) }
}

fn some(
    call: &Call,
    group: &str,
    asked: Asked,
    by_id: bool,
    stable: bool,
) -> OffsetFetchResponseTopics {
    let name = match by_id {
        true => call.shared.find_topic(true, "", asked.id).map(|topic| Text::from(&*topic.name)),
        false => Ok(asked.name.clone()),
    };
    let partitions = asked.partitions.into_iter().map(|index| {
        let found = name.as_ref().map_err(|error| *error).and_then(|name| {
            check(call, group, name, index, stable)?;
            Ok(call.shared.offsets.fetch(group, name, index))
        });
        match found {
            Ok(offset) => partition(index, offset, ErrorCode::None),
            Err(error) => partition(index, None, error),
        }
    });
    OffsetFetchResponseTopics {
        partitions: partitions.collect(),
        name: asked.name,
        topic_id: asked.id,
    }
}

fn all(call: &Call, group: &str, stable: bool) -> Vec<OffsetFetchResponseTopics> {
    let mut topics: BTreeMap<String, Vec<OffsetFetchResponsePartitions>> = BTreeMap::new();
    for (topic, index, offset) in call.shared.offsets.fetch_all(group) {
        let told = match check(call, group, &topic, index, stable) {
            Ok(()) => partition(index, Some(offset), ErrorCode::None),
            Err(error) => partition(index, None, error),
        };
        topics.entry(topic.to_string()).or_default().push(told);
    }
    let told = |(name, partitions): (String, _)| {
        let id = call.shared.log.topic(&name).map(|topic| Uuid(topic.id.0));
        OffsetFetchResponseTopics {
            topic_id: id.unwrap_or_default(),
            name: Text::from(name),
            partitions,
        }
    };
    topics.into_iter().map(told).collect()
}

fn partition(
    partition_index: i32,
    offset: Option<CommittedOffset>,
    error: ErrorCode,
) -> OffsetFetchResponsePartitions {
    let nothing = CommittedOffset { offset: -1, leader_epoch: -1, metadata: Default::default() };
    let offset = offset.unwrap_or(nothing);
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: offset.offset,
        committed_leader_epoch: offset.leader_epoch,
        metadata: Some(Text::from(offset.metadata)),
        error_code: error.code(),
    }
}

fn old_partition(new: OffsetFetchResponsePartitions) -> OffsetFetchResponsePartition {
    OffsetFetchResponsePartition {
        partition_index: new.partition_index,
        committed_offset: new.committed_offset,
        committed_leader_epoch: new.committed_leader_epoch,
        metadata: new.metadata,
        error_code: new.error_code,
    }
}
