//! What is wrong is found where it is, and mended without a byte lost.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::*;
use crate::batch::Compression;
use crate::names::{Kind, segment_file};
use crate::tests::cleaning::{eager, keyed};
use crate::tests::{Bench, batch, of_producer};
use crate::{Log, TopicConfig};

const DIR: &str = "/log";

fn file(base: i64, kind: Kind) -> PathBuf {
    segment_file(Path::new("/log/t-0"), base, kind)
}

/// Three segments of three batches of one record, 1,013 bytes each, and a fourth begun; stopped cleanly.
fn filled() -> Bench {
    let config =
        TopicConfig { segment_bytes: Some(3_100), retention_ms: None, ..TopicConfig::default() };
    let (bench, partition) = Bench::with_topic(5, config);
    for id in 0..10 {
        let one = of_producer(&batch(id, 1, 940), 7, 0, i32::try_from(id).unwrap());
        bench.append(&partition, one).unwrap();
    }
    bench.log.close().unwrap();
    bench
}

fn looked_at(bench: &Bench) -> Report {
    check(bench.simulation.world().disk(), Path::new(DIR)).unwrap()
}

fn mended(bench: &Bench) -> Report {
    repair(bench.simulation.world().disk(), Path::new(DIR)).unwrap()
}

fn reopened(bench: &Bench) -> Log {
    Log::open(bench.simulation.world(), crate::tests::config()).unwrap()
}

#[test]
fn a_sound_log_is_told_to_be() {
    let bench = filled();
    let report = looked_at(&bench);
    assert_eq!(report.findings, []);
    assert_eq!((report.partitions, report.segments, report.batches), (1, 4, 10));
    let used = bench.simulation.disk().used_bytes();
    let _open = reopened(&bench);
    match check(bench.simulation.world().disk(), Path::new(DIR)) {
        Err(error @ CheckError::Open { .. }) => {
            assert!(error.to_string().contains("/log is in use"))
        }
        other => panic!("{other:?}"),
    }
    assert!(used > 9_000);
    let missing = check(bench.simulation.world().disk(), Path::new("/nowhere"));
    assert!(matches!(missing, Err(CheckError::Io { .. })));
}

#[test]
fn a_compacted_log_is_sound() {
    let (bench, partition) = Bench::with_topic(1, eager());
    for round in 0..30 {
        let value = "v".repeat(300);
        let now = bench.log.world().clock().wall_ms();
        let key = format!("{}", round % 4);
        let one = keyed(&[(&key, Some(&value))], Compression::Lz4, now);
        bench.append(&partition, one).unwrap();
        if round % 8 == 0 {
            bench.clean();
        }
    }
    bench.log.close().unwrap();
    assert_eq!(looked_at(&bench).findings, []);
}

#[test]
fn a_bad_batch_is_cut_off_and_kept_beside_the_log() {
    let bench = filled();
    let disk = bench.simulation.disk().clone();
    let log = file(3, Kind::Log);
    let before = disk.bytes(&log);
    let second = before.len() as u64 / 3;
    disk.flip_bit(&log, usize::try_from(second).unwrap() + 100, 2);
    let report = looked_at(&bench);
    let [finding] = report.findings.as_slice() else { panic!("{:?}", report.findings) };
    assert_eq!((&finding.file, finding.position, finding.remedy), (&log, second, Remedy::Cut));
    assert!(!report.is_sound() && finding.to_string().contains("restore the file from a backup"));
    assert_eq!(looked_at(&bench), report, "looking changes nothing");

    let report = mended(&bench);
    let aside = PathBuf::from(format!("{}.corrupt-{second}", log.display()));
    assert_eq!(report.findings[0].set_aside[0], aside);
    assert!(report.findings[0].to_string().contains("repaired, what was wrong is in"));
    let mut whole = disk.bytes(&log);
    assert_eq!(whole.len() as u64, second);
    whole.extend(disk.bytes(&aside));
    disk.flip_bit(&aside, 100, 2);
    assert_eq!(disk.bytes(&aside), before[usize::try_from(second).unwrap()..]);
    for base in [6, 9] {
        let aside = format!("{}.corrupt-0", file(base, Kind::Log).display());
        assert!(!disk.bytes(Path::new(&aside)).is_empty(), "{aside}");
    }
    assert!(looked_at(&bench).is_sound());
    let log = reopened(&bench);
    let partition = log.partition("t", 0).unwrap();
    partition.check().unwrap();
    assert_eq!((partition.high_watermark(), partition.leader_epoch()), (4, 1));
    assert_eq!(partition.read(0, 1 << 20).unwrap().batches().count(), 3);
    assert_eq!(partition.read(3, 1 << 20).unwrap().batches().count(), 1);
}

#[test]
fn a_lost_segment_is_a_gap_and_a_lost_tail_is_told() {
    for (lost, at) in [(3, 0), (9, 9)] {
        let bench = filled();
        let world = bench.simulation.world();
        world.disk().remove_file(&file(lost, Kind::Log)).unwrap();
        world.disk().sync_dir(Path::new("/log/t-0")).unwrap();
        let report = looked_at(&bench);
        let [finding] = report.findings.as_slice() else { panic!("{:?}", report.findings) };
        assert_eq!((&finding.file, finding.remedy), (&file(at, Kind::Log), Remedy::Cut));
        mended(&bench);
        assert!(looked_at(&bench).is_sound());
        let log = reopened(&bench);
        assert_eq!(log.partition("t", 0).unwrap().high_watermark(), lost);
    }
}

#[test]
fn wrong_indexes_and_snapshots_are_set_aside_and_built_anew() {
    let bench = filled();
    let disk = bench.simulation.disk().clone();
    let before: Vec<_> =
        [Kind::OffsetIndex, Kind::TimeIndex].map(|kind| disk.bytes(&file(0, kind))).into();
    disk.flip_bit(&file(0, Kind::OffsetIndex), 7, 1);
    disk.flip_bit(&file(0, Kind::TimeIndex), 5, 7);
    disk.flip_bit(&file(9, Kind::Snapshot), 20, 1);
    let report = looked_at(&bench);
    assert_eq!(report.findings.len(), 3, "{:?}", report.findings);
    assert!(report.findings.iter().all(|finding| finding.remedy == Remedy::SetAside));
    mended(&bench);
    reopened(&bench).close().unwrap();
    let after: Vec<_> =
        [Kind::OffsetIndex, Kind::TimeIndex].map(|kind| disk.bytes(&file(0, kind))).into();
    assert_eq!(after, before);
    assert!(looked_at(&bench).findings.is_empty());
}

#[test]
fn a_torn_end_is_left_to_the_opening() {
    let (mut bench, partition) = Bench::with_topic(1, TopicConfig::default());
    bench.append(&partition, batch(1, 1, 100)).unwrap();
    bench.simulation.crash();
    let file =
        bench.simulation.world().disk().open(&file(0, Kind::Log), tidemill_world::OpenHow::Write);
    let end = batch(1, 1, 100).len() as u64;
    file.unwrap().write_at(&[9; 70], end).unwrap();
    let report = looked_at(&bench);
    assert!(report.is_sound());
    assert_eq!((report.findings.len(), report.findings[0].position), (1, end));
    let log = reopened(&bench);
    std::mem::forget(std::mem::replace(&mut bench.log, log));
    assert_eq!(bench.partition().high_watermark(), 1);
}

#[test]
fn files_of_the_whole_log_are_looked_at() {
    let bench = filled();
    let world = bench.simulation.world();
    let marks = Path::new("/log/synced-up-to-checkpoint");
    world.disk().replace(marks, b"nonsense").unwrap();
    world.disk().remove_dir_all(Path::new("/log/t-0")).unwrap();
    let report = looked_at(&bench);
    let files: Vec<&Path> = report.findings.iter().map(|finding| &*finding.file).collect();
    assert_eq!(files, [marks, Path::new("/log/t-0")]);
}

#[test]
fn a_dump_shows_batches_and_records() {
    let bench = filled();
    let world = bench.simulation.world();
    let mut lines = Vec::new();
    let mut seen = |batch: &DumpedBatch| {
        lines.push((batch.text(), batch.json()));
        ControlFlow::Continue(())
    };
    let path = file(3, Kind::Log);
    assert_eq!(dump(world.disk(), &path, true, &mut seen).unwrap(), None);
    assert_eq!(lines.len(), 3);
    let (text, json) = &lines[0];
    assert!(text.starts_with("offsets 3 to 3 at byte 0: 1 records, "), "{text}");
    assert!(text.contains(", producer 7 epoch 0 sequence 3\n  offset 3 time 30 key null value \""));
    assert!(json.starts_with("{\"position\":0,\"base_offset\":3,\"last_offset\":3,\"records\":1,"));
    assert!(json.contains(
        "\"content\":[{\"offset\":3,\"timestamp_ms\":30,\"key\":null,\"value\":\"\\u0000"
    ));
    bench.simulation.disk().flip_bit(&path, 1_100, 1);
    let mut count = 0;
    let end = dump(world.disk(), &path, false, |_| {
        count += 1;
        ControlFlow::Continue(())
    });
    assert!(end.unwrap().unwrap().contains("checksum"));
    assert_eq!(count, 1);
}
