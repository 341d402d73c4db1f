//! The files themselves: names, bytes and lengths are Kafka's.

use super::{Bench, batch};
use crate::TopicConfig;
use crate::batch::{frames, header};
use crate::limits::INDEX_INTERVAL_BYTES;

fn names(bench: &Bench, folder: &str) -> Vec<String> {
    let entries = bench.log.world().disk().list(folder.as_ref()).unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

fn be32(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().unwrap())
}

#[test]
fn a_partition_has_kafkas_files() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    for id in 0..20 {
        bench.append(&partition, batch(id, 2, 1000)).unwrap();
    }
    bench.log.close().unwrap();
    assert_eq!(
        names(&bench, "/log/t-0"),
        [
            "00000000000000000000.index",
            "00000000000000000000.log",
            "00000000000000000000.timeindex",
            "00000000000000000014.index",
            "00000000000000000014.log",
            "00000000000000000014.timeindex",
            "00000000000000000028.index",
            "00000000000000000028.log",
            "00000000000000000028.snapshot",
            "00000000000000000028.timeindex",
            "00000000000000000040.snapshot",
            "leader-epoch-checkpoint",
            "partition.metadata",
        ]
    );
    let text = |name: &str| {
        let bytes = bench.simulation.disk().bytes(format!("/log/t-0/{name}").as_ref());
        String::from_utf8(bytes).unwrap()
    };
    let id = partition.topic().id;
    assert_eq!(text("partition.metadata"), format!("version: 0\ntopic_id: {id}\n"));
    assert_eq!(text("leader-epoch-checkpoint"), "0\n1\n0 0\n");
    assert!(names(&bench, "/log").contains(&".kafka_cleanshutdown".to_owned()));
}

#[test]
fn segments_hold_batches_and_nothing_else_after_a_clean_stop() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    for id in 0..20 {
        bench.append(&partition, batch(id, 2, 1000)).unwrap();
    }
    let open = bench.simulation.disk().bytes(&Bench::log_file(28));
    assert!(
        open.len().is_multiple_of(4096) && open.ends_with(&[0; 100]),
        "zeros while it is written"
    );
    bench.log.close().unwrap();
    let mut next = 0;
    for base in [0, 14, 28] {
        let bytes = bench.simulation.disk().bytes(&Bench::log_file(base));
        assert!(bytes.len() <= 16 << 10);
        for batch in frames(&bytes) {
            let (header, batch) = batch.unwrap();
            crate::batch::check(batch, 1 << 20).unwrap();
            assert_eq!((header.base_offset, header.leader_epoch), (next, 0));
            next += i64::from(header.record_count);
        }
    }
    assert_eq!(next, 40);
}

#[test]
fn indexes_have_kafkas_entries() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    for id in 0..60 {
        bench.append(&partition, batch(id, 3, 40)).unwrap();
    }
    bench.log.close().unwrap();
    let bytes = |extension: &str| {
        bench.simulation.disk().bytes(&Bench::log_file(0).with_extension(extension))
    };
    let (log, index, times) = (bytes("log"), bytes("index"), bytes("timeindex"));
    assert!(index.len() > 80 && index.len().is_multiple_of(8));
    assert!(times.len() > 80 && times.len().is_multiple_of(12));
    let mut before = 0;
    for entry in index.chunks(8) {
        let (last_offset, position) = (i64::from(be32(&entry[..4])), be32(&entry[4..]) as usize);
        let header = header(&log[position..]).unwrap();
        assert_eq!(
            header.last_offset(),
            last_offset,
            "the last offset of the batch at the position"
        );
        assert!(position - before > usize::try_from(INDEX_INTERVAL_BYTES).unwrap());
        before = position;
    }
    let mut before = -1;
    for entry in times.chunks(12) {
        let timestamp = i64::from_be_bytes(entry[..8].try_into().unwrap());
        let offset = i64::from(be32(&entry[8..]));
        // Batch `id` has offsets up to 3 * id + 2 and timestamps up to 10 * id + 2.
        assert_eq!(timestamp, offset / 3 * 10 + 2);
        assert!(timestamp > before);
        before = timestamp;
    }
    assert_eq!(before, 592, "a closed index knows the greatest timestamp");
}

#[test]
fn indexes_that_are_missing_or_short_are_built_anew() {
    let (mut bench, partition) = Bench::with_topic(1, TopicConfig::default());
    for id in 0..60 {
        bench.append(&partition, batch(id, 1, 1000)).unwrap();
    }
    bench.log.close().unwrap();
    let disk = bench.simulation.disk().clone();
    let files: Vec<_> = [0, 15].iter().map(|base| Bench::log_file(*base)).collect();
    let before: Vec<_> = files
        .iter()
        .flat_map(|file| ["index", "timeindex"].map(|end| file.with_extension(end)))
        .map(|path| (disk.bytes(&path), path))
        .collect();
    let door = bench.log.world().clone();
    for cut in [None, Some(8), Some(3)] {
        for (_, path) in &before {
            match cut {
                None => door.disk().remove_file(path).unwrap(),
                Some(left) => {
                    let file = door.disk().open(path, tidemill_world::OpenHow::Write).unwrap();
                    file.set_len(left).unwrap();
                    file.sync_data().unwrap();
                }
            }
        }
        bench.restart();
        bench.log.close().unwrap();
        for (bytes, path) in &before {
            assert_eq!(disk.bytes(path), *bytes, "{} after a cut to {cut:?}", path.display());
        }
    }
}

#[test]
fn more_partitions_than_open_files_work() {
    let (mut bench, _) = Bench::with_topic(1, TopicConfig::with_partitions(7));
    for id in 0..10 {
        for index in 0..7 {
            let partition = bench.log.partition("t", index).unwrap();
            bench.append(&partition, batch(id, 1, 500)).unwrap();
        }
    }
    bench.restart();
    for index in 0..7 {
        let partition = bench.log.partition("t", index).unwrap();
        assert_eq!(partition.high_watermark(), 10);
        assert_eq!(partition.read(0, 1 << 20).unwrap().next_offset, 10);
        let length =
            bench.simulation.disk().bytes(format!("/log/t-{index}/{:020}.log", 0).as_ref()).len();
        assert_eq!(length, partition.read(0, 1 << 20).unwrap().bytes(), "no zeros are left");
        assert_eq!(length as u64, partition.size_bytes());
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let run = || {
        let (mut bench, partition) = Bench::with_topic(77, TopicConfig::with_partitions(3));
        for id in 0..30 {
            let partition = bench.log.partition("t", i32::try_from(id % 3).unwrap()).unwrap();
            drop(super::submit(&partition, batch(id, 2, 900), crate::Acks::Synced));
            bench.simulation.step();
        }
        bench.crash();
        let files = ["/log", "/log/t-0", "/log/t-1", "/log/t-2"].map(|folder| {
            let paths = names(&bench, folder).into_iter().map(|name| format!("{folder}/{name}"));
            paths
                .map(|path| (bench.simulation.disk().bytes(path.as_ref()), path))
                .collect::<Vec<_>>()
        });
        (files, partition.topic().id)
    };
    assert_eq!(run(), run());
}
