//! The bytes are Kafka's, and what is wrong is not believed.

use proptest::prelude::*;

use super::*;

fn written(sequence: i32) -> Written {
    Written {
        last_sequence: sequence,
        last_offset: i64::from(sequence) + 100,
        offset_delta: 2,
        at_ms: 77,
    }
}

#[test]
fn the_bytes_are_kafkas() {
    let mut producers = Producers::default();
    producers.insert(5, 3, written(9));
    let bytes = encode(&producers);
    let mut expected = vec![0, 0, 0, 1];
    expected.extend(5i64.to_be_bytes());
    expected.extend(3i16.to_be_bytes());
    expected.extend(9i32.to_be_bytes());
    expected.extend(109i64.to_be_bytes());
    expected.extend(2i32.to_be_bytes());
    expected.extend(77i64.to_be_bytes());
    expected.extend([0xff; 12]);
    assert_eq!(bytes[..2], [0, 1]);
    assert_eq!(bytes[2..6], crc32c::crc32c(&expected).to_be_bytes());
    assert_eq!(bytes[6..], expected);
}

#[test]
fn an_empty_state_has_a_snapshot() {
    let decoded = decode(&encode(&Producers::default())).unwrap();
    assert_eq!(decoded.batches().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(batches in prop::collection::vec((0..4i64, 0..2i16, 0..1000i32), 0..40)) {
        let mut producers = Producers::default();
        batches.iter().for_each(|(id, epoch, sequence)| producers.insert(*id, *epoch, written(*sequence)));
        let read = decode(&encode(&producers)).unwrap();
        prop_assert!(read.batches().eq(producers.batches()));
    }

    #[test]
    fn a_flipped_bit_or_a_cut_is_found(at in 0..194usize, bit in 0..8u8, cut in 0..194usize) {
        let mut producers = Producers::default();
        (0..4).for_each(|sequence| producers.insert(1, 0, written(sequence)));
        let mut bytes = encode(&producers);
        prop_assert!(decode(&bytes[..cut]).is_err());
        bytes[at] ^= 1 << bit;
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut sealed = vec![0, 1];
        sealed.extend(crc32c::crc32c(&bytes).to_be_bytes());
        sealed.extend(&bytes);
        let _ = decode(&sealed);
        let _ = decode(&bytes);
    }
}
