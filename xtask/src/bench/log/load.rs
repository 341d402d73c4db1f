//! Throughput, by `rdkafka_performance`: what it says of the rate, and what the kernel says of the broker's processor time.

use std::time::Duration;

use super::session::Session;
use crate::bench::process::cpu_s;
use crate::peers::{Peer, probe};
use crate::process::{Result, within, write_to};

/// Settings for throughput: large batches, room enough in the client's queue.
const PRODUCER: &[&str] = &[
    "linger.ms=10",
    "batch.size=1000000",
    "batch.num.messages=100000",
    "queue.buffering.max.messages=1000000",
    "queue.buffering.max.kbytes=500000",
];
/// The client asks for much at once, and for no more than Kafka's default limit of one answer.
const CONSUMER: &[&str] =
    &["fetch.message.max.bytes=10485760", "queued.min.messages=1000000", "fetch.wait.max.ms=100"];
/// Message sizes, in bytes, and how many messages one run sends.
const SIZES: [(u64, u64); 2] = [(100, 8_000_000), (1024, 1_500_000)];
/// Partitions, what a figure's name says of them, and the client's settings. By default it stays with a partition for ten
/// milliseconds; without that each record goes to any of them, and batches are as many and as small as they get.
const SPREADS: [(u32, &str, &[&str]); 6] = [
    (1, "1 partition", &[]),
    (4, "4 partitions", &[]),
    (100, "100 partitions", &[]),
    (1_000, "1,000 partitions", &[]),
    (100, "100 partitions record by record", &["sticky.partitioning.linger.ms=0"]),
    (1_000, "1,000 partitions record by record", &["sticky.partitioning.linger.ms=0"]),
];
/// Messages of a warm-up: a JVM compiles while it runs.
const WARM_UP: u64 = 1_000_000;
const LIMIT: Duration = Duration::from_secs(300);

/// One run of the client.
struct Run {
    per_second: f64,
    /// The broker's processor time for one message.
    cpu_us: f64,
}

/// Produces with `acks=all`, each size, each number of partitions.
pub(super) fn produce(session: &mut Session<'_>) -> Result<()> {
    let sides = session.start_all()?;
    for (_, peer) in &sides {
        with_topic(peer, "warm-up", 1, |topic| send(session, peer, topic, 100, WARM_UP / 2, &[]))?;
        with_topic(peer, "warm-up", 1, |topic| send(session, peer, topic, 1024, WARM_UP / 4, &[]))?;
    }
    for round in 0..session.rounds {
        for (bytes, messages) in SIZES {
            let messages = session.amount(messages);
            let ceiling = ceiling(session, bytes, messages)?;
            add_rate(session, &format!("produce {bytes} B, librdkafka alone"), bytes, ceiling);
            for (at, (partitions, spread, more)) in SPREADS.into_iter().enumerate() {
                for (side, peer) in &sides {
                    let topic = format!("produce-{bytes}-{at}-{round}");
                    let run = with_topic(peer, &topic, partitions, |topic| {
                        send(session, peer, topic, bytes, messages, more)
                    })?;
                    let name = format!("produce {bytes} B, {spread}, {}", side.label());
                    add_rate(session, &name, bytes, run.per_second);
                    session.figures.add(
                        &format!("{name}: broker's processor time"),
                        run.cpu_us,
                        "µs/msg",
                    );
                }
            }
        }
    }
    Ok(())
}

/// Consumes what was produced before, from one partition.
pub(super) fn consume(session: &mut Session<'_>) -> Result<()> {
    let sides = session.start_all()?;
    let messages = session.amount(20_000_000);
    for (_, peer) in &sides {
        probe::create_topic(peer.bootstrap(), "consume", 1)?;
        send(session, peer, "consume", 100, messages, &[])?;
    }
    for _ in 0..session.rounds {
        for (side, peer) in &sides {
            let run = receive(session, peer, "consume", messages)?;
            let name = format!("consume 100 B, {}", side.label());
            add_rate(session, &name, 100, run.per_second);
            session.figures.add(&format!("{name}: broker's processor time"), run.cpu_us, "µs/msg");
        }
    }
    Ok(())
}

fn add_rate(session: &mut Session<'_>, name: &str, bytes: u64, per_second: f64) {
    session.figures.add(name, per_second, "msg/s");
    if bytes >= 1000 {
        #[expect(clippy::cast_precision_loss, reason = "a size of messages")]
        session.figures.add(&format!("{name}: bytes"), per_second * bytes as f64 / 1e6, "MB/s");
    }
}

/// Does something with a topic that is there only for it: the disk is not filled by what is done with.
fn with_topic<T>(
    peer: &Peer,
    topic: &str,
    partitions: u32,
    what: impl FnOnce(&str) -> Result<T>,
) -> Result<T> {
    probe::create_topic(peer.bootstrap(), topic, partitions)?;
    let done = what(topic)?;
    probe::delete_topic(peer.bootstrap(), topic)?;
    Ok(done)
}

/// What the client reaches against the mock broker inside itself.
fn ceiling(session: &Session<'_>, bytes: u64, messages: u64) -> Result<f64> {
    let (bytes, messages) = (bytes.to_string(), messages.to_string());
    let arguments =
        ["-P", "-t", "mock", "-b", "none", "-a", "-1", "-s", &bytes, "-c", &messages, "-q"];
    client(session, &arguments, &[PRODUCER, &["test.mock.num.brokers=1"]].concat())
}

/// Sends `messages` of `bytes`, and waits for the acknowledgements of all.
pub(super) fn send_all(
    session: &Session<'_>,
    peer: &Peer,
    topic: &str,
    bytes: u64,
    messages: u64,
) -> Result<()> {
    send(session, peer, topic, bytes, messages, &[]).map(|_| ())
}

fn send(
    session: &Session<'_>,
    peer: &Peer,
    topic: &str,
    bytes: u64,
    messages: u64,
    more: &[&str],
) -> Result<Run> {
    let (bytes, count) = (bytes.to_string(), messages.to_string());
    let arguments =
        ["-P", "-t", topic, "-b", peer.bootstrap(), "-a", "-1", "-s", &bytes, "-c", &count, "-q"];
    measured(peer, messages, || client(session, &arguments, &[PRODUCER, more].concat()))
}

fn receive(session: &Session<'_>, peer: &Peer, topic: &str, messages: u64) -> Result<Run> {
    let count = messages.to_string();
    let arguments = [
        "-C",
        "-t",
        topic,
        "-p",
        "0",
        "-b",
        peer.bootstrap(),
        "-o",
        "beginning",
        "-c",
        &count,
        "-q",
    ];
    measured(peer, messages, || client(session, &arguments, CONSUMER))
}

fn measured(peer: &Peer, messages: u64, work: impl FnOnce() -> Result<f64>) -> Result<Run> {
    let before = cpu_s(peer.pid())?;
    let per_second = work()?;
    #[expect(clippy::cast_precision_loss, reason = "a count of messages")]
    let cpu_us = (cpu_s(peer.pid())? - before) * 1e6 / messages as f64;
    Ok(Run { per_second, cpu_us })
}

/// Runs the load generator; the messages a second that it tells.
fn client(session: &Session<'_>, arguments: &[&str], settings: &[&str]) -> Result<f64> {
    let mut client = session.client.performance();
    client.args(arguments);
    for setting in settings {
        client.args(["-X", setting]);
    }
    let out = session.folder.join("client.out");
    let ended = within(LIMIT, write_to(&mut client, &out)?)?;
    let text = std::fs::read_to_string(&out).unwrap_or_default();
    let failed = || {
        format!(
            "rdkafka_performance {}: {ended:?}\n{}",
            arguments.join(" "),
            text.lines().last().unwrap_or("")
        )
    };
    if !ended.succeeded() {
        return Err(failed());
    }
    rate(&text, arguments[0] == "-P").ok_or_else(failed)
}

/// From `% 3000000 messages produced (… bytes), 3000000 delivered (offset 1, 0 failed) in 4244ms: 706846 msgs/s …`;
/// `None` if a message was not delivered.
fn rate(text: &str, producer: bool) -> Option<f64> {
    let line =
        text.lines().rev().find(|line| line.contains(" msgs/s") && line.contains("messages"))?;
    if producer && !line.contains(", 0 failed)") {
        return None;
    }
    let before = line.split(" msgs/s").next()?;
    before.rsplit([' ', '(']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    //! What the load generator prints.

    use super::rate;

    #[test]
    fn the_rate_is_read_from_the_summary() {
        let line = "% 30 messages produced (3000 bytes), 30 delivered (offset 6, 0 failed) in 42ms: 706846 msgs/s and 70.68 MB/s, 0 produce failures";
        assert_eq!(rate(line, true), Some(706_846.0));
        assert_eq!(rate(&line.replace("0 failed", "2 failed"), true), None);
    }
}
