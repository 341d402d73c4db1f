//! `POST /v2/metadata/posts`: what a publisher says about a post.
//!
//! It goes into the topic `metadata` like every fact, and the answer leaves when the views have it, so that the next
//! question shows it.

use std::borrow::Cow;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tidemill_commitlog::batch;

use super::Api;
use super::params::{Params, Refused};
use crate::hit::is_site_name;
use crate::http::reply::{self, Reply};
use crate::http::request::{BodyError, whole};
use crate::metadata::{Origin, PostMeta, Record};

/// The largest body; a post with all its fields has some kilobytes.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// How long an answer waits for the views; it says so if they are later.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Said {
    apikey: Option<String>,
    secret: Option<String>,
    metadata: Option<Value>,
}

impl Api {
    /// Answers `POST /v2/metadata/posts`.
    pub async fn describe_post(&self, request: &Parts, body: Incoming) -> Reply {
        if request.method == Method::OPTIONS {
            return reply::preflight();
        }
        if request.method != Method::POST {
            return reply::error(StatusCode::METHOD_NOT_ALLOWED, "send the metadata with POST");
        }
        let body = match whole(body, BODY_BYTES_MAX, &*self.clock).await {
            Ok(body) => body,
            Err(error @ BodyError::TooLarge(_)) => {
                return reply::error(StatusCode::PAYLOAD_TOO_LARGE, &error.to_string());
            }
            Err(error) => return reply::error(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        let (site, value) = match self.read_post(request, &body) {
            Ok(read) => read,
            Err(refused) => return reply::error(refused.status, &refused.message),
        };
        self.store(&site, &value).await
    }

    fn read_post(&self, request: &Parts, body: &[u8]) -> Result<(String, Vec<u8>), Refused> {
        let said: Said = serde_json::from_slice(body).map_err(|error| {
            Refused::bad(format!(
                "body: no JSON ({error}); send {{\"apikey\":…,\"metadata\":{{…}}}}"
            ))
        })?;
        let mut params = Params::read(request);
        if let Some(apikey) = said.apikey {
            params.site = apikey;
        }
        if let Some(secret) = said.secret {
            params.secret = secret;
        }
        self.admit(&params)?;
        if !is_site_name(&params.site) {
            return Err(Refused::bad("apikey: use letters, digits, '.', '-' and '_', at most 128"));
        }
        if !self.config.any_site && self.config.site(&params.site).is_none() {
            let message = "apikey: no such site here; add it to the configuration".to_owned();
            return Err(Refused { status: StatusCode::FORBIDDEN, message });
        }
        // WordPress sends the object as text inside the object.
        let metadata = match said.metadata {
            Some(Value::String(text)) => serde_json::from_str(&text).ok(),
            other => other,
        };
        let metadata = metadata.filter(Value::is_object);
        let metadata = metadata
            .ok_or_else(|| Refused::bad("metadata: missing; send an object with canonical_url"))?;
        PostMeta::parse(&metadata.to_string(), Origin::Api, None)
            .map_err(|error| Refused::bad(error.to_string()))?;
        let record = Record {
            apikey: Cow::Borrowed(&params.site),
            site_title: None,
            metadata: Some(metadata),
        };
        let value = serde_json::to_vec(&record)
            .map_err(|error| Refused::bad(format!("metadata: {error}")))?;
        Ok((params.site, value))
    }

    async fn store(&self, site: &str, value: &[u8]) -> Reply {
        let record = batch::Record {
            timestamp_ms: self.clock.wall_ms(),
            key: Some(site.as_bytes()),
            value: Some(value),
            headers: &[],
        };
        let appended = match self.metadata.append(record).await {
            Ok(appended) => appended,
            Err(error) => {
                tracing::warn!(%error, "the log refused metadata");
                return reply::busy("the metadata could not be stored; send it again in a second");
            }
        };
        let after = appended.last_offset.saturating_add(1);
        let shown = self.progress.wait_metadata(after, &*self.clock, PATIENCE).await;
        reply::json(
            StatusCode::OK,
            &json!({"success": true, "data": [], "meta": {"shown": shown}, "links": {}}),
        )
    }
}
