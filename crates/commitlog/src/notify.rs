//! Who wants to know when a partition grows.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

use tidemill_world::Wake;

/// The waiters of one partition: wake-ups that are told of every change, and futures that wait for an
/// offset.
#[derive(Debug, Default)]
pub(crate) struct Watchers(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    next_id: u64,
    wakes: BTreeMap<u64, Wake>,
    futures: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    bound: Bound,
    offset: i64,
    waker: Waker,
}

/// Which end of a partition somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// What can be read.
    HighWatermark,
    /// What can be read of committed transactions.
    LastStable,
}

impl Watchers {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells `wake` of every change until the returned number is [removed](Self::remove).
    pub(crate) fn add_wake(&self, wake: Wake) -> u64 {
        let mut inner = self.lock();
        inner.next_id += 1;
        let id = inner.next_id;
        inner.wakes.insert(id, wake);
        id
    }

    /// Wakes `waker` once the bound is past `offset`. Replaces what `id` waited for.
    pub(crate) fn add_future(
        &self,
        id: Option<u64>,
        bound: Bound,
        offset: i64,
        waker: &Waker,
    ) -> u64 {
        let mut inner = self.lock();
        let id = id.unwrap_or_else(|| {
            inner.next_id += 1;
            inner.next_id
        });
        inner.futures.insert(id, Waiting { bound, offset, waker: waker.clone() });
        id
    }

    pub(crate) fn remove(&self, id: u64) {
        let mut inner = self.lock();
        inner.wakes.remove(&id);
        inner.futures.remove(&id);
    }

    /// The high watermark and the last stable offset are now these.
    pub(crate) fn notify(&self, high_watermark: i64, last_stable: i64) {
        let mut ready = Vec::new();
        let mut inner = self.lock();
        inner.wakes.values().for_each(Wake::notify);
        if !inner.futures.is_empty() {
            inner.futures.retain(|_, waiting| {
                let end = match waiting.bound {
                    Bound::HighWatermark => high_watermark,
                    Bound::LastStable => last_stable,
                };
                let waits = end <= waiting.offset;
                if !waits {
                    ready.push(waiting.waker.clone());
                }
                waits
            });
        }
        drop(inner);
        ready.into_iter().for_each(Waker::wake);
    }

    /// The partition has ended: everybody is woken.
    pub(crate) fn notify_all(&self) {
        self.notify(i64::MAX, i64::MAX);
    }
}
