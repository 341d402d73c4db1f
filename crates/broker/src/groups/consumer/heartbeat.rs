//! What a heartbeat does: who it comes from, whether it may, and what the member is told.

use std::collections::BTreeMap;
use std::time::Duration;

use tidemill_wire::{ErrorCode, Text};
use tidemill_world::Moment;

use super::super::text::detached;
use super::super::types::MEMBER_METADATA_BYTES_MAX;
use super::group::ConsumerGroup;
use super::member::{Current, Member, Metadata, without_epochs};
use super::topics::Topics;
use super::types::{AWAY_EPOCH, Beaten, HeartbeatInput, JOIN_EPOCH, Refusal};

impl ConsumerGroup {
    /// A member says that it lives and what it has.
    ///
    /// # Errors
    /// Nothing has changed then.
    pub(crate) fn heartbeat(
        &mut self,
        input: &HeartbeatInput,
        topics: &Topics,
        now: Moment,
    ) -> Result<Beaten, Refusal> {
        let named = if input.member_id.is_empty() { &input.fresh_id } else { &input.member_id };
        self.has_room(named)?;
        let Admitted { member: before, known, replaces } = self.admit(named, input)?;
        let mut metadata = before.metadata.clone();
        metadata.update(input);
        check_size(&metadata)?;
        let regex = metadata.pattern().map_or(Ok(None), |pattern| self.regexes.check(pattern))?;
        // From here on nothing is refused.
        let id = detached(named);
        if let Some(old) = &replaces {
            self.replace(old, &id);
        }
        let is_new = !known && replaces.is_none();
        let changed = self.take_in(&id, &before, known, metadata, regex);
        self.refresh(topics, is_new || changed);
        if self.epoch > self.target_epoch {
            self.retarget(topics);
        }
        self.reconcile(&id, input, now);
        Ok(self.answer(&id, input, &before.current))
    }

    fn has_room(&self, id: &Text) -> Result<(), Refusal> {
        let max = self.limits.consumer_members_max;
        if self.members.len() < max || self.members.contains_key(id) {
            return Ok(());
        }
        let message =
            format!("the consumer group has reached its maximum capacity of {max} members");
        Err(Refusal::new(ErrorCode::GroupMaxSizeReached, message))
    }

    /// The member that a heartbeat comes from, as it was before.
    fn admit(&self, id: &Text, input: &HeartbeatInput) -> Result<Admitted, Refusal> {
        if let Some(instance) = &input.instance_id {
            return self.admit_static(id, instance, input);
        }
        let known = self.members.get(id);
        if let Some(member) = known {
            check_epoch(member, input)?;
        } else if input.epoch != JOIN_EPOCH {
            return Err(unknown_member(id));
        }
        let member = known.cloned().unwrap_or_default();
        Ok(Admitted { member, known: known.is_some(), replaces: None })
    }

    fn admit_static(
        &self,
        id: &Text,
        instance: &Text,
        input: &HeartbeatInput,
    ) -> Result<Admitted, Refusal> {
        let owner = self.statics.get(instance);
        let holder = owner.and_then(|owner| self.members.get(owner));
        match (owner, holder) {
            (Some(owner), Some(member)) if owner == id => {
                check_epoch(member, input)?;
                // One that was away begins anew with what it had.
                let rejoins = member.is_away() && input.epoch == JOIN_EPOCH;
                let member = if rejoins { returned(member) } else { member.clone() };
                Ok(Admitted { member, known: true, replaces: None })
            }
            (Some(owner), Some(member)) if input.epoch == JOIN_EPOCH => {
                if !member.is_away() {
                    return Err(unreleased(instance, owner));
                }
                let replaces = Some(owner.clone());
                Ok(Admitted { member: returned(member), known: false, replaces })
            }
            (Some(_), Some(_)) => Err(Refusal::new(
                ErrorCode::FencedInstanceId,
                format!("another member took over static id {instance}"),
            )),
            _ if input.epoch == JOIN_EPOCH => {
                let known = self.members.get(id);
                let member = known.cloned().unwrap_or_default();
                Ok(Admitted { member, known: known.is_some(), replaces: None })
            }
            _ => Err(Refusal::new(
                ErrorCode::UnknownMemberId,
                format!("instance id {instance} is unknown"),
            )),
        }
    }

    fn answer(&self, id: &Text, input: &HeartbeatInput, before: &Current) -> Beaten {
        let current = self.members.get(id).map(|member| &member.current);
        let all_said = input.rebalance_timeout.is_some()
            && (input.names.is_some() || input.regex.is_some())
            && input.owned.is_some();
        let told = input.epoch == JOIN_EPOCH
            || all_said
            || current.is_some_and(|current| current.assigned != before.assigned);
        Beaten {
            member_id: id.clone(),
            epoch: current.map_or(0, |current| current.epoch),
            interval: self.limits.consumer_heartbeat_interval,
            assignment: current.filter(|_| told).map(|current| without_epochs(&current.assigned)),
        }
    }

    /// A member leaves, for good or for a while.
    ///
    /// # Errors
    /// It is not known, or another has its static id.
    pub(crate) fn leave(&mut self, input: &HeartbeatInput) -> Result<Beaten, Refusal> {
        let id = &input.member_id;
        if let Some(instance) = &input.instance_id {
            self.admit_static_leave(id, instance)?;
        } else if !self.members.contains_key(id) {
            return Err(unknown_member(id));
        }
        if input.epoch == AWAY_EPOCH {
            self.go_away(id);
        } else {
            self.remove(id);
        }
        Ok(Beaten {
            member_id: id.clone(),
            epoch: input.epoch,
            interval: Duration::ZERO,
            assignment: None,
        })
    }

    fn admit_static_leave(&self, id: &Text, instance: &Text) -> Result<(), Refusal> {
        match self.statics.get(instance) {
            Some(owner) if owner == id => Ok(()),
            Some(_) => Err(Refusal::new(
                ErrorCode::FencedInstanceId,
                format!("another member took over static id {instance}"),
            )),
            None => Err(Refusal::new(
                ErrorCode::UnknownMemberId,
                format!("instance id {instance} is unknown"),
            )),
        }
    }

    /// The static member keeps what it has until its session ends; what it was giving up is free.
    fn go_away(&mut self, id: &Text) {
        let Some(member) = self.members.get_mut(id) else { return };
        member.revocation_deadline = None;
        let mut next = member.current.clone();
        next.epoch = AWAY_EPOCH;
        next.revoking.clear();
        // The epochs of its partitions begin anew, because the member's own does.
        for epoch in next.assigned.values_mut().flat_map(BTreeMap::values_mut) {
            *epoch = 0;
        }
        self.set_current(id, next);
    }
}

/// The member of a heartbeat.
struct Admitted {
    /// As it was before.
    member: Member,
    /// Whether it is in the group under this id.
    known: bool,
    /// The id whose place it takes.
    replaces: Option<Text>,
}

/// A static member that was away, as it begins anew.
fn returned(member: &Member) -> Member {
    let mut member = member.clone();
    (member.current.epoch, member.current.previous_epoch) = (JOIN_EPOCH, JOIN_EPOCH);
    member
}

/// A member may come with the epoch before if the answer with the present one was lost; it may join anew at any time.
fn check_epoch(member: &Member, input: &HeartbeatInput) -> Result<(), Refusal> {
    let Current { epoch, previous_epoch, .. } = member.current;
    let (said, owned) = (input.epoch, input.owned.as_deref());
    let repeats = said == previous_epoch && member.current.covers(owned);
    if said == JOIN_EPOCH || said == epoch || (said < epoch && repeats) {
        return Ok(());
    }
    let than = if said > epoch { "greater" } else { "smaller" };
    let message = format!(
        "the member has a {than} member epoch ({said}) than the group coordinator knows ({epoch}); it must \
         abandon all its partitions and join again"
    );
    Err(Refusal::new(ErrorCode::FencedMemberEpoch, message))
}

fn check_size(metadata: &Metadata) -> Result<(), Refusal> {
    let names: usize = metadata.names.iter().map(|name| name.len()).sum();
    if names <= MEMBER_METADATA_BYTES_MAX {
        return Ok(());
    }
    let message = format!("SubscribedTopicNames takes more than {MEMBER_METADATA_BYTES_MAX} bytes");
    Err(Refusal::new(ErrorCode::InvalidRequest, message))
}

fn unknown_member(id: &Text) -> Refusal {
    Refusal::new(ErrorCode::UnknownMemberId, format!("member {id} is not in the group"))
}

fn unreleased(instance: &Text, owner: &Text) -> Refusal {
    Refusal::new(
        ErrorCode::UnreleasedInstanceId,
        format!("static id {instance} is owned by member {owner}, which has not left"),
    )
}
