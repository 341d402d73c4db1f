//! Time, cut into minutes, hours and days.
//!
//! # Constraints
//!
//! * Every hit counts in its minute, its hour and its day, so that a question over any period reads a few dozen
//!   buckets: days where whole days fit, hours at their edges, minutes at the edges of those.
//! * Minutes are kept for 48 hours before the newest hit and hours for 90 days; days stay. A period whose edge falls
//!   inside what is no longer kept is rounded outwards to the next coarser bucket.
//! * What is kept depends on the hits only, not on the time of day: a replay gives the same buckets.

use std::collections::BTreeMap;

use super::cell::Bucket;
use crate::period::{DAY_MS, HOUR_MS, MINUTE_MS, Period, floor};

#[cfg(test)]
mod tests;

/// How far back of the newest hit minutes are kept.
pub const MINUTES_KEPT_MS: i64 = 48 * HOUR_MS;
/// How far back of the newest hit hours are kept.
pub const HOURS_KEPT_MS: i64 = 90 * DAY_MS;

/// The buckets of a site.
#[derive(Clone, Debug, Default)]
pub struct Levels {
    minutes: BTreeMap<i64, Bucket>,
    hours: BTreeMap<i64, Bucket>,
    days: BTreeMap<i64, Bucket>,
    newest_ms: i64,
}

impl Levels {
    /// Calls `count` with the buckets that hold this time, the finest first.
    pub fn at(&mut self, at_ms: i64, mut count: impl FnMut(&mut Bucket)) {
        if at_ms > self.newest_ms {
            self.newest_ms = at_ms;
            self.forget();
        }
        if at_ms >= self.minutes_from() {
            count(self.minutes.entry(floor(at_ms, MINUTE_MS)).or_default());
        }
        if at_ms >= self.hours_from() {
            count(self.hours.entry(floor(at_ms, HOUR_MS)).or_default());
        }
        count(self.days.entry(floor(at_ms, DAY_MS)).or_default());
    }

    /// The first minute that is kept; the start of an hour.
    fn minutes_from(&self) -> i64 {
        floor(self.newest_ms.saturating_sub(MINUTES_KEPT_MS), HOUR_MS)
    }

    /// The first hour that is kept; the start of a day.
    fn hours_from(&self) -> i64 {
        floor(self.newest_ms.saturating_sub(HOURS_KEPT_MS), DAY_MS)
    }

    fn forget(&mut self) {
        let (minutes_from, hours_from) = (self.minutes_from(), self.hours_from());
        while self.minutes.first_key_value().is_some_and(|(start, _)| *start < minutes_from) {
            self.minutes.pop_first();
        }
        while self.hours.first_key_value().is_some_and(|(start, _)| *start < hours_from) {
            self.hours.pop_first();
        }
    }

    /// The buckets that together are this period. No bucket comes twice.
    pub fn cover(&self, period: Period) -> Vec<&Bucket> {
        let mut found = Vec::new();
        let Some((first, last)) = self.extent() else { return found };
        let mut at = floor(period.start_ms.max(first), MINUTE_MS);
        let end = period.end_ms.min(last);
        while at < end {
            let (buckets, length) = self.coarsest(at, end);
            let start = floor(at, length);
            found.extend(buckets.get(&start));
            at = start + length;
        }
        found
    }

    /// From the first day to the end of the last.
    fn extent(&self) -> Option<(i64, i64)> {
        let (first, _) = self.days.first_key_value()?;
        let (last, _) = self.days.last_key_value()?;
        Some((*first, *last + DAY_MS))
    }

    /// The coarsest level with a bucket that starts here and fits, or else the finest that is kept.
    fn coarsest(&self, at: i64, end: i64) -> (&BTreeMap<i64, Bucket>, i64) {
        let fits = |length: i64| floor(at, length) == at && at + length <= end;
        if fits(DAY_MS) || at < self.hours_from() {
            (&self.days, DAY_MS)
        } else if fits(HOUR_MS) || at < self.minutes_from() {
            (&self.hours, HOUR_MS)
        } else {
            (&self.minutes, MINUTE_MS)
        }
    }

    /// The length of the finest buckets that are kept for a time.
    pub fn finest_ms(&self, at_ms: i64) -> i64 {
        if at_ms < self.hours_from() {
            DAY_MS
        } else if at_ms < self.minutes_from() {
            HOUR_MS
        } else {
            MINUTE_MS
        }
    }

    /// The minute that starts at this time.
    pub fn minute(&self, start_ms: i64) -> Option<&Bucket> {
        self.minutes.get(&start_ms)
    }
}
