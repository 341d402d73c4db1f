//! A worker: a driver that gives its units their turns.
//!
//! One step looks for a unit that has something to do, starting after the one that had the turn before, and lets it do
//! one bounded piece. When none has, the worker waits: its thread spins for a moment, yields, then
//! sleeps until somebody's [`Wake`] or the earliest moment that a unit named.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tidemill_world::{Driver, Moment, Step, Wake};

use crate::supervise::guarded;
use crate::unit::{Unit, UnitTurn};

/// Where a worker receives its units.
#[derive(Default)]
pub(crate) struct Inbox {
    units: Mutex<Vec<Unit>>,
    filled: AtomicBool,
    stopped: AtomicBool,
    pub(crate) wake: Wake,
}

impl Inbox {
    /// Gives the worker one more unit.
    pub(crate) fn add(&self, unit: Unit) {
        self.units.lock().unwrap_or_else(PoisonError::into_inner).push(unit);
        self.filled.store(true, Ordering::Release);
        self.wake.notify();
    }

    /// Ends the worker once its last unit has closed.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wake.notify();
    }
}

pub(crate) struct Worker {
    inbox: Arc<Inbox>,
    units: Vec<Unit>,
    next: usize,
}

impl Worker {
    pub(crate) fn new(inbox: Arc<Inbox>) -> Self {
        Self { inbox, units: Vec::new(), next: 0 }
    }

    fn receive(&mut self) {
        if self.inbox.filled.load(Ordering::Relaxed)
            && self.inbox.filled.swap(false, Ordering::Acquire)
        {
            let mut units = self.inbox.units.lock().unwrap_or_else(PoisonError::into_inner);
            self.units.append(&mut units);
        }
    }

    /// Gives one unit its turn.
    fn turn(&mut self, index: usize) -> UnitTurn {
        let unit = &mut self.units[index];
        let turn = guarded(|| unit.turn()).unwrap_or_else(|panic| {
            // Not a component's panic, those are caught where they happen, but one of the engine.
            tracing::error!(topology = unit.control().name, "engine error, closing: {panic}");
            unit.control().close();
            unit.control().unit_closed();
            UnitTurn::Closed
        });
        if turn == UnitTurn::Closed {
            drop(self.units.remove(index));
        }
        turn
    }
}

impl Driver for Worker {
    fn step(&mut self) -> Step {
        self.receive();
        let mut earliest: Option<Moment> = None;
        for _ in 0..self.units.len() {
            if self.next >= self.units.len() {
                self.next = 0;
            }
            match self.turn(self.next) {
                UnitTurn::Closed => return Step::Again,
                UnitTurn::Progress => {
                    self.next += 1;
                    return Step::Again;
                }
                UnitTurn::Idle(moment) => {
                    self.next += 1;
                    earliest = [earliest, moment].into_iter().flatten().min();
                }
            }
        }
        if self.units.is_empty() && self.inbox.stopped.load(Ordering::Acquire) {
            // A unit added just before the stop must still be closed.
            self.receive();
            if self.units.is_empty() {
                return Step::Done;
            }
            return Step::Again;
        }
        earliest.map_or(Step::Idle, Step::Until)
    }
}
