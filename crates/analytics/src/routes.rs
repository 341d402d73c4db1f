//! Which path is answered by whom.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use serde_json::json;
use tidemill_engine::Running;

use crate::api::Api;
use crate::api::params::Params;
use crate::collector::Collector;
use crate::hit::is_site_name;
use crate::http::reply::{self, Reply};
use crate::http::server::{Peer, Service};
use crate::import::upload::upload;
use crate::import::{ImportOptions, Importer};
use crate::live::{Importing, Live};
use crate::metrics::Gauges;
use crate::{form, page};

/// Uploads at a time; each has a thread.
const UPLOADS_MAX: usize = 4;
/// How long an upload waits for the views to know what is in the log.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that answers.
pub(crate) struct Desk {
    pub(crate) collector: Collector,
    pub(crate) api: Api,
    pub(crate) live: Live,
    pub(crate) importer: Importer,
    pub(crate) importing: Importing,
    pub(crate) running: Running,
}

impl Service for Desk {
    async fn call(self: Arc<Self>, request: Request<Incoming>, peer: Peer) -> Reply {
        let (request, body) = request.into_parts();
        let path = request.uri.path();
        match path {
            // The hot path first.
            "/plogger/" | "/plogger" => self.collector.pixel(&request, &peer).await,
            "/mobileproxy" | "/mobileproxy/" => self.collector.mobile(&request, body, &peer).await,
            "/v2/metadata/posts" => self.api.describe_post(&request, body).await,
            "/v1/import" => self.import(&request, body, &peer).await,
            _ if request.method == Method::OPTIONS => reply::preflight(),
            _ if request.method != Method::GET && request.method != Method::HEAD => {
                reply::error(StatusCode::METHOD_NOT_ALLOWED, "this path takes GET only")
            }
            "/live/sites" => {
                let secret = Params::read(&request).secret;
                self.live.sites(|site| self.api.opens(site, &secret))
            }
            "/live/stream" => self.stream(&request, &peer),
            "/health" => self.health(),
            "/metrics" => self.metrics(&peer),
            _ => self.question_or_page(&request),
        }
    }
}

impl Desk {
    fn question_or_page(&self, request: &Parts) -> Reply {
        if let Some(answer) = self.api.get(request) {
            return answer;
        }
        page::answer(request).unwrap_or_else(|| {
            let message = "no such path; the API is at /v2/analytics/{posts,authors,sections,referrers}, \
                           /v2/analytics/post/detail, /v1/series";
            reply::error(StatusCode::NOT_FOUND, message)
        })
    }

    /// How many hits of the log the views have not counted.
    fn lag(&self) -> i64 {
        self.importer
            .intake
            .partition()
            .high_watermark()
            .saturating_sub(self.api.progress.hits())
            .max(0)
    }

    fn health(&self) -> Reply {
        let log = self.importer.intake.partition().check();
        let status = if log.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let body = json!({
            "status": if log.is_ok() { "ok" } else { "failing" },
            "log": log.err().map(|error| error.to_string()),
            "lag_hits": self.lag(),
            "page": page::is_there(),
        });
        reply::json(status, &body)
    }

    fn metrics(&self, peer: &Peer) -> Reply {
        self.collector.metrics.streams.store(self.live.streams() as u64, Ordering::Relaxed);
        let sites = self.api.views.read().map_or(0, |views| views.sites().len());
        let gauges = Gauges {
            lag_hits: self.lag(),
            connections: peer.connections.load(Ordering::Relaxed),
            sites,
            in_flight: self.running.stats().pending(),
        };
        let text = self.collector.metrics.render(gauges);
        reply::reply(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
    }

    fn stream(&self, request: &Parts, peer: &Peer) -> Reply {
        let mut params = Params::read(request);
        let query = request.uri.query().unwrap_or_default();
        params.site = form::first(query, "site").unwrap_or_default().into_owned();
        match self.api.admit(&params) {
            // What is wrong with the site's name is said by the stream.
            Err(refused) if !params.site.is_empty() => {
                reply::error(refused.status, &refused.message)
            }
            _ => self.live.stream(request, peer),
        }
    }

    async fn import(&self, request: &Parts, body: Incoming, peer: &Peer) -> Reply {
        if request.method != Method::POST {
            return reply::error(StatusCode::METHOD_NOT_ALLOWED, "send the access log with POST");
        }
        let query = request.uri.query().unwrap_or_default();
        let text = |name: &str| form::first(query, name).unwrap_or_default().into_owned();
        let site = text("site");
        if !is_site_name(&site) {
            let message = "site: missing or no name; send site=example.com with letters, digits, '.', '-' and '_'";
            return reply::error(StatusCode::BAD_REQUEST, message);
        }
        let config = &self.api.config;
        if !config.any_site && config.site(&site).is_none() {
            return reply::error(
                StatusCode::FORBIDDEN,
                "site: no such site here; add it to the configuration",
            );
        }
        let mut params = Params::read(request);
        site.clone_into(&mut params.site);
        if let Err(refused) = self.api.admit(&params) {
            return reply::error(refused.status, &refused.message);
        }
        if self.importing.count() >= UPLOADS_MAX {
            return reply::busy("other imports are running; try again when they are done");
        }
        let mark = self.importing.mark(&site);
        // What an earlier import stored must be known, so that it is not stored again.
        let end = self.importer.intake.partition().high_watermark();
        self.api.progress.wait_hits(end, &*self.importer.clock, PATIENCE).await;
        let source = Some(text("source")).filter(|source| !source.is_empty());
        let is_set = |name: &str| matches!(text(name).as_str(), "1" | "true");
        let (all_requests, growing) = (is_set("all_requests"), is_set("growing"));
        upload(
            self.importer.clone(),
            ImportOptions { site, all_requests, growing, source },
            body,
            peer,
            mark,
        )
    }
}
