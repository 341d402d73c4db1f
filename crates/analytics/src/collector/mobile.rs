//! `POST /mobileproxy`: a batch of events, as apps send it.
//!
//! Each event becomes the form that the pixel would have sent, so that the log knows one shape only. A batch is taken
//! whole or not at all.

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};
use tidemill_commitlog::batch::BatchBuilder;

use super::check::{Collector, Named, Refused, Sender};
use super::pixel::is_address;
use crate::form;
use crate::hit::{Received, Via};
use crate::http::reply::{self, Reply};
use crate::http::request::{BodyError, whole};
use crate::http::server::Peer;
use crate::intake::push;
use crate::metrics::Refusal;

#[cfg(test)]
mod tests;

/// The largest batch; browsers send no larger one when a page is left.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Events of one batch. With what the log keeps of the request beside each (1.2 KB at most) and the body as a
/// form (three times its bytes at most) they fit one batch of the log.
const EVENTS_MAX: usize = 500;
/// Bytes of the batch that they become; a little less than a topic takes by default.
const LOG_BATCH_BYTES_MAX: usize = 1_000_000;
/// The longest name of a field; longer ones are left out.
const NAME_BYTES_MAX: usize = 64;

impl Collector {
    /// Answers a batch.
    pub async fn mobile(&self, request: &Parts, body: Incoming, peer: &Peer) -> Reply {
        if request.method == Method::OPTIONS {
            return reply::preflight();
        }
        if request.method != Method::POST {
            return reply::text(StatusCode::METHOD_NOT_ALLOWED, "send the batch with POST");
        }
        let body = match whole(body, BODY_BYTES_MAX, &*self.clock).await {
            Ok(body) => body,
            Err(error) => return self.refuse(&unread(&error)),
        };
        let forms = match self.forms(&body) {
            Ok(forms) => forms,
            Err(refused) => return self.refuse(&refused),
        };
        let sender = self.sender(peer.address, &request.headers);
        let count = forms.len();
        let Some(batch) = self.batch(&forms, &sender) else {
            let message = "events: too much for one batch; send fewer at once";
            return self.refuse(&Refused::new(Refusal::TooLong, message));
        };
        if let Err(error) = self.intake.append_batch(batch).await {
            return self.log_refused(&error);
        }
        self.metrics.hits_mobile.add(count as u64);
        reply::json(StatusCode::OK, &json!({"success": true, "events": count}))
    }

    fn batch(&self, forms: &[(String, String)], sender: &Sender) -> Option<Bytes> {
        let at_ms = self.clock.wall_ms();
        let (mut batch, mut scratch) = (BatchBuilder::new(LOG_BATCH_BYTES_MAX), Vec::new());
        for (site, form) in forms {
            let hit = Received {
                form,
                via: Via::Mobile,
                user_agent: &sender.user_agent,
                referer: &sender.referer,
                visitor: self.visitor(sender, site, at_ms),
                network: sender.network.as_deref(),
                source: None,
            };
            if !push(&mut batch, &hit, site, at_ms, &mut scratch) {
                return None;
            }
        }
        Some(batch.finish())
    }

    /// Site and form of each event of a batch.
    fn forms(&self, body: &[u8]) -> Result<Vec<(String, String)>, Refused> {
        let invalid = |message: &str| Refused::new(Refusal::Invalid, message);
        // Depth is bounded by the parser (128), size by the body.
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            invalid(&format!("body: no JSON ({error}); send {{\"events\":[…]}}"))
        })?;
        let events = value.get("events").and_then(Value::as_array);
        let events = events.ok_or_else(|| invalid("events: missing; send {\"events\":[{…}]}"))?;
        if events.is_empty() {
            return Err(invalid("events: empty; send at least one"));
        }
        if events.len() > EVENTS_MAX {
            let message = format!("events: more than {EVENTS_MAX}; send fewer at once");
            return Err(Refused::new(Refusal::TooLong, message));
        }
        let form = |(at, event): (usize, &Value)| {
            let event = event
                .as_object()
                .ok_or_else(|| invalid(&format!("events[{at}]: must be an object")))?;
            self.form(event).map_err(|refused| Refused {
                message: format!("events[{at}].{}", refused.message),
                ..refused
            })
        };
        events.iter().enumerate().map(form).collect()
    }

    fn form(&self, event: &Map<String, Value>) -> Result<(String, String), Refused> {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        let site = self.check(Named { site: text("idsite"), url: text("url") })?;
        let mut form = String::new();
        for (name, value) in event {
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !plain || name.len() > NAME_BYTES_MAX || is_address(name) {
                continue;
            }
            match value {
                Value::Null => {}
                Value::String(text) => form::push(&mut form, name, text),
                other => form::push(&mut form, name, &other.to_string()),
            }
        }
        Ok((site.to_owned(), form))
    }
}

fn unread(error: &BodyError) -> Refused {
    let (refusal, status) = match error {
        BodyError::TooLarge(_) => (Refusal::TooLong, StatusCode::PAYLOAD_TOO_LARGE),
        BodyError::TooSlow => (Refusal::Invalid, StatusCode::REQUEST_TIMEOUT),
        BodyError::Broken => (Refusal::Invalid, StatusCode::BAD_REQUEST),
    };
    Refused { status, ..Refused::new(refusal, error.to_string()) }
}
