//! The state of the dashboard as JSON. Field for field it is what the page expects; text in it is what attackers wrote, and
//! the page escapes it.

use serde_json::{Map, Value, json};

use super::window::{Anchored, Window};
use crate::api::render::{classes, devices, rounded};
use crate::period::{MINUTE_MS, Period, floor};
use crate::views::cell::{Bots, Sum};
use crate::views::query::series::{nice_step_ms, series, spark};
use crate::views::query::{self, By, Filter, Metric, Question, Row};
use crate::views::site::Site;
use crate::views::visitors::Union;

#[cfg(test)]
mod tests;

/// Posts of the list.
const POSTS: usize = 30;
/// Authors and sections of theirs.
const NAMES: usize = 10;
/// Points of a series at most.
const SERIES_POINTS: i64 = 360;
/// Points of a small curve.
const SPARK_POINTS: i64 = 30;
/// Referring domains of one post.
const DOMAINS: usize = 20;
/// Who was there in the last five minutes is reading now.
const READING_MINUTES: i64 = 5;

/// What a tab looks at, but for the post.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Look {
    /// The site.
    pub site: String,
    /// How far back.
    pub window: Window,
    /// What the list is sorted by.
    pub sort: Sort,
}

/// What the list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sort {
    /// Page views.
    #[default]
    Views,
    /// Different visitors.
    Visitors,
    /// Engaged minutes.
    EngagedMinutes,
}

impl Sort {
    /// The order with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "views" | "" => Some(Self::Views),
            "visitors" => Some(Self::Visitors),
            "engaged_minutes" => Some(Self::EngagedMinutes),
            _ => None,
        }
    }

    fn metric(self) -> Metric {
        match self {
            Self::Views => Metric::Views,
            Self::Visitors => Metric::Visitors,
            Self::EngagedMinutes => Metric::EngagedMinutes,
        }
    }
}

/// A site in a list of sites.
pub fn site_fields(id: &str, title: &str, site: &Site, importing: bool) -> Map<String, Value> {
    let title = if !title.is_empty() {
        title
    } else if !site.title.is_empty() {
        &site.title
    } else {
        id
    };
    let has_hits = site.first_ms <= site.last_ms;
    let time = |ms: i64| has_hits.then_some(ms);
    let mut fields = Map::new();
    fields.insert("id".to_owned(), json!(id));
    fields.insert("title".to_owned(), json!(title));
    fields.insert("generated".to_owned(), json!(site.generated));
    fields.insert("importing".to_owned(), json!(importing));
    fields.insert("first_ms".to_owned(), json!(time(site.first_ms)));
    fields.insert("last_ms".to_owned(), json!(time(site.last_ms)));
    fields
}

/// Everything but the post, the sequence number and the time.
pub fn state(
    look: &Look,
    title: &str,
    site: &Site,
    importing: bool,
    now_ms: i64,
) -> Map<String, Value> {
    let anchored = look.window.anchor(site, now_ms);
    let period = anchored.period;
    let (sum, visitors) = query::total(site, period, Bots::Exclude);
    let mut state = Map::new();
    state.insert("site".to_owned(), Value::Object(site_fields(&look.site, title, site, importing)));
    state.insert("window".to_owned(), window(look.window, anchored));
    state.insert("totals".to_owned(), totals(site, anchored, &sum, visitors));
    let step_ms = nice_step_ms(site, period, SERIES_POINTS);
    state.insert("series".to_owned(), series_json(site, period, step_ms, None));
    state.insert("referrers".to_owned(), classes(&sum));
    state.insert("posts".to_owned(), posts(site, anchored, look.sort, importing));
    state.insert("authors".to_owned(), names(site, By::Author, period, look.sort));
    state.insert("sections".to_owned(), names(site, By::Section, period, look.sort));
    state
}

fn window(window: Window, anchored: Anchored) -> Value {
    json!({
        "label": window.label(),
        "start_ms": anchored.period.start_ms,
        "end_ms": anchored.period.end_ms,
        "anchored": if anchored.now { "now" } else { "last" },
    })
}

fn totals(site: &Site, anchored: Anchored, sum: &Sum, visitors: u64) -> Value {
    let end_ms = anchored.period.end_ms;
    let (machines, _) = query::total(site, anchored.period, Bots::Only);
    // The minute under way is not over, so the one before says how many come in a minute.
    let last_whole = Period { start_ms: end_ms - 2 * MINUTE_MS, end_ms: end_ms - MINUTE_MS };
    let (minute, _) = query::total(site, last_whole, Bots::Exclude);
    json!({
        "views": sum.views(),
        "visitors": visitors,
        "engaged_minutes": rounded(sum.engaged_minutes()),
        "reading_now": if anchored.now { reading(site, end_ms) } else { 0 },
        "views_per_minute": minute.views(),
        "bots": machines.views(),
    })
}

fn reading(site: &Site, end_ms: i64) -> u64 {
    let mut union = Union::default();
    for minute in 0..READING_MINUTES {
        let start_ms = floor(end_ms - (minute + 1) * MINUTE_MS, MINUTE_MS);
        if let Some(bucket) = site.levels().minute(start_ms) {
            union.add(&bucket.people.active);
        }
    }
    union.count()
}

fn series_json(site: &Site, period: Period, step_ms: i64, post: Option<u32>) -> Value {
    let series = series(site, period, step_ms, Bots::Exclude, post);
    json!({"start_ms": series.start_ms, "step_ms": series.step_ms, "views": series.views})
}

fn question(period: Period, sort: Sort, limit: usize) -> Question {
    Question {
        period,
        bots: Bots::Exclude,
        sort: sort.metric(),
        filter: Filter::default(),
        skip: 0,
        limit,
    }
}

fn posts(site: &Site, anchored: Anchored, sort: Sort, importing: bool) -> Value {
    let period = anchored.period;
    let rows = query::rank(site, By::Post, &question(period, sort, POSTS));
    let before =
        Period { start_ms: period.start_ms - MINUTE_MS, end_ms: period.end_ms - MINUTE_MS };
    // A log that lies still does not move.
    let still = !anchored.now && !importing;
    let before =
        if still { Vec::new() } else { query::order(site, &question(before, sort, POSTS)) };
    let list = rows.iter().enumerate().map(|(at, row)| {
        let mut fields = post(site, row, period);
        let was = row.posts.first().and_then(|post| before.iter().position(|known| known == post));
        let movement = if still { Some(0) } else { was.map(|was| as_i64(was) - as_i64(at)) };
        fields.insert("rank".to_owned(), json!(at + 1));
        fields.insert("move".to_owned(), json!(movement));
        Value::Object(fields)
    });
    Value::Array(list.collect())
}

fn as_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn post(site: &Site, row: &Row, period: Period) -> Map<String, Value> {
    let number = row.posts.first().copied().unwrap_or_default();
    let mut fields = Map::new();
    fields.insert("url".to_owned(), json!(&*row.name));
    if let Some(post) = site.post(number) {
        let meta = post.meta.as_deref();
        fields.insert("link".to_owned(), json!(post.link()));
        fields.insert("title".to_owned(), json!(post.shown_title()));
        fields.insert("author".to_owned(), json!(meta.map_or("", |meta| meta.author())));
        fields.insert("section".to_owned(), json!(meta.map_or("", |meta| meta.section.as_str())));
        fields.insert("pub_date_ms".to_owned(), json!(meta.and_then(|meta| meta.pub_date_ms)));
    }
    counts(&mut fields, row);
    let curve = spark(site, period, SPARK_POINTS, Bots::Exclude, number);
    fields.insert("spark".to_owned(), json!(curve));
    fields.insert("referrers".to_owned(), classes(&row.sum));
    fields
}

fn counts(fields: &mut Map<String, Value>, row: &Row) {
    fields.insert("views".to_owned(), json!(row.sum.views()));
    fields.insert("visitors".to_owned(), json!(row.visitors));
    fields.insert("engaged_minutes".to_owned(), rounded(row.sum.engaged_minutes()));
}

fn names(site: &Site, by: By, period: Period, sort: Sort) -> Value {
    let rows = query::rank(site, by, &question(period, sort, NAMES));
    let list = rows.iter().map(|row| {
        let mut fields = Map::new();
        fields.insert("name".to_owned(), json!(&*row.name));
        counts(&mut fields, row);
        Value::Object(fields)
    });
    Value::Array(list.collect())
}

/// The detail of a post; null if nobody has read it. `listed` are the posts of the list, for its rank.
pub fn post_state(
    look: &Look,
    site: &Site,
    key: &str,
    listed: Option<&Value>,
    now_ms: i64,
) -> Value {
    let Some(number) = site.find(key) else { return Value::Null };
    let period = look.window.anchor(site, now_ms).period;
    let row = query::one_post(site, number, period, Bots::Exclude);
    let mut fields = post(site, &row, period);
    let rank = listed
        .and_then(Value::as_array)
        .and_then(|posts| posts.iter().find(|post| post["url"] == key));
    for field in ["rank", "move"] {
        let value = rank.and_then(|post| post.get(field)).cloned().unwrap_or_default();
        fields.insert(field.to_owned(), value);
    }
    let step_ms = nice_step_ms(site, period, SERIES_POINTS);
    fields.insert("series".to_owned(), series_json(site, period, step_ms, Some(number)));
    let domains = query::referrers(site, period, Bots::Exclude, Some(number));
    let domains = domains
        .iter()
        .take(DOMAINS)
        .map(|row| json!({"domain": &*row.domain, "class": row.class.name(), "views": row.views}));
    fields.insert("referrer_domains".to_owned(), Value::Array(domains.collect()));
    fields.insert("devices".to_owned(), devices(&row.sum));
    let meta = site.post(number).and_then(|post| post.meta.as_deref());
    fields.insert("authors".to_owned(), json!(meta.map_or(&[][..], |meta| &meta.authors)));
    fields.insert("tags".to_owned(), json!(meta.map_or(&[][..], |meta| &meta.tags)));
    Value::Object(fields)
}
