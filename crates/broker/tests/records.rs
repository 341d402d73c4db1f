//! Producing, fetching and topics, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bytes::Bytes;
use support::{Connection, Server, batch, produce, values};
use tidemill_wire::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use tidemill_wire::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use tidemill_wire::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use tidemill_wire::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use tidemill_wire::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use tidemill_wire::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use tidemill_wire::metadata::{MetadataRequest, MetadataRequestTopic};
use tidemill_wire::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use tidemill_wire::{ErrorCode, Records, Uuid};

fn topic_id(client: &mut Connection, topic: &str) -> Uuid {
    let topic = MetadataRequestTopic { name: Some(topic.into()), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    client.call(&request, 12).topics[0].topic_id
}

fn fetch(topic: &str, id: Uuid, offset: i64, wait_ms: i32) -> FetchRequest {
    let partition =
        FetchPartition { fetch_offset: offset, partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic { topic: topic.into(), topic_id: id, partitions: vec![partition] };
    FetchRequest { max_wait_ms: wait_ms, min_bytes: 1, topics: vec![topic], ..Default::default() }
}

fn records(response: &FetchResponse) -> Bytes {
    let data = &response.responses[0].partitions[0];
    assert_eq!(data.error_code, 0);
    data.records.clone().map(Records::into_bytes).unwrap()
}

#[test]
fn every_version_appends_and_reads_by_name_or_id() {
    let server = Server::start();
    let mut client = server.connect();
    let id = topic_id(&mut client, "t");
    assert!(!id.is_zero());
    for version in 3..=13 {
        let request = produce("t", id, -1, batch(&[&format!("v{version}")]));
        let response = client.call(&request, version);
        let done = &response.responses[0].partition_responses[0];
        assert_eq!((done.error_code, done.base_offset), (0, i64::from(version) - 3));
    }
    let expected: Vec<_> = (3..=13).map(|version| format!("v{version}")).collect();
    for version in 4..=18 {
        let response = client.call(&fetch("t", id, 0, 0), version);
        assert_eq!(values(records(&response)), expected, "version {version}");
        assert_eq!(response.responses[0].partitions[0].high_watermark, 11);
    }
}

#[test]
fn a_fetch_from_the_middle_of_a_batch_gives_the_whole_batch() {
    let server = Server::start();
    let mut client = server.connect();
    topic_id(&mut client, "t");
    let sent = batch(&["a", "b", "c"]);
    client.call(&produce("t", Uuid::ZERO, -1, sent.clone()), 9);
    client.call(&produce("t", Uuid::ZERO, -1, batch(&["d"])), 9);
    let read = records(&client.call(&fetch("t", Uuid::ZERO, 1, 0), 12));
    assert_eq!(values(read.clone()), ["a", "b", "c", "d"]);
    // From the attributes on, the bytes are those that were sent.
    assert_eq!(read[21..sent.len()], sent[21..]);
}

#[test]
fn limits_smaller_than_a_batch_give_one_batch_of_one_partition() {
    let server = Server::with(|config| config.num_partitions = 2);
    let mut client = server.connect();
    topic_id(&mut client, "t");
    for index in [0, 1] {
        let mut request = produce("t", Uuid::ZERO, -1, batch(&["x"; 100]));
        request.topic_data[0].partition_data[0].index = index;
        client.call(&request, 9);
    }
    let mut request = fetch("t", Uuid::ZERO, 0, 0);
    request.max_bytes = 10;
    let mut second = request.topics[0].partitions[0].clone();
    second.partition = 1;
    request.topics[0].partitions.push(second);
    let response = client.call(&request, 12);
    let sizes: Vec<_> = response.responses[0]
        .partitions
        .iter()
        .map(|data| data.records.clone().map_or(0, |records| records.len()))
        .collect();
    assert!(sizes[0] > 10 && sizes[1] == 0, "{sizes:?}");
    assert_eq!(response.responses[0].partitions[1].high_watermark, 100);
}

#[test]
fn a_waiting_fetch_is_woken_by_an_append() {
    let server = Server::start();
    let (mut reader, mut writer) = (server.connect(), server.connect());
    topic_id(&mut writer, "t");
    // Half a minute is longer than this test is willing to see; only the append can end it well.
    reader.send(&fetch("t", Uuid::ZERO, 0, 29_000), 12);
    writer.call(&produce("t", Uuid::ZERO, -1, batch(&["now"])), 9);
    let (_, response) = reader.receive::<FetchResponse>(12);
    assert_eq!(values(records(&response)), ["now"]);
}

#[test]
fn a_waiting_fetch_ends_empty_when_its_time_is_up() {
    let server = Server::start();
    let mut client = server.connect();
    topic_id(&mut client, "t");
    assert!(records(&client.call(&fetch("t", Uuid::ZERO, 0, 20), 12)).is_empty());
}

#[test]
fn a_fetch_that_waits_for_more_bytes_gets_all_of_them() {
    let server = Server::start();
    let (mut reader, mut writer) = (server.connect(), server.connect());
    topic_id(&mut writer, "t");
    let one = batch(&["x"]);
    let mut request = fetch("t", Uuid::ZERO, 0, 29_000);
    request.min_bytes = i32::try_from(one.len() * 3).unwrap();
    reader.send(&request, 12);
    for _ in 0..3 {
        writer.call(&produce("t", Uuid::ZERO, -1, one.clone()), 9);
    }
    let (_, response) = reader.receive::<FetchResponse>(12);
    assert_eq!(values(records(&response)).len(), 3);
}

#[test]
fn deleting_a_topic_wakes_its_readers() {
    let server = Server::start();
    let (mut reader, mut admin) = (server.connect(), server.connect());
    let id = topic_id(&mut admin, "t");
    reader.send(&fetch("t", id, 0, 29_000), 13);
    let topic = DeleteTopicState { name: None, topic_id: id };
    let request = DeleteTopicsRequest { topics: vec![topic], ..Default::default() };
    assert_eq!(admin.call(&request, 6).responses[0].error_code, 0);
    let (_, response) = reader.receive::<FetchResponse>(13);
    let error = response.responses[0].partitions[0].error_code;
    assert!(
        error == ErrorCode::UnknownTopicOrPartition.code()
            || error == ErrorCode::UnknownTopicId.code()
    );
}

#[test]
fn sessions_name_only_what_is_new() {
    let server = Server::with(|config| config.num_partitions = 2);
    let mut client = server.connect();
    let id = topic_id(&mut client, "t");
    let mut request = fetch("t", id, 0, 0);
    let mut second = request.topics[0].partitions[0].clone();
    second.partition = 1;
    request.topics[0].partitions.push(second);
    request.session_epoch = 0;
    let first = client.call(&request, 13);
    assert!(first.session_id > 0);
    assert_eq!(first.responses[0].partitions.len(), 2);
    let again = |epoch| FetchRequest {
        session_id: first.session_id,
        session_epoch: epoch,
        ..Default::default()
    };
    assert!(client.call(&again(1), 13).responses.is_empty());
    client.call(&produce("t", id, -1, batch(&["new"])), 13);
    let news = client.call(&again(2), 13);
    assert_eq!(news.responses[0].partitions.len(), 1);
    assert_eq!(values(records(&news)), ["new"]);
    let error = client.call(&again(9), 13).error_code;
    assert_eq!(error, ErrorCode::InvalidFetchSessionEpoch.code());
}

#[test]
fn fetch_errors_say_what_is_wrong() {
    let server = Server::start();
    let mut client = server.connect();
    let id = topic_id(&mut client, "t");
    client.call(&produce("t", id, -1, batch(&["a", "b"])), 13);
    let mut error = |request: &FetchRequest, version| {
        let response = client.call(request, version);
        let data = &response.responses[0].partitions[0];
        (ErrorCode::from_code(data.error_code).unwrap(), data.high_watermark)
    };
    assert_eq!(error(&fetch("t", id, 3, 0), 12), (ErrorCode::OffsetOutOfRange, 2));
    assert_eq!(error(&fetch("t", id, -1, 0), 12), (ErrorCode::OffsetOutOfRange, 2));
    assert_eq!(error(&fetch("no", id, 0, 0), 12), (ErrorCode::UnknownTopicOrPartition, -1));
    assert_eq!(error(&fetch("", Uuid([9; 16]), 0, 0), 13), (ErrorCode::UnknownTopicId, -1));
    let mut request = fetch("t", id, 0, 0);
    request.topics[0].partitions[0].current_leader_epoch = 1_000_000;
    assert_eq!(error(&request, 13), (ErrorCode::UnknownLeaderEpoch, -1));
}

#[test]
fn acks_0_is_not_answered_and_its_failure_closes_the_connection() {
    let server = Server::start();
    let mut client = server.connect();
    let id = topic_id(&mut client, "t");
    client.send(&produce("t", id, 0, batch(&["silent"])), 13);
    // The next answer belongs to the next request.
    assert_eq!(topic_id(&mut client, "t"), id);
    let response = client.call(&fetch("t", id, 0, 29_000), 13);
    assert_eq!(values(records(&response)), ["silent"]);
    client.send(&produce("nowhere", Uuid::ZERO, 0, batch(&["x"])), 9);
    assert!(client.is_closed());
}

#[test]
fn produce_errors_say_what_is_wrong() {
    let server = Server::start();
    let mut client = server.connect();
    topic_id(&mut client, "t");
    let mut error = |topic: &str, acks, bytes: Bytes| {
        let response = client.call(&produce(topic, Uuid::ZERO, acks, bytes), 9);
        ErrorCode::from_code(response.responses[0].partition_responses[0].error_code).unwrap()
    };
    let good = batch(&["x"]);
    let mut damaged = good.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let large = batch(&["x".repeat(300_000).as_str(); 4]);
    assert_eq!(error("t", -1, damaged.into()), ErrorCode::CorruptMessage);
    assert_eq!(error("t", -1, good.slice(..20)), ErrorCode::CorruptMessage);
    assert_eq!(error("t", -1, Bytes::new()), ErrorCode::InvalidRecord);
    assert_eq!(error("t", 2, good.clone()), ErrorCode::InvalidRequiredAcks);
    assert_eq!(error("t", -1, large), ErrorCode::MessageTooLarge);
    assert_eq!(error("no", -1, good.clone()), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(error("__consumer_offsets", -1, good.clone()), ErrorCode::InvalidTopicException);
    assert_eq!(error("t", -1, good), ErrorCode::None);
}

#[test]
fn ids_offsets_and_records_survive_a_restart() {
    let mut server = Server::start();
    let mut client = server.connect();
    let id = topic_id(&mut client, "t");
    let cluster = client.call(&MetadataRequest::default(), 12).cluster_id;
    client.call(&produce("t", id, -1, batch(&["kept"])), 13);
    server.restart();
    let mut client = server.connect();
    assert_eq!(topic_id(&mut client, "t"), id);
    assert_eq!(client.call(&MetadataRequest::default(), 12).cluster_id, cluster);
    assert!(cluster.is_some_and(|cluster| cluster.len() == 22));
    assert_eq!(values(records(&client.call(&fetch("t", id, 0, 0), 13))), ["kept"]);
}

#[test]
fn offsets_are_found_by_time() {
    let server = Server::start();
    let mut client = server.connect();
    let id = topic_id(&mut client, "t");
    // Timestamps 1000, 1001, 1002.
    client.call(&produce("t", id, -1, batch(&["a", "b", "c"])), 13);
    let mut find = |timestamp| {
        let partition = ListOffsetsPartition { timestamp, ..Default::default() };
        let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition] };
        let request = ListOffsetsRequest { topics: vec![topic], ..Default::default() };
        let response = client.call(&request, 11);
        let found = &response.topics[0].partitions[0];
        assert_eq!(found.error_code, 0);
        (found.offset, found.timestamp)
    };
    assert_eq!(find(-1), (3, -1));
    assert_eq!(find(-2), (0, -1));
    assert_eq!(find(-3), (2, 1002));
    assert_eq!(find(-4), (0, -1));
    assert_eq!(find(-5), (-1, -1));
    assert_eq!(find(1001), (1, 1001));
    assert_eq!(find(0), (0, 1000));
    assert_eq!(find(1003), (-1, -1));
}

fn creatable(name: &str, settings: &[(&str, &str)]) -> CreatableTopic {
    let setting = |&(name, value): &(&str, &str)| CreatableTopicConfig {
        name: name.into(),
        value: Some(value.into()),
    };
    CreatableTopic {
        name: name.into(),
        num_partitions: -1,
        replication_factor: -1,
        configs: settings.iter().map(setting).collect(),
        ..Default::default()
    }
}

#[test]
fn topics_are_created_with_their_settings_or_refused_with_a_reason() {
    let server = Server::start();
    let mut client = server.connect();
    let mut create = |topic: CreatableTopic, validate_only| {
        let request =
            CreateTopicsRequest { topics: vec![topic], validate_only, ..Default::default() };
        client.call(&request, 7).topics.remove(0)
    };
    let checked = create(creatable("only-checked", &[]), true);
    assert_eq!((checked.error_code, checked.num_partitions), (0, 1));
    let mut topic = creatable("made", &[("retention.ms", "1000"), ("durability", "written")]);
    (topic.num_partitions, topic.replication_factor) = (3, 2);
    let made = create(topic, false);
    assert_eq!((made.error_code, made.num_partitions, made.replication_factor), (0, 3, 1));
    let settings = made.configs.unwrap();
    assert!(
        settings
            .iter()
            .any(|one| &*one.name == "retention.ms" && one.value.as_deref() == Some("1000"))
    );
    let mut error = |topic| ErrorCode::from_code(create(topic, false).error_code).unwrap();
    assert_eq!(error(creatable("made", &[])), ErrorCode::TopicAlreadyExists);
    assert_eq!(error(creatable("a/b", &[])), ErrorCode::InvalidTopicException);
    assert_eq!(error(creatable("x", &[("no.such", "1")])), ErrorCode::InvalidConfig);
    let mut topic = creatable("x", &[]);
    topic.num_partitions = 0;
    assert_eq!(error(topic.clone()), ErrorCode::InvalidPartitions);
    (topic.num_partitions, topic.replication_factor) = (1, 0);
    assert_eq!(error(topic), ErrorCode::InvalidReplicationFactor);
    assert!(server.log().topic("only-checked").is_none());
}

#[test]
fn records_that_a_topics_settings_refuse_are_named() {
    let server = Server::start();
    let mut client = server.connect();
    let settings = [("cleanup.policy", "compact")];
    let request =
        CreateTopicsRequest { topics: vec![creatable("c", &settings)], ..Default::default() };
    assert_eq!(client.call(&request, 7).topics[0].error_code, 0);
    let mut refused = |topic: &str| {
        let response = client.call(&produce(topic, Uuid::ZERO, -1, batch(&["a", "b"])), 9);
        let done = &response.responses[0].partition_responses[0];
        let error = ErrorCode::from_code(done.error_code).unwrap();
        let places: Vec<i32> = done.record_errors.iter().map(|one| one.batch_index).collect();
        (error, places)
    };
    assert_eq!(refused("c"), (ErrorCode::InvalidRecord, vec![0, 1]));
    let now =
        tidemill_commitlog::TopicConfig { timestamp_before_max_ms: 1000, ..Default::default() };
    server.log().create_topic("n", now).unwrap();
    assert_eq!(refused("n"), (ErrorCode::InvalidTimestamp, vec![]));
}

#[test]
fn auto_create_can_be_forbidden_by_the_owner_or_the_client() {
    let server = Server::start();
    let topic = MetadataRequestTopic { name: Some("t".into()), ..Default::default() };
    let request = MetadataRequest {
        topics: Some(vec![topic]),
        allow_auto_topic_creation: false,
        ..Default::default()
    };
    let unknown = ErrorCode::UnknownTopicOrPartition.code();
    assert_eq!(server.connect().call(&request, 9).topics[0].error_code, unknown);
    let server = Server::with(|config| config.auto_create_topics = false);
    let request = MetadataRequest { allow_auto_topic_creation: true, ..request };
    assert_eq!(server.connect().call(&request, 9).topics[0].error_code, unknown);
}

#[test]
fn records_that_are_given_up_can_no_longer_be_read() {
    let server = Server::start();
    let mut client = server.connect();
    let id = topic_id(&mut client, "t");
    client.call(&produce("t", id, -1, batch(&["a", "b", "c"])), 13);
    let mut delete = |offset| {
        let partition = DeleteRecordsPartition { partition_index: 0, offset };
        let topic = DeleteRecordsTopic { name: "t".into(), partitions: vec![partition] };
        let request = DeleteRecordsRequest { topics: vec![topic], ..Default::default() };
        let response = client.call(&request, 2);
        let done = &response.topics[0].partitions[0];
        (ErrorCode::from_code(done.error_code).unwrap(), done.low_watermark)
    };
    assert_eq!(delete(2), (ErrorCode::None, 2));
    assert_eq!(delete(9), (ErrorCode::OffsetOutOfRange, -1));
    assert_eq!(delete(-1), (ErrorCode::None, 3));
    let response = client.call(&fetch("t", id, 1, 0), 13);
    let data = &response.responses[0].partitions[0];
    assert_eq!((data.error_code, data.log_start_offset), (ErrorCode::OffsetOutOfRange.code(), 3));
}

#[test]
fn the_end_of_a_leader_epoch_is_told() {
    let server = Server::start();
    let mut client = server.connect();
    let id = topic_id(&mut client, "t");
    client.call(&produce("t", id, -1, batch(&["a", "b"])), 13);
    let now = server.log().partition("t", 0).unwrap().leader_epoch();
    let mut ask = |current_leader_epoch, leader_epoch| {
        let partition =
            OffsetForLeaderPartition { partition: 0, current_leader_epoch, leader_epoch };
        let topic = OffsetForLeaderTopic { topic: "t".into(), partitions: vec![partition] };
        let request = OffsetForLeaderEpochRequest { topics: vec![topic], ..Default::default() };
        let response = client.call(&request, 4);
        let told = &response.topics[0].partitions[0];
        (ErrorCode::from_code(told.error_code).unwrap(), told.end_offset)
    };
    assert_eq!(ask(-1, now), (ErrorCode::None, 2));
    assert_eq!(ask(now, now), (ErrorCode::None, 2));
    assert_eq!(ask(now + 1, now), (ErrorCode::UnknownLeaderEpoch, -1));
}

#[test]
fn settings_are_told_of_topics_and_of_the_broker() {
    let server = Server::start();
    let mut client = server.connect();
    topic_id(&mut client, "t");
    let mut ask = |resource_type, name: &str, keys: Option<&str>| {
        let resource = DescribeConfigsResource {
            resource_type,
            resource_name: name.into(),
            configuration_keys: keys.map(|key| vec![key.into()]),
        };
        let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
        client.call(&request, 4).results.remove(0)
    };
    let topic = ask(2, "t", Some("retention.ms"));
    let told = topic.configs.iter().map(|one| (&*one.name, one.value.as_deref()));
    assert_eq!(told.collect::<Vec<_>>(), [("retention.ms", Some("604800000"))]);
    assert!(ask(4, "0", None).configs.iter().any(|one| &*one.name == "num.partitions"));
    assert_eq!(ask(2, "no", None).error_code, ErrorCode::UnknownTopicOrPartition.code());
    assert_eq!(ask(4, "7", None).error_code, ErrorCode::InvalidRequest.code());
}
