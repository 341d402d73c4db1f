//! Rows as JSON, in Parse.ly's names.

use serde_json::{Map, Value, json};

use super::params::Params;
use crate::agent::Device;
use crate::period::{Period, format_ms};
use crate::referrer::Class;
use crate::views::cell::{Bots, Sum};
use crate::views::query::{self, By, Metric, Question, Row, series as views_series};
use crate::views::site::{Post, Site};

/// A number with at most three digits after the point.
pub(crate) fn rounded(number: f64) -> Value {
    json!((number * 1000.0).round() / 1000.0)
}

/// All metrics of a row.
pub fn metrics(sum: &Sum, visitors: u64) -> Value {
    let value = |metric: Metric| match metric {
        Metric::EngagedMinutes | Metric::AvgEngaged => rounded(metric.of(sum, visitors)),
        Metric::Visitors => json!(visitors),
        #[expect(clippy::cast_possible_truncation, reason = "counts are whole and below 2^53")]
        #[expect(clippy::cast_sign_loss, reason = "counts are not negative")]
        _ => json!(metric.of(sum, visitors) as u64),
    };
    let all = Metric::ALL.iter().map(|metric| (metric.name().to_owned(), value(*metric)));
    Value::Object(all.collect::<Map<String, Value>>())
}

/// A row of a ranking.
pub fn row(site: &Site, by: By, row: &Row) -> Value {
    let metrics = metrics(&row.sum, row.visitors);
    match by {
        By::Post => match row.posts.first().and_then(|post| site.post(*post)) {
            Some(post) => with_metrics(post_fields(post), metrics),
            None => with_metrics(json!({"url": &*row.name}), metrics),
        },
        By::Author => with_metrics(json!({"author": &*row.name, "name": &*row.name}), metrics),
        By::Section => with_metrics(json!({"section": &*row.name, "name": &*row.name}), metrics),
    }
}

fn with_metrics(mut fields: Value, metrics: Value) -> Value {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("_hits".to_owned(), metrics.get("views").cloned().unwrap_or_default());
        fields.insert("metrics".to_owned(), metrics);
    }
    fields
}

/// What is known about a post.
fn post_fields(post: &Post) -> Value {
    let link = post.link();
    let none = crate::metadata::PostMeta::default();
    let meta = post.meta.as_deref().unwrap_or(&none);
    let image = (!meta.image_url.is_empty()).then_some(&meta.image_url);
    json!({
        "title": post.shown_title(),
        "url": link,
        "link": link,
        "author": meta.author(),
        "authors": meta.authors,
        "section": meta.section,
        "tags": meta.tags,
        "pub_date": meta.pub_date_ms.map(format_ms),
        "image_url": image,
        "thumb_url_medium": image,
        "metadata": "",
    })
}

/// One post with its referrers and devices.
pub fn detail(site: &Site, post: u32, question: &Question) -> Value {
    let row = query::one_post(site, post, question.period, question.bots);
    let mut fields = self::row(site, By::Post, &row);
    let domains: Vec<Value> = query::referrers(site, question.period, question.bots, Some(post))
        .iter()
        .take(question.limit)
        .map(|row| json!({"name": &*row.domain, "type": row.class.name(), "metrics": {"referrers_views": row.views}}))
        .collect();
    if let Some(fields) = fields.as_object_mut() {
        fields.insert(
            "avg_engaged".to_owned(),
            rounded(Metric::AvgEngaged.of(&row.sum, row.visitors)),
        );
        fields.insert("referrers".to_owned(), classes(&row.sum));
        fields.insert("referrer_domains".to_owned(), json!(domains));
        fields.insert("devices".to_owned(), devices(&row.sum));
    }
    fields
}

/// Views by class of referrer.
pub(crate) fn classes(sum: &Sum) -> Value {
    let all =
        Class::ALL.iter().map(|class| (class.name().to_owned(), json!(sum.from_class(*class))));
    Value::Object(all.collect::<Map<String, Value>>())
}

/// Views by device.
pub(crate) fn devices(sum: &Sum) -> Value {
    let count = |device: Device| sum.devices.get(device as usize).copied().unwrap_or(0);
    let all = Device::ALL.iter().map(|device| (device.name().to_owned(), json!(count(*device))));
    Value::Object(all.collect::<Map<String, Value>>())
}

/// Referrers by the views they sent. What has no domain stands as one row a class, so that the rows add
/// up to all views.
pub fn referrers(site: &Site, question: &Question) -> Vec<Value> {
    let (total, _) = query::total(site, question.period, question.bots);
    let named = query::referrers(site, question.period, question.bots, None);
    let mut rows: Vec<(String, Class, u64)> =
        named.iter().map(|row| (row.domain.to_string(), row.class, row.views)).collect();
    for class in Class::ALL {
        let of_domains: u64 =
            named.iter().filter(|row| row.class == class).map(|row| row.views).sum();
        let rest = total.from_class(class).saturating_sub(of_domains);
        let name = match class {
            Class::Direct | Class::Internal => class.name(),
            _ => "(unknown)",
        };
        if rest > 0 {
            rows.push((name.to_owned(), class, rest));
        }
    }
    rows.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
    rows.into_iter()
        .map(|(name, class, views)| {
            json!({"name": name, "type": class.name(), "metrics": {"views": views, "referrers_views": views}})
        })
        .collect()
}

/// Views and visitors by step.
pub fn series(site: &Site, period: Period, step_ms: i64, bots: Bots, post: Option<u32>) -> Value {
    let series = views_series::series(site, period, step_ms, bots, post);
    let mut start_ms = series.start_ms;
    let mut points = Vec::with_capacity(series.views.len());
    for views in &series.views {
        let step = Period { start_ms, end_ms: start_ms.saturating_add(series.step_ms) };
        let visitors = match post {
            Some(post) => query::one_post(site, post, step, bots).visitors,
            None => query::total(site, step, bots).1,
        };
        points.push(json!({"start": format_ms(start_ms), "start_ms": start_ms, "views": views, "visitors": visitors}));
        start_ms = step.end_ms;
    }
    json!({
        "data": points,
        "meta": {"step_ms": series.step_ms, "period_start": format_ms(period.start_ms), "period_end": format_ms(period.end_ms)},
        "links": {},
        "success": true,
    })
}

/// The pages before and after this one.
pub fn links(params: &Params, full: bool) -> Value {
    let page = params.page().unwrap_or(1);
    let mut links = Map::new();
    links.insert("first".to_owned(), json!(params.link(1)));
    if page > 1 {
        links.insert("prev".to_owned(), json!(params.link(page - 1)));
    }
    if full {
        links.insert("next".to_owned(), json!(params.link(page + 1)));
    }
    Value::Object(links)
}
