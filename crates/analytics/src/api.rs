//! The questions over HTTP, in Parse.ly's shapes.
//!
//! # Constraints
//!
//! * Every answer is the envelope `{"data":[…],"meta":{…},"links":{…},"success":true}`; every error has `code` and
//!   `message`, and the message names the parameter and the fix.
//! * A site that has a secret asks for it, as parameter or as header, compared in constant time.
//! * Where Parse.ly looks back 90 days at most, any period is answered here if the data is there.
//!
//! # Layout
//!
//! [`params`] what may be asked, [`render`] rows as JSON, [`metadata`] what publishers say.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use hyper::StatusCode;
use hyper::http::request::Parts;
use serde_json::{Value, json};
use tidemill_commitlog::Appender;
use tidemill_world::Clock;

use crate::config::AnalyticsConfig;
use crate::http::reply::{self, Reply};
use crate::metrics::Metrics;
use crate::period::{HOUR_MS, MINUTE_MS, Period, floor, format_ms, span};
use crate::pipeline::progress::Progress;
use crate::views::Views;
use crate::views::query::{self, By, Question, series};
use crate::views::site::Site;

pub mod metadata;
pub mod params;
pub mod render;
#[cfg(test)]
mod tests;

use params::{Params, Refused};

/// Points of a series when nobody asks for a step.
const SERIES_POINTS: i64 = 360;

/// Answers questions.
#[derive(Clone)]
pub struct Api {
    /// What can be set.
    pub config: Arc<AnalyticsConfig>,
    /// The answers.
    pub views: Arc<RwLock<Views>>,
    /// Where metadata goes.
    pub metadata: Appender,
    /// How far the views have come.
    pub progress: Arc<Progress>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Api {
    /// Answers `GET` of a path below `/v2/analytics/` or of `/v1/series`; `None` if there is no such question.
    pub fn get(&self, request: &Parts) -> Option<Reply> {
        let path = request.uri.path().trim_end_matches('/');
        let answer: fn(&Self, &Params) -> Result<Value, Refused> = match path {
            "/v2/analytics/posts" => |api, params| api.ranking(params, By::Post),
            "/v2/analytics/authors" => |api, params| api.ranking(params, By::Author),
            "/v2/analytics/sections" => |api, params| api.ranking(params, By::Section),
            "/v2/analytics/referrers" => Self::referrers,
            "/v2/analytics/post/detail" => Self::post_detail,
            "/v1/series" => Self::series,
            _ => return None,
        };
        let started = self.clock.now();
        let params = Params::read(request);
        let answered = self.admit(&params).and_then(|()| answer(self, &params));
        self.metrics.query_latency.note(self.clock.now().since(started));
        Some(match answered {
            Ok(value) => reply::json(StatusCode::OK, &value),
            Err(refused) => reply::error(refused.status, &refused.message),
        })
    }

    /// Lets a question through if it names a site and knows its secret.
    pub(crate) fn admit(&self, params: &Params) -> Result<(), Refused> {
        if params.site.is_empty() {
            return Err(Refused::bad(
                "apikey: missing; send the site's name, for example apikey=example.com",
            ));
        }
        if self.opens(&params.site, &params.secret) {
            return Ok(());
        }
        let message =
            "secret: missing or wrong; send the site's secret as parameter or in X-Tidemill-Secret";
        Err(Refused { status: StatusCode::FORBIDDEN, message: message.to_owned() })
    }

    /// Whether a secret opens a site; a site without one is open.
    pub(crate) fn opens(&self, site: &str, secret: &str) -> bool {
        let wanted = self.config.site(site).and_then(|site| site.secret.as_deref());
        wanted.is_none_or(|wanted| same(wanted.as_bytes(), secret.as_bytes()))
    }

    fn read(&self) -> RwLockReadGuard<'_, Views> {
        self.views.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The site of a question. One that is configured and has no hits yet is empty, not unknown.
    fn with_site<T>(&self, params: &Params, answer: impl FnOnce(&Site) -> T) -> Result<T, Refused> {
        let views = self.read();
        match views.site(&params.site) {
            Some(site) => Ok(answer(site)),
            None if self.config.site(&params.site).is_some() => Ok(answer(&Site::default())),
            None => Err(Refused {
                status: StatusCode::FORBIDDEN,
                message: "apikey: no site of this name has sent a hit yet; check the name"
                    .to_owned(),
            }),
        }
    }

    fn period(&self, params: &Params) -> Result<Period, Refused> {
        let period = Period::parse(
            params.period_start.as_deref(),
            params.period_end.as_deref(),
            self.clock.wall_ms(),
        );
        period.map_err(|error| Refused::bad(error.to_string()))
    }

    fn ranking(&self, params: &Params, by: By) -> Result<Value, Refused> {
        let question = self.question(params)?;
        let rows = self.with_site(params, |site| {
            let rows = query::rank(site, by, &question);
            rows.iter().map(|row| render::row(site, by, row)).collect::<Vec<_>>()
        })?;
        let full = rows.len() == question.limit;
        Ok(envelope(&rows, &meta(&question), &render::links(params, full)))
    }

    fn question(&self, params: &Params) -> Result<Question, Refused> {
        Ok(Question {
            period: self.period(params)?,
            bots: params.bots()?,
            sort: params.sort()?,
            filter: params.filter(self.clock.wall_ms())?,
            skip: params.skip()?,
            limit: params.limit()?,
        })
    }

    fn referrers(&self, params: &Params) -> Result<Value, Refused> {
        let question = self.question(params)?;
        let rows = self.with_site(params, |site| render::referrers(site, &question))?;
        let page: Vec<Value> = rows.into_iter().skip(question.skip).take(question.limit).collect();
        let full = page.len() == question.limit;
        Ok(envelope(&page, &meta(&question), &render::links(params, full)))
    }

    fn post_detail(&self, params: &Params) -> Result<Value, Refused> {
        let question = self.question(params)?;
        let key =
            params.post()?.ok_or_else(|| Refused::bad("url: missing; send the post's address"))?;
        let rows = self.with_site(params, |site| match site.find(&key) {
            Some(post) => vec![render::detail(site, post, &question)],
            None => Vec::new(),
        })?;
        Ok(envelope(&rows, &meta(&question), &json!({})))
    }

    fn series(&self, params: &Params) -> Result<Value, Refused> {
        let (period, bots, key) = (self.period(params)?, params.bots()?, params.post()?);
        let asked = params.step.as_deref().map(|text| {
            span(text).ok_or_else(|| {
                Refused::bad(format!("step is {text:?}: write a span such as 15m, 1h or 1d"))
            })
        });
        let asked = asked.transpose()?;
        self.with_site(params, |site| {
            // Nobody needs the empty years before the first hit.
            let start_ms = if site.first_ms < period.end_ms { period.start_ms.max(floor(site.first_ms, HOUR_MS)) } else { period.start_ms };
            let period = Period { start_ms: start_ms.min(period.end_ms - MINUTE_MS), ..period };
            let step_ms = asked.unwrap_or_else(|| series::nice_step_ms(site, period, SERIES_POINTS));
            if period.length_ms() / step_ms > series::POINTS_MAX {
                let message = format!("step: more than {} points; take a longer step or a shorter period", series::POINTS_MAX);
                return Err(Refused::bad(message));
            }
            let post = match &key {
                Some(key) => match site.find(key) {
                    Some(post) => Some(post),
                    None => return Ok(json!({"data": [], "meta": {"step_ms": step_ms}, "links": {}, "success": true})),
                },
                None => None,
            };
            Ok(render::series(site, period, step_ms, bots, post))
        })?
    }
}

fn envelope(data: &[Value], meta: &Value, links: &Value) -> Value {
    json!({"data": data, "meta": meta, "links": links, "success": true})
}

fn meta(question: &Question) -> Value {
    let metrics: Vec<&str> = query::Metric::ALL.iter().map(|metric| metric.name()).collect();
    json!({
        "metrics": metrics,
        "sort": question.sort.name(),
        "period_start": format_ms(question.period.start_ms),
        "period_end": format_ms(question.period.end_ms),
    })
}

/// Compares without telling by its time where the first difference is.
fn same(secret: &[u8], given: &[u8]) -> bool {
    let mut differing = secret.len() ^ given.len();
    for (at, byte) in secret.iter().enumerate() {
        differing |= usize::from(byte ^ given.get(at).copied().unwrap_or(0));
    }
    differing == 0
}
