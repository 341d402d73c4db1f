//! Batches: what goes in comes out, and hostile bytes come to nothing.

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    BatchBuilder, BatchError, Compression, EndMarker, HEADER_BYTES, Record, check, end_marker,
    frames, header, records, varint,
};

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

#[derive(Clone, Debug, PartialEq)]
struct Owned {
    timestamp_ms: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
}

fn owned() -> impl Strategy<Value = Owned> {
    let bytes = || prop::option::of(prop::collection::vec(any::<u8>(), 0..300));
    let headers =
        prop::collection::vec(("[a-z]{0,5}", prop::collection::vec(any::<u8>(), 0..9)), 0..3);
    (any::<i64>(), bytes(), bytes(), headers)
        .prop_map(|(timestamp_ms, key, value, headers)| Owned { timestamp_ms, key, value, headers })
}

fn build(owned: &[Owned], compression: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(1 << 20).compression(compression);
    for record in owned {
        let headers: Vec<(&str, &[u8])> =
            record.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let record = Record {
            timestamp_ms: record.timestamp_ms,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
        };
        let before = builder.bytes().max(HEADER_BYTES);
        builder.push(&record).unwrap();
        assert!(builder.bytes() - before <= record.bytes_at_most());
    }
    assert_eq!(builder.len(), owned.len());
    builder.finish()
}

fn read(batch: &Bytes) -> Result<Vec<Owned>, BatchError> {
    let mut all = Vec::new();
    for (at, record) in records(batch)?.iter().enumerate() {
        let record = record?;
        assert_eq!(record.offset, i64::try_from(at).unwrap());
        let headers = record.headers().map(|(name, value)| {
            (String::from_utf8(name.to_vec()).unwrap(), value.unwrap_or_default().to_vec())
        });
        all.push(Owned {
            timestamp_ms: record.timestamp_ms,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: headers.collect(),
        });
    }
    Ok(all)
}

proptest! {
    #[test]
    fn what_is_built_is_read(
        owned in prop::collection::vec(owned(), 1..20),
        codec in prop::sample::select(&CODECS[..]),
    ) {
        let batch = build(&owned, codec);
        let header = check(&batch, 1 << 20).unwrap();
        header.check_count().unwrap();
        prop_assert_eq!(header.bytes, batch.len());
        prop_assert_eq!(header.compression().unwrap(), codec);
        let greatest = owned.iter().map(|record| record.timestamp_ms).max();
        prop_assert_eq!(Some(header.max_timestamp_ms), greatest);
        prop_assert_eq!(read(&batch).unwrap(), owned);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let bytes = Bytes::from(bytes);
        let _ = check(&bytes, 1 << 20);
        let _ = frames(&bytes).count();
        let _ = records(&bytes).map(|records| records.iter().count());
    }

    /// A header that says batch, v2, whole, so that the walk reaches the records; then anything.
    #[test]
    fn random_records_never_panic(
        body in prop::collection::vec(any::<u8>(), 0..400),
        codec in 0..8u8,
        count in prop_oneof![0..60i32, any::<i32>()],
    ) {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes.extend_from_slice(&body);
        let length = u32::try_from(bytes.len() - 12).unwrap();
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[16] = 2;
        bytes[22] = codec;
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        let walked = records(&Bytes::from(bytes)).map(|records| {
            records.iter().map_while(Result::ok).map(|record| record.headers().count()).sum::<usize>()
        });
        prop_assert!(walked.is_err() || walked.unwrap() <= body.len() * 100);
    }

    /// One wrong byte is either caught by the checksum or lies before what it covers.
    #[test]
    fn a_flipped_bit_is_caught(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let record = Owned { timestamp_ms: 3, key: None, value: Some(vec![7; 50]), headers: vec![] };
        let mut bytes = build(&[record], Compression::None).to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let outside = at < 8 || (12..16).contains(&at);
        prop_assert_eq!(check(&bytes, 1 << 20).is_ok(), outside);
    }

    #[test]
    fn varints_have_their_length(value: i64) {
        let mut bytes = Vec::new();
        varint::put(&mut bytes, value);
        prop_assert_eq!(bytes.len(), varint::len(value));
        let mut rest: &[u8] = &bytes;
        prop_assert_eq!(varint::take(&mut rest), Some(value));
        prop_assert!(rest.is_empty());
    }
}

#[test]
fn a_batch_has_kafkas_bytes() {
    let mut builder = BatchBuilder::new(1 << 10);
    let headers: &[(&str, &[u8])] = &[("h", b"w")];
    builder
        .push(&Record { timestamp_ms: 1000, key: Some(b"k"), value: Some(b"v"), headers })
        .unwrap();
    builder.push(&Record { timestamp_ms: 1002, key: None, value: None, headers: &[] }).unwrap();
    let batch = builder.finish();
    assert_eq!(batch[..8], [0; 8], "base offset");
    assert_eq!(batch[8..12], 69i32.to_be_bytes(), "length");
    assert_eq!(batch[12..16], (-1i32).to_be_bytes(), "leader epoch");
    assert_eq!(batch[16], 2, "magic");
    assert_eq!(batch[17..21], crc32c::crc32c(&batch[21..]).to_be_bytes(), "checksum");
    assert_eq!(batch[21..27], *b"\0\0\0\0\0\x01", "attributes, last offset delta");
    assert_eq!(batch[27..35], 1000i64.to_be_bytes(), "base timestamp");
    assert_eq!(batch[35..43], 1002i64.to_be_bytes(), "max timestamp");
    assert_eq!(batch[43..57], [0xff; 14], "producer id, epoch, sequence");
    assert_eq!(batch[57..61], 2i32.to_be_bytes(), "count");
    assert_eq!(batch[61..], *b"\x18\0\0\0\x02k\x02v\x02\x02h\x02w\x0c\0\x04\x02\x01\x01\0");
}

#[test]
fn the_builder_is_bounded_and_can_be_used_again() {
    let mut builder = BatchBuilder::new(200);
    let record = Record { value: Some(&[1; 60]), ..Record::default() };
    builder.push(&record).unwrap();
    builder.push(&record).unwrap();
    assert!(matches!(builder.push(&record), Err(BatchError::Full { max: 200, .. })));
    assert_eq!(header(&builder.finish()).unwrap().record_count, 2);
    assert!(builder.finish().is_empty());
    builder.push(&record).unwrap();
    assert_eq!(header(&builder.finish()).unwrap().record_count, 1);
}

#[test]
fn raw_snappy_is_understood() {
    let plain = build(
        &[Owned { timestamp_ms: 1, key: None, value: Some(vec![9; 500]), headers: vec![] }],
        Compression::None,
    );
    let packed = snap::raw::Encoder::new().compress_vec(&plain[HEADER_BYTES..]).unwrap();
    let mut bytes = plain[..HEADER_BYTES].to_vec();
    bytes[22] = 2;
    bytes.extend_from_slice(&packed);
    let length = u32::try_from(bytes.len() - 12).unwrap();
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    assert_eq!(read(&bytes.into()).unwrap(), read(&plain).unwrap());
}

#[test]
fn lz4_blocks_are_independent_as_javas_reader_demands() {
    let value = Some(vec![9; 500]);
    let batch =
        build(&[Owned { timestamp_ms: 1, key: None, value, headers: vec![] }], Compression::Lz4);
    assert_eq!(batch[HEADER_BYTES..HEADER_BYTES + 4], *b"\x04\x22\x4d\x18");
    assert_eq!(batch[HEADER_BYTES + 4] & 0b1110_0000, 0b0110_0000, "version 1, independent");
}

#[test]
fn what_unpacks_to_too_much_is_refused() {
    let zeros = vec![0; 1 << 20];
    for codec in CODECS.into_iter().filter(|codec| *codec != Compression::None) {
        let mut packed = Vec::new();
        codec.pack(&zeros, &mut packed).unwrap();
        assert_eq!(codec.unpack(&packed, 1 << 20).unwrap().len(), 1 << 20, "{codec:?}");
        let refused = codec.unpack(&packed, (1 << 20) - 1);
        assert!(matches!(refused, Err(BatchError::TooLarge { .. })), "{codec:?}: {refused:?}");
    }
    // A raw block whose five bytes claim 4 GiB takes no memory for it.
    let refused = Compression::Snappy.unpack(&[0xff, 0xff, 0xff, 0xff, 0x0f], usize::MAX);
    assert!(matches!(refused, Err(BatchError::Decompress { .. })));
}

/// What Kafka 4.3.1 writes for producer 4711 of epoch 5 at a coordinator of epoch 17 (its
/// `MemoryRecords.withEndTransactionMarker`).
const KAFKAS_MARKERS: [(bool, &str); 2] = [
    (
        false,
        "000000000000000000000042ffffffff02a2dd61060030000000000000018bcfe5687b0000018bcfe5687b\
         00000000000012670005ffffffff000000012000000008000000000c00000000001100",
    ),
    (
        true,
        "000000000000000000000042ffffffff0256e3b74e0030000000000000018bcfe5687b0000018bcfe5687b\
         00000000000012670005ffffffff000000012000000008000000010c00000000001100",
    ),
];

#[test]
fn markers_are_kafkas_byte_by_byte() {
    for (commit, hex) in KAFKAS_MARKERS {
        let marker = EndMarker {
            producer_id: 4711,
            producer_epoch: 5,
            coordinator_epoch: 17,
            commit,
            transaction_version: 0,
        };
        let batch = end_marker(&marker, 1_700_000_000_123);
        let found: String = batch.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, hex);
        assert_eq!(EndMarker::read(&batch), Some(marker));
        let header = check(&batch, 100).unwrap();
        assert!(header.is_control() && header.is_transactional());
    }
}

#[test]
fn what_is_no_marker_is_not_read_as_one() {
    let marker = EndMarker {
        producer_id: 1,
        producer_epoch: 0,
        coordinator_epoch: 0,
        commit: true,
        transaction_version: 0,
    };
    let batch = end_marker(&marker, 0);
    // No control batch, another type, a key that is too short, a record that is cut.
    for (at, byte) in [(22, 16), (69, 2), (65, 6), (61, 8)] {
        let mut changed = batch.to_vec();
        changed[at] = byte;
        assert_eq!(EndMarker::read(&changed.into()), None, "byte {at}");
    }
    for end in 0..batch.len() {
        assert_eq!(EndMarker::read(&batch.slice(..end)), None);
    }
}
