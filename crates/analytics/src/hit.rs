//! A hit as it stands in the log: what was received, with what the request said about itself.
//!
//! # Layout of a record's value
//!
//! The first line is the form that came in (the pixel's query, or an event of a batch written as a form),
//! byte for byte but for an address of the visitor, which is taken out. The lines after it are `name value`:
//! how it came (`via`), user agent (`ua`), Referer header (`ref`), the visitor of that day (`visitor`), network
//! (`net`), and for imports the source and the line in it (`src`). The record's timestamp is the time of the hit.
//!
//! A producer that speaks only Kafka may leave all lines but the first away.
//!
//! # Constraints
//!
//! * Reading never fails on what a stranger wrote: a field that makes no sense is missing. A value
//!   with no site is no hit.
//! * A form holds no line break (one would be `%0A`), and [`push_line`] lets none into the other lines.

use std::borrow::Cow;

use crate::agent::cut;
use crate::form;

#[cfg(test)]
mod tests;

/// The longest page address that is taken.
pub const URL_BYTES_MAX: usize = 2_048;
/// The longest title and referrer that are taken.
pub const TEXT_BYTES_MAX: usize = 500;
/// The longest site name.
pub const SITE_BYTES_MAX: usize = 128;
/// The longest identifier (`pvid`, `plid`, source) that is looked at.
const ID_BYTES_MAX: usize = 128;

/// How a hit came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// The pixel.
    Pixel,
    /// A batch of a mobile app.
    Mobile,
    /// An access log.
    Import,
    /// The demo's generator: nobody read anything.
    Demo,
    /// A producer that did not say, such as a Kafka client.
    Other,
}

impl Via {
    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pixel => "pixel",
            Self::Mobile => "mobile",
            Self::Import => "import",
            Self::Demo => "demo",
            Self::Other => "other",
        }
    }

    fn by_name(name: &str) -> Self {
        [Self::Pixel, Self::Mobile, Self::Import, Self::Demo]
            .into_iter()
            .find(|via| via.name() == name)
            .unwrap_or(Self::Other)
    }
}

/// What is written to the log for one hit.
#[derive(Clone, Debug)]
pub struct Received<'a> {
    /// The form; must not hold a line break.
    pub form: &'a str,
    /// How it came in.
    pub via: Via,
    /// The user agent, empty if none was sent.
    pub user_agent: &'a str,
    /// The Referer header, empty if none was sent.
    pub referer: &'a str,
    /// The visitor; `None` if the browser asked not to be told apart.
    pub visitor: Option<u128>,
    /// The network of the client.
    pub network: Option<&'a str>,
    /// For imports: the source and the line in it, counted from one.
    pub source: Option<(&'a str, u64)>,
}

impl Received<'_> {
    /// Adds the record's value to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.form.len() + self.user_agent.len() + self.referer.len() + 96);
        out.extend_from_slice(self.form.as_bytes());
        push_line(out, "via", self.via.name());
        push_line(out, "ua", cut(self.user_agent, crate::agent::TEXT_BYTES_MAX));
        push_line(out, "ref", cut(self.referer, TEXT_BYTES_MAX));
        if let Some(visitor) = self.visitor {
            push_line(out, "visitor", &format!("{visitor:032x}"));
        }
        push_line(out, "net", self.network.unwrap_or_default());
        if let Some((source, line)) = self.source {
            push_line(out, "src", &format!("{line} {source}"));
        }
    }
}

/// Adds a line to a value; nothing for an empty text.
fn push_line(out: &mut Vec<u8>, name: &str, text: &str) {
    if text.is_empty() {
        return;
    }
    out.push(b'\n');
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    out.extend(text.bytes().map(|byte| if byte == b'\n' || byte == b'\r' { b' ' } else { byte }));
}

/// What a reader of the page did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The page was opened.
    PageView,
    /// The page was read for some seconds more.
    Heartbeat,
    /// Anything else: it is kept as an event and counts nowhere.
    Other,
}

/// A hit as read from the log. Texts are cut to their bounds.
#[derive(Clone, Debug)]
pub struct Hit<'a> {
    /// The form as received.
    pub form: &'a str,
    /// The site.
    pub site: Cow<'a, str>,
    /// The page's address.
    pub url: Cow<'a, str>,
    /// The page that led here.
    pub referrer: Cow<'a, str>,
    /// The action's name.
    pub action_name: Cow<'a, str>,
    /// The title the page had.
    pub title: Cow<'a, str>,
    /// Seconds engaged since the last heartbeat.
    pub engaged_s: Option<f64>,
    /// Seconds engaged in all (`tt`), which numbers the heartbeats of a page view.
    pub engaged_total: Cow<'a, str>,
    /// The page view's id (`pvid`, or else the page load's `plid`).
    pub page_view: Cow<'a, str>,
    /// Metadata that the page sent along, as JSON.
    pub metadata: Cow<'a, str>,
    /// The user agent.
    pub user_agent: &'a str,
    /// The visitor.
    pub visitor: Option<u128>,
    /// The client's network.
    pub network: &'a str,
    /// How it came in.
    pub via: Via,
    /// For imports: the source and the line in it.
    pub source: Option<(&'a str, u64)>,
}

impl<'a> Hit<'a> {
    /// Reads a record's value; `None` if it is no text or names no site.
    pub fn decode(value: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let (form, lines) = text.split_once('\n').unwrap_or((text, ""));
        let mut hit = Self::of_form(form)?;
        for (name, text) in lines.split('\n').filter_map(|line| line.split_once(' ')) {
            match name {
                "via" => hit.via = Via::by_name(text),
                "ua" => hit.user_agent = cut(text, crate::agent::TEXT_BYTES_MAX),
                "visitor" => hit.visitor = u128::from_str_radix(text, 16).ok(),
                "net" => hit.network = cut(text, ID_BYTES_MAX),
                "src" => hit.source = source(text),
                _ => {}
            }
        }
        Some(hit)
    }

    fn of_form(form: &'a str) -> Option<Self> {
        let mut hit = Self {
            form,
            site: Cow::Borrowed(""),
            url: Cow::Borrowed(""),
            referrer: Cow::Borrowed(""),
            action_name: Cow::Borrowed(""),
            title: Cow::Borrowed(""),
            engaged_s: None,
            engaged_total: Cow::Borrowed(""),
            page_view: Cow::Borrowed(""),
            metadata: Cow::Borrowed(""),
            user_agent: "",
            visitor: None,
            network: "",
            via: Via::Other,
            source: None,
        };
        let mut page_load = Cow::Borrowed("");
        for (name, value) in form::pairs(form) {
            match name {
                "idsite" => hit.site = short(value, SITE_BYTES_MAX),
                "url" => hit.url = short(value, URL_BYTES_MAX),
                "urlref" => hit.referrer = short(value, TEXT_BYTES_MAX),
                "action" => hit.action_name = short(value, ID_BYTES_MAX),
                "title" => hit.title = short(value, TEXT_BYTES_MAX),
                "inc" => hit.engaged_s = form::decode(value).trim().parse().ok(),
                "tt" => hit.engaged_total = short(value, ID_BYTES_MAX),
                "pvid" => hit.page_view = short(value, ID_BYTES_MAX),
                "plid" => page_load = short(value, ID_BYTES_MAX),
                "metadata" => hit.metadata = form::decode(value),
                _ => {}
            }
        }
        if hit.page_view.is_empty() {
            hit.page_view = page_load;
        }
        (!hit.site.is_empty()).then_some(hit)
    }

    /// What the reader did. A hit with no action is a page view, as an `<img>` in a page sends it.
    pub fn action(&self) -> Action {
        match &*self.action_name {
            "pageview" | "" => Action::PageView,
            "heartbeat" => Action::Heartbeat,
            _ => Action::Other,
        }
    }

    /// A number among the fields that are only passed on (`rand`, `sid`, `sts`, `slts`).
    pub fn number(&self, name: &str) -> Option<i64> {
        form::first(self.form, name)?.trim().parse().ok()
    }

    /// A text among the fields that are only passed on.
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        form::first(self.form, name).filter(|text| !text.is_empty())
    }
}

fn short(value: &str, bytes_max: usize) -> Cow<'_, str> {
    match form::decode(value) {
        Cow::Borrowed(text) => Cow::Borrowed(cut(text, bytes_max)),
        Cow::Owned(mut text) => {
            text.truncate(text.floor_char_boundary(bytes_max.min(text.len())));
            Cow::Owned(text)
        }
    }
}

/// `line source` of an import.
fn source(text: &str) -> Option<(&str, u64)> {
    let (line, source) = text.split_once(' ')?;
    Some((cut(source, ID_BYTES_MAX), line.parse().ok()?))
}

/// Whether a site's name can be one: letters, digits, dot, dash, underscore, at most 128.
pub fn is_site_name(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !name.is_empty() && name.len() <= SITE_BYTES_MAX && name.bytes().all(fine)
}
