//! What a `server.properties` says of groups and transactions is what clients meet.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use support::{Connection, Server};
use tidemill_broker::settings::parse_properties;
use tidemill_commitlog::TopicConfig;
use tidemill_wire::init_producer_id::InitProducerIdRequest;
use tidemill_wire::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use tidemill_wire::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use tidemill_wire::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup};
use tidemill_wire::{ErrorCode, Text};

/// A broker with the settings of a file; where it listens is the test's business.
fn server(properties: &str) -> Server {
    let (settings, warnings) = parse_properties(properties).unwrap();
    assert_eq!(warnings, []);
    Server::with(|config| {
        let listen = config.listen;
        *config = settings.broker;
        config.listen = listen;
    })
}

fn error(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).unwrap()
}

fn init(client: &mut Connection, timeout_ms: i32) -> ErrorCode {
    let request = InitProducerIdRequest {
        transactional_id: Some("mine".into()),
        transaction_timeout_ms: timeout_ms,
        ..Default::default()
    };
    error(client.call(&request, 4).error_code)
}

fn join(client: &mut Connection, session_timeout_ms: i32) -> ErrorCode {
    let request = JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".into(),
        protocols: vec![JoinGroupRequestProtocol { name: "range".into(), ..Default::default() }],
        ..Default::default()
    };
    error(client.call(&request, 3).error_code)
}

fn commit(client: &mut Connection, group: &str, metadata: &str) -> ErrorCode {
    let partition = OffsetCommitRequestPartition {
        partition_index: 0,
        committed_offset: 0,
        committed_metadata: Some(Text::from(metadata)),
        ..Default::default()
    };
    let topic = OffsetCommitRequestTopic {
        name: "t".into(),
        partitions: vec![partition],
        ..Default::default()
    };
    let request = OffsetCommitRequest {
        group_id: group.into(),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    };
    error(client.call(&request, 8).topics[0].partitions[0].error_code)
}

#[test]
fn transactions_stay_open_no_longer_than_they_may() {
    let server = server("transaction.max.timeout.ms=1000");
    let mut client = server.connect();
    assert_eq!(init(&mut client, 1_001), ErrorCode::InvalidTransactionTimeout);
    assert_eq!(init(&mut client, 1_000), ErrorCode::None);
}

#[test]
fn groups_take_the_sessions_and_the_members_they_may() {
    let server = server(
        "group.min.session.timeout.ms=100\ngroup.max.session.timeout.ms=70000\ngroup.max.size=1",
    );
    let mut client = server.connect();
    assert_eq!(join(&mut client, 99), ErrorCode::InvalidSessionTimeout);
    assert_eq!(join(&mut client, 70_001), ErrorCode::InvalidSessionTimeout);
    assert_eq!(join(&mut client, 70_000), ErrorCode::None);
    assert_eq!(join(&mut client, 70_000), ErrorCode::GroupMaxSizeReached);
}

#[test]
fn texts_beside_offsets_are_as_long_as_they_may_be() {
    for bytes in [10, 32_767] {
        let server = server(&format!("offset.metadata.max.bytes={bytes}"));
        server.log().create_topic("t", TopicConfig::default()).unwrap();
        let mut client = server.connect();
        let longest = "x".repeat(bytes);
        assert_eq!(commit(&mut client, "s", &longest), ErrorCode::None);
        if bytes < 32_767 {
            let longer = longest + "x";
            assert_eq!(commit(&mut client, "s", &longer), ErrorCode::OffsetMetadataTooLarge);
        }
    }
}

#[test]
fn offsets_are_let_go_while_the_broker_runs() {
    let server = Server::with(|config| {
        config.groups.offsets_retention = Duration::ZERO;
        config.groups.offsets_check_interval = Duration::from_millis(5);
    });
    server.log().create_topic("t", TopicConfig::default()).unwrap();
    let mut client = server.connect();
    assert_eq!(commit(&mut client, "s", ""), ErrorCode::None);
    let group = OffsetFetchRequestGroup { group_id: "s".into(), ..Default::default() };
    let request = OffsetFetchRequest { groups: vec![group], ..Default::default() };
    // Each round is a request that is answered; it ends when the offset is gone.
    while !client.call(&request, 8).groups[0].topics.is_empty() {}
}
