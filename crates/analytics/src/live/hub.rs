//! Who looks at what, and the clock that makes one snapshot a second for all of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Map, Value, json};
use tidemill_world::Clock;
use tokio::sync::watch;

use super::snapshot::{Look, post_state, site_fields, state};
use crate::config::AnalyticsConfig;
use crate::http::reply::{self, Reply};
use crate::views::Views;
use crate::views::site::Site;

/// How often the state is made.
const EVERY: Duration = Duration::from_secs(1);

/// The sites that an import is running for.
#[derive(Clone, Debug, Default)]
pub struct Importing(Arc<Mutex<BTreeMap<String, usize>>>);

/// Held while an import runs.
#[derive(Debug)]
pub struct ImportingSite {
    all: Importing,
    site: String,
}

impl Importing {
    /// Marks a site until the answer is dropped.
    pub fn mark(&self, site: &str) -> ImportingSite {
        *self.lock().entry(site.to_owned()).or_default() += 1;
        ImportingSite { all: self.clone(), site: site.to_owned() }
    }

    /// Whether an import is running for a site.
    pub fn is(&self, site: &str) -> bool {
        self.lock().contains_key(site)
    }

    /// How many imports are running.
    pub fn count(&self) -> usize {
        self.lock().values().sum()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ImportingSite {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if let Some(count) = all.get_mut(&self.site) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.site);
            }
        }
    }
}

/// The dashboard's side of the server. Cloning is a reference count.
#[derive(Clone)]
pub struct Live {
    pub(super) shared: Arc<Shared>,
}

/// What a tab looks at: the look, and the post if one is open.
pub(super) type Key = (Look, Option<String>);

/// A state as it is sent; empty before the first.
pub(super) type Sent = Bytes;

pub(super) struct Shared {
    config: Arc<AnalyticsConfig>,
    views: Arc<RwLock<Views>>,
    importing: Importing,
    pub(super) clock: Arc<dyn Clock>,
    channels: Mutex<BTreeMap<Key, Channel>>,
    pub(super) streams: AtomicUsize,
    pub(super) closed: watch::Receiver<bool>,
}

struct Channel {
    sender: watch::Sender<Sent>,
    seq: u64,
    /// The last state without number and time, to see whether something changed.
    last: String,
}

impl Live {
    /// A hub; `closed` ends its streams.
    pub fn new(
        config: Arc<AnalyticsConfig>,
        views: Arc<RwLock<Views>>,
        importing: Importing,
        clock: Arc<dyn Clock>,
        closed: watch::Receiver<bool>,
    ) -> Self {
        let channels = Mutex::default();
        let streams = AtomicUsize::new(0);
        Self {
            shared: Arc::new(Shared { config, views, importing, clock, channels, streams, closed }),
        }
    }

    /// Makes the states once a second until the hub is closed.
    pub async fn run(self) {
        let mut closed = self.shared.closed.clone();
        loop {
            tokio::select! {
                () = self.shared.clock.sleep(EVERY) => self.shared.turn(),
                _ = closed.changed() => return,
            }
        }
    }

    /// Open streams.
    pub fn streams(&self) -> usize {
        self.shared.streams.load(Ordering::Relaxed)
    }

    /// Answers `GET /live/sites` with those that the asker may see.
    pub fn sites(&self, may_see: impl Fn(&str) -> bool) -> Reply {
        let shared = &self.shared;
        let views = shared.views.read().unwrap_or_else(PoisonError::into_inner);
        let mut sites: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        let none = Site::default();
        let configured = shared.config.sites.iter().map(|site| (site.id.as_str(), &none));
        for (id, site) in configured.chain(views.sites()).filter(|(id, _)| may_see(id)) {
            let mut fields = site_fields(id, shared.title(id), site, shared.importing.is(id));
            fields.insert("views".to_owned(), json!(site.views));
            sites.insert(id, fields);
        }
        let sites: Vec<_> = sites.into_values().collect();
        drop(views);
        reply::json(StatusCode::OK, &json!({"sites": sites}))
    }
}

impl Shared {
    fn title(&self, site: &str) -> &str {
        self.config.site(site).map_or("", |site| &site.title)
    }

    /// Whether a site is configured or has sent hits.
    pub(super) fn knows(&self, site: &str) -> bool {
        let views = self.views.read().unwrap_or_else(PoisonError::into_inner);
        views.site(site).is_some() || self.config.site(site).is_some()
    }

    /// How many streams there may be.
    pub(super) fn streams_max(&self) -> usize {
        self.config.streams_max
    }

    /// The states of what a tab looks at, from now on. The first is there at once.
    pub(super) fn subscribe(&self, key: &Key) -> watch::Receiver<Sent> {
        let mut channels = self.lock();
        if let Some(channel) = channels.get(key) {
            return channel.sender.subscribe();
        }
        let (sender, receiver) = watch::channel(Bytes::new());
        let mut channel = Channel { sender, seq: 0, last: String::new() };
        channel.offer(&self.state(&key.0), &self.post(key), self.clock.wall_ms());
        channels.insert(key.clone(), channel);
        receiver
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Key, Channel>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One turn of the clock: a state for each look, a detail for each post, and both to those who look.
    fn turn(&self) {
        let keys: Vec<Key> = {
            let mut channels = self.lock();
            channels.retain(|_, channel| channel.sender.receiver_count() > 0);
            channels.keys().cloned().collect()
        };
        let mut state: Option<(&Look, Map<String, Value>)> = None;
        for key in &keys {
            // Keys are sorted, so those with the same look stand together.
            let made = match state.take() {
                Some((look, made)) if *look == key.0 => made,
                _ => self.state(&key.0),
            };
            let post = self.post_in(key, &made);
            if let Some(channel) = self.lock().get_mut(key) {
                channel.offer(&made, &post, self.clock.wall_ms());
            }
            state = Some((&key.0, made));
        }
    }

    fn state(&self, look: &Look) -> Map<String, Value> {
        let views = self.views.read().unwrap_or_else(PoisonError::into_inner);
        let none = Site::default();
        let site = views.site(&look.site).unwrap_or(&none);
        let importing = self.importing.is(&look.site);
        state(look, self.title(&look.site), site, importing, self.clock.wall_ms())
    }

    fn post(&self, key: &Key) -> Value {
        self.post_in(key, &Map::new())
    }

    fn post_in(&self, (look, post): &Key, state: &Map<String, Value>) -> Value {
        let views = self.views.read().unwrap_or_else(PoisonError::into_inner);
        match (views.site(&look.site), post) {
            (Some(site), Some(post)) => {
                post_state(look, site, post, state.get("posts"), self.clock.wall_ms())
            }
            _ => Value::Null,
        }
    }
}

impl Channel {
    /// Sends a state if it differs from the last.
    fn offer(&mut self, state: &Map<String, Value>, post: &Value, now_ms: i64) {
        let text = json!({"state": state, "post": post}).to_string();
        if text == self.last {
            return;
        }
        self.seq += 1;
        let mut whole = state.clone();
        whole.insert("seq".to_owned(), json!(self.seq));
        whole.insert("now_ms".to_owned(), json!(now_ms));
        whole.insert("post".to_owned(), post.clone());
        let event = format!("event: state\nid: {}\ndata: {}\n\n", self.seq, Value::Object(whole));
        self.last = text;
        self.sender.send_replace(Bytes::from(event));
    }
}
