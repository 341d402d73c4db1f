//! Tests of counting visitors.

use proptest::prelude::*;
use tidemill_world::random::SeededRandom;

use super::*;

fn within(count: u64, truth: u64, share: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let (count, truth) = (count as f64, truth as f64);
    (count - truth).abs() <= truth * share
}

#[test]
fn a_cell_is_small() {
    assert_eq!(size_of::<Visitors>(), 16);
}

#[test]
fn few_are_exact_and_many_are_near() {
    let mut random = SeededRandom::new(1);
    for truth in [1_u64, 2, 127, 128, 129, 1_000, 20_000, 200_000] {
        let mut visitors = Visitors::default();
        for _ in 0..truth {
            let visitor = random.next_u64();
            visitors.add(visitor);
            visitors.add(visitor);
        }
        let share = if truth <= EXACT_MAX as u64 { 0.0 } else { 0.02 };
        assert!(within(visitors.count(), truth, share), "{truth}: {}", visitors.count());
    }
}

#[test]
fn a_union_counts_each_visitor_once() {
    let mut random = SeededRandom::new(2);
    let everybody: Vec<u64> = (0..50_000).map(|_| random.next_u64()).collect();
    // Cells of 5,000 that share half with the next one, each a sketch.
    let mut union = Union::default();
    for window in everybody.windows(5_000).step_by(2_500) {
        let mut cell = Visitors::default();
        window.iter().for_each(|visitor| cell.add(*visitor));
        union.add(&cell);
    }
    assert!(within(union.count(), 50_000, 0.02), "{}", union.count());
}

proptest! {
    #[test]
    fn unions_of_small_cells_are_exact(cells in proptest::collection::vec(proptest::collection::vec(1u64..500, 0..60), 0..20)) {
        let mut union = Union::default();
        let mut model = std::collections::BTreeSet::new();
        for members in &cells {
            let mut cell = Visitors::default();
            members.iter().for_each(|visitor| cell.add(*visitor));
            model.extend(members.iter().copied());
            union.add(&cell);
        }
        prop_assert_eq!(union.count(), model.len() as u64);
    }

    #[test]
    fn the_order_does_not_matter(seed in any::<u64>(), count in 100usize..3_000) {
        let mut random = SeededRandom::new(seed);
        let members: Vec<u64> = (0..count).map(|_| random.next_u64()).collect();
        let (mut forth, mut back) = (Visitors::default(), Visitors::default());
        members.iter().for_each(|visitor| forth.add(*visitor));
        members.iter().rev().for_each(|visitor| back.add(*visitor));
        prop_assert_eq!(forth.count(), back.count());
        let mut cell = Visitors::default();
        members.iter().take(50).for_each(|visitor| cell.add(*visitor));
        let (mut one, mut other) = (Union::default(), Union::default());
        one.add(&cell);
        one.add(&forth);
        other.add(&back);
        other.add(&cell);
        prop_assert_eq!(one.count(), other.count());
    }
}
