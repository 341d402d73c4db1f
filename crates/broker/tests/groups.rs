//! Consumer groups over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bytes::Bytes;
use support::{Connection, Server};
use tidemill_wire::delete_groups::DeleteGroupsRequest;
use tidemill_wire::heartbeat::HeartbeatRequest;
use tidemill_wire::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use tidemill_wire::list_groups::ListGroupsRequest;
use tidemill_wire::metadata::{MetadataRequest, MetadataRequestTopic};
use tidemill_wire::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use tidemill_wire::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use tidemill_wire::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use tidemill_wire::{ErrorCode, Text, Uuid};

fn join(member_id: &Text) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        member_id: member_id.clone(),
        protocol_type: "consumer".into(),
        protocols: vec![JoinGroupRequestProtocol { name: "range".into(), metadata: Bytes::new() }],
        ..Default::default()
    }
}

fn enter(client: &mut Connection) -> JoinGroupResponse {
    let first = client.call(&join(&Text::default()), 9);
    assert_eq!(first.error_code, ErrorCode::MemberIdRequired.code());
    client.call(&join(&first.member_id), 9)
}

fn commit(
    generation: i32,
    member: &Text,
    topic: &str,
    id: Uuid,
    offset: i64,
) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition {
        committed_offset: offset,
        committed_metadata: Some("note".into()),
        ..Default::default()
    };
    let topic =
        OffsetCommitRequestTopic { name: topic.into(), topic_id: id, partitions: vec![partition] };
    OffsetCommitRequest {
        group_id: "g".into(),
        generation_id_or_member_epoch: generation,
        member_id: member.clone(),
        topics: vec![topic],
        ..Default::default()
    }
}

fn create(client: &mut Connection, topic: &str) -> Uuid {
    let topic = MetadataRequestTopic { name: Some(topic.into()), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    client.call(&request, 12).topics[0].topic_id
}

#[test]
fn two_members_meet_over_two_connections() {
    let server = Server::start();
    let (mut one, mut two) = (server.connect(), server.connect());
    let leader = enter(&mut one);
    assert_eq!((leader.error_code, leader.generation_id), (0, 1));
    let id = two.call(&join(&Text::default()), 9).member_id;
    two.send(&join(&id), 9);
    let beat = HeartbeatRequest {
        group_id: "g".into(),
        generation_id: 1,
        member_id: leader.member_id.clone(),
        ..Default::default()
    };
    // The second join is on another connection; the heartbeat sees it once it has arrived.
    while one.call(&beat, 4).error_code == 0 {}
    let leader = one.call(&join(&leader.member_id), 9);
    let (_, follower) = two.receive::<JoinGroupResponse>(9);
    assert_eq!((leader.generation_id, follower.generation_id), (2, 2));
    assert_eq!((leader.members.len(), follower.members.len()), (2, 0));
    let sync = |member: &Text, assignments| SyncGroupRequest {
        group_id: "g".into(),
        generation_id: 2,
        member_id: member.clone(),
        protocol_type: Some("consumer".into()),
        protocol_name: Some("range".into()),
        assignments,
        ..Default::default()
    };
    two.send(&sync(&follower.member_id, vec![]), 5);
    let parts = leader.members.iter().map(|member| SyncGroupRequestAssignment {
        member_id: member.member_id.clone(),
        assignment: member.member_id.as_bytes().clone(),
    });
    let mine = one.call(&sync(&leader.member_id, parts.collect()), 5);
    let (_, theirs) = two.receive::<tidemill_wire::sync_group::SyncGroupResponse>(5);
    assert_eq!(mine.assignment, leader.member_id.as_bytes());
    assert_eq!(theirs.assignment, follower.member_id.as_bytes());
}

#[test]
fn offsets_are_kept_for_members_only_and_survive_a_restart() {
    let mut server = Server::start();
    let mut client = server.connect();
    let id = create(&mut client, "t");
    let member = enter(&mut client);
    let generation = member.generation_id;
    let me = &member.member_id;
    let mut error = |request: &OffsetCommitRequest, version| {
        let response = client.call(request, version);
        ErrorCode::from_code(response.topics[0].partitions[0].error_code).unwrap()
    };
    let wrong = commit(generation, &"other".into(), "t", id, 1);
    assert_eq!(error(&wrong, 9), ErrorCode::UnknownMemberId);
    let old = commit(generation - 1, me, "t", id, 1);
    assert_eq!(error(&old, 9), ErrorCode::IllegalGeneration);
    // Members may not commit before they have their assignment.
    assert_eq!(error(&commit(generation, me, "t", id, 1), 9), ErrorCode::RebalanceInProgress);
    let sync = SyncGroupRequest {
        group_id: "g".into(),
        generation_id: generation,
        member_id: me.clone(),
        ..Default::default()
    };
    client.call(&sync, 4);
    let mut error = |request: &OffsetCommitRequest, version| {
        let response = client.call(request, version);
        ErrorCode::from_code(response.topics[0].partitions[0].error_code).unwrap()
    };
    for version in 2..=10 {
        let request = commit(generation, me, "t", id, i64::from(version));
        assert_eq!(error(&request, version), ErrorCode::None, "version {version}");
    }
    let unknown = commit(generation, me, "no", Uuid([9; 16]), 1);
    assert_eq!(error(&unknown, 9), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(error(&unknown, 10), ErrorCode::UnknownTopicId);
    let mut large = commit(generation, me, "t", id, 1);
    large.topics[0].partitions[0].committed_metadata = Some("x".repeat(5000).into());
    assert_eq!(error(&large, 9), ErrorCode::OffsetMetadataTooLarge);
    server.restart();
    let mut client = server.connect();
    check_fetch(&mut client, id);
    let listed = client.call(&ListGroupsRequest::default(), 5);
    assert_eq!((&*listed.groups[0].group_id, &*listed.groups[0].group_state), ("g", "Stable"));
}

fn check_fetch(client: &mut Connection, id: Uuid) {
    for version in 1..=7 {
        let topic = OffsetFetchRequestTopic { name: "t".into(), partition_indexes: vec![0, 1] };
        let request = OffsetFetchRequest {
            group_id: "g".into(),
            topics: Some(vec![topic]),
            ..Default::default()
        };
        let response = client.call(&request, version);
        let partitions = &response.topics[0].partitions;
        assert_eq!(
            (partitions[0].committed_offset, partitions[0].metadata.as_deref()),
            (10, Some("note"))
        );
        assert_eq!((partitions[1].committed_offset, partitions[1].error_code), (-1, 0));
    }
    for version in 8..=10 {
        let some =
            OffsetFetchRequestTopics { name: "t".into(), topic_id: id, partition_indexes: vec![0] };
        for topics in [None, Some(vec![some])] {
            let group =
                OffsetFetchRequestGroup { group_id: "g".into(), topics, ..Default::default() };
            let request = OffsetFetchRequest { groups: vec![group], ..Default::default() };
            let response = client.call(&request, version);
            let topic = &response.groups[0].topics[0];
            assert_eq!(topic.partitions[0].committed_offset, 10);
            let by_id = version == 10;
            assert_eq!((topic.topic_id == id, &*topic.name == "t"), (by_id, !by_id));
        }
    }
}

#[test]
fn offsets_may_be_kept_without_a_group_protocol() {
    let server = Server::start();
    let mut client = server.connect();
    let id = create(&mut client, "t");
    let response = client.call(&commit(-1, &Text::default(), "t", id, 10), 8);
    assert_eq!(response.topics[0].partitions[0].error_code, 0);
    check_fetch(&mut client, id);
    let mut delete = || {
        let request = DeleteGroupsRequest { groups_names: vec!["g".into()] };
        ErrorCode::from_code(client.call(&request, 2).results[0].error_code).unwrap()
    };
    assert_eq!(delete(), ErrorCode::None);
    assert_eq!(delete(), ErrorCode::GroupIdNotFound);
    enter(&mut client);
    let request = DeleteGroupsRequest { groups_names: vec!["g".into()] };
    let error = client.call(&request, 2).results[0].error_code;
    assert_eq!(error, ErrorCode::NonEmptyGroup.code());
}

#[test]
fn a_member_does_not_notice_a_restart() {
    let mut server = Server::start();
    let mut client = server.connect();
    let member = enter(&mut client);
    let sync = SyncGroupRequest {
        group_id: "g".into(),
        generation_id: member.generation_id,
        member_id: member.member_id.clone(),
        assignments: vec![SyncGroupRequestAssignment {
            member_id: member.member_id.clone(),
            assignment: Bytes::from_static(b"all"),
        }],
        ..Default::default()
    };
    assert_eq!(client.call(&sync, 5).error_code, 0);
    server.restart();
    let mut client = server.connect();
    let beat = HeartbeatRequest {
        group_id: "g".into(),
        generation_id: member.generation_id,
        member_id: member.member_id.clone(),
        ..Default::default()
    };
    assert_eq!(client.call(&beat, 4).error_code, 0);
    assert_eq!(client.call(&sync, 5).assignment, "all");
}

/// A member that joins and syncs until it is in a generation of `count`, and says what went wrong on the way.
fn meet(mut client: Connection, count: usize, met: &std::sync::Barrier) -> Vec<ErrorCode> {
    let mut errors = Vec::new();
    let mut me = Text::default();
    let error = |code| ErrorCode::from_code(code).unwrap();
    loop {
        let joined = client.call(&join(&me), 9);
        me = joined.member_id.clone();
        if joined.error_code != 0 {
            errors.push(error(joined.error_code));
            continue;
        }
        // Everybody is told how many there are, which only the leader knows.
        let size = Bytes::from(joined.members.len().to_string());
        let assignments = joined.members.iter().map(|member| SyncGroupRequestAssignment {
            member_id: member.member_id.clone(),
            assignment: size.clone(),
        });
        let sync = SyncGroupRequest {
            group_id: "g".into(),
            generation_id: joined.generation_id,
            member_id: me.clone(),
            assignments: assignments.collect(),
            ..Default::default()
        };
        let synced = client.call(&sync, 5);
        if synced.error_code != 0 {
            errors.push(error(synced.error_code));
        } else if synced.assignment == count.to_string() {
            met.wait();
            return errors;
        } else {
            let beat = HeartbeatRequest {
                group_id: "g".into(),
                generation_id: joined.generation_id,
                member_id: me.clone(),
                ..Default::default()
            };
            // Until somebody else is there.
            let mut code = 0;
            while code == 0 {
                code = client.call(&beat, 4).error_code;
            }
            errors.push(error(code));
        }
    }
}

#[test]
fn members_that_come_all_at_once_meet_and_none_is_lost() {
    const MEMBERS: usize = 12;
    let server = Server::start();
    let met = std::sync::Barrier::new(MEMBERS);
    let all = std::thread::scope(|scope| {
        let come = |_| scope.spawn(|| meet(server.connect(), MEMBERS, &met));
        let members: Vec<_> = (0..MEMBERS).map(come).collect();
        members.into_iter().map(|member| member.join().unwrap()).collect::<Vec<_>>()
    });
    for mut errors in all {
        assert_eq!(errors.remove(0), ErrorCode::MemberIdRequired);
        // To join again is all that a member may be told while others come.
        assert!(errors.iter().all(|error| *error == ErrorCode::RebalanceInProgress), "{errors:?}");
    }
}
