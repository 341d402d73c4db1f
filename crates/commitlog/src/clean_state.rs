//! What the cleaner and those who remove segments know of one partition together.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::checkpoint::Mark;

/// "There is none."
const NONE: i64 = -1;

/// See the module.
pub(crate) struct CleanState {
    /// The first offset that was not cleaned.
    first_dirty: AtomicI64,
    /// The base of the segment that the durable mark is in: what lies before it is never scanned.
    durable_mark: AtomicI64,
    /// Held while files of closed segments get other names or go.
    files_turn: Mutex<()>,
    /// A cleaned segment still has its passing names.
    is_swap_pending: AtomicBool,
}

impl CleanState {
    pub(crate) fn new(mark: Option<&Mark>, first_dirty: Option<i64>) -> Self {
        Self {
            first_dirty: AtomicI64::new(first_dirty.unwrap_or(NONE)),
            durable_mark: AtomicI64::new(mark.map_or(NONE, |mark| mark.segment)),
            files_turn: Mutex::default(),
            is_swap_pending: AtomicBool::new(false),
        }
    }

    pub(crate) fn first_dirty(&self) -> Option<i64> {
        Some(self.first_dirty.load(Ordering::Acquire)).filter(|offset| *offset >= 0)
    }

    pub(crate) fn set_first_dirty(&self, offset: i64) {
        self.first_dirty.store(offset, Ordering::Release);
    }

    pub(crate) fn durable_mark(&self) -> i64 {
        self.durable_mark.load(Ordering::Acquire)
    }

    /// The mark is in the file, and the file is durable.
    pub(crate) fn set_durable_mark(&self, segment: i64) {
        self.durable_mark.store(segment, Ordering::Release);
    }

    /// The right to rename or remove files of closed segments. Taken before the writer's lock.
    pub(crate) fn files_turn(&self) -> MutexGuard<'_, ()> {
        self.files_turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_swap_pending(&self) -> bool {
        self.is_swap_pending.load(Ordering::Acquire)
    }

    pub(crate) fn set_swap_pending(&self, is_pending: bool) {
        self.is_swap_pending.store(is_pending, Ordering::Release);
    }
}
