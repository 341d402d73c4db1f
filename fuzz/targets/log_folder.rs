//! Any bytes as any one file of a log's folder, on a simulated disk: checkpoints, topic files, segments, indexes,
//! snapshots, records of internal topics.
//!
//! The log opens or says what is wrong; what it then gives is whole, and it takes an append or says why not.

#![no_main]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tidemill_commitlog::batch::{BatchBuilder, Record, records};
use tidemill_commitlog::offsets::{GroupOffsets, OFFSETS_TOPIC};
use tidemill_commitlog::{Acks, Log, LogConfig, TopicConfig};
use tidemill_world::sim::Simulation;
use tidemill_world::{Disk, OpenHow};

const STEPS: usize = 10_000;
const READ_BYTES: usize = 1 << 20;

fn config() -> LogConfig {
    LogConfig { segment_bytes: 4 << 10, ..LogConfig::new("/log") }
}

fn batch(key: &[u8], value: &[u8]) -> Bytes {
    let mut builder = BatchBuilder::new(1 << 20);
    let record = Record { key: Some(key), value: Some(value), ..Record::default() };
    match builder.push(&record) {
        Ok(_) => builder.finish(),
        Err(_) => Bytes::new(),
    }
}

fn append(simulation: &Simulation, log: &Log, topic: &str, batches: Bytes) {
    if let Some(partition) = log.partition(topic, 0) {
        partition.append(batches, Acks::Synced, drop);
        let _ = simulation.run_until_idle(STEPS);
    }
}

/// Every file below a folder, in the order of their names.
fn files(disk: &dyn Disk, folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(mut entries) = disk.list(folder) else { return };
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    for entry in entries {
        let path = folder.join(&entry.name);
        if disk.list(&path).is_ok() { files(disk, &path, into) } else { into.push(path) }
    }
}

fn read_all(log: &Log, topic: &str) {
    let Some(partition) = log.partition(topic, 0) else { return };
    let mut offset = partition.log_start_offset();
    while offset < partition.high_watermark() {
        let Ok(read) = partition.read(offset, READ_BYTES) else { return };
        for batch in read.batches() {
            if let Ok(records) = records(&batch) {
                records.iter().take_while(Result::is_ok).for_each(drop);
            }
        }
        assert!(read.next_offset > offset, "a read below the high watermark goes on");
        offset = read.next_offset;
    }
    let _ = partition.offset_for_timestamp(0);
}

fuzz_target!(|input: &[u8]| {
    let Some(([which, how], bytes)) = input.split_first_chunk() else { return };
    let simulation = Simulation::new(7);
    let Ok(log) = Log::open(simulation.world(), config()) else { return };
    for topic in ["t", OFFSETS_TOPIC] {
        let _ = log.ensure_topic(topic, TopicConfig::default());
        for value in 0..8 {
            append(&simulation, &log, topic, batch(b"key", &[value; 900]));
        }
    }
    append(&simulation, &log, OFFSETS_TOPIC, batch(bytes, bytes));
    let _ = log.close();
    drop(log);
    let world = simulation.world();
    if how & 1 == 1 {
        // As if it had died: recovery scans.
        let _ = world.disk().remove_file(Path::new("/log/.kafka_cleanshutdown"));
    }
    let mut paths = Vec::new();
    files(world.disk(), Path::new("/log"), &mut paths);
    if let Some(path) = paths.get(usize::from(*which) % paths.len().max(1))
        && let Ok(file) = world.disk().open(path, OpenHow::Write)
    {
        if how & 2 == 0 {
            let _ = file.set_len(0);
        }
        let at = if how & 4 == 0 { 0 } else { file.len().unwrap_or(0) / 2 };
        let _ = file.write_at(bytes, at);
        let _ = file.sync_data();
    }
    let Ok(log) = Log::open(simulation.world(), config()) else { return };
    for topic in ["t", OFFSETS_TOPIC] {
        read_all(&log, topic);
        append(&simulation, &log, topic, batch(b"key", b"after"));
    }
    let _ = GroupOffsets::open(&log);
    let _ = log.close();
});
