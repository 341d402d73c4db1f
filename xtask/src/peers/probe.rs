//! The few requests that the automation makes itself: is a broker there, create a topic, delete a topic.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::process::Result;

/// A thousand partitions are made in less.
const ANSWER_MAX: Duration = Duration::from_secs(60);
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How long a connection may take.
const TRY: Duration = Duration::from_secs(2);
/// The pause between two tries: short, because start-up is measured with it.
const PAUSE: Duration = Duration::from_millis(1);

/// Waits until the broker at `address` answers, at most `limit`.
///
/// # Errors
/// It did not.
pub(crate) fn wait(address: &str, limit: Duration) -> Result<()> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if answers(address) {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Err(format!("no answer from {address} after {limit:?}"))
}

/// Whether it answers without an error now.
pub(crate) fn answers(address: &str) -> bool {
    exchange(address).is_some_and(|head| head.get(4..6) == Some(&[0, 0]))
}

fn exchange(address: &str) -> Option<Vec<u8>> {
    // Without a client id, and with nothing in it.
    request(address, 18, 0, &[]).ok()
}

/// Creates a topic, without settings of its own.
///
/// # Errors
/// The broker did not answer, or with an error.
pub(crate) fn create_topic(address: &str, name: &str, partitions: u32) -> Result<()> {
    let mut body = one_text(name);
    body.extend(partitions.to_be_bytes());
    // One replica; no assignments, no settings; at most 60 s, and in earnest.
    body.extend([0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xea, 0x60, 0]);
    let answer = request(address, 19, 2, &body)
        .map_err(|error| format!("{name} was not created: {error}"))?;
    // Correlation id, throttle time, a list of one: the name, then the error.
    expect_no_error(&answer, 4 + 4 + 4 + 2 + name.len(), name)
}

/// Deletes a topic.
///
/// # Errors
/// The broker did not answer, or with an error.
pub(crate) fn delete_topic(address: &str, name: &str) -> Result<()> {
    let mut body = one_text(name);
    body.extend([0, 0, 0xea, 0x60]);
    let answer = request(address, 20, 1, &body)
        .map_err(|error| format!("{name} was not deleted: {error}"))?;
    expect_no_error(&answer, 4 + 4 + 4 + 2 + name.len(), name)
}

/// A list with one text.
fn one_text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(0);
    [&[0, 0, 0, 1], &length.to_be_bytes()[..], text.as_bytes()].concat()
}

fn expect_no_error(answer: &[u8], at: usize, what: &str) -> Result<()> {
    match answer.get(at..at + 2) {
        Some([0, 0]) => Ok(()),
        Some(&[high, low]) => Err(format!("{what}: error {}", i16::from_be_bytes([high, low]))),
        _ => Err(format!("{what}: an answer of {} bytes", answer.len())),
    }
}

/// Sends one request of a classic encoding and reads its answer, from the correlation id on.
fn request(address: &str, key: i16, version: i16, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let address: SocketAddr = address.parse().map_err(std::io::Error::other)?;
    let mut socket = TcpStream::connect_timeout(&address, TRY)?;
    socket.set_read_timeout(Some(ANSWER_MAX))?;
    let mut frame = Vec::new();
    frame.extend(u32::try_from(10 + body.len()).unwrap_or(0).to_be_bytes());
    frame.extend(key.to_be_bytes());
    frame.extend(version.to_be_bytes());
    // Correlation id 1, no client id.
    frame.extend([0, 0, 0, 1, 0xff, 0xff]);
    frame.extend(body);
    socket.write_all(&frame)?;
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    // These answers are short; a length that is not is no Kafka's.
    let length =
        usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX).min(ANSWER_BYTES_MAX);
    let mut answer = vec![0; length];
    socket.read_exact(&mut answer)?;
    Ok(answer)
}

/// A loopback port that nobody listens on.
///
/// # Errors
/// The machine has none.
pub(crate) fn free_port() -> Result<u16> {
    let taken = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    taken.map(|address| address.port()).map_err(|error| format!("no free port: {error}"))
}
