//! A producer with an id, five batches on the way, and a broker that is killed again and again: every record is there
//! once, in order.
//!
//! The broker is the example `serve`, which `cargo test` builds. `clients/kill.py` does the same with the clients that
//! people use.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use support::{numbered, produce, values};
use tidemill_commitlog::{Log, LogConfig, TopicConfig};
use tidemill_wire::header::ResponseHeader;
use tidemill_wire::message::encode_request;
use tidemill_wire::produce::ProduceResponse;
use tidemill_wire::{ApiKey, Message, Reader, Uuid};
use tidemill_world::World;

const KILLS: usize = 20;
/// Answers after which the broker is killed.
const ANSWERS_A_KILL: usize = 30;
const IN_FLIGHT: usize = 5;
const PRODUCE_VERSION: i16 = 9;

struct Serve(Child);

impl Serve {
    fn start(folder: &Path, address: SocketAddr) -> Self {
        let here = std::env::current_exe().unwrap();
        let serve = here.parent().and_then(Path::parent).unwrap().join("examples/serve");
        let mut command = Command::new(&serve);
        command.arg("--data").arg(folder).args(["--listen", &address.to_string()]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = child.unwrap_or_else(|error| {
            panic!("{}: {error}; cargo build --example serve makes it", serve.display())
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("kafka="), "the broker did not start: {line:?}");
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

/// The error code and base offset of the next answer; `None` if the connection broke.
fn answer(socket: &mut TcpStream) -> Option<(i16, i64)> {
    let mut length = [0; 4];
    socket.read_exact(&mut length).ok()?;
    let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
    socket.read_exact(&mut frame).ok()?;
    let mut reader = Reader::new(Bytes::from(frame));
    ResponseHeader::decode(&mut reader, ApiKey::Produce, PRODUCE_VERSION).unwrap();
    let response = ProduceResponse::decode(&mut reader, PRODUCE_VERSION).unwrap();
    let done = &response.responses[0].partition_responses[0];
    Some((done.error_code, done.base_offset))
}

/// Sends batch `number`; whether it arrived is for its answer to say.
fn send(socket: &mut TcpStream, id: i64, number: usize) -> Option<()> {
    let sequence = i32::try_from(number).unwrap();
    let request = produce("t", Uuid::ZERO, -1, numbered(id, 0, sequence));
    let frame = encode_request(&request, PRODUCE_VERSION, sequence, None).unwrap();
    socket.write_all(&frame.concat()).ok()
}

/// Writes on one connection until it breaks or `stop` is set; every answer must name the batch's own offset.
fn write(socket: &mut TcpStream, id: i64, answered: &AtomicUsize, stop: &AtomicBool) -> Option<()> {
    let mut next = answered.load(Ordering::Relaxed);
    loop {
        let first = answered.load(Ordering::Relaxed);
        while next < first + IN_FLIGHT && !stop.load(Ordering::Relaxed) {
            send(socket, id, next)?;
            next += 1;
        }
        if next == first {
            return Some(());
        }
        assert_eq!(answer(socket)?, (0, i64::try_from(first).unwrap()), "batch {first}");
        answered.store(first + 1, Ordering::Relaxed);
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
    let (answered, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let Ok(mut socket) = TcpStream::connect(address) else {
                    std::thread::yield_now();
                    continue;
                };
                socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
                let _ = write(&mut socket, id, &answered, &stop);
            }
        });
        let wait_for_more = || {
            let before = answered.load(Ordering::Relaxed);
            while answered.load(Ordering::Relaxed) < before + ANSWERS_A_KILL {
                assert!(!writer.is_finished(), "the writer failed");
                std::thread::yield_now();
            }
        };
        for _ in 0..KILLS {
            let serve = Serve::start(&folder, address);
            wait_for_more();
            drop(serve);
        }
        let _serve = Serve::start(&folder, address);
        wait_for_more();
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap();
    });
    let log = Log::open(World::real(), LogConfig::new(&folder)).unwrap();
    let partition = log.partition("t", 0).unwrap();
    let mut found = Vec::new();
    while let Ok(read) = partition.read(i64::try_from(found.len()).unwrap(), 1 << 20)
        && !read.is_empty()
    {
        found.extend(read.batches().flat_map(values));
    }
    let count = answered.load(Ordering::Relaxed);
    let expected: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    assert_eq!(found, expected);
    log.close().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}
