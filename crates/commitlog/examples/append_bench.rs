//! How fast appends become durable, beside what the disk itself gives in the same run.
//!
//! ```text
//! cargo run --release -p tidemill-commitlog --example append_bench -- \
//!     [--dir folder] [--seconds 3] [--callers 3] [--outstanding-kib 1024] [--rounds 3] [--partitions 1]
//! ```
//!
//! Every caller gathers records into batches and keeps `outstanding-kib` of them under way, as a producer
//! that does not wait for each answer. With more partitions than callers the same bytes are spread over all of them, one
//! batch each under way. The disk is measured
//! with direct writes of 1 MiB, each followed by a sync. The two alternate; at the end one JSON line a figure: the
//! medians of the rates, and of each rate beside the disk's in the same round.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use tidemill_commitlog::batch::{BatchBuilder, Record};
use tidemill_commitlog::{Acks, Log, LogConfig, Partition, TopicConfig};
use tidemill_world::{AlignedBuffer, Clock, Moment, OpenHow, World};

struct Options {
    dir: PathBuf,
    seconds: u64,
    callers: u64,
    outstanding_kib: u64,
    rounds: u64,
    partitions: i32,
}

impl Options {
    fn parse() -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            dir: "append-bench-data".into(),
            seconds: 3,
            callers: 3,
            outstanding_kib: 1024,
            rounds: 3,
            partitions: 1,
        };
        let mut words = std::env::args().skip(1);
        while let Some(flag) = words.next() {
            let value = words.next().ok_or("a flag has no value")?;
            match flag.as_str() {
                "--dir" => options.dir = value.into(),
                "--seconds" => options.seconds = value.parse()?,
                "--callers" => options.callers = value.parse()?,
                "--outstanding-kib" => options.outstanding_kib = value.parse()?,
                "--rounds" => options.rounds = value.parse()?,
                "--partitions" => options.partitions = value.parse()?,
                other => return Err(format!("unknown flag {other}").into()),
            }
        }
        Ok(options)
    }
}

/// Bytes of the records that are measured.
const RECORD_BYTES: [usize; 2] = [100, 1024];
/// Batches that each caller has under way: one on the disk, one being written, two waiting.
const BATCHES_UNDER_WAY: u64 = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse()?;
    let mut out = std::io::stdout().lock();
    let mut disk_rates = Vec::new();
    let mut rates: [Vec<f64>; 2] = Default::default();
    let mut shares: [Vec<f64>; 2] = Default::default();
    for _ in 0..options.rounds {
        let disk = measure_disk(&options)?;
        disk_rates.push(disk);
        for (place, record_bytes) in RECORD_BYTES.into_iter().enumerate() {
            let (records, seconds) = measure_log(&options, record_bytes)?;
            let mb = records as f64 * record_bytes as f64 / 1e6 / seconds;
            rates[place].push(mb);
            shares[place].push(mb / disk);
        }
    }
    figure(&mut out, "disk, 1 MiB write and sync", median(disk_rates), "MB/s")?;
    for ((record_bytes, rates), shares) in RECORD_BYTES.into_iter().zip(rates).zip(shares) {
        let mb = median(rates);
        let name = format!("append synced, {record_bytes} B records");
        figure(&mut out, &name, mb, "MB/s")?;
        figure(&mut out, &name, mb * 1e6 / record_bytes as f64, "records/s")?;
        figure(&mut out, &format!("{name}, of the disk"), median(shares), "")?;
    }
    let (p50, p99) = measure_latency(&options)?;
    figure(&mut out, "append synced, one at a time, p50", p50, "us")?;
    figure(&mut out, "append synced, one at a time, p99", p99, "us")?;
    Ok(())
}

fn figure(out: &mut impl Write, name: &str, value: f64, unit: &str) -> std::io::Result<()> {
    let name = if unit == "records/s" { format!("{name}, records") } else { name.to_owned() };
    writeln!(out, "{{\"name\":\"{name}\",\"value\":{value:.3},\"unit\":\"{unit}\"}}")
}

/// Appends one record of 100 B at a time and waits for each: microseconds until it is synced.
fn measure_latency(options: &Options) -> Result<(f64, f64), Box<dyn Error>> {
    let dir = options.dir.join("log");
    remove(&dir)?;
    let log = Log::open(World::real(), LogConfig::new(&dir))?;
    log.create_topic("bench", TopicConfig::default())?;
    let partition = log.partition("bench", 0).ok_or("no partition")?;
    let mut builder = BatchBuilder::new(1 << 10);
    let mut micros = Vec::new();
    let clock = log.world().clock();
    let end = clock.now().after(Duration::from_secs(options.seconds));
    while clock.now() < end {
        builder.push(&Record { value: Some(&[0x5a; 100]), ..Record::default() })?;
        let begin = clock.now();
        partition.append_wait(builder.finish(), Acks::Synced)?;
        micros.push(clock.now().since(begin).as_secs_f64() * 1e6);
    }
    log.close()?;
    remove(&dir)?;
    micros.sort_by(f64::total_cmp);
    let at = |part: usize| micros.get(micros.len() * part / 100).copied().unwrap_or(0.0);
    Ok((at(50), at(99)))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Megabytes a second of 1 MiB direct writes, each synced.
fn measure_disk(options: &Options) -> Result<f64, Box<dyn Error>> {
    let world = World::real();
    world.disk().create_dir_all(&options.dir)?;
    let path = options.dir.join("disk-test");
    let file = world.disk().open(&path, OpenHow::Direct)?;
    let mut chunk = AlignedBuffer::with_capacity(1 << 20);
    chunk.push(&vec![0x5a; 1 << 20]);
    let clock = world.clock();
    let begin = clock.now();
    let end = begin.after(Duration::from_secs(options.seconds));
    let mut written = 0u64;
    while clock.now() < end {
        file.write_at(chunk.as_slice(), written)?;
        file.sync_data()?;
        written += chunk.len() as u64;
    }
    let rate = written as f64 / clock.now().since(begin).as_secs_f64() / 1e6;
    drop(file);
    world.disk().remove_file(&path)?;
    Ok(rate)
}

/// Records confirmed as synced, and in how many seconds.
fn measure_log(options: &Options, record_bytes: usize) -> Result<(u64, f64), Box<dyn Error>> {
    let dir = options.dir.join("log");
    remove(&dir)?;
    let log = Log::open(World::real(), LogConfig::new(&dir))?;
    log.create_topic("bench", TopicConfig::with_partitions(options.partitions))?;
    let callers = i32::try_from(options.callers)?;
    let each = u64::try_from(options.partitions / callers)?;
    let under_way = each.max(BATCHES_UNDER_WAY);
    let batch_bytes = options.outstanding_kib * 1024 / under_way;
    let confirmed = AtomicU64::new(0);
    let clock = log.world().clock();
    let begin = clock.now();
    let end = begin.after(Duration::from_secs(options.seconds));
    std::thread::scope(|scope| {
        for caller in 0..options.callers {
            let first = i32::try_from(caller).unwrap_or(0) % options.partitions;
            let indexes =
                (first..options.partitions).step_by(options.callers.try_into().unwrap_or(1));
            let partitions: Vec<_> =
                indexes.filter_map(|index| log.partition("bench", index)).collect();
            let confirmed = &confirmed;
            scope.spawn(move || {
                let load = Load { record_bytes, batch_bytes, under_way };
                let records = call(&partitions, load, clock, end);
                confirmed.fetch_add(records, Ordering::Relaxed);
            });
        }
    });
    let seconds = clock.now().since(begin).as_secs_f64();
    log.close()?;
    remove(&dir)?;
    Ok((confirmed.into_inner(), seconds))
}

fn remove(dir: &Path) -> Result<(), Box<dyn Error>> {
    let world = World::real();
    if world.disk().exists(dir)? {
        world.disk().remove_dir_all(dir)?;
    }
    Ok(())
}

/// What a caller sends.
#[derive(Clone, Copy)]
struct Load {
    record_bytes: usize,
    batch_bytes: u64,
    /// Batches under way.
    under_way: u64,
}

/// Appends to one partition after the other until `end`; returns the number of records that were confirmed.
fn call(partitions: &[Partition], load: Load, clock: &dyn Clock, end: Moment) -> u64 {
    let value = vec![0x5a; load.record_bytes];
    let batch_bytes = usize::try_from(load.batch_bytes).unwrap_or(usize::MAX);
    let mut builder = BatchBuilder::new(batch_bytes.max(load.record_bytes + 200));
    let (answers, answered) = mpsc::channel();
    let mut under_way = 0;
    let mut confirmed = 0;
    for partition in partitions.iter().cycle() {
        if clock.now() >= end {
            break;
        }
        let record = Record { timestamp_ms: 1, value: Some(&value), ..Record::default() };
        while builder.push(&record).is_ok() {}
        let answers = answers.clone();
        partition.append(builder.finish(), Acks::Synced, move |result| {
            answers.send(result).unwrap_or_default();
        });
        under_way += 1;
        while under_way == load.under_way {
            confirmed += answered.recv().map_or(0, count);
            under_way -= 1;
        }
    }
    drop(answers);
    confirmed + answered.iter().map(count).sum::<u64>()
}

fn count(result: Result<tidemill_commitlog::Appended, tidemill_commitlog::AppendError>) -> u64 {
    match result {
        Ok(appended) => u64::try_from(appended.last_offset - appended.base_offset + 1).unwrap_or(0),
        Err(error) => {
            eprintln!("an append failed: {error}");
            0
        }
    }
}
