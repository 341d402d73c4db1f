//! The log on the machine's own disk, clock and threads.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails the test")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tidemill_commitlog::batch::{BatchBuilder, Record, check, records};
use tidemill_commitlog::{
    Acks, AppendError, Cleanup, Log, LogConfig, OpenError, Partition, ReadError, TopicConfig,
    offsets::CommittedOffset, offsets::GroupOffsets,
};
use tidemill_world::World;

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidemill-{name}-{}", std::process::id()));
        // Left by an earlier process of the same number, if at all.
        drop(std::fs::remove_dir_all(&path));
        Self(path)
    }

    fn open(&self) -> Log {
        Log::open(World::real(), LogConfig::new(&self.0)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn batch(caller: u8, number: u32, count: usize, bytes: usize) -> Bytes {
    let mut builder = BatchBuilder::new(1 << 20);
    let mut value = vec![caller; bytes];
    value[..4].copy_from_slice(&number.to_be_bytes());
    for _ in 0..count {
        builder.push(&Record { value: Some(&value), ..Record::default() }).unwrap();
    }
    builder.finish()
}

#[test]
fn many_callers_append_and_everything_is_there_after_a_restart() {
    let folder = Folder::new("many");
    let log = folder.open();
    let config = TopicConfig { segment_bytes: Some(1 << 20), ..TopicConfig::with_partitions(2) };
    log.create_topic("t", config).unwrap();
    std::thread::scope(|scope| {
        for caller in 0..4u8 {
            let partition = log.partition("t", i32::from(caller % 2)).unwrap();
            scope.spawn(move || {
                for number in 0..100 {
                    let appended = partition
                        .append_wait(batch(caller, number, 5, 4000), Acks::Synced)
                        .unwrap();
                    assert!(partition.high_watermark() > appended.last_offset);
                }
            });
        }
    });
    log.close().unwrap();
    drop(log);
    let log = folder.open();
    for index in 0..2 {
        let partition = log.partition("t", index).unwrap();
        assert_eq!(partition.high_watermark(), 1000);
        let (mut offset, mut next) = (0, [0u32; 4]);
        while offset < 1000 {
            let read = partition.read(offset, 300_000).unwrap();
            for batch in read.batches() {
                check(&batch, 1 << 20).unwrap();
                let records = records(&batch).unwrap();
                let value = records.iter().next().unwrap().unwrap().value.unwrap();
                let caller = usize::from(value[4]);
                assert_eq!(value[..4], next[caller].to_be_bytes(), "the order of a caller stays");
                next[caller] += 1;
            }
            offset = read.next_offset;
        }
        assert_eq!(next.iter().sum::<u32>(), 200);
    }
}

#[test]
fn an_appender_serves_many_threads() {
    let folder = Folder::new("appender");
    let log = folder.open();
    log.create_topic("t", TopicConfig::default()).unwrap();
    let partition = log.partition("t", 0).unwrap();
    let appender = partition.appender(Acks::Synced);
    let sum = std::sync::Arc::new(AtomicI64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let sum = std::sync::Arc::clone(&sum);
                    appender.append_with(
                        Record { value: Some(b"v"), ..Record::default() },
                        move |offset| {
                            sum.fetch_add(offset.unwrap(), Ordering::Relaxed);
                        },
                    );
                }
            });
        }
    });
    assert!(partition.wait_past(1499, Duration::from_secs(30)));
    drop(appender);
    // Closing waits for the answers.
    log.close().unwrap();
    assert_eq!(sum.load(Ordering::Relaxed), 1499 * 1500 / 2, "each record has its own offset");
}

#[test]
fn a_waiting_append_gets_room_in_a_small_queue() {
    let folder = Folder::new("queue");
    let config = LogConfig { queue_bytes: 8_000, queue_appends: 2, ..LogConfig::new(&folder.0) };
    let log = Log::open(World::real(), config).unwrap();
    log.create_topic("t", TopicConfig::default()).unwrap();
    std::thread::scope(|scope| {
        for caller in 0..6 {
            let partition = log.partition("t", 0).unwrap();
            scope.spawn(move || {
                for number in 0..20 {
                    partition.append_wait(batch(caller, number, 1, 3000), Acks::Synced).unwrap();
                }
            });
        }
    });
    assert_eq!(log.partition("t", 0).unwrap().high_watermark(), 120);
}

#[test]
fn a_second_log_in_the_folder_is_told_who_has_it() {
    let folder = Folder::new("lock");
    let log = folder.open();
    let second = Log::open(World::real(), LogConfig::new(&folder.0));
    let Err(error @ OpenError::Locked { .. }) = second else { panic!("{second:?}") };
    assert!(error.to_string().contains(&folder.0.display().to_string()));
    drop(log);
    folder.open().close().unwrap();
}

#[test]
fn the_last_handle_of_a_log_closes_it_and_partitions_outlive_it() {
    let folder = Folder::new("drop");
    let log = folder.open();
    log.create_topic("t", TopicConfig::default()).unwrap();
    let partition = log.partition("t", 0).unwrap();
    partition.append_wait(batch(1, 1, 1, 50), Acks::Synced).unwrap();
    drop(log);
    assert!(folder.0.join(".kafka_cleanshutdown").exists());
    let refused = partition.append_wait(batch(1, 2, 1, 50), Acks::Synced);
    assert!(matches!(refused, Err(AppendError::Closed)));
    assert_eq!(partition.read(0, 1).unwrap().next_offset, 1);
}

#[test]
fn the_last_handle_may_be_dropped_by_a_callback() {
    let folder = Folder::new("callback");
    let log = folder.open();
    let offsets = GroupOffsets::open(&log).unwrap();
    let (answers, answered) = std::sync::mpsc::channel();
    offsets.commit_with("g", &[("t", 0, CommittedOffset::new(3))], move |result| {
        answers.send(result.is_ok()).unwrap();
    });
    drop((log, offsets));
    assert!(answered.recv().unwrap());
}

/// Reads to the end again and again while others append and old segments go; returns how many records it saw.
fn follow(partition: &Partition, end: i64) -> i64 {
    let (mut offset, mut seen) = (0, 0);
    while offset < end {
        match partition.read(offset, 50_000) {
            Ok(read) if read.is_empty() => {
                partition.wait_past(offset, Duration::from_secs(30));
            }
            Ok(read) => {
                let mut next = None;
                for batch in read.batches() {
                    let header = check(&batch, 1 << 20).unwrap();
                    assert_eq!(next.unwrap_or(header.base_offset), header.base_offset);
                    next = Some(header.last_offset() + 1);
                }
                assert_eq!(next, Some(read.next_offset));
                seen += read.next_offset - offset;
                offset = read.next_offset;
            }
            Err(ReadError::OutOfRange { log_start_offset, .. }) => {
                assert!(log_start_offset > offset, "only what is old goes");
                offset = log_start_offset;
            }
            Err(error) => panic!("{error}"),
        }
    }
    seen
}

#[test]
fn readers_follow_writers_while_old_segments_and_other_topics_go() {
    let folder = Folder::new("follow");
    let config = LogConfig {
        tail_cache_bytes: 100_000,
        retention_check_ms: 5,
        mark_every_ms: 10,
        ..LogConfig::new(&folder.0)
    };
    let log = Log::open(World::real(), config).unwrap();
    let topic = TopicConfig {
        segment_bytes: Some(100_000),
        retention_bytes: Some(500_000),
        ..TopicConfig::default()
    };
    log.create_topic("t", topic).unwrap();
    let partition = log.partition("t", 0).unwrap();
    std::thread::scope(|scope| {
        for caller in 0..2 {
            let partition = partition.clone();
            scope.spawn(move || {
                for number in 0..150 {
                    partition.append_wait(batch(caller, number, 4, 3000), Acks::Synced).unwrap();
                }
            });
        }
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(|| follow(&partition, 1200))).collect();
        scope.spawn(|| {
            for number in 0..20 {
                log.create_topic("passing", TopicConfig::default()).unwrap();
                let passing = log.partition("passing", 0).unwrap();
                passing.append_wait(batch(9, number, 1, 100), Acks::Written).unwrap();
                log.delete_topic("passing").unwrap();
                assert!(matches!(passing.read(0, 1), Err(ReadError::Deleted { .. })));
            }
        });
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
    assert!(partition.log_start_offset() > 0, "old segments went");
    assert!(partition.size_bytes() < 1_000_000);
    log.close().unwrap();
}

/// The last value of each key, and how many records had to be read for it.
fn fold(partition: &Partition) -> (BTreeMap<Vec<u8>, Vec<u8>>, usize) {
    let (mut fold, mut count, mut offset) = (BTreeMap::new(), 0, 0);
    let end = partition.high_watermark();
    while offset < end {
        let read = partition.read(offset, 50_000).unwrap();
        for batch in read.batches() {
            for record in records(&batch).unwrap().iter().map(Result::unwrap) {
                if record.offset >= offset && record.offset < end {
                    count += 1;
                    fold.insert(record.key.unwrap().to_vec(), record.value.unwrap().to_vec());
                }
            }
        }
        assert!(read.next_offset > offset);
        offset = read.next_offset;
    }
    (fold, count)
}

#[test]
fn readers_get_the_last_of_each_key_while_the_log_is_cleaned() {
    let folder = Folder::new("clean");
    let config = LogConfig {
        tail_cache_bytes: 10_000,
        cleaner_check_ms: 1,
        mark_every_ms: 2,
        ..LogConfig::new(&folder.0)
    };
    let log = Log::open(World::real(), config.clone()).unwrap();
    let topic = TopicConfig {
        segment_bytes: Some(20_000),
        cleanup: Cleanup::COMPACT,
        min_cleanable_dirty_ratio: 0.1,
        ..TopicConfig::default()
    };
    log.create_topic("t", topic).unwrap();
    let partition = log.partition("t", 0).unwrap();
    let write = |number: u32| {
        let mut builder = BatchBuilder::new(1 << 20);
        let (key, value) = ((number % 20).to_be_bytes(), [number.to_be_bytes(); 100].concat());
        let record = Record { key: Some(&key), value: Some(&value), ..Record::default() };
        builder.push(&record).unwrap();
        partition.append_wait(builder.finish(), Acks::Synced).unwrap();
    };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut passes = 0;
                    while !done.load(Ordering::Relaxed) {
                        // Looked at first: this thread may stand still after it has read.
                        let has_all = partition.high_watermark() >= 40;
                        let keys = fold(&partition).0.len();
                        assert!(keys == 20 || !has_all, "{keys} keys");
                        passes += 1;
                    }
                    passes
                })
            })
            .collect();
        (0..2_000).for_each(write);
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
    log.close().unwrap();
    let log = Log::open(World::real(), config).unwrap();
    let (found, count) = fold(&log.partition("t", 0).unwrap());
    let expected =
        |number: u32| ((number % 20).to_be_bytes().to_vec(), [number.to_be_bytes(); 100].concat());
    assert_eq!(found, (1_980..2_000).map(expected).collect());
    assert!(count < 1_000, "{count} of 2,000 records are left");
}
