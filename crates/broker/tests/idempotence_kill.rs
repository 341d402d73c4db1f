//! A producer with an id, five batches on the way, and a broker that is killed again and again: every record is there
//! once, in order. At each kill the producer has not read the answer to a batch that is there, so each new start meets
//! repeats.
//!
//! `clients/kill.py` does the same with the clients that people use.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the child process speaks to the test")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use support::{numbered, produce, values};
use tidemill_broker::{Broker, BrokerConfig};
use tidemill_commitlog::{Log, LogConfig, TopicConfig};
use tidemill_wire::header::ResponseHeader;
use tidemill_wire::message::encode_request;
use tidemill_wire::produce::ProduceResponse;
use tidemill_wire::{ApiKey, Message, Reader, Uuid};
use tidemill_world::World;

const KILLS: usize = 20;
/// Answers that are read before the broker is killed.
const ANSWERS_A_KILL: usize = 30;
const IN_FLIGHT: usize = 5;
const PRODUCE_VERSION: i16 = 9;

/// Tells the child process where to serve: this program is the broker too.
const FOLDER: &str = "TIDEMILL_KILL_TEST_FOLDER";
const LISTEN: &str = "TIDEMILL_KILL_TEST_LISTEN";

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
}

impl Drop for Serve {
    fn drop(&mut self) {
        // On Unix this is signal 9.
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A producer that numbers its batches and has five of them on the way.
struct Producer {
    socket: TcpStream,
    id: i64,
    /// The first batch without an answer that was read.
    first: usize,
    /// The next batch to send on this connection.
    next: usize,
}

impl Producer {
    /// Sends batches until five are on the way.
    fn fill(&mut self) {
        while self.next < self.first + IN_FLIGHT {
            let sequence = i32::try_from(self.next).unwrap();
            let request = produce("t", Uuid::ZERO, -1, numbered(self.id, 0, sequence));
            let frame = encode_request(&request, PRODUCE_VERSION, sequence, None).unwrap();
            self.socket.write_all(&frame.concat()).unwrap();
            self.next += 1;
        }
    }

    /// Reads the next answer, which must name the batch's own offset.
    fn take_answer(&mut self) {
        let mut length = [0; 4];
        self.socket.read_exact(&mut length).unwrap();
        let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        self.socket.read_exact(&mut frame).unwrap();
        let mut reader = Reader::new(Bytes::from(frame));
        ResponseHeader::decode(&mut reader, ApiKey::Produce, PRODUCE_VERSION).unwrap();
        let response = ProduceResponse::decode(&mut reader, PRODUCE_VERSION).unwrap();
        let done = &response.responses[0].partition_responses[0];
        let told = (done.error_code, done.base_offset);
        assert_eq!(told, (0, i64::try_from(self.first).unwrap()), "batch {}", self.first);
        self.first += 1;
    }

    /// Waits for an answer and leaves it unread: the batch is there, and the producer does not know.
    fn lose_answer(&mut self) {
        assert_eq!(self.socket.peek(&mut [0]).unwrap(), 1);
    }
}

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("tidemill-idempotence-{}", std::process::id()))
}

#[test]
fn every_record_is_there_once_after_twenty_kills() {
    let folder = folder();
    let log = Log::open(World::real(), LogConfig::new(&folder)).unwrap();
    log.create_topic("t", TopicConfig::default()).unwrap();
    let id = log.allocate_producer_id().unwrap();
    log.close().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut first = 0;
    for _ in 0..KILLS {
        let serve = Serve::start(&folder, address);
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        // What has no answer is sent again.
        let mut producer = Producer { socket, id, first, next: first };
        for _ in 0..ANSWERS_A_KILL {
            producer.fill();
            producer.take_answer();
        }
        producer.fill();
        producer.lose_answer();
        drop(serve);
        first = producer.first;
    }
    let log = Log::open(World::real(), LogConfig::new(&folder)).unwrap();
    let partition = log.partition("t", 0).unwrap();
    let mut found = Vec::new();
    while let Ok(read) = partition.read(i64::try_from(found.len()).unwrap(), 1 << 20)
        && !read.is_empty()
    {
        found.extend(read.batches().flat_map(values));
    }
    // Of the last five at least one is there, which the producer does not know of.
    assert!((first + 1..=first + IN_FLIGHT).contains(&found.len()), "{first}, {}", found.len());
    let expected: Vec<String> = (0..found.len()).map(|number| number.to_string()).collect();
    assert_eq!(found, expected);
    log.close().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}
