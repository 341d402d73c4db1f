//! What the requests of members do to a group: sync, heartbeat, leave, commit.

use bytes::Bytes;
use tidemill_wire::{ErrorCode, Text};
use tidemill_world::Moment;

use super::group::Group;
use super::types::{CommitKind, Identity, MEMBER_ASSIGNMENT_BYTES_MAX, State, SyncInput, Synced};

impl Group {
    /// Whether this is a member of this generation.
    fn identify(&self, identity: &Identity) -> Result<(), ErrorCode> {
        self.identify_any_generation(&identity.member_id, identity.instance_id.as_ref())?;
        if identity.generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        Ok(())
    }

    fn identify_any_generation(&self, id: &Text, instance: Option<&Text>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            match self.statics.get(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(known) if known != id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(id) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    fn seen(&mut self, id: &Text, now: Moment) {
        if let Some(member) = self.members.get_mut(id) {
            member.seen(now);
        }
    }

    /// A member asks for its assignment.
    pub(crate) fn sync(&mut self, input: &SyncInput, now: Moment) {
        if let Err(error) = self.may_sync(input) {
            return self.answer_sync(input.ticket, Err(error));
        }
        let id = &input.identity.member_id;
        let earlier = self.members.get_mut(id).and_then(|member| {
            member.synced = true;
            member.seen(now);
            member.syncing.replace(input.ticket)
        });
        if let Some(ticket) = earlier {
            self.answer_sync(ticket, Err(ErrorCode::RebalanceInProgress));
        }
        if self.state == State::Completing && self.leader.as_ref() == Some(id) {
            self.assign(&input.assignments);
        }
        if self.state == State::Stable {
            self.answer_syncs(now);
        }
    }

    fn may_sync(&self, input: &SyncInput) -> Result<(), ErrorCode> {
        self.identify(&input.identity)?;
        let differs = |said: &Option<Text>, is: &Option<Text>| said.is_some() && said != is;
        if differs(&input.protocol_type, &self.protocol_type)
            || differs(&input.protocol, &self.protocol)
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        if input.assignments.iter().any(|(_, bytes)| bytes.len() > MEMBER_ASSIGNMENT_BYTES_MAX) {
            return Err(ErrorCode::InvalidRequest);
        }
        match self.state {
            State::Empty => Err(ErrorCode::UnknownMemberId),
            State::Preparing => Err(ErrorCode::RebalanceInProgress),
            State::Completing | State::Stable => Ok(()),
        }
    }

    fn assign(&mut self, assignments: &[(Text, Bytes)]) {
        for (id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(id) {
                // Copied, because a slice would keep the whole request's frame alive.
                member.assignment = Bytes::copy_from_slice(assignment);
            }
        }
        self.state = State::Stable;
        self.must_keep = true;
    }

    fn answer_syncs(&mut self, now: Moment) {
        let mut answers = Vec::new();
        for member in self.members.values_mut() {
            if let Some(ticket) = member.syncing.take() {
                member.seen(now);
                answers.push((ticket, member.assignment.clone()));
            }
        }
        for (ticket, assignment) in answers {
            let (protocol_type, protocol) = (self.protocol_type.clone(), self.protocol.clone());
            self.answer_sync(ticket, Ok(Synced { protocol_type, protocol, assignment }));
        }
        if self.members.values().all(|member| member.synced) {
            self.sync_deadline = None;
        }
    }

    /// A member says that it lives.
    pub(crate) fn heartbeat(&mut self, identity: &Identity, now: Moment) -> ErrorCode {
        if let Err(error) = self.identify(identity) {
            return error;
        }
        self.seen(&identity.member_id, now);
        match self.state {
            State::Empty => ErrorCode::UnknownMemberId,
            State::Preparing => ErrorCode::RebalanceInProgress,
            State::Completing | State::Stable => ErrorCode::None,
        }
    }

    /// A member leaves; a static one may be named by its own id alone.
    pub(crate) fn leave(&mut self, id: &Text, instance: Option<&Text>, now: Moment) -> ErrorCode {
        let mut id = id.clone();
        if let (true, Some(instance)) = (id.is_empty(), instance) {
            match self.statics.get(instance) {
                Some(known) => id = known.clone(),
                None => return ErrorCode::UnknownMemberId,
            }
        }
        if self.pending.remove(&id).is_some() {
            self.tick(now);
            return ErrorCode::None;
        }
        match self.identify_any_generation(&id, instance) {
            Ok(()) => self.remove(&id, now),
            Err(error) => return error,
        }
        ErrorCode::None
    }

    /// Whether a commit may be kept; a member that commits lives.
    ///
    /// # Errors
    /// It may not.
    pub(crate) fn commit(
        &mut self,
        identity: &Identity,
        kind: CommitKind,
        now: Moment,
    ) -> Result<(), ErrorCode> {
        let transactional = kind == CommitKind::Transactional;
        let names_nobody = identity.generation < 0
            && identity.member_id.is_empty()
            && identity.instance_id.is_none();
        // Before KIP-447 producers did not say for whom they commit.
        let anybody = self.members.is_empty() || (transactional && names_nobody);
        if identity.generation < 0 && anybody {
            return Ok(());
        }
        self.identify(identity)?;
        self.seen(&identity.member_id, now);
        match self.state {
            State::Completing if !transactional => Err(ErrorCode::RebalanceInProgress),
            _ => Ok(()),
        }
    }
}
