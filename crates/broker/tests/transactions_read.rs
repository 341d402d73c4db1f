//! What consumers in `read_committed` mode get, over real sockets. The transactions themselves are written to the log.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::mpsc;

use bytes::Bytes;
use support::{Connection, Server, batch, numbered, produce, transactional, values};
use tidemill_commitlog::batch::{BatchBuilder, Compression, Record};
use tidemill_commitlog::{Acks, EndMarker, Partition, TopicConfig};
use tidemill_wire::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use tidemill_wire::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use tidemill_wire::{ErrorCode, Records, Uuid};

/// A server with one topic, and the topic's partition.
fn start() -> (Server, Partition) {
    let server = Server::start();
    // The records are from 1970 and the markers from now: that is no reason to close a segment.
    let config = TopicConfig { segment_ms: 1 << 50, retention_ms: None, ..TopicConfig::default() };
    server.log().create_topic("t", config).unwrap();
    let partition = server.log().partition("t", 0).unwrap();
    (server, partition)
}

fn append(partition: &Partition, batch: Bytes) {
    partition.append_wait(batch, Acks::Synced).unwrap();
}

/// One record of a transaction, whose value is its sequence.
fn data(id: i64, epoch: i16, sequence: i32) -> Bytes {
    transactional(&numbered(id, epoch, sequence))
}

fn end(partition: &Partition, producer_id: i64, commit: bool) {
    let marker = EndMarker {
        producer_id,
        producer_epoch: 0,
        coordinator_epoch: 0,
        commit,
        transaction_version: 0,
    };
    let (sender, answer) = mpsc::channel();
    partition.end_transaction(marker, move |result| sender.send(result).unwrap());
    answer.recv().unwrap().unwrap();
}

fn fetch(offset: i64, wait_ms: i32, isolation_level: i8) -> FetchRequest {
    let partition =
        FetchPartition { fetch_offset: offset, partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic { topic: "t".into(), partitions: vec![partition], ..Default::default() };
    let topics = vec![topic];
    let max_wait_ms = wait_ms;
    FetchRequest { max_wait_ms, min_bytes: 1, isolation_level, topics, ..Default::default() }
}

/// Values (of data only), last stable offset, and producer and first offset of the aborted transactions.
type Told = (Vec<String>, i64, Option<Vec<(i64, i64)>>);

fn told(response: &FetchResponse) -> Told {
    let data = &response.responses[0].partitions[0];
    assert_eq!(data.error_code, 0);
    let records = data.records.clone().map(Records::into_bytes).unwrap();
    let aborted = data
        .aborted_transactions
        .as_ref()
        .map(|all| all.iter().map(|aborted| (aborted.producer_id, aborted.first_offset)).collect());
    (values(records), data.last_stable_offset, aborted)
}

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[test]
fn committed_readers_stop_at_the_last_stable_offset_in_every_version() {
    let (mut server, partition) = start();
    for sequence in [0, 1] {
        append(&partition, data(7, 0, sequence));
        append(&partition, data(8, 0, sequence));
    }
    end(&partition, 7, false);
    append(&partition, batch(&["plain"]));
    for _ in 0..2 {
        let mut client = server.connect();
        for version in 4..=12 {
            let all = client.call(&fetch(0, 0, 0), version);
            assert_eq!(all.responses[0].partitions[0].high_watermark, 6);
            let (read, stable, aborted) = told(&all);
            // A marker has a value too.
            assert_eq!((read.len(), stable, aborted), (6, 1, None), "version {version}");
            let committed = told(&client.call(&fetch(0, 0, 1), version));
            assert_eq!(committed, (strings(&["0"]), 1, Some(vec![(7, 0)])));
            let nothing = told(&client.call(&fetch(1, 0, 1), version));
            assert_eq!(nothing, (vec![], 1, Some(vec![])));
        }
        drop(client);
        server.restart();
    }
    let partition = server.log().partition("t", 0).unwrap();
    end(&partition, 8, true);
    let (read, stable, aborted) = told(&server.connect().call(&fetch(0, 0, 1), 12));
    assert_eq!((read.len(), stable, aborted), (7, 7, Some(vec![(7, 0)])));
    let (read, _, aborted) = told(&server.connect().call(&fetch(5, 0, 1), 12));
    assert_eq!((read[0].as_str(), aborted), ("plain", Some(vec![])));
}

#[test]
fn a_waiting_committed_reader_is_woken_by_the_end_of_a_transaction_only() {
    let (server, partition) = start();
    append(&partition, data(7, 0, 0));
    let mut reader = server.connect();
    // Half a minute is longer than this test is willing to see.
    reader.send(&fetch(0, 29_000, 1), 12);
    append(&partition, batch(&["behind it"]));
    append(&partition, data(7, 0, 1));
    end(&partition, 7, true);
    let (_, response) = reader.receive::<FetchResponse>(12);
    let (read, stable, _) = told(&response);
    assert_eq!((read.len(), stable), (4, 4));
    // Deleting what holds it back frees it as well.
    append(&partition, data(7, 0, 2));
    append(&partition, batch(&["free"]));
    reader.send(&fetch(4, 29_000, 1), 12);
    partition.delete_records(6).unwrap();
    let (_, response) = reader.receive::<FetchResponse>(12);
    assert_eq!(response.responses[0].partitions[0].error_code, ErrorCode::OffsetOutOfRange.code());
}

fn list(client: &mut Connection, timestamp: i64, isolation_level: i8, version: i16) -> i64 {
    let partition =
        ListOffsetsPartition { timestamp, current_leader_epoch: -1, ..Default::default() };
    let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition] };
    let topics = vec![topic];
    let request =
        ListOffsetsRequest { replica_id: -1, isolation_level, topics, ..Default::default() };
    client.call(&request, version).topics[0].partitions[0].offset
}

#[test]
fn the_latest_committed_offset_is_the_last_stable_one() {
    let (server, partition) = start();
    append(&partition, batch(&["a", "b"]));
    append(&partition, data(7, 0, 0));
    let mut client = server.connect();
    for version in 2..=11 {
        let ends = [0, 1].map(|isolation| list(&mut client, -1, isolation, version));
        assert_eq!(ends, [3, 2], "version {version}");
    }
    // The open transaction's record has the timestamp of the first.
    assert_eq!([0, 1].map(|isolation| list(&mut client, 1_001, isolation, 7)), [1, 1]);
    assert_eq!([0, 1].map(|isolation| list(&mut client, -2, isolation, 7)), [0, 0]);
    end(&partition, 7, true);
    assert_eq!(list(&mut client, -1, 1, 7), 4);
}

#[test]
fn a_reader_whose_log_went_on_differently_is_told_where() {
    let (mut server, partition) = start();
    append(&partition, batch(&["a", "b"]));
    let old_epoch = partition.leader_epoch();
    drop(partition);
    server.crash();
    let partition = server.log().partition("t", 0).unwrap();
    append(&partition, batch(&["c"]));
    let epoch = partition.leader_epoch();
    assert!(epoch > old_epoch);
    let mut client = server.connect();
    let mut ask = |offset, last_fetched_epoch, version| {
        let mut request = fetch(offset, 29_000, 0);
        request.topics[0].partitions[0].last_fetched_epoch = last_fetched_epoch;
        let response = client.call(&request, version);
        let data = response.responses[0].partitions[0].clone();
        let diverging = (data.diverging_epoch.epoch, data.diverging_epoch.end_offset);
        (data.error_code, diverging, data.records.map_or(0, |records| records.len()) > 0)
    };
    let none = (-1, -1);
    assert_eq!(ask(2, old_epoch, 12), (0, none, true), "it has what was before");
    assert_eq!(ask(2, epoch, 12), (0, none, true));
    assert_eq!(ask(0, -1, 12), (0, none, true), "it does not say");
    // It has a third record of the old epoch, which this log does not have.
    assert_eq!(ask(3, old_epoch, 12), (0, (old_epoch, 2), false));
    assert_eq!(ask(3, epoch + 7, 12), (0, (epoch, 3), false), "an epoch that never was");
    // Versions before do not name an epoch.
    assert_eq!(ask(2, old_epoch, 11), (0, none, true));
}

fn zstd(value: &str) -> Bytes {
    let mut builder = BatchBuilder::new(1 << 20).compression(Compression::Zstd);
    builder.push(&Record { value: Some(value.as_bytes()), ..Record::default() }).unwrap();
    builder.finish()
}

#[test]
fn zstd_is_refused_to_clients_that_do_not_know_it() {
    let (server, _) = start();
    let mut client = server.connect();
    let unsupported = ErrorCode::UnsupportedCompressionType.code();
    // Not the first batch either.
    let both = Bytes::from([batch(&["plain"]), zstd("packed")].concat());
    for version in [3, 6, 7, 9] {
        let response = client.call(&produce("t", Uuid::ZERO, -1, both.clone()), version);
        let error = response.responses[0].partition_responses[0].error_code;
        assert_eq!(error, if version < 7 { unsupported } else { 0 }, "version {version}");
    }
    for version in 4..=12 {
        let old = version < 10;
        let first = client.call(&fetch(0, 0, 0), version);
        let expected: &[&str] =
            if old { &["plain"] } else { &["plain", "packed", "plain", "packed"] };
        assert_eq!(told(&first).0, expected, "version {version}");
        let second = client.call(&fetch(1, 0, 0), version);
        let error = second.responses[0].partitions[0].error_code;
        assert_eq!(error, if old { unsupported } else { 0 }, "version {version}");
    }
}
