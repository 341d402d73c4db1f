//! One group: who is in it, and the round of its rebalance.

use std::collections::BTreeMap;
use std::time::Duration;

use tidemill_wire::{ErrorCode, Text};
use tidemill_world::Moment;

use super::member::Member;
use super::types::{Effect, GroupLimits, GroupView, Joined, State, Synced, Ticket, earlier};

/// A group. Maps are ordered, so that the same inputs give the same effects in the same order.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) limits: GroupLimits,
    pub(crate) state: State,
    pub(crate) generation: i32,
    pub(crate) protocol_type: Option<Text>,
    pub(crate) protocol: Option<Text>,
    pub(crate) leader: Option<Text>,
    pub(crate) members: BTreeMap<Text, Member>,
    /// Member ids by the id of the static member.
    pub(crate) statics: BTreeMap<Text, Text>,
    /// Ids given out to members that have not joined with them yet, and when they lapse.
    pub(crate) pending: BTreeMap<Text, Moment>,
    /// When the present rebalance stops waiting.
    rebalance_deadline: Option<Moment>,
    /// Set while the first rebalance gathers members.
    gathering: Option<Gathering>,
    /// When members that have not asked for their assignment are out.
    pub(crate) sync_deadline: Option<Moment>,
    effects: Vec<Effect>,
    /// Whether the group must be kept anew.
    pub(crate) must_keep: bool,
    /// Whether it is kept.
    pub(crate) is_kept: bool,
}

#[derive(Debug)]
struct Gathering {
    /// When it ends in any case.
    limit: Moment,
    /// Whether somebody came since the deadline was set.
    grown: bool,
}

impl Group {
    /// A group without members.
    pub(crate) fn new(limits: GroupLimits) -> Self {
        Self {
            limits,
            state: State::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            statics: BTreeMap::new(),
            pending: BTreeMap::new(),
            rebalance_deadline: None,
            gathering: None,
            sync_deadline: None,
            effects: Vec::new(),
            must_keep: false,
            is_kept: false,
        }
    }

    /// What happened since the last call.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Whether nothing is left worth keeping.
    pub(crate) fn is_idle(&self) -> bool {
        self.members.is_empty() && self.pending.is_empty()
    }

    /// Whether a member was in it at any time.
    pub(crate) fn had_members(&self) -> bool {
        self.generation > 0
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(crate) fn answer_sync(&mut self, ticket: Ticket, answer: Result<Synced, ErrorCode>) {
        self.effects.push(Effect::Sync(ticket, answer));
    }

    /// Adds a member that waits for its join to be answered, and rebalances.
    pub(crate) fn add(&mut self, id: Text, mut member: Member, ticket: Ticket, now: Moment) {
        member.joining = Some(ticket);
        self.pending.remove(&id);
        if let Some(instance) = &member.instance_id {
            self.statics.insert(instance.clone(), id.clone());
        }
        self.leader.get_or_insert_with(|| id.clone());
        self.members.insert(id, member);
        if let Some(gathering) = &mut self.gathering {
            gathering.grown = true;
        }
        self.rebalance(now);
    }

    /// Takes a member out, answers what it waits for, and rebalances.
    pub(crate) fn remove(&mut self, id: &Text, now: Moment) {
        self.take_out(id, ErrorCode::UnknownMemberId);
        match self.state {
            State::Empty => {}
            State::Preparing => self.complete_if_all_joined(now),
            State::Completing | State::Stable => self.prepare(now),
        }
    }

    fn take_out(&mut self, id: &Text, error: ErrorCode) {
        let Some(member) = self.members.remove(id) else { return };
        if let Some(ticket) = member.joining {
            self.refuse_join(ticket, error, id.clone());
        }
        if let Some(ticket) = member.syncing {
            self.answer_sync(ticket, Err(error));
        }
        if let Some(instance) = &member.instance_id
            && self.statics.get(instance) == Some(id)
        {
            self.statics.remove(instance);
        }
        if self.leader.as_ref() == Some(id) {
            self.elect();
        }
    }

    /// Makes a member that has joined the leader, or any if none has.
    fn elect(&mut self) {
        let joined = self.members.iter().find(|(_, member)| member.joining.is_some());
        self.leader = joined.or_else(|| self.members.iter().next()).map(|(id, _)| id.clone());
    }

    /// Starts a rebalance, or looks whether the present one is done.
    pub(crate) fn rebalance(&mut self, now: Moment) {
        match self.state {
            State::Preparing => self.complete_if_all_joined(now),
            _ => self.prepare(now),
        }
    }

    fn prepare(&mut self, now: Moment) {
        let waiting: Vec<_> =
            self.members.values_mut().filter_map(|member| member.syncing.take()).collect();
        for ticket in waiting {
            self.answer_sync(ticket, Err(ErrorCode::RebalanceInProgress));
        }
        let timeout = self.rebalance_timeout();
        let delay = self.limits.initial_rebalance_delay.min(timeout);
        if self.state == State::Empty && !delay.is_zero() {
            self.gathering = Some(Gathering { limit: now.after(timeout), grown: false });
            self.rebalance_deadline = Some(now.after(delay));
        } else {
            self.rebalance_deadline = Some(now.after(timeout));
        }
        let first = self.state == State::Empty;
        self.state = State::Preparing;
        self.sync_deadline = None;
        if first && delay.is_zero() {
            // An empty group has nobody to wait for, so the first member does not wait for ids
            // that were given out to others.
            self.complete(now);
        } else {
            self.complete_if_all_joined(now);
        }
    }

    fn rebalance_timeout(&self) -> Duration {
        self.members.values().map(|member| member.rebalance_timeout).max().unwrap_or_default()
    }

    fn complete_if_all_joined(&mut self, now: Moment) {
        let all = self.members.values().all(|member| member.joining.is_some());
        let gathering = self.gathering.is_some() && !self.members.is_empty();
        if self.state == State::Preparing && all && self.pending.is_empty() && !gathering {
            self.complete(now);
        }
    }

    /// Closes the door: whoever has joined is the next generation.
    fn complete(&mut self, now: Moment) {
        self.gathering = None;
        self.rebalance_deadline = None;
        let late: Vec<_> = self
            .members
            .iter()
            .filter(|(_, member)| member.joining.is_none() && member.instance_id.is_none())
            .map(|(id, _)| id.clone())
            .collect();
        for id in &late {
            self.take_out(id, ErrorCode::UnknownMemberId);
        }
        let joined = self.members.values().any(|member| member.joining.is_some());
        match (self.members.is_empty(), joined) {
            (true, _) => self.become_empty(),
            // Only static members that are away: they have until their sessions end.
            (false, false) => self.rebalance_deadline = Some(now.after(self.rebalance_timeout())),
            (false, true) => self.next_generation(now),
        }
    }

    fn become_empty(&mut self) {
        self.state = State::Empty;
        self.generation = self.generation.wrapping_add(1).max(1);
        self.protocol = None;
        self.leader = None;
    }

    fn next_generation(&mut self, now: Moment) {
        self.generation = self.generation.wrapping_add(1).max(1);
        self.protocol = self.choose_protocol();
        self.state = State::Completing;
        self.sync_deadline = Some(now.after(self.rebalance_timeout()));
        let leads = |id: &Text| self.members.get(id).is_some_and(|leader| leader.joining.is_some());
        if !self.leader.as_ref().is_some_and(leads) {
            self.elect();
        }
        let mut tickets = Vec::new();
        for (id, member) in &mut self.members {
            member.synced = false;
            member.assignment = bytes::Bytes::new();
            member.seen(now);
            tickets.extend(member.joining.take().map(|ticket| (ticket, id.clone())));
        }
        for (ticket, id) in tickets {
            let answer = self.joined(&id);
            self.effects.push(Effect::Join(ticket, Ok(answer)));
        }
    }

    /// The answer to a member of the present generation.
    pub(crate) fn joined(&self, id: &Text) -> Joined {
        let leads = self.leader.as_ref() == Some(id);
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            member_id: id.clone(),
            members: if leads { self.for_leader() } else { Vec::new() },
            skip_assignment: false,
        }
    }

    pub(crate) fn for_leader(&self) -> Vec<super::types::JoinedMember> {
        let protocol = self.protocol.as_ref();
        self.members.iter().map(|(id, member)| member.for_leader(id, protocol)).collect()
    }

    pub(crate) fn refuse_join(&mut self, ticket: Ticket, error: ErrorCode, member_id: Text) {
        let refused = super::types::JoinRefused { error, member_id };
        self.effects.push(Effect::Join(ticket, Err(refused)));
    }

    /// Each member votes for the best of its assignors that all know; the first in the leader's order
    /// wins a tie.
    pub(crate) fn choose_protocol(&self) -> Option<Text> {
        let known = |name: &&Text| self.members.values().all(|member| member.supports(name));
        let leader = self.leader.as_ref().and_then(|id| self.members.get(id));
        let candidates: Vec<&Text> =
            leader.or_else(|| self.members.values().next())?.preferences().filter(known).collect();
        let mut votes = vec![0usize; candidates.len()];
        for member in self.members.values() {
            let choice = member
                .preferences()
                .find_map(|name| candidates.iter().position(|candidate| *candidate == name));
            if let Some(count) = choice.and_then(|choice| votes.get_mut(choice)) {
                *count += 1;
            }
        }
        let best = votes.iter().max()?;
        let winner = votes.iter().position(|count| count == best)?;
        candidates.get(winner).map(|name| (*name).clone())
    }

    /// Lets time pass: lapsed ids and silent members go, and rebalances end.
    pub(crate) fn tick(&mut self, now: Moment) {
        self.pending.retain(|_, deadline| *deadline > now);
        self.remove_where(now, |member| !member.is_waiting() && member.session_deadline <= now);
        if self.sync_deadline.is_some_and(|deadline| deadline <= now) {
            self.sync_deadline = None;
            self.remove_where(now, |member| !member.synced);
        }
        self.end_gathering(now);
        if self.rebalance_deadline.is_some_and(|deadline| deadline <= now) {
            self.complete(now);
        }
        // A lapsed id may have been the last thing the rebalance waited for.
        self.complete_if_all_joined(now);
    }

    fn remove_where(&mut self, now: Moment, gone: impl Fn(&Member) -> bool) {
        let ids: Vec<_> = self
            .members
            .iter()
            .filter(|(_, member)| gone(member))
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            self.remove(&id, now);
        }
    }

    /// The first rebalance waits on while members keep coming, up to its limit.
    fn end_gathering(&mut self, now: Moment) {
        let (Some(gathering), Some(deadline)) = (&mut self.gathering, self.rebalance_deadline)
        else {
            return;
        };
        if deadline <= now && gathering.grown && gathering.limit > now {
            gathering.grown = false;
            let next = now.after(self.limits.initial_rebalance_delay).min(gathering.limit);
            self.rebalance_deadline = Some(next);
        }
    }

    /// When [`tick`](Self::tick) must be called at the latest.
    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        let silent = self.members.values().filter(|member| !member.is_waiting());
        let silent = silent.map(|member| member.session_deadline).min();
        let pending = self.pending.values().min().copied();
        let rounds = earlier(self.rebalance_deadline, self.sync_deadline);
        earlier(earlier(silent, pending), rounds)
    }

    /// What an administrator is told.
    pub(crate) fn view(&self) -> GroupView {
        let protocol = self.protocol.as_ref();
        GroupView {
            state: self.state.name(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: self.protocol.clone().unwrap_or_default(),
            members: self.members.iter().map(|(id, member)| member.view(id, protocol)).collect(),
        }
    }
}
