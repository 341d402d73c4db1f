//! The write-ahead file: that it is used, replayed, torn, damaged and full.

use std::path::Path;

use tidemill_world::{BLOCK_BYTES, File, OpenHow};

use super::{Answer, Bench, batch, config, submit, take};
use crate::{Acks, AppendError, Log, LogConfig, OpenError, Part, Partition, TopicConfig};

const RING: &str = "/log/.wal/ring";
const PARTITIONS: i32 = 4;

/// A log whose write-ahead file is there and is not written back by time.
fn shared(seed: u64) -> Bench {
    let mut bench = Bench::new(seed);
    bench.log.close().unwrap();
    let config = LogConfig { mark_every_ms: 1_000_000, ..config() };
    bench.log = Log::open(bench.simulation.world(), config).unwrap();
    bench.log.create_topic("t", TopicConfig::with_partitions(PARTITIONS)).unwrap();
    round(&bench, 1);
    bench
}

fn partitions(bench: &Bench) -> impl Iterator<Item = Partition> {
    (0..PARTITIONS).map(|index| bench.log.partition("t", index).unwrap())
}

/// One small batch to each partition, in one round.
fn round(bench: &Bench, id: u64) {
    round_of(bench, id, 100);
}

fn round_of(bench: &Bench, id: u64, bytes: usize) {
    let send = |partition| submit(&partition, batch(id, 1, bytes), Acks::Synced);
    let answers: Vec<Answer> = partitions(bench).map(send).collect();
    bench.run();
    answers.iter().for_each(|answer| assert!(take(answer).unwrap().is_ok()));
}

fn watermarks(bench: &Bench) -> Vec<i64> {
    partitions(bench).map(|partition| partition.high_watermark()).collect()
}

fn log_bytes(bench: &Bench) -> usize {
    let log = |index| format!("/log/t-{index}/{:020}.log", 0);
    let bytes = |index| bench.simulation.disk().bytes(log(index).as_ref()).len();
    (0..PARTITIONS).map(bytes).sum()
}

#[test]
fn small_rounds_share_the_file_and_survive_a_crash_without_their_segments() {
    let mut bench = shared(1);
    let before = log_bytes(&bench);
    (2..6).for_each(|id| round(&bench, id));
    assert_eq!(log_bytes(&bench), before, "nothing went to the segments yet");
    for partition in partitions(&bench) {
        assert_eq!(partition.read(1, 1 << 20).unwrap().next_offset, 5, "read from memory");
    }
    bench.crash();
    assert_eq!(watermarks(&bench), [5; 4]);
    for partition in partitions(&bench) {
        assert_eq!(partition.read(0, 1 << 20).unwrap().next_offset, 5);
    }
}

/// The blocks where the file's entries begin, the oldest first.
fn entries(bench: &Bench) -> Vec<usize> {
    let ring = bench.simulation.disk().bytes(Path::new(RING));
    let begins = |at: &usize| ring.get(*at..*at + 5) == Some(b"tmwal") && *at > 0;
    (0..ring.len()).step_by(BLOCK_BYTES).filter(begins).collect()
}

#[test]
fn a_damaged_last_entry_is_torn_and_cut() {
    let mut bench = shared(2);
    (2..5).for_each(|id| round(&bench, id));
    let last = *entries(&bench).last().unwrap();
    bench.simulation.disk().flip_bit(Path::new(RING), last + 200, 1);
    bench.crash();
    assert_eq!(watermarks(&bench), [3; 4]);
    round(&bench, 9);
    bench.crash();
    assert_eq!(watermarks(&bench), [4; 4], "what was cut does not come back");
}

#[test]
fn a_damaged_entry_before_others_is_corruption_and_is_told() {
    let bench = shared(3);
    (2..6).for_each(|id| round(&bench, id));
    let all = entries(&bench);
    let middle = all[all.len() - 3];
    bench.simulation.disk().flip_bit(Path::new(RING), middle + 200, 1);
    let before = bench.simulation.disk().bytes(Path::new(RING));
    bench.simulation.crash();
    match Log::open(bench.simulation.world(), config()) {
        Err(OpenError::Malformed { file, why }) => {
            assert_eq!(file, Path::new(RING));
            assert!(why.contains("was synced before"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.simulation.disk().bytes(Path::new(RING)), before, "nothing is cut");
    std::mem::forget(bench.log);
}

#[test]
fn a_clean_stop_leaves_everything_in_the_segments() {
    let mut bench = shared(4);
    (2..6).for_each(|id| round(&bench, id));
    bench.restart();
    let door = bench.log.world().clone();
    let ring: Box<dyn File> = door.disk().open(Path::new(RING), OpenHow::Write).unwrap();
    ring.set_len(0).unwrap();
    ring.sync_data().unwrap();
    bench.restart();
    assert_eq!(watermarks(&bench), [5; 4]);
}

#[test]
fn a_full_disk_loses_nothing_and_is_got_over() {
    let mut bench = shared(5);
    let disk = bench.simulation.disk().clone();
    disk.set_capacity(disk.used_bytes());
    // Room is preallocated: small rounds go on.
    (2..4).for_each(|id| round(&bench, id));
    // Straight to its segment there is none.
    let big = submit(&partitions(&bench).next().unwrap(), batch(7, 1, 9_000), Acks::Synced);
    bench.run();
    assert!(matches!(take(&big), Some(Err(AppendError::DiskFull { .. }))));
    assert_eq!(partitions(&bench).next().unwrap().read(0, 1 << 20).unwrap().next_offset, 3);
    disk.set_capacity(u64::MAX);
    let big = submit(&partitions(&bench).next().unwrap(), batch(8, 1, 9_000), Acks::Synced);
    bench.run();
    assert_eq!(take(&big).unwrap().unwrap().base_offset, 3);
    bench.crash();
    assert_eq!(watermarks(&bench), [4, 3, 3, 3]);
}

/// An entry that was lost can still be read until the power goes: of its parts none may reach a segment before all of it
/// is on the disk again.
#[test]
fn a_set_whose_sync_failed_is_there_whole_or_not_after_any_crash() {
    for changes in 0..60 {
        let bench = shared(6);
        // A full disk keeps pending what needs another block, and thereby the file from being begun anew.
        (2..8).for_each(|id| round_of(&bench, id, 900));
        let disk = bench.simulation.disk().clone();
        disk.set_capacity(disk.used_bytes());
        disk.fail_next_sync("ring");
        let part = |partition| (partition, Part::Batches(batch(9, 1, 100)));
        bench.log.append_all(partitions(&bench).map(part).collect(), |_| {});
        bench.simulation.step();
        assert!(bench.log.close().is_err());
        drop(bench.log);
        disk.set_capacity(u64::MAX);
        disk.die_after(changes);
        drop(Log::open(bench.simulation.world(), config()).map(std::mem::forget));
        bench.simulation.crash();
        let log = Log::open(bench.simulation.world(), config()).unwrap();
        let bench = Bench { simulation: bench.simulation, log };
        let ends = watermarks(&bench);
        assert!(ends == [7; 4] || ends == [8; 4], "dead after {changes} changes: {ends:?}");
        std::mem::forget(bench.log);
    }
}
