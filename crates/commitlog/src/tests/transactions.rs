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
