//! How many pixel hits a second become durable, and how soon a hit is visible in the API.
//!
//! Starts the `tidemill` that was built beside this program on free ports in an empty folder and loads it from the same
//! machine: first 64 and 256 connections that each wait for their answer before the next hit, then single hits of new
//! posts, each asked for in the API until it is there. One JSON line a figure.

#![allow(clippy::print_stdout, reason = "the figures are this program's product")]

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

type Failure = Box<dyn Error + Send + Sync>;

const LOAD: Duration = Duration::from_secs(4);
const CONNECTIONS: [usize; 2] = [64, 256];
/// Posts that the load spreads over.
const POSTS: u64 = 5_000;
/// Single hits timed from the request to the API's answer.
const PROBES: u64 = 200;
/// A probe that is not visible by then has failed.
const VISIBLE_MAX: Duration = Duration::from_secs(20);

fn main() -> Result<(), Failure> {
    let server = Server::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for connections in CONNECTIONS {
        let rate = runtime.block_on(load(&server.http, connections, LOAD))?;
        figure(&format!("pixel hits durable, {connections} connections"), rate, "hits/s");
    }
    let mut idle = runtime.block_on(visible(&server.http, "idle"))?;
    report("hit to visible, idle", &mut idle);
    let background = runtime.spawn({
        let http = server.http.clone();
        async move { load(&http, 8, Duration::from_secs(30)).await }
    });
    let mut loaded = runtime.block_on(visible(&server.http, "loaded"))?;
    background.abort();
    report("hit to visible, 8 connections beside", &mut loaded);
    Ok(())
}

fn figure(name: &str, value: f64, unit: &str) {
    println!("{}", json!({"name": name, "value": value, "unit": unit}));
}

fn report(name: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |part: f64| {
        let index = (times.len() as f64 * part) as usize;
        times[index.min(times.len() - 1)].as_secs_f64() * 1e3
    };
    figure(&format!("{name}, p50"), at(0.5), "ms");
    figure(&format!("{name}, p99"), at(0.99), "ms");
}

/// Hits a second over so many connections, each answered before the next.
async fn load(http: &str, connections: usize, duration: Duration) -> Result<f64, Failure> {
    let counted = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let mut tasks = Vec::new();
    for connection in 0..connections as u64 {
        let counted = Arc::clone(&counted);
        let mut stream = TcpStream::connect(http).await?;
        stream.set_nodelay(true)?;
        tasks.push(tokio::spawn(async move {
            let mut answer = vec![0; 4096];
            let mut hit = connection;
            while started.elapsed() < duration {
                hit = hit.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(connection + 1);
                let post = (hit >> 33) % POSTS;
                send(&mut stream, &format!("https://bench.example/{post}"), hit, &mut answer)
                    .await?;
                counted.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), Failure>(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(counted.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64())
}

/// One page view; the answer is a GIF.
async fn send(
    stream: &mut TcpStream,
    url: &str,
    random: u64,
    answer: &mut [u8],
) -> Result<(), Failure> {
    let url = url.replace(':', "%3A").replace('/', "%2F");
    let request = format!(
        "GET /plogger/?rand={random}&idsite=bench.example&url={url}&urlref=https%3A%2F%2Fwww.google.com%2F\
         &action=pageview&pvid={random}&u={random} HTTP/1.1\r\nHost: bench.example\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let head = exchange(stream, answer).await?;
    if head.starts_with(b"HTTP/1.1 200") {
        Ok(())
    } else {
        Err(format!("answered {}", String::from_utf8_lossy(head)).into())
    }
}

/// Reads one answer whole and returns it.
async fn exchange<'a>(stream: &mut TcpStream, answer: &'a mut [u8]) -> Result<&'a [u8], Failure> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut answer[filled..]).await?;
        if read == 0 {
            return Err("the server closed the connection".into());
        }
        filled += read;
        let Some(end) = answer[..filled].windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.unwrap_or("0").trim().parse()?;
        if filled >= end + 4 + length {
            return Ok(&answer[..filled]);
        }
    }
}

/// From the request of a single hit to the first answer of the API that counts it.
async fn visible(http: &str, name: &str) -> Result<Vec<Duration>, Failure> {
    let mut stream = TcpStream::connect(http).await?;
    let mut answer = vec![0; 64 << 10];
    let mut times = Vec::new();
    for probe in 0..PROBES {
        let url = format!("https://bench.example/probe-{name}-{probe}");
        let started = Instant::now();
        send(&mut stream, &url, probe, &mut answer).await?;
        let asked = url.replace(':', "%3A").replace('/', "%2F");
        let question = format!(
            "GET /v2/analytics/post/detail?apikey=bench.example&url={asked}&period_start=1h HTTP/1.1\r\n\
             Host: bench.example\r\n\r\n"
        );
        loop {
            stream.write_all(question.as_bytes()).await?;
            let body = exchange(&mut stream, &mut answer).await?;
            if body.windows(9).any(|part| part == b"\"views\":1") {
                break;
            }
            if started.elapsed() > VISIBLE_MAX {
                return Err(format!("{url} is not visible after {VISIBLE_MAX:?}").into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        times.push(started.elapsed());
    }
    Ok(times)
}

/// The program under load.
struct Server {
    child: Child,
    http: String,
    data: std::path::PathBuf,
}

impl Server {
    fn start() -> Result<Self, Failure> {
        let mut binary = std::env::current_exe()?;
        binary.pop();
        binary.pop();
        binary.push("tidemill");
        let data = std::env::temp_dir().join(format!("tidemill-pixel-{}", std::process::id()));
        let mut child = Command::new(&binary)
            .args(["up", "--kafka", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"])
            .arg(&data)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let ready = lines.find_map(|line| line.ok()?.strip_prefix("ready ").map(str::to_owned));
        let ready = ready.ok_or("`tidemill up` ended before it was ready")?;
        std::thread::spawn(move || lines.for_each(drop));
        let http = ready.split(' ').find_map(|word| word.strip_prefix("http=http://"));
        Ok(Self { child, http: http.ok_or("no address")?.to_owned(), data })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}
