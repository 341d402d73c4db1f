//! What goes into a group of the consumer protocol and what comes out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidemill_wire::{ErrorCode, Text, Uuid};

/// The member joins.
pub(crate) const JOIN_EPOCH: i32 = 0;
/// The member leaves.
pub(crate) const LEAVE_EPOCH: i32 = -1;
/// The static member leaves for a while and keeps what it has (KIP-345).
pub(crate) const AWAY_EPOCH: i32 = -2;

/// Partitions by topic.
pub(crate) type Partitions = BTreeMap<Uuid, BTreeSet<i32>>;
/// Partitions by topic, each with the epoch in which the member got it.
pub(crate) type Owned = BTreeMap<Uuid, BTreeMap<i32, i32>>;

/// A member says that it lives and what it has; `None` is for what has not changed.
#[derive(Clone, Debug)]
pub(crate) struct HeartbeatInput {
    /// Empty if the broker shall choose it, as in version 0.
    pub(crate) member_id: Text,
    pub(crate) epoch: i32,
    pub(crate) instance_id: Option<Text>,
    pub(crate) rack_id: Option<Text>,
    pub(crate) rebalance_timeout: Option<Duration>,
    pub(crate) names: Option<Vec<Text>>,
    pub(crate) regex: Option<Text>,
    pub(crate) assignor: Option<Text>,
    /// What the member has.
    pub(crate) owned: Option<Vec<(Uuid, Vec<i32>)>>,
    pub(crate) client_id: Text,
    pub(crate) client_host: Text,
    /// The version lets the broker choose the member's id.
    pub(crate) may_lack_id: bool,
    /// The id to give if the member has none.
    pub(crate) fresh_id: Text,
}

/// A member as an assignor sees it.
#[derive(Clone, Debug)]
pub(crate) struct Subscriber {
    pub(crate) id: Text,
    pub(crate) instance_id: Option<Text>,
    /// The topics it wants, in order, each of which is there.
    pub(crate) topics: Vec<Uuid>,
}

/// The answer to a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beaten {
    pub(crate) member_id: Text,
    pub(crate) epoch: i32,
    /// When to come again; zero to one that leaves.
    pub(crate) interval: Duration,
    /// What the member shall have, if it must be told.
    pub(crate) assignment: Option<Partitions>,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) error: ErrorCode,
    pub(crate) message: Text,
}

impl Refusal {
    /// A refusal with this message.
    pub(crate) fn new(error: ErrorCode, message: impl Into<String>) -> Self {
        Self { error, message: Text::from(message.into()) }
    }
}

/// What a group looks like from outside.
#[derive(Clone, Debug)]
pub(crate) struct ConsumerView {
    pub(crate) state: &'static str,
    pub(crate) epoch: i32,
    pub(crate) target_epoch: i32,
    pub(crate) assignor: &'static str,
    pub(crate) members: Vec<ConsumerMemberView>,
}

/// What a member looks like from outside.
#[derive(Clone, Debug)]
pub(crate) struct ConsumerMemberView {
    pub(crate) member_id: Text,
    pub(crate) instance_id: Option<Text>,
    pub(crate) rack_id: Option<Text>,
    pub(crate) epoch: i32,
    pub(crate) client_id: Text,
    pub(crate) client_host: Text,
    pub(crate) names: Vec<Text>,
    pub(crate) regex: Option<Text>,
    pub(crate) assigned: Partitions,
    pub(crate) target: Partitions,
}
