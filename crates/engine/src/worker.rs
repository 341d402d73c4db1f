//! A worker: a driver that gives its units their turns, and where each unit lives.
//!
//! One step looks for a unit that has something to do, starting after the one that had the turn before, and lets it do
//! one bounded piece. When none has, the worker waits: its thread spins for a moment, yields, then
//! sleeps until somebody's [`Wake`] or the earliest moment that a unit named.
//!
//! # Moving
//!
//! A unit is plain memory that one worker at a time runs, and its rings, tables and tasks name no worker: they name its
//! [`Home`], whose wake reaches whoever runs it. So a unit moves between two turns, with all that it holds and while
//! others go on sending to it. The home is pointed at the new worker first; from then on wake-ups go there. The old
//! worker hands the unit over at its next step, and where it arrives it gets a turn, so that no wake-up of the
//! time between is lost.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidemill_world::{Driver, Moment, Step, Wake};

use crate::nearness::Whereabouts;
use crate::supervise::guarded;
use crate::unit::{Unit, UnitTurn};

/// Where a worker receives its units.
#[derive(Default)]
pub(crate) struct Inbox {
    lodgers: Mutex<Vec<Lodger>>,
    /// Somebody came, or somebody is to go.
    changed: AtomicBool,
    stopped: AtomicBool,
    /// Units that live here or are on their way; [`GONE`] once the worker has ended.
    seats: AtomicUsize,
    pub(crate) wake: Wake,
}

/// The number of seats of a worker that has ended.
const GONE: usize = usize::MAX;

impl Inbox {
    /// Counts one more unit as belonging here; `false` if the worker has ended.
    fn take_seat(&self) -> bool {
        let more = |seats: usize| (seats != GONE).then(|| seats + 1);
        self.seats.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    /// One unit fewer belongs here; the worker is to see to that.
    fn leave_seat(&self) {
        self.seats.fetch_sub(1, Ordering::AcqRel);
        self.look();
    }

    /// Gives the worker one more unit, or one that has moved.
    pub(crate) fn add(&self, lodger: Lodger) {
        self.lodgers.lock().unwrap_or_else(PoisonError::into_inner).push(lodger);
        self.look();
    }

    fn look(&self) {
        self.changed.store(true, Ordering::Release);
        self.wake.notify();
    }

    /// Ends the worker once its last unit has closed or moved away.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wake.notify();
    }
}

/// Where one unit lives at present.
pub(crate) struct Home {
    /// Wakes the worker that runs the unit, whichever that is.
    pub(crate) worker: Wake,
    /// Wakes it and says that this unit is meant.
    pub(crate) unit: Wake,
    /// Tells emitters who is near.
    pub(crate) whereabouts: Arc<Whereabouts>,
    /// `None` once the unit has closed.
    inbox: Mutex<Option<Arc<Inbox>>>,
}

impl Home {
    pub(crate) fn new(inbox: &Arc<Inbox>) -> Arc<Self> {
        // A worker ends when its engine is shut down, and nothing is planned after that.
        let seated = inbox.take_seat();
        debug_assert!(seated, "a unit is planned onto a worker that has ended");
        let worker = inbox.wake.movable_child();
        Arc::new(Self {
            unit: worker.child(),
            worker,
            whereabouts: Arc::new(Whereabouts::new(number(inbox))),
            inbox: Mutex::new(Some(Arc::clone(inbox))),
        })
    }

    fn inbox(&self) -> MutexGuard<'_, Option<Arc<Inbox>>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes `to` the unit's home, unless it has closed, lives there already, or that worker has ended with the
    /// topology.
    pub(crate) fn move_to(&self, to: &Arc<Inbox>) {
        let mut inbox = self.inbox();
        let Some(from) = inbox.as_ref().filter(|from| !Arc::ptr_eq(from, to)) else { return };
        if !to.take_seat() {
            return;
        }
        let from = Arc::clone(from);
        // First the wake: as long as the unit may still be run where it was, that worker is sure to step once more.
        self.worker.move_to(&to.wake);
        self.whereabouts.set(number(to));
        *inbox = Some(Arc::clone(to));
        drop(inbox);
        from.leave_seat();
    }

    /// Hands the unit to the worker it belongs to.
    fn send(self: &Arc<Self>, unit: Unit) {
        let inbox = self.inbox().clone();
        if let Some(inbox) = inbox {
            inbox.add(Lodger::new(unit, self));
        }
    }
}

/// Tells workers apart.
fn number(inbox: &Arc<Inbox>) -> usize {
    Arc::as_ptr(inbox).addr()
}

/// A unit and its home. When it is dropped the home is given up.
pub(crate) struct Lodger {
    /// `None` once it was handed on.
    unit: Option<Unit>,
    home: Arc<Home>,
}

impl Lodger {
    pub(crate) fn new(unit: Unit, home: &Arc<Home>) -> Self {
        Self { unit: Some(unit), home: Arc::clone(home) }
    }

    /// Puts the unit where it belongs.
    pub(crate) fn settle(mut self) {
        if let Some(unit) = self.unit.take() {
            self.home.send(unit);
        }
    }

    fn belongs(&self, here: &Arc<Inbox>) -> bool {
        self.home.inbox().as_ref().is_some_and(|inbox| Arc::ptr_eq(inbox, here))
    }
}

impl Drop for Lodger {
    fn drop(&mut self) {
        if self.unit.is_some()
            && let Some(inbox) = self.home.inbox().take()
        {
            inbox.leave_seat();
        }
    }
}

pub(crate) struct Worker {
    inbox: Arc<Inbox>,
    lodgers: Vec<Lodger>,
    next: usize,
}

impl Worker {
    pub(crate) fn new(inbox: Arc<Inbox>) -> Self {
        Self { inbox, lodgers: Vec::new(), next: 0 }
    }

    /// Takes in who came and hands on who is to go.
    fn receive(&mut self) {
        if !self.inbox.changed.load(Ordering::Relaxed)
            || !self.inbox.changed.swap(false, Ordering::Acquire)
        {
            return;
        }
        self.lodgers.append(&mut self.inbox.lodgers.lock().unwrap_or_else(PoisonError::into_inner));
        let here = &self.inbox;
        let leaving = self.lodgers.extract_if(.., |lodger| !lodger.belongs(here));
        leaving.for_each(Lodger::settle);
    }

    /// Gives one unit its turn.
    fn turn(&mut self, index: usize) -> UnitTurn {
        let Some(unit) = &mut self.lodgers[index].unit else { return UnitTurn::Closed };
        let turn = guarded(|| unit.turn()).unwrap_or_else(|panic| {
            // Not a component's panic, those are caught where they happen, but one of the engine.
            tracing::error!(topology = unit.control().name, "engine error, closing: {panic}");
            unit.control().close();
            unit.control().unit_closed();
            UnitTurn::Closed
        });
        if turn == UnitTurn::Closed {
            drop(self.lodgers.remove(index));
        }
        turn
    }

    /// Whether nobody is here or on the way, and nobody will come: from then on nobody can.
    fn is_done(&self) -> bool {
        let seats = &self.inbox.seats;
        self.lodgers.is_empty()
            && self.inbox.stopped.load(Ordering::Acquire)
            && seats.compare_exchange(0, GONE, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Driver for Worker {
    fn step(&mut self) -> Step {
        self.receive();
        let mut earliest: Option<Moment> = None;
        for _ in 0..self.lodgers.len() {
            if self.next >= self.lodgers.len() {
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
        if self.is_done() {
            return Step::Done;
        }
        earliest.map_or(Step::Idle, Step::Until)
    }
}
