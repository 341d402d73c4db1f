//! Roots: how many tuples of each spout tuple's tree are still under way.
//!
//! # Constraints
//!
//! * One word per root in flight, in a table that belongs to its spout task and that every worker may touch.
//!   No message travels for a tuple that is done; a worker changes the word once per batch and root.
//! * **Children are counted before the batch that carries them is published.** A child's ack then comes later in
//!   the word's modification order than the child's count, so the word cannot reach zero early.
//! * A word that reached zero, or was failed, is never changed again by those who held its root: the
//!   generation in its upper half has moved on, and their changes find that out and do nothing.
//!
//! # Layout
//!
//! A word is `generation << 32 | count`. Beside the pending count each slot has a second word that counts the
//! tuples that bolts hold deferred: when all pending tuples are held and nothing moves for the message
//! timeout, the root is failed. Tuples that merely wait in a queue are not held, hence never time out.
//!
//! # The story
//!
//! The spout task opens a slot when a root does not complete within its own call chain. Whoever brings the
//! count to zero, or fails the root, leaves a notice in the spout's inbox, gathered per turn, and wakes
//! its worker. Only the spout task moves a slot to its next generation after completion.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tidemill_world::Wake;

use crate::error::FailReason;

/// One root in flight: the spout task that emitted it, its slot there, and the slot's generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RootId {
    pub(crate) spout: u32,
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl RootId {
    /// The root of a tuple that nobody tracks.
    pub(crate) const NONE: Self = Self { spout: u32::MAX, slot: 0, generation: 0 };

    pub(crate) fn is_none(self) -> bool {
        self.spout == u32::MAX
    }
}

/// What a change to a root's count found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// The root was completed or failed before; nothing changed.
    Stale,
    /// Tuples of the root are still under way.
    Pending,
    /// This change brought the count to zero: the caller must leave a notice.
    Completed,
}

/// The words of one spout task. The held words lie apart: they are seldom touched, and eight pending
/// words share a cache line that two cores pass to and fro.
#[derive(Debug)]
pub(crate) struct SlotTable {
    pending: Box<[AtomicU64]>,
    held: Box<[AtomicU64]>,
}

fn word(generation: u32, count: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(count)
}

#[expect(clippy::cast_possible_truncation, reason = "the halves of the word are meant")]
fn split(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

impl SlotTable {
    pub(crate) fn new(slots: usize) -> Self {
        let words = || (0..slots).map(|_| AtomicU64::new(0)).collect();
        Self { pending: words(), held: words() }
    }

    fn pending(&self, slot: u32) -> &AtomicU64 {
        &self.pending[slot as usize]
    }

    fn held(&self, slot: u32) -> &AtomicU64 {
        &self.held[slot as usize]
    }

    /// Sets the count of a root that only the spout task knows of yet.
    pub(crate) fn open(&self, root: RootId, pending: u32) {
        self.pending(root.slot).store(word(root.generation, pending), Ordering::Release);
    }

    /// Moves a slot to the next generation with nothing pending. Only for the spout task, and only when
    /// the root is completed, or failed by the spout task itself.
    pub(crate) fn reset(&self, slot: u32, generation: u32) {
        self.held(slot).store(word(generation, 0), Ordering::Relaxed);
        self.pending(slot).store(word(generation, 0), Ordering::Release);
    }

    /// Adds `delta` tuples, or takes them away.
    pub(crate) fn add(&self, root: RootId, delta: i64) -> Counted {
        let pending = self.pending(root.slot);
        let mut seen = pending.load(Ordering::Acquire);
        loop {
            let (generation, count) = split(seen);
            if generation != root.generation {
                return Counted::Stale;
            }
            let next = i64::from(count).saturating_add(delta);
            debug_assert!(next >= 0, "a root's count fell below zero");
            let next = u32::try_from(next.max(0)).unwrap_or(u32::MAX);
            match pending.compare_exchange_weak(
                seen,
                word(generation, next),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) if next == 0 => return Counted::Completed,
                Ok(_) => return Counted::Pending,
                Err(now) => seen = now,
            }
        }
    }

    /// Adds `delta` held tuples, or takes them away.
    pub(crate) fn hold(&self, root: RootId, delta: i32) {
        let held = self.held(root.slot);
        let _ = held.fetch_update(Ordering::AcqRel, Ordering::Acquire, |seen| {
            let (generation, count) = split(seen);
            let next = count.saturating_add_signed(delta);
            (generation == root.generation).then(|| word(generation, next))
        });
    }

    /// Fails a root that still has pending tuples. `true` for exactly one caller, who must leave a notice.
    pub(crate) fn fail(&self, root: RootId) -> bool {
        let pending = self.pending(root.slot);
        pending
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |seen| {
                let (generation, count) = split(seen);
                (generation == root.generation && count > 0)
                    .then(|| word(generation.wrapping_add(1), 0))
            })
            .is_ok()
    }

    /// The pending and the held count of a root; `None` if its slot has moved on.
    pub(crate) fn counts(&self, root: RootId) -> Option<(u32, u32)> {
        let (generation, pending) = split(self.pending(root.slot).load(Ordering::Acquire));
        let (held_generation, held) = split(self.held(root.slot).load(Ordering::Acquire));
        let held = if held_generation == root.generation { held } else { 0 };
        (generation == root.generation).then_some((pending, held))
    }
}

/// What other tasks tell a spout task about its roots, gathered over one turn.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    pub(crate) completed: Vec<RootId>,
    pub(crate) failed: Vec<(RootId, FailReason)>,
    pub(crate) touched: Vec<RootId>,
}

impl Notices {
    pub(crate) fn is_empty(&self) -> bool {
        self.completed.is_empty() && self.failed.is_empty() && self.touched.is_empty()
    }

    fn append(&mut self, other: &mut Self) {
        self.completed.append(&mut other.completed);
        self.failed.append(&mut other.failed);
        self.touched.append(&mut other.touched);
    }
}

/// The shared side of one spout task: its words and its inbox. The inbox is bounded by the number of slots
/// for completions and failures, because each open root leaves one notice.
#[derive(Debug)]
pub(crate) struct SpoutLedger {
    pub(crate) table: SlotTable,
    inbox: Mutex<Notices>,
    waiting: AtomicBool,
    wake: Wake,
}

impl SpoutLedger {
    pub(crate) fn new(slots: usize, wake: Wake) -> Self {
        Self {
            table: SlotTable::new(slots),
            inbox: Mutex::new(Notices::default()),
            waiting: AtomicBool::new(false),
            wake,
        }
    }

    /// Moves `notices` into the inbox and wakes the spout's worker.
    pub(crate) fn leave(&self, notices: &mut Notices) {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).append(notices);
        if !self.waiting.swap(true, Ordering::AcqRel) {
            self.wake.notify();
        }
    }

    /// Takes all notices into `into`, which must be empty; `false` if there were none.
    pub(crate) fn collect(&self, into: &mut Notices) -> bool {
        if !self.waiting.load(Ordering::Relaxed) || !self.waiting.swap(false, Ordering::AcqRel) {
            return false;
        }
        std::mem::swap(&mut *self.inbox.lock().unwrap_or_else(PoisonError::into_inner), into);
        !into.is_empty()
    }
}

/// The shared sides of all spout tasks of a topology, by the number in [`RootId::spout`].
pub(crate) type Ledger = std::sync::Arc<[SpoutLedger]>;

#[cfg(test)]
mod tests;
