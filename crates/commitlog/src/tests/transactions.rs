//! Transactions from the first batch to the marker, and what readers of committed ones get.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::{Answer, Bench, batch, of_producer, submit, take};
use crate::batch::{EndMarker, header};
use crate::{Acks, AppendError, Appended, Part, Partition, ProducerInfo, TopicConfig};

/// A batch of a transaction; `sequence` is that of its first record.
pub(crate) fn of_transaction(batch: &Bytes, id: i64, epoch: i16, sequence: i32) -> Bytes {
    let mut batch = batch.to_vec();
    batch[22] |= 16;
    of_producer(&batch.into(), id, epoch, sequence)
}

fn data(id: i64, epoch: i16, sequence: i32) -> Bytes {
    of_transaction(&batch(sequence as u64, 2, 40), id, epoch, sequence)
}

pub(crate) fn marker(id: i64, epoch: i16, commit: bool) -> EndMarker {
    EndMarker {
        producer_id: id,
        producer_epoch: epoch,
        coordinator_epoch: 0,
        commit,
        transaction_version: 0,
    }
}

pub(crate) fn end(partition: &Partition, marker: EndMarker) -> Answer {
    let answer = Answer::default();
    let slot = Arc::clone(&answer);
    partition.end_transaction(marker, move |result| {
        assert!(slot.lock().unwrap().replace(result).is_none(), "answered twice");
    });
    answer
}

fn end_now(
    bench: &Bench,
    partition: &Partition,
    marker: EndMarker,
) -> Result<Appended, AppendError> {
    let answer = end(partition, marker);
    bench.run();
    take(&answer).expect("the marker is answered")
}

/// Base offsets of the batches that a reader of committed transactions gives its user.
fn committed(partition: &Partition, offset: i64) -> Vec<i64> {
    let read = partition.read_committed(offset, 1 << 20).unwrap();
    read.committed().map(|batch| header(&batch).unwrap().base_offset).collect()
}

type AllAnswer = Arc<Mutex<Option<Result<Vec<Appended>, AppendError>>>>;

fn append_all(bench: &Bench, parts: Vec<(Partition, Part)>) -> Result<Vec<Appended>, AppendError> {
    let answer = AllAnswer::default();
    let slot = Arc::clone(&answer);
    bench.log.append_all(parts, move |result| {
        assert!(slot.lock().unwrap().replace(result).is_none(), "answered twice");
    });
    bench.run();
    answer.lock().unwrap().take().expect("the appends are answered")
}

#[test]
fn readers_of_committed_transactions_stop_at_the_first_open_one() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    bench.append(&partition, batch(1, 2, 40)).unwrap();
    bench.append(&partition, data(7, 0, 0)).unwrap();
    bench.append(&partition, batch(2, 1, 40)).unwrap();
    assert_eq!((partition.last_stable_offset(), partition.high_watermark()), (2, 5));
    assert_eq!(committed(&partition, 0), [0]);
    let read = partition.read_committed(0, 1 << 20).unwrap();
    assert_eq!((read.next_offset, read.last_stable_offset, read.high_watermark), (2, 2, 5));
    assert!(partition.read_committed(2, 1 << 20).unwrap().is_empty());
    assert!(partition.read_committed(5, 1 << 20).unwrap().is_empty());
    assert!(partition.read_committed(6, 1 << 20).is_err());
    let appended = end_now(&bench, &partition, marker(7, 0, true)).unwrap();
    assert_eq!((appended.base_offset, appended.last_offset), (5, 5));
    assert_eq!((partition.last_stable_offset(), partition.high_watermark()), (6, 6));
    assert_eq!(committed(&partition, 0), [0, 2, 4]);
    assert_eq!(partition.read(0, 1 << 20).unwrap().batches().count(), 4, "the marker is a batch");
}

#[test]
fn an_open_transaction_in_the_middle_of_an_append_hides_what_follows() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let both = [batch(1, 2, 40), data(7, 0, 0), batch(2, 1, 40)].concat();
    bench.append(&partition, both.into()).unwrap();
    assert_eq!(committed(&partition, 0), [0]);
    assert_eq!(partition.read_committed(1, 1).unwrap().next_offset, 2);
}

#[test]
fn a_transaction_is_told_to_those_who_wait_for_it() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    bench.append(&partition, data(7, 0, 0)).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut stable = pin!(partition.changed_stable(0));
    let mut any = pin!(partition.changed(0));
    assert_eq!(any.as_mut().poll(&mut context), Poll::Ready(()));
    assert_eq!(stable.as_mut().poll(&mut context), Poll::Pending);
    end_now(&bench, &partition, marker(7, 0, true)).unwrap();
    assert_eq!(stable.as_mut().poll(&mut context), Poll::Ready(()));
}

#[test]
fn what_is_not_of_the_transaction_is_refused() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    bench.append(&partition, data(7, 0, 0)).unwrap();
    let beside = bench.append(&partition, of_producer(&batch(1, 1, 40), 7, 0, 2));
    assert!(matches!(beside, Err(AppendError::TransactionState { producer_id: 7, .. })));
    let no_producer = bench.append(&partition, of_transaction(&batch(1, 1, 40), -1, -1, -1));
    assert!(matches!(no_producer, Err(AppendError::NoSequence { producer_id: -1 })));
    let no_sequence = bench.append(&partition, of_transaction(&batch(1, 1, 40), 7, 0, -1));
    assert!(matches!(no_sequence, Err(AppendError::NoSequence { producer_id: 7 })));
    let control = crate::batch::end_marker(&marker(7, 0, true), 0);
    assert!(matches!(bench.append(&partition, control), Err(AppendError::Control)));
    assert_eq!((partition.last_stable_offset(), partition.high_watermark()), (0, 2));
}

#[test]
fn markers_fence_and_are_fenced() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let of = |epoch, coordinator_epoch| EndMarker { coordinator_epoch, ..marker(7, epoch, false) };
    bench.append(&partition, data(7, 3, 0)).unwrap();
    let stale = end_now(&bench, &partition, of(2, 5));
    assert!(matches!(stale, Err(AppendError::ProducerFenced { epoch: 2, current: 3, .. })));
    end_now(&bench, &partition, of(3, 5)).unwrap();
    bench.append(&partition, data(7, 3, 2)).unwrap();
    let replaced = end_now(&bench, &partition, of(3, 4));
    assert!(matches!(replaced, Err(AppendError::CoordinatorFenced { epoch: 4, current: 5, .. })));
    end_now(&bench, &partition, of(4, 6)).unwrap();
    let fenced = bench.append(&partition, data(7, 3, 4));
    assert!(matches!(fenced, Err(AppendError::ProducerFenced { epoch: 3, current: 4, .. })));
    let repeat = bench.append(&partition, data(7, 3, 2));
    assert!(matches!(repeat, Err(AppendError::ProducerFenced { .. })), "also a repeat");
    let not_first = bench.append(&partition, data(7, 4, 4));
    assert!(matches!(not_first, Err(AppendError::OutOfOrderSequence { expected: 0, .. })));
    bench.append(&partition, data(7, 4, 0)).unwrap();
}

#[test]
fn a_late_marker_does_not_end_the_next_transaction() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let raised = EndMarker { transaction_version: 2, ..marker(7, 1, true) };
    bench.append(&partition, data(7, 0, 0)).unwrap();
    end_now(&bench, &partition, raised).unwrap();
    end_now(&bench, &partition, raised).unwrap();
    bench.append(&partition, data(7, 1, 0)).unwrap();
    let late = end_now(&bench, &partition, raised);
    assert!(matches!(late, Err(AppendError::ProducerFenced { epoch: 1, current: 1, .. })));
    end_now(&bench, &partition, EndMarker { producer_epoch: 2, ..raised }).unwrap();
    assert_eq!(partition.last_stable_offset(), partition.high_watermark());
}

#[test]
fn a_repeat_across_a_marker_of_the_same_epoch_is_a_duplicate() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let first = bench.append(&partition, data(7, 0, 0)).unwrap();
    end_now(&bench, &partition, marker(7, 0, true)).unwrap();
    assert_eq!(bench.append(&partition, data(7, 0, 0)).unwrap(), first);
    assert_eq!(partition.last_stable_offset(), 3, "a duplicate opens nothing");
    assert_eq!(bench.append(&partition, data(7, 0, 2)).unwrap().base_offset, 3);
}

#[test]
fn what_is_known_of_producers_is_told() {
    let (mut bench, partition) = Bench::with_topic(1, TopicConfig::default());
    bench.append(&partition, data(7, 0, 0)).unwrap();
    end_now(&bench, &partition, marker(7, 0, true)).unwrap();
    bench.append(&partition, data(7, 0, 2)).unwrap();
    end_now(&bench, &partition, EndMarker { coordinator_epoch: 4, ..marker(9, 1, false) }).unwrap();
    let known = partition.producers();
    let last_timestamp_ms = known[0].last_timestamp_ms;
    let expected = [
        ProducerInfo {
            producer_id: 7,
            producer_epoch: 0,
            last_sequence: 3,
            last_timestamp_ms,
            coordinator_epoch: Some(0),
            transaction_start_offset: Some(3),
        },
        ProducerInfo {
            producer_id: 9,
            producer_epoch: 1,
            last_sequence: -1,
            last_timestamp_ms,
            coordinator_epoch: Some(4),
            transaction_start_offset: None,
        },
    ];
    assert_eq!(known, expected);
    for clean in [true, false] {
        if clean {
            bench.restart()
        } else {
            bench.crash()
        }
        let partition = bench.partition();
        assert_eq!(partition.producers(), expected, "clean {clean}");
        assert_eq!((partition.last_stable_offset(), partition.high_watermark()), (3, 6));
    }
}

#[test]
fn an_open_transaction_is_never_forgotten() {
    let config = TopicConfig { retention_ms: None, ..TopicConfig::default() };
    let (bench, partition) = Bench::with_topic(1, config);
    bench.append(&partition, data(7, 0, 0)).unwrap();
    bench.append(&partition, of_producer(&batch(1, 1, 40), 8, 0, 0)).unwrap();
    bench.simulation.clock().advance(std::time::Duration::from_secs(48 * 3600));
    bench.run();
    let known: Vec<_> = partition.producers().iter().map(|info| info.producer_id).collect();
    assert_eq!(known, [7]);
    for id in 100..200 {
        bench.append(&partition, of_producer(&batch(1, 1, 40), id, 0, 0)).unwrap();
    }
    assert_eq!(partition.last_stable_offset(), 0);
    assert_eq!(partition.producers().first().map(|info| info.producer_id), Some(7));
}

#[test]
fn too_many_open_transactions_are_refused() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let max = i64::try_from(crate::limits::OPEN_TRANSACTIONS_MAX).unwrap();
    for id in 0..max {
        bench.append(&partition, data(id, 0, 0)).unwrap();
    }
    let refused = bench.append(&partition, data(max, 0, 0));
    assert!(matches!(refused, Err(AppendError::TransactionState { .. })));
    bench.append(&partition, data(3, 0, 2)).unwrap();
    end_now(&bench, &partition, marker(0, 0, true)).unwrap();
    bench.append(&partition, data(max, 0, 0)).unwrap();
}

#[test]
fn several_partitions_are_one_append() {
    let (bench, _) = Bench::with_topic(1, TopicConfig::with_partitions(3));
    let partition = |index| bench.log.partition("t", index).unwrap();
    for index in 0..3 {
        bench.append(&partition(index), data(7, 0, 0)).unwrap();
    }
    let parts = |epoch| {
        vec![
            (partition(0), Part::Marker(marker(7, epoch, true))),
            (partition(1), Part::Marker(marker(7, epoch, true))),
            (partition(2), Part::Marker(marker(7, epoch, true))),
            (partition(2), Part::Batches(data(7, epoch, 2))),
        ]
    };
    bench.append(&partition(1), data(7, 1, 0)).unwrap();
    let refused = append_all(&bench, parts(0));
    assert!(matches!(refused, Err(AppendError::ProducerFenced { epoch: 0, current: 1, .. })));
    assert_eq!([0, 1, 2].map(|index| partition(index).high_watermark()), [2, 4, 2]);
    let appended = append_all(&bench, vec![(partition(0), Part::Marker(marker(7, 1, true)))]);
    assert_eq!(appended.unwrap()[0].base_offset, 2);
    let not_first = append_all(&bench, parts(1));
    assert!(matches!(not_first, Err(AppendError::OutOfOrderSequence { expected: 0, .. })));
    let mut parts = parts(1);
    parts[3].1 = Part::Batches(data(7, 1, 0));
    let offsets: Vec<_> =
        append_all(&bench, parts).unwrap().iter().map(|appended| appended.base_offset).collect();
    assert_eq!(offsets, [3, 4, 2, 3]);
    assert_eq!(append_all(&bench, vec![]).unwrap(), []);
}

#[test]
fn several_appends_are_refused_before_they_are_queued() {
    let (bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let (_other, foreign) = Bench::with_topic(2, TopicConfig::default());
    let part = |id| Part::Batches(batch(id, 1, 12_000));
    let refused = append_all(&bench, vec![(partition.clone(), part(1)), (foreign, part(2))]);
    assert!(matches!(refused, Err(AppendError::OtherLog { .. })));
    let three = (0..3).map(|id| (partition.clone(), part(id))).collect();
    assert!(matches!(append_all(&bench, three), Err(AppendError::AppendTooLarge { .. })));
    let queued = submit(&partition, batch(9, 1, 40), Acks::Synced);
    bench.log.close().unwrap();
    let late = append_all(&bench, vec![(partition.clone(), part(4))]);
    assert!(matches!(late, Err(AppendError::Closed)));
    assert!(take(&queued).unwrap().is_ok());
}

/// The test's records are from 1970 and its markers from later: that is no reason to close a segment.
fn long_lived() -> TopicConfig {
    TopicConfig { segment_ms: 1 << 50, retention_ms: None, ..TopicConfig::default() }
}

/// The aborted transactions of a read: producer and first offset.
fn aborted(partition: &Partition, offset: i64) -> Vec<(i64, i64)> {
    let read = partition.read_committed(offset, 1 << 20).unwrap();
    read.aborted.iter().map(|aborted| (aborted.producer_id, aborted.first_offset)).collect()
}

fn index_files(bench: &Bench) -> Vec<(String, u64)> {
    let entries = bench.log.world().disk().list("/log/t-0".as_ref()).unwrap();
    let names = entries.into_iter().map(|entry| (entry.name, entry.bytes));
    names.filter(|(name, _)| name.contains(".txnindex")).collect()
}

/// Offsets: 0-1 of 7, 2-3 of 8, 4-5 of 9, 6 aborts 7, 7 commits 8, 8-9 of 7, 10 aborts 9, 11 commits 7.
fn some_transactions(bench: &Bench, partition: &Partition) {
    for id in [7, 8, 9] {
        bench.append(partition, data(id, 0, 0)).unwrap();
    }
    end_now(bench, partition, marker(7, 0, false)).unwrap();
    end_now(bench, partition, marker(8, 0, true)).unwrap();
    bench.append(partition, data(7, 0, 2)).unwrap();
    end_now(bench, partition, marker(9, 0, false)).unwrap();
    end_now(bench, partition, marker(7, 0, true)).unwrap();
}

#[test]
fn aborted_transactions_are_told_to_those_who_read_them() {
    let (mut bench, partition) = Bench::with_topic(1, long_lived());
    some_transactions(&bench, &partition);
    for stop in ["none", "clean", "crash"] {
        match stop {
            "clean" => bench.restart(),
            "crash" => bench.crash(),
            _ => {}
        }
        let partition = bench.partition();
        assert_eq!(committed(&partition, 0), [2, 8], "{stop}");
        assert_eq!(aborted(&partition, 0), [(7, 0), (9, 4)]);
        assert_eq!(aborted(&partition, 7), [(9, 4)], "7 has ended before");
        assert_eq!(aborted(&partition, 11), []);
        let one = partition.read_committed(0, 1).unwrap();
        assert_eq!((one.next_offset, one.aborted.len()), (2, 1), "9 has not begun");
    }
    let bytes = bench.simulation.disk().bytes("/log/t-0/00000000000000000000.txnindex".as_ref());
    let mut expected = Vec::new();
    for (id, first, last, stable) in [(7i64, 0i64, 6i64, 2i64), (9, 4, 10, 8)] {
        expected.extend([0, 0]);
        [id, first, last, stable].iter().for_each(|field| expected.extend(field.to_be_bytes()));
    }
    assert_eq!(bytes, expected, "Kafka's entries");
}

/// Aborted transactions 10 and on with one batch of 2 offsets each, over several segments.
fn many_aborted(bench: &Bench, partition: &Partition, count: i64) {
    for id in 10..10 + count {
        bench.append(partition, of_transaction(&batch(1, 2, 2_000), id, 0, 0)).unwrap();
        end_now(bench, partition, marker(id, 0, false)).unwrap();
    }
}

#[test]
fn closed_segments_keep_their_aborted_transactions_in_files() {
    let (mut bench, partition) = Bench::with_topic(1, long_lived());
    many_aborted(&bench, &partition, 20);
    let all: Vec<(i64, i64)> = (0..20).map(|at| (10 + at, at * 3)).collect();
    let check = |bench: &Bench| {
        let partition = bench.partition();
        assert_eq!(partition.high_watermark(), 60);
        for offset in 0..60 {
            let read = partition.read_committed(offset, 1 << 20).unwrap();
            let (first, end) = (offset / 3, read.next_offset);
            let found: Vec<_> =
                read.aborted.iter().map(|a| (a.producer_id, a.first_offset)).collect();
            let expected = all.iter().filter(|a| a.0 - 10 >= first && a.1 < end);
            assert_eq!(found, expected.copied().collect::<Vec<_>>(), "from {offset} to {end}");
            assert_eq!(read.committed().count(), 0);
        }
    };
    check(&bench);
    bench.crash();
    check(&bench);
    bench.restart();
    check(&bench);
    let files = index_files(&bench);
    assert!(files.len() > 4, "{files:?}");
    assert_eq!(files.iter().map(|(_, bytes)| bytes).sum::<u64>(), 20 * 34);
    // A file that is damaged, or whose neighbour is gone, is built anew.
    let disk = bench.simulation.disk().clone();
    let path = |name: &str| std::path::PathBuf::from(format!("/log/t-0/{name}"));
    let before: Vec<_> = files.iter().map(|(name, _)| disk.bytes(&path(name))).collect();
    for damage in 0..4 {
        bench.log.close().unwrap();
        let door = bench.log.world().clone();
        let (first, second) = (path(&files[0].0), path(&files[1].0));
        match damage {
            0 => disk.flip_bit(&first, 2, 7),
            1 => door
                .disk()
                .open(&second, tidemill_world::OpenHow::Write)
                .unwrap()
                .set_len(33)
                .unwrap(),
            2 => {
                door.disk().remove_file(&second).unwrap();
                door.disk().remove_file(&second.with_extension("index")).unwrap();
            }
            _ => {
                let stray = door
                    .disk()
                    .open(&path("00000000000000000007.txnindex"), tidemill_world::OpenHow::Write);
                stray.unwrap().write_at(&[1; 40], 0).unwrap();
            }
        }
        bench.restart();
        check(&bench);
        let after: Vec<_> = files.iter().map(|(name, _)| disk.bytes(&path(name))).collect();
        assert_eq!(after, before, "damage {damage}");
        assert_eq!(index_files(&bench).len(), files.len());
    }
    // The files go with their segments.
    bench.partition().delete_records(40).unwrap();
    bench.run();
    assert!(index_files(&bench).len() < 4);
    assert_eq!(aborted(&bench.partition(), 40).first(), Some(&(23, 39)));
}

#[test]
fn a_transaction_over_several_segments_is_told_wherever_it_is_read() {
    let (mut bench, partition) = Bench::with_topic(1, long_lived());
    bench.append(&partition, data(7, 0, 0)).unwrap();
    for id in 0..10 {
        bench.append(&partition, batch(id, 1, 4_000)).unwrap();
    }
    end_now(&bench, &partition, marker(7, 0, false)).unwrap();
    for _ in 0..2 {
        let partition = bench.partition();
        for offset in 0..13 {
            assert_eq!(aborted(&partition, offset), [(7, 0)], "from {offset}");
        }
        assert_eq!(committed(&partition, 0).first(), Some(&2));
        bench.restart();
    }
}

#[test]
fn deleting_the_beginning_of_an_open_transaction_frees_readers() {
    let (mut bench, partition) = Bench::with_topic(1, long_lived());
    bench.append(&partition, data(7, 0, 0)).unwrap();
    bench.append(&partition, batch(1, 3, 40)).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut stable = pin!(partition.changed_stable(0));
    assert_eq!(stable.as_mut().poll(&mut context), Poll::Pending);
    partition.delete_records(3).unwrap();
    assert_eq!(stable.as_mut().poll(&mut context), Poll::Ready(()));
    assert_eq!(partition.last_stable_offset(), 3);
    assert!(partition.read_committed(3, 1 << 20).unwrap().is_empty(), "it is still open");
    bench.restart();
    let partition = bench.partition();
    assert_eq!((partition.last_stable_offset(), partition.high_watermark()), (3, 5));
    end_now(&bench, &partition, marker(7, 0, false)).unwrap();
    assert_eq!((partition.last_stable_offset(), partition.high_watermark()), (6, 6));
    assert_eq!(committed(&partition, 3), [2], "the batch that holds offset 3");
}

#[test]
fn a_full_disk_takes_back_the_beginning_and_the_end_of_transactions() {
    let (mut bench, partition) = Bench::with_topic(1, long_lived());
    bench.append(&partition, data(7, 0, 0)).unwrap();
    let disk = bench.simulation.disk();
    disk.set_capacity(disk.used_bytes());
    let large = of_transaction(&batch(1, 1, 9_000), 8, 0, 0);
    let answers =
        [end(&partition, marker(7, 0, false)), submit(&partition, large.clone(), Acks::Synced)];
    bench.run();
    for answer in &answers {
        assert!(matches!(take(answer), Some(Err(AppendError::DiskFull { .. }))));
    }
    disk.set_capacity(u64::MAX);
    let open: Vec<_> = partition.producers().iter().map(|p| p.transaction_start_offset).collect();
    assert_eq!(open, [Some(0)], "7 is open again, 8 has never been there");
    assert_eq!((partition.last_stable_offset(), partition.high_watermark()), (0, 2));
    bench.append(&partition, large).unwrap();
    end_now(&bench, &partition, marker(7, 0, true)).unwrap();
    end_now(&bench, &partition, marker(8, 0, true)).unwrap();
    for _ in 0..2 {
        assert_eq!(aborted(&bench.partition(), 0), [], "the abort was taken back");
        assert_eq!(committed(&bench.partition(), 0), [0, 2]);
        bench.restart();
    }
}

#[test]
fn no_snapshot_is_written_before_the_aborted_transactions_before_it() {
    for changes in 0..20 {
        let (mut bench, partition) = Bench::with_topic(changes, long_lived());
        some_transactions(&bench, &partition);
        if changes == 19 {
            bench.simulation.disk().fail_next_sync("txnindex");
        } else {
            bench.simulation.disk().die_after(changes);
        }
        drop(bench.log.close());
        bench.crash();
        assert_eq!(aborted(&bench.partition(), 0), [(7, 0), (9, 4)], "after {changes} changes");
        assert_eq!(committed(&bench.partition(), 0), [2, 8]);
    }
}

#[test]
fn an_index_that_is_built_anew_knows_of_transactions_whose_beginning_is_gone() {
    let (mut bench, partition) = Bench::with_topic(1, long_lived());
    bench.append(&partition, data(7, 0, 0)).unwrap();
    many_aborted(&bench, &partition, 12);
    bench.append(&partition, data(7, 0, 2)).unwrap();
    end_now(&bench, &partition, marker(7, 0, false)).unwrap();
    partition.delete_records(20).unwrap();
    bench.run();
    let start = partition.log_start_offset();
    let before = committed(&partition, start);
    bench.log.close().unwrap();
    let damaged = format!("/log/t-0/{}", index_files(&bench)[0].0);
    bench.simulation.disk().flip_bit(damaged.as_ref(), 2, 7);
    bench.restart();
    let partition = bench.partition();
    assert_eq!(committed(&partition, start), before);
    for offset in start..partition.high_watermark() {
        let read = partition.read_committed(offset, 1).unwrap();
        // The first batch of 7 that is left is at 38.
        let expected = read.next_offset > 38;
        let found = read.aborted.iter().any(|aborted| aborted.producer_id == 7);
        assert!(found || !expected, "from {offset}");
        assert_eq!(read.committed().count(), 0, "from {offset}");
    }
}
