//! A broker on a folder of its own, and a client of few lines.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "each test uses a part of it and fails by panicking"
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tidemill_broker::{Broker, BrokerConfig};
use tidemill_commitlog::batch::{BatchBuilder, Record};
use tidemill_commitlog::{Log, LogConfig};
use tidemill_wire::header::ResponseHeader;
use tidemill_wire::message::encode_request;
use tidemill_wire::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use tidemill_wire::{Message, Reader, Request, Text, Uuid};
use tidemill_world::World;

/// Only bounds a test that hangs; nothing is expected to take so long.
const PATIENCE: Duration = Duration::from_secs(60);

static NUMBER: AtomicU32 = AtomicU32::new(0);

pub struct Server {
    runtime: tokio::runtime::Runtime,
    broker: Option<Broker>,
    log: Option<Log>,
    pub dir: PathBuf,
    config: BrokerConfig,
}

impl Server {
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut BrokerConfig)) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = format!("tidemill-broker-{}-{number}", std::process::id());
        let mut config = BrokerConfig::new("127.0.0.1:0".parse().unwrap());
        change(&mut config);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let dir = std::env::temp_dir().join(dir);
        let mut server = Self { runtime, broker: None, log: None, dir, config };
        server.open();
        server
    }

    fn open(&mut self) {
        let world = World::real();
        let log = Log::open(world.clone(), LogConfig::new(&self.dir)).unwrap();
        let starting = Broker::start(log.clone(), world, self.config.clone());
        self.broker = Some(self.runtime.block_on(starting).unwrap());
        self.log = Some(log);
    }

    fn close(&mut self) {
        self.runtime.block_on(self.broker.take().unwrap().shutdown());
        self.log.take().unwrap().close().unwrap();
    }

    /// Ends the broker and the log, and starts both again on the same folder.
    pub fn restart(&mut self) {
        self.close();
        self.open();
    }

    /// Starts the broker again as after a crash: there is no mark of a clean stop.
    pub fn crash(&mut self) {
        self.close();
        std::fs::remove_file(self.dir.join(".kafka_cleanshutdown")).unwrap();
        self.open();
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.broker.as_ref().unwrap().local_addr()
    }

    pub fn log(&self) -> &Log {
        self.log.as_ref().unwrap()
    }

    pub fn connect(&self) -> Connection {
        let socket = TcpStream::connect(self.broker.as_ref().unwrap().local_addr()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Connection { socket, correlation: 0 }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

pub struct Connection {
    pub socket: TcpStream,
    correlation: i32,
}

impl Connection {
    /// Sends a request and returns its correlation id.
    pub fn send<R: Request>(&mut self, request: &R, version: i16) -> i32 {
        self.correlation += 1;
        let client = Text::from_static("test");
        let frame = encode_request(request, version, self.correlation, Some(&client)).unwrap();
        self.socket.write_all(&frame.concat()).unwrap();
        self.correlation
    }

    /// Reads a response and its correlation id.
    pub fn receive<M: Message>(&mut self, version: i16) -> (i32, M) {
        let mut reader = Reader::new(self.frame().expect("the connection was closed"));
        let header = ResponseHeader::decode(&mut reader, M::API, version).unwrap();
        let message = M::decode(&mut reader, version).unwrap();
        assert_eq!(reader.remaining(), 0, "{} {version}", M::NAME);
        (header.correlation_id, message)
    }

    pub fn call<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        let sent = self.send(request, version);
        let (received, response) = self.receive(version);
        assert_eq!(sent, received);
        response
    }

    /// The next frame without its length; `None` if the broker has closed.
    pub fn frame(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        match self.socket.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("the broker neither answers nor closes")
            }
            Err(_) => return None,
        }
        let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        self.socket.read_exact(&mut frame).unwrap();
        Some(frame.into())
    }

    pub fn is_closed(&mut self) -> bool {
        self.frame().is_none()
    }
}

/// One batch of these values.
pub fn batch(values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new(4 << 20);
    for (timestamp_ms, value) in (1000..).zip(values) {
        let record = Record { timestamp_ms, value: Some(value.as_bytes()), ..Record::default() };
        builder.push(&record).unwrap();
    }
    builder.finish()
}

/// The batch of one record from a producer, whose value is its sequence.
pub fn numbered(id: i64, epoch: i16, sequence: i32) -> Bytes {
    let mut batch = batch(&[&sequence.to_string()]).to_vec();
    batch[43..51].copy_from_slice(&id.to_be_bytes());
    batch[51..53].copy_from_slice(&epoch.to_be_bytes());
    batch[53..57].copy_from_slice(&sequence.to_be_bytes());
    let crc = crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch.into()
}

/// The same batch as part of its producer's transaction.
pub fn transactional(batch: &Bytes) -> Bytes {
    let mut batch = batch.to_vec();
    batch[22] |= 16;
    let crc = crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch.into()
}

/// CRC-32C, bit by bit.
pub fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc: u32, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

pub fn produce(topic: &str, id: Uuid, acks: i16, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData { index: 0, records: Some(records.into()) };
    ProduceRequest {
        acks,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: topic.into(),
            topic_id: id,
            partition_data: vec![data],
        }],
        ..Default::default()
    }
}

/// The values in these batches.
pub fn values(records: Bytes) -> Vec<String> {
    let mut values = Vec::new();
    let mut rest = records;
    while !rest.is_empty() {
        let length = tidemill_commitlog::batch::header(&rest).unwrap().bytes;
        let batch = rest.split_to(length);
        for record in &tidemill_commitlog::batch::records(&batch).unwrap() {
            let value = record.unwrap().value.unwrap_or_default().to_vec();
            values.push(String::from_utf8(value).unwrap());
        }
    }
    values
}
