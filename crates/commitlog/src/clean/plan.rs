//! Which partition to clean, how far, and which segments to merge. Plain values in, plain values out. (Kafka's
//! `LogCleanerManager` and `Cleaner.groupSegmentsBySize`.)

use crate::config::TopicConfig;

/// What is known of a closed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) base: i64,
    /// The base of the segment after it.
    pub(super) end: i64,
    pub(super) bytes: u64,
    /// Its greatest timestamp, if it has any.
    pub(super) greatest_ms: Option<i64>,
    /// The timestamp of its first batch, if that has one and it was asked for.
    pub(super) first_ms: Option<i64>,
}

/// What may be cleaned of a partition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) first_dirty: i64,
    /// Nothing from here on; the base of a segment.
    pub(super) limit: i64,
    /// Dirty bytes of all that may be cleaned.
    pub(super) ratio: f64,
    /// Something waits longer than the topic allows.
    pub(super) is_overdue: bool,
}

/// What may be cleaned of these segments, which end at or before what must not be touched; `None` when it is not
/// worth while.
pub(super) fn plan(
    segments: &[Facts],
    cleaned_to: Option<i64>,
    log_start: i64,
    config: &TopicConfig,
    now_ms: i64,
) -> Option<Plan> {
    let end = segments.last()?.end;
    // A mark outside the log is that of another life of it.
    let first_dirty = cleaned_to.filter(|at| (log_start..=end).contains(at)).unwrap_or(log_start);
    let lag = i64::try_from(config.min_compaction_lag_ms).unwrap_or(i64::MAX);
    let newest = now_ms.saturating_sub(lag);
    let is_young = |one: &&Facts| lag > 0 && one.greatest_ms.is_some_and(|ms| ms > newest);
    let mut dirty = segments.iter().filter(|one| one.end > first_dirty);
    let limit = dirty.find(is_young).map_or(end, |one| one.base);
    let (clean, dirty): (Vec<&Facts>, Vec<&Facts>) =
        segments.iter().filter(|one| one.end <= limit).partition(|one| one.end <= first_dirty);
    let bytes = |of: &[&Facts]| of.iter().map(|one| one.bytes).sum::<u64>();
    let (clean_bytes, dirty_bytes) = (bytes(&clean), bytes(&dirty));
    if dirty_bytes == 0 {
        return None;
    }
    let is_overdue = is_overdue(&dirty, config, now_ms);
    let ratio = as_f64(dirty_bytes) / as_f64(clean_bytes.saturating_add(dirty_bytes));
    let is_worth_while = is_overdue || ratio > config.min_cleanable_dirty_ratio;
    is_worth_while.then_some(Plan { first_dirty, limit, ratio, is_overdue })
}

fn is_overdue(dirty: &[&Facts], config: &TopicConfig, now_ms: i64) -> bool {
    let lag = i64::try_from(config.max_compaction_lag_ms).unwrap_or(i64::MAX);
    let oldest = now_ms.saturating_sub(lag);
    dirty.iter().filter_map(|one| one.first_ms).any(|first| first > 0 && first < oldest)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of sizes needs no more than 53 bits")]
fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}

/// Whether `a` is to be cleaned before `b`.
pub(super) fn is_before(a: &Plan, b: &Plan) -> bool {
    (a.is_overdue, a.ratio) > (b.is_overdue, b.ratio)
}

/// Neighbouring segments that together make one of at most `bytes_max`, as ranges of `segments`. Offsets of one segment
/// must fit 31 bits from its base.
pub(super) fn groups(segments: &[Facts], bytes_max: u64) -> Vec<std::ops::Range<usize>> {
    let mut groups: Vec<std::ops::Range<usize>> = Vec::new();
    let (mut base, mut bytes) = (0, 0u64);
    for (at, segment) in segments.iter().enumerate() {
        let sum = bytes.saturating_add(segment.bytes);
        let span = segment.end.saturating_sub(base);
        match groups.last_mut().filter(|_| sum <= bytes_max && span <= i64::from(i32::MAX)) {
            Some(group) => {
                group.end = at + 1;
                bytes = sum;
            }
            None => {
                groups.push(at..at + 1);
                (base, bytes) = (segment.base, segment.bytes);
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests;
