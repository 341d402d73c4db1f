//! The doors to everything that is not a computation: clock, disk, randomness, threads.
//!
//! # Constraints
//!
//! * Nothing of ours is below this crate, and no other crate touches the real clock, the real disk,
//!   a random source or a thread on its own (`clippy.toml` beside each guarded crate holds that).
//! * Each door has two sides: the real thing, and under feature `sim` a twin that is driven by a seed.
//! * The log is synchronous and owns a thread; sockets are asynchronous. Both must be steppable by
//!   a simulator, so neither owns its loop: a thread is a [`Driver`] whose [`step`](Driver::step) does
//!   one bounded piece of work, and asynchronous code waits only on futures that any executor can
//!   poll ([`Clock::sleep_until`] is the one for time).
//!
//! # Layout
//!
//! [`clock`] what time it is, [`disk`] files and aligned memory, [`random`] seeds and identifiers,
//! [`threads`] drivers and wake-ups, and `sim` the twins.
//!
//! # The story
//!
//! A program makes one [`World`] and hands clones of it down. The log asks it for files and for a
//! thread to run its writer; the engine asks it for a thread a core; both ask it for the time. A
//! simulator makes a `World` whose threads never run by themselves: it picks the next driver from a seed,
//! steps it, turns the clock, and breaks the disk.

pub mod clock;
pub mod disk;
pub mod random;
pub mod threads;

#[cfg(feature = "sim")]
pub mod sim;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use clock::{Clock, Moment, Sleep};
pub use disk::{AlignedBuffer, BLOCK_BYTES, Disk, Entry, File, Lock, OpenHow, Space};
pub use random::Random;
pub use threads::{Driver, DriverHandle, Step, Threads, Waiting, Wake};

/// The four doors, shared by every part of one program. Cloning is four reference counts.
#[derive(Clone)]
pub struct World {
    clock: Arc<dyn Clock>,
    disk: Arc<dyn Disk>,
    random: Arc<dyn Random>,
    threads: Arc<dyn Threads>,
}

impl World {
    /// The real clock, disk, random source and threads of this machine.
    pub fn real() -> Self {
        Self {
            clock: Arc::new(clock::RealClock::new()),
            disk: Arc::new(disk::RealDisk),
            random: Arc::new(random::RealRandom::default()),
            threads: Arc::new(threads::RealThreads),
        }
    }

    /// A world of the given parts; tests and simulators mix real and simulated ones with it.
    pub fn from_parts(
        clock: Arc<dyn Clock>,
        disk: Arc<dyn Disk>,
        random: Arc<dyn Random>,
        threads: Arc<dyn Threads>,
    ) -> Self {
        Self { clock, disk, random, threads }
    }

    /// The door to time.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The door to time, to keep.
    pub fn clock_arc(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The door to files.
    pub fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// The door to randomness.
    pub fn random(&self) -> &dyn Random {
        &*self.random
    }

    /// The door to threads.
    pub fn threads(&self) -> &dyn Threads {
        &*self.threads
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}
