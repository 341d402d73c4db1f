//! What many partitions cost: how long a folder of them takes to open, and what it holds in memory and files.
//!
//! ```text
//! cargo run --release -p tidemill-commitlog --example many_partitions -- make DIR COUNT   makes them, one record each
//! cargo run --release -p tidemill-commitlog --example many_partitions -- open DIR         opens, prints figures, closes
//! cargo run --release -p tidemill-commitlog --example many_partitions -- kill DIR         the same, and ends without closing
//! ```

use std::error::Error;
use std::io::Write;
use std::sync::mpsc;

use tidemill_commitlog::batch::{BatchBuilder, Record};
use tidemill_commitlog::{Acks, Log, LogConfig, TopicConfig};
use tidemill_world::World;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["make", dir, count] => make(dir, count.parse()?),
        ["open", dir] => Ok(open(dir)?.close()?),
        ["kill", dir] => {
            append_to_all(&open(dir)?)?;
            std::process::exit(0)
        }
        _ => Err("usage: many_partitions make DIR COUNT | open DIR | kill DIR".into()),
    }
}

fn make(dir: &str, count: i32) -> Result<(), Box<dyn Error>> {
    let log = Log::open(World::real(), LogConfig::new(dir))?;
    log.create_topic("many", TopicConfig::with_partitions(count))?;
    append_to_all(&log)?;
    Ok(log.close()?)
}

fn append_to_all(log: &Log) -> Result<(), Box<dyn Error>> {
    let (answers, answered) = mpsc::channel();
    let mut builder = BatchBuilder::new(1 << 10);
    for partition in (0..).map_while(|index| log.partition("many", index)) {
        builder.push(&Record { value: Some(&[0x5a; 100]), ..Record::default() })?;
        let answers = answers.clone();
        partition.append(builder.finish(), Acks::Synced, move |result| {
            answers.send(result).unwrap_or_default();
        });
    }
    drop(answers);
    answered.iter().try_for_each(|result| result.map(drop)).map_err(Into::into)
}

fn open(dir: &str) -> Result<Log, Box<dyn Error>> {
    let world = World::real();
    let begin = world.clock().now();
    let log = Log::open(world.clone(), LogConfig::new(dir))?;
    let ms = world.clock().now().since(begin).as_secs_f64() * 1e3;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = resident.unwrap_or("").trim().trim_end_matches(" kB").parse().unwrap_or(0.0);
    let files = std::fs::read_dir("/proc/self/fd")?.count();
    let mut out = std::io::stdout().lock();
    for (name, value, unit) in
        [("open", ms, "ms"), ("resident", kib / 1024.0, "MB"), ("open files", files as f64, "")]
    {
        writeln!(out, "{{\"name\":\"{name}\",\"value\":{value:.1},\"unit\":\"{unit}\"}}")?;
    }
    Ok(log)
}
