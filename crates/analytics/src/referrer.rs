//! Where a reader came from: the class, the domain and the network of a referrer.
//!
//! # Constraints
//!
//! * Five classes, as Parse.ly counts them: search, social, internal, direct, other.
//! * Internal is what shares its registered domain with the page; that beats the tables, so a search engine's
//!   own pages are internal to it. Direct is no referrer at all.
//! * The tables are our own and name registered domains; hosts that differ from the rest of their domain
//!   (web mail of a search engine) stand in a table looked at first.

use crate::clean::registered_domain;
use url::Url;

mod table;
#[cfg(test)]
mod tests;

/// The class of a referrer. The number is the place in arrays of counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Class {
    /// A search engine.
    Search = 0,
    /// A social network or messenger.
    Social = 1,
    /// The same registered domain as the page.
    Internal = 2,
    /// No referrer.
    Direct = 3,
    /// Anything else.
    Other = 4,
}

impl Class {
    /// All classes in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::Search, Self::Social, Self::Internal, Self::Direct, Self::Other];

    /// Its name in answers and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Social => "social",
            Self::Internal => "internal",
            Self::Direct => "direct",
            Self::Other => "other",
        }
    }

    /// The class with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// The class with this number; `Other` for a number that is none.
    pub fn by_number(number: i64) -> Self {
        usize::try_from(number)
            .ok()
            .and_then(|at| Self::ALL.get(at).copied())
            .unwrap_or(Self::Other)
    }
}

/// The networks that Parse.ly counts by name (`fb_referrals` and so on).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// Facebook.
    Facebook,
    /// Twitter, now X.
    Twitter,
    /// LinkedIn.
    LinkedIn,
    /// Pinterest.
    Pinterest,
}

/// What is known about one referrer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    /// Its class.
    pub class: Class,
    /// Its registered domain; empty for direct.
    pub domain: String,
}

/// Classes the referrer of a page on `page_host`.
pub fn classify(referrer: &str, page_host: &str) -> Referrer {
    let referrer = referrer.trim();
    if referrer.is_empty() || referrer == "-" {
        return Referrer { class: Class::Direct, domain: String::new() };
    }
    let Some(host) = host_of(referrer) else {
        return Referrer { class: Class::Other, domain: String::new() };
    };
    let domain = registered_domain(&host).to_owned();
    let class = if domain.eq_ignore_ascii_case(registered_domain(page_host)) {
        Class::Internal
    } else {
        class_of(&host, &domain)
    };
    Referrer { class, domain }
}

/// The host of a referrer; an Android app's package is turned around into the domain it is named after.
fn host_of(referrer: &str) -> Option<String> {
    if let Some(rest) = referrer.strip_prefix("android-app://") {
        let package = rest.split('/').next().unwrap_or_default();
        let valid = package.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'_');
        let host: Vec<&str> = package.split('.').rev().collect();
        return (valid && host.len() > 1).then(|| host.join(".").to_ascii_lowercase());
    }
    let url = Url::parse(referrer).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let host = url.host_str()?;
    Some(host.strip_suffix('.').unwrap_or(host).to_owned())
}

/// The class of a host outside the page's own domain.
fn class_of(host: &str, domain: &str) -> Class {
    if table::NEITHER.binary_search(&host).is_ok() {
        return Class::Other;
    }
    if table::SEARCH.binary_search(&domain).is_ok()
        || table::SEARCH_HOSTS.binary_search(&host).is_ok()
    {
        return Class::Search;
    }
    if table::SOCIAL.binary_search(&domain).is_ok() {
        return Class::Social;
    }
    // Engines and networks with a domain a country are known by the label before the suffix.
    let label = domain.split('.').next().unwrap_or_default();
    if table::SEARCH_LABELS.binary_search(&label).is_ok() && psl_is_country_site(domain, label) {
        return Class::Search;
    }
    if table::SOCIAL_LABELS.binary_search(&label).is_ok() && psl_is_country_site(domain, label) {
        return Class::Social;
    }
    Class::Other
}

/// Whether the rest of the domain is a public suffix of at most two labels, as in `google.co.uk`.
fn psl_is_country_site(domain: &str, label: &str) -> bool {
    let suffix = domain.get(label.len() + 1..).unwrap_or_default();
    !suffix.is_empty() && suffix.split('.').count() <= 2 && suffix.len() <= 6
}

/// The network that a registered domain belongs to.
pub fn network(domain: &str) -> Option<Network> {
    match domain {
        "facebook.com" | "fb.com" | "fb.me" | "messenger.com" => Some(Network::Facebook),
        "twitter.com" | "x.com" | "t.co" => Some(Network::Twitter),
        "linkedin.com" | "lnkd.in" => Some(Network::LinkedIn),
        "pin.it" => Some(Network::Pinterest),
        _ if domain.starts_with("pinterest.") => Some(Network::Pinterest),
        _ => None,
    }
}
