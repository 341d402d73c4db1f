//! Everything that is counted for one site.
//!
//! # Constraints
//!
//! * Posts and domains are numbered as they come. Their number is bounded, because anybody may send
//!   made-up addresses: what comes after the bound counts in "(other)", number 0.
//! * Authors and sections are not counted here; they are joined from the metadata when a question is answered.

use std::sync::Arc;

use super::cell::Map;
use super::levels::Levels;
use super::limits::Limits;
use crate::enrich::Fact;
use crate::hit::Action;
use crate::metadata::PostMeta;
use crate::referrer::Class;

/// The post or domain that takes what is beyond the bound.
pub const OTHER: u32 = 0;
/// Its name in answers.
pub const OTHER_NAME: &str = "(other)";
/// Different referring domains a site holds; big sites see some thousand in a month.
const DOMAINS_MAX: usize = 20_000;
/// A heartbeat that claims more is refused: the longest interval is 150 s, and a tab may be late by a little.
pub const ENGAGED_S_MAX: f64 = 160.0;

/// A post.
#[derive(Clone, Debug)]
pub struct Post {
    /// Host and path.
    pub key: Arc<str>,
    /// The title its page had last.
    pub title: Box<str>,
    /// What the publisher said about it.
    pub meta: Option<Arc<PostMeta>>,
}

/// A referring domain.
#[derive(Clone, Debug)]
pub struct Domain {
    /// The registered domain.
    pub name: Arc<str>,
    /// Its class.
    pub class: Class,
}

/// One site.
#[derive(Debug)]
pub struct Site {
    /// What it is called, or empty.
    pub title: String,
    /// Whether the demo's generator made hits of it.
    pub generated: bool,
    /// The time of the earliest hit.
    pub first_ms: i64,
    /// The time of the latest hit.
    pub last_ms: i64,
    /// Page views of people.
    pub views: u64,
    /// Page views of machines.
    pub bot_views: u64,
    pub(super) levels: Levels,
    pub(super) posts: Vec<Post>,
    by_key: Map<Arc<str>, u32>,
    pub(super) domains: Vec<Domain>,
    by_domain: Map<(Arc<str>, Class), u32>,
    metadata: Map<Arc<str>, Arc<PostMeta>>,
}

impl Default for Site {
    fn default() -> Self {
        let name: Arc<str> = OTHER_NAME.into();
        Self {
            title: String::new(),
            generated: false,
            first_ms: i64::MAX,
            last_ms: i64::MIN,
            views: 0,
            bot_views: 0,
            levels: Levels::default(),
            posts: vec![Post { key: Arc::clone(&name), title: Box::default(), meta: None }],
            by_key: Map::default(),
            domains: vec![Domain { name, class: Class::Other }],
            by_domain: Map::default(),
            metadata: Map::default(),
        }
    }
}

impl Site {
    /// Counts a page view or a heartbeat.
    pub(super) fn count(&mut self, fact: &Fact<'_>, limits: Limits) {
        let post = self.post_number(&fact.post, limits);
        if !fact.title.is_empty() && post != OTHER {
            self.note_title(post, &fact.title);
        }
        self.first_ms = self.first_ms.min(fact.at_ms);
        self.last_ms = self.last_ms.max(fact.at_ms);
        self.generated |= fact.generated;
        match fact.action {
            Action::PageView => self.count_view(fact, post),
            Action::Heartbeat => self.count_heartbeat(fact, post),
            Action::Other => {}
        }
    }

    fn count_view(&mut self, fact: &Fact<'_>, post: u32) {
        if fact.bot {
            self.bot_views += 1
        } else {
            self.views += 1
        }
        let outside =
            !matches!(fact.class, Class::Direct | Class::Internal) && !fact.domain.is_empty();
        let domain = outside.then(|| self.domain_number(&fact.domain, fact.class));
        self.levels.at(fact.at_ms, |bucket| {
            let cells = if fact.bot { &mut bucket.bots } else { &mut bucket.people };
            cells.total.view(fact.class, fact.device, fact.visitor);
            if fact.visitor != 0 {
                cells.active.add(fact.visitor);
            }
            cells.posts.entry(post).or_default().view(fact.class, fact.device, fact.visitor);
            if let Some(domain) = domain {
                let count = cells.domains.entry((post, domain)).or_default();
                *count = count.saturating_add(1);
            }
        });
    }

    fn count_heartbeat(&mut self, fact: &Fact<'_>, post: u32) {
        #[expect(clippy::cast_possible_truncation, reason = "held between 0 and 160 s")]
        #[expect(clippy::cast_sign_loss, reason = "held between 0 and 160 s")]
        let engaged_ms = (fact.engaged_s.clamp(0.0, ENGAGED_S_MAX) * 1000.0).round() as u64;
        self.levels.at(fact.at_ms, |bucket| {
            let cells = if fact.bot { &mut bucket.bots } else { &mut bucket.people };
            cells.total.engaged_ms += engaged_ms;
            if fact.visitor != 0 {
                cells.active.add(fact.visitor);
            }
            cells.posts.entry(post).or_default().engaged_ms += engaged_ms;
        });
    }

    fn post_number(&mut self, key: &str, limits: Limits) -> u32 {
        if let Some(number) = self.by_key.get(key) {
            return *number;
        }
        let Some(number) = u32::try_from(self.posts.len()).ok().filter(|n| *n <= limits.posts_max)
        else {
            return OTHER;
        };
        let key: Arc<str> = key.into();
        let meta = self.metadata.get(&key).cloned();
        self.posts.push(Post { key: Arc::clone(&key), title: Box::default(), meta });
        self.by_key.insert(key, number);
        number
    }

    fn domain_number(&mut self, name: &str, class: Class) -> u32 {
        let key = (Arc::<str>::from(name), class);
        if let Some(number) = self.by_domain.get(&key) {
            return *number;
        }
        let Some(number) =
            u32::try_from(self.domains.len()).ok().filter(|_| self.domains.len() <= DOMAINS_MAX)
        else {
            return OTHER;
        };
        self.domains.push(Domain { name: Arc::clone(&key.0), class });
        self.by_domain.insert(key, number);
        number
    }

    fn note_title(&mut self, post: u32, title: &str) {
        if let Some(post) = self.post_mut(post)
            && *post.title != *title
        {
            post.title = title.into();
        }
    }

    fn post_mut(&mut self, number: u32) -> Option<&mut Post> {
        self.posts.get_mut(usize::try_from(number).ok()?)
    }

    /// Takes metadata, unless what is there stands above it.
    pub(super) fn describe(&mut self, post: &str, meta: PostMeta, limits: Limits) {
        if let Some(known) = self.metadata.get(post) {
            if known.origin > meta.origin || **known == meta {
                return;
            }
        } else if self.metadata.len() >= limits.posts_max as usize {
            return;
        }
        let meta = Arc::new(meta);
        self.metadata.insert(post.into(), Arc::clone(&meta));
        if let Some(number) = self.by_key.get(post).copied()
            && let Some(post) = self.post_mut(number)
        {
            post.meta = Some(meta);
        }
    }

    /// The number of the post with this key.
    pub fn find(&self, key: &str) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    /// The post with this number.
    pub fn post(&self, number: u32) -> Option<&Post> {
        self.posts.get(usize::try_from(number).ok()?)
    }

    /// The domain with this number.
    pub fn domain(&self, number: u32) -> Option<&Domain> {
        self.domains.get(usize::try_from(number).ok()?)
    }

    /// What is known about the post with this key, whether or not it was read.
    pub fn meta(&self, key: &str) -> Option<&Arc<PostMeta>> {
        self.metadata.get(key)
    }

    /// The buckets of time.
    pub fn levels(&self) -> &Levels {
        &self.levels
    }

    /// How many posts have been read.
    pub fn posts_count(&self) -> usize {
        self.posts.len().saturating_sub(1)
    }
}

impl Post {
    /// The title to show: the publisher's, or else the page's, or else the path.
    pub fn shown_title(&self) -> &str {
        match &self.meta {
            Some(meta) if !meta.title.is_empty() => &meta.title,
            _ if !self.title.is_empty() => &self.title,
            _ => self.key.find('/').and_then(|at| self.key.get(at..)).unwrap_or(&self.key),
        }
    }

    /// Where the post is, http(s) only.
    pub fn link(&self) -> String {
        match &self.meta {
            Some(meta) if !meta.link.is_empty() => meta.link.clone(),
            _ if &*self.key == OTHER_NAME => String::new(),
            _ => format!("https://{}", self.key),
        }
    }
}
