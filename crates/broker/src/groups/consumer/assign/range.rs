//! `range`: the members in a fixed order, each with a run of every topic's partitions, as Kafka's `RangeAssignor`
//! deals them out. Two topics of the same size with the same readers are cut at the same places.

use std::collections::BTreeMap;

use tidemill_wire::{Text, Uuid};

use crate::groups::consumer::types::{Partitions, Subscriber};

/// What each member gets, in the order of `members`.
pub(super) fn assign(members: &[Subscriber], partitions: &BTreeMap<Uuid, i32>) -> Vec<Partitions> {
    let mut readers: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
    for place in in_order(members) {
        for topic in members.get(place).into_iter().flat_map(|member| &member.topics) {
            readers.entry(*topic).or_default().push(place);
        }
    }
    let mut assigned = vec![Partitions::new(); members.len()];
    for (topic, readers) in readers {
        let mut rest = 0..partitions.get(&topic).copied().unwrap_or(0);
        for (rank, place) in readers.iter().enumerate() {
            let run = run_of(rest.len(), readers.len() - rank);
            let mine: std::collections::BTreeSet<i32> = rest.by_ref().take(run).collect();
            if let (false, Some(assigned)) = (mine.is_empty(), assigned.get_mut(*place)) {
                assigned.insert(topic, mine);
            }
        }
    }
    assigned
}

/// How much of what is left the next of so many readers gets: the first get one more if it does not come out even.
fn run_of(left: usize, readers: usize) -> usize {
    left.div_ceil(readers.max(1))
}

/// Static members by their own ids first, which outlive a restart, then the others by member id.
fn in_order(members: &[Subscriber]) -> Vec<usize> {
    let key = |place: &usize| -> (bool, Option<Text>, Option<Text>) {
        match members.get(*place) {
            Some(Subscriber { instance_id: Some(instance), .. }) => {
                (false, Some(instance.clone()), None)
            }
            Some(member) => (true, None, Some(member.id.clone())),
            None => (true, None, None),
        }
    };
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_cached_key(key);
    order
}
