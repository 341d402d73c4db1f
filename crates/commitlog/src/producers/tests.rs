//! The rules one by one, and against a model that remembers everything.

use proptest::prelude::*;

use super::*;
use crate::tests::{batch, of_producer};

fn one(id: i64, epoch: i16, sequence: i32, records: u32) -> bytes::Bytes {
    of_producer(&batch(1, records, 20), id, epoch, sequence)
}

#[test]
fn sequences_go_on_from_zero() {
    let mut producers = Producers::default();
    let last = one(1, 0, i32::MAX - 1, 3);
    assert_eq!(producers.decide(&last, 10, 0), Ok(Decision::Append));
    assert_eq!(producers.decide(&last, 13, 0), Ok(Decision::Duplicate { base_offset: 10 }));
    let gap = producers.decide(&one(1, 0, 2, 1), 13, 0);
    assert_eq!(gap, Err(SequenceError::OutOfOrder { producer_id: 1, expected: 1, found: 2 }));
    assert_eq!(producers.decide(&one(1, 0, 1, 1), 13, 0), Ok(Decision::Append));
}

#[test]
fn a_repeat_with_another_length_is_no_repeat() {
    let mut producers = Producers::default();
    producers.decide(&one(1, 0, 0, 3), 0, 0).unwrap();
    assert!(producers.decide(&one(1, 0, 0, 2), 3, 0).is_err());
    assert!(producers.decide(&one(1, 0, 1, 2), 3, 0).is_err());
}

#[test]
fn the_longest_idle_go_first_when_there_are_too_many() {
    let mut producers = Producers::default();
    for id in 0..PRODUCERS_MAX as i64 {
        producers.decide(&one(id, 0, 5, 1), id, id).unwrap();
    }
    producers.decide(&one(0, 0, 6, 1), 100, 1_000).unwrap();
    producers.commit();
    producers.decide(&one(1_005, 0, 0, 1), 101, 1_001).unwrap();
    assert!(producers.known.len() <= PRODUCERS_MAX);
    assert!(producers.known.contains_key(&0) && !producers.known.contains_key(&1));
    producers.rewind(101);
    assert!(producers.known.contains_key(&1) && !producers.known.contains_key(&1_005));
}

/// Every batch that was ever appended: producer, epoch, first sequence, records, offset.
#[derive(Clone, Default)]
struct Naive(Vec<(i64, i16, i64, i64, i64)>);

impl Naive {
    fn decide(
        &mut self,
        id: i64,
        epoch: i16,
        first: i64,
        records: i64,
        offset: i64,
    ) -> Option<i64> {
        let of: Vec<_> = self.0.iter().filter(|batch| batch.0 == id).copied().collect();
        if let Some(last) = of.last() {
            let same: Vec<_> = of.iter().filter(|batch| batch.1 == last.1).collect();
            if epoch == last.1
                && let Some(known) =
                    same.iter().rev().take(5).find(|b| (b.2, b.3) == (first, records))
            {
                return Some(known.4);
            }
            let due = if epoch == last.1 { (last.2 + last.3) % (1 << 31) } else { 0 };
            if epoch < last.1 || first != due {
                return None;
            }
        }
        self.0.push((id, epoch, first, records, offset));
        Some(offset)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Sequences are drawn from a few, so that most are repeats, successors or near misses.
    #[test]
    fn decisions_are_those_of_a_plain_model(
        batches in prop::collection::vec((0..2i64, 0..2i16, -6..14i32, 1..3u32, 0..12u8), 1..200)
    ) {
        let mut producers = Producers::default();
        let (mut model, mut kept) = (Naive::default(), Naive::default());
        let (mut offset, mut kept_offset) = (0, 0);
        for (id, epoch, near, records, end) in batches {
            let sequence = if near < 0 { i32::MAX + near + 1 } else { near };
            let count = i64::from(records);
            let expected = model.decide(id, epoch, sequence.into(), count, offset);
            let found = match producers.decide(&one(id, epoch, sequence, records), offset, offset) {
                Ok(Decision::Append) => Some(offset),
                Ok(Decision::Duplicate { base_offset }) => Some(base_offset),
                Ok(Decision::AppendRest { .. }) => panic!("there is one batch"),
                Err(_) => None,
            };
            prop_assert_eq!(found, expected);
            if found == Some(offset) {
                offset += count;
            }
            match end {
                0 => {
                    producers.rewind(kept_offset);
                    (model, offset) = (kept.clone(), kept_offset);
                }
                1..4 => {
                    producers.commit();
                    (kept, kept_offset) = (model.clone(), offset);
                }
                _ => {}
            }
        }
    }
}
