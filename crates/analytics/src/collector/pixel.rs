//! `GET /plogger/?…`: the picture of 43 bytes.
//!
//! The query is looked through once, by hand; what is kept of it is the text that came.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use super::check::{Collector, Named, Refused, dropped};
use crate::form;
use crate::hit::{Received, Via};
use crate::http::body::Body;
use crate::http::reply::{self, Reply, set};
use crate::http::server::Peer;
use crate::metrics::Refusal;

/// The longest query that is taken; browsers and proxies break longer ones anyway.
pub const QUERY_BYTES_MAX: usize = 8 * 1024;

/// A transparent picture of one pixel.
pub const GIF: &[u8; 43] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\
\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

impl Collector {
    /// Answers the pixel.
    pub async fn pixel(&self, request: &Parts, peer: &Peer) -> Reply {
        if request.method != Method::GET {
            return reply::text(StatusCode::METHOD_NOT_ALLOWED, "the pixel takes GET only");
        }
        let started = self.clock.now();
        let form = match take(request.uri.query().unwrap_or_default()) {
            Ok(form) => form,
            Err(refused) => return self.refuse(&refused),
        };
        let (site, url) = (form::first(&form, "idsite"), form::first(&form, "url"));
        let site = match self.check(Named { site: site.as_deref(), url: url.as_deref() }) {
            Ok(site) => site,
            Err(refused) => return self.refuse(&refused),
        };
        if is_prefetch(request) {
            self.metrics.refuse(Refusal::Prefetch);
            let mut picture = gif();
            dropped(&mut picture, Refusal::Prefetch);
            return picture;
        }
        let at_ms = self.clock.wall_ms();
        let sender = self.sender(peer.address, &request.headers);
        let hit = Received {
            form: &form,
            via: Via::Pixel,
            user_agent: &sender.user_agent,
            referer: &sender.referer,
            visitor: self.visitor(&sender, site, at_ms),
            network: sender.network.as_deref(),
            source: None,
        };
        if let Err(error) = self.intake.append(&hit, site, at_ms).await {
            return self.log_refused(&error);
        }
        self.metrics.hits_pixel.add(1);
        self.metrics.pixel_latency.note(self.clock.now().since(started));
        gif()
    }
}

/// The form to keep: the query without an address of the visitor.
fn take(query: &str) -> Result<Cow<'_, str>, Refused> {
    if query.len() > QUERY_BYTES_MAX {
        let message = format!(
            "query: longer than {QUERY_BYTES_MAX} bytes; send less, or POST to /mobileproxy"
        );
        return Err(Refused {
            status: StatusCode::URI_TOO_LONG,
            ..Refused::new(Refusal::TooLong, message)
        });
    }
    if query.bytes().any(|byte| byte < b' ') {
        return Err(Refused::new(Refusal::Invalid, "query: holds a control character; encode it"));
    }
    if !form::pairs(query).any(|(name, _)| is_address(name)) {
        return Ok(Cow::Borrowed(query));
    }
    let kept: Vec<String> = form::pairs(query)
        .filter(|(name, _)| !is_address(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Ok(Cow::Owned(kept.join("&")))
}

/// Whether a field holds an address of the visitor, which is never kept.
pub(super) fn is_address(name: &str) -> bool {
    name.eq_ignore_ascii_case("ip_address")
}

/// Whether the browser only fetches ahead, in case somebody will look.
fn is_prefetch(request: &Parts) -> bool {
    ["sec-purpose", "purpose", "x-purpose", "x-moz"].iter().any(|name| {
        let value = request.headers.get(*name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.contains("prefetch") || value.contains("prerender"))
    })
}

/// The picture, which no cache may keep and any page may show.
fn gif() -> Reply {
    let mut reply = Response::new(Body::from(Bytes::from_static(GIF)));
    let headers = reply.headers_mut();
    set(headers, CONTENT_TYPE, "image/gif");
    set(headers, CACHE_CONTROL, "no-store");
    set(headers, ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(headers, "cross-origin-resource-policy", "cross-origin");
    reply
}
