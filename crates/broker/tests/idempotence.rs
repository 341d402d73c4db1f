//! Producers with ids: what they send twice is kept once, whatever happens between.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bytes::Bytes;
use support::{Connection, Server, numbered, produce, values};
use tidemill_wire::create_topics::{CreatableTopic, CreateTopicsRequest};
use tidemill_wire::init_producer_id::InitProducerIdRequest;
use tidemill_wire::{ErrorCode, Uuid};

fn init(client: &mut Connection, id: i64, epoch: i16) -> (i16, i64, i16) {
    let request = InitProducerIdRequest {
        producer_id: id,
        producer_epoch: epoch,
        ..InitProducerIdRequest::default()
    };
    let given = client.call(&request, 5);
    (given.error_code, given.producer_id, given.producer_epoch)
}

/// Error code and base offset.
fn send(client: &mut Connection, batch: Bytes) -> (i16, i64) {
    let response = client.call(&produce("t", Uuid::ZERO, -1, batch), 9);
    let done = &response.responses[0].partition_responses[0];
    (done.error_code, done.base_offset)
}

fn create_topic(client: &mut Connection) {
    let topic = CreatableTopic {
        name: "t".into(),
        num_partitions: 1,
        replication_factor: 1,
        ..CreatableTopic::default()
    };
    client.call(&CreateTopicsRequest { topics: vec![topic], ..Default::default() }, 5);
}

#[test]
fn every_version_gives_ids_and_no_id_twice() {
    let mut server = Server::start();
    let mut given = Vec::new();
    for _ in 0..2 {
        let mut client = server.connect();
        for version in 0..=5 {
            let response = client.call(&InitProducerIdRequest::default(), version);
            assert_eq!((response.error_code, response.producer_epoch), (0, 0));
            given.push(response.producer_id);
        }
        server.restart();
    }
    assert!(given.is_sorted_by(|a, b| a < b), "{given:?}");
}

#[test]
fn an_epoch_is_raised_until_there_is_none_left() {
    let server = Server::start();
    let mut client = server.connect();
    let (_, id, _) = init(&mut client, -1, -1);
    assert_eq!(init(&mut client, id, 0), (0, id, 1));
    assert_eq!(init(&mut client, id, i16::MAX - 2), (0, id, i16::MAX - 1));
    assert_eq!(init(&mut client, id, i16::MAX - 1), (0, id + 1, 0));
    // An id that was never given is not made to be one.
    assert_eq!(init(&mut client, id + 100, 3), (0, id + 2, 0));
    let contradiction = ErrorCode::InvalidRequest.code();
    assert_eq!(init(&mut client, id, -1), (contradiction, -1, -1));
    assert_eq!(init(&mut client, -1, 0), (contradiction, -1, -1));
}

#[test]
fn repeats_gaps_and_old_epochs_have_kafkas_answers() {
    let mut server = Server::start();
    let mut client = server.connect();
    create_topic(&mut client);
    let (_, id, _) = init(&mut client, -1, -1);
    for sequence in 0..4 {
        assert_eq!(send(&mut client, numbered(id, 0, sequence)), (0, sequence.into()));
    }
    assert_eq!(send(&mut client, numbered(id, 0, 2)), (0, 2), "a repeat");
    server.restart();
    let mut client = server.connect();
    assert_eq!(send(&mut client, numbered(id, 0, 1)), (0, 1), "a repeat after a restart");
    let gap = send(&mut client, numbered(id, 0, 5));
    assert_eq!(gap, (ErrorCode::OutOfOrderSequenceNumber.code(), -1));
    assert_eq!(init(&mut client, id, 0), (0, id, 1));
    assert_eq!(send(&mut client, numbered(id, 1, 0)), (0, 4), "a new epoch");
    let fenced = send(&mut client, numbered(id, 0, 4));
    assert_eq!(fenced, (ErrorCode::InvalidProducerEpoch.code(), -1));
    let missing = send(&mut client, numbered(id, 1, -1));
    assert_eq!(missing, (ErrorCode::InvalidRecord.code(), -1));
    let partition = server.log().partition("t", 0).unwrap();
    let read = partition.read(0, 1 << 20).unwrap();
    let read: Vec<String> = read.batches().flat_map(values).collect();
    assert_eq!(read, ["0", "1", "2", "3", "0"]);
}
