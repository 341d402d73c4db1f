//! Compaction as its users see it: what stays, what goes and when, and what a crash leaves.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::{Bench, of_producer};
use crate::batch::{BatchBuilder, BatchHeader, Compression, Record, header, records};
use crate::{Appended, Cleanup, Partition, TopicConfig};

/// What a reader makes of a log: the offset and value of each key.
pub(crate) type Fold = BTreeMap<Vec<u8>, (i64, Vec<u8>)>;

/// Settings of a topic that is cleaned at every look.
pub(crate) fn eager() -> TopicConfig {
    TopicConfig {
        cleanup: Cleanup::COMPACT,
        segment_bytes: Some(1 << 10),
        min_cleanable_dirty_ratio: 0.0,
        retention_ms: None,
        ..TopicConfig::default()
    }
}

/// A batch of a record for each key; without a value it is a deletion.
pub(crate) fn keyed(pairs: &[(&str, Option<&str>)], codec: Compression, at_ms: i64) -> Bytes {
    let mut builder = BatchBuilder::new(1 << 20).compression(codec);
    for (key, value) in pairs {
        let (key, value) = (Some(key.as_bytes()), value.map(str::as_bytes));
        builder.push(&Record { timestamp_ms: at_ms, key, value, headers: &[] }).unwrap();
    }
    builder.finish()
}

/// All batches in order; they must not overlap.
pub(crate) fn batches(partition: &Partition) -> Vec<(BatchHeader, Bytes)> {
    let mut all = Vec::new();
    let mut offset = partition.log_start_offset();
    while offset < partition.high_watermark() {
        let read = partition.read(offset, 600).unwrap();
        assert!(read.next_offset > offset, "the reader goes on");
        for batch in read.batches() {
            let found = header(&batch).unwrap();
            assert!(found.last_offset() >= offset, "batches do not go back");
            offset = found.last_offset() + 1;
            all.push((found, batch));
        }
        offset = offset.max(read.next_offset);
    }
    all
}

pub(crate) fn fold(partition: &Partition) -> Fold {
    let mut fold = Fold::new();
    for (found, batch) in batches(partition) {
        if found.is_control() {
            continue;
        }
        for record in &records(&batch).unwrap() {
            let record = record.unwrap();
            let key = record.key.unwrap().to_vec();
            match record.value {
                Some(value) => fold.insert(key, (record.offset, value.to_vec())),
                None => fold.remove(&key),
            };
        }
    }
    fold
}

/// Keys and whether there is a value, by offset.
fn told(partition: &Partition) -> Vec<(i64, String, bool)> {
    let opened = batches(partition).into_iter().map(|(_, batch)| records(&batch).unwrap());
    let mut told = Vec::new();
    for batch in opened {
        for record in batch.iter().map(Result::unwrap) {
            let key = String::from_utf8(record.key.unwrap().to_vec()).unwrap();
            told.push((record.offset, key, record.value.is_some()));
        }
    }
    told
}

impl Bench {
    /// Lets marks be written and the cleaner look as often as it needs.
    pub(crate) fn clean(&self) {
        for _ in 0..4 {
            self.simulation.clock().advance(Duration::from_millis(1_100));
            self.run();
        }
        // What readers get from here on comes from the files.
        self.partition().core.partitions().iter().for_each(|partition| partition.tail.clear());
    }

    fn append_keyed(&self, partition: &Partition, pairs: &[(&str, Option<&str>)]) -> Appended {
        let now = self.log.world().clock().wall_ms();
        self.append(partition, keyed(pairs, Compression::None, now)).unwrap()
    }

    /// Fills segments, so that what is before is no longer being written.
    fn fill(&self, partition: &Partition, from: u32) {
        let filler = "x".repeat(400);
        for at in from..from + 3 {
            self.append_keyed(partition, &[(&format!("filler{at}"), Some(&filler))]);
        }
    }
}

fn log_files(bench: &Bench) -> Vec<String> {
    let entries = bench.log.world().disk().list("/log/t-0".as_ref()).unwrap();
    entries.into_iter().map(|entry| entry.name).filter(|name| name.contains(".log")).collect()
}

#[test]
fn only_the_last_record_of_each_key_is_kept() {
    let (mut bench, partition) = Bench::with_topic(1, eager());
    for round in 0..20 {
        let value = format!("{round}{}", "v".repeat(200));
        let value = Some(value.as_str());
        bench.append_keyed(&partition, &[("a", value), ("b", value), ("c", value)]);
    }
    let before = fold(&partition);
    let files = log_files(&bench);
    let bytes = partition.size_bytes();
    bench.clean();
    assert_eq!(fold(&partition), before);
    assert!(partition.size_bytes() < bytes / 3, "{} of {bytes} bytes", partition.size_bytes());
    // The next pass finds them small, and merges them.
    bench.append_keyed(&partition, &[("d", Some(&"v".repeat(800)))]);
    bench.append_keyed(&partition, &[("d", Some(&"v".repeat(800)))]);
    let before = fold(&partition);
    bench.clean();
    assert_eq!(fold(&partition), before);
    assert!(log_files(&bench).len() < files.len() / 3, "{:?} of {files:?}", log_files(&bench));
    assert_eq!((partition.log_start_offset(), partition.high_watermark()), (0, 62));
    let after = told(&partition);
    // The segment that is being written is not cleaned; before it each key is at most once.
    let closed: Vec<_> = after.iter().filter(|(offset, ..)| *offset < 57).collect();
    assert!(closed.len() <= 3, "{closed:?}");
    for restart in [true, false] {
        if restart {
            bench.restart()
        } else {
            bench.crash()
        }
        assert_eq!(told(&bench.partition()), after);
        assert_eq!(bench.partition().high_watermark(), 62);
    }
}

#[test]
fn a_mark_says_how_far_it_is_clean_in_kafkas_format() {
    let (mut bench, partition) = Bench::with_topic(1, eager());
    for _ in 0..3 {
        bench.append_keyed(&partition, &[("a", Some(&"v".repeat(600)))]);
    }
    bench.clean();
    let path = std::path::Path::new("/log/cleaner-offset-checkpoint");
    let mark = || String::from_utf8(bench.simulation.disk().bytes(path)).unwrap();
    assert_eq!(mark(), "0\n1\nt 0 2\n");
    let disk = bench.simulation.disk().clone();
    bench.crash();
    assert_eq!(bench.partition().state.clean.first_dirty(), Some(2));
    bench.log.delete_topic("t").unwrap();
    assert_eq!(disk.bytes(path), b"0\n0\n");
}

#[test]
fn a_deletion_is_kept_for_its_time_and_then_goes() {
    let config = TopicConfig { delete_retention_ms: 60_000, ..eager() };
    let (bench, partition) = Bench::with_topic(1, config);
    bench.append_keyed(&partition, &[("a", Some("1")), ("b", Some("2"))]);
    bench.append_keyed(&partition, &[("a", None)]);
    bench.fill(&partition, 0);
    bench.clean();
    let deletion = |partition: &Partition| {
        told(partition).into_iter().find(|(_, key, _)| key == "a").map(|(offset, _, value)| {
            assert!(!value, "the value is gone");
            offset
        })
    };
    assert_eq!(deletion(&partition), Some(2));
    let horizon = batches(&partition).iter().find_map(|(one, _)| one.delete_horizon_ms()).unwrap();
    let now = bench.log.world().clock().wall_ms();
    assert!(horizon > now + 50_000 && horizon < now + 60_000, "{horizon} {now}");
    // Something dirty brings the next pass.
    bench.simulation.clock().advance(Duration::from_secs(30));
    bench.fill(&partition, 0);
    bench.clean();
    assert_eq!(deletion(&partition), Some(2));
    bench.simulation.clock().advance(Duration::from_secs(31));
    bench.fill(&partition, 0);
    bench.clean();
    assert_eq!(deletion(&partition), None);
    assert!(told(&partition).iter().any(|(offset, key, _)| (*offset, key.as_str()) == (1, "b")));
}

#[test]
fn young_records_are_not_cleaned_and_old_ones_are_whatever_the_ratio() {
    let never = TopicConfig { min_cleanable_dirty_ratio: 1.0, ..eager() };
    let lag = TopicConfig { min_compaction_lag_ms: 60_000, ..eager() };
    let overdue = TopicConfig { max_compaction_lag_ms: 60_000, ..never.clone() };
    for (config, at_once, later) in
        [(never, false, false), (lag, false, true), (overdue, false, true)]
    {
        let (bench, partition) = Bench::with_topic(1, config);
        let records = |partition: &Partition| told(partition).len();
        for _ in 0..6 {
            bench.append_keyed(&partition, &[("a", Some(&"v".repeat(400)))]);
        }
        bench.clean();
        assert_eq!(records(&partition) < 6, at_once);
        bench.simulation.clock().advance(Duration::from_secs(70));
        bench.clean();
        assert_eq!(records(&partition) < 6, later);
    }
}

#[test]
fn a_producers_last_batch_keeps_its_sequence() {
    let (mut bench, partition) = Bench::with_topic(1, eager());
    let now = bench.log.world().clock().wall_ms();
    let sent = of_producer(&keyed(&[("a", Some("1"))], Compression::Gzip, now), 7, 0, 0);
    let last = of_producer(&keyed(&[("a", Some("2"))], Compression::Gzip, now), 7, 0, 1);
    bench.append(&partition, sent).unwrap();
    bench.append(&partition, last.clone()).unwrap();
    bench.append_keyed(&partition, &[("a", Some("3"))]);
    bench.fill(&partition, 0);
    bench.clean();
    let bare: Vec<_> =
        batches(&partition).into_iter().filter(|(one, _)| one.producer_id == 7).collect();
    assert_eq!(bare.len(), 1, "the batch before its last is gone");
    assert_eq!((bare[0].0.base_offset, bare[0].0.record_count), (1, 0));
    // Without snapshots the batches are all that is known.
    let entries = bench.log.world().disk().list("/log/t-0".as_ref()).unwrap();
    for entry in entries.iter().filter(|entry| entry.name.ends_with(".snapshot")) {
        bench.log.world().disk().remove_file(format!("/log/t-0/{}", entry.name).as_ref()).unwrap();
    }
    bench.log.world().disk().sync_dir("/log/t-0".as_ref()).unwrap();
    bench.crash();
    let partition = bench.partition();
    assert_eq!(bench.append(&partition, last).unwrap().base_offset, 1, "it is known");
    let next = of_producer(&keyed(&[("a", Some("4"))], Compression::None, now), 7, 0, 2);
    assert_eq!(bench.append(&partition, next).unwrap().base_offset, 6);
}

#[test]
fn a_reader_goes_on_while_its_segments_are_replaced() {
    let (bench, partition) = Bench::with_topic(1, eager());
    for round in 0..40 {
        let key = format!("{}", round % 5);
        bench.append_keyed(&partition, &[(&key, Some(&"v".repeat(300)))]);
    }
    let before = fold(&partition);
    bench.simulation.clock().advance(Duration::from_millis(1_100));
    let (mut offset, mut seen) = (0, Fold::new());
    while offset < partition.high_watermark() {
        // A few steps of the cleaner between any two reads.
        (0..3).for_each(|_| {
            bench.simulation.step();
        });
        let read = partition.read(offset, 1).unwrap();
        for batch in read.batches() {
            for record in records(&batch).unwrap().iter().map(Result::unwrap) {
                if record.offset >= offset {
                    let value = record.value.unwrap().to_vec();
                    seen.insert(record.key.unwrap().to_vec(), (record.offset, value));
                }
            }
        }
        assert!(read.next_offset > offset);
        offset = read.next_offset;
    }
    assert_eq!(seen, before);
    bench.clean();
    let found = partition.offset_for_timestamp(0).unwrap();
    assert_eq!(found.map(|(offset, _)| offset), told(&partition).first().map(|one| one.0));
}

#[test]
fn a_crash_at_any_point_leaves_the_same_map() {
    let mut finished = 0;
    for changes in 0..150 {
        let (mut bench, partition) = Bench::with_topic(changes, eager());
        for round in 0..8 {
            let value = format!("{round}{}", "v".repeat(150));
            let key = format!("{}", round % 3);
            bench.append_keyed(&partition, &[(&key, Some(&value)), ("all", Some(&value))]);
        }
        bench.append_keyed(&partition, &[("0", None)]);
        let before = fold(&partition);
        bench.simulation.clock().advance(Duration::from_millis(300));
        bench.run();
        bench.simulation.disk().die_after(changes);
        bench.simulation.clock().advance(Duration::from_millis(1_000));
        bench.run();
        finished += usize::from(!bench.simulation.disk().is_down());
        bench.crash();
        assert_eq!(fold(&bench.partition()), before, "{changes}");
        let passing = |name: &String| name.ends_with(".cleaned") || name.ends_with(".swap");
        assert!(!log_files(&bench).iter().any(passing), "{changes}");
        bench.clean();
        assert_eq!(fold(&bench.partition()), before, "{changes}");
        bench.restart();
        assert_eq!(fold(&bench.partition()), before, "{changes}");
    }
    assert!((5..120).contains(&finished), "both ends were seen: {finished}");
}

#[test]
fn a_corrupt_segment_is_not_cleaned_and_the_others_are() {
    let (bench, partition) = Bench::with_topic(1, eager());
    bench.log.create_topic("u", eager()).unwrap();
    let other = bench.log.partition("u", 0).unwrap();
    for _ in 0..6 {
        bench.append_keyed(&partition, &[("a", Some(&"v".repeat(400)))]);
        bench.append_keyed(&other, &[("a", Some(&"v".repeat(400)))]);
    }
    bench.simulation.disk().flip_bit(&Bench::log_file(0), 100, 3);
    let bytes = bench.simulation.disk().bytes(&Bench::log_file(0));
    bench.clean();
    assert_eq!(bench.simulation.disk().bytes(&Bench::log_file(0)), bytes);
    assert!(told(&other).len() < 6);
    bench.append_keyed(&partition, &[("a", Some("taken"))]);
}

#[test]
fn a_full_disk_ends_a_pass_and_the_next_one_goes_on() {
    let (bench, partition) = Bench::with_topic(1, eager());
    for _ in 0..8 {
        bench.append_keyed(&partition, &[("a", Some(&"v".repeat(400)))]);
    }
    let before = fold(&partition);
    let disk = bench.simulation.disk().clone();
    bench.simulation.clock().advance(Duration::from_millis(300));
    bench.run();
    disk.set_capacity(disk.used_bytes() + 10);
    bench.clean();
    assert_eq!((told(&partition).len(), fold(&partition)), (8, before.clone()));
    disk.set_capacity(u64::MAX);
    bench.clean();
    assert!(told(&partition).len() < 8);
    assert_eq!(fold(&partition), before);
}

#[test]
fn cleaning_and_deleting_go_together() {
    let config = TopicConfig { cleanup: Cleanup::BOTH, retention_bytes: Some(3_000), ..eager() };
    let (bench, partition) = Bench::with_topic(1, config);
    for round in 0..60 {
        let key = format!("{}", round % 20);
        bench.append_keyed(&partition, &[(&key, Some(&"v".repeat(400)))]);
        if round % 7 == 0 {
            bench.clean();
        }
    }
    bench.clean();
    assert!(partition.log_start_offset() > 20 && partition.size_bytes() < 5_000);
    let last = told(&partition).last().map(|one| one.0);
    assert_eq!(last, Some(59));
}

#[test]
fn records_that_cannot_be_read_are_kept() {
    let config = TopicConfig { cleanup: Cleanup::DELETE, ..eager() };
    let (bench, partition) = Bench::with_topic(1, config);
    let mut garbage = keyed(&[("a", Some("1"))], Compression::None, 1).to_vec();
    garbage[61] = 0x7f;
    let crc = crc32c::crc32c(&garbage[21..]);
    garbage[17..21].copy_from_slice(&crc.to_be_bytes());
    let garbage = Bytes::from(garbage);
    bench.append(&partition, garbage.clone()).unwrap();
    for _ in 0..6 {
        bench.append_keyed(&partition, &[("a", Some(&"v".repeat(400)))]);
    }
    bench.log.alter_topic("t", |config| config.cleanup = Cleanup::COMPACT).unwrap();
    bench.clean();
    let kept = batches(&partition);
    assert!(kept.len() < 7);
    assert_eq!(kept[0].1[61..], garbage[61..]);
}

#[test]
fn a_map_without_room_for_all_keys_takes_several_passes() {
    let (bench, partition) = Bench::with_topic(1, eager());
    // 60 keys, twice; the map of the tests has room for 14.
    for round in 0..120 {
        let key = format!("key{}", round % 60);
        bench.append_keyed(&partition, &[(&key, Some(&"v".repeat(100)))]);
    }
    let before = fold(&partition);
    (0..10).for_each(|_| bench.clean());
    assert_eq!(fold(&partition), before);
    let mut keys: Vec<String> = told(&partition).into_iter().map(|one| one.1).collect();
    let count = keys.len();
    keys.sort();
    keys.dedup();
    // The newest few are in the segment being written.
    assert!(count - keys.len() <= 8, "{count} records of {} keys", keys.len());
}
