//! What a topic's settings ask of batches, and when they close a segment.

use std::time::Duration;

use bytes::Bytes;

use super::{Bench, batch, submit, take};
use crate::batch::{BatchBuilder, Compression, Record};
use crate::{Acks, AppendError, Cleanup, TimestampType, TopicConfig};

/// A batch of one record for each key and timestamp.
fn keyed(records: &[(Option<&[u8]>, i64)], compression: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(1 << 20).compression(compression);
    for &(key, timestamp_ms) in records {
        let record = Record { timestamp_ms, key, value: Some(b"value"), ..Record::default() };
        builder.push(&record).unwrap();
    }
    builder.finish()
}

#[test]
fn a_compacted_topic_takes_no_record_without_a_key() {
    let config = TopicConfig { cleanup: Cleanup::COMPACT, ..TopicConfig::default() };
    let (bench, partition) = Bench::with_topic(1, config);
    for codec in [Compression::None, Compression::Zstd] {
        let whole = keyed(&[(Some(b"a"), 1), (Some(b""), 1)], codec);
        bench.append(&partition, whole.clone()).unwrap();
        let part = keyed(&[(Some(b"a"), 1), (None, 1), (None, 1)], codec);
        match bench.append(&partition, [whole, part].concat().into()) {
            Err(error @ AppendError::NoKey { .. }) => {
                let AppendError::NoKey { records, .. } = &error else { panic!() };
                assert_eq!(records.places(), [3, 4]);
                assert!(error.to_string().ends_with("record 3 and 1 more are without"), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(partition.high_watermark(), 4);
    bench.log.alter_topic("t", |config| config.cleanup = Cleanup::DELETE).unwrap();
    bench.append(&partition, keyed(&[(None, 1)], Compression::None)).unwrap();
}

#[test]
fn records_that_are_no_records_are_refused_by_a_compacted_topic() {
    let config = TopicConfig { cleanup: Cleanup::COMPACT, ..TopicConfig::default() };
    let (bench, partition) = Bench::with_topic(1, config);
    let mut bytes = keyed(&[(Some(b"a"), 1)], Compression::None).to_vec();
    bytes[61] = 0x7f;
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    let refused = bench.append(&partition, bytes.into());
    assert!(matches!(refused, Err(AppendError::Batch(_))), "{refused:?}");
}

#[test]
fn timestamps_keep_within_the_bounds_of_the_topic() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let now = bench.log.world().clock().wall_ms();
    let at = |timestamps: &[i64]| {
        let records: Vec<_> = timestamps.iter().map(|at| (Some(&b"k"[..]), *at)).collect();
        let answer = submit(&partition, keyed(&records, Compression::Gzip), Acks::Synced);
        bench.run();
        take(&answer).unwrap()
    };
    let refused = |result| matches!(result, Err(AppendError::Timestamp { .. }));
    // By default an hour ahead, and any time behind.
    at(&[now + 3_600_000, 0, -1]).unwrap();
    assert!(refused(at(&[now, now + 3_600_001])));
    bench.log.alter_topic("t", |config| config.timestamp_after_max_ms = i64::MAX).unwrap();
    at(&[i64::MAX]).unwrap();
    bench.log.alter_topic("t", |config| config.timestamp_before_max_ms = 1_000).unwrap();
    at(&[now, now - 1_000, -1]).unwrap();
    assert!(refused(at(&[now, now - 1_001])));
    let to_log_time =
        |config: &mut TopicConfig| config.timestamp_type = TimestampType::LogAppendTime;
    bench.log.alter_topic("t", to_log_time).unwrap();
    at(&[0]).unwrap();
}

/// Bases of the segments.
fn bases(bench: &Bench) -> Vec<i64> {
    let entries = bench.log.world().disk().list("/log/t-0".as_ref()).unwrap();
    entries.iter().filter_map(|entry| entry.name.strip_suffix(".log")?.parse().ok()).collect()
}

#[test]
fn a_segment_is_closed_when_its_records_are_too_far_apart() {
    let config = TopicConfig { segment_ms: 100, retention_ms: None, ..TopicConfig::default() };
    let (mut bench, partition) = Bench::with_topic(1, config);
    let at = |ms| keyed(&[(Some(b"k"), ms)], Compression::None);
    bench.append(&partition, at(1_000)).unwrap();
    bench.append(&partition, at(1_100)).unwrap();
    assert_eq!(bases(&bench), [0]);
    bench.append(&partition, at(1_101)).unwrap();
    bench.append(&partition, at(500)).unwrap();
    assert_eq!(bases(&bench), [0, 2]);
    // The age is known again after a crash, from the file.
    bench.crash();
    bench.append(&bench.partition(), at(1_201)).unwrap();
    assert_eq!(bases(&bench), [0, 2]);
    bench.append(&bench.partition(), at(1_202)).unwrap();
    assert_eq!(bases(&bench), [0, 2, 5]);
    assert_eq!(bench.partition().read(0, 1 << 20).unwrap().high_watermark, 6);
}

#[test]
fn a_segment_without_timestamps_ages_by_the_clock() {
    let config = TopicConfig { segment_ms: 5_000, ..TopicConfig::default() };
    let (bench, partition) = Bench::with_topic(1, config);
    let without = || keyed(&[(Some(b"k"), -1)], Compression::None);
    bench.append(&partition, without()).unwrap();
    bench.append(&partition, without()).unwrap();
    assert_eq!(bases(&bench), [0]);
    bench.simulation.clock().advance(Duration::from_millis(6_000));
    bench.append(&partition, without()).unwrap();
    assert_eq!(bases(&bench), [0, 2]);
}

#[test]
fn a_compacted_topic_closes_segments_within_its_lag() {
    let config = TopicConfig {
        cleanup: Cleanup::COMPACT,
        max_compaction_lag_ms: 50,
        ..TopicConfig::default()
    };
    let (bench, partition) = Bench::with_topic(1, config);
    for ms in [1_000, 1_050, 1_051] {
        bench.append(&partition, keyed(&[(Some(b"k"), ms)], Compression::None)).unwrap();
    }
    assert_eq!(bases(&bench), [0, 2]);
}

#[test]
fn what_is_deleted_and_what_is_kept_goes_by_the_cleanup_policy() {
    for (cleanup, kept) in [
        (Cleanup::DELETE, 1),
        (Cleanup::BOTH, 1),
        (Cleanup::COMPACT, 4),
        (Cleanup { delete: false, compact: false }, 4),
    ] {
        let config = TopicConfig {
            cleanup,
            segment_bytes: Some(1 << 10),
            retention_bytes: Some(1),
            ..TopicConfig::default()
        };
        let (bench, partition) = Bench::with_topic(1, config);
        for at in 0..4 {
            let key = format!("{at}");
            let filler = batch(1, 1, 600).len();
            let value = vec![1; filler];
            let mut builder = BatchBuilder::new(1 << 20);
            let record =
                Record { key: Some(key.as_bytes()), value: Some(&value), ..Record::default() };
            builder.push(&record).unwrap();
            bench.append(&partition, builder.finish()).unwrap();
        }
        bench.simulation.clock().advance(Duration::from_millis(2_000));
        bench.run();
        assert_eq!(bases(&bench).len(), kept, "{cleanup:?}");
    }
}
