//! Groups of the consumer protocol (KIP-848) over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Connection, Server};
use tidemill_wire::api_versions::ApiVersionsRequest;
use tidemill_wire::consumer_group_describe::{ConsumerGroupDescribeRequest, DescribedGroup};
use tidemill_wire::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use tidemill_wire::delete_groups::DeleteGroupsRequest;
use tidemill_wire::describe_groups::DescribeGroupsRequest;
use tidemill_wire::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use tidemill_wire::leave_group::{LeaveGroupRequest, MemberIdentity};
use tidemill_wire::list_groups::ListGroupsRequest;
use tidemill_wire::metadata::{MetadataRequest, MetadataRequestTopic};
use tidemill_wire::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use tidemill_wire::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use tidemill_wire::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup};
use tidemill_wire::{ErrorCode, Text, Uuid};

fn create(server: &Server, topic: &str, partitions: i32) -> Uuid {
    let config = tidemill_commitlog::TopicConfig {
        partitions,
        ..tidemill_commitlog::TopicConfig::default()
    };
    Uuid(server.log().create_topic(topic, config).unwrap().id.0)
}

/// The heartbeat of a member that joins.
fn join(member: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: "g".into(),
        member_id: member.into(),
        rebalance_timeout_ms: 60_000,
        subscribed_topic_names: Some(vec!["t".into()]),
        topic_partitions: Some(vec![]),
        ..Default::default()
    }
}

/// The heartbeat of a member that has this.
fn beat(member: &str, epoch: i32, topic: Uuid, owned: &[i32]) -> ConsumerGroupHeartbeatRequest {
    let owned = TopicPartitions { topic_id: topic, partitions: owned.to_vec() };
    ConsumerGroupHeartbeatRequest {
        group_id: "g".into(),
        member_id: member.into(),
        member_epoch: epoch,
        topic_partitions: Some(vec![owned]),
        ..Default::default()
    }
}

fn leave(member: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest { topic_partitions: None, ..beat(member, -1, Uuid::ZERO, &[]) }
}

fn assigned(response: &ConsumerGroupHeartbeatResponse) -> Vec<i32> {
    assert_eq!(response.error_code, 0, "{response:?}");
    let topics = &response.assignment.as_ref().unwrap().topic_partitions;
    topics.iter().flat_map(|topic| topic.partitions.clone()).collect()
}

fn describe(client: &mut Connection, group: &str) -> DescribedGroup {
    let request =
        ConsumerGroupDescribeRequest { group_ids: vec![group.into()], ..Default::default() };
    client.call(&request, 1).groups.remove(0)
}

fn commit(member: &str, epoch: i32, topic: Uuid) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition { committed_offset: 7, ..Default::default() };
    OffsetCommitRequest {
        group_id: "g".into(),
        generation_id_or_member_epoch: epoch,
        member_id: member.into(),
        topics: vec![OffsetCommitRequestTopic {
            name: "t".into(),
            topic_id: topic,
            partitions: vec![partition],
        }],
        ..Default::default()
    }
}

fn error(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).unwrap()
}

#[test]
fn the_feature_is_told_as_each_version_may_tell_it() {
    let server = Server::start();
    let mut client = server.connect();
    for version in 0..=4 {
        let response = client.call(&ApiVersionsRequest::default(), version);
        let finalized: Vec<_> = response
            .finalized_features
            .iter()
            .map(|feature| (&*feature.name, feature.max_version_level))
            .collect();
        let group = ("group.version", 1);
        assert_eq!(finalized.contains(&group), version >= 3, "version {version}");
        // Clients of before version 4 take a lowest level of 0 for an error.
        let zero = response.supported_features.iter().any(|feature| feature.min_version == 0);
        assert_eq!(zero, version >= 4, "version {version}");
    }
}

#[test]
fn two_members_share_a_topic_step_by_step_in_both_versions() {
    for version in 0..=1 {
        let server = Server::start();
        let topic = create(&server, "t", 4);
        let (mut one, mut two) = (server.connect(), server.connect());
        let first = one.call(&join("a"), version);
        assert_eq!((first.member_epoch, assigned(&first)), (1, vec![0, 1, 2, 3]));
        assert_eq!(first.heartbeat_interval_ms, 5_000);
        let second = two.call(&join("b"), version);
        assert_eq!((second.member_epoch, assigned(&second).len()), (2, 0));
        let told = one.call(&beat("a", 1, topic, &[0, 1, 2, 3]), version);
        let kept = assigned(&told);
        assert_eq!((told.member_epoch, kept.len()), (1, 2));
        let done = one.call(&beat("a", 1, topic, &kept), version);
        assert_eq!(done.member_epoch, 2);
        let second = two.call(&beat("b", 2, topic, &[]), version);
        assert_eq!(assigned(&second).len(), 2);
        assert_eq!(describe(&mut one, "g").group_state.as_str(), "Stable");
    }
}

#[test]
fn a_member_without_an_id_gets_one_in_version_0_only() {
    let server = Server::start();
    create(&server, "t", 1);
    let mut client = server.connect();
    let response = client.call(&join(""), 1);
    assert_eq!(error(response.error_code), ErrorCode::InvalidRequest);
    let response = client.call(&join(""), 0);
    assert_eq!(response.error_code, 0);
    assert!(response.member_id.is_some_and(|id| !id.is_empty()));
}

#[test]
fn members_and_epochs_outlive_the_broker() {
    let mut server = Server::start();
    let topic = create(&server, "t", 2);
    let mut client = server.connect();
    assigned(&client.call(&join("a"), 1));
    let before = describe(&mut client, "g");
    server.restart();
    let mut client = server.connect();
    assert_eq!(describe(&mut client, "g"), before);
    let again = client.call(&beat("a", 1, topic, &[0, 1]), 1);
    assert_eq!((again.error_code, again.member_epoch, again.assignment), (0, 1, None));
    assert_eq!(client.call(&leave("a"), 1).member_epoch, -1);
    let deleted = client.call(&DeleteGroupsRequest { groups_names: vec!["g".into()] }, 2);
    assert_eq!(deleted.results[0].error_code, 0);
    server.restart();
    let mut client = server.connect();
    let gone = describe(&mut client, "g");
    assert_eq!(error(gone.error_code), ErrorCode::GroupIdNotFound);
}

#[test]
fn partitions_that_come_later_are_assigned() {
    let server = Server::start();
    let topic = create(&server, "t", 2);
    let mut client = server.connect();
    let mut response = client.call(&join("a"), 1);
    server.log().add_partitions("t", 5).unwrap();
    let mut owned = assigned(&response);
    // The picture of the topics may be half a second old.
    while owned.len() < 5 {
        response = client.call(&beat("a", response.member_epoch, topic, &owned), 1);
        assert_eq!(response.error_code, 0);
        if response.assignment.is_some() {
            owned = assigned(&response);
        }
    }
    assert_eq!(owned, [0, 1, 2, 3, 4]);
}

#[test]
fn offsets_go_by_the_members_epoch() {
    let server = Server::start();
    let topic = create(&server, "t", 2);
    let mut client = server.connect();
    assigned(&client.call(&join("a"), 1));
    let mut committed = |member: &str, epoch, version| {
        let response = client.call(&commit(member, epoch, topic), version);
        error(response.topics[0].partitions[0].error_code)
    };
    assert_eq!(committed("a", 1, 9), ErrorCode::None);
    assert_eq!(committed("a", 1, 10), ErrorCode::None);
    assert_eq!(committed("a", 2, 9), ErrorCode::StaleMemberEpoch);
    assert_eq!(committed("b", 1, 9), ErrorCode::UnknownMemberId);
    assert_eq!(committed("a", 1, 8), ErrorCode::UnsupportedVersion);
    let mut fetched = |member: Option<&str>, member_epoch| {
        let group = OffsetFetchRequestGroup {
            group_id: "g".into(),
            member_id: member.map(Text::from),
            member_epoch,
            ..Default::default()
        };
        let request = OffsetFetchRequest { groups: vec![group], ..Default::default() };
        let group = client.call(&request, 9).groups.remove(0);
        (error(group.error_code), group.topics.len())
    };
    assert_eq!(fetched(None, -1), (ErrorCode::None, 1));
    assert_eq!(fetched(Some("a"), 1), (ErrorCode::None, 1));
    assert_eq!(fetched(Some("a"), 0), (ErrorCode::StaleMemberEpoch, 0));
    assert_eq!(fetched(Some("b"), 1), (ErrorCode::UnknownMemberId, 0));
}

fn delete_offset(client: &mut Connection, group: &str, topic: &str) -> (ErrorCode, ErrorCode) {
    let partition = OffsetDeleteRequestPartition { partition_index: 0 };
    let topic = OffsetDeleteRequestTopic { name: topic.into(), partitions: vec![partition] };
    let request = OffsetDeleteRequest { group_id: group.into(), topics: vec![topic] };
    let response = client.call(&request, 0);
    let first = response.topics.first().map_or(0, |topic| topic.partitions[0].error_code);
    (error(response.error_code), error(first))
}

#[test]
fn offsets_of_a_topic_are_deleted_when_nobody_reads_it() {
    let server = Server::start();
    let topic = create(&server, "t", 1);
    let mut client = server.connect();
    let none = ErrorCode::None;
    assert_eq!(delete_offset(&mut client, "g", "t"), (ErrorCode::GroupIdNotFound, none));
    assert_eq!(delete_offset(&mut client, "", "t"), (ErrorCode::InvalidGroupId, none));
    assigned(&client.call(&join("a"), 1));
    client.call(&commit("a", 1, topic), 9);
    let read = ErrorCode::GroupSubscribedToTopic;
    assert_eq!(delete_offset(&mut client, "g", "t"), (none, read));
    let unknown = ErrorCode::UnknownTopicOrPartition;
    assert_eq!(delete_offset(&mut client, "g", "u"), (none, unknown));
    client.call(&leave("a"), 1);
    assert_eq!(delete_offset(&mut client, "g", "t"), (none, none));
    let group = OffsetFetchRequestGroup { group_id: "g".into(), ..Default::default() };
    let request = OffsetFetchRequest { groups: vec![group], ..Default::default() };
    assert!(client.call(&request, 9).groups[0].topics.is_empty());
}

/// A classic member that says it reads these topics; `None` is for what no consumer says.
fn classic(protocol_type: &str, topics: Option<&[&str]>) -> JoinGroupRequest {
    let mut subscription = vec![0, 0];
    let topics = topics.unwrap_or_default();
    subscription.extend(u32::try_from(topics.len()).unwrap().to_be_bytes());
    for topic in topics {
        subscription.extend(u16::try_from(topic.len()).unwrap().to_be_bytes());
        subscription.extend(topic.as_bytes());
    }
    subscription.extend([0xff; 4]);
    JoinGroupRequest {
        group_id: "c".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: protocol_type.into(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "range".into(),
            metadata: subscription.into(),
        }],
        ..Default::default()
    }
}

#[test]
fn a_classic_group_keeps_the_offsets_of_what_it_reads() {
    let server = Server::start();
    create(&server, "t", 1);
    create(&server, "u", 1);
    let mut client = server.connect();
    assert_eq!(client.call(&classic("consumer", Some(&["t"])), 3).error_code, 0);
    let none = ErrorCode::None;
    let read = ErrorCode::GroupSubscribedToTopic;
    assert_eq!(delete_offset(&mut client, "c", "t"), (none, read));
    assert_eq!(delete_offset(&mut client, "c", "u"), (none, none));
    let mut other = classic("connect", None);
    other.group_id = "d".into();
    assert_eq!(client.call(&other, 3).error_code, 0);
    assert_eq!(delete_offset(&mut client, "d", "u"), (ErrorCode::NonEmptyGroup, none));
}

#[test]
fn groups_of_both_protocols_are_told_apart() {
    let server = Server::start();
    create(&server, "t", 1);
    let mut client = server.connect();
    assigned(&client.call(&join("a"), 1));
    let member = client.call(&classic("consumer", Some(&["t"])), 3).member_id;
    let mut listed = |types: &[&str], states: &[&str]| {
        let text = |all: &[&str]| all.iter().map(|one| Text::from(*one)).collect();
        let request = ListGroupsRequest { types_filter: text(types), states_filter: text(states) };
        let line = |group: tidemill_wire::list_groups::ListedGroup| {
            format!("{} {} {}", group.group_id, group.group_type, group.group_state)
        };
        client.call(&request, 5).groups.into_iter().map(line).collect::<Vec<_>>()
    };
    let (both, new) = (["c classic CompletingRebalance", "g consumer Stable"], "g consumer Stable");
    assert_eq!(listed(&[], &[]), both);
    assert_eq!(listed(&["Consumer"], &[]), [new]);
    assert_eq!(listed(&["classic"], &["stable"]), [""; 0]);
    assert_eq!(listed(&[], &["STABLE"]), [new]);
    // Each is described by its own request.
    for version in [5, 6] {
        let request = DescribeGroupsRequest { groups: vec!["g".into()], ..Default::default() };
        let group = client.call(&request, version).groups.remove(0);
        let expected = if version == 6 { ErrorCode::GroupIdNotFound } else { ErrorCode::None };
        assert_eq!((&*group.group_state, error(group.error_code)), ("Dead", expected));
    }
    for group in ["c", "none"] {
        let group = describe(&mut client, group);
        assert_eq!(error(group.error_code), ErrorCode::GroupIdNotFound);
    }
    // Nor do members of one protocol get into a group of the other.
    let refused =
        client.call(&ConsumerGroupHeartbeatRequest { group_id: "c".into(), ..join("b") }, 1);
    assert_eq!(error(refused.error_code), ErrorCode::GroupIdNotFound);
    let into = JoinGroupRequest { group_id: "g".into(), ..classic("consumer", Some(&["t"])) };
    let refused = client.call(&into, 3);
    assert_eq!(error(refused.error_code), ErrorCode::InconsistentGroupProtocol);
    let identity = MemberIdentity { member_id: member, ..Default::default() };
    let stranger = MemberIdentity { member_id: "x".into(), ..Default::default() };
    let mut leaves = |group: &str, members: Vec<MemberIdentity>| {
        let request = LeaveGroupRequest { group_id: group.into(), members, ..Default::default() };
        let response = client.call(&request, 5);
        let members = response.members.iter().map(|member| error(member.error_code)).collect();
        (error(response.error_code), members)
    };
    let (none, unknown) = (ErrorCode::None, ErrorCode::UnknownMemberId);
    assert_eq!(leaves("c", vec![stranger.clone(), identity]), (none, vec![unknown, none]));
    assert_eq!(leaves("c", vec![stranger.clone()]), (unknown, vec![]));
    assert_eq!(leaves("", vec![stranger]), (ErrorCode::InvalidGroupId, vec![]));
}

#[test]
fn a_topic_is_told_by_its_id_though_the_name_beside_it_is_empty() {
    // Kafka's own client asks so for the topics that it was assigned.
    let server = Server::start();
    let topic_id = create(&server, "t", 2);
    let mut client = server.connect();
    let topic = MetadataRequestTopic { topic_id, name: Some(Text::default()) };
    let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    let told = client.call(&request, 13).topics.remove(0);
    assert_eq!((told.error_code, told.name.as_deref()), (0, Some("t")));
}
