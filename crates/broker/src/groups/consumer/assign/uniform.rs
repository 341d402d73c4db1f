//! `uniform`: members keep what they had, what is free goes to whoever has least, and what is left of unevenness is
//! moved one partition at a time.
//!
//! Topics with the same readers form a class and are dealt out together. Among the readers of a class no one ends with
//! two partitions more than another while it has one of that class to give: with one class, that is even to within
//! one. Every move makes the sum of squares of the loads smaller, so it ends.

use std::collections::{BTreeMap, BTreeSet};

use tidemill_wire::{Text, Uuid};

use crate::groups::consumer::types::{Partitions, Subscriber};

/// What each member gets, in the order of `members`.
pub(super) fn assign(
    members: &[Subscriber],
    partitions: &BTreeMap<Uuid, i32>,
    before: &BTreeMap<Text, Partitions>,
) -> Vec<Partitions> {
    let mut loads = vec![0; members.len()];
    let mut classes = classes(members);
    for class in &mut classes {
        class.keep(members, partitions, before, &mut loads);
    }
    for class in &mut classes {
        class.fill(&mut loads);
    }
    while classes.iter_mut().any(|class| class.level(&mut loads)) {}
    let mut assigned = vec![Partitions::new(); members.len()];
    for (place, topic, index) in classes.into_iter().flat_map(Class::into_assigned) {
        if let Some(assigned) = assigned.get_mut(place) {
            assigned.entry(topic).or_default().insert(index);
        }
    }
    assigned
}

/// Topics with the same readers.
struct Class {
    topics: Vec<Uuid>,
    /// What each reader, by its place among the members, has of these topics.
    readers: BTreeMap<usize, Vec<(Uuid, i32)>>,
    free: Vec<(Uuid, i32)>,
}

/// The classes, those with the fewest readers first: they have the least choice.
fn classes(members: &[Subscriber]) -> Vec<Class> {
    let mut readers: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
    for (place, member) in members.iter().enumerate() {
        for topic in &member.topics {
            readers.entry(*topic).or_default().push(place);
        }
    }
    let mut topics: BTreeMap<Vec<usize>, Vec<Uuid>> = BTreeMap::new();
    for (topic, readers) in readers {
        topics.entry(readers).or_default().push(topic);
    }
    let class = |(readers, topics): (Vec<usize>, Vec<Uuid>)| Class {
        topics,
        readers: readers.into_iter().map(|place| (place, Vec::new())).collect(),
        free: Vec::new(),
    };
    let mut classes: Vec<Class> = topics.into_iter().map(class).collect();
    classes.sort_by_key(|class| class.readers.len());
    classes
}

impl Class {
    /// Leaves with the readers what they had and notes what nobody has.
    fn keep(
        &mut self,
        members: &[Subscriber],
        partitions: &BTreeMap<Uuid, i32>,
        before: &BTreeMap<Text, Partitions>,
        loads: &mut [usize],
    ) {
        let size = |topic: &Uuid| 0..partitions.get(topic).copied().unwrap_or(0);
        let all = self.topics.iter().flat_map(|topic| size(topic).map(|index| (*topic, index)));
        let mut free: BTreeSet<(Uuid, i32)> = all.collect();
        for (place, mine) in &mut self.readers {
            let had = members.get(*place).and_then(|member| before.get(&member.id));
            for topic in &self.topics {
                let had = had.and_then(|had| had.get(topic)).into_iter().flatten();
                mine.extend(had.map(|index| (*topic, *index)).filter(|one| free.remove(one)));
            }
            if let Some(load) = loads.get_mut(*place) {
                *load += mine.len();
            }
        }
        self.free = free.into_iter().collect();
    }

    /// Gives what is free to whoever has least.
    fn fill(&mut self, loads: &mut [usize]) {
        let mut order = self.order(loads);
        for one in std::mem::take(&mut self.free) {
            let Some((load, place)) = order.pop_first() else { return };
            self.give(place, one, loads);
            order.insert((load + 1, place));
        }
    }

    /// Moves partitions of this class from those with most to those with least; whether any was moved.
    fn level(&mut self, loads: &mut [usize]) -> bool {
        let mut takers = self.order(loads);
        let gives = |(_, place): &(usize, usize)| {
            self.readers.get(place).is_some_and(|mine| !mine.is_empty())
        };
        let mut givers: BTreeSet<_> = takers.iter().copied().filter(gives).collect();
        let mut moved = false;
        while let (Some(&most), Some(&least)) = (givers.last(), takers.first()) {
            if most.0 <= least.0 + 1 {
                break;
            }
            let Some(one) = self.readers.get_mut(&most.1).and_then(Vec::pop) else { break };
            self.give(least.1, one, loads);
            if let Some(load) = loads.get_mut(most.1) {
                *load -= 1;
            }
            for (was, now) in [(most, (most.0 - 1, most.1)), (least, (least.0 + 1, least.1))] {
                takers.remove(&was);
                takers.insert(now);
                givers.remove(&was);
                if self.readers.get(&now.1).is_some_and(|mine| !mine.is_empty()) {
                    givers.insert(now);
                }
            }
            moved = true;
        }
        moved
    }

    fn give(&mut self, place: usize, one: (Uuid, i32), loads: &mut [usize]) {
        self.readers.entry(place).or_default().push(one);
        if let Some(load) = loads.get_mut(place) {
            *load += 1;
        }
    }

    /// The readers by what they have in all.
    fn order(&self, loads: &[usize]) -> BTreeSet<(usize, usize)> {
        let load = |place: &usize| loads.get(*place).copied().unwrap_or(0);
        self.readers.keys().map(|place| (load(place), *place)).collect()
    }

    fn into_assigned(self) -> impl Iterator<Item = (usize, Uuid, i32)> {
        let one = |(place, mine): (usize, Vec<(Uuid, i32)>)| {
            mine.into_iter().map(move |(topic, index)| (place, topic, index))
        };
        self.readers.into_iter().flat_map(one)
    }
}
