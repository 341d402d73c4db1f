//! One group of the consumer protocol: its epochs, its target and who owns what, by the rules of Kafka's `GroupMetadataManager`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use regex::Regex;
use tidemill_wire::{Text, Uuid};
use tidemill_world::Moment;

use super::super::types::{GroupLimits, earlier};
use super::assign::Assignor;
use super::changes::Change;
use super::member::{Current, Member, MemberState, Metadata};
use super::reconcile::Aim;
use super::regexes::Regexes;
use super::topics::{Topic, Topics};
use super::types::{ConsumerView, HeartbeatInput, Partitions, Subscriber};

/// A group. What decides is ordered, so that the same inputs give the same answers.
#[derive(Debug)]
pub(crate) struct ConsumerGroup {
    pub(super) limits: GroupLimits,
    /// Rises with whatever calls for a new target.
    pub(super) epoch: i32,
    /// A fingerprint of the subscribed topics at that epoch.
    pub(super) metadata_hash: i64,
    /// The epoch that the target was made for.
    pub(super) target_epoch: i32,
    pub(super) members: BTreeMap<Text, Member>,
    /// Member ids by the id of the static member.
    pub(super) statics: BTreeMap<Text, Text>,
    pub(super) target: BTreeMap<Text, Partitions>,
    /// Who has a partition, or has not said that it gave it up.
    pub(super) owners: HashMap<(Uuid, i32), Text>,
    pub(super) regexes: Regexes,
    /// The picture of the topics that the epoch was last held against.
    seen_topics: u64,
    changes: Vec<Change>,
}

impl ConsumerGroup {
    /// A group without members.
    pub(crate) fn new(limits: GroupLimits) -> Self {
        Self {
            limits,
            epoch: 0,
            metadata_hash: 0,
            target_epoch: 0,
            members: BTreeMap::new(),
            statics: BTreeMap::new(),
            target: BTreeMap::new(),
            owners: HashMap::new(),
            regexes: Regexes::default(),
            seen_topics: 0,
            changes: Vec::new(),
        }
    }

    /// What is to be kept since the last call.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// How long a member may be silent.
    pub(super) fn session_timeout(&self) -> Duration {
        self.limits.consumer_session_timeout
    }

    /// Whether nobody has ever been in it.
    pub(crate) fn is_fresh(&self) -> bool {
        self.epoch == 0 && self.members.is_empty()
    }

    /// Whether it has no members.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// A static member is back under a new id, which takes the place of the old one.
    pub(super) fn replace(&mut self, old: &Text, id: &Text) {
        self.members.remove(old);
        let target = self.target.remove(old);
        self.owners.retain(|_, owner| owner != old);
        self.changes.push(Change::Current(old.clone(), None));
        self.changes.push(Change::Target(old.clone(), None));
        self.changes.push(Change::Member(old.clone(), None));
        if let Some(target) = target {
            self.changes.push(Change::Target(id.clone(), Some(target.clone())));
            self.target.insert(id.clone(), target);
        }
    }

    /// Keeps what the member says of itself; whether its subscription has changed.
    pub(super) fn take_in(
        &mut self,
        id: &Text,
        before: &Member,
        known: bool,
        metadata: Metadata,
        regex: Option<Regex>,
    ) -> bool {
        let repatterned = metadata.pattern() != before.metadata.pattern();
        let changed = repatterned || metadata.names != before.metadata.names;
        if let (Some(pattern), Some(regex)) = (metadata.pattern(), regex) {
            self.regexes.add(pattern.clone(), regex);
        }
        if let (true, Some(old)) = (known, &before.metadata.instance_id) {
            self.statics.remove(old);
        }
        if let Some(instance) = &metadata.instance_id {
            self.statics.insert(instance.clone(), id.clone());
        }
        if !known || metadata != before.metadata {
            self.changes.push(Change::Member(id.clone(), Some(metadata.clone())));
        }
        let member = Member { metadata, ..before.clone() };
        for one in member.current.holds() {
            self.owners.insert(one, id.clone());
        }
        self.members.insert(id.clone(), member);
        if repatterned {
            self.forget_patterns();
        }
        changed
    }

    fn forget_patterns(&mut self) {
        let wanted: BTreeSet<_> =
            self.members.values().filter_map(|member| member.metadata.pattern()).collect();
        self.regexes.retain(|pattern| wanted.contains(pattern));
    }

    /// Raises the epoch if a subscription or a subscribed topic has changed.
    pub(super) fn refresh(&mut self, topics: &Topics, subscribed: bool) {
        self.regexes.resolve(topics);
        if !subscribed && self.seen_topics == topics.version() {
            return;
        }
        self.seen_topics = topics.version();
        let hash = self.hash(topics);
        if subscribed || hash != self.metadata_hash {
            self.metadata_hash = hash;
            self.bump();
        }
    }

    pub(super) fn bump(&mut self) {
        self.epoch = self.epoch.saturating_add(1);
        self.changes.push(Change::Group(Some((self.epoch, self.metadata_hash))));
    }

    /// FNV-1a over the subscribed topics that are there: the same at every start.
    fn hash(&self, topics: &Topics) -> i64 {
        let names: BTreeSet<&Text> =
            self.members.values().flat_map(|member| self.wanted(&member.metadata)).collect();
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        for name in names {
            if let Some(topic) = topics.get(name) {
                add(name.as_bytes());
                add(&topic.id.0);
                add(&topic.partitions.to_be_bytes());
            }
        }
        hash.cast_signed()
    }

    /// The names a member subscribes to, also by its pattern; some may come twice.
    fn wanted<'a>(&'a self, metadata: &'a Metadata) -> impl Iterator<Item = &'a Text> {
        let matched = metadata.pattern().map(|pattern| self.regexes.topics(pattern));
        metadata.names.iter().chain(matched.into_iter().flatten())
    }

    /// Whether any member subscribes to the topic.
    pub(crate) fn is_subscribed(&self, topic: &Text) -> bool {
        self.members.values().any(|member| self.wanted(&member.metadata).any(|name| name == topic))
    }

    /// Makes the target of the present epoch.
    pub(super) fn retarget(&mut self, topics: &Topics) {
        let mut sizes = BTreeMap::new();
        let mut subscribers = Vec::with_capacity(self.members.len());
        for (id, member) in &self.members {
            let there: BTreeMap<Uuid, i32> = self
                .wanted(&member.metadata)
                .filter_map(|name| topics.get(name))
                .map(|Topic { id, partitions }| (id, partitions))
                .collect();
            subscribers.push(Subscriber {
                id: id.clone(),
                instance_id: member.metadata.instance_id.clone(),
                topics: there.keys().copied().collect(),
            });
            sizes.extend(there);
        }
        let assigned = self.assignor().assign(&subscribers, &sizes, &self.target);
        for (Subscriber { id, .. }, target) in subscribers.into_iter().zip(assigned) {
            if self.target.get(&id) != Some(&target) {
                self.changes.push(Change::Target(id.clone(), Some(target.clone())));
                self.target.insert(id, target);
            }
        }
        self.target_epoch = self.epoch;
        self.changes.push(Change::TargetEpoch(Some(self.target_epoch)));
    }

    /// What most members that have a wish wish for.
    fn assignor(&self) -> Assignor {
        let wishes = self.members.values().filter_map(|member| member.metadata.assignor.as_ref());
        let wishes: Vec<Assignor> = wishes.filter_map(|name| Assignor::named(name)).collect();
        let votes = |one: &Assignor| wishes.iter().filter(|wish| *wish == one).count();
        // Of equals the last is taken by `max_by_key`, so the default comes last.
        let best = Assignor::ALL.into_iter().rev().max_by_key(votes);
        best.unwrap_or(Assignor::Uniform)
    }

    /// Leads a member one step towards its target.
    pub(super) fn reconcile(&mut self, id: &Text, input: &HeartbeatInput, now: Moment) {
        let Some(member) = self.members.get(id) else { return };
        let nothing = Partitions::new();
        let aim = Aim {
            epoch: self.target_epoch,
            target: self.target.get(id).unwrap_or(&nothing),
            owned: input.owned.as_deref(),
        };
        let owners = &self.owners;
        let is_taken = |topic, index| owners.get(&(topic, index)).is_some_and(|owner| owner != id);
        let next = member.current.next(&aim, is_taken);
        let moved = next != member.current;
        let revokes = next.state == MemberState::Unrevoked;
        self.set_current(id, next);
        let session = self.session_timeout();
        if let Some(member) = self.members.get_mut(id) {
            member.session_deadline = now.after(session);
            if moved {
                let timeout = member.metadata.rebalance_timeout;
                member.revocation_deadline = revokes.then(|| now.after(timeout));
            }
        }
    }

    /// Changes what a member has, and who owns what.
    pub(super) fn set_current(&mut self, id: &Text, next: Current) {
        let Some(member) = self.members.get_mut(id) else { return };
        if member.current == next {
            return;
        }
        for one in member.current.holds() {
            if self.owners.get(&one) == Some(id) {
                self.owners.remove(&one);
            }
        }
        for one in next.holds() {
            self.owners.insert(one, id.clone());
        }
        self.changes.push(Change::Current(id.clone(), Some(next.clone())));
        member.current = next;
    }

    /// Takes a member out; the others get what it had with their next heartbeats.
    pub(super) fn remove(&mut self, id: &Text) {
        let Some(member) = self.members.remove(id) else { return };
        self.target.remove(id);
        for one in member.current.holds() {
            if self.owners.get(&one) == Some(id) {
                self.owners.remove(&one);
            }
        }
        if let Some(instance) = &member.metadata.instance_id
            && self.statics.get(instance) == Some(id)
        {
            self.statics.remove(instance);
        }
        self.changes.push(Change::Current(id.clone(), None));
        self.changes.push(Change::Target(id.clone(), None));
        self.changes.push(Change::Member(id.clone(), None));
        self.forget_patterns();
        self.bump();
    }

    /// Lets time pass: silent members go, and those that do not give up what they were told to.
    pub(crate) fn tick(&mut self, now: Moment) {
        let late = |member: &Member| {
            let revocation = member.revocation_deadline;
            member.session_deadline <= now || revocation.is_some_and(|deadline| deadline <= now)
        };
        let gone: Vec<Text> = self
            .members
            .iter()
            .filter(|(_, member)| late(member))
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            tracing::info!(member = &*id, "a member of a consumer group was silent and is out");
            self.remove(&id);
        }
    }

    /// When [`tick`](Self::tick) must be called at the latest.
    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        let deadlines = self
            .members
            .values()
            .map(|member| earlier(Some(member.session_deadline), member.revocation_deadline));
        deadlines.fold(None, earlier)
    }

    /// Everything kept of the group goes; it has no members.
    pub(crate) fn forget() -> Vec<Change> {
        vec![Change::TargetEpoch(None), Change::Group(None)]
    }

    /// Kafka's name of the state.
    pub(crate) fn state(&self) -> &'static str {
        let reconciled = |member: &Member| member.current.is_reconciled(self.target_epoch);
        match () {
            () if self.members.is_empty() => "Empty",
            () if self.epoch > self.target_epoch => "Assigning",
            () if self.members.values().all(reconciled) => "Stable",
            () => "Reconciling",
        }
    }

    /// What an administrator is told.
    pub(crate) fn view(&self) -> ConsumerView {
        let target = |id| self.target.get(id).cloned().unwrap_or_default();
        ConsumerView {
            state: self.state(),
            epoch: self.epoch,
            target_epoch: self.target_epoch,
            assignor: self.assignor().name(),
            members: self.members.iter().map(|(id, member)| member.view(id, target(id))).collect(),
        }
    }

    /// Whether no partition has two owners and what members hold is what the index says; for tests.
    #[cfg(test)]
    pub(crate) fn owners_are_right(&self) -> bool {
        let mut seen = BTreeSet::new();
        let held = |member: &Member| member.current.holds().collect::<Vec<_>>();
        self.members.iter().all(|(id, member)| {
            held(member)
                .into_iter()
                .all(|one| seen.insert(one) && self.owners.get(&one) == Some(id))
        }) && seen.len() == self.owners.len()
    }
}
