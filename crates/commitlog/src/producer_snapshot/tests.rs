//! The bytes are Kafka's, and what is wrong is not believed.

use proptest::prelude::*;

use super::*;

fn written(sequence: i32) -> Written {
    Written { last_sequence: sequence, last_offset: i64::from(sequence) + 100, offset_delta: 2 }
}

fn producer(epoch: i16, batches: &[i32]) -> Producer {
    let mut producer = Producer::new(epoch, 77);
    batches.iter().for_each(|sequence| producer.push(written(*sequence)));
    producer
}

fn known(producers: &Producers) -> Vec<(i64, Producer)> {
    producers.known().map(|(id, producer)| (id, *producer)).collect()
}

#[test]
fn the_bytes_are_kafkas() {
    let mut producers = Producers::default();
    producers.restore(5, producer(3, &[9]));
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
fn an_open_transaction_and_a_producer_without_batches_have_kafkas_bytes() {
    let mut producers = Producers::default();
    let mut ended = producer(3, &[]);
    (ended.coordinator_epoch, ended.open_since) = (8, Some(6));
    producers.restore(5, ended);
    let bytes = encode(&producers);
    let mut expected = vec![0, 0, 0, 1];
    expected.extend(5i64.to_be_bytes());
    expected.extend(3i16.to_be_bytes());
    expected.extend([0xff; 12]);
    expected.extend([0; 4]);
    expected.extend(77i64.to_be_bytes());
    expected.extend(8i32.to_be_bytes());
    expected.extend(6i64.to_be_bytes());
    assert_eq!(bytes[6..], expected);
    assert_eq!(known(&decode(&bytes).unwrap()), known(&producers));
}

#[test]
fn an_empty_state_has_a_snapshot() {
    let decoded = decode(&encode(&Producers::default())).unwrap();
    assert_eq!(known(&decoded), []);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(all in prop::collection::btree_map(
        0..9i64,
        (0..2i16, prop::collection::vec(0..1000i32, 0..7), -1..3i32, prop::option::of(0..9i64)),
        0..6,
    )) {
        let mut producers = Producers::default();
        for (id, (epoch, batches, coordinator_epoch, open_since)) in all {
            let mut producer = producer(epoch, &batches);
            (producer.coordinator_epoch, producer.open_since) = (coordinator_epoch, open_since);
            producers.restore(id, producer);
        }
        let mut read = decode(&encode(&producers)).unwrap();
        prop_assert_eq!(known(&read), known(&producers));
        prop_assert_eq!(read.stable_before(100), producers.stable_before(100));
    }

    #[test]
    fn a_flipped_bit_or_a_cut_is_found(at in 0..194usize, bit in 0..8u8, cut in 0..194usize) {
        let mut producers = Producers::default();
        producers.restore(1, producer(0, &[0, 1, 2, 3]));
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
