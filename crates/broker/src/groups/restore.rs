//! A classic group as it is kept, and as it was kept before the broker was last stopped.

use tidemill_world::Moment;

use super::group::Group;
use super::kept::{KeptGroup, KeptMember};
use super::member::Member;
use super::types::{GroupLimits, State};

impl Group {
    /// The group as it is kept.
    pub(crate) fn kept(&self) -> KeptGroup {
        let protocol = self.protocol.as_ref();
        KeptGroup {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            members: self.members.iter().map(|(id, member)| member.kept(id, protocol)).collect(),
        }
    }

    /// A group that was kept: stable, with a full session for each member.
    pub(crate) fn restored(limits: GroupLimits, kept: KeptGroup, now: Moment) -> Self {
        let mut group = Self::new(limits);
        group.state = State::Stable;
        group.is_kept = true;
        group.generation = kept.generation;
        group.protocol_type = Some(kept.protocol_type);
        group.protocol = kept.protocol;
        group.leader = kept.leader;
        for one in kept.members {
            let KeptMember { member_id: id, instance_id: instance, .. } = &one;
            if let Some(instance) = instance {
                group.statics.insert(instance.clone(), id.clone());
            }
            let id = id.clone();
            group.members.insert(id, Member::restored(one, group.protocol.as_ref(), now));
        }
        group
    }
}
