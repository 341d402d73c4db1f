//! Transactions through a socket, with the frames that clients send: the old flow (librdkafka, aiokafka, kafkajs), and
//! that of KIP-890 (Kafka's own clients).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use support::{Connection, Server, numbered, produce, values};
use tidemill_commitlog::{Acks, TopicConfig, batch};
use tidemill_wire::add_offsets_to_txn::AddOffsetsToTxnRequest;
use tidemill_wire::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, AddPartitionsToTxnTopicV3,
    AddPartitionsToTxnTransaction,
};
use tidemill_wire::describe_producers::{DescribeProducersRequest, TopicRequest};
use tidemill_wire::describe_transactions::DescribeTransactionsRequest;
use tidemill_wire::end_txn::EndTxnRequest;
use tidemill_wire::find_coordinator::FindCoordinatorRequest;
use tidemill_wire::init_producer_id::InitProducerIdRequest;
use tidemill_wire::list_transactions::ListTransactionsRequest;
use tidemill_wire::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use tidemill_wire::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use tidemill_wire::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};
use tidemill_wire::{ErrorCode, Text, Uuid};

/// Only bounds a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A producer with a transactional id, and the versions it speaks.
struct Producer {
    client: Connection,
    id: i64,
    epoch: i16,
    /// The next sequence; transactions here write one partition.
    sequence: i32,
    init: i16,
    produce: i16,
    end: i16,
}

impl Producer {
    /// Kafka's own client since 4.0.
    fn new_flow(server: &Server) -> Self {
        Self::with(server, 5, 12, 5)
    }

    /// librdkafka.
    fn old_flow(server: &Server) -> Self {
        Self::with(server, 4, 10, 1)
    }

    /// aiokafka, and others of its age.
    fn oldest_flow(server: &Server) -> Self {
        Self::with(server, 0, 8, 0)
    }

    fn with(server: &Server, init: i16, produce: i16, end: i16) -> Self {
        let client = server.connect();
        let mut new = Self { client, id: -1, epoch: -1, sequence: 0, init, produce, end };
        assert_eq!(new.init("mine", 60_000), ErrorCode::None);
        new
    }

    fn init(&mut self, id: &str, timeout_ms: i32) -> ErrorCode {
        let request = InitProducerIdRequest {
            transactional_id: Some(id.into()),
            transaction_timeout_ms: timeout_ms,
            ..Default::default()
        };
        let given = self.client.call(&request, self.init);
        (self.id, self.epoch) = (given.producer_id, given.producer_epoch);
        self.sequence = 0;
        error(given.error_code)
    }

    fn add(&mut self, topic: &str) -> ErrorCode {
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: "mine".into(),
            v3_and_below_producer_id: self.id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: vec![AddPartitionsToTxnTopicV3 {
                name: topic.into(),
                partitions: vec![0],
            }],
            ..Default::default()
        };
        let response = self.client.call(&request, self.end.min(3));
        let results = &response.results_by_topic_v3_and_below[0].results_by_partition;
        error(results[0].partition_error_code)
    }

    fn send(&mut self, topic: &str) -> ErrorCode {
        let batch = transactional(&numbered(self.id, self.epoch, self.sequence));
        let mut request = produce(topic, Uuid::ZERO, -1, batch);
        request.transactional_id = Some("mine".into());
        let response = self.client.call(&request, self.produce);
        let error = error(response.responses[0].partition_responses[0].error_code);
        self.sequence += i32::from(error == ErrorCode::None);
        error
    }

    fn end(&mut self, commit: bool) -> ErrorCode {
        let request = EndTxnRequest {
            transactional_id: "mine".into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed: commit,
        };
        let response = self.client.call(&request, self.end);
        if self.end >= 5 && response.error_code == 0 {
            (self.id, self.epoch) = (response.producer_id, response.producer_epoch);
            self.sequence = 0;
        }
        error(response.error_code)
    }

    fn add_offsets(&mut self) -> ErrorCode {
        let request = AddOffsetsToTxnRequest {
            transactional_id: "mine".into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            group_id: "group".into(),
        };
        error(self.client.call(&request, self.end.min(4)).error_code)
    }

    fn commit_offset(&mut self, offset: i64, generation_id: i32, version: i16) -> ErrorCode {
        let request = TxnOffsetCommitRequest {
            transactional_id: "mine".into(),
            group_id: "group".into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            generation_id,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: "t".into(),
                partitions: vec![TxnOffsetCommitRequestPartition {
                    committed_offset: offset,
                    ..Default::default()
                }],
            }],
            ..Default::default()
        };
        let response = self.client.call(&request, version);
        error(response.topics[0].partitions[0].error_code)
    }

    /// What the group would read on from: error, offset.
    fn offset(&mut self, require_stable: bool) -> (ErrorCode, i64) {
        let request = OffsetFetchRequest {
            groups: vec![OffsetFetchRequestGroup {
                group_id: "group".into(),
                topics: Some(vec![OffsetFetchRequestTopics {
                    name: "t".into(),
                    partition_indexes: vec![0],
                    ..Default::default()
                }]),
                ..Default::default()
            }],
            require_stable,
            ..Default::default()
        };
        let response = self.client.call(&request, 9);
        let found = &response.groups[0].topics[0].partitions[0];
        (error(found.error_code), found.committed_offset)
    }
}

fn error(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).unwrap()
}

/// The same batch as part of its producer's transaction.
fn transactional(batch: &Bytes) -> Bytes {
    let mut batch = batch.to_vec();
    batch[22] |= 16;
    let crc = support::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch.into()
}

fn start() -> Server {
    let server = Server::start();
    for topic in ["t", "u"] {
        server.log().create_topic(topic, TopicConfig::default()).unwrap();
    }
    server
}

/// What readers of committed transactions get, and where they stop.
fn committed(server: &Server, topic: &str) -> (Vec<String>, i64) {
    let partition = server.log().partition(topic, 0).unwrap();
    let read = partition.read_committed(0, 1 << 20).unwrap();
    let found = read.committed().filter(|batch| !batch::header(batch).unwrap().is_control());
    (found.flat_map(values).collect(), read.last_stable_offset)
}

fn state(client: &mut Connection) -> (String, i16, usize) {
    let request = DescribeTransactionsRequest { transactional_ids: vec!["mine".into()] };
    let response = client.call(&request, 0);
    let found = &response.transaction_states[0];
    assert_eq!(found.error_code, 0);
    (found.transaction_state.to_string(), found.producer_epoch, found.topics.len())
}

#[test]
fn the_old_flow_commits_and_aborts_whole_transactions() {
    for make in [Producer::old_flow, Producer::oldest_flow] {
        let server = start();
        let mut producer = make(&server);
        for commit in [false, true] {
            for topic in ["t", "u"] {
                assert_eq!(producer.add(topic), ErrorCode::None);
            }
            let first = producer.sequence;
            assert_eq!(producer.send("t"), ErrorCode::None);
            let before = committed(&server, "t");
            assert_eq!(before.0, Vec::<String>::new());
            assert_eq!(producer.end(commit), ErrorCode::None);
            assert_eq!(producer.end(commit), ErrorCode::None, "a repeat");
            assert_eq!(producer.end(!commit), ErrorCode::InvalidTxnState);
            let after = committed(&server, "t");
            let expected: Vec<String> = commit.then(|| first.to_string()).into_iter().collect();
            assert_eq!(after.0, expected);
            assert_eq!(after.1, before.1 + 2, "a record and a marker");
            assert_eq!(committed(&server, "u").1, i64::from(first) + 1, "a marker");
        }
        assert_eq!(producer.epoch, 0);
    }
}

#[test]
fn the_new_flow_needs_no_adding_and_raises_the_epoch() {
    let server = start();
    let mut producer = Producer::new_flow(&server);
    for (epoch, commit) in [(0, true), (1, false), (2, true)] {
        assert_eq!(producer.epoch, epoch);
        assert_eq!(producer.send("t"), ErrorCode::None);
        assert_eq!(producer.send("t"), ErrorCode::None);
        assert_eq!(state(&mut producer.client), ("Ongoing".into(), epoch, 1));
        assert_eq!(producer.end(commit), ErrorCode::None);
    }
    assert_eq!(state(&mut producer.client), ("CompleteCommit".into(), 3, 0));
    assert_eq!(committed(&server, "t"), (["0", "1", "0", "1"].map(String::from).into(), 9));
    assert_eq!(producer.end(true), ErrorCode::InvalidTxnState, "nothing is open");
    // A batch of an epoch that has ended is fenced, whatever its sequence.
    producer.epoch -= 1;
    assert_eq!(producer.send("t"), ErrorCode::InvalidProducerEpoch);
}

#[test]
fn transactional_batches_without_their_transaction_are_refused() {
    let server = start();
    let mut producer = Producer::old_flow(&server);
    assert_eq!(producer.send("t"), ErrorCode::InvalidTxnState);
    producer.add("u");
    assert_eq!(producer.send("t"), ErrorCode::InvalidTxnState);
    producer.produce = 11;
    assert_eq!(producer.send("t"), ErrorCode::TransactionAbortable);
    assert_eq!(producer.send("u"), ErrorCode::None);
    assert_eq!(producer.send("missing"), ErrorCode::UnknownTopicOrPartition);
    // Without a transactional id nobody can be asked.
    let batch = transactional(&numbered(producer.id, 0, 1));
    let response = producer.client.call(&produce("u", Uuid::ZERO, -1, batch), 9);
    let refused = response.responses[0].partition_responses[0].error_code;
    assert_eq!(error(refused), ErrorCode::TransactionalIdAuthorizationFailed);
    // Somebody else's producer id.
    let mine = producer.id;
    producer.id += 1;
    for version in [10, 12] {
        producer.produce = version;
        assert_eq!(producer.send("u"), ErrorCode::InvalidProducerIdMapping);
    }
    producer.id = mine;
    assert_eq!(committed(&server, "t").1, 0, "nothing was written");
}

#[test]
fn a_second_producer_fences_the_first_and_aborts_what_it_left() {
    for make in [Producer::old_flow, Producer::new_flow, Producer::oldest_flow] {
        let server = start();
        let mut first = make(&server);
        first.add("t");
        assert_eq!(first.send("t"), ErrorCode::None);
        let mut second = make(&server);
        assert_eq!(second.id, first.id);
        assert_eq!(second.epoch, 2, "one to fence with, one to give");
        assert_eq!(committed(&server, "t"), (vec![], 2));
        let fenced = match first.end {
            0 | 1 => ErrorCode::InvalidProducerEpoch,
            _ => ErrorCode::ProducerFenced,
        };
        assert_eq!(first.add("t"), fenced);
        assert_eq!(first.end(true), fenced);
        assert_eq!(first.send("t"), ErrorCode::InvalidProducerEpoch);
        second.add("t");
        assert_eq!(second.send("t"), ErrorCode::None);
        assert_eq!(second.end(true), ErrorCode::None);
        assert_eq!(committed(&server, "t"), (vec!["0".into()], 4));
    }
}

#[test]
fn offsets_wait_for_their_transaction() {
    for (make, version) in
        [(Producer::old_flow as fn(&Server) -> Producer, 3), (Producer::new_flow, 5)]
    {
        let mut server = start();
        let mut producer = make(&server);
        for (offset, commit) in [(5, true), (7, false), (9, true)] {
            let before = producer.offset(true);
            if version < 5 {
                let refused = producer.commit_offset(offset, -1, version);
                assert_eq!(refused, ErrorCode::InvalidTxnState, "the group was not added");
                assert_eq!(producer.add_offsets(), ErrorCode::None);
            }
            assert_eq!(producer.commit_offset(offset, -1, version), ErrorCode::None);
            assert_eq!(producer.offset(false), before);
            assert_eq!(producer.offset(true), (ErrorCode::UnstableOffsetCommit, -1));
            if offset == 9 {
                server.restart();
                producer.client = server.connect();
                assert_eq!(producer.offset(true), (ErrorCode::UnstableOffsetCommit, -1));
            }
            assert_eq!(producer.end(commit), ErrorCode::None);
            let expected = if commit { (ErrorCode::None, offset) } else { before };
            assert_eq!(producer.offset(true), expected);
        }
        server.restart();
        producer.client = server.connect();
        assert_eq!(producer.offset(true), (ErrorCode::None, 9));
    }
}

#[test]
fn a_member_of_a_generation_that_is_not_there_commits_no_offsets() {
    let server = start();
    let mut producer = Producer::new_flow(&server);
    assert_eq!(producer.commit_offset(5, 3, 5), ErrorCode::IllegalGeneration);
    assert_eq!(state(&mut producer.client).0, "Empty", "nothing began by it");
    assert_eq!(producer.commit_offset(-1, -1, 5), ErrorCode::InvalidCommitOffsetSize);
}

#[test]
fn an_open_transaction_goes_on_after_a_restart() {
    for make in [Producer::old_flow, Producer::new_flow] {
        let mut server = start();
        let mut producer = make(&server);
        producer.add("t");
        assert_eq!(producer.send("t"), ErrorCode::None);
        server.restart();
        producer.client = server.connect();
        assert_eq!(state(&mut producer.client).0, "Ongoing");
        assert_eq!(committed(&server, "t"), (vec![], 0));
        assert_eq!(producer.send("t"), ErrorCode::None);
        assert_eq!(producer.end(true), ErrorCode::None);
        assert_eq!(committed(&server, "t").0, ["0", "1"]);
        server.restart();
        producer.client = server.connect();
        assert_eq!(committed(&server, "t").0, ["0", "1"]);
        let repeat = match producer.end {
            // Nothing tells a repeat from the end of a new transaction but the raised epoch.
            5 => ErrorCode::InvalidTxnState,
            _ => ErrorCode::None,
        };
        assert_eq!(producer.end(true), repeat);
    }
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted() {
    let server = start();
    let mut producer = Producer::old_flow(&server);
    assert_eq!(producer.init("mine", 900_001), ErrorCode::InvalidTransactionTimeout);
    assert_eq!(producer.init("mine", 0), ErrorCode::InvalidTransactionTimeout);
    assert_eq!(producer.init("mine", 1), ErrorCode::None);
    // Whether it comes in before its time is over is nobody's promise.
    producer.add("t");
    producer.send("t");
    let partition = server.log().partition("t", 0).unwrap();
    let open = partition.producers().first().and_then(|known| known.transaction_start_offset);
    if let Some(first) = open {
        assert!(partition.wait_past(first + 1, PATIENCE), "no marker came");
    }
    // The marker can be read a moment before the coordinator is told that it is there.
    let mut refused = producer.end(true);
    while refused == ErrorCode::ConcurrentTransactions {
        refused = producer.end(true);
    }
    assert_eq!(refused, ErrorCode::InvalidProducerEpoch);
    assert_eq!(committed(&server, "t").0, Vec::<String>::new());
}

#[test]
fn one_partition_that_takes_no_marker_does_not_hold_the_others_up() {
    for (make, commit) in [
        (Producer::old_flow as fn(&Server) -> Producer, true),
        (Producer::old_flow, false),
        (Producer::new_flow, true),
        (Producer::new_flow, false),
    ] {
        let mut server = start();
        let mut producer = make(&server);
        producer.add("t");
        producer.add("u");
        assert_eq!(producer.send("t"), ErrorCode::None);
        // Somebody has written there with the producer's id and an epoch that is not its own.
        let stranger = numbered(producer.id, producer.epoch + 5, 0);
        let partition = server.log().partition("u", 0).unwrap();
        partition.append_wait(stranger, Acks::Synced).unwrap();
        let ended = (producer.id, producer.epoch);
        assert_eq!(producer.end(commit), ErrorCode::None);
        let next = (producer.id, producer.epoch);
        // The answer says that it is decided; a repeat is told once every partition was.
        (producer.id, producer.epoch) = ended;
        let mut repeat = producer.end(commit);
        while repeat == ErrorCode::ConcurrentTransactions {
            repeat = producer.end(commit);
        }
        assert_eq!((repeat, producer.id, producer.epoch), (ErrorCode::None, next.0, next.1));
        for restarts in [false, true] {
            if restarts {
                server.restart();
                producer.client = server.connect();
            }
            let expected: Vec<String> = commit.then(|| "0".to_owned()).into_iter().collect();
            assert_eq!(committed(&server, "t"), (expected, 2));
            let done = if commit { "CompleteCommit" } else { "CompleteAbort" };
            assert_eq!(state(&mut producer.client), (done.into(), next.1, 0));
        }
    }
}

#[test]
fn several_transactions_are_added_and_asked_after_at_once() {
    let server = start();
    let mut producer = Producer::new_flow(&server);
    let (producer_id, producer_epoch) = (producer.id, producer.epoch);
    let mut ask = |topics: &[&str], verify_only, version| {
        let topic =
            |name: &&str| AddPartitionsToTxnTopic { name: (*name).into(), partitions: vec![0] };
        let transaction = AddPartitionsToTxnTransaction {
            transactional_id: "mine".into(),
            producer_id,
            producer_epoch,
            verify_only,
            topics: topics.iter().map(topic).collect(),
        };
        let transactions = vec![transaction];
        let request = AddPartitionsToTxnRequest { transactions, ..Default::default() };
        let response = producer.client.call(&request, version);
        let topics = &response.results_by_transaction[0].topic_results;
        let code = |at: usize| topics[at].results_by_partition[0].partition_error_code;
        (0..topics.len()).map(|at| error(code(at))).collect::<Vec<_>>()
    };
    let (fine, none) = (ErrorCode::None, ErrorCode::UnknownTopicOrPartition);
    assert_eq!(ask(&["t", "missing"], false, 5), [ErrorCode::OperationNotAttempted, none]);
    assert_eq!(ask(&["t"], true, 5), [ErrorCode::TransactionAbortable]);
    assert_eq!(ask(&["t"], true, 4), [ErrorCode::InvalidTxnState]);
    assert_eq!(ask(&["t"], false, 4), [fine]);
    assert_eq!(ask(&["t", "u"], true, 5), [fine, ErrorCode::TransactionAbortable]);
    let internal = ErrorCode::TopicAuthorizationFailed;
    assert_eq!(ask(&["__transaction_state"], false, 4), [internal]);
}

#[test]
fn transactions_are_listed_and_described() {
    let server = start();
    let mut producer = Producer::new_flow(&server);
    assert_eq!(producer.send("t"), ErrorCode::None);
    let mut list = |change: &dyn Fn(&mut ListTransactionsRequest)| {
        let mut request = ListTransactionsRequest::default();
        change(&mut request);
        let response = producer.client.call(&request, 2);
        let states = response.transaction_states.iter();
        let states: Vec<String> = states
            .map(|one| format!("{} {}", one.transactional_id, one.transaction_state))
            .collect();
        (error(response.error_code), states.join(","), response.unknown_state_filters.len())
    };
    let found = (ErrorCode::None, "mine Ongoing".to_owned(), 0);
    let nothing = (ErrorCode::None, String::new(), 0);
    assert_eq!(list(&|_| {}), found);
    assert_eq!(list(&|request| request.state_filters = vec!["Ongoing".into()]), found);
    assert_eq!(list(&|request| request.state_filters = vec!["Empty".into()]), nothing);
    let unknown = list(&|request| request.state_filters = vec!["Idle".into()]);
    assert_eq!(unknown, (ErrorCode::None, String::new(), 1));
    assert_eq!(list(&|request| request.producer_id_filters = vec![9_999]), nothing);
    assert_eq!(list(&|request| request.duration_filter = 3_600_000), nothing);
    assert_eq!(list(&|request| request.transactional_id_pattern = Some("m.*".into())), found);
    assert_eq!(list(&|request| request.transactional_id_pattern = Some("in".into())), nothing);
    let bad = list(&|request| request.transactional_id_pattern = Some("(".into()));
    assert_eq!(bad.0, ErrorCode::InvalidRegularExpression);
    let request = DescribeTransactionsRequest { transactional_ids: vec!["".into(), "x".into()] };
    let response = producer.client.call(&request, 0);
    let errors = response.transaction_states.iter().map(|state| error(state.error_code));
    let expected = [ErrorCode::InvalidRequest, ErrorCode::TransactionalIdNotFound];
    assert_eq!(errors.collect::<Vec<_>>(), expected);
}

#[test]
fn a_transaction_that_hangs_is_found_and_ended_by_hand() {
    let server = start();
    // It comes from nobody that the coordinator knows.
    let partition = server.log().partition("t", 0).unwrap();
    partition.append_wait(transactional(&numbered(77, 3, 0)), Acks::Synced).unwrap();
    let mut client = server.connect();
    let topics = vec![TopicRequest { name: "t".into(), partition_indexes: vec![0, 9] }];
    let response = client.call(&DescribeProducersRequest { topics }, 0);
    let partitions = &response.topics[0].partitions;
    assert_eq!(error(partitions[1].error_code), ErrorCode::UnknownTopicOrPartition);
    let found = &partitions[0].active_producers[0];
    assert_eq!((found.producer_id, found.producer_epoch), (77, 3));
    assert_eq!((found.current_txn_start_offset, found.coordinator_epoch), (0, -1));
    let marker = WritableTxnMarker {
        producer_id: 77,
        producer_epoch: 3,
        topics: vec![WritableTxnMarkerTopic { name: "t".into(), partition_indexes: vec![0, 9] }],
        ..Default::default()
    };
    let response = client.call(&WriteTxnMarkersRequest { markers: vec![marker] }, 1);
    let results = &response.markers[0].topics[0].partitions;
    let codes: Vec<_> = results.iter().map(|result| error(result.error_code)).collect();
    assert_eq!(codes, [ErrorCode::None, ErrorCode::UnknownTopicOrPartition]);
    assert_eq!(committed(&server, "t"), (vec![], 2));
}

#[test]
fn this_broker_coordinates_every_transaction() {
    let server = start();
    let mut client = server.connect();
    for version in 1..=6 {
        let request = FindCoordinatorRequest {
            key: "mine".into(),
            key_type: 1,
            coordinator_keys: vec!["mine".into(), Text::default()],
        };
        let response = client.call(&request, version);
        if version < 4 {
            assert_eq!((response.error_code, response.node_id), (0, 0));
        } else {
            let codes = response.coordinators.iter().map(|one| error(one.error_code));
            assert_eq!(codes.collect::<Vec<_>>(), [ErrorCode::None, ErrorCode::InvalidRequest]);
        }
    }
}
