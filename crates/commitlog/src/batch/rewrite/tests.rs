//! What is kept of a batch is as it was.

use super::super::{BatchBuilder, Record, check, records};
use super::*;

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

fn batch(codec: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(1 << 20).compression(codec);
    for at in 0..5i64 {
        let value = at.to_string();
        let headers: &[(&str, &[u8])] = &[("h", b"w")];
        let record = Record {
            timestamp_ms: 1_000 - at * 100,
            key: Some(b"key"),
            value: (at != 3).then_some(value.as_bytes()),
            headers,
        };
        builder.push(&record).unwrap();
    }
    let mut batch = builder.finish().to_vec();
    let mut header = super::super::header(&batch).unwrap();
    (header.base_offset, header.leader_epoch) = (700, 3);
    (header.producer_id, header.producer_epoch, header.base_sequence) = (9, 2, 40);
    header.write(&mut batch);
    seal(&mut batch);
    batch.into()
}

fn told(batch: &Bytes) -> Vec<(i64, i64, Option<Vec<u8>>, usize)> {
    let all = records(batch).unwrap();
    let told = |record: super::super::RecordView<'_>| {
        assert_eq!(record.key, Some(&b"key"[..]));
        let value = record.value.map(<[u8]>::to_vec);
        (record.offset, record.timestamp_ms, value, record.headers().count())
    };
    all.iter().map(|record| told(record.unwrap())).collect()
}

#[test]
fn records_go_and_the_others_stay_as_they_are() {
    for codec in CODECS {
        let whole = batch(codec);
        let before = told(&whole);
        let opened = records(&whole).unwrap();
        for horizon in [None, Some(5), Some(i64::MAX - 7)] {
            let kept = [false, true, false, true, false];
            let fewer = rewrite(&opened, &kept, horizon).unwrap();
            let header = check(&fewer, usize::MAX).unwrap();
            assert_eq!(
                told(&fewer),
                [before[1].clone(), before[3].clone()],
                "{codec:?} {horizon:?}"
            );
            assert_eq!(header.delete_horizon_ms(), horizon);
            assert_eq!((header.base_offset, header.last_offset()), (700, 704));
            assert_eq!((header.record_count, header.max_timestamp_ms), (2, 900));
            assert_eq!((header.producer_id, header.producer_epoch), (9, 2));
            assert_eq!((header.base_sequence, header.leader_epoch), (40, 3));
            assert_eq!(header.compression(), Ok(codec));
            // Once more: the horizon is kept.
            let opened = records(&fewer).unwrap();
            let again = rewrite(&opened, &[true, true], None).unwrap();
            assert_eq!(again, fewer);
        }
    }
}

#[test]
fn a_batch_without_records_keeps_its_place_and_its_producer() {
    let whole = batch(Compression::Zstd);
    let bare = empty(&check(&whole, usize::MAX).unwrap());
    let header = check(&bare, usize::MAX).unwrap();
    assert_eq!((bare.len(), header.record_count), (HEADER_BYTES, 0));
    assert_eq!((header.base_offset, header.last_offset()), (700, 704));
    assert_eq!((header.producer_id, header.base_sequence), (9, 40));
    assert_eq!((header.max_timestamp_ms, header.compression()), (1_000, Ok(Compression::None)));
    assert!(told(&bare).is_empty());
}

#[test]
fn times_set_by_the_log_stay() {
    let mut whole = batch(Compression::None).to_vec();
    super::super::restamp(&mut whole, 5_000);
    let whole = Bytes::from(whole);
    let opened = records(&whole).unwrap();
    let fewer = rewrite(&opened, &[true, false, false, false, false], Some(77)).unwrap();
    assert_eq!(told(&fewer)[0].1, 5_000);
    assert_eq!(check(&fewer, usize::MAX).unwrap().max_timestamp_ms, 5_000);
}
