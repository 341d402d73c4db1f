//! Tests of buckets of time.

use proptest::prelude::*;

use super::*;
use crate::agent::Device;
use crate::referrer::Class;
use crate::views::cell::{Bots, Sum};

const DAY: i64 = 1_772_668_800_000;

fn add(levels: &mut Levels, at_ms: i64) {
    levels.at(at_ms, |bucket| bucket.people.total.view(Class::Direct, Device::Desktop, 0));
}

fn views(levels: &Levels, start_ms: i64, end_ms: i64) -> u64 {
    let mut sum = Sum::default();
    for bucket in levels.cover(Period { start_ms, end_ms }) {
        bucket.cells(Bots::Exclude).for_each(|cells| sum.add(&cells.total));
    }
    sum.views()
}

#[test]
fn a_long_period_reads_few_buckets() {
    let mut levels = Levels::default();
    for minute in 0..60 * 24 * 60 {
        add(&mut levels, DAY + minute * MINUTE_MS);
    }
    let period =
        Period { start_ms: DAY + 90 * MINUTE_MS, end_ms: DAY + 60 * DAY_MS - 30 * MINUTE_MS };
    assert!(levels.cover(period).len() < 150, "{}", levels.cover(period).len());
    assert_eq!(views(&levels, i64::MIN, i64::MAX), 60 * 24 * 60);
}

#[test]
fn what_is_no_longer_kept_is_rounded_outwards_and_counted_once() {
    let mut levels = Levels::default();
    for minute in 0..120 {
        add(&mut levels, DAY + minute * MINUTE_MS);
    }
    add(&mut levels, DAY + 10 * DAY_MS);
    assert_eq!(levels.minutes.len(), 1);
    assert_eq!(levels.finest_ms(DAY), HOUR_MS);
    assert_eq!(views(&levels, DAY + 10 * MINUTE_MS, DAY + 20 * MINUTE_MS), 60);
    assert_eq!(views(&levels, DAY + 10 * MINUTE_MS, DAY + 70 * MINUTE_MS), 120);
    add(&mut levels, DAY + 200 * DAY_MS);
    assert_eq!(levels.finest_ms(DAY), DAY_MS);
    assert_eq!(views(&levels, DAY + 10 * MINUTE_MS, DAY + 20 * MINUTE_MS), 120);
}

#[test]
fn a_late_hit_counts_in_what_is_kept() {
    let mut levels = Levels::default();
    add(&mut levels, DAY + 10 * DAY_MS);
    add(&mut levels, DAY);
    assert_eq!(levels.minutes.len(), 1);
    assert_eq!(views(&levels, DAY, DAY + DAY_MS), 1);
}

proptest! {
    #[test]
    fn recent_periods_are_exact(
        hits in proptest::collection::vec(0i64..46 * 60, 1..200),
        start in 0i64..46 * 60, length in 1i64..46 * 60,
    ) {
        let mut levels = Levels::default();
        for minute in &hits {
            add(&mut levels, DAY + minute * MINUTE_MS + 7);
        }
        let model = hits.iter().filter(|minute| (start..start + length).contains(*minute)).count();
        let found = views(&levels, DAY + start * MINUTE_MS, DAY + (start + length) * MINUTE_MS);
        prop_assert_eq!(found, model as u64);
    }

    #[test]
    fn any_period_over_anything_ends(start in any::<i64>(), end in any::<i64>(), hits in proptest::collection::vec(0i64..4_000_000_000_000, 0..20)) {
        let mut levels = Levels::default();
        hits.iter().for_each(|at| add(&mut levels, *at));
        prop_assert!(views(&levels, start, end) <= hits.len() as u64);
    }
}
