//! Records of `__transaction_state`.

use proptest::prelude::*;

use super::super::codec::{decode_key, decode_value, encode_key, encode_value};
use super::*;

fn any_metadata() -> impl Strategy<Value = Metadata> {
    let ids = (0..i64::MAX, -1..i64::MAX, -1..i64::MAX);
    let partitions = proptest::collection::btree_set(("[a-c]{1,2}", 0..9i32), 0..12);
    let times = (any::<i64>(), any::<i64>(), 1..i32::MAX);
    (ids, 0..=i16::MAX, 0..6usize, partitions, times, 0..3i16).prop_map(
        |((id, previous_id, next_id), epoch, state, partitions, times, client_version)| Metadata {
            producer: Producer { id, epoch },
            previous_id,
            next_id,
            timeout_ms: times.2,
            state: State::ALL[state],
            partitions: partitions.into_iter().map(|(t, i)| (Arc::from(t), i)).collect(),
            start_ms: times.0,
            update_ms: times.1,
            client_version,
            ..Metadata::new(id, 0, 0)
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(metadata in any_metadata(), id in ".{0,40}") {
        let value = encode_value(&metadata).unwrap();
        prop_assert_eq!(decode_value(&value).unwrap(), metadata);
        let key = encode_key(&id).unwrap();
        prop_assert_eq!(decode_key(&key), Some(Arc::from(id)));
    }

    #[test]
    fn damaged_values_do_not_panic(metadata in any_metadata(), at in 0..200usize, byte: u8) {
        let mut value = encode_value(&metadata).unwrap().to_vec();
        if let Some(target) = value.get_mut(at) {
            *target = byte;
        }
        let _ = decode_value(&value);
        let _ = decode_value(value.get(..at).unwrap_or_default());
    }
}

/// A value as Kafka 4.3.1 writes it, byte by byte.
#[test]
fn the_bytes_are_kafkas() {
    let metadata = Metadata {
        producer: Producer { id: 0x0102, epoch: 3 },
        previous_id: 0x0101,
        timeout_ms: 60_000,
        state: State::Ongoing,
        partitions: [("ab".into(), 0), ("ab".into(), 7)].into(),
        start_ms: 5,
        update_ms: 6,
        client_version: 2,
        ..Metadata::new(0, 0, 0)
    };
    let expected: &[u8] = &[
        0, 1, // version
        0, 0, 0, 0, 0, 0, 1, 2, // producer id
        0, 3, // epoch
        0, 0, 0xea, 0x60, // timeout
        1,    // state
        2, 3, b'a', b'b', 3, 0, 0, 0, 0, 0, 0, 0, 7, 0, // one topic, two partitions
        0, 0, 0, 0, 0, 0, 0, 6, // last update
        0, 0, 0, 0, 0, 0, 0, 5, // begin
        2, // tagged fields
        0, 8, 0, 0, 0, 0, 0, 0, 1, 1, // previous producer id
        2, 2, 0, 2, // client's protocol
    ];
    assert_eq!(encode_value(&metadata).unwrap(), expected);
    assert_eq!(encode_key("ab").unwrap(), &[0, 0, 0, 2, b'a', b'b'][..]);
}

#[test]
fn the_classic_version_is_read() {
    let classic: &[u8] = &[
        0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 3, 0, 0, 0, 9, 4, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0,
        0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 5,
    ];
    let read = decode_value(classic).unwrap();
    assert_eq!(read.state, State::CompleteCommit);
    assert_eq!((read.producer, read.timeout_ms), (Producer { id: 0x0102, epoch: 3 }, 9));
    assert!(read.partitions.is_empty());
}
