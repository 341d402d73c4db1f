//! Tests of anchoring windows.

use super::*;

const NOW: i64 = 1_772_706_030_000;

fn site(first_ms: i64, last_ms: i64) -> Site {
    let mut site = Site::default();
    (site.first_ms, site.last_ms) = (first_ms, last_ms);
    site
}

#[test]
fn a_live_site_is_looked_at_now() {
    let anchored = Window::Hours4.anchor(&site(NOW - DAY_MS, NOW - 5), NOW);
    assert!(anchored.now);
    assert_eq!(anchored.period.end_ms, NOW + 30_000);
    assert_eq!(anchored.period.length_ms(), 4 * HOUR_MS);
    assert!(Window::Hours4.anchor(&Site::default(), NOW).now, "nothing yet is looked at now");
}

#[test]
fn an_old_log_is_looked_at_where_it_ends() {
    let old = site(NOW - 500 * DAY_MS, NOW - 400 * DAY_MS);
    let anchored = Window::Hours4.anchor(&old, NOW);
    assert!(!anchored.now);
    assert_eq!(anchored.period.end_ms, ceil(NOW - 400 * DAY_MS, MINUTE_MS));
    assert!(Window::Month.anchor(&site(NOW - 20 * DAY_MS, NOW - 9 * DAY_MS), NOW).now);
    let all = Window::All.anchor(&old, NOW);
    assert_eq!((all.now, all.period.start_ms), (false, floor(NOW - 500 * DAY_MS, HOUR_MS)));
}

#[test]
fn labels_are_read_back() {
    for window in Window::ALL {
        assert_eq!(Window::by_label(window.label()), Some(window));
    }
    assert_eq!(Window::by_label("3h"), None);
}
