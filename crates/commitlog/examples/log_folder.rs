//! A data folder from the command line, ours or Apache Kafka's: what `tests/kafka_folder.sh` compares with Kafka.
//!
//! ```text
//! log_folder list DIR                  a line of each partition: name, id, start, end, records, and a sum of all of them
//! log_folder sum < LINES               the same count and sum of `offset TAB key TAB value` lines, as kcat prints them
//! log_folder append DIR TOPIC COUNT    appends so many records with ten different keys to partition 0
//! log_folder clean DIR TOPIC           appends and compacts until partition 0 has few records
//! ```

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use tidemill_commitlog::batch::{BatchBuilder, Compression, Record, header, records};
use tidemill_commitlog::{Acks, Cleanup, Log, LogConfig, Partition};
use tidemill_world::World;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list", dir] => list(&open(dir)?),
        ["sum"] => sum_lines(),
        ["append", dir, topic, count] => append(&open(dir)?, topic, count.parse()?),
        ["clean", dir, topic] => clean(&open(dir)?, topic),
        _ => {
            Err("usage: log_folder list DIR | sum | append DIR TOPIC COUNT | clean DIR TOPIC"
                .into())
        }
    }
}

fn open(dir: &str) -> Result<Log> {
    let config = LogConfig { cleaner_check_ms: 50, mark_every_ms: 10, ..LogConfig::new(dir) };
    Ok(Log::open(World::real(), config)?)
}

fn list(log: &Log) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for topic in log.topics() {
        for index in 0..topic.config.partitions {
            let partition = log.partition(&topic.name, index).ok_or("a partition is missing")?;
            partition.check()?;
            let (count, sum) = sum(&partition)?;
            let (start, end) = (partition.log_start_offset(), partition.high_watermark());
            writeln!(out, "{} {index} {} {start} {end} {count} {sum:016x}", topic.name, topic.id)?;
        }
    }
    log.close()?;
    Ok(())
}

/// FNV-1a, to compare what two programs read.
struct Sum(u64);

impl Sum {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, text: &str) {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn sum_lines() -> Result<()> {
    let (mut count, mut sum) = (0u64, Sum::new());
    for line in std::io::stdin().lines() {
        count += 1;
        sum.add(&format!("{}\n", line?));
    }
    writeln!(std::io::stdout(), "{count} {:016x}", sum.0)?;
    Ok(())
}

/// How many records there are, without those of control batches, and a sum of their offsets, keys and values.
fn sum(partition: &Partition) -> Result<(u64, u64)> {
    let (mut count, mut sum) = (0, Sum::new());
    let mut offset = partition.log_start_offset();
    while offset < partition.high_watermark() {
        let read = partition.read(offset, 1 << 20)?;
        for batch in read.batches() {
            if header(&batch)?.is_control() {
                continue;
            }
            for record in &records(&batch)? {
                let record = record?;
                if record.offset < partition.log_start_offset() {
                    continue;
                }
                count += 1;
                let text = |bytes: Option<&[u8]>| {
                    bytes.map_or_else(|| "NULL".into(), |b| String::from_utf8_lossy(b).into_owned())
                };
                let (key, value) = (text(record.key), text(record.value));
                sum.add(&format!("{}\t{key}\t{value}\n", record.offset));
            }
        }
        offset = read.next_offset;
    }
    Ok((count, sum.0))
}

fn append(log: &Log, topic: &str, count: u32) -> Result<()> {
    let partition = log.partition(topic, 0).ok_or("there is no such topic")?;
    fill(log, &partition, count)?;
    log.close()?;
    Ok(())
}

fn fill(log: &Log, partition: &Partition, count: u32) -> Result<()> {
    let codecs = [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ];
    for (number, codec) in (0..count).zip(codecs.into_iter().cycle()) {
        let mut builder = BatchBuilder::new(1 << 20).compression(codec);
        let (key, value) = (format!("k{}", number % 10), format!("v{number}-{}", "x".repeat(200)));
        let record = Record {
            timestamp_ms: log.world().clock().wall_ms(),
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()).filter(|_| number % 50 != 9),
            headers: &[],
        };
        builder.push(&record)?;
        partition.append_wait(builder.finish(), Acks::Synced)?;
    }
    Ok(())
}

/// Has the cleaner work on a topic of small segments.
fn clean(log: &Log, topic: &str) -> Result<()> {
    log.alter_topic(topic, |config| {
        config.cleanup = Cleanup::COMPACT;
        config.segment_bytes = Some(20_000);
        config.min_cleanable_dirty_ratio = 0.01;
    })?;
    let partition = log.partition(topic, 0).ok_or("there is no such topic")?;
    for _ in 0..100 {
        fill(log, &partition, 300)?;
        // Time for the cleaner.
        partition.wait_past(partition.high_watermark(), Duration::from_millis(200));
        let (count, _) = sum(&partition)?;
        if count < 300 {
            break;
        }
    }
    log.close()?;
    Ok(())
}
