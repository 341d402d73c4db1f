//! Control batches and aborted data, batch by batch.

use super::super::hash::HashKey;
use super::*;
use crate::aborted::Aborted;
use crate::batch::{BatchBuilder, Record, end_marker, header, set_base_offset};

fn at(batch: &Bytes, offset: i64) -> (BatchHeader, Bytes) {
    let mut batch = batch.to_vec();
    set_base_offset(&mut batch, offset);
    (header(&batch).unwrap(), batch.into())
}

fn data(offset: i64, producer: i64) -> (BatchHeader, Bytes) {
    let mut builder = BatchBuilder::new(1 << 10);
    let record = Record { key: Some(b"k"), value: Some(b"v"), ..Record::default() };
    builder.push(&record).unwrap();
    let mut batch = builder.finish().to_vec();
    batch[22] |= 16;
    batch[43..51].copy_from_slice(&producer.to_be_bytes());
    at(&batch.into(), offset)
}

fn marker(offset: i64, producer_id: i64, commit: bool) -> (BatchHeader, Bytes) {
    let marker = EndMarker {
        producer_id,
        producer_epoch: 0,
        coordinator_epoch: 0,
        commit,
        transaction_version: 0,
    };
    at(&end_marker(&marker, 5), offset)
}

/// One pass at `now_ms` over batches in order, and what is left of each.
fn pass(
    batches: &[(BatchHeader, Bytes)],
    aborted: &[Aborted],
    now_ms: i64,
    producers: &[i64],
) -> (Vec<(BatchHeader, Bytes)>, usize) {
    let keys = {
        let mut keys = KeyMap::new(10, 1 << 10, HashKey(1, 2));
        keys.latest = 1_000;
        keys
    };
    let last = LastOfProducer { epoch: 0, last_offset: None };
    let producers = producers.iter().map(|id| (*id, last)).collect();
    let filter = Filter {
        keys: &keys,
        now_ms,
        delete_retention_ms: 100,
        producers: &producers,
        end_offset: 1_000,
    };
    let mut transactions = Transactions::new(aborted.to_vec());
    let mut left = Vec::new();
    for (found, batch) in batches {
        match filter.judge(&mut transactions, found, batch) {
            Kept::Whole => left.push((*found, batch.clone())),
            Kept::Changed(bytes) => left.push((header(&bytes).unwrap(), bytes)),
            Kept::Nothing => {}
        }
    }
    (left, transactions.take_kept().len())
}

const ABORTED: Aborted =
    Aborted { producer_id: 7, first_offset: 10, last_offset: 20, stable_offset: 21 };

fn offsets(batches: &[(BatchHeader, Bytes)]) -> Vec<i64> {
    batches.iter().map(|(found, _)| found.base_offset).collect()
}

#[test]
fn aborted_data_goes_at_once_and_its_marker_after_the_horizon() {
    let batches = [data(5, 8), data(10, 7), data(11, 8), marker(12, 8, true), marker(20, 7, false)];
    let (first, entries) = pass(&batches, &[ABORTED], 50, &[]);
    assert_eq!((offsets(&first), entries), (vec![5, 11, 12, 20], 1));
    // Nothing of the transaction is left: the marker gets its horizon, and the index no entry.
    let (second, entries) = pass(&first, &[ABORTED], 60, &[]);
    assert_eq!((offsets(&second), entries), (vec![5, 11, 12, 20], 0));
    assert_eq!(second[3].0.delete_horizon_ms(), Some(160));
    assert_eq!(EndMarker::read(&second[3].1), EndMarker::read(&batches[4].1));
    assert_eq!(offsets(&pass(&second, &[], 159, &[]).0), [5, 11, 12, 20]);
    assert_eq!(offsets(&pass(&second, &[], 160, &[]).0), [5, 11, 12]);
    // It is the last word of a producer: it stays, without a record.
    let kept = pass(&second, &[], 160, &[7]).0;
    assert_eq!((offsets(&kept), kept[3].0.record_count), (vec![5, 11, 12, 20], 0));
    assert_eq!(offsets(&pass(&kept, &[], 500, &[7]).0), [5, 11, 12, 20]);
    assert_eq!(offsets(&pass(&kept, &[], 500, &[]).0), [5, 11, 12]);
}

#[test]
fn a_commit_stays_while_data_of_its_transaction_does() {
    let batches = [data(5, 8), marker(12, 8, true), marker(15, 8, true)];
    let (left, _) = pass(&batches, &[], 50, &[]);
    assert_eq!(left[1].0.delete_horizon_ms(), None);
    assert_eq!(left[2].0.delete_horizon_ms(), Some(150), "this one ended nothing");
}
