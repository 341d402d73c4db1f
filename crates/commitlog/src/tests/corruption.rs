//! Bytes that are not what was written: torn rounds are cut, corruption stops the partition.

use std::path::Path;

use proptest::prelude::*;
use tidemill_world::OpenHow;
use tidemill_world::sim::Simulation;

use super::{Bench, batch, config, submit};
use crate::limits::ROUND_BYTES_MAX;
use crate::{Acks, AppendError, Corruption, Log, LogConfig, OpenError, ReadError, TopicConfig};

/// A log whose marks are never written by themselves, so that all is past the mark.
fn unmarked(seed: u64) -> Bench {
    let simulation = Simulation::new(seed);
    let config = LogConfig { mark_every_ms: 1_000_000, segment_bytes: 1 << 20, ..config() };
    let log = Log::open(simulation.world(), config).unwrap();
    log.create_topic("t", TopicConfig::default()).unwrap();
    log.create_topic("other", TopicConfig::default()).unwrap();
    Bench { simulation, log }
}

fn fill(bench: &Bench, batches: u64) {
    for id in 0..batches {
        bench.append(&bench.partition(), batch(id, 4, 1000)).unwrap();
    }
}

fn corruption(bench: &Bench) -> std::sync::Arc<Corruption> {
    match bench.partition().read(0, 1) {
        Err(ReadError::Corrupt(corruption)) => corruption,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bad_batch_far_before_good_ones_stops_the_partition() {
    let mut bench = unmarked(1);
    fill(&bench, 20);
    let file = Bench::log_file(0);
    assert!(bench.simulation.disk().bytes(&file).len() > 2 * ROUND_BYTES_MAX);
    let second = bench.partition().read(0, 1).unwrap().bytes();
    bench.simulation.disk().flip_bit(&file, second + 100, 3);
    let before = bench.simulation.disk().bytes(&file);
    bench.crash();
    let found = corruption(&bench);
    assert_eq!((found.file.as_path(), found.position), (file.as_path(), second as u64));
    let message = found.to_string();
    assert!(message.contains("checksum") && message.contains("restore"), "{message}");
    let refused = bench.append(&bench.partition(), batch(99, 1, 20));
    assert!(matches!(refused, Err(AppendError::Corrupt(_))));
    assert_eq!(bench.simulation.disk().bytes(&file), before, "nothing is cut");
    // The others go on, and the log cannot claim a clean stop.
    let other = bench.log.partition("other", 0).unwrap();
    assert!(bench.append(&other, batch(1, 1, 20)).is_ok());
    assert!(bench.log.close().is_err());
    // Once the file is restored the partition is well.
    bench.crash();
    bench.simulation.disk().flip_bit(&file, second + 100, 3);
    bench.partition().reopen().unwrap();
    assert_eq!(bench.append(&bench.partition(), batch(99, 1, 20)).unwrap().base_offset, 80);
}

#[test]
fn a_bad_batch_before_a_later_segment_stops_the_partition() {
    let mut bench = unmarked(2);
    bench.log.close().unwrap();
    let config = LogConfig { mark_every_ms: 1_000_000, ..config() };
    bench.log = Log::open(bench.simulation.world(), config).unwrap();
    fill(&bench, 8);
    let file = Bench::log_file(0);
    let end = bench.simulation.disk().bytes(&file).len();
    bench.simulation.disk().flip_bit(&file, end - 10, 0);
    bench.crash();
    assert_eq!(corruption(&bench).file, file);
}

#[test]
fn a_bad_last_batch_is_a_torn_round_and_is_cut() {
    let mut bench = unmarked(3);
    fill(&bench, 3);
    let file = Bench::log_file(0);
    let whole = bench.partition().read(8, 1).unwrap().bytes();
    bench.simulation.disk().flip_bit(&file, 2 * whole + 200, 0);
    bench.crash();
    assert_eq!(bench.partition().high_watermark(), 8);
    assert_eq!(bench.simulation.disk().bytes(&file).len(), 2 * whole, "cut, with the zeros");
    assert_eq!(bench.append(&bench.partition(), batch(9, 1, 20)).unwrap().base_offset, 8);
}

#[test]
fn a_bad_batch_before_the_mark_is_found_when_it_is_read() {
    let mut bench = unmarked(4);
    fill(&bench, 3);
    bench.restart();
    let file = Bench::log_file(0);
    bench.simulation.disk().flip_bit(&file, 300, 0);
    assert_eq!(bench.partition().high_watermark(), 12, "nothing before the mark is scanned");
    let found = corruption(&bench);
    assert_eq!((found.file.as_path(), found.position), (file.as_path(), 0));
    assert_eq!(bench.partition().read(4, 1).unwrap().next_offset, 8, "the rest can be read");
}

#[test]
fn a_file_shorter_than_what_was_synced_stops_the_partition() {
    let mut bench = unmarked(5);
    fill(&bench, 3);
    bench.log.close().unwrap();
    let file = bench.log.world().disk().open(&Bench::log_file(0), OpenHow::Write).unwrap();
    file.set_len(5000).unwrap();
    file.sync_data().unwrap();
    bench.log = Log::open(bench.simulation.world(), config()).unwrap();
    let message = corruption(&bench).to_string();
    assert!(message.contains("more were synced"), "{message}");
    assert!(bench.log.close().is_err());
    // A missing file is no better.
    bench.log.world().disk().remove_file(&Bench::log_file(0)).unwrap();
    bench.log = Log::open(bench.simulation.world(), config()).unwrap();
    corruption(&bench);
}

#[test]
fn a_checkpoint_that_is_not_understood_names_its_file() {
    for name in ["synced-up-to-checkpoint", "log-start-checkpoint", "leader-epoch"] {
        let bench = unmarked(6);
        bench.log.close().unwrap();
        let path = Path::new("/log").join(name);
        bench.log.world().disk().replace(&path, b"0\n1\nnonsense\n").unwrap();
        match Log::open(bench.simulation.world(), config()) {
            Err(OpenError::Malformed { file, .. }) => assert_eq!(file, path),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_batch_inside_a_record_is_no_proof_of_corruption() {
    let mut bench = unmarked(7);
    fill(&bench, 1);
    // A torn last round whose records hold a batch with a later offset.
    let mut inner = batch(7, 1, 20).to_vec();
    inner[..8].copy_from_slice(&1_000_000i64.to_be_bytes());
    let mut builder = crate::batch::BatchBuilder::new(1 << 20);
    let value = Some(inner.as_slice());
    builder.push(&crate::batch::Record { value, ..Default::default() }).unwrap();
    bench.append(&bench.partition(), builder.finish()).unwrap();
    let at = bench.partition().read(0, 1).unwrap().bytes();
    bench.simulation.disk().flip_bit(&Bench::log_file(0), at + 40, 0);
    bench.crash();
    assert_eq!(bench.partition().high_watermark(), 4);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    /// Whatever a file holds, opening and reading it give an answer.
    #[test]
    fn any_file_is_survived(
        kind in prop::sample::select(&["log", "index", "timeindex"][..]),
        at in 0..9000usize,
        garbage in prop::collection::vec(any::<u8>(), 1..3000),
        clean: bool,
    ) {
        let mut bench = unmarked(8);
        fill(&bench, 3);
        if clean {
            bench.log.close().unwrap();
        }
        let path = Bench::log_file(0).with_extension(kind);
        let file = bench.log.world().disk().open(&path, OpenHow::Write).unwrap();
        file.write_at(&garbage, at as u64).unwrap();
        file.sync_data().unwrap();
        bench.crash();
        let partition = bench.partition();
        let mut offset = partition.log_start_offset();
        while let Ok(read) = partition.read(offset, 1000)
            && !read.is_empty()
        {
            offset = read.next_offset;
        }
        let _ = partition.offset_for_timestamp(15);
        drop(submit(&partition, batch(5, 1, 20), Acks::Synced));
        bench.run();
    }
}
