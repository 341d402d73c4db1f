//! The next step of one member towards its target, by the rules of Kafka's `CurrentAssignmentBuilder`.

use std::collections::BTreeMap;

use tidemill_wire::Uuid;

use super::member::{Current, MemberState};
use super::types::{Owned, Partitions};

/// What the step depends on beside the member.
pub(crate) struct Aim<'a> {
    /// The epoch of the target.
    pub(crate) epoch: i32,
    /// What the member shall have.
    pub(crate) target: &'a Partitions,
    /// What the member says it has; `None` if it does not say.
    pub(crate) owned: Option<&'a [(Uuid, Vec<i32>)]>,
}

impl Current {
    /// Where the member goes from here. `is_taken` says whether another member has a partition.
    pub(crate) fn next(&self, aim: &Aim<'_>, is_taken: impl Fn(Uuid, i32) -> bool) -> Self {
        match self.state {
            MemberState::Stable if self.epoch == aim.epoch => self.clone(),
            MemberState::Stable | MemberState::Unreleased => self.step(self.epoch, aim, is_taken),
            MemberState::Unrevoked if aim.still_owns(&self.revoking) => self.clone(),
            // It has given up all that it was told to; that ends the epoch it was in.
            MemberState::Unrevoked => self.step(self.epoch + 1, aim, is_taken),
        }
    }

    /// Splits what the member has and shall have into what it keeps, gives up and gets.
    fn step(&self, epoch: i32, aim: &Aim<'_>, is_taken: impl Fn(Uuid, i32) -> bool) -> Self {
        let Split { mut kept, lost } = self.split(aim.target);
        if !lost.is_empty() && aim.still_owns(&lost) {
            let mut next = self.clone();
            next.state = MemberState::Unrevoked;
            next.advance(epoch.min(aim.epoch));
            (next.assigned, next.revoking) = (kept, lost);
            return next;
        }
        let mut waits = false;
        for (topic, partitions) in aim.target {
            for index in partitions {
                if kept.get(topic).is_some_and(|kept| kept.contains_key(index)) {
                    continue;
                }
                if is_taken(*topic, *index) {
                    waits = true;
                } else {
                    kept.entry(*topic).or_default().insert(*index, aim.epoch);
                }
            }
        }
        let mut next = self.clone();
        next.state = if waits { MemberState::Unreleased } else { MemberState::Stable };
        next.advance(aim.epoch);
        (next.assigned, next.revoking) = (kept, Owned::new());
        next
    }

    fn split(&self, target: &Partitions) -> Split {
        let mut split = Split { kept: Owned::new(), lost: Owned::new() };
        for (topic, partitions) in &self.assigned {
            let wanted = target.get(topic);
            let is_wanted = |index: &i32| wanted.is_some_and(|wanted| wanted.contains(index));
            let (kept, lost): (BTreeMap<_, _>, BTreeMap<_, _>) =
                partitions.iter().partition(|(index, _)| is_wanted(index));
            if !kept.is_empty() {
                split.kept.insert(*topic, kept);
            }
            if !lost.is_empty() {
                split.lost.insert(*topic, lost);
            }
        }
        split
    }
}

struct Split {
    kept: Owned,
    lost: Owned,
}

impl Aim<'_> {
    /// Whether the member still has any of these; one that does not say may have all.
    fn still_owns(&self, partitions: &Owned) -> bool {
        let Some(owned) = self.owned else { return true };
        owned.iter().any(|(topic, indexes)| {
            let asked = partitions.get(topic);
            indexes.iter().any(|index| asked.is_some_and(|asked| asked.contains_key(index)))
        })
    }
}
