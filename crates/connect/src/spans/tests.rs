//! Spans against a list of single records.

use super::Spans;

#[test]
fn ids_rise_and_commits_are_the_records_below_the_low_water() {
    let mut spans = Spans::starting_at(10);
    let mut emitted = Vec::new();
    let runs = [(0, 100, 3), (1, 7, 2), (0, 103, 4), (1, 12, 1)];
    for (partition, first, count) in runs {
        spans.open(partition, first);
        for offset in first..first + count {
            emitted.push((spans.id(offset), partition, offset));
        }
    }
    assert!(emitted.windows(2).all(|pair| pair[0].0 < pair[1].0));
    for low_water in 10..30 {
        let mut done = [100, 7];
        let mut committed = done;
        for (_, partition, offset) in emitted.iter().filter(|(id, ..)| *id < low_water) {
            done[*partition] = offset + 1;
        }
        let mut again = clone(&runs);
        again.commit(low_water, |partition, offset| committed[partition] = offset);
        // Offset 12 follows 8 in partition 1: what lies between is not there.
        assert_eq!(committed, done, "low water {low_water}");
    }
}

fn clone(runs: &[(usize, i64, i64)]) -> Spans {
    let mut spans = Spans::starting_at(10);
    for (partition, first, count) in runs {
        spans.open(*partition, *first);
        (*first..first + count).for_each(|offset| {
            spans.id(offset);
        });
    }
    spans
}

#[test]
fn committed_spans_are_forgotten() {
    let mut spans = Spans::default();
    for first in 0..1000 {
        spans.open(0, first);
        let id = spans.id(first);
        spans.commit(id + 1, |_, _| {});
        assert!(spans.len() <= 1);
    }
}
