//! What a join does to a group.

use tidemill_wire::{ErrorCode, Text};
use tidemill_world::Moment;

use super::group::Group;
use super::member::Member;
use super::text::detached;
use super::types::{Effect, JoinInput, Joined, MEMBER_METADATA_BYTES_MAX, State, Ticket};

impl Group {
    /// A member asks to be in the next generation.
    pub(crate) fn join(&mut self, input: &JoinInput, now: Moment) {
        if let Err(error) = self.may_join(input) {
            return self.refuse_join(input.ticket, error, input.member_id.clone());
        }
        let before = input.instance_id.as_ref().and_then(|id| self.statics.get(id)).cloned();
        match (input.member_id.is_empty(), before) {
            (true, Some(before)) => self.replace_static(&before, input, now),
            (true, None) => self.join_new(input, now),
            // A member of this id is there, and it is not the one of the static id.
            (false, None) if input.instance_id.is_some() => {
                let id = input.member_id.clone();
                self.refuse_join(input.ticket, ErrorCode::UnknownMemberId, id);
            }
            (false, Some(before)) if before != input.member_id => {
                self.refuse_join(
                    input.ticket,
                    ErrorCode::FencedInstanceId,
                    input.member_id.clone(),
                );
            }
            (false, _) => self.join_known(input, now),
        }
    }

    fn may_join(&mut self, input: &JoinInput) -> Result<(), ErrorCode> {
        let bytes: usize = input.protocols.iter().map(|(name, data)| name.len() + data.len()).sum();
        if bytes > MEMBER_METADATA_BYTES_MAX {
            return Err(ErrorCode::InvalidRequest);
        }
        let session = self.limits.session_timeout_min..=self.limits.session_timeout_max;
        if !session.contains(&input.session_timeout) {
            return Err(ErrorCode::InvalidSessionTimeout);
        }
        if input.protocols.is_empty() || input.protocol_type.is_empty() {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        let others =
            || self.members.iter().filter(|(id, _)| **id != input.member_id).map(|(_, m)| m);
        if others().next().is_none() {
            self.protocol_type = Some(detached(&input.protocol_type));
            return Ok(());
        }
        let shared =
            input.protocols.iter().any(|(name, _)| others().all(|member| member.supports(name)));
        if self.protocol_type.as_ref() != Some(&input.protocol_type) || !shared {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.members.len() + self.pending.len() >= self.limits.members_max
    }

    fn join_new(&mut self, input: &JoinInput, now: Moment) {
        let id = detached(&input.fresh_id);
        if self.is_full() {
            return self.refuse_join(input.ticket, ErrorCode::GroupMaxSizeReached, Text::default());
        }
        // A static member has an id of its own, so a retry cannot leave a stranger behind.
        if input.needs_known_id && input.instance_id.is_none() {
            self.pending.insert(id.clone(), now.after(input.session_timeout));
            return self.refuse_join(input.ticket, ErrorCode::MemberIdRequired, id);
        }
        self.add(id, Member::new(input, now), input.ticket, now);
    }

    fn join_known(&mut self, input: &JoinInput, now: Moment) {
        let id = &input.member_id;
        if self.pending.contains_key(id) {
            return self.add(detached(id), Member::new(input, now), input.ticket, now);
        }
        let leads = self.leader.as_ref() == Some(id);
        let Some(member) = self.members.get_mut(id) else {
            return self.refuse_join(input.ticket, ErrorCode::UnknownMemberId, id.clone());
        };
        let same = member.says_the_same(input);
        let again = match self.state {
            State::Completing => !same,
            // A leader joins again when the topics have changed, so its word is enough.
            State::Stable => leads || !same,
            State::Preparing | State::Empty => true,
        };
        if again {
            self.rejoin(&id.clone(), input, now);
        } else {
            // Its answer was lost on the way.
            member.seen(now);
            let answer = self.joined(id);
            self.effect(Effect::Join(input.ticket, Ok(answer)));
        }
    }

    fn rejoin(&mut self, id: &Text, input: &JoinInput, now: Moment) {
        let mut earlier = None;
        if let Some(member) = self.members.get_mut(id) {
            member.update(input);
            member.seen(now);
            earlier = member.joining.replace(input.ticket);
        }
        if let Some(ticket) = earlier {
            self.refuse_join(ticket, ErrorCode::RebalanceInProgress, id.clone());
        }
        self.rebalance(now);
    }

    /// A static member is back under a new member id and takes the place of the old one (KIP-345).
    fn replace_static(&mut self, before: &Text, input: &JoinInput, now: Moment) {
        let id = detached(&input.fresh_id);
        let Some(mut member) = self.members.remove(before) else {
            return self.refuse_join(input.ticket, ErrorCode::UnknownMemberId, Text::default());
        };
        let fenced = (member.joining.take(), member.syncing.take());
        member.update(input);
        member.seen(now);
        if let Some(instance) = member.instance_id.clone() {
            self.statics.insert(instance, id.clone());
        }
        self.members.insert(id.clone(), member);
        let old_leader = self.leader.clone();
        if old_leader.as_ref() == Some(before) {
            self.leader = Some(id.clone());
        }
        if let Some(ticket) = fenced.0 {
            self.refuse_join(ticket, ErrorCode::FencedInstanceId, before.clone());
        }
        if let Some(ticket) = fenced.1 {
            self.answer_sync(ticket, Err(ErrorCode::FencedInstanceId));
        }
        if self.state == State::Stable && self.choose_protocol() == self.protocol {
            self.must_keep = true;
            let leader = old_leader.unwrap_or_default();
            self.go_on(&id, leader, input.ticket, input.can_skip_assignment);
        } else {
            self.rejoin(&id, input, now);
        }
    }

    /// The group stays as it is. A leader that cannot skip its assignment must not take itself for the
    /// leader, or it would assign anew; so it is told its old id, as in Kafka.
    fn go_on(&mut self, id: &Text, old_leader: Text, ticket: Ticket, can_skip: bool) {
        let leads = self.leader.as_ref() == Some(id);
        let skip = leads && can_skip;
        let leader = if can_skip { self.leader.clone().unwrap_or_default() } else { old_leader };
        let members = if skip { self.for_leader() } else { Vec::new() };
        let answer = Joined { leader, members, skip_assignment: skip, ..self.joined(id) };
        self.effect(Effect::Join(ticket, Ok(answer)));
    }
}
