//! Tests of questions.

use super::*;
use crate::enrich::Fact;
use crate::metadata::{Origin, PostMeta};
use crate::period::{HOUR_MS, MINUTE_MS};
use crate::views::tests::{NOW, fact};
use crate::views::{Limits, Views};

fn question(sort: Metric) -> Question {
    Question {
        period: Period { start_ms: NOW - HOUR_MS, end_ms: NOW + MINUTE_MS },
        bots: Bots::Exclude,
        sort,
        filter: Filter::default(),
        skip: 0,
        limit: 10,
    }
}

fn described(author: &str, section: &str) -> PostMeta {
    let json = serde_json::json!({"canonical_url":"https://e.org/x","authors":[author, "Both"],"section":section});
    PostMeta::parse(&json.to_string(), Origin::Api, None).unwrap().1
}

fn newsroom() -> Views {
    let mut views = Views::new(Limits::default());
    let mut offset = 0;
    let mut add = |post: &str, visitor: u64, domain: &str, class: Class, bot: bool| {
        let mut fact = fact(offset, post);
        offset += 1;
        (fact.visitor, fact.class, fact.bot) = (visitor, class, bot);
        let domain = domain.to_owned();
        fact.domain = domain.as_str().into();
        views.apply(&Fact { domain: domain.as_str().into(), ..fact.clone() });
    };
    for visitor in [1, 2, 3, 3] {
        add("e.org/a", visitor, "facebook.com", Class::Social, false);
    }
    for visitor in [1, 4, 5] {
        add("e.org/b", visitor, "google.com", Class::Search, false);
    }
    add("e.org/c", 9, "", Class::Direct, false);
    for visitor in 20..40 {
        add("e.org/c", visitor, "", Class::Direct, true);
    }
    views.describe("s", "e.org/a", described("Ann", "News"));
    views.describe("s", "e.org/b", described("Bob", "News"));
    views
}

fn names(rows: &[Row]) -> Vec<(&str, u64, u64)> {
    rows.iter().map(|row| (&*row.name, row.sum.views(), row.visitors)).collect()
}

#[test]
fn ranks_posts_with_and_without_machines() {
    let views = newsroom();
    let site = views.site("s").unwrap();
    let rows = rank(site, By::Post, &question(Metric::Views));
    assert_eq!(names(&rows), [("e.org/a", 4, 3), ("e.org/b", 3, 3), ("e.org/c", 1, 1)]);
    let with = Question { bots: Bots::Include, ..question(Metric::Views) };
    assert_eq!(names(&rank(site, By::Post, &with))[0], ("e.org/c", 21, 21));
    let only = Question { bots: Bots::Only, ..question(Metric::Views) };
    assert_eq!(names(&rank(site, By::Post, &only)), [("e.org/c", 20, 20)]);
    let page = Question { skip: 1, limit: 1, ..question(Metric::Visitors) };
    assert_eq!(names(&rank(site, By::Post, &page)), [("e.org/b", 3, 3)]);
    assert_eq!(order(site, &question(Metric::Views)).len(), 3);
}

#[test]
fn joins_authors_and_sections_when_asked() {
    let views = newsroom();
    let site = views.site("s").unwrap();
    let rows = rank(site, By::Author, &question(Metric::Views));
    // Visitor 1 read both posts and is one visitor of the one who wrote both.
    assert_eq!(names(&rows), [("Both", 7, 5), ("Ann", 4, 3), ("Bob", 3, 3)]);
    let rows = rank(site, By::Section, &question(Metric::Visitors));
    assert_eq!(names(&rows), [("News", 7, 5)]);
    let facebook = rank(site, By::Author, &question(Metric::FbReferrals));
    assert_eq!((&*facebook[0].name, facebook[0].sum.networks[0]), ("Both", 4));
    assert_eq!(facebook[2].sum.networks, [0; 4]);
}

#[test]
fn filters_by_what_the_publisher_said() {
    let views = newsroom();
    let site = views.site("s").unwrap();
    let mut by_bob = question(Metric::Views);
    by_bob.filter.authors = vec!["Bob".to_owned()];
    assert_eq!(names(&rank(site, By::Post, &by_bob)), [("e.org/b", 3, 3)]);
    let mut tagged = question(Metric::Views);
    tagged.filter.tags = vec!["x".to_owned()];
    assert!(rank(site, By::Post, &tagged).is_empty());
}

#[test]
fn lists_referrers_of_the_site_and_of_a_post() {
    let views = newsroom();
    let site = views.site("s").unwrap();
    let period = question(Metric::Views).period;
    let all = referrers(site, period, Bots::Exclude, None);
    let listed: Vec<_> = all.iter().map(|row| (&*row.domain, row.class, row.views)).collect();
    assert_eq!(listed, [("facebook.com", Class::Social, 4), ("google.com", Class::Search, 3)]);
    let b = site.find("e.org/b").unwrap();
    assert_eq!(referrers(site, period, Bots::Exclude, Some(b)).len(), 1);
    assert_eq!(one_post(site, b, period, Bots::Exclude).visitors, 3);
    assert_eq!(total(site, period, Bots::Exclude).1, 6);
}

#[test]
fn every_metric_has_one_name() {
    for metric in Metric::ALL {
        assert_eq!(Metric::by_name(metric.name()), Some(metric));
    }
    assert_eq!(Metric::by_name("_hits"), Some(Metric::Views));
    assert_eq!(Metric::by_name("search_refs"), Some(Metric::Referrals(Class::Search)));
    assert_eq!(Metric::by_name("shares"), None);
}

#[test]
fn a_series_adds_up_and_a_spark_has_its_points() {
    let views = newsroom();
    let site = views.site("s").unwrap();
    let period = question(Metric::Views).period;
    let minutes = series::series(site, period, MINUTE_MS, Bots::Exclude, None);
    assert_eq!((minutes.views.len(), minutes.views.iter().sum::<u64>()), (61, 8));
    assert!(series::nice_step_ms(site, period, 30) >= 2 * MINUTE_MS);
    let a = site.find("e.org/a").unwrap();
    let spark = series::spark(site, period, 30, Bots::Exclude, a);
    assert_eq!((spark.len(), spark.iter().sum::<u64>()), (30, 4));
}
