//! Tests of the counts and of the page that shows them.

use super::*;

#[test]
fn the_page_holds_each_count_once_and_buckets_rise() {
    let metrics = Metrics::default();
    metrics.hits_pixel.add(3);
    metrics.refuse(Refusal::Missing);
    metrics.pixel_latency.note(Duration::from_micros(300));
    metrics.pixel_latency.note(Duration::from_secs(60));
    let page = metrics.render(Gauges { lag_hits: 7, ..Gauges::default() });
    for line in [
        "tidemill_hits_total{via=\"pixel\"} 3",
        "tidemill_refusals_total{reason=\"missing-field\"} 1",
        "tidemill_refusals_total{reason=\"too-long\"} 0",
        "tidemill_lag_hits 7",
        "tidemill_pixel_seconds_bucket{le=\"0.00025\"} 0",
        "tidemill_pixel_seconds_bucket{le=\"0.0005\"} 1",
        "tidemill_pixel_seconds_bucket{le=\"+Inf\"} 2",
        "tidemill_pixel_seconds_count 2",
    ] {
        assert_eq!(page.lines().filter(|found| *found == line).count(), 1, "{line}\n{page}");
    }
}
