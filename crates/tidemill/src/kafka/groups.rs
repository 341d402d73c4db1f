//! Consumer groups, classic and KIP-848: members, what they read, and how far they are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidemill_wire::consumer_group_describe::{self, ConsumerGroupDescribeRequest};
use tidemill_wire::delete_groups::DeleteGroupsRequest;
use tidemill_wire::describe_groups::{self, DescribeGroupsRequest};
use tidemill_wire::find_coordinator::FindCoordinatorRequest;
use tidemill_wire::list_groups::ListGroupsRequest;
use tidemill_wire::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use tidemill_wire::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use tidemill_wire::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup};
use tidemill_wire::{ApiKey, ErrorCode, Reader, Text};

use super::refusal::check;
use super::{Client, TopicPartition};
use crate::error::CliError;
use crate::nearest::nearest;

/// The newest version that names topics by name.
const OFFSETS_BY_NAME: i16 = 9;

/// A coordinator that is not there yet is asked for again so often, at intervals of [`COORDINATOR_WAIT`].
const COORDINATOR_TRIES: u32 = 50;
const COORDINATOR_WAIT: Duration = Duration::from_millis(100);

/// A line of the list of groups.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupRow {
    pub(crate) id: String,
    /// `classic` or `consumer`; empty if the broker does not say.
    pub(crate) kind: String,
    pub(crate) state: String,
}

/// A group as its coordinator tells it.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) kind: &'static str,
    pub(crate) state: String,
    pub(crate) assignor: String,
    pub(crate) members: Vec<Member>,
}

/// A member of a group.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) instance: Option<String>,
    pub(crate) client: String,
    pub(crate) host: String,
    pub(crate) assignment: Vec<TopicPartition>,
}

impl Client {
    /// All groups of all brokers.
    pub(crate) fn groups(&mut self) -> Result<Vec<GroupRow>, CliError> {
        self.metadata(Some(&[]), false)?;
        let brokers: Vec<i32> = self.addresses.keys().copied().collect();
        let mut rows = BTreeSet::new();
        for broker in brokers {
            let response = self.broker(broker)?.call(&ListGroupsRequest::default(), 5)?;
            check(response.error_code, None, "the list of groups")?;
            rows.extend(response.groups.iter().map(|group| GroupRow {
                id: group.group_id.to_string(),
                kind: group.group_type.to_lowercase(),
                state: group.group_state.to_string(),
            }));
        }
        Ok(rows.into_iter().collect())
    }

    /// The broker that coordinates a group. A cluster that has never had a group takes a moment to name one.
    fn coordinator(&mut self, group: &str) -> Result<i32, CliError> {
        for _ in 1..COORDINATOR_TRIES {
            if let Some(found) = self.ask_coordinator(group, false)? {
                return Ok(found);
            }
            std::thread::sleep(COORDINATOR_WAIT);
        }
        let found = self.ask_coordinator(group, true)?;
        found
            .ok_or_else(|| CliError::failed(format!("group `{group}`"), "no broker coordinates it"))
    }

    /// The coordinator; none if there is none yet and that is not the `last` word.
    fn ask_coordinator(&mut self, group: &str, last: bool) -> Result<Option<i32>, CliError> {
        let request = FindCoordinatorRequest {
            key: Text::from(group),
            key_type: 0,
            coordinator_keys: vec![Text::from(group)],
        };
        let what = format!("the coordinator of group `{group}`");
        let response = self.call(&request, 4)?;
        let coming = [ErrorCode::CoordinatorNotAvailable, ErrorCode::CoordinatorLoadInProgress];
        let code = response.coordinators.first().map_or(response.error_code, |c| c.error_code);
        if !last && coming.map(ErrorCode::code).contains(&code) {
            return Ok(None);
        }
        check(response.error_code, response.error_message.as_ref(), &what)?;
        let (id, host, port) = match response.coordinators.first() {
            Some(found) => {
                check(found.error_code, found.error_message.as_ref(), &what)?;
                (found.node_id, &found.host, found.port)
            }
            None => (response.node_id, &response.host, response.port),
        };
        self.addresses.insert(id, format!("{host}:{port}"));
        Ok(Some(id))
    }

    /// One group that must be there.
    ///
    /// # Errors
    /// There is none; the error names the closest one there is.
    pub(crate) fn group(&mut self, id: &str) -> Result<Group, CliError> {
        let coordinator = self.coordinator(id)?;
        let new = self.broker(coordinator)?.version(ApiKey::ConsumerGroupDescribe, 1).is_some();
        if new && let Some(group) = self.consumer_group(coordinator, id)? {
            return Ok(group);
        }
        match self.classic_group(coordinator, id)? {
            Some(group) => Ok(group),
            None => Err(self.unknown_group(id)),
        }
    }

    fn unknown_group(&mut self, id: &str) -> CliError {
        let groups = self.groups().unwrap_or_default();
        let help = match nearest(id, groups.iter().map(|group| group.id.as_str())) {
            Some(near) => {
                format!("did you mean `{near}`? `tidemill group list` shows what is there")
            }
            None => "`tidemill group list` shows what is there".to_owned(),
        };
        CliError::with_help(format!("group `{id}`"), "there is no such group", help)
    }

    fn consumer_group(&mut self, broker: i32, id: &str) -> Result<Option<Group>, CliError> {
        let request =
            ConsumerGroupDescribeRequest { group_ids: vec![Text::from(id)], ..Default::default() };
        let response = self.broker(broker)?.call(&request, 1)?;
        let Some(group) = response.groups.into_iter().next() else { return Ok(None) };
        if group.error_code == ErrorCode::GroupIdNotFound.code() {
            return Ok(None);
        }
        check(group.error_code, group.error_message.as_ref(), &format!("group `{id}`"))?;
        Ok(Some(Group {
            kind: "consumer",
            state: group.group_state.to_string(),
            assignor: group.assignor_name.to_string(),
            members: group.members.iter().map(consumer_member).collect(),
        }))
    }

    fn classic_group(&mut self, broker: i32, id: &str) -> Result<Option<Group>, CliError> {
        let request = DescribeGroupsRequest { groups: vec![Text::from(id)], ..Default::default() };
        let response = self.broker(broker)?.call(&request, 6)?;
        let Some(group) = response.groups.into_iter().next() else { return Ok(None) };
        // Before version 6 a group that is not there was told as dead.
        let missing = group.error_code == ErrorCode::GroupIdNotFound.code();
        if missing || (group.error_code == 0 && &*group.group_state == "Dead") {
            return Ok(None);
        }
        check(group.error_code, group.error_message.as_ref(), &format!("group `{id}`"))?;
        Ok(Some(Group {
            kind: "classic",
            state: group.group_state.to_string(),
            assignor: group.protocol_data.to_string(),
            members: group.members.iter().map(classic_member).collect(),
        }))
    }

    /// How far a group is, in every partition it has committed for.
    pub(crate) fn committed(
        &mut self,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, i64>, CliError> {
        let coordinator = self.coordinator(group)?;
        let asked = OffsetFetchRequestGroup {
            group_id: Text::from(group),
            topics: None,
            ..Default::default()
        };
        let request = OffsetFetchRequest {
            group_id: Text::from(group),
            topics: None,
            groups: vec![asked],
            require_stable: false,
        };
        let response = self.broker(coordinator)?.call(&request, OFFSETS_BY_NAME)?;
        let what = format!("the offsets of group `{group}`");
        check(response.error_code, None, &what)?;
        let mut committed = BTreeMap::new();
        for topic in &response.topics {
            for found in &topic.partitions {
                check(found.error_code, None, &what)?;
                committed.insert(
                    (topic.name.to_string(), found.partition_index),
                    found.committed_offset,
                );
            }
        }
        for answered in &response.groups {
            check(answered.error_code, None, &what)?;
            for topic in &answered.topics {
                for found in &topic.partitions {
                    check(found.error_code, None, &what)?;
                    committed.insert(
                        (topic.name.to_string(), found.partition_index),
                        found.committed_offset,
                    );
                }
            }
        }
        committed.retain(|_, offset| *offset >= 0);
        Ok(committed)
    }

    /// Sets how far a group without members is.
    pub(crate) fn commit(
        &mut self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, i64>,
    ) -> Result<(), CliError> {
        let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
        for ((topic, partition), offset) in offsets {
            let wanted = OffsetCommitRequestPartition {
                partition_index: *partition,
                committed_offset: *offset,
                committed_leader_epoch: -1,
                committed_metadata: Some(Text::from_static("")),
            };
            match topics.last_mut().filter(|last| *last.name == **topic) {
                Some(last) => last.partitions.push(wanted),
                None => topics.push(OffsetCommitRequestTopic {
                    name: Text::from(topic.as_str()),
                    partitions: vec![wanted],
                    ..Default::default()
                }),
            }
        }
        let request = OffsetCommitRequest {
            group_id: Text::from(group),
            generation_id_or_member_epoch: -1,
            member_id: Text::from_static(""),
            group_instance_id: None,
            retention_time_ms: -1,
            topics,
        };
        let coordinator = self.coordinator(group)?;
        let response = self.broker(coordinator)?.call(&request, OFFSETS_BY_NAME)?;
        for topic in &response.topics {
            for result in &topic.partitions {
                let at = format!("{} partition {}", topic.name, result.partition_index);
                check(result.error_code, None, &format!("group `{group}`, {at}"))?;
            }
        }
        Ok(())
    }

    /// Forgets how far a group is in these partitions.
    pub(crate) fn forget(
        &mut self,
        group: &str,
        partitions: &BTreeSet<TopicPartition>,
    ) -> Result<(), CliError> {
        let mut topics: Vec<OffsetDeleteRequestTopic> = Vec::new();
        for (topic, partition) in partitions {
            let wanted = OffsetDeleteRequestPartition { partition_index: *partition };
            match topics.last_mut().filter(|last| *last.name == **topic) {
                Some(last) => last.partitions.push(wanted),
                None => topics.push(OffsetDeleteRequestTopic {
                    name: Text::from(topic.as_str()),
                    partitions: vec![wanted],
                }),
            }
        }
        let request = OffsetDeleteRequest { group_id: Text::from(group), topics };
        let coordinator = self.coordinator(group)?;
        let response = self.broker(coordinator)?.call(&request, 0)?;
        check(response.error_code, None, &format!("group `{group}`"))?;
        for topic in &response.topics {
            for result in &topic.partitions {
                let at = format!("{} partition {}", topic.name, result.partition_index);
                check(result.error_code, None, &format!("group `{group}`, {at}"))?;
            }
        }
        Ok(())
    }

    /// Removes a group without members, and its offsets.
    pub(crate) fn delete_group(&mut self, group: &str) -> Result<(), CliError> {
        let request = DeleteGroupsRequest { groups_names: vec![Text::from(group)] };
        let coordinator = self.coordinator(group)?;
        for result in &self.broker(coordinator)?.call(&request, 2)?.results {
            if result.error_code == ErrorCode::GroupIdNotFound.code() {
                return Err(self.unknown_group(group));
            }
            check(result.error_code, None, &format!("group `{group}`"))?;
        }
        Ok(())
    }
}

fn consumer_member(member: &consumer_group_describe::Member) -> Member {
    let topics = member.assignment.topic_partitions.iter();
    let assignment = topics.flat_map(|topic| {
        topic.partitions.iter().map(|partition| (topic.topic_name.to_string(), *partition))
    });
    Member {
        id: member.member_id.to_string(),
        instance: member.instance_id.as_ref().map(ToString::to_string),
        client: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment: assignment.collect(),
    }
}

fn classic_member(member: &describe_groups::DescribedGroupMember) -> Member {
    Member {
        id: member.member_id.to_string(),
        instance: member.group_instance_id.as_ref().map(ToString::to_string),
        client: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment: assignment(member.member_assignment.clone()).unwrap_or_default(),
    }
}

/// What Kafka's consumers write into the assignment of a classic group: a version, then topics with their
/// partitions (`ConsumerProtocolAssignment`). Other clients may write anything, which is then not shown.
fn assignment(bytes: bytes::Bytes) -> Option<Vec<TopicPartition>> {
    let mut reader = Reader::new(bytes);
    reader.i16("assignment.version").ok()?;
    let topics = reader.array("assignment.topics", |reader| {
        let topic = reader.string("assignment.topic")?;
        let partitions = reader.array("assignment.partitions", |reader| reader.i32("partition"))?;
        Ok((topic, partitions))
    });
    let topics = topics.ok()?.into_iter();
    Some(
        topics
            .flat_map(|(topic, partitions)| {
                partitions.into_iter().map(move |partition| (topic.to_string(), partition))
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests;
