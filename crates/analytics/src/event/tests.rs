//! Tests of writing raw events.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::enrich::Enricher;
use crate::hit::Hit;

fn json(value: &[u8]) -> Value {
    let enriched = Enricher::default().enrich(Hit::decode(value).unwrap());
    let mut out = Vec::new();
    encode(&enriched, 1_772_706_030_000, 0, 42, &mut out);
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn a_page_view_is_written_in_the_schemas_names() {
    let event = json(
        b"idsite=example.com&url=https%3A%2F%2Fwww.example.com%2Fa%2F%3Futm_source%3Dmail%23x&urlref=https://t.co/1\
          &action=pageview&sid=3&sts=1772706000000&slts=0&rand=1772706029000&screen=1920x1080%7C1920x1040%7C24\
          &title=%22A%22&pvid=p1\nvia pixel\nua Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0\
          \nvisitor 0000000000000000000000000000000f\nnet 203.0.113.0/24",
    );
    for (field, value) in [
        ("apikey", "example.com"),
        ("event_id", "0-42"),
        ("visitor_site_id", "0000000000000000000000000000000f"),
        ("visitor_ip", "203.0.113.0/24"),
        ("action", "pageview"),
        ("ts_action", "2026-03-05 10:20:30"),
        ("url_clean", "https://www.example.com/a"),
        ("url_domain", "example.com"),
        ("url_netloc", "www.example.com"),
        ("url_path", "/a"),
        ("url_scheme", "https"),
        ("url_query", "utm_source=mail"),
        ("url_fragment", "x"),
        ("utm_source", "mail"),
        ("ref_category", "social"),
        ("ref_domain", "t.co"),
        ("ua_browser", "Firefox"),
        ("ua_devicetype", "desktop"),
        ("metadata_title", "\"A\""),
        ("pageview_id", "p1"),
    ] {
        assert_eq!(event[field], value, "{field}");
    }
    assert_eq!(event["timestamp_info_nginx_ms"], 1_772_706_030_000_i64);
    assert_eq!(event["timestamp_info_pixel_ms"], 1_772_706_029_000_i64);
    assert_eq!((&event["session_id"], &event["session"]), (&3.into(), &true.into()));
    assert_eq!(event["display_avail_height"], 1040);
    assert_eq!(event["display_pixel_depth"], 24);
    assert!(event.get("engaged_time_inc").is_none() && event.get("ts_session_last").is_none());
}

#[test]
fn the_four_required_fields_are_there_whatever_came() {
    for value in
        [&b"idsite=s"[..], b"idsite=s&url=javascript:x&action=heartbeat&inc=1e99&screen=axb"]
    {
        let event = json(value);
        for field in ["apikey", "event_id", "timestamp_info_nginx_ms", "visitor_site_id"] {
            assert!(event.get(field).is_some_and(|value| !value.is_null()), "{field}");
        }
    }
    assert_eq!(json(b"idsite=s&action=heartbeat&inc=4.6")["engaged_time_inc"], 5);
}

proptest! {
    #[test]
    fn every_hit_gives_an_object_with_each_field_once(form in "(&(url|urlref|title|screen|inc|sid|pvid|surl)=[ -~]{0,30}){0,8}") {
        let value = format!("idsite=s{form}");
        let enriched = Enricher::default().enrich(Hit::decode(value.as_bytes()).unwrap());
        let mut out = Vec::new();
        encode(&enriched, 0, 0, 0, &mut out);
        let event: Value = serde_json::from_slice(&out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for field in event.as_object().unwrap().keys() {
            let key = format!("\"{field}\":");
            prop_assert!(text.matches(&key).count() >= 1);
        }
    }
}
