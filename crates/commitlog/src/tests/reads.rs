//! Reading: from memory and from files, by offset and by time, and waiting for more.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake as TaskWake, Waker};
use std::time::Duration;

use tidemill_world::Wake;

use super::{Bench, batch, config};
use crate::batch::{header, records};
use crate::{Log, LogConfig, Partition, ReadError, TopicConfig};

/// Twenty batches of five records over several segments.
fn filled(tail_cache_bytes: usize) -> (Bench, Partition) {
    let mut bench = Bench::new(1);
    bench.log.close().unwrap();
    let config = LogConfig { tail_cache_bytes, ..config() };
    bench.log = Log::open(bench.simulation.world(), config).unwrap();
    bench
        .log
        .create_topic("t", TopicConfig { retention_ms: None, ..TopicConfig::default() })
        .unwrap();
    let partition = bench.partition();
    for id in 0..20 {
        bench.append(&partition, batch(id, 5, 700)).unwrap();
    }
    (bench, partition)
}

fn bases(partition: &Partition, offset: i64, bytes_max: usize) -> Vec<i64> {
    let read = partition.read(offset, bytes_max).unwrap();
    read.batches().map(|batch| header(&batch).unwrap().base_offset).collect()
}

#[test]
fn memory_and_files_give_the_same_bytes() {
    let (_memory, cached) = filled(1 << 20);
    let (_files, uncached) = filled(0);
    for offset in 0..100 {
        for bytes_max in [1, 4000, 8000] {
            let read = cached.read(offset, bytes_max).unwrap();
            let other = uncached.read(offset, bytes_max).unwrap();
            let (chunks, next) = (read.chunks().len(), read.next_offset);
            let (bytes, other_next) = (read.into_bytes(), other.next_offset);
            let other = other.into_bytes();
            // A file ends where a segment does; memory goes on.
            assert!(bytes.starts_with(&other) && !other.is_empty(), "offset {offset}");
            assert!(next >= other_next && chunks >= 1);
        }
    }
}

#[test]
fn a_read_gives_whole_batches_and_at_least_one() {
    for tail_cache_bytes in [0, 1 << 20] {
        let (_bench, partition) = filled(tail_cache_bytes);
        assert_eq!(bases(&partition, 0, 1), [0]);
        assert_eq!(bases(&partition, 3, 1), [0], "the batch that holds the offset");
        assert_eq!(bases(&partition, 5, 0), [5]);
        assert_eq!(bases(&partition, 99, 1 << 20), [95]);
        let (first, second) =
            (partition.read(0, 1).unwrap().bytes(), partition.read(5, 1).unwrap().bytes());
        assert_eq!(bases(&partition, 4, first + second), [0, 5]);
        assert_eq!(bases(&partition, 4, first + second - 1), [0]);
        assert!(partition.read(100, 1 << 20).unwrap().is_empty());
        for outside in [-1, 101] {
            let refused = partition.read(outside, 1);
            assert!(matches!(refused, Err(ReadError::OutOfRange { high_watermark: 100, .. })));
        }
    }
}

#[test]
fn records_are_found_by_their_time() {
    let (mut bench, _) = filled(0);
    for reopened in [false, true] {
        if reopened {
            bench.crash();
        }
        let partition = bench.partition();
        // Record `at` of batch `id` has timestamp 10 * id + at and offset 5 * id + at.
        for timestamp in -3..205i64 {
            let (id, at) = (timestamp.max(0) / 10, timestamp.max(0) % 10);
            let (id, at) = if at < 5 { (id, at) } else { (id + 1, 0) };
            let expected = (id < 20).then_some((5 * id + at, 10 * id + at));
            let found = partition.offset_for_timestamp(timestamp).unwrap();
            assert_eq!(found, expected, "timestamp {timestamp}");
        }
    }
}

#[test]
fn times_that_go_back_are_found_too() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let ids = [5, 9, 2, 7, 3, 12, 1, 4, 30, 8];
    for id in ids {
        bench.append(&partition, batch(id, 1, 300)).unwrap();
    }
    for timestamp in 0..310i64 {
        let expected = ids.iter().position(|id| i64::try_from(id * 10).unwrap() >= timestamp);
        let found = partition.offset_for_timestamp(timestamp).unwrap().map(|found| found.0);
        assert_eq!(found, expected.map(|at| i64::try_from(at).unwrap()), "timestamp {timestamp}");
    }
}

#[test]
fn retention_by_size_removes_whole_segments_for_good() {
    let config =
        TopicConfig { retention_bytes: Some(30_000), retention_ms: None, ..TopicConfig::default() };
    let (mut bench, partition) = Bench::with_topic(1, config);
    for id in 0..40 {
        bench.append(&partition, batch(id, 1, 3000)).unwrap();
    }
    bench.simulation.clock().advance(Duration::from_secs(2));
    bench.run();
    let start = partition.log_start_offset();
    assert!((20..32).contains(&start), "{start}");
    assert!(matches!(partition.read(start - 1, 1), Err(ReadError::OutOfRange { .. })));
    assert_eq!(bases(&partition, start, 1), [start]);
    bench.crash();
    assert_eq!(bench.partition().log_start_offset(), start);
    assert_eq!(bench.partition().high_watermark(), 40);
}

#[test]
fn retention_by_time_empties_an_old_partition() {
    let config = TopicConfig { retention_ms: Some(60_000), ..TopicConfig::default() };
    let (mut bench, partition) = Bench::with_topic(1, config);
    let wall = u64::try_from(bench.log.world().clock().wall_ms()).unwrap();
    for id in 0..10 {
        bench.append(&partition, batch(wall / 10 + id, 1, 3000)).unwrap();
    }
    bench.simulation.clock().advance(Duration::from_secs(50));
    bench.run();
    assert_eq!(partition.log_start_offset(), 0);
    bench.simulation.clock().advance(Duration::from_secs(20));
    bench.run();
    assert_eq!((partition.log_start_offset(), partition.high_watermark()), (10, 10));
    bench.crash();
    let partition = bench.partition();
    assert_eq!((partition.log_start_offset(), partition.high_watermark()), (10, 10));
    assert_eq!(bench.append(&partition, batch(wall, 1, 20)).unwrap().base_offset, 10);
}

#[test]
fn deleted_records_stay_deleted() {
    let (mut bench, partition) = filled(1 << 20);
    assert_eq!(partition.delete_records(42).unwrap(), 42);
    assert!(partition.delete_records(101).is_err());
    assert!(matches!(
        partition.read(41, 1),
        Err(ReadError::OutOfRange { log_start_offset: 42, .. })
    ));
    bench.run();
    bench.crash();
    let partition = bench.partition();
    assert_eq!(partition.log_start_offset(), 42);
    assert_eq!(
        bases(&partition, 42, 1),
        [40],
        "the batch is whole, its first records are to be skipped"
    );
    assert_eq!(partition.offset_for_timestamp(0).unwrap(), Some((42, 82)));
    partition.delete_records(100).unwrap();
    bench.crash();
    let partition = bench.partition();
    assert_eq!((partition.log_start_offset(), partition.high_watermark()), (100, 100));
}

#[test]
fn many_segments_are_read_with_few_handles() {
    let (_bench, partition) = filled(0);
    for round in 0..3 {
        for offset in (0..100).rev() {
            let read = partition.read(offset, 1).unwrap();
            let records = records(&read.into_bytes()).unwrap();
            let first = records.iter().next().unwrap().unwrap().offset;
            assert_eq!(first, offset / 5 * 5, "round {round}");
        }
    }
}

struct Counter(AtomicUsize);

impl TaskWake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn waiters_are_told_of_what_they_wait_for() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let counter = Arc::new(Counter(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&counter));
    let mut context = Context::from_waker(&waker);
    let mut changed = pin!(partition.changed(2));
    let wake = Wake::new();
    let subscription = partition.on_change(wake.clone());
    assert!(changed.as_mut().poll(&mut context).is_pending());
    bench.append(&partition, batch(1, 2, 20)).unwrap();
    assert!(wake.take());
    assert_eq!(counter.0.load(Ordering::Relaxed), 0, "offset 2 is not there yet");
    bench.append(&partition, batch(2, 1, 20)).unwrap();
    assert_eq!(counter.0.load(Ordering::Relaxed), 1);
    assert_eq!(changed.as_mut().poll(&mut context), Poll::Ready(()));
    assert!(partition.wait_past(2, Duration::ZERO));
    assert!(!partition.wait_past(3, Duration::ZERO));
    drop(subscription);
    assert!(wake.take());
    bench.append(&partition, batch(3, 1, 20)).unwrap();
    assert!(!wake.take(), "the subscription has ended");
    let mut last = pin!(partition.changed(100));
    assert!(last.as_mut().poll(&mut context).is_pending());
    bench.log.delete_topic("t").unwrap();
    assert_eq!(last.as_mut().poll(&mut context), Poll::Ready(()), "there will be no more");
}
