//! Connections, versions and order, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Write;
use std::time::Duration;

use support::{Server, batch, produce};
use tidemill_wire::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use tidemill_wire::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use tidemill_wire::{ErrorCode, Uuid};

fn ask(topic: &str) -> MetadataRequest {
    let topic = MetadataRequestTopic { name: Some(topic.into()), ..Default::default() };
    MetadataRequest { topics: Some(vec![topic]), ..Default::default() }
}

#[test]
fn api_versions_is_answered_in_every_version() {
    let server = Server::start();
    let mut client = server.connect();
    for version in 0..=4 {
        let told = client.call(&ApiVersionsRequest::default(), version);
        assert_eq!(told.error_code, 0);
        let range = |key: i16| {
            let found = told.api_keys.iter().find(|api| api.api_key == key);
            found.map(|api| (api.min_version, api.max_version))
        };
        // Produce is told from 0 although 3 is the oldest: clients choose their compression by it.
        assert_eq!((range(0), range(1)), (Some((0, 13)), Some((4, 18))));
        assert_eq!((range(22), range(26), range(58)), (Some((0, 5)), Some((0, 5)), None));
        // Clients choose the protocol of their transactions by it.
        let features = told.finalized_features.iter();
        let levels: Vec<_> = features
            .filter(|feature| &*feature.name == "transaction.version")
            .map(|feature| feature.max_version_level)
            .collect();
        assert_eq!(levels, if version < 3 { vec![] } else { vec![2] });
    }
}

#[test]
fn a_newer_api_versions_is_answered_with_error_35_in_version_0() {
    let server = Server::start();
    let mut client = server.connect();
    // Version 99 of ApiVersions, correlation id 5, no client id, and fields nobody knows.
    let frame = [0, 0, 0, 14, 0, 18, 0, 99, 0, 0, 0, 5, 0xff, 0xff, 0, 9, 9, 9];
    client.socket.write_all(&frame).unwrap();
    let (correlation, told) = client.receive::<ApiVersionsResponse>(0);
    assert_eq!((correlation, told.error_code), (5, ErrorCode::UnsupportedVersion.code()));
    assert!(!told.api_keys.is_empty());
    assert_eq!(client.call(&ApiVersionsRequest::default(), 3).error_code, 0);
}

#[test]
fn other_versions_out_of_range_and_unknown_apis_close_the_connection() {
    let server = Server::start();
    for (key, version) in [(3, 99), (0, 2), (1, 3), (58, 0), (999, 0), (-1, 0)] {
        let mut client = server.connect();
        let (key, version) = (i16::to_be_bytes(key), i16::to_be_bytes(version));
        let mut frame = vec![0, 0, 0, 30];
        frame.extend(key.into_iter().chain(version));
        frame.resize(34, 0);
        client.socket.write_all(&frame).unwrap();
        assert!(client.is_closed(), "{key:?} {version:?}");
    }
}

#[test]
fn every_version_of_every_api_is_answered() {
    let server = Server::start();
    let mut client = server.connect();
    macro_rules! every {
        ($($module:ident $request:ident $versions:expr;)*) => {$(
            for version in $versions {
                let request = tidemill_wire::$module::$request::default();
                client.call(&request, version);
            }
        )*};
    }
    // Produce's default asks for acks=0, which is not answered; it has tests of its own.
    every! {
        fetch FetchRequest 4..=18;
        list_offsets ListOffsetsRequest 1..=11;
        metadata MetadataRequest 1..=13;
        offset_commit OffsetCommitRequest 2..=10;
        offset_fetch OffsetFetchRequest 2..=10;
        find_coordinator FindCoordinatorRequest 0..=6;
        join_group JoinGroupRequest 0..=9;
        heartbeat HeartbeatRequest 0..=4;
        leave_group LeaveGroupRequest 0..=5;
        sync_group SyncGroupRequest 0..=5;
        describe_groups DescribeGroupsRequest 0..=6;
        list_groups ListGroupsRequest 0..=5;
        api_versions ApiVersionsRequest 0..=4;
        create_topics CreateTopicsRequest 2..=7;
        delete_topics DeleteTopicsRequest 1..=6;
        delete_records DeleteRecordsRequest 0..=2;
        init_producer_id InitProducerIdRequest 0..=5;
        offset_for_leader_epoch OffsetForLeaderEpochRequest 2..=4;
        describe_configs DescribeConfigsRequest 1..=4;
        alter_configs AlterConfigsRequest 0..=2;
        alter_replica_log_dirs AlterReplicaLogDirsRequest 1..=2;
        describe_log_dirs DescribeLogDirsRequest 1..=5;
        create_partitions CreatePartitionsRequest 0..=3;
        add_partitions_to_txn AddPartitionsToTxnRequest 0..=5;
        add_offsets_to_txn AddOffsetsToTxnRequest 0..=4;
        end_txn EndTxnRequest 0..=5;
        write_txn_markers WriteTxnMarkersRequest 1..=2;
        txn_offset_commit TxnOffsetCommitRequest 0..=5;
        delete_groups DeleteGroupsRequest 0..=2;
        elect_leaders ElectLeadersRequest 0..=2;
        incremental_alter_configs IncrementalAlterConfigsRequest 0..=1;
        alter_partition_reassignments AlterPartitionReassignmentsRequest 0..=1;
        list_partition_reassignments ListPartitionReassignmentsRequest 0..=0;
        describe_client_quotas DescribeClientQuotasRequest 0..=1;
        alter_client_quotas AlterClientQuotasRequest 0..=1;
        describe_quorum DescribeQuorumRequest 0..=2;
        update_features UpdateFeaturesRequest 0..=2;
        describe_cluster DescribeClusterRequest 0..=2;
        list_config_resources ListConfigResourcesRequest 0..=1;
        describe_topic_partitions DescribeTopicPartitionsRequest 0..=0;
        describe_producers DescribeProducersRequest 0..=0;
        describe_transactions DescribeTransactionsRequest 0..=0;
        list_transactions ListTransactionsRequest 0..=2;
    }
    // The oldest versions of these two do not know null, which is their default.
    let request = MetadataRequest { topics: Some(vec![]), ..Default::default() };
    client.call(&request, 0);
    let request = tidemill_wire::offset_fetch::OffsetFetchRequest {
        topics: Some(vec![]),
        ..Default::default()
    };
    client.call(&request, 1);
}

#[test]
fn pipelined_requests_are_answered_in_order_even_beyond_the_bound() {
    let server = Server::with(|config| config.in_flight_max = 4);
    let mut client = server.connect();
    let mut sent = Vec::new();
    for number in 0..300 {
        sent.push(match number % 3 {
            0 => (client.send(&ask("ordered"), 9), 'm'),
            1 => (client.send(&produce("ordered", Uuid::ZERO, -1, batch(&["x"])), 9), 'p'),
            _ => (client.send(&ApiVersionsRequest::default(), 3), 'v'),
        });
    }
    let mut offsets = Vec::new();
    for (correlation, kind) in sent {
        let received = match kind {
            'm' => client.receive::<MetadataResponse>(9).0,
            'v' => client.receive::<ApiVersionsResponse>(3).0,
            _ => {
                let (received, response) =
                    client.receive::<tidemill_wire::produce::ProduceResponse>(9);
                offsets.push(response.responses[0].partition_responses[0].base_offset);
                received
            }
        };
        assert_eq!(received, correlation);
    }
    assert_eq!(offsets, (0..100).collect::<Vec<_>>());
}

#[test]
fn hostile_bytes_close_their_connection_and_nothing_else() {
    let server = Server::start();
    let mut seed = 1u64;
    for length in [1usize, 3, 4, 5, 8, 20, 100, 5_000] {
        for _ in 0..20 {
            let mut client = server.connect();
            let noise: Vec<u8> = (0..length)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    seed.to_be_bytes()[0]
                })
                .collect();
            // The broker may close before all of it is sent.
            let _ = client.socket.write_all(&noise);
            let _ = client.socket.shutdown(std::net::Shutdown::Write);
            while client.frame().is_some() {}
        }
    }
    for length in [i32::MAX, -1, i32::MIN, (100 << 20) + 1] {
        let mut client = server.connect();
        client.socket.write_all(&length.to_be_bytes()).unwrap();
        assert!(client.is_closed());
    }
    assert_eq!(server.connect().call(&ApiVersionsRequest::default(), 0).error_code, 0);
}

#[test]
fn requests_cut_short_at_every_byte_close_the_connection() {
    let server = Server::start();
    let request = produce("cut", Uuid::ZERO, -1, batch(&["x"]));
    let frame = tidemill_wire::message::encode_request(&request, 9, 1, None).unwrap().concat();
    for length in 0..frame.len() - 4 {
        let mut client = server.connect();
        let announced = i32::try_from(length).unwrap().to_be_bytes();
        client.socket.write_all(&announced).unwrap();
        client.socket.write_all(&frame[4..4 + length]).unwrap();
        assert!(client.is_closed(), "{length} bytes");
    }
}

#[test]
fn a_request_larger_than_the_limit_closes_the_connection() {
    let server = Server::with(|config| config.request_bytes_max = 1000);
    let mut client = server.connect();
    client.socket.write_all(&1001i32.to_be_bytes()).unwrap();
    assert!(client.is_closed());
}

#[test]
fn connections_above_the_limit_are_closed_and_places_come_back() {
    let server = Server::with(|config| config.connections_max = 2);
    let mut first = server.connect();
    let mut second = server.connect();
    first.call(&ApiVersionsRequest::default(), 0);
    second.call(&ApiVersionsRequest::default(), 0);
    assert!(server.connect().is_closed());
    drop(first);
    // The place is free once the broker has seen the end of the first; until then it refuses.
    while !answers(&mut server.connect()) {}
}

fn answers(client: &mut support::Connection) -> bool {
    let request = ApiVersionsRequest::default();
    let frame = tidemill_wire::message::encode_request(&request, 0, 1, None).unwrap().concat();
    // A connection that is refused may be gone before all of it is sent.
    client.socket.write_all(&frame).is_ok() && client.frame().is_some()
}

#[test]
fn an_idle_connection_is_closed() {
    let server = Server::with(|config| config.connection_idle_max = Duration::from_millis(100));
    assert!(server.connect().is_closed());
}

#[test]
fn metadata_names_the_address_reached_or_the_one_advertised() {
    let server = Server::start();
    let mut client = server.connect();
    let port = client.socket.peer_addr().unwrap().port();
    let told = client.call(&ask("t"), 12);
    assert_eq!((told.brokers[0].host.as_str(), told.brokers[0].port), ("127.0.0.1", port.into()));
    let server = Server::with(|config| {
        config.advertised =
            Some(tidemill_broker::Advertised { host: "news.example".into(), port: 9 });
    });
    let told = server.connect().call(&ask("t"), 12);
    assert_eq!((told.brokers[0].host.as_str(), told.brokers[0].port), ("news.example", 9));
}
