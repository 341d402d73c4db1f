//! Groupings at run time: which of a component's tasks receives a tuple.

use std::fmt;

use crate::encode::KeyHasher;
use crate::grouping::CustomGrouping;
use crate::nearness::Nearness;
use crate::tuple_ref::TaskId;
use crate::value::Value;

/// One grouping from one emitting task to all tasks of a receiving component, over edges that lie side
/// by side in the unit.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) kind: RouteKind,
    /// The unit's edge to the first of `tasks`; the others follow.
    pub(crate) first_edge: usize,
    pub(crate) tasks: Vec<TaskId>,
    /// The positions of the latest tuple, if several were chosen; the memory is reused.
    pub(crate) chosen: Vec<usize>,
}

#[derive(Debug)]
pub(crate) enum RouteKind {
    /// In turn over these tasks, by their position.
    Turn(Turn),
    /// By the hash of these fields.
    Fields(Vec<usize>),
    /// To one of two tasks that these fields hash to.
    PartialKey(PartialKey),
    /// As the user's code says.
    Custom(Chooser),
    /// To every task.
    All,
    /// To the first task.
    First,
    /// To the task that the emitter names.
    Direct,
}

/// The positions that one tuple goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picked {
    One(usize),
    /// Those in [`Route::chosen`].
    Chosen,
    All,
    Nobody,
}

/// Takes tasks in turn, and passes over those whose queues are fuller than the others'.
#[derive(Debug)]
pub(crate) struct Turn {
    /// All of them.
    positions: Vec<usize>,
    /// Those that get their turn at present.
    open: Vec<usize>,
    next: usize,
    until_look: u32,
    /// Asked who is near, if that matters.
    near: Option<Nearness>,
}

/// So many tuples are dealt out before queues are looked at again: a few batches' worth, so that looking costs nothing.
const LOOK_EVERY: u32 = 1024;
/// Batches that a queue may be ahead of the emptiest before its task is passed over.
const AHEAD_MAX: usize = 2;

impl Turn {
    /// Begins with the position at `next`.
    pub(crate) fn new(positions: Vec<usize>, next: usize) -> Self {
        let open = positions.clone();
        Self { positions, open, next, until_look: LOOK_EVERY, near: None }
    }

    /// Takes those that are near in turn, or all if none is.
    pub(crate) fn near(near: Nearness, begin: u64) -> Self {
        let mut positions = Vec::new();
        near.positions(&mut positions);
        let next = position(begin, positions.len());
        Self { near: Some(near), ..Self::new(positions, next) }
    }

    /// Looks at the queues if it is time to; `depth` tells how many batches wait in that of a position.
    fn balance(&mut self, depth: impl Fn(usize) -> usize) {
        self.until_look -= 1;
        if self.until_look > 0 {
            return;
        }
        self.until_look = LOOK_EVERY;
        if let Some(near) = &self.near {
            near.positions(&mut self.positions);
        }
        let emptiest = self.positions.iter().map(|position| depth(*position)).min().unwrap_or(0);
        let is_open = |position: &&usize| depth(**position) <= emptiest + AHEAD_MAX;
        self.open.clear();
        self.open.extend(self.positions.iter().filter(is_open));
        if self.next >= self.open.len() {
            self.next = 0;
        }
    }

    fn pick(&mut self) -> Picked {
        let index = self.next;
        self.next = if index + 1 < self.open.len() { index + 1 } else { 0 };
        self.open.get(index).map_or(Picked::Nobody, |position| Picked::One(*position))
    }
}

/// Two candidates a key, and the one that was sent less gets the tuple (Storm's `PartialKeyGrouping`).
#[derive(Debug)]
pub(crate) struct PartialKey {
    fields: Vec<usize>,
    /// Tuples sent to each position.
    sent: Vec<u64>,
}

impl PartialKey {
    pub(crate) fn new(fields: Vec<usize>, tasks: usize) -> Self {
        Self { fields, sent: vec![0; tasks] }
    }

    fn pick(&mut self, hash: u64) -> usize {
        /// An odd constant whose multiples look like another hash.
        const OTHER: u64 = 0x9E37_79B9_7F4A_7C15;
        let first = position(hash, self.sent.len());
        let other = position(hash.rotate_left(32).wrapping_mul(OTHER), self.sent.len());
        let sent = |position: usize| self.sent.get(position).copied().unwrap_or(0);
        let better = if sent(other) < sent(first) { other } else { first };
        if let Some(sent) = self.sent.get_mut(better) {
            *sent += 1;
        }
        better
    }
}

/// A user's grouping, and the tasks it named last.
pub(crate) struct Chooser {
    grouping: Box<dyn CustomGrouping>,
    named: Vec<TaskId>,
}

impl Chooser {
    pub(crate) fn new(grouping: Box<dyn CustomGrouping>) -> Self {
        Self { grouping, named: Vec::new() }
    }
}

impl fmt::Debug for Chooser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chooser").finish_non_exhaustive()
    }
}

impl Route {
    pub(crate) fn new(kind: RouteKind, first_edge: usize, tasks: Vec<TaskId>) -> Self {
        Self { kind, first_edge, tasks, chosen: Vec::new() }
    }

    /// Whether the tuple's values decide, and [`choose`](Self::choose) is to be called.
    pub(crate) fn is_custom(&self) -> bool {
        matches!(self.kind, RouteKind::Custom(_))
    }

    /// Lets the user's code choose the receivers of one tuple.
    pub(crate) fn choose(&mut self, values: &[Value<'_>]) -> Picked {
        let RouteKind::Custom(chooser) = &mut self.kind else { return Picked::Nobody };
        chooser.named.clear();
        chooser.grouping.choose(values, &mut chooser.named);
        self.chosen.clear();
        let place = |task: &TaskId| self.tasks.iter().position(|known| known == task);
        self.chosen.extend(chooser.named.iter().filter_map(place));
        Picked::Chosen
    }

    /// Looks at the receivers' queues now and then, where their load matters.
    #[inline]
    pub(crate) fn balance(&mut self, depth: impl Fn(usize) -> usize) {
        if let RouteKind::Turn(turn) = &mut self.kind {
            let first = self.first_edge;
            turn.balance(|position| depth(first + position));
        }
    }

    /// Chooses the receivers of one tuple; `hash` hashes one of its fields.
    #[inline]
    pub(crate) fn pick(
        &mut self,
        direct: Option<TaskId>,
        mut hash: impl FnMut(usize, &mut KeyHasher),
    ) -> Picked {
        match &mut self.kind {
            RouteKind::Fields(fields) => {
                let mut hasher = KeyHasher::new();
                fields.iter().for_each(|field| hash(*field, &mut hasher));
                Picked::One(position(hasher.finish(), self.tasks.len()))
            }
            RouteKind::Turn(turn) => turn.pick(),
            RouteKind::PartialKey(partial) => {
                let mut hasher = KeyHasher::new();
                partial.fields.iter().for_each(|field| hash(*field, &mut hasher));
                Picked::One(partial.pick(hasher.finish()))
            }
            RouteKind::Custom(_) => Picked::Nobody,
            RouteKind::All => Picked::All,
            RouteKind::First => Picked::One(0),
            RouteKind::Direct => {
                let owned = self.tasks.iter().position(|task| Some(*task) == direct);
                owned.map_or(Picked::Nobody, Picked::One)
            }
        }
    }

    pub(crate) fn is_direct(&self) -> bool {
        matches!(self.kind, RouteKind::Direct)
    }
}

/// Maps a hash to `0..count` by its upper half, which costs a multiplication and no division.
#[inline]
pub(crate) fn position(hash: u64, count: usize) -> usize {
    let wide = u128::from(hash) * count as u128;
    usize::try_from(wide >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests;
