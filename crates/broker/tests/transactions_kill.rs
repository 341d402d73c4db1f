//! Producers with transactions, and a broker that is killed again and again: each transaction is in both of its topics and
//! in the group's offsets, or in none of them, and none is lost whose end was answered.
//!
//! Transaction `n` of a producer writes the value `producer:n` to two topics and commits the offset `n + 1` for the producer's
//! group, as one program does that reads, computes and writes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a process is killed after a real time")]
#![allow(clippy::print_stdout, reason = "the child process speaks to the test")]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use support::{produce, values};
use tidemill_broker::{Broker, BrokerConfig};
use tidemill_commitlog::batch::{BatchBuilder, ProducerStamp, Record};
use tidemill_commitlog::offsets::GroupOffsets;
use tidemill_commitlog::{Log, LogConfig, TopicConfig, batch};
use tidemill_wire::end_txn::EndTxnRequest;
use tidemill_wire::header::ResponseHeader;
use tidemill_wire::init_producer_id::InitProducerIdRequest;
use tidemill_wire::message::encode_request;
use tidemill_wire::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use tidemill_wire::{ErrorCode, Message, Reader, Request, Uuid};
use tidemill_world::World;

const KILLS: usize = 20;
const PRODUCERS: usize = 3;
/// The topics that each transaction writes to.
const TOPICS: [&str; 2] = ["t", "u"];

/// Tells the child process where to serve: this program is the broker too.
const FOLDER: &str = "TIDEMILL_TRANSACTIONS_KILL_FOLDER";
const LISTEN: &str = "TIDEMILL_TRANSACTIONS_KILL_LISTEN";

/// What the child process says once it does.
const LISTENING: &str = "listening";

/// A broker in a process of its own until it is killed; nothing when it runs as a test.
#[test]
fn serve_if_told_to() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let listen = std::env::var(LISTEN).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let world = World::real();
    let log = Log::open(world.clone(), LogConfig::new(folder)).unwrap();
    let broker = runtime.block_on(Broker::start(log, world, BrokerConfig::new(listen))).unwrap();
    println!("{LISTENING}");
    runtime.block_on(std::future::pending::<()>());
    drop(broker);
}

struct Serve(Child);

impl Serve {
    fn start(folder: &Path, address: SocketAddr) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "serve_if_told_to", "--nocapture"]).stdout(Stdio::piped());
        command.env(FOLDER, folder).env(LISTEN, address.to_string());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listens = lines.map_while(Result::ok).any(|line| line.ends_with(LISTENING));
        assert!(listens, "the broker did not start");
        Self(child)
    }

    fn kill(&mut self) {
        // On Unix this is signal 9.
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A program with a transactional id. Every call gives `None` once the broker is gone.
struct Producer {
    number: usize,
    socket: TcpStream,
    /// Whether it speaks KIP-890's protocol; else partitions are added by hand.
    is_new: bool,
    id: i64,
    epoch: i16,
    sequences: [i32; TOPICS.len()],
    correlation: i32,
}

impl Producer {
    fn connect(address: SocketAddr, number: usize) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let is_new = number.is_multiple_of(2);
        let sequences = [0; TOPICS.len()];
        Self { number, socket, is_new, id: -1, epoch: -1, sequences, correlation: 0 }
    }

    fn call<R: Request>(&mut self, request: &R, version: i16) -> Option<R::Response> {
        self.correlation += 1;
        let frame = encode_request(request, version, self.correlation, None).unwrap();
        self.socket.write_all(&frame.concat()).ok()?;
        let mut length = [0; 4];
        self.socket.read_exact(&mut length).ok()?;
        let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        self.socket.read_exact(&mut frame).ok()?;
        let mut reader = Reader::new(Bytes::from(frame));
        ResponseHeader::decode(&mut reader, R::Response::API, version).unwrap();
        Some(R::Response::decode(&mut reader, version).unwrap())
    }

    /// Asks until the answer is not that something is still under way.
    fn settle<R: Request>(
        &mut self,
        request: &R,
        version: i16,
        error: impl Fn(&R::Response) -> i16,
    ) -> Option<R::Response> {
        loop {
            let response = self.call(request, version)?;
            match ErrorCode::from_code(error(&response)).unwrap() {
                ErrorCode::None => return Some(response),
                ErrorCode::ConcurrentTransactions
                | ErrorCode::CoordinatorLoadInProgress
                | ErrorCode::NotEnoughReplicas => {}
                error => panic!("producer {}: {error:?}", self.number),
            }
        }
    }

    fn name(&self) -> String {
        format!("producer-{}", self.number)
    }

    fn init(&mut self) -> Option<()> {
        let request = InitProducerIdRequest {
            transactional_id: Some(self.name().into()),
            transaction_timeout_ms: 60_000,
            ..Default::default()
        };
        let given = self.settle(&request, 5, |response| response.error_code)?;
        (self.id, self.epoch) = (given.producer_id, given.producer_epoch);
        Some(())
    }

    fn add(&mut self) -> Option<()> {
        use tidemill_wire::add_offsets_to_txn::AddOffsetsToTxnRequest;
        use tidemill_wire::add_partitions_to_txn::{
            AddPartitionsToTxnRequest, AddPartitionsToTxnTopicV3,
        };
        let topic =
            |name: &&str| AddPartitionsToTxnTopicV3 { name: (*name).into(), partitions: vec![0] };
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: self.name().into(),
            v3_and_below_producer_id: self.id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: TOPICS.iter().map(topic).collect(),
            ..Default::default()
        };
        self.settle(&request, 1, |response| {
            let topics = &response.results_by_topic_v3_and_below;
            topics[0].results_by_partition[0].partition_error_code
        })?;
        let request = AddOffsetsToTxnRequest {
            transactional_id: self.name().into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            group_id: self.name().into(),
        };
        self.settle(&request, 1, |response| response.error_code)?;
        Some(())
    }

    fn send(&mut self, at: usize, number: usize) -> Option<()> {
        let stamp = ProducerStamp {
            producer_id: self.id,
            producer_epoch: self.epoch,
            base_sequence: self.sequences[at],
            is_transactional: true,
        };
        let mut builder = BatchBuilder::new(1 << 20).stamp(Some(stamp));
        let value = format!("{}:{number}", self.number);
        builder.push(&Record { value: Some(value.as_bytes()), ..Record::default() }).unwrap();
        let mut request = produce(TOPICS[at], Uuid::ZERO, -1, builder.finish());
        request.transactional_id = Some(self.name().into());
        let version = if self.is_new { 12 } else { 9 };
        self.settle(&request, version, |response| {
            response.responses[0].partition_responses[0].error_code
        })?;
        self.sequences[at] += 1;
        Some(())
    }

    fn commit_offset(&mut self, number: usize) -> Option<()> {
        let request = TxnOffsetCommitRequest {
            transactional_id: self.name().into(),
            group_id: self.name().into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: TOPICS[0].into(),
                partitions: vec![TxnOffsetCommitRequestPartition {
                    committed_offset: i64::try_from(number + 1).unwrap(),
                    ..Default::default()
                }],
            }],
            ..Default::default()
        };
        let version = if self.is_new { 5 } else { 3 };
        self.settle(&request, version, |response| response.topics[0].partitions[0].error_code)?;
        Some(())
    }

    fn end(&mut self, commit: bool) -> Option<()> {
        let request = EndTxnRequest {
            transactional_id: self.name().into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed: commit,
        };
        let version = if self.is_new { 5 } else { 1 };
        let ended = self.settle(&request, version, |response| response.error_code)?;
        if self.is_new {
            (self.id, self.epoch) = (ended.producer_id, ended.producer_epoch);
            self.sequences = [0; TOPICS.len()];
        }
        Some(())
    }

    /// One transaction.
    fn transact(&mut self, number: usize, commit: bool) -> Option<()> {
        if !self.is_new {
            self.add()?;
        }
        for at in 0..TOPICS.len() {
            self.send(at, number)?;
        }
        self.commit_offset(number)?;
        self.end(commit)
    }
}

/// What a producer knows after all kills.
#[derive(Default)]
struct Known {
    next: usize,
    committed: BTreeSet<usize>,
    aborted: BTreeSet<usize>,
}

/// Transacts until the broker is gone. Which transaction is aborted is written in its number.
fn work(address: SocketAddr, number: usize, known: &mut Known) {
    let mut producer = Producer::connect(address, number);
    if producer.init().is_none() {
        return;
    }
    loop {
        let (at, commit) = (known.next, known.next % 5 != 4);
        known.next += 1;
        match (producer.transact(at, commit), commit) {
            (Some(()), true) => known.committed.insert(at),
            (Some(()), false) => known.aborted.insert(at),
            (None, _) => return,
        };
    }
}

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("tidemill-transactions-{}", std::process::id()))
}

/// The transactions of each producer that a reader of committed ones finds.
fn read(log: &Log, topic: &str) -> Vec<BTreeSet<usize>> {
    let partition = log.partition(topic, 0).unwrap();
    assert_eq!(partition.last_stable_offset(), partition.high_watermark(), "{topic} is held up");
    let mut found = vec![BTreeSet::new(); PRODUCERS];
    let mut offset = 0;
    while offset < partition.last_stable_offset() {
        let read = partition.read_committed(offset, 1 << 20).unwrap();
        let data = read.committed().filter(|batch| !batch::header(batch).unwrap().is_control());
        for value in data.flat_map(values) {
            let (producer, number) = value.split_once(':').unwrap();
            let is_new = found[producer.parse::<usize>().unwrap()].insert(number.parse().unwrap());
            assert!(is_new, "{value} is in {topic} twice");
        }
        offset = read.next_offset;
    }
    found
}

#[test]
fn no_transaction_is_torn_or_lost_by_twenty_kills() {
    let folder = folder();
    let log = Log::open(World::real(), LogConfig::new(&folder)).unwrap();
    for topic in TOPICS {
        log.create_topic(topic, TopicConfig::default()).unwrap();
    }
    log.close().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut known: Vec<Known> = (0..PRODUCERS).map(|_| Known::default()).collect();
    for kill in 0..KILLS {
        let mut serve = Serve::start(&folder, address);
        std::thread::scope(|scope| {
            for (number, known) in known.iter_mut().enumerate() {
                scope.spawn(move || work(address, number, known));
            }
            // Another moment each time, so that every step is met.
            std::thread::sleep(Duration::from_millis(60 + 17 * u64::try_from(kill).unwrap()));
            serve.kill();
        });
    }
    // The last start ends what the last kill left open: each producer begins once more.
    let mut serve = Serve::start(&folder, address);
    for number in 0..PRODUCERS {
        Producer::connect(address, number).init().unwrap();
    }
    serve.kill();
    let log = Log::open(World::real(), LogConfig::new(&folder)).unwrap();
    let offsets = GroupOffsets::open(&log).unwrap();
    let (t, u) = (read(&log, TOPICS[0]), read(&log, TOPICS[1]));
    assert_eq!(t, u, "a transaction is torn");
    for (number, known) in known.iter().enumerate() {
        let found = &t[number];
        assert!(known.committed.is_subset(found), "{number} lost {:?}", &known.committed - found);
        assert!(known.aborted.is_disjoint(found), "{number} got what was aborted");
        // What was not answered may be there all the same; nothing that was to be aborted is.
        assert!(found.iter().all(|at| at % 5 != 4));
        let last = found.last().map(|at| i64::try_from(at + 1).unwrap());
        let offset = offsets.fetch(&format!("producer-{number}"), TOPICS[0], 0);
        assert_eq!(offset.map(|at| at.offset), last, "the offsets of {number} tell another story");
        assert!(!offsets.is_pending(&format!("producer-{number}"), TOPICS[0], 0));
        assert!(known.committed.len() > KILLS, "{number} did next to nothing");
    }
    log.close().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}
