//! What strangers can make the broker take: connections, half requests, unread answers, announced and unpacked
//! bytes. Each test looks at the memory of this process while the load stands, and at others being served meanwhile.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the figures are worth reading (`-- --nocapture`)")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use support::{Connection, Server, batch, produce, values};
use tidemill_commitlog::batch::{BatchBuilder, Compression, Record};
use tidemill_wire::api_versions::ApiVersionsRequest;
use tidemill_wire::fetch::{FetchPartition, FetchRequest, FetchTopic};
use tidemill_wire::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use tidemill_wire::message::encode_request;
use tidemill_wire::metadata::{MetadataRequest, MetadataRequestTopic};
use tidemill_wire::{ErrorCode, Uuid};

const MIB: u64 = 1 << 20;

/// The tests measure one process, so one runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Memory of this process that is in use.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Asserts that memory did not grow by more than this, in MiB.
fn assert_grown_at_most(before: u64, mib: u64, what: &str) {
    let grown = resident_bytes().saturating_sub(before) / MIB;
    println!("{what}: {grown} MiB of {mib}");
    assert!(grown <= mib, "{what}: memory grew by {grown} MiB, at most {mib} are allowed");
}

fn make(client: &mut Connection, topic: &str) {
    let topic = MetadataRequestTopic { name: Some(topic.into()), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    assert_eq!(client.call(&request, 9).topics[0].error_code, 0);
}

fn fetch(topic: &str, offset: i64, bytes_max: i32) -> FetchRequest {
    let partition = FetchPartition {
        fetch_offset: offset,
        partition_max_bytes: bytes_max,
        ..Default::default()
    };
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: bytes_max,
        topics: vec![FetchTopic {
            topic: topic.into(),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// A record goes in and comes out.
fn assert_served(server: &Server, topic: &str) {
    let mut client = server.connect();
    make(&mut client, topic);
    let sent = client.call(&produce(topic, Uuid::ZERO, -1, batch(&["served"])), 9);
    let sent = &sent.responses[0].partition_responses[0];
    assert_eq!(sent.error_code, 0);
    let got = client.call(&fetch(topic, sent.base_offset, 1 << 20), 11);
    let records = got.responses[0].partitions[0].records.clone().unwrap().into_bytes();
    assert_eq!(values(records), ["served"]);
}

#[test]
fn five_thousand_idle_connections_take_little() {
    let _alone = alone();
    let server = Server::start();
    assert_served(&server, "idle");
    let before = resident_bytes();
    let mut idle = Vec::new();
    for number in 0..5_000 {
        let mut client = server.connect();
        // Each has been served once: buffers of the past must not stay.
        if number % 10 == 0 {
            assert_eq!(client.call(&ApiVersionsRequest::default(), 3).error_code, 0);
        }
        idle.push(client);
    }
    assert_served(&server, "idle");
    assert_grown_at_most(before, 48, "5,000 idle connections");
    for client in idle.iter_mut().step_by(499) {
        assert_eq!(client.call(&ApiVersionsRequest::default(), 3).error_code, 0);
    }
}

#[test]
fn readers_that_take_nothing_hold_no_more_than_the_budget() {
    let _alone = alone();
    let server = Server::with(|config| {
        config.response_memory_bytes_max = 16 << 20;
        config.in_flight_max = 16;
    });
    let mut client = server.connect();
    make(&mut client, "slow");
    let value = "x".repeat(900_000);
    for _ in 0..96 {
        let sent = client.call(&produce("slow", Uuid::ZERO, -1, batch(&[&value])), 9);
        assert_eq!(sent.responses[0].partition_responses[0].error_code, 0);
    }
    let before = resident_bytes();
    // Of each of 100 readers 16 answers of 8 MiB are asked for, 13 GiB in all, from places that differ.
    let mut slow: Vec<Connection> = (0..100).map(|_| server.connect()).collect();
    for (number, reader) in (0i64..).zip(&mut slow) {
        for ahead in 0..16 {
            reader.send(&fetch("slow", (number + ahead * 5) % 88, 8 << 20), 11);
        }
    }
    for round in 0..20 {
        assert_served(&server, "beside");
        assert_grown_at_most(before, 128, &format!("100 slow readers, round {round}"));
    }
    // A reader that takes its answers after all gets all of them, in order.
    let mut reader = slow.pop().unwrap();
    for _ in 0..16 {
        let (_, answer) = reader.receive::<tidemill_wire::fetch::FetchResponse>(11);
        let partition = &answer.responses[0].partitions[0];
        assert_eq!(partition.error_code, 0);
        assert!(!partition.records.as_ref().unwrap().is_empty());
    }
}

#[test]
fn a_client_that_asks_and_never_reads_is_not_read_from() {
    let _alone = alone();
    let server = Server::start();
    let mut client = server.connect();
    for number in 0..20 {
        make(&mut client, &format!("a-topic-with-a-long-name-so-that-answers-are-large-{number}"));
    }
    let before = resident_bytes();
    let socket = TcpStream::connect(server.address()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let request = MetadataRequest { topics: None, ..Default::default() };
    let frame = encode_request(&request, 9, 1, None).unwrap().concat();
    let mut socket = socket;
    let mut asked = 0u64;
    // The system's buffers fill; then the broker, which waits for its answers to be taken, takes no more requests.
    while socket.write(&frame).is_ok() {
        asked += 1;
        assert!(asked < 10_000_000, "requests are taken without end");
    }
    assert_served(&server, "beside");
    assert_grown_at_most(before, 32, "a client that never reads");
}

#[test]
fn a_request_that_does_not_end_is_closed_and_others_stay() {
    let _alone = alone();
    let server = Server::with(|config| config.frame_grace = Duration::from_millis(200));
    let mut quiet = server.connect();
    for begun in [&[0, 0][..], &[0, 0, 0, 9, 1], &[5, 0, 0, 0, 1, 2, 3]] {
        let mut half = server.connect();
        half.socket.write_all(begun).unwrap();
        // It neither ends nor closes; the broker does.
        assert!(half.is_closed(), "{begun:?}");
    }
    assert_eq!(quiet.call(&ApiVersionsRequest::default(), 3).error_code, 0);
}

#[test]
fn a_slow_request_that_goes_on_is_served() {
    let _alone = alone();
    let server = Server::with(|config| config.frame_grace = Duration::from_millis(500));
    let mut client = server.connect();
    make(&mut client, "piecemeal");
    let value = "x".repeat(600_000);
    let request = produce("piecemeal", Uuid::ZERO, -1, batch(&[&value]));
    let frame = encode_request(&request, 9, 77, None).unwrap().concat();
    let (_never, pause) = std::sync::mpsc::channel::<()>();
    // 600 KB earn nine seconds more than the half one that all have.
    for piece in frame.chunks(frame.len() / 8) {
        client.socket.write_all(piece).unwrap();
        // The client takes its time.
        let _ = pause.recv_timeout(Duration::from_millis(100));
    }
    let (number, answer) = client.receive::<tidemill_wire::produce::ProduceResponse>(9);
    assert_eq!((number, answer.responses[0].partition_responses[0].error_code), (77, 0));
}

#[test]
fn announced_bytes_take_no_memory_and_half_requests_no_more_than_the_budget() {
    let _alone = alone();
    let server = Server::with(|config| config.request_memory_bytes_max = 32 << 20);
    assert_served(&server, "hostile");
    let before = resident_bytes();
    let mut hostile: Vec<TcpStream> =
        (0..300).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    for socket in &mut hostile {
        socket.write_all(&(100i32 << 20).to_be_bytes()).unwrap();
        socket.write_all(&[0; 1000]).unwrap();
    }
    assert_served(&server, "hostile");
    assert_grown_at_most(before, 48, "300 announcements of 100 MiB");
    // Now each sends as much as is taken: without a bound 30 GiB.
    let piece = vec![0; 64 << 10];
    for socket in &mut hostile {
        socket.set_nonblocking(true).unwrap();
    }
    let mut sent = 0usize;
    for _ in 0..80 {
        for socket in &mut hostile {
            sent += socket.write(&piece).unwrap_or(0);
        }
    }
    assert!(sent > 64 << 20, "the clients sent {sent} bytes only");
    assert_served(&server, "hostile");
    // The budget, one request of up to 100 MiB past it, and some of what the others had begun.
    assert_grown_at_most(before, 32 + 100 + 32, "300 half requests");
}

#[test]
fn one_address_and_all_addresses_have_their_limits() {
    let _alone = alone();
    for change in [
        (|config| config.connections_per_address_max = 3) as fn(&mut tidemill_broker::BrokerConfig),
        |config| config.connections_max = 3,
        |config| {
            config.connections_per_address = [("127.0.0.1".parse().unwrap(), 3)].into();
        },
    ] {
        let server = Server::with(change);
        let mut taken: Vec<Connection> = (0..3).map(|_| server.connect()).collect();
        for client in &mut taken {
            assert_eq!(client.call(&ApiVersionsRequest::default(), 3).error_code, 0);
        }
        assert!(server.connect().is_closed());
        drop(taken.pop());
        // One may come as soon as the broker has seen that one has gone.
        while !is_open(&mut server.connect()) {}
    }
}

fn is_open(client: &mut Connection) -> bool {
    let frame = encode_request(&ApiVersionsRequest::default(), 3, 1, None).unwrap().concat();
    client.socket.write_all(&frame).is_ok() && client.socket.read_exact(&mut [0; 8]).is_ok()
}

/// A few KiB that unpack to this many bytes of zeros.
fn bomb(bytes: usize) -> Bytes {
    let value = vec![0; bytes];
    let mut builder = BatchBuilder::new(bytes + 1024).compression(Compression::Zstd);
    builder
        .push(&Record {
            timestamp_ms: 1000,
            key: Some(b"k"),
            value: Some(&value),
            ..Record::default()
        })
        .unwrap();
    builder.finish()
}

#[test]
fn packed_bombs_take_bounded_memory() {
    let _alone = alone();
    let server = Server::start();
    let mut client = server.connect();
    make(&mut client, "bomb");
    let packed = bomb(100 << 20);
    assert!(packed.len() < 1 << 20, "{} bytes", packed.len());
    let sent = client.call(&produce("bomb", Uuid::ZERO, -1, packed), 9);
    assert_eq!(sent.responses[0].partition_responses[0].error_code, 0);
    let before = resident_bytes();
    let partition =
        ListOffsetsPartition { timestamp: 999, current_leader_epoch: -1, ..Default::default() };
    let topic = ListOffsetsTopic { name: "bomb".into(), partitions: vec![partition] };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let mut askers: Vec<Connection> = (0..8).map(|_| server.connect()).collect();
    for asker in &mut askers {
        asker.send(&request, 7);
    }
    assert_served(&server, "beside");
    assert_grown_at_most(before, 2 * 128 + 64, "8 requests that unpack 100 MiB");
    for asker in &mut askers {
        let (_, answer) = asker.receive::<tidemill_wire::list_offsets::ListOffsetsResponse>(7);
        assert_eq!(answer.topics[0].partitions[0].error_code, ErrorCode::None.code());
    }
}
