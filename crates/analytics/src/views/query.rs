//! Questions: the most viewed posts, authors, sections and referrers of a period.
//!
//! # Constraints
//!
//! * Counters are summed over the buckets that cover the period; visitors are joined only for the rows
//!   that are shown, or for all if they are what is sorted by.
//! * The order is total (metric, then views, then name), so that pages of an answer fit together and a replay gives the
//!   same answer.

use std::sync::Arc;

use super::cell::{Bots, Bucket, Map, Sum};
use super::site::{OTHER, Post, Site};
use super::visitors::Union;
use crate::period::Period;
use crate::referrer::{Class, Network, network};

pub mod metric;
pub mod series;
#[cfg(test)]
mod tests;

pub use metric::Metric;

/// What rows are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// One row a post.
    Post,
    /// One row an author; a post of two authors counts for both.
    Author,
    /// One row a section.
    Section,
}

/// Which posts are looked at; an empty list lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Posts by one of these.
    pub authors: Vec<String>,
    /// Posts in one of these.
    pub sections: Vec<String>,
    /// Posts with one of these.
    pub tags: Vec<String>,
    /// Posts published from then on, in milliseconds.
    pub published_from_ms: Option<i64>,
    /// Posts published before then, in milliseconds.
    pub published_until_ms: Option<i64>,
}

/// A question for a ranking.
#[derive(Clone, Debug)]
pub struct Question {
    /// The time.
    pub period: Period,
    /// Whether machines count.
    pub bots: Bots,
    /// What is ranked by.
    pub sort: Metric,
    /// Which posts are looked at.
    pub filter: Filter,
    /// Rows left out at the start.
    pub skip: usize,
    /// Rows shown.
    pub limit: usize,
}

/// A row of a ranking.
#[derive(Clone, Debug)]
pub struct Row {
    /// The post's key, or the author's or section's name.
    pub name: Arc<str>,
    /// The posts it is made of.
    pub posts: Vec<u32>,
    /// Its counters.
    pub sum: Sum,
    /// Its different visitors.
    pub visitors: u64,
}

/// A referring domain in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferrerRow {
    /// The registered domain.
    pub domain: Arc<str>,
    /// Its class.
    pub class: Class,
    /// Views it sent.
    pub views: u64,
}

/// The rows that a question asks for.
pub fn rank(site: &Site, by: By, question: &Question) -> Vec<Row> {
    let buckets = site.levels().cover(question.period);
    let mut rows = rows(site, by, question, &buckets);
    if question.sort.needs_visitors() {
        join_visitors(&mut rows, &buckets, question.bots);
    }
    sort(&mut rows, question.sort);
    let mut page: Vec<Row> = rows.into_iter().skip(question.skip).take(question.limit).collect();
    if !question.sort.needs_visitors() {
        join_visitors(&mut page, &buckets, question.bots);
    }
    page
}

/// The keys of the posts in the order of their rank, with no more work than that takes.
pub fn order(site: &Site, question: &Question) -> Vec<u32> {
    let buckets = site.levels().cover(question.period);
    let mut rows = rows(site, By::Post, question, &buckets);
    if question.sort.needs_visitors() {
        join_visitors(&mut rows, &buckets, question.bots);
    }
    sort(&mut rows, question.sort);
    rows.iter().take(question.limit).filter_map(|row| row.posts.first().copied()).collect()
}

/// Counters and visitors of the whole site.
pub fn total(site: &Site, period: Period, bots: Bots) -> (Sum, u64) {
    let (mut sum, mut visitors) = (Sum::default(), Union::default());
    for cells in site.levels().cover(period).iter().flat_map(|bucket| bucket.cells(bots)) {
        sum.add(&cells.total);
        visitors.add(&cells.total.visitors);
    }
    (sum, visitors.count())
}

/// The counters of one post.
pub fn one_post(site: &Site, post: u32, period: Period, bots: Bots) -> Row {
    let buckets = site.levels().cover(period);
    let mut sum = Sum::default();
    for cells in buckets.iter().flat_map(|bucket| bucket.cells(bots)) {
        if let Some(cell) = cells.posts.get(&post) {
            sum.add(cell);
        }
    }
    let name = site.post(post).map_or_else(|| "".into(), |post| Arc::clone(&post.key));
    let mut rows = [Row { name, posts: vec![post], sum, visitors: 0 }];
    join_visitors(&mut rows, &buckets, bots);
    let [mut row] = rows;
    for referrer in referrers(site, period, bots, Some(post)) {
        add_network(&mut row.sum, &referrer.domain, referrer.views);
    }
    row
}

/// The referring domains of a site, or of one of its posts, by the views they sent.
pub fn referrers(site: &Site, period: Period, bots: Bots, post: Option<u32>) -> Vec<ReferrerRow> {
    let mut by_domain: Map<u32, u64> = Map::default();
    for cells in site.levels().cover(period).iter().flat_map(|bucket| bucket.cells(bots)) {
        for ((of, domain), views) in &cells.domains {
            if post.is_none_or(|post| post == *of) {
                *by_domain.entry(*domain).or_default() += u64::from(*views);
            }
        }
    }
    let row = |(number, views): (u32, u64)| {
        let domain = site.domain(number)?;
        Some(ReferrerRow { domain: Arc::clone(&domain.name), class: domain.class, views })
    };
    let mut rows: Vec<ReferrerRow> = by_domain.into_iter().filter_map(row).collect();
    rows.sort_unstable_by(|a, b| {
        b.views
            .cmp(&a.views)
            .then_with(|| a.domain.cmp(&b.domain))
            .then_with(|| (a.class as u8).cmp(&(b.class as u8)))
    });
    rows
}

fn rows(site: &Site, by: By, question: &Question, buckets: &[&Bucket]) -> Vec<Row> {
    let mut sums: Map<u32, Sum> = Map::default();
    for cells in buckets.iter().flat_map(|bucket| bucket.cells(question.bots)) {
        for (post, cell) in &cells.posts {
            sums.entry(*post).or_default().add(cell);
        }
        for ((post, domain), views) in &cells.domains {
            if let Some(domain) = site.domain(*domain) {
                add_network(sums.entry(*post).or_default(), &domain.name, u64::from(*views));
            }
        }
    }
    let kept = |number: &u32| site.post(*number).is_some_and(|post| question.filter.lets(post));
    sums.retain(|number, _| kept(number));
    match by {
        By::Post => {
            sums.into_iter().filter_map(|(number, sum)| post_row(site, number, sum)).collect()
        }
        By::Author | By::Section => named_rows(site, by, &sums),
    }
}

fn post_row(site: &Site, number: u32, sum: Sum) -> Option<Row> {
    let name = Arc::clone(&site.post(number)?.key);
    Some(Row { name, posts: vec![number], sum, visitors: 0 })
}

/// Rows by author or section. Posts that nobody described have neither and are in no row.
fn named_rows(site: &Site, by: By, sums: &Map<u32, Sum>) -> Vec<Row> {
    let mut rows: Map<&str, Row> = Map::default();
    for (number, sum) in sums {
        let Some(meta) = site.post(*number).and_then(|post| post.meta.as_ref()) else { continue };
        let names = match by {
            By::Section => std::slice::from_ref(&meta.section),
            _ => &meta.authors[..],
        };
        for name in names.iter().filter(|name| !name.is_empty()) {
            let row = rows.entry(name).or_insert_with(|| Row {
                name: name.as_str().into(),
                posts: Vec::new(),
                sum: Sum::default(),
                visitors: 0,
            });
            row.posts.push(*number);
            row.sum.merge(sum);
        }
    }
    rows.into_values().collect()
}

fn add_network(sum: &mut Sum, domain: &str, views: u64) {
    if let Some(network) = network(domain) {
        let at = match network {
            Network::Facebook => 0,
            Network::Twitter => 1,
            Network::LinkedIn => 2,
            Network::Pinterest => 3,
        };
        if let Some(count) = sum.networks.get_mut(at) {
            *count += views;
        }
    }
}

/// Joins the visitors of each row's posts over the buckets.
fn join_visitors(rows: &mut [Row], buckets: &[&Bucket], bots: Bots) {
    let mut rows_of: Map<u32, Vec<usize>> = Map::default();
    for (at, row) in rows.iter().enumerate() {
        for post in &row.posts {
            rows_of.entry(*post).or_default().push(at);
        }
    }
    let mut unions: Vec<Union> = rows.iter().map(|_| Union::default()).collect();
    for cells in buckets.iter().flat_map(|bucket| bucket.cells(bots)) {
        let mut add = |of: &[usize], cell: &super::cell::Cell| {
            for at in of {
                if let Some(union) = unions.get_mut(*at) {
                    union.add(&cell.visitors);
                }
            }
        };
        if rows_of.len() < cells.posts.len() {
            for (post, of) in &rows_of {
                if let Some(cell) = cells.posts.get(post) {
                    add(of, cell);
                }
            }
        } else {
            for (post, cell) in &cells.posts {
                if let Some(of) = rows_of.get(post) {
                    add(of, cell);
                }
            }
        }
    }
    for (row, union) in rows.iter_mut().zip(&unions) {
        row.visitors = union.count();
    }
}

fn sort(rows: &mut [Row], metric: Metric) {
    rows.sort_unstable_by(|a, b| {
        let (of_a, of_b) = (metric.of(&a.sum, a.visitors), metric.of(&b.sum, b.visitors));
        of_b.total_cmp(&of_a)
            .then_with(|| b.sum.views().cmp(&a.sum.views()))
            .then_with(|| a.name.cmp(&b.name))
    });
}

impl Filter {
    /// Whether a post is looked at.
    fn lets(&self, post: &Post) -> bool {
        if *self == Self::default() {
            return true;
        }
        let Some(meta) = &post.meta else { return false };
        let any = |wanted: &[String], has: &[String]| {
            wanted.is_empty() || wanted.iter().any(|name| has.contains(name))
        };
        let published = |from: Option<i64>, until: Option<i64>| match meta.pub_date_ms {
            Some(at) => from.is_none_or(|from| at >= from) && until.is_none_or(|until| at < until),
            None => from.is_none() && until.is_none(),
        };
        any(&self.authors, &meta.authors)
            && any(&self.sections, std::slice::from_ref(&meta.section))
            && any(&self.tags, &meta.tags)
            && published(self.published_from_ms, self.published_until_ms)
    }
}

/// Whether a number is of the post that takes what is beyond the bound.
pub fn is_other(number: u32) -> bool {
    number == OTHER
}
