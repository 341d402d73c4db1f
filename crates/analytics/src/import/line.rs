//! One line of an access log: Apache's and nginx's common and combined formats.
//!
//! `host ident user [17/May/2015:10:05:03 +0000] "GET /path HTTP/1.1" 200 512 "referer" "user agent"`,
//! the last two fields only in combined; what follows them is not looked at. Inside quotes `\"` and `\\` stand for
//! themselves, as Apache writes them.

use std::borrow::Cow;

use memchr::memchr;

use crate::period::{civil_ms, digits, offset_s};

#[cfg(test)]
mod tests;

/// The endings of files that belong to a page and are none (compared without regard to case).
const ASSETS: &[&str] = &[
    "7z", "atom", "avif", "bz2", "css", "dmg", "eot", "exe", "gif", "gz", "ico", "iso", "jpeg",
    "jpg", "js", "json", "map", "mjs", "mp3", "mp4", "ogg", "otf", "pdf", "png", "rar", "rss",
    "svg", "tar", "tgz", "ttf", "txt", "wav", "webm", "webp", "woff", "woff2", "xml", "xz", "zip",
];

/// A line, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The client's address, or the name it was resolved to.
    pub client: &'a str,
    /// The time in milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// The method.
    pub method: &'a str,
    /// The request's target: path and query, or a whole address.
    pub target: Cow<'a, str>,
    /// The status of the answer.
    pub status: u16,
    /// The Referer header; empty for `-` and in the common format.
    pub referer: Cow<'a, str>,
    /// The user agent; empty for `-` and in the common format.
    pub user_agent: Cow<'a, str>,
}

/// Why a line was not understood: the first thing that was missing.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum LineError {
    /// Not UTF-8.
    #[error("not text (UTF-8)")]
    NotText,
    /// Longer than the reader's bound.
    #[error("longer than 64 KiB")]
    TooLong,
    /// A time that has not come.
    #[error("its time has not come yet")]
    Future,
    /// No client, ident and user at the start.
    #[error("no client address at the start")]
    Client,
    /// No time in brackets.
    #[error("no time such as [17/May/2015:10:05:03 +0000]")]
    Time,
    /// No request in quotes.
    #[error("no request such as \"GET /path HTTP/1.1\"")]
    Request,
    /// No status after the request.
    #[error("no status of three digits after the request")]
    Status,
    /// The second or third quoted text has no end.
    #[error("a quoted text has no end")]
    Quote,
}

impl<'a> Line<'a> {
    /// Takes a line apart.
    ///
    /// # Errors
    /// Names the first part that was not found.
    pub fn parse(text: &'a str) -> Result<Self, LineError> {
        let open = memchr(b'[', text.as_bytes()).ok_or(LineError::Time)?;
        let client = text[..open].split_ascii_whitespace().next().ok_or(LineError::Client)?;
        let rest = &text[open + 1..];
        let close = memchr(b']', rest.as_bytes()).ok_or(LineError::Time)?;
        let at_ms = time(&rest[..close]).ok_or(LineError::Time)?;
        let (request, rest) = quoted(&rest[close + 1..]).ok_or(LineError::Request)?;
        let (method, target) = request_line(request).ok_or(LineError::Request)?;
        let mut words = rest.split_ascii_whitespace();
        let status = words.next().filter(|word| word.len() == 3).ok_or(LineError::Status)?;
        let status = status.parse().map_err(|_| LineError::Status)?;
        let (referer, rest) = optional(rest)?;
        let (user_agent, _) = optional(rest)?;
        let target = unescape(target);
        Ok(Self { client, at_ms, method, target, status, referer, user_agent })
    }

    /// Whether the answer was given: 2xx, or 304 for what the browser already had.
    pub fn is_answered(&self) -> bool {
        (200..300).contains(&self.status) || self.status == 304
    }

    /// Whether a person may have looked at a page: a GET that was answered, of no asset.
    pub fn is_page_view(&self) -> bool {
        self.method == "GET" && self.is_answered() && !is_asset(self.path())
    }

    /// The target without host, query and fragment.
    pub fn path(&self) -> &str {
        let target = self.target.split(['?', '#']).next().unwrap_or_default();
        match target.find("://") {
            // A proxy's line holds the whole address.
            Some(at) if !target.starts_with('/') => {
                let rest = &target[at + 3..];
                rest.find('/').map_or("/", |slash| &rest[slash..])
            }
            _ => target,
        }
    }
}

/// Whether a path ends in an asset's extension.
fn is_asset(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some((_, ending)) = name.rsplit_once('.') else { return false };
    if ending.is_empty() || ending.len() > 5 {
        return false;
    }
    ASSETS.binary_search(&ending.to_ascii_lowercase().as_str()).is_ok()
}

/// `17/May/2015:10:05:03 +0000`.
fn time(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (stamp, zone) = text.split_once(' ')?;
    let [date, hour, minute, second] = stamp.split(':').collect::<Vec<_>>()[..] else {
        return None;
    };
    let [day, month, year] = date.split('/').collect::<Vec<_>>()[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let two = |word: &str| digits(word, 0, 2).filter(|_| word.len() == 2);
    let second = two(second).filter(|second| *second <= 60)?;
    let year = digits(year, 0, 4).filter(|_| year.len() == 4)?;
    civil_ms(
        year,
        i32::try_from(month).ok()?,
        two(day)?,
        two(hour)?,
        two(minute)?,
        second,
        offset_s(zone)?,
    )
}

/// The text between the next quotes and what follows them; a quote after a backslash does not end it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let start = memchr(b'"', text.as_bytes())? + 1;
    let bytes = text.as_bytes();
    let mut at = start;
    loop {
        match bytes.get(at)? {
            b'"' => return Some((&text[start..at], &text[at + 1..])),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The next quoted text if the format has one; empty for `-`.
fn optional(text: &str) -> Result<(Cow<'_, str>, &str), LineError> {
    if memchr(b'"', text.as_bytes()).is_none() {
        return Ok((Cow::Borrowed(""), ""));
    }
    let (inner, rest) = quoted(text).ok_or(LineError::Quote)?;
    Ok((if inner == "-" { Cow::Borrowed("") } else { unescape(inner) }, rest))
}

/// Method and target of `GET /path HTTP/1.1`. The target may hold spaces that nobody encoded.
fn request_line(request: &str) -> Option<(&str, &str)> {
    let (method, rest) = request.split_once(' ')?;
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let target = match rest.rsplit_once(' ') {
        Some((target, version)) if version.starts_with("HTTP/") => target,
        _ => rest,
    };
    (!target.is_empty()).then_some((method, target))
}

/// Takes the backslashes before quotes and backslashes out.
fn unescape(text: &str) -> Cow<'_, str> {
    if memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\\\"", "\"").replace("\\\\", "\\"))
}
