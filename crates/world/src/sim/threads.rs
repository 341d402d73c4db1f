//! Drivers that are stepped in an order drawn from a seed.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::clock::SimClock;
use crate::clock::Clock;
use crate::random::SeededRandom;
use crate::threads::{Driver, DriverHandle, Step, Threads, Waiting, Wake};

/// How many cores a simulated machine says it has.
const CORES: usize = 2;

/// The drivers of one simulated machine.
pub struct SimThreads {
    clock: Arc<SimClock>,
    inner: Mutex<Inner>,
}

struct Inner {
    random: SeededRandom,
    tasks: Vec<Task>,
    next_id: u64,
}

struct Task {
    id: u64,
    name: String,
    wake: Wake,
    wants: Step,
    /// Away while it is stepped.
    driver: Option<Box<dyn Driver>>,
}

impl SimThreads {
    pub(super) fn new(seed: u64, clock: Arc<SimClock>) -> Self {
        let inner = Inner { random: SeededRandom::new(seed), tasks: Vec::new(), next_id: 0 };
        Self { clock, inner: Mutex::new(inner) }
    }

    /// The names of the drivers that have not ended.
    pub fn names(&self) -> Vec<String> {
        self.lock().tasks.iter().map(|task| task.name.clone()).collect()
    }

    pub(super) fn forget_all(&self) {
        let tasks = std::mem::take(&mut self.lock().tasks);
        // Dropped without the lock: a driver may notify others while it is dropped.
        drop(tasks);
    }

    pub(super) fn step(&self) -> bool {
        let Some((id, mut driver)) = self.pick() else { return false };
        let wants = driver.step();
        let mut inner = self.lock();
        let Some(at) = inner.tasks.iter().position(|task| task.id == id) else { return true };
        if wants == Step::Done {
            inner.tasks.remove(at);
        } else {
            inner.tasks[at].wants = wants;
            inner.tasks[at].driver = Some(driver);
        }
        true
    }

    /// Takes one of the drivers that can go on.
    fn pick(&self) -> Option<(u64, Box<dyn Driver>)> {
        let now = self.clock.now();
        let mut inner = self.lock();
        for task in &mut inner.tasks {
            if task.driver.is_some() && task.wake.take() {
                task.wants = Step::Again;
            }
        }
        let ready = |task: &Task| {
            task.driver.is_some()
                && match task.wants {
                    Step::Again => true,
                    Step::Until(moment) => moment <= now,
                    Step::Idle | Step::Done => false,
                }
        };
        let count = inner.tasks.iter().filter(|task| ready(task)).count();
        let chosen = usize::try_from(inner.random.below(count as u64)).unwrap_or(0);
        let task = inner.tasks.iter_mut().filter(|task| ready(task)).nth(chosen)?;
        Some((task.id, task.driver.take()?))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Threads for SimThreads {
    fn spawn(
        &self,
        name: &str,
        _waiting: Waiting,
        wake: Wake,
        _clock: Arc<dyn Clock>,
        driver: Box<dyn Driver>,
    ) -> io::Result<DriverHandle> {
        let mut inner = self.lock();
        let id = inner.next_id;
        inner.next_id += 1;
        let name = name.to_owned();
        inner.tasks.push(Task { id, name, wake, wants: Step::Again, driver: Some(driver) });
        Ok(DriverHandle::stepped())
    }

    fn cores(&self) -> usize {
        CORES
    }
}

impl std::fmt::Debug for SimThreads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimThreads").field("names", &self.names()).finish()
    }
}
