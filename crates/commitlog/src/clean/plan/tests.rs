//! When a partition is worth cleaning, and what is merged.

use super::*;

fn facts(ends: &[(i64, u64)]) -> Vec<Facts> {
    let mut base = 0;
    let segment = |&(end, bytes): &(i64, u64)| {
        let facts =
            Facts { base, end, bytes, greatest_ms: Some(end * 10), first_ms: Some(base * 10) };
        base = end;
        facts
    };
    ends.iter().map(segment).collect()
}

#[test]
fn the_dirty_part_must_be_more_than_the_ratio() {
    let segments = facts(&[(10, 100), (20, 100), (30, 60)]);
    let config = TopicConfig { min_cleanable_dirty_ratio: 0.375, ..TopicConfig::default() };
    let at = |cleaned_to| plan(&segments, cleaned_to, 0, &config, 1_000);
    assert_eq!(at(None).unwrap().first_dirty, 0);
    assert!((at(Some(15)).unwrap().ratio - 160.0 / 260.0).abs() < 1e-9);
    assert_eq!(at(Some(20)), None, "60 of 260");
    assert_eq!(at(Some(30)), None, "nothing is dirty");
    // A mark of another life of the topic.
    assert_eq!(at(Some(31)).unwrap().first_dirty, 0);
    assert_eq!(plan(&segments, Some(5), 12, &config, 1_000).unwrap().first_dirty, 12);
    assert_eq!(plan(&[], None, 0, &config, 1_000), None);
}

#[test]
fn the_young_wait_and_the_overdue_go_first() {
    let segments = facts(&[(10, 100), (20, 100), (30, 100)]);
    let config = TopicConfig { min_compaction_lag_ms: 50, ..TopicConfig::default() };
    assert_eq!(plan(&segments, None, 0, &config, 250).unwrap().limit, 20);
    assert_eq!(plan(&segments, None, 0, &config, 249).unwrap().limit, 10);
    assert_eq!(plan(&segments, None, 0, &config, 100), None);
    let config = TopicConfig {
        min_cleanable_dirty_ratio: 1.0,
        max_compaction_lag_ms: 100,
        ..TopicConfig::default()
    };
    assert_eq!(plan(&segments, Some(10), 0, &config, 200), None);
    let overdue = plan(&segments, Some(10), 0, &config, 201).unwrap();
    let dirty = Plan { ratio: 0.9, is_overdue: false, ..overdue };
    assert!(overdue.is_overdue && is_before(&overdue, &dirty) && !is_before(&dirty, &overdue));
}

#[test]
fn neighbours_are_merged_up_to_the_size_of_a_segment() {
    let segments = facts(&[(10, 50), (20, 50), (30, 1), (40, 150), (50, 10)]);
    assert_eq!(groups(&segments, 100), [0..2, 2..3, 3..4, 4..5]);
    assert_eq!(groups(&segments, 101), [0..3, 3..4, 4..5]);
    assert_eq!(groups(&[], 100), []);
    let far = facts(&[(10, 1), (i64::from(i32::MAX), 1), (i64::from(i32::MAX) + 1, 1)]);
    assert_eq!(groups(&far, 100), [0..2, 2..3]);
}
