//! A house to test in: log, engine, analytics, and a client that writes HTTP by hand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file has its own copy and uses some of it"
)]

mod disk;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tidemill_analytics::{Analytics, AnalyticsConfig, SiteConfig};
use tidemill_commitlog::batch::records;
use tidemill_commitlog::{Log, LogConfig};
use tidemill_engine::{Engine, EngineConfig};
use tidemill_world::World;
use tidemill_world::clock::RealClock;
use tidemill_world::random::RealRandom;
use tidemill_world::threads::RealThreads;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A browser.
pub const PERSON: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0";

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// All of it in a folder of its own.
pub struct House {
    pub folder: PathBuf,
    pub log: Log,
    engine: Engine,
    pub analytics: Analytics,
    full: Arc<AtomicBool>,
}

impl House {
    /// An empty house.
    pub async fn start(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("tidemill-analytics-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self::open(folder).await
    }

    async fn open(folder: PathBuf) -> Self {
        let full = Arc::new(AtomicBool::new(false));
        let disk = Arc::new(disk::Filling::new(Arc::clone(&full)));
        let (clock, random) = (Arc::new(RealClock::new()), Arc::new(RealRandom::default()));
        let world = World::from_parts(clock, disk, random, Arc::new(RealThreads));
        let log = Log::open(world.clone(), LogConfig::new(folder.join("log"))).unwrap();
        let engine = Engine::start(world.clone(), EngineConfig { workers: Some(1) }).unwrap();
        let guarded = SiteConfig {
            id: "guarded".to_owned(),
            secret: Some("s3".to_owned()),
            hosts: vec!["example.com".to_owned()],
            ..SiteConfig::default()
        };
        let config = AnalyticsConfig {
            http: SocketAddr::from(([127, 0, 0, 1], 0)),
            sites: vec![guarded],
            streams_max: 2,
            ..AnalyticsConfig::new(&folder)
        };
        let analytics = Analytics::start(log.clone(), &engine, world, config).await.unwrap();
        Self { folder, log, engine, analytics, full }
    }

    async fn close(self) -> PathBuf {
        self.analytics.shutdown().await;
        let (engine, log) = (self.engine, self.log);
        tokio::task::spawn_blocking(move || {
            engine.shutdown();
            log.close().unwrap();
        })
        .await
        .unwrap();
        self.folder
    }

    /// Stops everything and starts it again on the same folder.
    pub async fn restart(self) -> Self {
        let folder = self.close().await;
        Self::open(folder).await
    }

    /// Stops everything and removes the folder.
    pub async fn stop(self) {
        let folder = self.close().await;
        let _ = std::fs::remove_dir_all(folder);
    }

    /// Fills the disk, or makes room on it again.
    pub fn fill_disk(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// Waits until the views have all that is in the log.
    pub async fn caught_up(&self) {
        assert!(self.analytics.wait_caught_up(PATIENCE).await, "the views did not catch up");
    }

    /// The values of all records of a topic.
    pub fn records(&self, topic: &str) -> Vec<Vec<u8>> {
        let partition = self.log.partition(topic, 0).unwrap();
        let (mut values, mut offset) = (Vec::new(), 0);
        while offset < partition.high_watermark() {
            let read = partition.read(offset, 1 << 20).unwrap();
            for batch in read.batches() {
                for record in &records(&batch).unwrap() {
                    values.push(record.unwrap().value.unwrap().to_vec());
                }
            }
            offset = read.next_offset;
        }
        values
    }

    /// Asks for a path.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, b"").await
    }

    /// Sends a request; a browser's user agent unless another is given.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "User-Agent") {
            head.push_str(&format!("User-Agent: {PERSON}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        Answer::parse(&self.raw(&[head.as_bytes(), body].concat()).await)
    }

    /// Posts a body in one chunk, so that its length is not announced.
    pub async fn send_chunked(&self, path: &str, body: &[u8]) -> Answer {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n",
            body.len()
        );
        Answer::parse(&self.raw(&[head.as_bytes(), body, b"\r\n0\r\n\r\n"].concat()).await)
    }

    /// Posts an access log and returns the last line of the answer.
    pub async fn upload(&self, path: &str, body: &[u8]) -> Value {
        let answer = self.send("POST", path, &[], body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    }

    /// Writes bytes to a connection of their own and reads until it ends.
    pub async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.analytics.local_addr()).await.unwrap();
        // A server that refuses early may close before all is written.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
            .await
            .expect("the answer did not end");
        answer
    }

    /// Opens a live stream.
    pub async fn stream(&self, path: &str) -> Stream {
        let mut stream = TcpStream::connect(self.analytics.local_addr()).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut stream = Stream { stream, held: String::new() };
        let head = stream.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
        stream
    }
}

/// An answer.
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {bytes:?}"));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let rest = &bytes[end + 4..];
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        let body = if chunked { unchunk(rest) } else { rest.to_vec() };
        Self { status, head, body }
    }

    /// A header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        let found = self
            .head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let length =
            usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            break;
        }
        body.extend_from_slice(&bytes[end + 2..end + 2 + length]);
        bytes = &bytes[end + 4 + length..];
    }
    body
}

/// An open live stream.
pub struct Stream {
    stream: TcpStream,
    held: String,
}

impl Stream {
    async fn until(&mut self, mark: &str) -> String {
        loop {
            if let Some(at) = self.held.find(mark) {
                let found = self.held[..at].to_owned();
                self.held.drain(..at + mark.len());
                return found;
            }
            let mut buffer = [0; 8_192];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer))
                .await
                .expect("nothing came")
                .unwrap();
            assert!(read > 0, "the stream ended");
            self.held.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    }

    /// The next state.
    pub async fn state(&mut self) -> Value {
        loop {
            let event = self.until("\n\n").await;
            if let Some(data) = event.lines().find_map(|line| line.strip_prefix("data: ")) {
                return serde_json::from_str(data).unwrap();
            }
        }
    }
}
