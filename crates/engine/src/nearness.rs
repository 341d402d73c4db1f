//! Who runs on the same worker, for groupings that prefer those who do.
//!
//! Units move, so this is asked again now and then. An answer that is out of date costs a hand-over between
//! threads and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The worker of one unit, by a number that means nothing.
#[derive(Debug)]
pub(crate) struct Whereabouts(AtomicUsize);

impl Whereabouts {
    pub(crate) fn new(worker: usize) -> Self {
        Self(AtomicUsize::new(worker))
    }

    pub(crate) fn set(&self, worker: usize) {
        self.0.store(worker, Ordering::Relaxed);
    }

    pub(crate) fn worker(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// An emitter and those it emits to.
#[derive(Debug)]
pub(crate) struct Nearness {
    pub(crate) own: Arc<Whereabouts>,
    /// By position.
    pub(crate) others: Vec<Arc<Whereabouts>>,
}

impl Nearness {
    /// Writes the positions that are near into `into`, or all if none is.
    pub(crate) fn positions(&self, into: &mut Vec<usize>) {
        let own = self.own.worker();
        let near =
            |position: &usize| self.others.get(*position).is_some_and(|it| it.worker() == own);
        into.clear();
        into.extend((0..self.others.len()).filter(near));
        if into.is_empty() {
            into.extend(0..self.others.len());
        }
    }
}
