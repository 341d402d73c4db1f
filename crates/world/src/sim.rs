//! The seeded twins: one seed, one run.
//!
//! A [`Simulation`] makes a [`World`] in which nothing happens by itself. Drivers are stepped one at a time in an
//! order drawn from the seed, the clock stands until it is turned, random bytes come from the seed,
//! and the disk keeps what a real one keeps: only what was synced for certain, and of the rest
//! whatever the seed says.
//!
//! ```
//! use std::time::Duration;
//! use tidemill_world::sim::Simulation;
//!
//! let simulation = Simulation::new(7);
//! let world = simulation.world();
//! let before = world.clock().now();
//! simulation.clock().advance(Duration::from_secs(1));
//! assert_eq!(world.clock().now().since(before), Duration::from_secs(1));
//! ```

mod clock;
mod disk;
mod names;
mod threads;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

pub use clock::SimClock;
pub use disk::SimDisk;
pub use threads::SimThreads;

use crate::World;
use crate::random::{Random, SeededRandom};

/// A seeded source of random bytes.
#[derive(Debug)]
pub struct SimRandom(Mutex<SeededRandom>);

impl SimRandom {
    /// A source for this seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(SeededRandom::new(seed)))
    }
}

impl Random for SimRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut random = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            let word = random.next_u64().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

/// A machine that does nothing by itself.
#[derive(Debug)]
pub struct Simulation {
    clock: Arc<SimClock>,
    disk: Arc<SimDisk>,
    random: Arc<SimRandom>,
    threads: Arc<SimThreads>,
}

impl Simulation {
    /// A machine whose whole behaviour follows from `seed`.
    pub fn new(seed: u64) -> Self {
        let mut seeds = SeededRandom::new(seed);
        let clock = Arc::new(SimClock::default());
        Self {
            disk: Arc::new(SimDisk::new(seeds.next_u64())),
            random: Arc::new(SimRandom::new(seeds.next_u64())),
            threads: Arc::new(SimThreads::new(seeds.next_u64(), Arc::clone(&clock))),
            clock,
        }
    }

    /// The four doors of this machine.
    pub fn world(&self) -> World {
        World::from_parts(
            Arc::clone(&self.clock) as _,
            Arc::clone(&self.disk) as _,
            Arc::clone(&self.random) as _,
            Arc::clone(&self.threads) as _,
        )
    }

    /// The clock, to turn it.
    pub fn clock(&self) -> &Arc<SimClock> {
        &self.clock
    }

    /// The disk, to break it.
    pub fn disk(&self) -> &Arc<SimDisk> {
        &self.disk
    }

    /// The threads, to see who is there.
    pub fn threads(&self) -> &Arc<SimThreads> {
        &self.threads
    }

    /// Steps one driver that has something to do; `false` if none has.
    pub fn step(&self) -> bool {
        self.threads.step()
    }

    /// Steps until no driver has anything to do or `steps_max` steps were taken; returns how many were.
    pub fn run_until_idle(&self, steps_max: usize) -> usize {
        (0..steps_max).take_while(|_| self.step()).count()
    }

    /// The process dies and the machine loses power: all drivers are forgotten and the disk keeps what the
    /// seed says of what was not synced. Open files and locks of before are dead.
    pub fn crash(&self) {
        self.threads.forget_all();
        self.disk.crash();
    }
}

impl Drop for Simulation {
    /// Drivers hold the world, and the world its threads: without this neither would ever go.
    fn drop(&mut self) {
        self.threads.forget_all();
    }
}
