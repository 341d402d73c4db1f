//! What the pixel and the batches have in common.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::{HeaderMap, StatusCode};
use tidemill_commitlog::AppendError;
use tidemill_world::Clock;

use crate::clean::Page;
use crate::config::AnalyticsConfig;
use crate::hit::{SITE_BYTES_MAX, URL_BYTES_MAX, is_site_name};
use crate::http::proxy;
use crate::http::reply::{self, Reply, set};
use crate::intake::Intake;
use crate::metrics::{Metrics, Refusal};
use crate::visitor::{DayKeys, network};

/// Bytes of a user agent that are looked at; browsers send 100 to 250.
const AGENT_BYTES_MAX: usize = 512;

/// Takes hits.
#[derive(Clone)]
pub struct Collector {
    /// What can be set.
    pub config: Arc<AnalyticsConfig>,
    /// Where hits go.
    pub intake: Intake,
    /// Who visitors are today.
    pub keys: Arc<DayKeys>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A refusal, ready to be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl Refused {
    pub(super) fn new(refusal: Refusal, message: impl Into<String>) -> Self {
        let status = match refusal {
            Refusal::NotAllowed => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { refusal, status, message: message.into() }
    }
}

/// The fields that every hit must have, and where it is from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Named<'a> {
    pub(super) site: Option<&'a str>,
    pub(super) url: Option<&'a str>,
}

/// Who sent a hit.
pub(super) struct Sender {
    address: String,
    pub(super) user_agent: String,
    pub(super) referer: String,
    pub(super) network: Option<String>,
    anonymous: bool,
}

impl Collector {
    /// Checks the fields that every hit must have and returns the site.
    pub(super) fn check<'a>(&self, named: Named<'a>) -> Result<&'a str, Refused> {
        let site = named.site.filter(|site| !site.is_empty()).ok_or_else(|| {
            Refused::new(
                Refusal::Missing,
                "idsite: missing; send the site's name, for example idsite=example.com",
            )
        })?;
        if !is_site_name(site) {
            let message =
                format!("idsite: use letters, digits, '.', '-' and '_', at most {SITE_BYTES_MAX}");
            return Err(Refused::new(Refusal::Invalid, message));
        }
        let url = named.url.filter(|url| !url.is_empty()).ok_or_else(|| {
            Refused::new(
                Refusal::Missing,
                "url: missing; send the page's address, for example url=https://example.com/a",
            )
        })?;
        if url.len() > URL_BYTES_MAX {
            let message =
                format!("url: longer than {URL_BYTES_MAX} bytes; send the canonical address");
            return Err(Refused::new(Refusal::TooLong, message));
        }
        self.allowed(site, url)?;
        Ok(site)
    }

    fn allowed(&self, site: &str, url: &str) -> Result<(), Refused> {
        let Some(config) = self.config.site(site) else {
            if self.config.any_site {
                return plausible(url);
            }
            let message = "idsite: no such site here; add it to the configuration";
            return Err(Refused::new(Refusal::NotAllowed, message));
        };
        if config.hosts.is_empty() {
            return plausible(url);
        }
        let page = Page::parse(url).ok_or_else(no_address)?;
        let host = page.host();
        let own = |allowed: &String| {
            host == allowed
                || host.strip_suffix(allowed.as_str()).is_some_and(|rest| rest.ends_with('.'))
        };
        if config.hosts.iter().any(own) {
            return Ok(());
        }
        let message = "url: its host is not one of the site's; add it to the site's hosts";
        Err(Refused::new(Refusal::NotAllowed, message))
    }

    /// Who sent this request.
    pub(super) fn sender(&self, peer: IpAddr, headers: &HeaderMap) -> Sender {
        let text =
            |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let said = |name: &str| headers.get(name).is_some_and(|value| value == "1");
        let address = proxy::client(peer, headers, &self.config.proxies).to_string();
        let user_agent = text("user-agent").unwrap_or_default();
        Sender {
            network: network(&address),
            address,
            user_agent: crate::agent::cut(&user_agent, AGENT_BYTES_MAX).to_owned(),
            referer: text("referer").unwrap_or_default().into_owned(),
            anonymous: said("dnt") || said("sec-gpc"),
        }
    }

    /// The visitor that the sender is today on this site.
    pub(super) fn visitor(&self, sender: &Sender, site: &str, at_ms: i64) -> Option<u128> {
        (!sender.anonymous)
            .then(|| self.keys.visitor(at_ms, site, &sender.address, &sender.user_agent))
    }

    /// Tells a refusal.
    pub(super) fn refuse(&self, refused: &Refused) -> Reply {
        self.metrics.refuse(refused.refusal);
        let mut reply = reply::text(refused.status, &refused.message);
        dropped(&mut reply, refused.refusal);
        reply
    }

    /// Tells that the log took no more.
    pub(super) fn log_refused(&self, error: &AppendError) -> Reply {
        tracing::warn!(%error, "the log refused a hit");
        self.metrics.refuse(Refusal::LogRefused);
        let mut reply = reply::busy("the hit could not be stored; send it again in a second");
        dropped(&mut reply, Refusal::LogRefused);
        reply
    }
}

/// Marks an answer to a hit that was not taken.
pub(super) fn dropped(reply: &mut Reply, refusal: Refusal) {
    set(reply.headers_mut(), "x-tidemill-dropped", refusal.name());
    set(reply.headers_mut(), "access-control-allow-origin", "*");
    set(reply.headers_mut(), "access-control-expose-headers", "X-Tidemill-Dropped");
}

/// The cheap look at an address; it is taken apart later, where nobody waits.
fn plausible(url: &str) -> Result<(), Refused> {
    let start = url.trim_start().get(..8).unwrap_or(url).to_ascii_lowercase();
    if start.starts_with("http://") || start.starts_with("https://") {
        Ok(())
    } else {
        Err(no_address())
    }
}

fn no_address() -> Refused {
    Refused::new(
        Refusal::Invalid,
        "url: must be an absolute http(s) address, for example https://example.com/a",
    )
}
