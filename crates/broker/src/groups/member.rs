//! One member of a group.

use std::time::Duration;

use bytes::Bytes;
use tidemill_wire::Text;
use tidemill_world::Moment;

use super::kept::KeptMember;
use super::text::detached;
use super::types::{JoinInput, JoinedMember, MemberView, Ticket};

/// A member; its id is the key under which the group keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) instance_id: Option<Text>,
    client_id: Text,
    client_host: Text,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    protocols: Vec<(Text, Bytes)>,
    pub(crate) assignment: Bytes,
    /// The join that waits for an answer.
    pub(crate) joining: Option<Ticket>,
    /// The sync that waits for an answer.
    pub(crate) syncing: Option<Ticket>,
    /// Whether it has asked for its assignment in this generation.
    pub(crate) synced: bool,
    /// When it counts as gone, unless it waits for an answer of ours.
    pub(crate) session_deadline: Moment,
}

impl Member {
    /// A member that joins with `input`.
    pub(crate) fn new(input: &JoinInput, now: Moment) -> Self {
        let mut member = Self {
            instance_id: input.instance_id.as_ref().map(detached),
            client_id: detached(&input.client_id),
            client_host: detached(&input.client_host),
            session_timeout: input.session_timeout,
            rebalance_timeout: input.rebalance_timeout,
            protocols: Vec::new(),
            assignment: Bytes::new(),
            joining: None,
            syncing: None,
            synced: false,
            session_deadline: now.after(input.session_timeout),
        };
        member.update(input);
        member
    }

    /// Takes over what the member now says of itself.
    pub(crate) fn update(&mut self, input: &JoinInput) {
        self.session_timeout = input.session_timeout;
        self.rebalance_timeout = input.rebalance_timeout;
        // Copied, because a slice would keep the whole request's frame alive.
        let copy =
            |(name, metadata): &(Text, Bytes)| (detached(name), Bytes::copy_from_slice(metadata));
        self.protocols = input.protocols.iter().map(copy).collect();
    }

    /// The member lives.
    pub(crate) fn seen(&mut self, now: Moment) {
        self.session_deadline = now.after(self.session_timeout);
    }

    /// Whether it waits for us; then its silence means nothing.
    pub(crate) fn is_waiting(&self) -> bool {
        self.joining.is_some() || self.syncing.is_some()
    }

    /// Whether the member knows this assignor.
    pub(crate) fn supports(&self, protocol: &Text) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }

    /// Its assignors, the best first.
    pub(crate) fn preferences(&self) -> impl Iterator<Item = &Text> {
        self.protocols.iter().map(|(name, _)| name)
    }

    /// Whether it says the same of itself as before.
    pub(crate) fn says_the_same(&self, input: &JoinInput) -> bool {
        self.protocols == input.protocols
    }

    /// What it tells the leader by this protocol.
    pub(crate) fn metadata(&self, protocol: Option<&Text>) -> Bytes {
        let chosen = self.protocols.iter().find(|(name, _)| Some(name) == protocol);
        chosen.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    /// What the leader is told.
    pub(crate) fn for_leader(&self, id: &Text, protocol: Option<&Text>) -> JoinedMember {
        JoinedMember {
            member_id: id.clone(),
            instance_id: self.instance_id.clone(),
            metadata: self.metadata(protocol),
        }
    }

    /// What is kept of it.
    pub(crate) fn kept(&self, id: &Text, protocol: Option<&Text>) -> KeptMember {
        KeptMember {
            member_id: id.clone(),
            instance_id: self.instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout: self.rebalance_timeout,
            session_timeout: self.session_timeout,
            subscription: self.metadata(protocol),
            assignment: self.assignment.clone(),
        }
    }

    /// A member that was kept. Of what it said, only what the group's protocol needs is known until it joins again.
    pub(crate) fn restored(kept: KeptMember, protocol: Option<&Text>, now: Moment) -> Self {
        Self {
            instance_id: kept.instance_id,
            client_id: kept.client_id,
            client_host: kept.client_host,
            session_timeout: kept.session_timeout,
            rebalance_timeout: kept.rebalance_timeout,
            protocols: protocol.map(|name| (name.clone(), kept.subscription)).into_iter().collect(),
            assignment: kept.assignment,
            joining: None,
            syncing: None,
            synced: true,
            session_deadline: now.after(kept.session_timeout),
        }
    }

    /// What an administrator is told.
    pub(crate) fn view(&self, id: &Text, protocol: Option<&Text>) -> MemberView {
        MemberView {
            member_id: id.clone(),
            instance_id: self.instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            metadata: self.metadata(protocol),
            assignment: self.assignment.clone(),
        }
    }
}
