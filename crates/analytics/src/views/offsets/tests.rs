//! Tests of counting each offset once.

use proptest::prelude::*;

use super::*;

#[test]
fn a_gap_does_not_grow_the_set_for_ever() {
    let mut offsets = Offsets::default();
    for offset in 1..i64::try_from(3 * ABOVE_MAX).unwrap() {
        assert!(offsets.note(offset));
    }
    assert!(offsets.above.len() <= ABOVE_MAX);
    assert!(!offsets.note(0), "what was given up must not be counted later");
    assert_eq!(offsets.next(), i64::try_from(3 * ABOVE_MAX).unwrap());
}

#[test]
fn a_start_passes_over_what_retention_removed() {
    let mut offsets = Offsets::default();
    offsets.note(12);
    offsets.start_at(11);
    assert!(offsets.note(11));
    assert_eq!(offsets.next(), 13);
}

proptest! {
    #[test]
    fn each_offset_counts_once(order in proptest::collection::vec(0i64..200, 0..600)) {
        let mut offsets = Offsets::default();
        let mut model = std::collections::BTreeSet::new();
        for offset in order {
            prop_assert_eq!(offsets.note(offset), model.insert(offset));
            prop_assert!(offsets.contains(offset));
        }
        prop_assert!((0..offsets.next()).all(|offset| model.contains(&offset)));
        prop_assert!(!model.contains(&offsets.next()));
    }
}
