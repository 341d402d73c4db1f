//! Groupings at run time: which of a component's tasks receives a tuple.

use crate::encode::KeyHasher;
use crate::tuple_ref::TaskId;

/// One grouping from one emitting task to all tasks of a receiving component, over edges that lie side
/// by side in the unit.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) kind: RouteKind,
    /// The unit's edge to the first of `tasks`; the others follow.
    pub(crate) first_edge: usize,
    pub(crate) tasks: Vec<TaskId>,
}

#[derive(Clone, Debug)]
pub(crate) enum RouteKind {
    /// In turn over these tasks, by their position.
    Turn { positions: Vec<usize>, next: usize },
    /// By the hash of these fields.
    Fields(Vec<usize>),
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
    All,
    Nobody,
}

impl Route {
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
            RouteKind::Turn { positions, next } => {
                let index = *next;
                *next = if index + 1 < positions.len() { index + 1 } else { 0 };
                positions.get(index).map_or(Picked::Nobody, |position| Picked::One(*position))
            }
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
