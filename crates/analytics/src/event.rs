//! An enriched hit as the raw event of Parse.ly's data pipeline (schema 2.3.0), one JSON object.
//!
//! # Constraints
//!
//! * Field names and types are the schema's; only what is known is written, but the four fields that
//!   must not be missing always are: `apikey`, `event_id`, `timestamp_info_nginx_ms`, `visitor_site_id`.
//! * `event_id` is the hit's place in the log, so that a reader can tell a copy from a second event.
//! * No address of a visitor is written: `visitor_ip` is the network it came from.
//! * The object is written straight into the batch; nothing is built on the way.

use serde_json::ser::{CompactFormatter, Formatter};

use crate::agent::cut;
use crate::enrich::Enriched;
use crate::hit::{Action, URL_BYTES_MAX};
use crate::period::format_sql;

#[cfg(test)]
mod tests;

/// The version of the schema.
const SCHEMA: &str = "2.3.0";
/// Parse.ly's name for a hit that is no beacon of an app or AMP.
const CHANNEL: &str = "website";
/// The schema's size of host names and campaigns.
const NAME_BYTES_MAX: usize = 256;
/// The schema's size of schemes and of the shorter campaign fields.
const SHORT_BYTES_MAX: usize = 64;
/// The campaign fields and their sizes.
const CAMPAIGN: [(&str, usize); 5] = [
    ("utm_campaign", NAME_BYTES_MAX),
    ("utm_medium", SHORT_BYTES_MAX),
    ("utm_source", SHORT_BYTES_MAX),
    ("utm_content", NAME_BYTES_MAX),
    ("utm_term", SHORT_BYTES_MAX),
];

/// Adds the event of a hit to `out`.
pub fn encode(enriched: &Enriched<'_>, at_ms: i64, partition: i64, offset: i64, out: &mut Vec<u8>) {
    let mut object = Object { out, first: true };
    object.out.push(b'{');
    required(&mut object, enriched, at_ms, partition, offset);
    event(&mut object, enriched, at_ms);
    page(&mut object, enriched);
    session(&mut object, enriched);
    agent(&mut object, enriched);
    metadata(&mut object, enriched);
    object.out.push(b'}');
}

fn required(
    object: &mut Object<'_>,
    enriched: &Enriched<'_>,
    at_ms: i64,
    partition: i64,
    offset: i64,
) {
    let hit = &enriched.hit;
    object.text("apikey", &hit.site);
    object.text("event_id", &format!("{partition}-{offset}"));
    object.boolean("timestamp_info", true);
    object.number("timestamp_info_nginx_ms", at_ms);
    match hit.visitor {
        Some(visitor) => object.text("visitor_site_id", &format!("{visitor:032x}")),
        None => object.text("visitor_site_id", "anonymous"),
    }
}

fn event(object: &mut Object<'_>, enriched: &Enriched<'_>, at_ms: i64) {
    let hit = &enriched.hit;
    let action = if hit.action_name.is_empty() { "pageview" } else { &hit.action_name };
    object.text("action", action);
    object.text("schema_version", SCHEMA);
    object.text("channel", CHANNEL);
    object.text("ts_action", &format_sql(at_ms));
    object.some_text("pageview_id", &hit.page_view);
    if enriched.action == Action::Heartbeat
        && let Some(engaged_s) = hit.engaged_s.filter(|engaged_s| (0.0..1e6).contains(engaged_s))
    {
        #[expect(clippy::cast_possible_truncation, reason = "held between 0 and a million")]
        object.number("engaged_time_inc", engaged_s.round() as i64);
    }
    if let Some(rand_ms) = hit.number("rand") {
        object.number("timestamp_info_pixel_ms", rand_ms);
    }
}

fn page(object: &mut Object<'_>, enriched: &Enriched<'_>) {
    let hit = &enriched.hit;
    object.text("url", &hit.url);
    object.some_text("referrer", &hit.referrer);
    object.text("ref_category", enriched.referrer.class.name());
    object.some_text("ref_domain", cut(&enriched.referrer.domain, NAME_BYTES_MAX));
    if let Some(page) = &enriched.page {
        let host = page.host();
        object.text("url_clean", &format!("https://{}", page.post));
        object.text("url_netloc", cut(host, NAME_BYTES_MAX));
        object.text("url_domain", cut(crate::clean::registered_domain(host), NAME_BYTES_MAX));
        object.text(
            "url_path",
            page.post.find('/').and_then(|at| page.post.get(at..)).unwrap_or("/"),
        );
    }
    let url = &*hit.url;
    if let Some((scheme, _)) = url.split_once("://") {
        object.some_text("url_scheme", cut(scheme, SHORT_BYTES_MAX));
    }
    let (before, fragment) = url.split_once('#').unwrap_or((url, ""));
    let query = before.split_once('?').map_or("", |(_, query)| query);
    object.some_text("url_query", query);
    object.some_text("url_fragment", fragment);
    for (key, bytes_max) in CAMPAIGN {
        if let Some(value) = crate::form::first(query, key) {
            object.some_text(key, cut(&value, bytes_max));
        }
    }
}

fn session(object: &mut Object<'_>, enriched: &Enriched<'_>) {
    let hit = &enriched.hit;
    if let Some(number) = hit.number("sid") {
        object.boolean("session", true);
        object.number("session_id", number);
    }
    if let Some(start_ms) = hit.number("sts") {
        object.number("session_timestamp", start_ms);
        object.some_text("ts_session_current", &format_sql(start_ms));
    }
    if let Some(last_ms) = hit.number("slts").filter(|ms| *ms > 0) {
        object.number("session_last_session_timestamp", last_ms);
        object.some_text("ts_session_last", &format_sql(last_ms));
    }
    let short = |name| hit.text(name).map(|text| cut(&text, URL_BYTES_MAX).to_owned());
    object.some_text("session_initial_url", &short("surl").unwrap_or_default());
    object.some_text("session_initial_referrer", &short("sref").unwrap_or_default());
    object.boolean("visitor", hit.visitor.is_some());
    object.some_text("visitor_ip", hit.network);
}

fn agent(object: &mut Object<'_>, enriched: &Enriched<'_>) {
    let agent = &enriched.agent;
    object.some_text("user_agent", enriched.hit.user_agent);
    object.some_text("ua_browser", &agent.browser);
    object.some_text("ua_browserversion", &agent.browser_version);
    object.some_text("ua_os", &agent.os);
    object.some_text("ua_osversion", &agent.os_version);
    // The schema has one place for the kind of thing that asked; its parser calls machines so too.
    object.text("ua_devicetype", if enriched.bot { "bot" } else { agent.device.name() });
    if let Some(screen) = enriched.hit.text("screen") {
        display(object, &screen);
    }
}

/// `1920x1037|1920x997|24`: total, available, depth.
fn display(object: &mut Object<'_>, screen: &str) {
    let mut parts = screen.split('|');
    let mut size = |width: &'static str, height: &'static str, object: &mut Object<'_>| {
        let (w, h) = parts.next().and_then(|part| part.split_once('x'))?;
        object.number(width, i64::from(w.parse::<u16>().ok()?));
        object.number(height, i64::from(h.parse::<u16>().ok()?));
        Some(())
    };
    if size("display_total_width", "display_total_height", object).is_none() {
        return;
    }
    object.boolean("display", true);
    if size("display_avail_width", "display_avail_height", object).is_none() {
        return;
    }
    if let Some(depth) = screen.rsplit('|').next().and_then(|part| part.parse::<u8>().ok()) {
        object.number("display_pixel_depth", i64::from(depth));
    }
}

fn metadata(object: &mut Object<'_>, enriched: &Enriched<'_>) {
    if !enriched.hit.title.is_empty() {
        object.boolean("metadata", true);
        object.text("metadata_title", &enriched.hit.title);
    }
}

/// A JSON object being written.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Object<'_> {
    fn key(&mut self, name: &str) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, text: &str) {
        self.key(name);
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(&mut *self.out, text);
    }

    fn some_text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.text(name, text);
        }
    }

    fn number(&mut self, name: &str, number: i64) {
        self.key(name);
        let _ = CompactFormatter.write_i64(&mut *self.out, number);
    }

    fn boolean(&mut self, name: &str, value: bool) {
        self.key(name);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }
}
