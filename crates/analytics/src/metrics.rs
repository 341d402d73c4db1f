//! Counts of what happens, in Prometheus' text format.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Why a hit was refused. Each is counted apart and named in the header `X-Tidemill-Dropped`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A field that must be there is missing.
    Missing,
    /// A field is wrong.
    Invalid,
    /// Something is too long.
    TooLong,
    /// The site is not configured, or the page's host is not among the site's.
    NotAllowed,
    /// The browser fetched ahead; nobody has looked yet.
    Prefetch,
    /// The log took no more.
    LogRefused,
}

impl Refusal {
    const ALL: [Self; 6] = [
        Self::Missing,
        Self::Invalid,
        Self::TooLong,
        Self::NotAllowed,
        Self::Prefetch,
        Self::LogRefused,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing-field",
            Self::Invalid => "invalid-field",
            Self::TooLong => "too-long",
            Self::NotAllowed => "not-allowed",
            Self::Prefetch => "prefetch",
            Self::LogRefused => "log-refused",
        }
    }
}

/// A count that only rises.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the latency buckets in microseconds.
const BOUNDS_US: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000];

/// Latencies in buckets.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Counter; BOUNDS_US.len()],
    count: Counter,
    sum_us: Counter,
}

impl Histogram {
    /// Notes a latency.
    pub fn note(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS_US) {
            if us <= bound {
                bucket.add(1);
            }
        }
        self.count.add(1);
        self.sum_us.add(us);
    }
}

/// All counts.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Hits taken over the pixel.
    pub hits_pixel: Counter,
    /// Hits taken over the apps' batches.
    pub hits_mobile: Counter,
    /// Hits taken from access logs.
    pub hits_import: Counter,
    /// Hits of the demo's generator.
    pub hits_demo: Counter,
    /// Facts that were counted in the views.
    pub counted: Counter,
    /// Of those, made by machines.
    pub counted_bots: Counter,
    /// Facts that came again and were not counted again.
    pub again: Counter,
    /// Copies of heartbeats, and heartbeats that claimed too much.
    pub heartbeats_refused: Counter,
    /// Facts that count nowhere.
    pub nowhere: Counter,
    /// Imported lines that had been imported before.
    pub lines_again: Counter,
    /// Records of the topic `hits` that are no hits.
    pub unreadable: Counter,
    /// Raw events written.
    pub events: Counter,
    /// Live streams open now.
    pub streams: AtomicU64,
    /// From a pixel's arrival to its answer.
    pub pixel_latency: Histogram,
    /// From a question's arrival to its answer.
    pub query_latency: Histogram,
    refusals: [Counter; Refusal::ALL.len()],
}

/// What is measured when the page is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauges {
    /// Hits in the log that the views have not counted yet.
    pub lag_hits: i64,
    /// Open connections.
    pub connections: u32,
    /// Sites with hits.
    pub sites: usize,
    /// Roots on their way through the topology.
    pub in_flight: u64,
}

impl Metrics {
    /// Counts a refusal.
    pub fn refuse(&self, refusal: Refusal) {
        if let Some(counter) = self.refusals.get(refusal as usize) {
            counter.add(1);
        }
    }

    /// How often hits were refused for this reason.
    pub fn refused(&self, refusal: Refusal) -> u64 {
        self.refusals.get(refusal as usize).map_or(0, Counter::get)
    }

    /// All of it as Prometheus reads it.
    pub fn render(&self, gauges: Gauges) -> String {
        let mut page = Page(String::with_capacity(4_096));
        page.head("tidemill_hits_total", "counter", "Hits taken, by the way they came in.");
        for (via, counter) in [
            ("pixel", &self.hits_pixel),
            ("mobile", &self.hits_mobile),
            ("import", &self.hits_import),
            ("demo", &self.hits_demo),
        ] {
            page.line("tidemill_hits_total", &format!("{{via=\"{via}\"}}"), counter.get());
        }
        page.head("tidemill_refusals_total", "counter", "Hits refused, by reason.");
        for refusal in Refusal::ALL {
            let label = format!("{{reason=\"{}\"}}", refusal.name());
            page.line("tidemill_refusals_total", &label, self.refused(refusal));
        }
        self.render_counts(&mut page);
        page.one(
            "tidemill_lag_hits",
            "gauge",
            "Hits in the log that are not counted yet.",
            gauges.lag_hits,
        );
        page.one(
            "tidemill_in_flight",
            "gauge",
            "Hits on their way through the topology.",
            gauges.in_flight,
        );
        page.one("tidemill_connections", "gauge", "Open connections.", gauges.connections);
        page.one("tidemill_sites", "gauge", "Sites with hits.", gauges.sites);
        let streams = self.streams.load(Ordering::Relaxed);
        page.one("tidemill_live_streams", "gauge", "Open live streams.", streams);
        page.histogram(
            "tidemill_pixel_seconds",
            "From a pixel's arrival to its answer.",
            &self.pixel_latency,
        );
        page.histogram(
            "tidemill_query_seconds",
            "From a question's arrival to its answer.",
            &self.query_latency,
        );
        page.0
    }

    fn render_counts(&self, page: &mut Page) {
        for (name, help, counter) in [
            ("tidemill_views_counted_total", "Hits counted in the views.", &self.counted),
            ("tidemill_bots_counted_total", "Of those, made by machines.", &self.counted_bots),
            (
                "tidemill_hits_again_total",
                "Hits that came again and were not counted again.",
                &self.again,
            ),
            (
                "tidemill_heartbeats_refused_total",
                "Heartbeats that were copies or claimed too much.",
                &self.heartbeats_refused,
            ),
            ("tidemill_hits_nowhere_total", "Hits that count nowhere.", &self.nowhere),
            (
                "tidemill_lines_again_total",
                "Imported lines that had been imported before.",
                &self.lines_again,
            ),
            (
                "tidemill_unreadable_total",
                "Records of the topic hits that are no hits.",
                &self.unreadable,
            ),
            ("tidemill_events_total", "Raw events written.", &self.events),
        ] {
            page.one(name, "counter", help, counter.get());
        }
    }
}

struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.0.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn line(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        self.0.push_str(&format!("{name}{labels} {value}\n"));
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        self.line(name, "", value);
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, "histogram", help);
        let seconds = |us: u64| {
            #[expect(clippy::cast_precision_loss, reason = "microseconds of a program's life")]
            let us = us as f64;
            us / 1e6
        };
        for (bucket, bound) in histogram.buckets.iter().zip(BOUNDS_US) {
            self.line(
                &format!("{name}_bucket"),
                &format!("{{le=\"{}\"}}", seconds(bound)),
                bucket.get(),
            );
        }
        self.line(&format!("{name}_bucket"), "{le=\"+Inf\"}", histogram.count.get());
        self.line(&format!("{name}_sum"), "", seconds(histogram.sum_us.get()));
        self.line(&format!("{name}_count"), "", histogram.count.get());
    }
}
