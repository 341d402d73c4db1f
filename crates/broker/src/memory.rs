//! Memory that strangers can make us take, counted.
//!
//! # Constraints
//!
//! * A [`Budget`] is one counter for all connections; taking and giving back is one atomic operation each while there
//!   is room. There is no lock on that way.
//! * Nobody waits for ever. What waits for room holds what has arrived of its own request, so many half-read requests
//!   could use a budget up and none could end. Hence the [`lane`](Budget::lane): one at a time may go past the
//!   budget. Whoever holds the lane gets its request whole, answers it, or is closed because it was too slow.
//! * An answer never waits for room: it is made smaller ([`Budget::take_up_to`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Bytes that all connections share.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_max: usize,
    used: AtomicUsize,
    freed: Notify,
    lane: Arc<Semaphore>,
}

/// Bytes that were taken; dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Hold {
    budget: Arc<Budget>,
    bytes: usize,
    /// The right to go past the budget.
    lane: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// So many bytes in all.
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes_max,
            used: AtomicUsize::new(0),
            freed: Notify::new(),
            lane: Arc::new(Semaphore::new(1)),
        })
    }

    /// Bytes that are taken.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether nothing more may be taken.
    pub(crate) fn is_used_up(&self) -> bool {
        self.used() >= self.bytes_max
    }

    /// Whether half is taken.
    pub(crate) fn is_half_used(&self) -> bool {
        self.used() > self.bytes_max / 2
    }

    /// A hold of nothing yet.
    pub(crate) fn hold(self: &Arc<Self>) -> Hold {
        Hold { budget: Arc::clone(self), bytes: 0, lane: None }
    }

    /// Takes bytes that are there already, whether there is room or not.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Hold {
        self.used.fetch_add(bytes, Ordering::Relaxed);
        Hold { budget: Arc::clone(self), bytes, lane: None }
    }

    /// Takes what is wanted, or what is left of it, but never less than `least` (or all that is wanted).
    pub(crate) fn take_up_to(self: &Arc<Self>, wanted: usize, least: usize) -> Hold {
        let left = self.bytes_max.saturating_sub(self.used());
        self.take(wanted.min(left.max(least)))
    }
}

impl Hold {
    /// How many bytes it is.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes more if there is room. What is alone in the budget always has room, or a request as large as the budget
    /// could never be read.
    pub(crate) fn try_grow(&mut self, bytes: usize) -> bool {
        let (max, own) = (self.budget.bytes_max, self.bytes);
        let past = self.lane.is_some();
        let taken = self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            let after = used.saturating_add(bytes);
            (after <= max || used == own || past).then_some(after)
        });
        if taken.is_ok() {
            self.bytes += bytes;
        }
        taken.is_ok()
    }

    /// Takes more, whether there is room or not.
    pub(crate) fn grow_anyway(&mut self, bytes: usize) {
        self.budget.used.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
    }

    /// Takes more, waiting for room. Only who `may_pass` may use the lane: whoever waits for its own earlier
    /// answers to be taken by a client must not hold it.
    pub(crate) async fn grow(&mut self, bytes: usize, may_pass: &impl Fn() -> bool) {
        while !self.try_grow(bytes) {
            let budget = Arc::clone(&self.budget);
            let mut freed = std::pin::pin!(budget.freed.notified());
            freed.as_mut().enable();
            // It may have been freed between the look and the registration.
            if self.try_grow(bytes) {
                return;
            }
            tokio::select! {
                () = freed => {}
                Ok(lane) = Arc::clone(&budget.lane).acquire_owned(), if may_pass() => {
                    self.lane = Some(lane);
                }
            }
        }
    }

    /// Gives back all but so many bytes.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let freed = self.bytes.saturating_sub(bytes);
        if freed > 0 {
            self.bytes -= freed;
            self.budget.give_back(freed);
        }
    }
}

impl Budget {
    fn give_back(&self, bytes: usize) {
        let before = self.used.fetch_sub(bytes, Ordering::Relaxed);
        // Somebody waits only if there was little room; a large request may wait while half is free.
        if before > self.bytes_max / 2 {
            self.freed.notify_waiters();
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let passed = self.lane.take().is_some();
        if self.bytes > 0 {
            self.budget.give_back(self.bytes);
        }
        if passed {
            self.budget.freed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests;
