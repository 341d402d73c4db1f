//! Which members may commit offsets and see them.

use std::cmp::Ordering;

use tidemill_wire::{ErrorCode, Text};

use super::super::types::{CommitKind, CommitScope, Identity};
use super::group::ConsumerGroup;

/// The first version of OffsetCommit in which members of the consumer protocol may commit.
const MEMBERS_COMMIT_FROM: i16 = 9;
/// A member id that nobody has.
static NOBODY: Text = Text::from_static("");

impl ConsumerGroup {
    /// Whether a member may commit, and offsets of which partitions.
    ///
    /// # Errors
    /// It is not known, or its epoch is not one that the group has seen from it.
    pub(crate) fn commit(
        &self,
        who: &Identity,
        kind: CommitKind,
    ) -> Result<CommitScope, ErrorCode> {
        let Identity { member_id: id, instance_id, generation: epoch } = who;
        let transactional = kind == CommitKind::Transactional;
        let names_nobody = *epoch == -1 && id.is_empty() && instance_id.is_none();
        if (*epoch < 0 && self.members.is_empty()) || (transactional && names_nobody) {
            return Ok(CommitScope::All);
        }
        let current = &self.members.get(id).ok_or(ErrorCode::UnknownMemberId)?.current;
        if matches!(kind, CommitKind::Plain { version: ..MEMBERS_COMMIT_FROM }) {
            return Err(ErrorCode::UnsupportedVersion);
        }
        match epoch.cmp(&current.epoch) {
            Ordering::Equal => Ok(CommitScope::All),
            Ordering::Greater => Err(ErrorCode::StaleMemberEpoch),
            Ordering::Less => {
                let mut owned = current.assigned.clone();
                for (topic, partitions) in &current.revoking {
                    owned.entry(*topic).or_default().extend(partitions);
                }
                Ok(CommitScope::Since { epoch: *epoch, owned })
            }
        }
    }

    /// Whether a member may see the offsets; somebody who names no member may.
    ///
    /// # Errors
    /// The member is not known or has another epoch.
    pub(crate) fn fetch(&self, member: Option<&Text>, epoch: i32) -> Result<(), ErrorCode> {
        let named = member.filter(|id| epoch >= 0 || !id.is_empty());
        let Some(id) = named.or_else(|| (epoch >= 0).then_some(&NOBODY)) else { return Ok(()) };
        match self.members.get(id) {
            None => Err(ErrorCode::UnknownMemberId),
            Some(member) if member.current.epoch != epoch => Err(ErrorCode::StaleMemberEpoch),
            Some(_) => Ok(()),
        }
    }
}
