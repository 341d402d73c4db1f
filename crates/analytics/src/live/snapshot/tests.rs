//! Tests of the state against the shape that the page expects.

use super::*;
use crate::agent::Device;
use crate::enrich::Fact;
use crate::hit::Action;
use crate::pipeline::fact::nothing;
use crate::referrer::Class;
use crate::views::{Limits, Views};

const NOW: i64 = 1_772_706_030_000;

fn views() -> Views {
    let mut views = Views::new(Limits::default());
    for (offset, minutes) in [(0_i64, 100), (1, 50), (2, 1), (3, 0)] {
        views.apply(&Fact {
            site: "s".into(),
            post: if offset == 0 { "e.org/old" } else { "e.org/a" }.into(),
            action: Action::PageView,
            class: Class::Search,
            domain: "google.com".into(),
            device: Device::Mobile,
            visitor: offset.cast_unsigned() + 1,
            ..nothing(NOW - minutes * MINUTE_MS, 0, offset)
        });
    }
    views
}

fn look(window: Window) -> Look {
    Look { site: "s".to_owned(), window, sort: Sort::Views }
}

#[test]
fn the_state_has_every_field_of_the_seam() {
    let views = views();
    let state = state(&look(Window::Hours4), "", views.site("s").unwrap(), false, NOW);
    let state = Value::Object(state);
    assert_eq!(state["window"]["anchored"], "now");
    assert_eq!(state["site"]["title"], "s");
    assert_eq!(
        state["totals"],
        json!({"views": 4, "visitors": 4, "engaged_minutes": 0.0, "reading_now": 2, "views_per_minute": 1, "bots": 0})
    );
    assert_eq!(state["referrers"]["search"], 4);
    let points = state["series"]["views"].as_array().unwrap();
    assert_eq!(points.iter().filter_map(Value::as_u64).sum::<u64>(), 4);
    assert!(points.len() <= 360);
    let first = &state["posts"][0];
    for field in [
        "rank",
        "move",
        "url",
        "link",
        "title",
        "author",
        "section",
        "pub_date_ms",
        "views",
        "visitors",
        "engaged_minutes",
        "spark",
        "referrers",
    ] {
        assert!(first.get(field).is_some(), "{field}");
    }
    assert_eq!(
        (&first["url"], &first["views"], &first["rank"]),
        (&json!("e.org/a"), &json!(3), &json!(1))
    );
    assert_eq!(first["spark"].as_array().unwrap().len(), 30);
    // A minute ago both had been read once, and the order was that of their names.
    assert_eq!(first["move"], 0);
}

#[test]
fn what_is_new_in_the_list_has_no_movement() {
    let views = views();
    let state = state(&look(Window::Minutes15), "T", views.site("s").unwrap(), false, NOW);
    assert_eq!(state["site"]["title"], "T");
    assert_eq!(state["posts"][0]["views"], 2);
    assert_eq!(state["posts"].as_array().unwrap().len(), 1);
}

#[test]
fn a_post_has_its_detail_and_an_unknown_one_is_null() {
    let views = views();
    let site = views.site("s").unwrap();
    let state = state(&look(Window::Hours4), "", site, false, NOW);
    let post = post_state(&look(Window::Hours4), site, "e.org/a", state.get("posts"), NOW);
    assert_eq!(
        post["referrer_domains"],
        json!([{"domain": "google.com", "class": "search", "views": 3}])
    );
    assert_eq!(post["devices"], json!({"desktop": 0, "mobile": 3, "tablet": 0}));
    assert_eq!(
        (&post["rank"], &post["authors"], &post["tags"]),
        (&json!(1), &json!([]), &json!([]))
    );
    assert_eq!(
        post["series"]["views"].as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>(),
        3
    );
    assert!(post_state(&look(Window::Hours4), site, "e.org/none", None, NOW).is_null());
}

#[test]
fn a_site_with_no_hits_has_a_state_too() {
    let state = state(&look(Window::All), "", &Site::default(), false, NOW);
    assert_eq!(state["totals"]["views"], 0);
    assert!(state["site"]["first_ms"].is_null());
    assert!(state["posts"].as_array().unwrap().is_empty());
}
