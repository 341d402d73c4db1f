//! A log inside a program: make a topic, append, read back, stop cleanly.
//!
//! ```text
//! cargo run -p tidemill-commitlog --example embedded_log -- [folder]
//! ```

use std::error::Error;
use std::io::Write;
use std::sync::mpsc;

use tidemill_commitlog::batch::{Record, records};
use tidemill_commitlog::{Acks, Log, LogConfig, TopicConfig};
use tidemill_world::World;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "embedded-log-data".into());
    let log = Log::open(World::real(), LogConfig::new(dir))?;
    log.ensure_topic("visits", TopicConfig::default())?;
    let partition = log.partition("visits", 0).ok_or("the topic has no partition 0")?;

    // Records that come while an append is on its way to the disk share the next batch.
    let appender = partition.appender(Acks::Synced);
    let (answers, answered) = mpsc::channel();
    for page in ["/", "/about", "/news"] {
        let timestamp_ms = log.world().clock().wall_ms();
        let record = Record { timestamp_ms, value: Some(page.as_bytes()), ..Record::default() };
        let answers = answers.clone();
        // The receiver outlives the loop below, so the send cannot fail.
        appender.append_with(record, move |result| answers.send(result).unwrap_or_default());
    }
    drop(answers);
    for offset in answered {
        offset?;
    }

    let mut out = std::io::stdout().lock();
    let mut offset = partition.log_start_offset();
    while offset < partition.high_watermark() {
        let read = partition.read(offset, 1 << 20)?;
        for batch in read.batches() {
            for record in &records(&batch)? {
                let record = record?;
                let page = String::from_utf8_lossy(record.value.unwrap_or_default());
                writeln!(out, "{:>6}  {page}", record.offset)?;
            }
        }
        offset = read.next_offset;
    }
    log.close()?;
    Ok(())
}
