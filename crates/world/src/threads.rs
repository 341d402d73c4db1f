//! Threads that do not own their loop.
//!
//! A thread of ours is a [`Driver`]: a value whose [`step`](Driver::step) does one bounded piece of
//! work and says what it waits for. The real [`Threads`] gives each driver an operating-system thread that
//! steps it and waits; the simulated one steps drivers in an order drawn from a seed. A [`Wake`] ends a
//! wait from any other thread, and costs one atomic operation when nobody sleeps.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Moment};

/// What a driver wants after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more to do now.
    Again,
    /// Nothing to do until woken.
    Idle,
    /// Nothing to do until woken or until this moment.
    Until(Moment),
    /// The driver has ended; it is dropped.
    Done,
}

/// How a real thread waits when its driver is idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Sleep at once: for drivers where a few microseconds more do not matter.
    Park,
    /// Step again a few hundred times, then yield the core between steps, then sleep: for drivers
    /// that hand batches to one another. Never spins for long, because on a small machine the
    /// one waited for may need this core.
    SpinThenPark,
}

/// One bounded piece of work at a time.
pub trait Driver: Send {
    /// Does one piece of work; blocks at most on the disk.
    fn step(&mut self) -> Step;
}

impl<F: FnMut() -> Step + Send> Driver for F {
    fn step(&mut self) -> Step {
        self()
    }
}

/// The door to threads.
pub trait Threads: Send + Sync {
    /// Runs `driver` until it is done. `wake` ends its waits; keep a clone to notify it.
    ///
    /// # Errors
    /// The operating system refused a thread; nothing was started and the driver is dropped.
    fn spawn(
        &self,
        name: &str,
        waiting: Waiting,
        wake: Wake,
        clock: Arc<dyn Clock>,
        driver: Box<dyn Driver>,
    ) -> io::Result<DriverHandle>;

    /// How many cores this process may use; at least one.
    fn cores(&self) -> usize;
}

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;

/// Ends the wait of one driver. Clones wake the same driver.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<WakeState>);

#[derive(Debug, Default)]
struct WakeState {
    state: AtomicU32,
    /// Notified after this one, see [`Wake::child`].
    parent: Parent,
    lock: Mutex<()>,
    condvar: Condvar,
}

#[derive(Debug, Default)]
enum Parent {
    #[default]
    None,
    Fixed(Wake),
    /// See [`Wake::movable_child`].
    Movable(Mutex<Wake>),
}

impl Wake {
    /// A wake that nobody has notified.
    pub fn new() -> Self {
        Self::default()
    }

    /// A wake of its own that also notifies this one. A driver that runs many tasks waits on one wake
    /// and gives each task a child: after a wait, [`take`](Wake::take) on the children tells which
    /// tasks were meant.
    pub fn child(&self) -> Self {
        let parent = Parent::Fixed(self.clone());
        Self(Arc::new(WakeState { parent, ..WakeState::default() }))
    }

    /// A [`child`](Wake::child) whose parent can be changed with [`move_to`](Wake::move_to): for a task that moves from
    /// one driver to another, while everybody keeps the wake they have.
    pub fn movable_child(&self) -> Self {
        let parent = Parent::Movable(Mutex::new(self.clone()));
        Self(Arc::new(WakeState { parent, ..WakeState::default() }))
    }

    /// Makes `parent` the one that is notified after this wake from now on. A notification that has begun before may
    /// still reach the former one, so whoever moves a task steps it once more where it arrives. Does nothing to a wake
    /// that is not movable.
    pub fn move_to(&self, parent: &Wake) {
        if let Parent::Movable(former) = &self.0.parent {
            *former.lock().unwrap_or_else(PoisonError::into_inner) = parent.clone();
        }
    }

    /// Ends the present wait, or the next one if the driver is not waiting. What was written
    /// before this call is seen by the step that follows it.
    pub fn notify(&self) {
        // A driver that is already notified will step again and see what we wrote; the fence is
        // in the swap that takes the notification.
        if self.0.state.swap(NOTIFIED, Ordering::AcqRel) == PARKED {
            drop(self.0.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.0.condvar.notify_one();
        }
        match &self.0.parent {
            Parent::None => {}
            Parent::Fixed(parent) => parent.notify(),
            Parent::Movable(parent) => {
                parent.lock().unwrap_or_else(PoisonError::into_inner).notify();
            }
        }
    }

    /// Takes a notification if there is one. Costs a plain load when there is none.
    pub fn take(&self) -> bool {
        if self.0.state.load(Ordering::Relaxed) == EMPTY {
            return false;
        }
        self.0.state.swap(EMPTY, Ordering::AcqRel) == NOTIFIED
    }

    /// Blocks the calling thread until notified, at most for `timeout`; returns whether it was notified.
    /// For one waiting thread at a time.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        let state = &self.0.state;
        if state.compare_exchange(EMPTY, PARKED, Ordering::AcqRel, Ordering::Acquire).is_err() {
            return self.take();
        }
        let mut guard = self.0.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = timeout.and_then(|wait| std::time::Instant::now().checked_add(wait));
        while state.load(Ordering::Acquire) == PARKED {
            match deadline {
                None => {
                    guard = self.0.condvar.wait(guard).unwrap_or_else(PoisonError::into_inner);
                }
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(std::time::Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    guard = self
                        .0
                        .condvar
                        .wait_timeout(guard, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                }
            }
        }
        drop(guard);
        self.take()
    }
}

/// A running driver. Dropping the handle lets it run on.
#[derive(Debug)]
pub struct DriverHandle {
    inner: HandleInner,
}

#[derive(Debug)]
enum HandleInner {
    Real(std::thread::JoinHandle<()>),
    #[cfg(feature = "sim")]
    Stepped,
}

impl DriverHandle {
    #[cfg(feature = "sim")]
    pub(crate) fn stepped() -> Self {
        Self { inner: HandleInner::Stepped }
    }

    /// Waits until the driver is done. Returns `false` if it panicked. In a simulation, where
    /// nothing runs by itself, it returns at once.
    pub fn join(self) -> bool {
        match self.inner {
            HandleInner::Real(handle) => handle.join().is_ok(),
            #[cfg(feature = "sim")]
            HandleInner::Stepped => true,
        }
    }
}

/// Operating-system threads.
#[derive(Debug)]
pub struct RealThreads;

/// Steps taken at once before the first yield. A hand-over between two running threads takes well
/// under this many empty steps; more only burns a core.
const SPINS: u32 = 200;
/// Steps taken with a yield between them before the thread sleeps.
const YIELDS: u32 = 50;

impl Threads for RealThreads {
    fn spawn(
        &self,
        name: &str,
        waiting: Waiting,
        wake: Wake,
        clock: Arc<dyn Clock>,
        mut driver: Box<dyn Driver>,
    ) -> io::Result<DriverHandle> {
        let handle = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || run(&mut *driver, waiting, &wake, &*clock))?;
        Ok(DriverHandle { inner: HandleInner::Real(handle) })
    }

    fn cores(&self) -> usize {
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    }
}

fn run(driver: &mut dyn Driver, waiting: Waiting, wake: &Wake, clock: &dyn Clock) {
    let mut idle_steps = 0u32;
    loop {
        let step = driver.step();
        let timeout = match step {
            Step::Again => {
                idle_steps = 0;
                continue;
            }
            Step::Done => return,
            Step::Idle => None,
            Step::Until(moment) => Some(moment.since(clock.now())),
        };
        if waiting == Waiting::SpinThenPark && idle_steps < SPINS + YIELDS {
            idle_steps += 1;
            if idle_steps > SPINS {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
            continue;
        }
        if wake.wait(timeout) {
            idle_steps = 0;
        }
    }
}
