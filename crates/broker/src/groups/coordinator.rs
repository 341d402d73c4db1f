//! All groups, of both protocols.

use std::collections::BTreeMap;

use tidemill_wire::{ErrorCode, Text};
use tidemill_world::Moment;

use super::consumer::changes::Change;
use super::consumer::check::check;
use super::consumer::group::ConsumerGroup;
use super::consumer::topics::Topics;
use super::consumer::types::{Beaten, ConsumerView, HeartbeatInput, JOIN_EPOCH, Refusal};
use super::group::Group;
use super::kept::KeptGroup;
use super::subscription::CONSUMER;
use super::text::detached;
use super::types::{
    CommitKind, CommitScope, Effect, GROUPS_MAX, GroupLimits, GroupView, Identity, JoinInput,
    JoinRefused, Life, Listed, SyncInput, earlier,
};

/// When a group lost its last member.
#[derive(Clone, Copy, Debug)]
enum Since {
    /// In this process.
    Seen(Moment),
    /// Before it: milliseconds since 1970.
    Wall(i64),
}

/// The groups. A classic one that has lost its last member is forgotten but for when that was; one of the consumer
/// protocol stays with its epoch until it is deleted or another takes its name. Offsets are kept elsewhere.
#[derive(Debug)]
pub(crate) struct Coordinator {
    limits: GroupLimits,
    groups: BTreeMap<Text, Kind>,
    /// When classic groups lost their last member; kept on the disk, too.
    emptied: BTreeMap<Text, Since>,
}

#[derive(Debug)]
enum Kind {
    Classic(Box<Group>),
    Consumer(Box<ConsumerGroup>),
}

impl Kind {
    fn has_members(&self) -> bool {
        match self {
            Self::Classic(group) => !group.members.is_empty(),
            Self::Consumer(group) => !group.is_empty(),
        }
    }

    fn next_deadline(&self) -> Option<Moment> {
        match self {
            Self::Classic(group) => group.next_deadline(),
            Self::Consumer(group) => group.next_deadline(),
        }
    }
}

fn keep(group: &Text, changes: Vec<Change>) -> impl Iterator<Item = Effect> + '_ {
    changes.into_iter().map(|change| Effect::Keep(group.clone(), change))
}

/// What a step of a classic group calls for, with what is to be kept of it. That goes first, so that it is on its way
/// to the disk before a member hears of it. Of one that lost its last member it is kept when that was, if there is `room`.
fn effects_of(id: &Text, group: &mut Group, room: bool) -> Vec<Effect> {
    let mut effects = Vec::new();
    if group.is_idle() && group.had_members() && room {
        effects.push(Effect::KeepClassic(id.clone(), Some(group.kept())));
    } else if group.is_idle() {
        effects.extend(unkeep(id, group));
    } else if std::mem::take(&mut group.must_keep) {
        group.is_kept = true;
        effects.push(Effect::KeepClassic(id.clone(), Some(group.kept())));
    }
    effects.append(&mut group.take_effects());
    effects
}

fn unkeep(id: &Text, group: &Group) -> Option<Effect> {
    group.is_kept.then(|| Effect::KeepClassic(id.clone(), None))
}

impl Coordinator {
    /// No groups.
    pub(crate) fn new(limits: GroupLimits) -> Self {
        Self { limits, groups: BTreeMap::new(), emptied: BTreeMap::new() }
    }

    /// What was set.
    pub(crate) fn limits(&self) -> GroupLimits {
        self.limits
    }

    /// Takes over the classic groups that were kept before the broker was last stopped, each with the wall time of that
    /// in milliseconds, if it is known.
    pub(crate) fn restore_classic(
        &mut self,
        kept: impl Iterator<Item = (Text, KeptGroup, Option<i64>)>,
        now: Moment,
    ) {
        for (id, group, kept_ms) in kept {
            if group.members.is_empty() {
                self.note_emptied(&id, kept_ms.map(Since::Wall));
                continue;
            }
            let group = Kind::Classic(Box::new(Group::restored(self.limits, group, now)));
            self.groups.insert(id, group);
        }
    }

    /// Takes over what was kept of groups of the consumer protocol before the broker was last stopped.
    pub(crate) fn restore(&mut self, kept: impl Iterator<Item = (Text, Change)>, now: Moment) {
        for (group, change) in kept {
            let fresh = || Kind::Consumer(Box::new(ConsumerGroup::new(self.limits)));
            if let Kind::Consumer(found) = self.groups.entry(group).or_insert_with(fresh) {
                found.restore(change);
            }
        }
        self.groups.retain(|_, group| match group {
            Kind::Consumer(group) => {
                group.restored(now);
                !group.is_fresh()
            }
            Kind::Classic(_) => true,
        });
    }

    fn classic(&mut self, group: &Text) -> Option<&mut Group> {
        match self.groups.get_mut(group)? {
            Kind::Classic(found) => Some(found),
            Kind::Consumer(_) => None,
        }
    }

    fn consumer(&mut self, group: &Text) -> Option<&mut ConsumerGroup> {
        match self.groups.get_mut(group)? {
            Kind::Consumer(found) => Some(found),
            Kind::Classic(_) => None,
        }
    }

    /// Makes place for a group of the other protocol: one without members, or what is kept of it, gives its name away.
    fn give_way(&mut self, group: &Text) -> Vec<Effect> {
        self.forget(group)
    }

    /// Forgets a group without members.
    pub(crate) fn forget(&mut self, group: &Text) -> Vec<Effect> {
        if self.has_members(group) {
            return Vec::new();
        }
        let was_emptied = self.emptied.remove(group).is_some();
        match self.groups.remove(group) {
            Some(Kind::Consumer(_)) => keep(group, ConsumerGroup::forget()).collect(),
            _ if was_emptied => vec![Effect::KeepClassic(group.clone(), None)],
            Some(Kind::Classic(found)) => unkeep(group, &found).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// A member asks to be in the next generation of `group`.
    pub(crate) fn join(&mut self, group: &Text, input: &JoinInput, now: Moment) -> Vec<Effect> {
        let refuse = |error| {
            let refused = JoinRefused { error, member_id: input.member_id.clone() };
            vec![Effect::Join(input.ticket, Err(refused))]
        };
        if group.is_empty() {
            return refuse(ErrorCode::InvalidGroupId);
        }
        let mut effects = Vec::new();
        if let Some(Kind::Consumer(found)) = self.groups.get(group) {
            if !found.is_empty() {
                return refuse(ErrorCode::InconsistentGroupProtocol);
            }
            if !input.member_id.is_empty() {
                return refuse(ErrorCode::UnknownMemberId);
            }
            effects = self.give_way(group);
        }
        if !self.groups.contains_key(group) {
            if !input.member_id.is_empty() {
                return refuse(ErrorCode::UnknownMemberId);
            }
            if self.groups.len() >= GROUPS_MAX {
                return refuse(ErrorCode::GroupMaxSizeReached);
            }
            let fresh = Kind::Classic(Box::new(Group::new(self.limits)));
            self.groups.insert(detached(group), fresh);
        }
        if let Some((_, more)) = self.with(group, now, |found| found.join(input, now)) {
            effects.extend(more);
        }
        effects
    }

    /// A member of `group` asks for its assignment.
    pub(crate) fn sync(&mut self, group: &Text, input: &SyncInput, now: Moment) -> Vec<Effect> {
        if group.is_empty() {
            return vec![Effect::Sync(input.ticket, Err(ErrorCode::InvalidGroupId))];
        }
        match self.with(group, now, |found| found.sync(input, now)) {
            Some((_, effects)) => effects,
            None => vec![Effect::Sync(input.ticket, Err(ErrorCode::UnknownMemberId))],
        }
    }

    /// A member of `group` says that it lives.
    pub(crate) fn heartbeat(&mut self, group: &Text, who: &Identity, now: Moment) -> ErrorCode {
        if group.is_empty() {
            return ErrorCode::InvalidGroupId;
        }
        match self.classic(group) {
            Some(found) => found.heartbeat(who, now),
            None => ErrorCode::UnknownMemberId,
        }
    }

    /// A member of `group` leaves; `None` if there is no such group.
    pub(crate) fn leave(
        &mut self,
        group: &Text,
        id: &Text,
        instance: Option<&Text>,
        now: Moment,
    ) -> (Option<ErrorCode>, Vec<Effect>) {
        match self.with(group, now, |found| found.leave(id, instance, now)) {
            Some((error, effects)) => (Some(error), effects),
            None => (None, Vec::new()),
        }
    }

    /// A member of the consumer protocol says that it lives, joins or leaves.
    pub(crate) fn consumer_heartbeat(
        &mut self,
        group: &Text,
        input: &HeartbeatInput,
        topics: &Topics,
        now: Moment,
    ) -> (Result<Beaten, Refusal>, Vec<Effect>) {
        let mut effects = Vec::new();
        let answer = check(group, input)
            .and_then(|()| self.consumer_group(group, input.epoch == JOIN_EPOCH, &mut effects))
            .and_then(|found| match input.epoch {
                JOIN_EPOCH.. => found.heartbeat(input, topics, now),
                _ => found.leave(input),
            });
        if let Some(found) = self.consumer(group) {
            effects.extend(keep(group, found.take_changes()));
            if found.is_fresh() {
                self.groups.remove(group);
            }
        }
        (answer, effects)
    }

    /// The group of this name, made if the member joins.
    fn consumer_group(
        &mut self,
        group: &Text,
        joins: bool,
        effects: &mut Vec<Effect>,
    ) -> Result<&mut ConsumerGroup, Refusal> {
        let absent =
            |what| Refusal::new(ErrorCode::GroupIdNotFound, format!("group {group} {what}"));
        if joins && !matches!(self.groups.get(group), Some(Kind::Consumer(_))) {
            effects.extend(self.give_way(group));
        }
        if joins && !self.groups.contains_key(group) {
            if self.groups.len() >= GROUPS_MAX {
                let message = format!("the broker has {GROUPS_MAX} groups, which is all it takes");
                return Err(Refusal::new(ErrorCode::GroupMaxSizeReached, message));
            }
            let fresh = Kind::Consumer(Box::new(ConsumerGroup::new(self.limits)));
            self.groups.insert(detached(group), fresh);
            self.emptied.remove(group);
        }
        match self.groups.get_mut(group) {
            Some(Kind::Consumer(found)) => Ok(found),
            Some(Kind::Classic(_)) => Err(absent("is not a consumer group")),
            None => Err(absent("is not there")),
        }
    }

    /// Whether a commit to `group` may be kept, and of which partitions.
    ///
    /// # Errors
    /// None of it may.
    pub(crate) fn commit(
        &mut self,
        group: &Text,
        who: &Identity,
        kind: CommitKind,
        now: Moment,
    ) -> Result<CommitScope, ErrorCode> {
        match self.groups.get_mut(group) {
            Some(Kind::Classic(found)) => found.commit(who, kind, now).map(|()| CommitScope::All),
            Some(Kind::Consumer(found)) => found.commit(who, kind),
            // Offsets kept by somebody who does not use the group protocol.
            None if who.generation < 0 => Ok(CommitScope::All),
            None => Err(ErrorCode::IllegalGeneration),
        }
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
        match self.groups.get(group) {
            Some(Kind::Consumer(found)) => found.fetch(member, epoch),
            _ => Ok(()),
        }
    }

    /// Runs `change` on a classic group, takes its effects, and forgets it if nothing is left of it.
    fn with<T>(
        &mut self,
        group: &Text,
        now: Moment,
        change: impl FnOnce(&mut Group) -> T,
    ) -> Option<(T, Vec<Effect>)> {
        let room = self.has_room(group);
        let found = self.classic(group)?;
        let result = change(found);
        let effects = effects_of(group, found, room);
        if found.is_idle() {
            let since = found.had_members().then_some(Since::Seen(now));
            self.groups.remove(group);
            self.note_emptied(group, since);
        } else if !found.members.is_empty() {
            self.emptied.remove(group);
        }
        Some((result, effects))
    }

    /// Without room for more, a group's offsets are as old as their commits.
    fn has_room(&self, group: &Text) -> bool {
        self.emptied.len() < GROUPS_MAX || self.emptied.contains_key(group)
    }

    /// A group that never had members changes nothing about when one of its name lost its last.
    fn note_emptied(&mut self, group: &Text, since: Option<Since>) {
        if let Some(since) = since
            && self.has_room(group)
        {
            self.emptied.insert(detached(group), since);
        }
    }

    /// Lets time pass in every group whose deadline is there.
    pub(crate) fn tick(&mut self, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        let mut idle = Vec::new();
        let mut room = GROUPS_MAX.saturating_sub(self.emptied.len());
        for (id, group) in &mut self.groups {
            if group.next_deadline().is_none_or(|deadline| deadline > now) {
                continue;
            }
            match group {
                Kind::Classic(group) => {
                    group.tick(now);
                    effects.append(&mut effects_of(id, group, room > 0));
                    if group.is_idle() {
                        room = room.saturating_sub(1);
                        idle.push((id.clone(), group.had_members().then_some(Since::Seen(now))));
                    }
                }
                Kind::Consumer(group) => {
                    group.tick(now);
                    effects.extend(keep(id, group.take_changes()));
                }
            }
        }
        for (id, since) in idle {
            self.groups.remove(&id);
            self.note_emptied(&id, since);
        }
        effects
    }

    /// When [`tick`](Self::tick) must be called at the latest.
    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.groups.values().fold(None, |first, group| earlier(first, group.next_deadline()))
    }

    /// When `group` needs a tick at the latest.
    pub(crate) fn group_deadline(&self, group: &Text) -> Option<Moment> {
        self.groups.get(group)?.next_deadline()
    }

    /// Whether a group has members.
    pub(crate) fn has_members(&self, group: &Text) -> bool {
        self.groups.get(group).is_some_and(Kind::has_members)
    }

    /// Whether a group is known, with members or without.
    pub(crate) fn is_known(&self, group: &Text) -> bool {
        self.groups.contains_key(group)
    }

    /// Whether a group is in use; `wall_ms` is `now` by the wall clock.
    pub(crate) fn life(&self, group: &Text, now: Moment, wall_ms: i64) -> Life {
        match self.groups.get(group) {
            Some(Kind::Consumer(_)) => Life::Reading,
            Some(Kind::Classic(found)) if found.is_settled() => Life::Reading,
            Some(Kind::Classic(found)) if !found.members.is_empty() => Life::Busy,
            Some(Kind::Classic(_)) | None => match self.emptied.get(group) {
                Some(Since::Wall(since_ms)) => Life::Empty { since_ms: *since_ms },
                Some(Since::Seen(since)) => {
                    let ago = i64::try_from(now.since(*since).as_millis()).unwrap_or(i64::MAX);
                    Life::Empty { since_ms: wall_ms.saturating_sub(ago) }
                }
                None => Life::Absent,
            },
        }
    }

    /// The groups without members of which something is kept beside their offsets.
    pub(crate) fn without_members(&self) -> Vec<Text> {
        let empty = self.groups.iter().filter(|(_, group)| !group.has_members());
        empty.map(|(id, _)| id).chain(self.emptied.keys()).cloned().collect()
    }

    /// Whether a member of the group reads the topic.
    pub(crate) fn is_subscribed(&self, group: &Text, topic: &Text) -> bool {
        match self.groups.get(group) {
            Some(Kind::Classic(found)) => found.is_subscribed(topic),
            Some(Kind::Consumer(found)) => found.is_subscribed(topic),
            None => false,
        }
    }

    /// Whether offsets of single partitions may be deleted while the group lives: that takes members of which the
    /// broker knows what they read.
    pub(crate) fn tells_topics(&self, group: &Text) -> bool {
        match self.groups.get(group) {
            Some(Kind::Classic(found)) => found.members.is_empty() || found.is_of_consumers(),
            Some(Kind::Consumer(_)) | None => true,
        }
    }

    /// What a classic group looks like, if it has members.
    pub(crate) fn view(&self, group: &Text) -> Option<GroupView> {
        match self.groups.get(group)? {
            Kind::Classic(found) => Some(found.view()),
            Kind::Consumer(_) => None,
        }
    }

    /// What a group of the consumer protocol looks like.
    pub(crate) fn consumer_view(&self, group: &Text) -> Option<ConsumerView> {
        match self.groups.get(group)? {
            Kind::Classic(_) => None,
            Kind::Consumer(found) => Some(found.view()),
        }
    }

    /// All groups with members, and all of the consumer protocol.
    pub(crate) fn list(&self) -> Vec<(Text, Listed)> {
        let line = |(id, group): (&Text, &Kind)| {
            let listed = match group {
                Kind::Classic(group) => Listed {
                    protocol_type: group.protocol_type.clone().unwrap_or_default(),
                    state: group.state.name(),
                    kind: "classic",
                },
                Kind::Consumer(group) => Listed {
                    protocol_type: Text::from_static(CONSUMER),
                    state: group.state(),
                    kind: "consumer",
                },
            };
            (id.clone(), listed)
        };
        self.groups.iter().map(line).collect()
    }

    /// Whether every partition of a group of the consumer protocol has one owner at most; for tests.
    #[cfg(test)]
    pub(crate) fn owners_are_right(&self, group: &Text) -> bool {
        match self.groups.get(group) {
            Some(Kind::Consumer(found)) => found.owners_are_right(),
            _ => true,
        }
    }
}
