//! What is known about a post beside its readers: title, authors, section, tags, publish time.
//!
//! # Constraints
//!
//! * The shape is Parse.ly's: `canonical_url, title, section, authors, tags, pub_date_tmsp, image_url, page_type`.
//!   Unknown fields are let be, wrong types of known ones are refused with the field's name.
//! * It comes by the API, or in the beacon from the page itself, which anybody can forge: what the API said
//!   stands above what a beacon says.
//! * Texts are cut and counts are bounded; addresses are kept only if they are http(s).
//! * It is kept in a topic and joined when a question is answered, so that a change shows at once and for all time.

use serde::{Deserialize, Serialize};

use crate::agent::cut;
use crate::clean::Page;
use crate::hit::{TEXT_BYTES_MAX, URL_BYTES_MAX};

#[cfg(test)]
mod tests;

/// Authors of one post.
const AUTHORS_MAX: usize = 10;
/// Tags of one post.
const TAGS_MAX: usize = 50;
/// Bytes of an author's, a section's or a tag's name.
const NAME_BYTES_MAX: usize = 200;
/// A number of seconds since 1970 stays below this for 3,000 years; a larger one is milliseconds.
const SECONDS_BELOW: f64 = 1e11;

/// Who said it. The later stands above the earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A page, in its beacon.
    #[default]
    Beacon,
    /// The publisher, over the API.
    Api,
}

/// What is known about a post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostMeta {
    /// Who said it.
    pub origin: Origin,
    /// The title, or empty.
    pub title: String,
    /// The section, or empty.
    pub section: String,
    /// The authors.
    pub authors: Vec<String>,
    /// The tags.
    pub tags: Vec<String>,
    /// When it was published, in milliseconds since 1970 UTC.
    pub pub_date_ms: Option<i64>,
    /// Its picture, or empty.
    pub image_url: String,
    /// Its address as the publisher writes it, or empty.
    pub link: String,
    /// `post`, `page`, `frontpage` and so on, or empty.
    pub page_type: String,
}

/// Why metadata was refused. Nothing was kept.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// It is no JSON object of the right shape.
    #[error("metadata: {0}")]
    Shape(#[from] serde_json::Error),
    /// The post is not named.
    #[error("metadata.canonical_url: must be the post's http(s) address")]
    Address,
}

/// A name or several: publishers write both.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Written {
    #[serde(alias = "link", alias = "url")]
    canonical_url: Option<String>,
    title: Option<String>,
    section: Option<String>,
    #[serde(alias = "author")]
    authors: Option<Names>,
    tags: Option<Names>,
    pub_date_tmsp: Option<f64>,
    pub_date: Option<String>,
    #[serde(alias = "thumb_url")]
    image_url: Option<String>,
    page_type: Option<String>,
}

impl PostMeta {
    /// Reads Parse.ly's JSON and returns the post it is about, which is `fallback` if the JSON names none.
    ///
    /// # Errors
    /// The text is no such JSON, or names no post.
    pub fn parse(
        json: &str,
        origin: Origin,
        fallback: Option<&str>,
    ) -> Result<(String, Self), MetadataError> {
        let written: Written = serde_json::from_str(json)?;
        let named = written.canonical_url.as_deref().map(|url| cut(url, URL_BYTES_MAX));
        let post = named.and_then(Page::parse).map(|page| page.post);
        let post = match (origin, post, fallback) {
            // A beacon may speak for its own page only.
            (Origin::Beacon, _, Some(own)) => own.to_owned(),
            (_, Some(post), _) => post,
            (_, None, _) => return Err(MetadataError::Address),
        };
        Ok((post, Self::of(written, origin)))
    }

    fn of(written: Written, origin: Origin) -> Self {
        let text = |text: Option<String>, bytes_max| {
            cut(text.unwrap_or_default().trim(), bytes_max).to_owned()
        };
        let link = |url: Option<String>| match url {
            Some(url) if url.len() <= URL_BYTES_MAX && Page::parse(&url).is_some() => url,
            _ => String::new(),
        };
        Self {
            origin,
            pub_date_ms: published(written.pub_date_tmsp, written.pub_date.as_deref()),
            title: text(written.title, TEXT_BYTES_MAX),
            section: text(written.section, NAME_BYTES_MAX),
            authors: names(written.authors, AUTHORS_MAX),
            tags: names(written.tags, TAGS_MAX),
            image_url: link(written.image_url),
            link: link(written.canonical_url),
            page_type: text(written.page_type, NAME_BYTES_MAX),
        }
    }

    /// The first author.
    pub fn author(&self) -> &str {
        self.authors.first().map_or("", String::as_str)
    }
}

fn names(names: Option<Names>, count_max: usize) -> Vec<String> {
    let all = match names {
        None => Vec::new(),
        Some(Names::One(name)) => vec![name],
        Some(Names::Many(names)) => names,
    };
    let mut kept: Vec<String> = Vec::new();
    for name in all.iter().map(|name| cut(name.trim(), NAME_BYTES_MAX)) {
        // A name written twice would count its readers twice.
        if !name.is_empty() && kept.len() < count_max && !kept.iter().any(|known| known == name) {
            kept.push(name.to_owned());
        }
    }
    kept
}

fn published(stamp: Option<f64>, text: Option<&str>) -> Option<i64> {
    if let Some(text) = text
        && let Ok(stamp) = text.parse::<jiff::Timestamp>()
    {
        return Some(stamp.as_millisecond());
    }
    let stamp = stamp.filter(|stamp| stamp.is_finite() && *stamp > 0.0)?;
    let ms = if stamp < SECONDS_BELOW { stamp * 1000.0 } else { stamp };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast of a float stays at the ends of the range"
    )]
    Some(ms as i64)
}

/// A record of the topic `metadata`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record<'a> {
    /// The site.
    pub apikey: std::borrow::Cow<'a, str>,
    /// What it is called; only in records about a site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site_title: Option<String>,
    /// Parse.ly's object; only in records about a post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<serde_json::Value>,
}
