//! Tests of the readers.

use super::*;
use crate::hit::{Action, Hit};

const NOW: i64 = 1_772_706_030_000;

fn hits(hours: i64, peak_per_s: f64) -> Vec<Generated> {
    let mut all = Vec::new();
    Traffic::new("news", 7, NOW - hours * HOUR_MS, NOW, peak_per_s)
        .advance(NOW, |hit| all.push(hit.clone()));
    all
}

#[test]
fn the_same_seed_gives_the_same_readers() {
    let (one, other) = (hits(1, 5.0), hits(1, 5.0));
    assert_eq!(one, other);
    assert!(one.len() > 1_000);
}

#[test]
fn hits_come_in_order_with_views_heartbeats_machines_and_all_classes() {
    let all = hits(3, 5.0);
    let (mut views, mut beats, mut machines, mut last_ms) = (0, 0, 0, 0);
    let mut enricher = crate::enrich::Enricher::default();
    let mut classes = std::collections::BTreeMap::<&str, u32>::new();
    for hit in &all {
        // Heartbeats of one second stand between its views.
        assert!(hit.at_ms >= last_ms && hit.at_ms < NOW);
        last_ms = hit.at_ms;
        let value = format!("{}\nua {}", hit.form, hit.user_agent);
        let enriched = enricher.enrich(Hit::decode(value.as_bytes()).unwrap());
        assert!(enriched.page.is_some());
        match enriched.action {
            Action::PageView => {
                views += 1;
                machines += u32::from(enriched.bot);
                *classes.entry(enriched.referrer.class.name()).or_default() += 1;
            }
            Action::Heartbeat => {
                beats += 1;
                assert!((1.0..=150.0).contains(&enriched.hit.engaged_s.unwrap()));
            }
            Action::Other => panic!("{}", hit.form),
        }
    }
    assert!(beats > views && beats < 4 * views, "{views} views, {beats} heartbeats");
    assert!(machines > 0 && machines < views / 10, "{machines} machines of {views}");
    for class in ["search", "social", "internal", "direct", "other"] {
        assert!(
            classes.get(class).is_some_and(|count| *count * 50 > views),
            "{class}: {classes:?}"
        );
    }
}

#[test]
fn mornings_are_quieter_than_noon() {
    let all = hits(8, 5.0);
    let early = all.iter().filter(|hit| hit.at_ms < NOW - 7 * HOUR_MS).count();
    let late = all.iter().filter(|hit| hit.at_ms >= NOW - HOUR_MS).count();
    assert!(late > 2 * early, "{early} in the first hour, {late} in the last");
}

#[test]
fn the_past_is_shortened_to_fit_its_bound() {
    let mut traffic = Traffic::new("news", 7, NOW - 9 * HOUR_MS, NOW, 10.0);
    let start_ms = traffic.start_for(20_000, NOW);
    assert!(start_ms > NOW - 2 * HOUR_MS && start_ms < NOW);
    traffic.skip_to(start_ms);
    let mut count = 0;
    traffic.advance(NOW, |_| count += 1);
    assert!((12_000..=24_000).contains(&count), "{count}");
    assert_eq!(
        Traffic::new("news", 7, NOW - HOUR_MS, NOW, 1.0).start_for(u32::MAX, NOW),
        NOW - HOUR_MS
    );
}
