//! Tests of turning batches into forms.

use std::sync::Arc;

use super::*;
use crate::config::{AnalyticsConfig, SiteConfig};
use crate::hit::Hit;
use crate::intake::{HITS, Intake, ensure_topic};
use crate::metrics::Metrics;
use crate::visitor::DayKeys;
use tidemill_commitlog::{Log, LogConfig};
use tidemill_world::sim::Simulation;

fn collector() -> Collector {
    let world = Simulation::new(1).world();
    let log = Log::open(world.clone(), LogConfig::new("/data")).unwrap();
    let hits = ensure_topic(&log, HITS).unwrap().unwrap();
    let site = SiteConfig {
        id: "closed".into(),
        hosts: vec!["example.com".into()],
        ..SiteConfig::default()
    };
    let config = AnalyticsConfig { sites: vec![site], ..AnalyticsConfig::new("/data") };
    Collector {
        config: Arc::new(config),
        intake: Intake::new(&hits),
        keys: Arc::new(DayKeys::open(&world, "/data".as_ref()).unwrap()),
        metrics: Arc::new(Metrics::default()),
        clock: world.clock_arc(),
    }
}

#[test]
fn an_event_becomes_the_form_that_the_pixel_would_have_sent() {
    let body = br#"{"events":[{"idsite":"app","url":"https://example.com/a b","action":"heartbeat","inc":5,"tt":15.5,
        "pvid":"p","ip_address":"203.0.113.9","data":{"ts":17},"metadata":{"title":"T&U"},"bad\nname":"x","title":null}]}"#;
    let forms = collector().forms(body).unwrap();
    assert_eq!(forms[0].0, "app");
    let hit = Hit::decode(forms[0].1.as_bytes()).unwrap();
    assert_eq!(
        (&*hit.url, hit.engaged_s, &*hit.engaged_total),
        ("https://example.com/a b", Some(5.0), "15.5")
    );
    assert_eq!(hit.metadata, r#"{"title":"T&U"}"#);
    assert!(!forms[0].1.contains("203.0.113.9") && !forms[0].1.contains("bad"));
}

#[test]
fn a_bad_event_refuses_the_batch_and_is_named() {
    let collector = collector();
    let refused = |body: &str| {
        let refused = collector.forms(body.as_bytes()).unwrap_err();
        (refused.status.as_u16(), refused.message)
    };
    let good = r#"{"idsite":"a","url":"https://e.org/"}"#;
    for (body, status, part) in [
        ("{", 400, "no JSON"),
        ("[]", 400, "events: missing"),
        (r#"{"events":[]}"#, 400, "events: empty"),
        (&format!(r#"{{"events":[{good},{{"idsite":"a"}}]}}"#), 400, "events[1].url: missing"),
        (
            &format!(r#"{{"events":[{good},{{"url":"https://e.org/"}}]}}"#),
            400,
            "events[1].idsite: missing",
        ),
        (
            r#"{"events":[{"idsite":"a b","url":"https://e.org/"}]}"#,
            400,
            "events[0].idsite: use letters",
        ),
        (r#"{"events":[{"idsite":"a","url":"/x"}]}"#, 400, "absolute"),
        (r#"{"events":[{"idsite":"a","url":7}]}"#, 400, "events[0].url: missing"),
        (r#"{"events":[7]}"#, 400, "events[0]: must be an object"),
        (r#"{"events":[{"idsite":"closed","url":"https://evilexample.com/"}]}"#, 403, "host"),
        (&"[".repeat(60_000), 400, "no JSON"),
    ] {
        let (found, message) = refused(body);
        assert_eq!(found, status, "{message}");
        assert!(message.contains(part), "{body}: {message}");
    }
    assert!(
        collector
            .forms(br#"{"events":[{"idsite":"closed","url":"https://www.example.com/"}]}"#)
            .is_ok()
    );
    let many = format!(r#"{{"events":[{}]}}"#, vec![good; 501].join(","));
    assert!(refused(&many).1.contains("more than 500"));
}
