//! One member of a group of the consumer protocol.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidemill_wire::{Text, Uuid};
use tidemill_world::Moment;

use super::super::text::detached;
use super::types::{AWAY_EPOCH, ConsumerMemberView, HeartbeatInput, Owned, Partitions};

/// Where a member is on its way to the target. The numbers are Kafka's, kept on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum MemberState {
    /// It has what it shall have by the target of its epoch.
    #[default]
    Stable,
    /// It was told to give something up and has not said that it has.
    Unrevoked,
    /// It has the target's epoch and waits for partitions that others still have.
    Unreleased,
}

impl MemberState {
    /// Kafka's number of the state.
    pub(crate) fn number(self) -> i8 {
        match self {
            Self::Stable => 1,
            Self::Unrevoked => 2,
            Self::Unreleased => 3,
        }
    }

    /// The state of a number.
    pub(crate) fn from_number(number: i8) -> Option<Self> {
        [Self::Stable, Self::Unrevoked, Self::Unreleased]
            .into_iter()
            .find(|state| state.number() == number)
    }
}

/// What a member says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) instance_id: Option<Text>,
    pub(crate) rack_id: Option<Text>,
    pub(crate) client_id: Text,
    pub(crate) client_host: Text,
    pub(crate) names: BTreeSet<Text>,
    pub(crate) regex: Option<Text>,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) assignor: Option<Text>,
}

/// What a member has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Current {
    pub(crate) epoch: i32,
    pub(crate) previous_epoch: i32,
    pub(crate) state: MemberState,
    pub(crate) assigned: Owned,
    /// What it was told to give up.
    pub(crate) revoking: Owned,
}

/// A member; its id is the key under which the group keeps it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    pub(crate) metadata: Metadata,
    pub(crate) current: Current,
    /// When it counts as gone.
    pub(crate) session_deadline: Moment,
    /// When it counts as gone if it has not given up what it was told to.
    pub(crate) revocation_deadline: Option<Moment>,
}

impl Metadata {
    /// Takes over what the member now says of itself.
    pub(crate) fn update(&mut self, input: &HeartbeatInput) {
        // Copied, because a slice would keep the whole request's frame alive.
        let copy = |told: &Option<Text>, kept: &mut Option<Text>| {
            if let Some(told) = told {
                *kept = Some(detached(told));
            }
        };
        copy(&input.instance_id, &mut self.instance_id);
        copy(&input.rack_id, &mut self.rack_id);
        copy(&input.assignor, &mut self.assignor);
        copy(&input.regex, &mut self.regex);
        if let Some(names) = &input.names {
            self.names = names.iter().map(detached).collect();
        }
        if let Some(timeout) = input.rebalance_timeout {
            self.rebalance_timeout = timeout;
        }
        self.client_id = detached(&input.client_id);
        self.client_host = detached(&input.client_host);
    }

    /// The pattern by which the member subscribes, if any. An empty one takes an earlier one back.
    pub(crate) fn pattern(&self) -> Option<&Text> {
        self.regex.as_ref().filter(|regex| !regex.is_empty())
    }
}

impl Current {
    /// Everything that nobody else may have: also what it was told to give up.
    pub(crate) fn holds(&self) -> impl Iterator<Item = (Uuid, i32)> + '_ {
        pairs(&self.assigned).chain(pairs(&self.revoking))
    }

    /// Whether all of `owned` is assigned to the member.
    pub(crate) fn covers(&self, owned: Option<&[(Uuid, Vec<i32>)]>) -> bool {
        let Some(owned) = owned else { return false };
        owned.iter().all(|(topic, partitions)| {
            let assigned = self.assigned.get(topic);
            partitions.iter().all(|index| assigned.is_some_and(|all| all.contains_key(index)))
        })
    }

    /// Moves to an epoch; the one before is remembered, because the answer that says so may be lost.
    pub(crate) fn advance(&mut self, epoch: i32) {
        if epoch != self.epoch {
            self.previous_epoch = self.epoch;
            self.epoch = epoch;
        }
    }

    /// Whether the member has all that it shall have by the target of `target_epoch`.
    pub(crate) fn is_reconciled(&self, target_epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == target_epoch
    }
}

impl Member {
    /// Whether it is a static member that left for a while.
    pub(crate) fn is_away(&self) -> bool {
        self.current.epoch == AWAY_EPOCH
    }

    /// What an administrator is told.
    pub(crate) fn view(&self, id: &Text, target: Partitions) -> ConsumerMemberView {
        let Metadata { instance_id, rack_id, client_id, client_host, names, regex, .. } =
            self.metadata.clone();
        ConsumerMemberView {
            member_id: id.clone(),
            instance_id,
            rack_id,
            epoch: self.current.epoch,
            client_id,
            client_host,
            names: names.into_iter().collect(),
            regex,
            assigned: without_epochs(&self.current.assigned),
            target,
        }
    }
}

/// Every partition with its topic.
pub(crate) fn pairs(owned: &Owned) -> impl Iterator<Item = (Uuid, i32)> + '_ {
    owned.iter().flat_map(|(topic, partitions)| partitions.keys().map(|index| (*topic, *index)))
}

/// The partitions alone.
pub(crate) fn without_epochs(owned: &Owned) -> Partitions {
    let alone = |(topic, partitions): (&Uuid, &BTreeMap<i32, i32>)| {
        (*topic, partitions.keys().copied().collect())
    };
    owned.iter().map(alone).collect()
}
