//! Counters per task, written by the one thread that runs it and read by anybody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tidemill_world::Wake;

use crate::histogram::{Histogram, Latencies};
use crate::queue::Gauge;
use crate::state::Door;

/// A number with one writer: adding is a plain load and store.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn add(&self, more: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one task counts.
#[derive(Debug, Default)]
pub(crate) struct TaskStats {
    pub(crate) emitted: Counter,
    pub(crate) transferred: Counter,
    pub(crate) executed: Counter,
    pub(crate) acked: Counter,
    pub(crate) failed: Counter,
    pub(crate) replayed: Counter,
    pub(crate) dead_lettered: Counter,
    pub(crate) restarts: Counter,
    pub(crate) errors: Counter,
    pub(crate) pending: Counter,
    pub(crate) deferred: Counter,
    pub(crate) execute: Histogram,
    pub(crate) complete: Histogram,
    pub(crate) last_error: Mutex<Option<String>>,
    pub(crate) queues: Mutex<Vec<Gauge>>,
}

/// One task's statistics under its component's name.
#[derive(Debug)]
pub(crate) struct TaskEntry {
    pub(crate) component: String,
    pub(crate) stats: Arc<TaskStats>,
    /// Where questions to the task are left, if it can have an answer.
    pub(crate) door: Option<Arc<Door>>,
    /// Has the task's unit look at its door.
    pub(crate) unit: Wake,
}

/// The statistics of a running topology, since it started.
#[derive(Clone, Debug, Default)]
pub struct TopologyStats {
    /// One entry per component, in the order they were declared.
    pub components: Vec<ComponentStats>,
}

/// The statistics of one component, summed over its tasks.
#[derive(Clone, Debug, Default)]
pub struct ComponentStats {
    /// The component's id.
    pub id: String,
    /// How many tasks it has.
    pub tasks: usize,
    /// Tuples emitted.
    pub emitted: u64,
    /// Tuples delivered: an emitted tuple counts once for each task that receives it.
    pub transferred: u64,
    /// Tuples executed (bolts).
    pub executed: u64,
    /// Bolts: tuples acked. Spouts: roots completed.
    pub acked: u64,
    /// Bolts: tuples failed. Spouts: attempts failed.
    pub failed: u64,
    /// Roots emitted again by the engine (spouts).
    pub replayed: u64,
    /// Roots given up after the last retry (spouts).
    pub dead_lettered: u64,
    /// Instances replaced after a panic.
    pub restarts: u64,
    /// Errors returned and panics.
    pub errors: u64,
    /// The latest error's text.
    pub last_error: Option<String>,
    /// Roots under way or waiting for their replay (spouts).
    pub pending: u64,
    /// Tuples that bolts hold deferred.
    pub deferred: u64,
    /// Batches that wait in the input rings.
    pub queued_batches: usize,
    /// Time in `execute`, from a sample of the tuples. In a fused chain it includes the components
    /// behind this one.
    pub execute_latency: Latencies,
    /// Time from emit to completion of a root (spouts). Roots that complete within their own fused chain are
    /// sampled.
    pub complete_latency: Latencies,
}

impl TopologyStats {
    /// The statistics of the component `id`.
    pub fn component(&self, id: &str) -> Option<&ComponentStats> {
        self.components.iter().find(|component| component.id == id)
    }

    /// Roots under way in all spouts.
    pub fn pending(&self) -> u64 {
        self.components.iter().map(|component| component.pending).sum()
    }

    /// Roots completed in all spouts, `acked` of spouts only.
    pub fn dead_lettered(&self) -> u64 {
        self.components.iter().map(|component| component.dead_lettered).sum()
    }

    pub(crate) fn gather(entries: &[TaskEntry]) -> Self {
        let mut stats = Self::default();
        for entry in entries {
            match stats.components.last_mut() {
                Some(last) if last.id == entry.component => last.add(&entry.stats),
                _ => {
                    let mut first =
                        ComponentStats { id: entry.component.clone(), ..Default::default() };
                    first.add(&entry.stats);
                    stats.components.push(first);
                }
            }
        }
        stats
    }
}

impl ComponentStats {
    fn add(&mut self, task: &TaskStats) {
        self.tasks += 1;
        self.emitted += task.emitted.get();
        self.transferred += task.transferred.get();
        self.executed += task.executed.get();
        // Bolts do not count acks: what was executed is acked unless it failed or is still held.
        let not_acked = task.failed.get() + task.deferred.get();
        self.acked += task.acked.get() + task.executed.get().saturating_sub(not_acked);
        self.failed += task.failed.get();
        self.replayed += task.replayed.get();
        self.dead_lettered += task.dead_lettered.get();
        self.restarts += task.restarts.get();
        self.errors += task.errors.get();
        self.pending += task.pending.get();
        self.deferred += task.deferred.get();
        task.execute.add_to(&mut self.execute_latency);
        task.complete.add_to(&mut self.complete_latency);
        if let Some(error) = &*task.last_error.lock().unwrap_or_else(PoisonError::into_inner) {
            self.last_error = Some(error.clone());
        }
        let queues = task.queues.lock().unwrap_or_else(PoisonError::into_inner);
        self.queued_batches += queues.iter().map(Gauge::depth).sum::<usize>();
    }
}
