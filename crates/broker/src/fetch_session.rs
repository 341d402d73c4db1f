//! Fetch sessions (KIP-227): the broker remembers what a consumer reads, so that each request and each response
//! names only what changed. A plain state machine: requests and `now` in, plans out.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tidemill_wire::fetch::FetchRequest;
use tidemill_wire::{ErrorCode, Text, Uuid};
use tidemill_world::Moment;

/// Partitions that one session may remember; a request for more is answered without a session.
pub(crate) const SESSION_PARTITIONS_MAX: usize = 100_000;
/// A session may be put out for a new one when it was not used for so long
/// (`min.incremental.fetch.session.eviction.ms`).
const EVICT_AFTER: Duration = Duration::from_secs(120);
/// The epoch that ends a session, or does without.
const FINAL_EPOCH: i32 = -1;
/// The epoch that asks for a new session.
const INITIAL_EPOCH: i32 = 0;

/// How a request names a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TopicKey {
    /// Up to version 12.
    Name(Text),
    /// From version 13.
    Id(Uuid),
}

/// One partition that a consumer wants to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) topic: TopicKey,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) bytes_max: i32,
    pub(crate) leader_epoch: i32,
    /// The epoch of the last record that the consumer has; -1 if it does not say.
    pub(crate) last_epoch: i32,
    /// High watermark and log start that the consumer was last told in this session.
    pub(crate) told: Option<(i64, i64)>,
}

/// What one request asks for, sessions resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The session to name in the response; 0 for none.
    pub(crate) session_id: i32,
    /// Whether partitions without news are left out of the response.
    pub(crate) incremental: bool,
    pub(crate) wanted: Vec<Wanted>,
}

/// What a response said of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) topic: TopicKey,
    pub(crate) partition: i32,
    pub(crate) high_watermark: i64,
    pub(crate) log_start_offset: i64,
    pub(crate) had_records: bool,
}

/// All sessions.
#[derive(Debug)]
pub(crate) struct FetchSessions {
    sessions: HashMap<i32, Session>,
    sessions_max: usize,
}

#[derive(Debug)]
struct Session {
    next_epoch: i32,
    by_id: bool,
    used: Moment,
    next_place: u64,
    /// Partitions in the order in which they are served; one that gave records goes to the end, so that a
    /// busy partition cannot starve the others.
    order: BTreeMap<u64, Wanted>,
    places: HashMap<(TopicKey, i32), u64>,
}

impl FetchSessions {
    /// No sessions, and room for `sessions_max`.
    pub(crate) fn new(sessions_max: usize) -> Self {
        Self { sessions: HashMap::new(), sessions_max }
    }

    /// What `request` asks for. `fresh_id` is the id of a new session, if one is made.
    pub(crate) fn begin(
        &mut self,
        request: &FetchRequest,
        by_id: bool,
        fresh_id: impl FnMut() -> i32,
        now: Moment,
    ) -> Result<Plan, ErrorCode> {
        match request.session_epoch {
            FINAL_EPOCH | INITIAL_EPOCH => {
                self.sessions.remove(&request.session_id);
                let wanted = wanted(request, by_id);
                let wants_session = request.session_epoch == INITIAL_EPOCH;
                let session_id = match wants_session && wanted.len() <= SESSION_PARTITIONS_MAX {
                    true => self.create(&wanted, by_id, fresh_id, now),
                    false => 0,
                };
                Ok(Plan { session_id, incremental: false, wanted })
            }
            epoch => self.go_on(request, epoch, by_id, now),
        }
    }

    fn create(
        &mut self,
        wanted: &[Wanted],
        by_id: bool,
        mut fresh_id: impl FnMut() -> i32,
        now: Moment,
    ) -> i32 {
        if self.sessions.len() >= self.sessions_max && !self.evict(now) {
            return 0;
        }
        let mut id = fresh_id();
        while id <= 0 || self.sessions.contains_key(&id) {
            id = fresh_id();
        }
        let mut session = Session {
            next_epoch: 1,
            by_id,
            used: now,
            next_place: 0,
            order: BTreeMap::new(),
            places: HashMap::new(),
        };
        wanted.iter().for_each(|wanted| session.put(wanted));
        self.sessions.insert(id, session);
        id
    }

    fn evict(&mut self, now: Moment) -> bool {
        let oldest = self.sessions.iter().min_by_key(|(_, session)| session.used);
        let Some((&id, session)) = oldest else { return false };
        let may_go = now.since(session.used) >= EVICT_AFTER;
        if may_go {
            self.sessions.remove(&id);
        }
        may_go
    }

    fn go_on(
        &mut self,
        request: &FetchRequest,
        epoch: i32,
        by_id: bool,
        now: Moment,
    ) -> Result<Plan, ErrorCode> {
        let Some(session) = self.sessions.get_mut(&request.session_id) else {
            return Err(ErrorCode::FetchSessionIdNotFound);
        };
        if epoch != session.next_epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if by_id != session.by_id {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        let news = wanted(request, by_id);
        if session.places.len() + news.len() > SESSION_PARTITIONS_MAX {
            self.sessions.remove(&request.session_id);
            return Err(ErrorCode::FetchSessionIdNotFound);
        }
        session.used = now;
        session.next_epoch = if epoch == i32::MAX { 1 } else { epoch + 1 };
        for topic in &request.forgotten_topics_data {
            let key = key(by_id, &topic.topic, topic.topic_id);
            topic.partitions.iter().for_each(|partition| session.forget(&key, *partition));
        }
        news.iter().for_each(|wanted| session.put(wanted));
        let wanted = session.order.values().cloned().collect();
        Ok(Plan { session_id: request.session_id, incremental: true, wanted })
    }

    /// Remembers what the consumer was told, and moves the partitions that gave records to the end.
    pub(crate) fn finish(&mut self, session_id: i32, told: impl Iterator<Item = Told>) {
        let Some(session) = self.sessions.get_mut(&session_id) else { return };
        for told in told {
            session.told(told);
        }
    }
}

impl Session {
    fn put(&mut self, wanted: &Wanted) {
        let topic = detached(&wanted.topic);
        let place = *self.places.entry((topic.clone(), wanted.partition)).or_insert_with(|| {
            self.next_place += 1;
            self.next_place
        });
        let told = self.order.get(&place).and_then(|before| before.told);
        self.order.insert(place, Wanted { topic, told, ..wanted.clone() });
    }

    fn forget(&mut self, topic: &TopicKey, partition: i32) {
        if let Some(place) = self.places.remove(&(topic.clone(), partition)) {
            self.order.remove(&place);
        }
    }

    fn told(&mut self, told: Told) {
        let key = (told.topic, told.partition);
        let Some(place) = self.places.get_mut(&key) else { return };
        let Some(mut wanted) = self.order.remove(place) else { return };
        wanted.told = Some((told.high_watermark, told.log_start_offset));
        if told.had_records {
            self.next_place += 1;
            *place = self.next_place;
        }
        self.order.insert(*place, wanted);
    }
}

fn wanted(request: &FetchRequest, by_id: bool) -> Vec<Wanted> {
    let mut all = Vec::new();
    for topic in &request.topics {
        let key = key(by_id, &topic.topic, topic.topic_id);
        all.extend(topic.partitions.iter().map(|partition| Wanted {
            topic: key.clone(),
            partition: partition.partition,
            offset: partition.fetch_offset,
            bytes_max: partition.partition_max_bytes,
            leader_epoch: partition.current_leader_epoch,
            last_epoch: partition.last_fetched_epoch,
            told: None,
        }));
    }
    all
}

fn key(by_id: bool, name: &Text, id: Uuid) -> TopicKey {
    if by_id { TopicKey::Id(id) } else { TopicKey::Name(name.clone()) }
}

/// A copy that does not keep the request's frame alive.
fn detached(key: &TopicKey) -> TopicKey {
    match key {
        TopicKey::Name(name) => TopicKey::Name(Text::from(name.as_str())),
        TopicKey::Id(id) => TopicKey::Id(*id),
    }
}

#[cfg(test)]
mod tests;
