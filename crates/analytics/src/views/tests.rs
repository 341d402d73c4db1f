//! Tests of the views as a whole.

use proptest::prelude::*;

use super::cell::{Bots, Sum};
use super::query::{self, By, Filter, Metric, Question};
use super::*;
use crate::agent::Device;
use crate::period::{DAY_MS, HOUR_MS, MINUTE_MS, Period};
use crate::referrer::Class;

/// 2026-03-05T10:20:00Z.
pub(super) const NOW: i64 = 1_772_706_000_000;

/// A page view of site `s` at [`NOW`] by visitor 1.
pub(super) fn fact(offset: i64, post: &str) -> Fact<'_> {
    Fact {
        partition: 0,
        offset,
        at_ms: NOW,
        site: "s".into(),
        post: post.into(),
        action: Action::PageView,
        bot: false,
        generated: false,
        class: Class::Direct,
        domain: "".into(),
        device: Device::Desktop,
        visitor: 1,
        title: "".into(),
        engaged_s: 0.0,
        heartbeat: 0,
        metadata: "".into(),
    }
}

fn heartbeat(offset: i64, seconds: f64, number: u64) -> Fact<'static> {
    Fact {
        action: Action::Heartbeat,
        engaged_s: seconds,
        heartbeat: number,
        ..fact(offset, "e.org/a")
    }
}

fn total(views: &Views) -> Sum {
    let period = Period { start_ms: NOW - DAY_MS, end_ms: NOW + DAY_MS };
    query::total(views.site("s").unwrap(), period, Bots::Include).0
}

#[test]
fn an_offset_counts_once() {
    let mut views = Views::new(Limits::default());
    assert_eq!(views.apply(&fact(0, "e.org/a")), Applied::Counted);
    assert_eq!(views.apply(&fact(0, "e.org/a")), Applied::Again);
    assert_eq!(views.apply(&Fact { partition: 1, ..fact(0, "e.org/a") }), Applied::Counted);
    assert_eq!(total(&views).views(), 2);
    assert_eq!((views.next_offset(0), views.next_offset(7)), (1, 0));
}

#[test]
fn a_heartbeat_counts_once_and_only_what_a_heartbeat_can() {
    let mut views = Views::new(Limits::default());
    assert_eq!(views.apply(&heartbeat(0, 5.5, 7)), Applied::Counted);
    assert_eq!(views.apply(&heartbeat(1, 5.5, 7)), Applied::Copy);
    assert_eq!(views.apply(&heartbeat(2, 161.0, 8)), Applied::TooEngaged);
    assert_eq!(views.apply(&heartbeat(3, -1.0, 9)), Applied::TooEngaged);
    assert_eq!(views.apply(&heartbeat(4, f64::NAN, 10)), Applied::TooEngaged);
    assert_eq!(views.apply(&heartbeat(5, 150.0, 11)), Applied::Counted);
    assert_eq!((total(&views).engaged_ms, total(&views).views()), (155_500, 0));
}

#[test]
fn what_counts_nowhere_is_only_noted() {
    let mut views = Views::new(Limits::default());
    assert_eq!(views.apply(&fact(0, "")), Applied::Nowhere);
    assert_eq!(
        views.apply(&Fact { action: Action::Other, ..fact(1, "e.org/a") }),
        Applied::Nowhere
    );
    assert_eq!(views.apply(&Fact { at_ms: i64::MAX, ..fact(2, "e.org/a") }), Applied::Nowhere);
    assert_eq!(views.apply(&Fact { at_ms: -1, ..fact(3, "e.org/a") }), Applied::Nowhere);
    assert_eq!(
        views.apply(&Fact { site: "no site".into(), ..fact(4, "e.org/a") }),
        Applied::Nowhere
    );
    assert!(views.sites().is_empty());
    assert_eq!(views.next_offset(0), 5);
}

#[test]
fn made_up_posts_and_sites_stay_bounded() {
    let mut views = Views::new(Limits { sites_max: 2, posts_max: 10 });
    let mut offset = 0;
    for number in 0..50 {
        let post = format!("e.org/{number}");
        for site in ["s", "t", "u"] {
            views.apply(&Fact { site: site.into(), ..fact(offset, &post) });
            offset += 1;
        }
    }
    assert_eq!(views.sites().len(), 2);
    let site = views.site("s").unwrap();
    assert_eq!(site.posts_count(), 10);
    assert_eq!(total(&views).views(), 50);
    let question = Question {
        period: Period { start_ms: NOW - HOUR_MS, end_ms: NOW + HOUR_MS },
        bots: Bots::Exclude,
        sort: Metric::Views,
        filter: Filter::default(),
        skip: 0,
        limit: 1,
    };
    let top = query::rank(site, By::Post, &question);
    assert_eq!((&*top[0].name, top[0].sum.views()), ("(other)", 40));
}

#[test]
fn the_api_stands_above_the_beacon_and_both_may_come_before_the_first_view() {
    let mut views = Views::new(Limits::default());
    let meta = |origin, title: &str| {
        let json = format!(r#"{{"canonical_url":"https://e.org/a","title":"{title}"}}"#);
        PostMeta::parse(&json, origin, None).unwrap().1
    };
    views.describe("s", "e.org/a", meta(Origin::Api, "From the API"));
    let mut page = fact(0, "e.org/a");
    (page.title, page.metadata) =
        ("From the page".into(), r#"{"title":"From the beacon","authors":"X"}"#.into());
    views.apply(&page);
    let site = views.site("s").unwrap();
    let number = site.find("e.org/a").unwrap();
    assert_eq!(site.post(number).unwrap().shown_title(), "From the API");
    let mut other = fact(1, "e.org/b");
    other.title = "From the page".into();
    views.apply(&other);
    views.apply(&fact(2, "e.org/c"));
    let site = views.site("s").unwrap();
    let shown = |key: &str| site.post(site.find(key).unwrap()).unwrap().shown_title().to_owned();
    assert_eq!((shown("e.org/b").as_str(), shown("e.org/c").as_str()), ("From the page", "/c"));
}

/// All that a question can see, as text.
fn picture(views: &Views) -> String {
    let mut picture = String::new();
    for (name, site) in views.sites() {
        picture.push_str(&format!("{name} {} {} {}\n", site.views, site.first_ms, site.last_ms));
        for bots in [Bots::Exclude, Bots::Only, Bots::Include] {
            let period = Period { start_ms: NOW - 40 * DAY_MS, end_ms: NOW + DAY_MS };
            let question = Question {
                period,
                bots,
                sort: Metric::Visitors,
                filter: Filter::default(),
                skip: 0,
                limit: 99,
            };
            for row in query::rank(site, By::Post, &question) {
                picture.push_str(&format!("{} {:?} {}\n", row.name, row.sum, row.visitors));
            }
            picture.push_str(&format!("{:?}\n", query::total(site, period, bots)));
            picture.push_str(&format!("{:?}\n", query::referrers(site, period, bots, None)));
            picture.push_str(&format!(
                "{:?}\n",
                query::series::series(site, period, HOUR_MS, bots, None).views
            ));
        }
    }
    picture
}

prop_compose! {
    fn any_fact()(
        post in 0u32..8, site in 0u32..3, minute in -60i64 * 24 * 30..60, visitor in 0u64..400, bot in any::<bool>(),
        class in 0i64..5, device in 0i64..3, beat in proptest::option::of((0.0f64..170.0, 0u64..30)),
    ) -> Fact<'static> {
        let class = Class::by_number(class);
        let domain = if class == Class::Direct { String::new() } else { format!("d{post}.org") };
        Fact {
            at_ms: NOW + minute * MINUTE_MS,
            site: format!("s{site}").into(),
            post: format!("e.org/{post}").into(),
            action: if beat.is_some() { Action::Heartbeat } else { Action::PageView },
            bot, class, visitor,
            domain: domain.into(),
            device: Device::by_number(device),
            engaged_s: beat.map_or(0.0, |(seconds, _)| seconds),
            heartbeat: beat.map_or(0, |(_, number)| number),
            ..fact(0, "")
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_replay_and_copies_give_the_same_views(facts in proptest::collection::vec(any_fact(), 0..300), again in proptest::collection::vec(0usize..300, 0..50)) {
        let limits = Limits { sites_max: 2, posts_max: 6 };
        let (mut once, mut twice) = (Views::new(limits), Views::new(limits));
        let numbered: Vec<Fact<'_>> = facts.iter().zip(0..).map(|(fact, offset)| Fact { offset, ..fact.clone() }).collect();
        numbered.iter().for_each(|fact| { once.apply(fact); });
        for (at, fact) in numbered.iter().enumerate() {
            twice.apply(fact);
            if again.contains(&at) {
                for copy in &numbered[at.saturating_sub(20)..=at] {
                    prop_assert_eq!(twice.apply(copy), Applied::Again);
                }
            }
        }
        prop_assert_eq!(picture(&once), picture(&twice));
    }
}
