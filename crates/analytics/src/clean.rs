//! From the address of a page view to the post it belongs to.
//!
//! # Constraints
//!
//! * A post is host and path. Scheme, user, default port, query, fragment and a trailing slash are not part of
//!   it, so that what readers share in many spellings is counted once.
//! * AMP copies are the post itself: `/amp` before or after the path, `.amp` and `.amp.html` endings, the host
//!   `amp.…`, and addresses inside Google's AMP cache.
//! * Addresses are written by anybody: what is no absolute http(s) address has no post.

use url::{Host, Url};

#[cfg(test)]
mod tests;

/// The host of Google's AMP cache; its addresses hold the publisher's own after `/c/` (and `s/` for https).
const AMP_CACHE: &str = ".cdn.ampproject.org";

/// A page's address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Host (with port if it is not the scheme's own) and path: what a post is known by.
    pub post: String,
    /// How many bytes of `post` are the host without port.
    host_bytes: usize,
}

impl Page {
    /// Takes an address apart; `None` for what is no absolute http(s) address.
    pub fn parse(address: &str) -> Option<Self> {
        let url = Url::parse(address.trim()).ok()?;
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        match cached_by_amp(&url) {
            Some(inner) => Self::from_url(&inner),
            None => Self::from_url(&url),
        }
    }

    fn from_url(url: &Url) -> Option<Self> {
        let mut host = url.host_str().unwrap_or_default();
        if matches!(url.host(), Some(Host::Domain(_))) {
            host = host.trim_end_matches('.');
            host = host.strip_prefix("amp.").filter(|rest| rest.contains('.')).unwrap_or(host);
            if host.is_empty() || host.starts_with('.') {
                return None;
            }
        }
        let path = fold(url.path());
        let mut post = String::with_capacity(host.len() + path.len() + 6);
        post.push_str(host);
        if let Some(port) = url.port() {
            post.push(':');
            post.push_str(&port.to_string());
        }
        post.push_str(path);
        Some(Self { post, host_bytes: host.len() })
    }

    /// The host, without port.
    pub fn host(&self) -> &str {
        self.post.get(..self.host_bytes).unwrap_or_default()
    }
}

/// The publisher's own address inside an address of the AMP cache.
fn cached_by_amp(url: &Url) -> Option<Url> {
    if !url.host_str()?.ends_with(AMP_CACHE) {
        return None;
    }
    let inner = url.path().strip_prefix("/c/").or_else(|| url.path().strip_prefix("/v/"))?;
    match inner.strip_prefix("s/") {
        Some(secure) => Url::parse(&format!("https://{secure}")).ok(),
        None => Url::parse(&format!("http://{inner}")).ok(),
    }
}

/// The path without what only marks a variant; `/` for the front page.
fn fold(path: &str) -> &str {
    let mut path = path.trim_end_matches('/');
    if let Some(rest) = path.strip_prefix("/amp").filter(|rest| rest.starts_with('/')) {
        path = rest;
    }
    for ending in ["/amp", ".amp.html", ".amp"] {
        path = path.strip_suffix(ending).unwrap_or(path);
    }
    let path = path.trim_end_matches('/');
    if path.is_empty() { "/" } else { path }
}

/// The post that an address, with or without scheme, names.
pub fn post_of(address: &str) -> Option<String> {
    let page = if address.contains("://") {
        Page::parse(address)
    } else {
        Page::parse(&format!("https://{address}"))
    };
    page.map(|page| page.post)
}

/// The registered domain of a host (`bbc.co.uk` of `news.bbc.co.uk`); the host itself where there is
/// none, as for an IP address or `localhost`.
pub fn registered_domain(host: &str) -> &str {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[') {
        return host;
    }
    psl::domain_str(host).unwrap_or(host)
}
