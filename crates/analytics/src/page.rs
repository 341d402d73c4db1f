//! The dashboard's files, embedded when the program was built.
//!
//! # Constraints
//!
//! * The page may load only from where it came from (`Content-Security-Policy`), because titles and
//!   addresses on it are what strangers wrote.
//! * Files under `assets/` have a name that changes with their content and may be kept for ever; the page itself
//!   is asked for each time.

use bytes::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, REFERRER_POLICY,
    VARY,
};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use crate::http::reply::{Reply, reply, set, text};

#[cfg(test)]
mod tests;

/// What the page may do.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// One file of the page.
#[derive(Clone, Copy)]
struct File {
    name: &'static str,
    plain: &'static [u8],
    packed: &'static [u8],
}

const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// Whether the program was built with the page.
pub fn is_there() -> bool {
    !FILES.is_empty()
}

/// Answers a file of the page; `None` if there is no such file.
pub fn answer(request: &Parts) -> Option<Reply> {
    find(FILES, request)
}

fn find(files: &[File], request: &Parts) -> Option<Reply> {
    let path = request.uri.path().trim_start_matches('/');
    let name = if path.is_empty() { "index.html" } else { path };
    if name == "index.html" && files.is_empty() {
        let message = "this program was built without the dashboard; the API is at /v2/analytics/posts?apikey=…";
        return Some(text(StatusCode::OK, message));
    }
    let file = files.iter().find(|file| file.name == name)?;
    if request.method != Method::GET && request.method != Method::HEAD {
        return Some(text(StatusCode::METHOD_NOT_ALLOWED, "the page takes GET only"));
    }
    Some(file.reply(request))
}

impl File {
    fn reply(&self, request: &Parts) -> Reply {
        let accepted = request.headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
        let packed = accepted.is_some_and(|value| value.contains("gzip"))
            && self.packed.len() < self.plain.len();
        let bytes = Bytes::from_static(if packed { self.packed } else { self.plain });
        let mut reply = reply(StatusCode::OK, content_type(self.name), bytes);
        let headers = reply.headers_mut();
        if packed {
            set(headers, CONTENT_ENCODING, "gzip");
        }
        set(headers, VARY, "Accept-Encoding");
        set(headers, CONTENT_SECURITY_POLICY, POLICY);
        set(headers, REFERRER_POLICY, "no-referrer");
        let kept = self.name.starts_with("assets/");
        set(
            headers,
            CACHE_CONTROL,
            if kept { "public, max-age=31536000, immutable" } else { "no-cache" },
        );
        reply
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "map" | "webmanifest" => "application/json",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
