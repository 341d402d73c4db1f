//! A folder as Kafka leaves it: no topic files, no marks of ours, and gaps where it compacted.

use std::path::Path;

use bytes::Bytes;
use tidemill_world::{OpenHow, World};

use crate::batch::{header, set_base_offset};
use crate::names::{Kind, segment_file};
use crate::tests::cleaning::keyed;
use crate::tests::{Bench, batch, config, of_producer, submit, take};
use crate::{Acks, Cleanup, Log, OpenError, TopicId};

const ID: TopicId = TopicId([9; 16]);

fn write(world: &World, path: &Path, content: &[u8]) {
    world.disk().create_dir_all(path.parent().unwrap()).unwrap();
    world.disk().open(path, OpenHow::Write).unwrap().write_at(content, 0).unwrap();
}

fn at(batch: &Bytes, offset: i64) -> Bytes {
    let mut batch = batch.to_vec();
    set_base_offset(&mut batch, offset);
    batch.into()
}

/// One topic of two partitions. The first has segments at 0, 10 and 20 and was compacted up to 20, with a gap from 3 to
/// 9; the second has had its first records deleted.
fn kafkas(world: &World, gap_is_clean: bool) {
    let put = |name: &str, text: &str| write(world, &Path::new("/log").join(name), text.as_bytes());
    put("meta.properties", "version=1\n");
    let clean = if gap_is_clean { 20 } else { 5 };
    put("cleaner-offset-checkpoint", &format!("0\n1\nt 0 {clean}\n"));
    put("log-start-offset-checkpoint", "0\n2\nt 1 4\ngone 0 7\n");
    put(
        "__cluster_metadata-0/partition.metadata",
        "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ\n",
    );
    for index in 0..2 {
        put(&format!("t-{index}/partition.metadata"), &format!("version: 0\ntopic_id: {ID}\n"));
        put(&format!("t-{index}/leader-epoch-checkpoint"), "0\n1\n6 0\n");
    }
    let log = |index: i32, base: i64, batches: &[(i64, Bytes)]| {
        let folder = format!("/log/t-{index}");
        let bytes: Vec<u8> = batches.iter().flat_map(|(offset, one)| at(one, *offset)).collect();
        write(world, &segment_file(Path::new(&folder), base, Kind::Log), &bytes);
    };
    let one = |key| keyed(&[(key, Some("v"))], crate::batch::Compression::Lz4, 5);
    log(0, 0, &[(1, one("a")), (2, one("b"))]);
    log(0, 10, &[(12, one("c")), (19, one("d"))]);
    log(0, 20, &[(20, of_producer(&one("e"), 5_000, 3, 0))]);
    log(1, 0, &[(0, batch(1, 3, 20)), (3, batch(2, 3, 20))]);
}

fn offsets(log: &Log, index: i32) -> Vec<i64> {
    let partition = log.partition("t", index).unwrap();
    let (mut offset, mut found) = (partition.log_start_offset(), Vec::new());
    while offset < partition.high_watermark() {
        let read = partition.read(offset, 1).unwrap();
        found.extend(read.batches().map(|batch| header(&batch).unwrap().base_offset));
        offset = read.next_offset;
    }
    found
}

#[test]
fn a_folder_of_kafkas_is_taken_over_with_all_it_has() {
    let bench = Bench::new(1);
    bench.log.close().unwrap();
    let world = bench.simulation.world();
    world.disk().remove_dir_all("/log".as_ref()).unwrap();
    kafkas(&world, true);
    let log = Log::open(bench.simulation.world(), config()).unwrap();
    let topic = log.topic("t").unwrap();
    assert_eq!((topic.id, topic.config.partitions, topic.config.retention_ms), (ID, 2, None));
    assert_eq!(topic.config.cleanup, Cleanup::COMPACT);
    assert_eq!(log.topics().len(), 1, "the metadata log is left alone");
    assert_eq!(offsets(&log, 0), [1, 2, 12, 19, 20]);
    assert_eq!(offsets(&log, 1), [3]);
    let partition = log.partition("t", 1).unwrap();
    assert_eq!((partition.log_start_offset(), partition.high_watermark()), (4, 6));
    assert_eq!(partition.leader_epoch(), 7, "past the epochs there are");
    assert!(log.allocate_producer_id().unwrap() > 5_000);
    let appended = submit(
        &log.partition("t", 0).unwrap(),
        keyed(&[("f", None)], crate::batch::Compression::None, 5),
        Acks::Synced,
    );
    bench.run();
    assert_eq!(take(&appended).unwrap().unwrap().base_offset, 21);
    log.close().unwrap();
    let disk = bench.simulation.disk();
    let text = |name: &str| String::from_utf8(disk.bytes(&Path::new("/log").join(name))).unwrap();
    assert_eq!(text("recovery-point-offset-checkpoint"), "0\n2\nt 0 22\nt 1 6\n");
    assert_eq!(text("log-start-offset-checkpoint"), "0\n2\nt 0 0\nt 1 4\n");
    // From here on it is ours.
    let log = Log::open(bench.simulation.world(), config()).unwrap();
    assert_eq!(log.topic("t"), Some(topic));
    assert_eq!(offsets(&log, 0), [1, 2, 12, 19, 20, 21]);
    assert_eq!(log.partition("t", 0).unwrap().leader_epoch(), 7);
}

#[test]
fn a_gap_where_nothing_was_compacted_is_a_loss() {
    let bench = Bench::new(1);
    bench.log.close().unwrap();
    let world = bench.simulation.world();
    world.disk().remove_dir_all("/log".as_ref()).unwrap();
    kafkas(&world, false);
    let log = Log::open(bench.simulation.world(), config()).unwrap();
    let error = log.partition("t", 0).unwrap().check().unwrap_err().to_string();
    assert!(
        error.contains("batches are missing") && error.contains("tidemill log check"),
        "{error}"
    );
    assert_eq!(offsets(&log, 1), [3]);
}

#[test]
fn a_crash_while_taking_over_begins_anew() {
    let mut seen = [0, 0];
    for changes in 0..90 {
        let bench = Bench::new(changes);
        bench.log.close().unwrap();
        let world = bench.simulation.world();
        world.disk().remove_dir_all("/log".as_ref()).unwrap();
        kafkas(&world, true);
        sync_all(&world);
        bench.simulation.disk().die_after(changes);
        let opened = Log::open(bench.simulation.world(), config());
        seen[usize::from(opened.is_ok())] += 1;
        bench.simulation.crash();
        std::mem::forget(opened);
        let log = Log::open(bench.simulation.world(), config()).unwrap();
        assert_eq!(offsets(&log, 0), [1, 2, 12, 19, 20], "{changes}");
        assert_eq!(log.topic("t").unwrap().id, ID);
        assert_eq!(log.partition("t", 1).unwrap().log_start_offset(), 4);
        assert!(log.allocate_producer_id().unwrap() > 5_000, "{changes}");
    }
    assert!(seen[0] > 5 && seen[1] > 5, "both ends were seen: {seen:?}");
}

/// Makes all that is there durable.
fn sync_all(world: &World) {
    let disk = world.disk();
    let sync = |folder: &Path| {
        for entry in disk.list(folder).unwrap() {
            if !entry.is_dir {
                disk.open(&folder.join(entry.name), OpenHow::Write).unwrap().sync_data().unwrap();
            }
        }
        disk.sync_dir(folder).unwrap();
    };
    sync("/log".as_ref());
    for folder in ["t-0", "t-1", "__cluster_metadata-0"] {
        sync(&Path::new("/log").join(folder));
    }
    disk.sync_dir("/".as_ref()).unwrap();
}

#[test]
fn a_missing_partition_is_told() {
    let bench = Bench::new(1);
    bench.log.close().unwrap();
    let world = bench.simulation.world();
    world.disk().remove_dir_all("/log".as_ref()).unwrap();
    kafkas(&world, true);
    world.disk().remove_dir_all("/log/t-0".as_ref()).unwrap();
    match Log::open(bench.simulation.world(), config()) {
        Err(OpenError::Malformed { file, .. }) => assert_eq!(file, Path::new("/log/t-0")),
        other => panic!("{other:?}"),
    }
}
