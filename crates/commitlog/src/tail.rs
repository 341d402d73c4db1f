//! Recent batches kept in memory, so that readers at the tail never touch the disk.
//!
//! One budget covers all partitions. The writer adds runs in the order it publishes them and, when over the
//! budget, drops the oldest run of the whole log: that order is also the order inside each partition,
//! so a partition's runs are always its newest, without a gap.
//!
//! Runs that are in the write-ahead file only are *pinned*: readers find them nowhere else. They are bounded by the size of that
//! file and are charged to the budget, and may go, once they are in their segment.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::batch::frames;

/// The cached runs of one partition.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    runs: Mutex<Runs>,
}

#[derive(Debug)]
struct Runs {
    runs: VecDeque<Run>,
    /// Runs that end behind this are pinned.
    charged: i64,
}

impl Default for Runs {
    fn default() -> Self {
        Self { runs: VecDeque::new(), charged: i64::MIN }
    }
}

/// The batches of one append, with consecutive offsets.
#[derive(Debug)]
struct Run {
    base_offset: i64,
    next_offset: i64,
    bytes: Bytes,
}

/// What a read of the tail found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) chunks: Vec<Bytes>,
    pub(crate) bytes: usize,
    pub(crate) next_offset: i64,
}

impl Tail {
    fn lock(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pop_through(&self, next_offset: i64) {
        let mut inner = self.lock();
        let end = next_offset.min(inner.charged);
        while inner.runs.front().is_some_and(|run| run.next_offset <= end) {
            inner.runs.pop_front();
        }
    }

    /// Forgets everything; the partition is reopened or gone.
    pub(crate) fn clear(&self) {
        *self.lock() = Runs::default();
    }

    /// Whole batches from the one that holds `offset` up to `end` (which is a batch's end), at least one and
    /// then while they fit in `bytes_max`. `None` when the cache does not go back to `offset`.
    pub(crate) fn read(&self, offset: i64, end: i64, bytes_max: usize) -> Option<Found> {
        let runs = &self.lock().runs;
        let first = runs.partition_point(|run| run.next_offset <= offset);
        if runs.get(first)?.base_offset > offset {
            return None;
        }
        let mut found = Found { next_offset: offset, ..Found::default() };
        for run in runs.range(first..) {
            if run.base_offset >= end || !found.take(run, offset, bytes_max) {
                break;
            }
        }
        Some(found)
    }
}

impl Runs {
    fn push(&mut self, run: Run) {
        // A gap would let a reader skip batches: what is before it is no longer the tail.
        if self.runs.back().is_some_and(|last| last.next_offset != run.base_offset) {
            self.runs.clear();
        }
        self.runs.push_back(run);
    }
}

impl Found {
    /// Adds what fits of one run; `false` when no more fits.
    fn take(&mut self, run: &Run, offset: i64, bytes_max: usize) -> bool {
        let whole = run.base_offset >= offset && self.bytes + run.bytes.len() <= bytes_max;
        if whole {
            self.add(run.bytes.clone(), run.next_offset);
            return true;
        }
        let (mut start, mut end, mut next_offset) = (0, 0, self.next_offset);
        let mut fits = true;
        for (header, batch) in frames(&run.bytes).map_while(Result::ok) {
            if header.last_offset() < offset {
                start += batch.len();
                end = start;
                continue;
            }
            let first = self.bytes == 0 && end == start;
            if !first && self.bytes + (end - start) + batch.len() > bytes_max {
                fits = false;
                break;
            }
            end += batch.len();
            next_offset = header.last_offset() + 1;
        }
        if end > start {
            self.add(run.bytes.slice(start..end), next_offset);
        }
        fits
    }

    fn add(&mut self, chunk: Bytes, next_offset: i64) {
        self.bytes += chunk.len();
        self.next_offset = next_offset;
        self.chunks.push(chunk);
    }
}

/// The budget over all partitions.
#[derive(Debug)]
pub(crate) struct TailBudget {
    bytes_max: usize,
    bytes: usize,
    order: VecDeque<Charge>,
}

#[derive(Debug)]
struct Charge {
    tail: Arc<Tail>,
    next_offset: i64,
    bytes: usize,
}

/// What a run costs beside its bytes.
const RUN_OVERHEAD_BYTES: usize = 128;

impl TailBudget {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, order: VecDeque::new() }
    }

    /// Adds the batches of one append to a partition's tail and drops the oldest runs of any partition that
    /// are over the budget.
    pub(crate) fn push(
        &mut self,
        tail: &Arc<Tail>,
        base_offset: i64,
        next_offset: i64,
        run: Bytes,
    ) {
        if run.len() + RUN_OVERHEAD_BYTES > self.bytes_max {
            tail.clear();
            return;
        }
        self.pin(tail, base_offset, next_offset, run);
        self.release(tail, next_offset);
    }

    /// Adds the batches of one append that are in the write-ahead file; they count once they are released.
    pub(crate) fn pin(&mut self, tail: &Arc<Tail>, base_offset: i64, next_offset: i64, run: Bytes) {
        let mut inner = tail.lock();
        inner.push(Run { base_offset, next_offset, bytes: run });
        // The write-back may have been quicker.
        let released = inner.charged;
        inner.charged = base_offset.min(released);
        drop(inner);
        if released > base_offset {
            self.release(tail, released);
        }
    }

    /// The runs of a partition up to `next_offset` are in its segment: they count from now on.
    pub(crate) fn release(&mut self, tail: &Arc<Tail>, next_offset: i64) {
        let mut inner = tail.lock();
        let (Runs { runs, charged }, before) = (&mut *inner, self.order.len());
        let first = runs.partition_point(|run| run.next_offset <= *charged);
        for run in runs.range(first..).take_while(|run| run.next_offset <= next_offset) {
            let bytes = run.bytes.len() + RUN_OVERHEAD_BYTES;
            let (tail, next_offset) = (Arc::clone(tail), run.next_offset);
            self.order.push_back(Charge { tail, next_offset, bytes });
            self.bytes += bytes;
        }
        *charged = (*charged).max(next_offset);
        drop(inner);
        if self.order.len() > before {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        while self.bytes > self.bytes_max {
            let Some(oldest) = self.order.pop_front() else { return };
            self.bytes -= oldest.bytes;
            oldest.tail.pop_through(oldest.next_offset);
        }
    }
}
