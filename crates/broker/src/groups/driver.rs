//! The side of the groups with tasks, a clock and the log: hands requests in, waits for answers, keeps on the disk what
//! is to be kept, lets time pass.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use std::time::Duration;

use tidemill_commitlog::offsets::GroupOffsets;
use tidemill_commitlog::{AppendFuture, Log};
use tidemill_wire::{DecodeError, EncodeError, ErrorCode, Text, Uuid};
use tidemill_world::{Moment, World};
use tokio::sync::{Notify, oneshot};

use super::consumer::changes::{Change, KeyValue};
use super::consumer::topics::{Topic, Topics};
use super::consumer::types::{Beaten, ConsumerView, HeartbeatInput, JOIN_EPOCH, Refusal};
use super::coordinator::Coordinator;
use super::expiry::{is_over, may_go};
use super::kept::{KeptGroup, key};
use super::types::{
    CommitKind, CommitScope, Effect, GroupLimits, GroupView, Identity, JoinInput, JoinRefused,
    Joined, Listed, SyncInput, Synced, Ticket,
};

/// How old the picture of the topics may be that a heartbeat is answered by; a member that joins has it made anew.
/// Much less than the interval of heartbeats, and long enough that ten thousand topics cost nothing.
const TOPICS_AGE_MAX: Duration = Duration::from_millis(500);

pub(crate) type JoinAnswer = Result<Joined, JoinRefused>;
pub(crate) type SyncAnswer = Result<Synced, ErrorCode>;

/// The answer to a heartbeat of the consumer protocol, and what must be on the disk before it is given.
pub(crate) type HeartbeatAnswer = (Result<Beaten, Refusal>, Option<AppendFuture>);

/// All groups, shared by the connections.
pub(crate) struct Groups {
    world: World,
    log: Log,
    offsets: GroupOffsets,
    // A std mutex: it is held for the length of one step of the state machine and never across an await.
    core: Mutex<Core>,
    /// Told when a deadline came up that is earlier than the one being slept for.
    earlier: Notify,
}

struct Core {
    coordinator: Coordinator,
    joins: HashMap<Ticket, oneshot::Sender<JoinAnswer>>,
    syncs: HashMap<Ticket, oneshot::Sender<SyncAnswer>>,
    tickets: u64,
    /// What [`Groups::run`] sleeps for.
    armed: Option<Moment>,
    topics: Topics,
    /// When the topics were looked at.
    topics_seen: Option<Moment>,
}

/// A record that was read, unless it is of another type or malformed.
fn known<T>(read: Result<Option<T>, DecodeError>) -> Option<T> {
    read.unwrap_or_else(|error| {
        tracing::warn!(%error, "a record of a consumer group is malformed");
        None
    })
}

impl Core {
    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// Hands answers out and returns what is to be kept. A caller that is gone does not take its answer; the group
    /// finds out by its silence.
    fn deliver(&mut self, effects: Vec<Effect>, wall_ms: i64) -> Vec<KeyValue> {
        let mut keep = Vec::new();
        let mut add = |record: Result<KeyValue, EncodeError>| match record {
            Ok(record) => keep.push(record),
            Err(error) => tracing::error!(%error, "a group's change cannot be kept"),
        };
        for effect in effects {
            match effect {
                Effect::Keep(group, change) => add(change.encode(&group)),
                Effect::KeepClassic(group, kept) => {
                    let value = kept.map(|kept| kept.encode(wall_ms)).transpose();
                    add(value.and_then(|value| Ok((key(&group)?, value))));
                }
                Effect::Join(ticket, answer) => {
                    if let Some(caller) = self.joins.remove(&ticket) {
                        drop(caller.send(answer));
                    }
                }
                Effect::Sync(ticket, answer) => {
                    if let Some(caller) = self.syncs.remove(&ticket) {
                        drop(caller.send(answer));
                    }
                }
            }
        }
        keep
    }

    /// Looks at the topics unless that was done just now.
    fn look(&mut self, log: &Log, now: Moment, anew: bool) {
        let fresh = |seen: Moment| now.since(seen) < TOPICS_AGE_MAX;
        if !anew && self.topics_seen.is_some_and(fresh) {
            return;
        }
        self.topics_seen = Some(now);
        let topics = log.topics().into_iter().map(|topic| {
            let (id, partitions) = (Uuid(topic.id.0), topic.config.partitions);
            (Text::from(&*topic.name), Topic { id, partitions })
        });
        if self.topics.update(topics) {
            tracing::debug!("consumer groups see other topics");
        }
    }
}

impl Groups {
    /// The groups as they were kept.
    pub(crate) fn open(
        world: World,
        limits: GroupLimits,
        log: Log,
        offsets: GroupOffsets,
    ) -> Arc<Self> {
        let mut coordinator = Coordinator::new(limits);
        let (kept, now) = (offsets.records(), world.clock().now());
        let changes = kept.iter().filter_map(|(key, value)| known(Change::decode(key, value)));
        coordinator.restore(changes, now);
        let classic = kept.iter().filter_map(|(key, value)| known(KeptGroup::decode(key, value)));
        coordinator.restore_classic(classic, now);
        let core = Core {
            coordinator,
            joins: HashMap::new(),
            syncs: HashMap::new(),
            tickets: 0,
            armed: None,
            topics: Topics::default(),
            topics_seen: None,
        };
        Arc::new(Self { world, log, offsets, core: Mutex::new(core), earlier: Notify::new() })
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        // A step that panicked left at worst one group half changed; the others go on.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins; the answer comes when the generation begins. `make` is given the ticket and a fresh id.
    pub(crate) fn join(
        &self,
        group: &Text,
        client_id: &str,
        make: impl FnOnce(Ticket, Text) -> JoinInput,
    ) -> oneshot::Receiver<JoinAnswer> {
        let fresh_id = self.fresh_id(client_id);
        let (caller, answer) = oneshot::channel();
        let mut core = self.core();
        let ticket = core.ticket();
        core.joins.insert(ticket, caller);
        let effects = core.coordinator.join(group, &make(ticket, fresh_id), self.now());
        self.settle(&mut core, effects);
        self.rearm(&core, group);
        answer
    }

    /// Asks for the assignment; the answer comes when the leader has handed it in.
    pub(crate) fn sync(
        &self,
        group: &Text,
        make: impl FnOnce(Ticket) -> SyncInput,
    ) -> oneshot::Receiver<SyncAnswer> {
        let (caller, answer) = oneshot::channel();
        let mut core = self.core();
        let ticket = core.ticket();
        core.syncs.insert(ticket, caller);
        let effects = core.coordinator.sync(group, &make(ticket), self.now());
        self.settle(&mut core, effects);
        self.rearm(&core, group);
        answer
    }

    /// A member says that it lives.
    pub(crate) fn heartbeat(&self, group: &Text, who: &Identity) -> ErrorCode {
        self.core().coordinator.heartbeat(group, who, self.now())
    }

    /// A member leaves; `None` if there is no such group.
    pub(crate) fn leave(
        &self,
        group: &Text,
        id: &Text,
        instance: Option<&Text>,
    ) -> Option<ErrorCode> {
        let mut core = self.core();
        let (error, effects) = core.coordinator.leave(group, id, instance, self.now());
        self.settle(&mut core, effects);
        self.rearm(&core, group);
        error
    }

    /// A member of the consumer protocol says that it lives, joins or leaves. `make` is given a fresh id.
    pub(crate) fn consumer_heartbeat(
        &self,
        group: &Text,
        make: impl FnOnce(Text) -> HeartbeatInput,
    ) -> HeartbeatAnswer {
        let input = make(self.fresh_id("consumer"));
        let mut guard = self.core();
        let core = &mut *guard;
        let now = self.now();
        core.look(&self.log, now, input.epoch == JOIN_EPOCH);
        let (answer, effects) =
            core.coordinator.consumer_heartbeat(group, &input, &core.topics, now);
        let kept = self.settle(core, effects);
        self.rearm(core, group);
        (answer, kept)
    }

    /// Whether a commit may be kept, and of which partitions.
    ///
    /// # Errors
    /// None of it may.
    pub(crate) fn commit(
        &self,
        group: &Text,
        who: &Identity,
        kind: CommitKind,
    ) -> Result<CommitScope, ErrorCode> {
        self.core().coordinator.commit(group, who, kind, self.now())
    }

    /// Whether a member may see the group's offsets; somebody who names no member may.
    ///
    /// # Errors
    /// It may not.
    pub(crate) fn fetch(
        &self,
        group: &Text,
        member: Option<&Text>,
        epoch: i32,
    ) -> Result<(), ErrorCode> {
        self.core().coordinator.fetch(group, member, epoch)
    }

    /// Forgets a group without members, durably when the future is ready.
    pub(crate) fn forget(&self, group: &Text) -> Option<AppendFuture> {
        let mut core = self.core();
        let effects = core.coordinator.forget(group);
        self.settle(&mut core, effects)
    }

    /// Whether a group has members.
    pub(crate) fn has_members(&self, group: &Text) -> bool {
        self.core().coordinator.has_members(group)
    }

    /// Whether a group is known, with members or without; its offsets are not looked at.
    pub(crate) fn is_known(&self, group: &Text) -> bool {
        self.core().coordinator.is_known(group)
    }

    /// Whether a member of the group reads the topic.
    pub(crate) fn is_subscribed(&self, group: &Text, topic: &Text) -> bool {
        self.core().coordinator.is_subscribed(group, topic)
    }

    /// Whether it is known which topics the members read.
    pub(crate) fn tells_topics(&self, group: &Text) -> bool {
        self.core().coordinator.tells_topics(group)
    }

    /// What a group of the consumer protocol looks like, with the topics by which to name what it has.
    pub(crate) fn consumer_view(&self, group: &Text) -> Option<ConsumerView> {
        self.core().coordinator.consumer_view(group)
    }

    /// What a group looks like, if it has members.
    pub(crate) fn view(&self, group: &Text) -> Option<GroupView> {
        self.core().coordinator.view(group)
    }

    /// All groups with members, and all of the consumer protocol.
    pub(crate) fn list(&self) -> Vec<(Text, Listed)> {
        self.core().coordinator.list()
    }

    fn now(&self) -> Moment {
        self.world.clock().now()
    }

    fn fresh_id(&self, client_id: &str) -> Text {
        let (high, low) = (self.world.random().next_u64(), self.world.random().next_u64());
        Text::from(format!("{client_id}-{high:016x}{low:016x}"))
    }

    /// Hands answers out and begins to keep what is to be kept. The records are queued in the order of the steps,
    /// because the core is still locked.
    fn settle(&self, core: &mut Core, effects: Vec<Effect>) -> Option<AppendFuture> {
        let keep = core.deliver(effects, self.world.clock().wall_ms());
        (!keep.is_empty()).then(|| self.offsets.put_records(keep))
    }

    fn rearm(&self, core: &Core, group: &Text) {
        let next = core.coordinator.group_deadline(group);
        if next.is_some_and(|next| core.armed.is_none_or(|armed| next < armed)) {
            self.earlier.notify_one();
        }
    }

    /// Lets old offsets of a group go, and the group itself if nothing is left of it. Ready when that is on the disk;
    /// `None` if there is nothing to do. `limit_ms` is the retention before now, milliseconds since 1970.
    pub(super) fn expire(&self, group: &Text, limit_ms: i64) -> Option<AppendFuture> {
        // Locked throughout, so that no member joins between the look and the deed.
        let mut core = self.core();
        let coordinator = &core.coordinator;
        let life = coordinator.life(group, self.now(), self.world.clock().wall_ms());
        let expired = self.offsets.expire(group, |topic, _, commit_ms| {
            let is_read = || coordinator.is_subscribed(group, &Text::from(topic));
            is_over(life, is_read, commit_ms, limit_ms)
        })?;
        if expired.gone > 0 {
            tracing::info!(%group, offsets = expired.gone, "offsets that nobody uses are let go");
        }
        let forgotten = if expired.left == 0 && may_go(life) {
            let effects = core.coordinator.forget(group);
            self.settle(&mut core, effects)
        } else {
            None
        };
        forgotten.or((expired.gone > 0).then_some(expired.done))
    }

    /// The groups that have offsets, or have no members.
    pub(super) fn with_offsets(&self) -> BTreeSet<Text> {
        let mut groups: BTreeSet<Text> =
            self.core().coordinator.without_members().into_iter().collect();
        groups.extend(self.offsets.groups().into_iter().map(Text::from));
        groups
    }

    /// Lets old offsets go at each interval, for ever.
    async fn expire_all(&self, limits: GroupLimits) {
        let retention_ms = i64::try_from(limits.offsets_retention.as_millis()).unwrap_or(i64::MAX);
        loop {
            self.world.clock().sleep(limits.offsets_check_interval).await;
            for group in self.with_offsets() {
                let limit_ms = self.world.clock().wall_ms().saturating_sub(retention_ms);
                let Some(done) = self.expire(&group, limit_ms) else { continue };
                if let Err(error) = done.await {
                    tracing::warn!(%group, %error, "old offsets stay until the next look");
                }
            }
        }
    }

    /// Lets time pass and old offsets go, for ever.
    pub(crate) async fn run(self: Arc<Self>) {
        let limits = self.core().coordinator.limits();
        tokio::join!(self.pass_time(), self.expire_all(limits));
    }

    async fn pass_time(&self) {
        loop {
            let next = {
                let mut core = self.core();
                core.armed = core.coordinator.next_deadline();
                core.armed
            };
            match next {
                None => self.earlier.notified().await,
                Some(moment) => {
                    tokio::select! {
                        () = self.world.clock().sleep_until(moment) => {}
                        () = self.earlier.notified() => {}
                    }
                }
            }
            let mut core = self.core();
            let effects = core.coordinator.tick(self.now());
            // Nobody waits for it. If it is lost, the members that were out are out again after their next silence.
            drop(self.settle(&mut core, effects));
        }
    }
}
