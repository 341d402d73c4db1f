//! Appending: what is refused and why, what is answered and when.

use std::time::Duration;

use super::{Bench, batch, config, submit, take};
use crate::batch::{BatchError, Record, header, records};
use crate::limits::APPEND_BYTES_MAX;
use crate::{Acks, AppendError, Durability, Log, TimestampType, TopicConfig};

#[test]
fn offsets_follow_one_another_over_many_batches_in_one_append() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let both = [batch(1, 3, 20), batch(2, 2, 20)].concat();
    let appended = bench.append(&partition, both.into()).unwrap();
    assert_eq!((appended.base_offset, appended.last_offset), (0, 4));
    assert_eq!(appended.log_append_time_ms, -1);
    let appended = bench.append(&partition, batch(3, 1, 20)).unwrap();
    assert_eq!((appended.base_offset, appended.last_offset), (5, 5));
    let read = partition.read(0, 1 << 20).unwrap();
    let bases: Vec<i64> = read.batches().map(|batch| header(&batch).unwrap().base_offset).collect();
    assert_eq!(bases, [0, 3, 5]);
}

#[test]
fn what_is_no_batch_is_refused_at_once() {
    let (_bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let good = batch(1, 2, 20);
    let refused = |bytes: Vec<u8>| take(&submit(&partition, bytes.into(), Acks::Synced)).unwrap();
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.to_vec();
        bytes[at] = byte;
        bytes
    };
    assert!(matches!(refused(vec![]), Err(AppendError::Empty)));
    let cut = refused(good[..good.len() - 1].to_vec());
    assert!(matches!(cut, Err(AppendError::Batch(BatchError::Truncated { .. }))));
    let old = refused(changed(16, 1));
    assert!(matches!(old, Err(AppendError::Batch(BatchError::Magic(1)))));
    let torn = refused(changed(70, 0xee));
    assert!(matches!(torn, Err(AppendError::Batch(BatchError::Checksum { .. }))));
    let long = refused(changed(8, 0x7f));
    assert!(matches!(long, Err(AppendError::Batch(BatchError::Length { .. }))));
    // A second batch is looked at as well.
    let trailing = refused([&good[..], &good[..30]].concat());
    assert!(matches!(trailing, Err(AppendError::Batch(BatchError::Truncated { .. }))));
    let huge = refused(vec![0; APPEND_BYTES_MAX + 1]);
    assert!(matches!(huge, Err(AppendError::AppendTooLarge { .. })));
}

#[test]
fn record_count_and_batch_size_are_held() {
    let config = TopicConfig { max_message_bytes: 500, ..TopicConfig::default() };
    let (bench, partition) = Bench::with_topic(1, config);
    let mut wrong = batch(1, 2, 20).to_vec();
    wrong[57..61].copy_from_slice(&3i32.to_be_bytes());
    let crc = crc32c::crc32c(&wrong[21..]);
    wrong[17..21].copy_from_slice(&crc.to_be_bytes());
    let refused = bench.append(&partition, wrong.into());
    assert!(matches!(refused, Err(AppendError::Batch(BatchError::Count { records: 3, .. }))));
    let refused = bench.append(&partition, batch(1, 1, 600));
    assert!(matches!(refused, Err(AppendError::TooLarge { max: 500, .. })));
    assert_eq!(partition.high_watermark(), 0);
}

#[test]
fn a_full_queue_says_so_and_takes_again_after_a_round() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let answers: Vec<_> =
        (0..80).map(|id| submit(&partition, batch(id, 1, 20), Acks::Synced)).collect();
    let busy = answers.iter().filter(|answer| take(answer).is_some()).count();
    assert_eq!(busy, 80 - config().queue_appends);
    assert!(matches!(take(&answers[79]), Some(Err(AppendError::Busy { appends: 64, .. }))));
    bench.run();
    assert!(take(&answers[0]).unwrap().is_ok());
    assert!(bench.append(&partition, batch(99, 1, 20)).is_ok());
}

#[test]
fn a_full_disk_refuses_appends_serves_reads_and_recovers() {
    let (mut bench, partition) = Bench::with_topic(1, TopicConfig::default());
    bench.append(&partition, batch(1, 2, 3000)).unwrap();
    let disk = bench.simulation.disk().clone();
    disk.set_capacity(disk.used_bytes() + 5000);
    let refused = bench.append(&partition, batch(2, 3, 3000));
    assert!(matches!(refused, Err(AppendError::DiskFull { .. })), "{refused:?}");
    assert_eq!(partition.read(0, 1 << 20).unwrap().next_offset, 2);
    disk.set_capacity(u64::MAX);
    assert_eq!(bench.append(&partition, batch(3, 1, 3000)).unwrap().base_offset, 2);
    bench.crash();
    let read = bench.partition().read(0, 1 << 20).unwrap();
    assert_eq!((read.next_offset, bench.partition().high_watermark()), (3, 3));
}

#[test]
fn a_failed_sync_fences_until_reopened() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    bench.append(&partition, batch(1, 2, 100)).unwrap();
    bench.simulation.disk().fail_next_sync(".log");
    let written = submit(&partition, batch(2, 1, 100), Acks::Written);
    let synced = submit(&partition, batch(3, 1, 100), Acks::Synced);
    bench.run();
    // The one was told of the write, which happened; the other waited for the sync.
    assert!(take(&written).unwrap().is_ok());
    assert!(matches!(take(&synced), Some(Err(AppendError::Fenced { .. }))));
    assert_eq!(partition.high_watermark(), 2, "readers do not see what may be lost");
    let refused = bench.append(&partition, batch(4, 1, 100));
    assert!(matches!(refused, Err(AppendError::Fenced { .. })));
    assert_eq!(partition.read(0, 1 << 20).unwrap().next_offset, 2);
    let epoch = partition.leader_epoch();
    partition.reopen().unwrap();
    assert!(partition.leader_epoch() > epoch);
    assert!(bench.append(&partition, batch(5, 1, 100)).is_ok());
}

#[test]
fn a_segment_whose_closing_failed_is_whole_after_a_reopening_and_a_crash() {
    let config = TopicConfig { retention_ms: Some(500), ..TopicConfig::default() };
    let (mut bench, partition) = Bench::with_topic(1, config);
    bench.append(&partition, batch(1, 2, 100)).unwrap();
    // The record is old: the segment is closed and cut to its length, and that is not synced.
    bench.simulation.disk().fail_next_sync(".log");
    bench.simulation.clock().advance(Duration::from_secs(2));
    bench.run();
    assert!(matches!(partition.check(), Err(AppendError::Fenced { .. })));
    partition.reopen().unwrap();
    // From here on the mark lies in the next segment, and the closed one is believed.
    bench.append(&partition, batch(2, 1, 100)).unwrap();
    bench.simulation.clock().advance(Duration::from_millis(200));
    bench.run();
    bench.crash();
    let read = bench.partition().read(0, 1 << 20).unwrap();
    let length = bench.simulation.disk().bytes(&Bench::log_file(0)).len();
    assert_eq!(
        (read.next_offset, length),
        (2, header(&read.batches().next().unwrap()).unwrap().bytes)
    );
}

#[test]
fn a_topic_that_promises_only_the_write_answers_before_the_sync() {
    let config = TopicConfig { durability: Durability::Written, ..TopicConfig::default() };
    let (bench, partition) = Bench::with_topic(1, config);
    bench.simulation.disk().fail_next_sync(".log");
    assert!(bench.append(&partition, batch(1, 1, 100)).is_ok());
    assert_eq!(partition.high_watermark(), 1);
    assert!(partition.check().is_ok(), "nothing is synced yet");
    bench.simulation.clock().advance(Duration::from_millis(super::config().mark_every_ms));
    bench.run();
    assert!(matches!(partition.check(), Err(AppendError::Fenced { .. })), "within a mark period");
}

#[test]
fn the_log_stamps_its_time_where_the_topic_says_so() {
    let config =
        TopicConfig { timestamp_type: TimestampType::LogAppendTime, ..TopicConfig::default() };
    let (bench, partition) = Bench::with_topic(1, config);
    bench.simulation.clock().advance(Duration::from_secs(5));
    let now = bench.log.world().clock().wall_ms();
    let both = [batch(1, 1, 20), batch(2, 2, 20)].concat();
    let appended = bench.append(&partition, both.into()).unwrap();
    assert_eq!(appended.log_append_time_ms, now);
    for batch in partition.read(0, 1 << 20).unwrap().batches() {
        crate::batch::check(&batch, 1 << 20).unwrap();
        let records = records(&batch).unwrap();
        assert_eq!(records.header().timestamp_type(), TimestampType::LogAppendTime);
        assert!(records.iter().all(|record| record.unwrap().timestamp_ms == now));
    }
}

#[test]
fn an_appender_gathers_what_comes_while_an_append_is_under_way() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let appender = partition.appender(Acks::Synced);
    let record = Record { value: Some(b"v"), ..Record::default() };
    let futures: Vec<_> = (0..10).map(|_| appender.append(record)).collect();
    let (answers, answered) = std::sync::mpsc::channel();
    appender.append_with(record, move |result| answers.send(result).unwrap());
    bench.run();
    let offsets: Vec<i64> =
        futures.iter().map(|future| future.try_get().unwrap().unwrap().base_offset).collect();
    assert_eq!(offsets, (0..10).collect::<Vec<i64>>());
    assert_eq!(answered.recv().unwrap().unwrap(), 10);
    let read = partition.read(0, 1 << 20).unwrap();
    let counts: Vec<i32> =
        read.batches().map(|batch| header(&batch).unwrap().record_count).collect();
    assert_eq!(counts, [1, 10], "the first goes alone, the others together");
}

#[test]
fn an_appender_sends_its_last_records_when_it_is_dropped() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let appender = partition.appender(Acks::Synced);
    let record = Record { value: Some(b"v"), ..Record::default() };
    let first = appender.append(record);
    let second = appender.append(record);
    drop(appender);
    bench.run();
    assert!(first.try_get().unwrap().is_ok());
    assert_eq!(second.try_get().unwrap().unwrap().base_offset, 1);
}

#[test]
fn a_panic_in_a_callback_is_not_the_writers() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    partition.append(batch(1, 1, 20), Acks::Synced, |_| panic!("a caller's mistake"));
    assert!(bench.append(&partition, batch(2, 1, 20)).is_ok());
}

#[test]
fn closing_answers_what_is_queued_and_refuses_what_comes() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let queued = submit(&partition, batch(1, 1, 20), Acks::Synced);
    bench.log.close().unwrap();
    bench.log.close().unwrap();
    assert!(take(&queued).unwrap().is_ok());
    let late = take(&submit(&partition, batch(2, 1, 20), Acks::Synced));
    assert!(matches!(late, Some(Err(AppendError::Closed))));
    assert_eq!(partition.read(0, 1 << 20).unwrap().next_offset, 1, "it can still be read");
}

#[test]
fn the_epoch_rises_only_after_an_unclean_stop() {
    let (mut bench, partition) = Bench::with_topic(1, TopicConfig::default());
    bench.append(&partition, batch(1, 3, 20)).unwrap();
    bench.restart();
    assert_eq!(bench.partition().leader_epoch(), 0);
    bench.crash();
    let partition = bench.partition();
    assert_eq!(partition.leader_epoch(), 1);
    bench.append(&partition, batch(2, 2, 20)).unwrap();
    let read = partition.read(3, 1 << 20).unwrap();
    assert_eq!(header(&read.into_bytes()).unwrap().leader_epoch, 1);
    assert_eq!(partition.epoch_end(0), Some((0, 3)));
    assert_eq!(partition.epoch_end(1), Some((1, 5)));
    bench.restart();
    assert_eq!(bench.partition().epoch_end(7), Some((1, 5)));
}

#[test]
fn rounds_are_cut_where_recovery_relies_on_it() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let answers: Vec<_> =
        (0..6).map(|id| submit(&partition, batch(id, 4, 3000), Acks::Synced)).collect();
    let answered = || answers.iter().filter(|answer| take(answer).is_some()).count();
    while answered() == 0 {
        bench.simulation.step();
    }
    let answered = answered();
    assert_eq!(answered, 2, "two batches of 12 KB fit in a round of 32 KiB");
    bench.run();
    assert!(answers.iter().all(|answer| take(answer).unwrap().is_ok()));
    drop(Log::open(bench.simulation.world(), config()));
}
