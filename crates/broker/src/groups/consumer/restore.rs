//! A group as it was before the broker was last stopped.

use tidemill_wire::Text;
use tidemill_world::Moment;

use super::changes::Change;
use super::group::ConsumerGroup;
use super::member::MemberState;

impl ConsumerGroup {
    /// Takes over one thing that was kept. They come in the order of record types: the group, members, targets, what
    /// members have.
    pub(crate) fn restore(&mut self, change: Change) {
        match change {
            Change::Group(Some((epoch, hash))) => (self.epoch, self.metadata_hash) = (epoch, hash),
            Change::TargetEpoch(Some(epoch)) => self.target_epoch = epoch,
            Change::Member(id, Some(metadata)) => {
                self.members.entry(id).or_default().metadata = metadata;
            }
            Change::Target(id, Some(target)) => drop(self.target.insert(id, target)),
            Change::Current(id, Some(current)) => {
                // One without what it says of itself is left from a write that did not end.
                if let Some(member) = self.members.get_mut(&id) {
                    member.current = current;
                }
            }
            _ => {}
        }
    }

    /// Everything was taken over: indexes are built, and members have a full session and time to give things up.
    pub(crate) fn restored(&mut self, now: Moment) {
        let session = self.session_timeout();
        self.target.retain(|id, _| self.members.contains_key(id));
        let mut patterns: Vec<Text> = Vec::new();
        for (id, member) in &mut self.members {
            member.session_deadline = now.after(session);
            if member.current.state == MemberState::Unrevoked {
                member.revocation_deadline = Some(now.after(member.metadata.rebalance_timeout));
            }
            if let Some(instance) = &member.metadata.instance_id {
                self.statics.insert(instance.clone(), id.clone());
            }
            for one in member.current.holds() {
                self.owners.insert(one, id.clone());
            }
            patterns.extend(member.metadata.pattern().cloned());
        }
        for pattern in patterns {
            // It was checked when it came; one that this version refuses matches nothing.
            if let Ok(Some(regex)) = self.regexes.check(&pattern) {
                self.regexes.add(pattern, regex);
            }
        }
    }
}
