//! What goes into a group and what comes out of it.

use std::time::Duration;

use bytes::Bytes;
use tidemill_wire::{ErrorCode, Text, Uuid};
use tidemill_world::Moment;

use super::consumer::changes::Change;
use super::consumer::types::Owned;
use super::kept::KeptGroup;

/// Bytes a member may say of itself, over all its protocols. A subscription to 10,000 topics with long
/// names is a third of it.
pub(crate) const MEMBER_METADATA_BYTES_MAX: usize = 8 << 20;
/// Bytes of one member's assignment; the leader writes it, so it is bounded like what members say.
pub(crate) const MEMBER_ASSIGNMENT_BYTES_MAX: usize = 8 << 20;
/// Groups with members at one time.
pub(crate) const GROUPS_MAX: usize = 100_000;

/// What the owner of the broker may set about groups.
#[derive(Clone, Copy, Debug)]
pub struct GroupLimits {
    /// The shortest session timeout a member may ask for (`group.min.session.timeout.ms`).
    pub session_timeout_min: Duration,
    /// The longest session timeout a member may ask for (`group.max.session.timeout.ms`).
    pub session_timeout_max: Duration,
    /// How long the first rebalance of an empty group waits for more members
    /// (`group.initial.rebalance.delay.ms`). Kafka's default is three seconds; on one machine members start
    /// together or one after another, and a second rebalance costs little.
    pub initial_rebalance_delay: Duration,
    /// Members of one group (`group.max.size`).
    pub members_max: usize,
    /// How long a member of the consumer protocol may be silent (`group.consumer.session.timeout.ms`).
    pub consumer_session_timeout: Duration,
    /// How often members of the consumer protocol are told to come (`group.consumer.heartbeat.interval.ms`).
    pub consumer_heartbeat_interval: Duration,
    /// Members of one group of the consumer protocol (`group.consumer.max.size`).
    pub consumer_members_max: usize,
    /// How long offsets are kept that nobody uses (`offsets.retention.minutes`).
    pub offsets_retention: Duration,
    /// How often such offsets are looked for (`offsets.retention.check.interval.ms`).
    pub offsets_check_interval: Duration,
}

impl Default for GroupLimits {
    fn default() -> Self {
        Self {
            session_timeout_min: Duration::from_millis(6_000),
            session_timeout_max: Duration::from_millis(1_800_000),
            initial_rebalance_delay: Duration::ZERO,
            members_max: 10_000,
            consumer_session_timeout: Duration::from_secs(45),
            consumer_heartbeat_interval: Duration::from_secs(5),
            consumer_members_max: 10_000,
            offsets_retention: Duration::from_secs(7 * 24 * 3600),
            offsets_check_interval: Duration::from_secs(600),
        }
    }
}

/// Names a caller that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(pub(crate) u64);

/// A member asks to be in the next generation.
#[derive(Clone, Debug)]
pub(crate) struct JoinInput {
    pub(crate) ticket: Ticket,
    pub(crate) member_id: Text,
    pub(crate) instance_id: Option<Text>,
    pub(crate) client_id: Text,
    pub(crate) client_host: Text,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) protocol_type: Text,
    /// Assignors in the member's order of preference, and what their leader needs to know.
    pub(crate) protocols: Vec<(Text, Bytes)>,
    /// The version wants a member id given out before the member counts (KIP-394).
    pub(crate) needs_known_id: bool,
    /// The version lets a leader keep the old assignment (KIP-814).
    pub(crate) can_skip_assignment: bool,
    /// The id to give if the member has none.
    pub(crate) fresh_id: Text,
}

/// A member asks for its assignment; the leader brings all of them.
#[derive(Clone, Debug)]
pub(crate) struct SyncInput {
    pub(crate) ticket: Ticket,
    pub(crate) identity: Identity,
    pub(crate) protocol_type: Option<Text>,
    pub(crate) protocol: Option<Text>,
    pub(crate) assignments: Vec<(Text, Bytes)>,
}

/// Who a member says it is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) member_id: Text,
    pub(crate) instance_id: Option<Text>,
    pub(crate) generation: i32,
}

/// A member is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) generation: i32,
    pub(crate) protocol_type: Option<Text>,
    pub(crate) protocol: Option<Text>,
    pub(crate) leader: Text,
    pub(crate) member_id: Text,
    /// All members with their metadata; for the leader only.
    pub(crate) members: Vec<JoinedMember>,
    pub(crate) skip_assignment: bool,
}

/// What the leader is told of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinedMember {
    pub(crate) member_id: Text,
    pub(crate) instance_id: Option<Text>,
    pub(crate) metadata: Bytes,
}

/// A member is not in; with `MemberIdRequired` comes the id to join with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinRefused {
    pub(crate) error: ErrorCode,
    pub(crate) member_id: Text,
}

/// A member's assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Synced {
    pub(crate) protocol_type: Option<Text>,
    pub(crate) protocol: Option<Text>,
    pub(crate) assignment: Bytes,
}

/// What a step of the groups calls for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// An answer to a join that waits.
    Join(Ticket, Result<Joined, JoinRefused>),
    /// An answer to a sync that waits.
    Sync(Ticket, Result<Synced, ErrorCode>),
    /// Something of a group of the consumer protocol to keep on the disk.
    Keep(Text, Change),
    /// A classic group to keep on the disk, or nothing of it any more.
    KeepClassic(Text, Option<KeptGroup>),
}

/// Which partitions a commit may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CommitScope {
    /// All.
    All,
    /// The member came with an epoch before its present one: only what it has had since then (KIP-1251).
    Since {
        /// The epoch it came with.
        epoch: i32,
        /// What it has or is giving up.
        owned: Owned,
    },
}

impl CommitScope {
    /// Whether an offset of this partition may be kept.
    pub(crate) fn check(&self, topic: Uuid, partition: i32) -> Result<(), ErrorCode> {
        let Self::Since { epoch, owned } = self else { return Ok(()) };
        match owned.get(&topic).and_then(|partitions| partitions.get(&partition)) {
            Some(assigned) if epoch >= assigned => Ok(()),
            _ => Err(ErrorCode::StaleMemberEpoch),
        }
    }
}

/// How a commit comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommitKind {
    /// OffsetCommit in this version.
    Plain {
        /// The version.
        version: i16,
    },
    /// TxnOffsetCommit: a producer's, who knows what the consumer told it of itself.
    Transactional,
}

/// Whether a group is in use, for whoever lets old offsets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Nobody used the group protocol: an offset is as old as its commit.
    Absent,
    /// A classic group has been without members since this wall time.
    Empty {
        /// Milliseconds since 1970.
        since_ms: i64,
    },
    /// It is known which topics its members read; none, if there are no members.
    Reading,
    /// It has members, and nobody knows what they read, or soon will read.
    Busy,
}

/// One group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) protocol_type: Text,
    pub(crate) state: &'static str,
    /// `classic` or `consumer`.
    pub(crate) kind: &'static str,
}

/// What a classic group looks like from outside.
#[derive(Clone, Debug)]
pub(crate) struct GroupView {
    pub(crate) state: &'static str,
    pub(crate) protocol_type: Text,
    pub(crate) protocol: Text,
    pub(crate) members: Vec<MemberView>,
}

/// What a member looks like from outside.
#[derive(Clone, Debug)]
pub(crate) struct MemberView {
    pub(crate) member_id: Text,
    pub(crate) instance_id: Option<Text>,
    pub(crate) client_id: Text,
    pub(crate) client_host: Text,
    pub(crate) metadata: Bytes,
    pub(crate) assignment: Bytes,
}

/// Where a group is in its round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No members.
    Empty,
    /// Members join.
    Preparing,
    /// Members have joined and wait for the leader's assignment.
    Completing,
    /// Members have their assignment.
    Stable,
}

impl State {
    /// Kafka's name of the state.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Preparing => "PreparingRebalance",
            Self::Completing => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// The earlier of two deadlines, of which either may be missing.
pub(crate) fn earlier(one: Option<Moment>, other: Option<Moment>) -> Option<Moment> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
