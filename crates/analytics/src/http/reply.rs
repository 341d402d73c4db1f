//! Whole answers.

use bytes::Bytes;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};

use super::body::Body;

/// An answer.
pub type Reply = Response<Body>;

/// An answer of this type; never kept by caches, never guessed at by browsers.
pub fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Reply {
    let mut reply = Response::new(body.into());
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    set(headers, CONTENT_TYPE, content_type);
    set(headers, CACHE_CONTROL, "no-store");
    set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    reply
}

/// Sets a header to a constant text.
pub fn set(headers: &mut HeaderMap, name: impl hyper::header::IntoHeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// A line of text.
pub fn text(status: StatusCode, message: &str) -> Reply {
    reply(status, "text/plain; charset=utf-8", Bytes::from(format!("{message}\n")))
}

/// JSON, for pages of any origin.
pub fn json(status: StatusCode, value: &Value) -> Reply {
    json_bytes(status, value.to_string())
}

/// JSON that is already written.
pub fn json_bytes(status: StatusCode, bytes: impl Into<Bytes>) -> Reply {
    let mut reply = reply(status, "application/json; charset=utf-8", bytes.into());
    set(reply.headers_mut(), ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    reply
}

/// An error as the API tells it: `code`, `message`, `success`.
pub fn error(status: StatusCode, message: &str) -> Reply {
    let body = json!({"code": status.as_u16(), "message": message, "success": false});
    json(status, &body)
}

/// The same, asking to come back in a second.
pub fn busy(message: &str) -> Reply {
    let mut reply = error(StatusCode::SERVICE_UNAVAILABLE, message);
    set(reply.headers_mut(), RETRY_AFTER, "1");
    reply
}

/// The answer to a browser that asks before it sends from another origin.
pub fn preflight() -> Reply {
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    let headers = reply.headers_mut();
    set(headers, ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(headers, "access-control-allow-methods", "GET, POST, OPTIONS");
    set(headers, "access-control-allow-headers", "Content-Type, X-Tidemill-Secret");
    set(headers, "access-control-max-age", "86400");
    reply
}
