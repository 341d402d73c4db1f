//! What a hit says once it is understood: the post, where the reader came from, and who or what it was.
//!
//! This is the pure middle of the topology: a [`Hit`] goes in, an [`Enriched`] comes out, and nothing but the cache
//! of user agents is remembered.

use std::borrow::Cow;
use std::sync::Arc;

use crate::agent::{Agent, Agents};
use crate::clean::Page;
use crate::hit::{Action, Hit, Via};
use crate::referrer::{Class, Referrer, classify};

#[cfg(test)]
mod tests;

/// A hit with what was found out about it.
#[derive(Clone, Debug)]
pub struct Enriched<'a> {
    /// The hit.
    pub hit: Hit<'a>,
    /// The page; `None` if the address is none, and then the hit counts nowhere.
    pub page: Option<Page>,
    /// Where the reader came from.
    pub referrer: Referrer,
    /// The user agent.
    pub agent: Arc<Agent>,
    /// Whether a machine made it.
    pub bot: bool,
    /// What the reader did.
    pub action: Action,
}

/// Understands hits; remembers user agents.
#[derive(Debug, Default)]
pub struct Enricher {
    agents: Agents,
}

impl Enricher {
    /// Understands one hit.
    pub fn enrich<'a>(&mut self, hit: Hit<'a>) -> Enriched<'a> {
        let page = Page::parse(&hit.url);
        let referrer = match &page {
            Some(page) => classify(&hit.referrer, page.host()),
            None => Referrer { class: Class::Other, domain: String::new() },
        };
        let agent = self.agents.look_up(hit.user_agent);
        // An app's own HTTP library looks like a script's; that it speaks the apps' protocol tells it apart.
        let app = hit.via == Via::Mobile && !hit.user_agent.to_ascii_lowercase().contains("bot");
        let bot = agent.bot && !app;
        let action = hit.action();
        Enriched { hit, page, referrer, agent, bot, action }
    }
}

/// What the views need to know of a hit, and nothing else. It crosses the topology as one tuple.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact<'a> {
    /// The partition of the log.
    pub partition: i64,
    /// The offset in it.
    pub offset: i64,
    /// The time of the hit.
    pub at_ms: i64,
    /// The site.
    pub site: Cow<'a, str>,
    /// The post; empty if the hit counts nowhere and only its offset is noted.
    pub post: Cow<'a, str>,
    /// What the reader did.
    pub action: Action,
    /// Whether a machine made it.
    pub bot: bool,
    /// Whether the demo's generator made it.
    pub generated: bool,
    /// The class of the referrer.
    pub class: Class,
    /// The registered domain of the referrer; empty for direct.
    pub domain: Cow<'a, str>,
    /// The kind of device.
    pub device: crate::agent::Device,
    /// The visitor; 0 for one who asked not to be told apart.
    pub visitor: u64,
    /// The title the page had; may be empty.
    pub title: Cow<'a, str>,
    /// Engaged seconds of a heartbeat.
    pub engaged_s: f64,
    /// A number that is the same for two copies of one heartbeat; 0 if copies cannot be told.
    pub heartbeat: u64,
    /// Metadata the page sent along; may be empty.
    pub metadata: Cow<'a, str>,
}

impl<'a> Fact<'a> {
    /// The fact of a hit that stood at this place of the log.
    pub fn of(enriched: &'a Enriched<'a>, at_ms: i64, partition: i64, offset: i64) -> Self {
        let hit = &enriched.hit;
        Self {
            partition,
            offset,
            at_ms,
            site: Cow::Borrowed(&hit.site),
            post: Cow::Borrowed(enriched.page.as_ref().map_or("", |page| &page.post)),
            action: enriched.action,
            bot: enriched.bot,
            generated: hit.via == Via::Demo,
            class: enriched.referrer.class,
            domain: Cow::Borrowed(&enriched.referrer.domain),
            device: enriched.agent.device,
            visitor: hit.visitor.map_or(0, fold_visitor),
            title: Cow::Borrowed(&hit.title),
            engaged_s: hit.engaged_s.unwrap_or(0.0),
            heartbeat: heartbeat_id(hit),
            metadata: Cow::Borrowed(&hit.metadata),
        }
    }
}

impl Fact<'_> {
    /// The same fact with texts of its own.
    pub fn into_owned(self) -> Fact<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Fact {
            site: own(self.site),
            post: own(self.post),
            domain: own(self.domain),
            title: own(self.title),
            metadata: own(self.metadata),
            ..self
        }
    }
}

/// 64 bits of a visitor are enough to tell a billion apart; 0 means nobody.
fn fold_visitor(visitor: u128) -> u64 {
    let [high, low] = [visitor >> 64, visitor]
        .map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0));
    (high ^ low).max(1)
}

/// Two copies of a heartbeat share site, page view and total; without both of the last they cannot be told.
fn heartbeat_id(hit: &Hit<'_>) -> u64 {
    if hit.page_view.is_empty() || hit.engaged_total.is_empty() {
        return 0;
    }
    // A fixed key: the number must be the same after a replay, and it guards nothing.
    let mut hasher = siphasher::sip::SipHasher13::new_with_keys(0x7469_6465, 0x6d69_6c6c);
    for part in [&hit.site, &hit.url, &hit.page_view, &hit.engaged_total] {
        std::hash::Hasher::write(&mut hasher, part.as_bytes());
        std::hash::Hasher::write_u8(&mut hasher, 0xff);
    }
    std::hash::Hasher::finish(&hasher).max(1)
}
