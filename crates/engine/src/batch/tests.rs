//! A batch gives back tuples and roots as they were pushed.

use proptest::prelude::*;

use super::*;

fn root(number: u32) -> RootId {
    RootId { spout: number % 2, slot: number, generation: 1 }
}

proptest! {
    #[test]
    fn tuples_and_roots_come_back(
        tuples in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..20), 0u32..4, prop::collection::vec(0u32..4, 0..3)),
            0..60,
        ),
    ) {
        let mut batch = Batch::default();
        // A second round in used memory must not see the first.
        for _ in 0..2 {
            for (bytes, first, extras) in &tuples {
                let extras: Vec<RootId> = extras.iter().copied().map(root).collect();
                batch.push(root(*first), &extras, |writer| writer.0.extend_from_slice(bytes));
            }
            let mut at = 0;
            for run in batch.runs() {
                prop_assert!((run.end as usize) > at);
                let same = tuples.iter().enumerate().take(run.end as usize).skip(at);
                for (index, (bytes, first, extras)) in same {
                    let extras: Vec<RootId> = extras.iter().copied().map(root).collect();
                    prop_assert_eq!(batch.tuple(index), bytes.as_slice());
                    prop_assert_eq!(run.root, root(*first));
                    prop_assert_eq!(batch.extras(run), extras.as_slice());
                }
                at = run.end as usize;
            }
            prop_assert_eq!(at, tuples.len());
            batch.clear();
            prop_assert!(batch.is_empty());
        }
    }
}

#[test]
fn neighbours_of_one_root_share_a_run() {
    let mut batch = Batch::default();
    for number in [1, 1, 1, 2, 2, 1] {
        batch.push(root(number), &[], |_| {});
    }
    let ends: Vec<u32> = batch.runs().iter().map(|run| run.end).collect();
    assert_eq!(ends, [3, 5, 6]);
}

#[test]
fn a_batch_is_full_by_tuples_or_by_bytes() {
    let mut batch = Batch::default();
    for _ in 0..BATCH_TUPLES {
        assert!(!batch.is_full());
        batch.push(RootId::NONE, &[], |_| {});
    }
    assert!(batch.is_full());
    batch.clear();
    batch.push(RootId::NONE, &[], |writer| writer.0.resize(BATCH_BYTES, 0));
    assert!(batch.is_full());
}
