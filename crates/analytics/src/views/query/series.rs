//! Views by step of time.

use crate::period::{DAY_MS, HOUR_MS, MINUTE_MS, Period, ceil, floor};
use crate::views::cell::Bots;
use crate::views::site::Site;

/// Points of a series that an answer may hold.
pub const POINTS_MAX: i64 = 2_000;

/// Steps that a series is drawn in when nobody asks for one.
const NICE_MS: [i64; 13] = [
    MINUTE_MS,
    2 * MINUTE_MS,
    5 * MINUTE_MS,
    10 * MINUTE_MS,
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    3 * HOUR_MS,
    6 * HOUR_MS,
    12 * HOUR_MS,
    DAY_MS,
    7 * DAY_MS,
];

/// Views by step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// The start of the first step.
    pub start_ms: i64,
    /// The length of a step.
    pub step_ms: i64,
    /// Views in each.
    pub views: Vec<u64>,
}

/// Views of the site, or of one post, in steps of this length; the first step is the one that holds the
/// period's start. At most [`POINTS_MAX`] points.
pub fn series(site: &Site, period: Period, step_ms: i64, bots: Bots, post: Option<u32>) -> Series {
    let step_ms = step_ms.max(MINUTE_MS);
    let start_ms = floor(period.start_ms, step_ms);
    let end_ms = ceil(period.end_ms, step_ms);
    let points = (end_ms.saturating_sub(start_ms) / step_ms).clamp(0, POINTS_MAX);
    let at = |index: i64| start_ms.saturating_add(index.saturating_mul(step_ms));
    let views = (0..points).map(|index| {
        let step = Period { start_ms: at(index), end_ms: at(index + 1) };
        views_in(site, step, bots, post)
    });
    Series { start_ms, step_ms, views: views.collect() }
}

fn views_in(site: &Site, period: Period, bots: Bots, post: Option<u32>) -> u64 {
    let mut views = 0;
    for cells in site.levels().cover(period).iter().flat_map(|bucket| bucket.cells(bots)) {
        let cell = match post {
            Some(post) => cells.posts.get(&post),
            None => Some(&cells.total),
        };
        views +=
            cell.map_or(0, |cell| cell.classes.iter().map(|count| u64::from(*count)).sum::<u64>());
    }
    views
}

/// The smallest nice step that needs at most this many points and is no finer than what is kept.
pub fn nice_step_ms(site: &Site, period: Period, points_max: i64) -> i64 {
    let finest_ms = site.levels().finest_ms(period.start_ms);
    let fits = |step: i64| {
        let span = ceil(period.end_ms, step).saturating_sub(floor(period.start_ms, step));
        span / step <= points_max
    };
    let nice = NICE_MS.into_iter().find(|step| *step >= finest_ms && fits(*step));
    nice.unwrap_or_else(|| ceil(period.length_ms() / points_max.max(1) + DAY_MS, 7 * DAY_MS))
}

/// Exactly this many steps that end with the period, each as short as covers the period and is kept:
/// the small curve beside a row.
pub fn spark(site: &Site, period: Period, points: i64, bots: Bots, post: u32) -> Vec<u64> {
    let unit_ms = site.levels().finest_ms(period.start_ms);
    let step_ms = ceil(period.length_ms() / points.max(1), unit_ms).max(unit_ms);
    let end_ms = ceil(period.end_ms, unit_ms);
    let start_ms = end_ms.saturating_sub(step_ms.saturating_mul(points));
    let at = |index: i64| start_ms.saturating_add(index.saturating_mul(step_ms));
    (0..points)
        .map(|index| {
            let step = Period { start_ms: at(index), end_ms: at(index + 1) };
            views_in(site, step, bots, Some(post))
        })
        .collect()
}
