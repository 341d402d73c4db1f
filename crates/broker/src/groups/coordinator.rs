//! All groups with members.

use std::collections::BTreeMap;

use tidemill_wire::{ErrorCode, Text};
use tidemill_world::Moment;

use super::group::Group;
use super::member::detached;
use super::types::{
    Effect, GROUPS_MAX, GroupLimits, GroupView, Identity, JoinInput, JoinRefused, SyncInput,
    earlier,
};

/// The groups. One that has lost its last member is forgotten; its offsets are kept elsewhere.
#[derive(Debug)]
pub(crate) struct Coordinator {
    limits: GroupLimits,
    groups: BTreeMap<Text, Group>,
}

impl Coordinator {
    /// No groups.
    pub(crate) fn new(limits: GroupLimits) -> Self {
        Self { limits, groups: BTreeMap::new() }
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
        if !self.groups.contains_key(group) {
            if !input.member_id.is_empty() {
                return refuse(ErrorCode::UnknownMemberId);
            }
            if self.groups.len() >= GROUPS_MAX {
                return refuse(ErrorCode::GroupMaxSizeReached);
            }
            self.groups.insert(detached(group), Group::new(self.limits));
        }
        self.with(group, |found| found.join(input, now))
            .map_or_else(Vec::new, |(_, effects)| effects)
    }

    /// A member of `group` asks for its assignment.
    pub(crate) fn sync(&mut self, group: &Text, input: &SyncInput, now: Moment) -> Vec<Effect> {
        match self.with(group, |found| found.sync(input, now)) {
            Some((_, effects)) => effects,
            None => vec![Effect::Sync(input.ticket, Err(ErrorCode::UnknownMemberId))],
        }
    }

    /// A member of `group` says that it lives.
    pub(crate) fn heartbeat(&mut self, group: &Text, who: &Identity, now: Moment) -> ErrorCode {
        match self.groups.get_mut(group) {
            Some(found) => found.heartbeat(who, now),
            None => ErrorCode::UnknownMemberId,
        }
    }

    /// A member of `group` leaves.
    pub(crate) fn leave(
        &mut self,
        group: &Text,
        id: &Text,
        instance: Option<&Text>,
        now: Moment,
    ) -> (ErrorCode, Vec<Effect>) {
        self.with(group, |found| found.leave(id, instance, now))
            .unwrap_or((ErrorCode::UnknownMemberId, Vec::new()))
    }

    /// Whether a commit to `group` may be kept.
    pub(crate) fn commit(&mut self, group: &Text, who: &Identity, now: Moment) -> ErrorCode {
        match self.groups.get_mut(group) {
            Some(found) => found.commit(who, now),
            // Offsets kept by somebody who does not use the group protocol.
            None if who.generation < 0 => ErrorCode::None,
            None => ErrorCode::IllegalGeneration,
        }
    }

    /// Runs `change` on a group, takes its effects, and forgets it if nothing is left of it.
    fn with<T>(
        &mut self,
        group: &Text,
        change: impl FnOnce(&mut Group) -> T,
    ) -> Option<(T, Vec<Effect>)> {
        let found = self.groups.get_mut(group)?;
        let result = change(found);
        let effects = found.take_effects();
        if found.is_idle() {
            self.groups.remove(group);
        }
        Some((result, effects))
    }

    /// Lets time pass in every group whose deadline is there.
    pub(crate) fn tick(&mut self, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.groups.retain(|_, group| {
            if group.next_deadline().is_some_and(|deadline| deadline <= now) {
                group.tick(now);
                effects.append(&mut group.take_effects());
            }
            !group.is_idle()
        });
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

    /// What a group looks like, if it has members.
    pub(crate) fn view(&self, group: &Text) -> Option<GroupView> {
        self.groups.get(group).map(Group::view)
    }

    /// All groups with members: name, protocol type, state.
    pub(crate) fn list(&self) -> Vec<(Text, Text, &'static str)> {
        let line = |(id, group): (&Text, &Group)| {
            let kind = group.protocol_type.clone().unwrap_or_default();
            (id.clone(), kind, group.state.name())
        };
        self.groups.iter().map(line).collect()
    }
}
