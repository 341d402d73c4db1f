//! Producers with ids: what is sent twice is kept once, also over restarts.

use bytes::Bytes;

use super::{Bench, batch, of_producer, submit, take};
use crate::{Acks, AppendError, Partition, TopicConfig};

/// Batch `number` of producer 7: two records each, sequences from 0.
fn numbered(number: u64) -> Bytes {
    of_producer(&batch(number, 2, 40), 7, 0, i32::try_from(number).unwrap() * 2)
}

fn produce(bench: &Bench, partition: &Partition, numbers: std::ops::Range<u64>) -> Vec<i64> {
    let append = |number| bench.append(partition, numbered(number)).unwrap().base_offset;
    numbers.map(append).collect()
}

fn snapshots(bench: &Bench) -> Vec<String> {
    let entries = bench.log.world().disk().list("/log/t-0".as_ref()).unwrap();
    let names = entries.into_iter().map(|entry| entry.name);
    names.filter(|name| name.ends_with(".snapshot")).collect()
}

#[test]
fn a_repeat_is_answered_with_its_offset_and_not_appended() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    produce(&bench, &partition, 0..6);
    bench.append(&partition, batch(99, 3, 40)).unwrap();
    for number in 1..6 {
        let appended = bench.append(&partition, numbered(number)).unwrap();
        let base_offset = i64::try_from(number).unwrap() * 2;
        assert_eq!((appended.base_offset, appended.last_offset), (base_offset, base_offset + 1));
    }
    assert_eq!(partition.high_watermark(), 15);
    let forgotten = bench.append(&partition, numbered(0));
    assert!(matches!(
        forgotten,
        Err(AppendError::OutOfOrderSequence { producer_id: 7, expected: 12, found: 0, .. })
    ));
}

#[test]
fn repeats_in_one_round_and_in_one_append_are_kept_once() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let answers: Vec<_> = [0, 1, 0, 1, 2, 5, 3]
        .map(|number| submit(&partition, numbered(number), Acks::Synced))
        .into_iter()
        .collect();
    bench.run();
    let offsets: Vec<_> =
        answers.iter().map(|a| take(a).unwrap().ok().map(|a| a.base_offset)).collect();
    assert_eq!(offsets, [Some(0), Some(2), Some(0), Some(2), Some(4), None, Some(6)]);
    assert_eq!(partition.high_watermark(), 8);
    let read = partition.read(0, 1 << 20).unwrap();
    assert_eq!(read.batches().count(), 4);
    // The first of the two is there already, the second is new.
    let both = [numbered(3), numbered(4)].concat();
    let appended = bench.append(&partition, both.clone().into()).unwrap();
    assert_eq!((appended.base_offset, appended.last_offset), (6, 9));
    let appended = bench.append(&partition, both.into()).unwrap();
    assert_eq!((appended.base_offset, appended.last_offset), (6, 9));
    assert_eq!(partition.high_watermark(), 10);
}

#[test]
fn an_append_that_is_refused_in_part_leaves_nothing() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    produce(&bench, &partition, 0..1);
    let gap = [numbered(1), numbered(3)].concat();
    let refused = bench.append(&partition, gap.into());
    assert!(matches!(refused, Err(AppendError::OutOfOrderSequence { expected: 4, found: 6, .. })));
    assert_eq!(produce(&bench, &partition, 1..2), [2]);
}

#[test]
fn epochs_fence_and_batches_without_sequence_are_refused() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let of = |epoch, sequence| of_producer(&batch(1, 1, 40), 7, epoch, sequence);
    bench.append(&partition, of(3, 40)).unwrap();
    let old = bench.append(&partition, of(2, 41));
    assert!(matches!(old, Err(AppendError::ProducerFenced { epoch: 2, current: 3, .. })));
    let not_first = bench.append(&partition, of(4, 41));
    assert!(matches!(not_first, Err(AppendError::OutOfOrderSequence { expected: 0, .. })));
    bench.append(&partition, of(4, 0)).unwrap();
    let missing = bench.append(&partition, of(4, -1));
    assert!(matches!(missing, Err(AppendError::NoSequence { producer_id: 7 })));
}

#[test]
fn a_full_disk_takes_back_what_was_noted() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    produce(&bench, &partition, 0..2);
    let disk = bench.simulation.disk();
    disk.set_capacity(disk.used_bytes());
    let large = of_producer(&batch(2, 1, 9_000), 7, 0, 4);
    let refused = bench.append(&partition, large.clone());
    assert!(matches!(refused, Err(AppendError::DiskFull { .. })), "{refused:?}");
    disk.set_capacity(u64::MAX);
    assert_eq!(bench.append(&partition, large).unwrap().base_offset, 4);
    assert_eq!(partition.high_watermark(), 5, "it is no repeat of what was taken back");
}

#[test]
fn repeats_are_known_after_a_clean_stop_and_after_a_crash() {
    let (mut bench, partition) = Bench::with_topic(1, TopicConfig::default());
    produce(&bench, &partition, 0..6);
    for clean in [true, false, true, true, false, false] {
        if clean {
            bench.restart()
        } else {
            bench.crash()
        }
        let offsets = produce(&bench, &bench.partition(), 1..6);
        assert_eq!(offsets, [2, 4, 6, 8, 10], "all five are known");
    }
    assert_eq!(bench.partition().high_watermark(), 12);
}

#[test]
fn at_most_two_snapshots_are_kept_and_go_with_their_segments() {
    let (mut bench, partition) = Bench::with_topic(1, TopicConfig::default());
    for number in 0..100 {
        bench
            .append(&partition, of_producer(&batch(number, 1, 1000), 7, 0, number as i32))
            .unwrap();
    }
    bench.restart();
    assert_eq!(snapshots(&bench).len(), 2);
    // A snapshot that cannot be read is not believed, and the one before with the batches after it is as good.
    for name in snapshots(&bench).iter().rev() {
        bench.simulation.disk().flip_bit(format!("/log/t-0/{name}").as_ref(), 20, 3);
        bench.crash();
        let partition = bench.partition();
        let last = of_producer(&batch(99, 1, 1000), 7, 0, 99);
        assert_eq!(bench.append(&partition, last).unwrap().base_offset, 99);
        assert!(!snapshots(&bench).contains(name));
    }
    bench.restart();
    bench.partition().delete_records(100).unwrap();
    bench.run();
    assert_eq!(snapshots(&bench).len(), 1);
}

#[test]
fn no_segment_goes_before_a_snapshot_reaches_past_it() {
    for crash_first in [false, true] {
        let config = TopicConfig { retention_ms: None, ..TopicConfig::default() };
        let (mut bench, partition) = Bench::with_topic(1, config);
        produce(&bench, &partition, 0..3);
        // The segment with all that is known of the producer is closed, and its snapshot fails.
        bench.simulation.disk().fail_next_sync("snapshot");
        for id in 10..13 {
            bench.append(&partition, batch(id, 1, 8_000)).unwrap();
        }
        assert_eq!(snapshots(&bench), [""; 0]);
        partition.delete_records(7).unwrap();
        if !crash_first {
            bench.run();
            assert_eq!(snapshots(&bench).len(), 1);
        }
        bench.crash();
        bench.run();
        assert_eq!(bench.partition().log_start_offset(), 7);
        let gap = bench.append(&bench.partition(), numbered(4));
        assert!(matches!(gap, Err(AppendError::OutOfOrderSequence { .. })), "{gap:?}");
        let entries = bench.log.world().disk().list("/log/t-0".as_ref()).unwrap();
        assert!(!entries.iter().any(|entry| entry.name.ends_with(".tmp")));
    }
}

#[test]
fn idle_producers_are_forgotten() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    produce(&bench, &partition, 0..3);
    let day = std::time::Duration::from_secs(24 * 3600);
    bench.simulation.clock().advance(day / 2);
    bench.run();
    let gap = bench.append(&partition, numbered(9));
    assert!(matches!(gap, Err(AppendError::OutOfOrderSequence { .. })));
    bench.simulation.clock().advance(day);
    bench.run();
    assert_eq!(produce(&bench, &partition, 9..10), [6], "of an unknown producer all is taken");
}

#[test]
fn producer_ids_are_given_once() {
    let mut bench = Bench::new(1);
    let mut last = -1;
    for round in 0..4 {
        for _ in 0..600 {
            let id = bench.log.allocate_producer_id().unwrap();
            assert!(id > last && bench.log.is_producer_id(id) && !bench.log.is_producer_id(id + 1));
            last = id;
        }
        if round % 2 == 0 { bench.crash() } else { bench.restart() }
    }
    bench.simulation.disk().fail_next_write("producer-ids");
    while bench.log.allocate_producer_id().is_ok_and(|id| id > last) {
        last += 1;
        assert!(last < 10_000, "no block was reserved");
    }
    assert!(bench.log.allocate_producer_id().unwrap() > last);
}
