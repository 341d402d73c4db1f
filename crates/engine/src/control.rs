//! The life of one running topology, shared by its tasks and by the one who watches it.
//!
//! # The story
//!
//! A topology is active or inactive, then draining, then closing. `work` counts everything that keeps it from
//! being drained: each spout task that may still emit or has roots under way, each batch from its first
//! tuple until its last tuple was executed, each deferred tuple. A batch is counted before the batch that
//! caused it is let go, so zero means that nothing moves and nothing ever will: the topology closes.

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tidemill_world::{Moment, Wake};

use crate::epochs::Epochs;
use crate::stats::TaskEntry;

/// What the tasks of a topology are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Active,
    Inactive,
    Draining,
    Closing,
}

#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) name: String,
    pub(crate) tasks: Vec<TaskEntry>,
    state: AtomicU8,
    deadline: AtomicU64,
    /// Those of an exactly-once topology.
    pub(crate) epochs: Option<Arc<Epochs>>,
    work: AtomicI64,
    units: AtomicUsize,
    wakes: Vec<Wake>,
    finished: Mutex<bool>,
    changed: Condvar,
}

impl Control {
    /// A topology of `spouts` spout tasks and `units` units; `wakes` are those of its workers.
    pub(crate) fn new(
        name: String,
        tasks: Vec<TaskEntry>,
        spouts: usize,
        units: usize,
        wakes: Vec<Wake>,
        epochs: Option<Arc<Epochs>>,
    ) -> Self {
        Self {
            name,
            tasks,
            state: AtomicU8::new(State::Active as u8),
            deadline: AtomicU64::new(u64::MAX),
            epochs,
            work: AtomicI64::new(i64::try_from(spouts).unwrap_or(i64::MAX)),
            units: AtomicUsize::new(units),
            wakes,
            finished: Mutex::new(false),
            changed: Condvar::new(),
        }
    }

    #[inline]
    pub(crate) fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            0 => State::Active,
            1 => State::Inactive,
            2 => State::Draining,
            _ => State::Closing,
        }
    }

    /// Activates or deactivates; a topology that drains or closes stays as it is.
    pub(crate) fn set_active(&self, active: bool) {
        let (from, to) = if active { (1, 0) } else { (0, 1) };
        let changed = self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
        if changed.is_ok() {
            self.wake_all();
        }
    }

    /// Stops the spouts; what is under way may finish until `now` and `drain` later.
    pub(crate) fn kill(&self, now: Moment, drain: Duration) {
        self.deadline.fetch_min(now.after(drain).0, Ordering::AcqRel);
        self.raise(if drain.is_zero() { State::Closing } else { State::Draining });
    }

    /// When draining must end.
    pub(crate) fn deadline(&self) -> Moment {
        Moment(self.deadline.load(Ordering::Acquire))
    }

    pub(crate) fn close(&self) {
        self.raise(State::Closing);
    }

    fn raise(&self, state: State) {
        if self.state.fetch_max(state as u8, Ordering::AcqRel) < state as u8 {
            self.wake_all();
        }
    }

    /// Whether nothing moves: all that keeps the topology from ending is so many spout tasks.
    pub(crate) fn only_spouts_work(&self, spouts: usize) -> bool {
        self.work.load(Ordering::Acquire) == i64::try_from(spouts).unwrap_or(i64::MAX)
    }

    fn wake_all(&self) {
        self.wakes.iter().for_each(Wake::notify);
    }

    /// Something more keeps the topology from being drained.
    #[inline]
    pub(crate) fn begin_work(&self) {
        self.work.fetch_add(1, Ordering::AcqRel);
    }

    /// Something less does.
    #[inline]
    pub(crate) fn end_work(&self) {
        if self.work.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }

    /// A unit has closed its components; the last one finishes the topology.
    pub(crate) fn unit_closed(&self) {
        if self.units.fetch_sub(1, Ordering::AcqRel) == 1 {
            *self.finished.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.changed.notify_all();
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        *self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks until the last unit has closed.
    pub(crate) fn wait_finished(&self) {
        let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        while !*finished {
            finished = self.changed.wait(finished).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
