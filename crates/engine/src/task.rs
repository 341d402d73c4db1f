//! What every task carries: its context, its counters, the tuples it holds deferred, its error log.

use std::fmt::Display;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tidemill_world::Moment;

use crate::context::TaskContext;
use crate::error::FailReason;
use crate::roots::RootId;
use crate::run::{Run, Scope};
use crate::state::{Door, Stores};
use crate::stats::TaskStats;
use crate::tuple_ref::TaskId;

/// A tuple that a bolt keeps after `execute` has returned. Give it back with `ack` or `fail`.
///
/// An anchor that is dropped is never acked: its root times out. Anchors of an instance that panicked
/// are failed by the engine, and mean nothing to the instance that follows it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Anchor {
    index: u32,
    generation: u32,
}

#[derive(Debug)]
struct Roots {
    first: RootId,
    extras: Box<[RootId]>,
}

#[derive(Debug)]
struct Entry {
    generation: u32,
    roots: Option<Roots>,
}

/// The deferred tuples of one task, by the index in their anchors.
#[derive(Debug, Default)]
struct Deferred {
    entries: Vec<Entry>,
    free: Vec<u32>,
}

impl Deferred {
    fn insert(&mut self, roots: Roots) -> Anchor {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry { generation: 0, roots: None });
            u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
        });
        let entry = &mut self.entries[index as usize];
        entry.roots = Some(roots);
        Anchor { index, generation: entry.generation }
    }

    fn get(&self, anchor: &Anchor) -> Option<&Roots> {
        let entry = self.entries.get(anchor.index as usize)?;
        entry.roots.as_ref().filter(|_| entry.generation == anchor.generation)
    }

    fn remove(&mut self, anchor: &Anchor) -> Option<Roots> {
        self.get(anchor)?;
        self.take(anchor.index)
    }

    fn take(&mut self, index: u32) -> Option<Roots> {
        let entry = self.entries.get_mut(index as usize)?;
        let roots = entry.roots.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(index);
        Some(roots)
    }
}

/// Errors logged per [`LOG_PERIOD`] and task; the others are only counted.
const LOG_BURST: u32 = 5;
const LOG_PERIOD: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Throttle {
    since: Moment,
    logged: u32,
    suppressed: u64,
}

impl Throttle {
    /// Whether to log now, and how many errors were left out since the last one logged.
    fn admit(&mut self, now: Moment) -> Option<u64> {
        if now.since(self.since) >= LOG_PERIOD {
            self.since = now;
            self.logged = 0;
        }
        if self.logged >= LOG_BURST {
            self.suppressed += 1;
            return None;
        }
        self.logged += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

pub(crate) struct TaskState {
    pub(crate) context: TaskContext,
    pub(crate) stats: Arc<TaskStats>,
    /// Receivers of the latest emit that asked for them.
    pub(crate) receivers: Vec<TaskId>,
    /// Which of the component's inputs the tuple in hand came from.
    pub(crate) input: usize,
    /// Calls of `defer` since the present `execute` began.
    pub(crate) defers: u32,
    /// Its keyed states.
    pub(crate) stores: Stores,
    door: Arc<Door>,
    deferred: Deferred,
    throttle: Throttle,
}

impl TaskState {
    pub(crate) fn new(context: TaskContext, stats: Arc<TaskStats>, door: Arc<Door>) -> Self {
        Self {
            context,
            stats,
            receivers: Vec::new(),
            input: 0,
            defers: 0,
            stores: Stores::default(),
            door,
            deferred: Deferred::default(),
            throttle: Throttle::default(),
        }
    }

    /// Answers the questions that wait at the door.
    pub(crate) fn answer_questions(&mut self, now: Moment) {
        let questions = self.door.take();
        if !questions.is_empty() {
            self.stores.pass(now);
        }
        for question in questions {
            question.answer(|state, wanted| self.stores.answer(state, wanted));
        }
    }

    /// Takes no more questions.
    pub(crate) fn close_door(&self) {
        self.door.close();
    }

    /// Keeps the tuple in hand.
    pub(crate) fn defer(&mut self, run: &mut Run) -> Anchor {
        run.hold_scope();
        run.deferred += 1;
        run.control.begin_work();
        self.defers += 1;
        self.stats.deferred.add(1);
        let (first, extras) = run.scope_roots();
        self.deferred.insert(Roots { first, extras: extras.into() })
    }

    pub(crate) fn ack(&mut self, anchor: &Anchor, run: &mut Run) {
        let Some(roots) = self.release(anchor, run) else { return };
        for root in roots.all() {
            run.hold(root, -1);
            run.count(root, -1);
        }
    }

    pub(crate) fn fail(&mut self, anchor: &Anchor, message: &str, run: &mut Run) {
        let Some(roots) = self.release(anchor, run) else { return };
        let component = self.context.component().to_owned();
        let reason = FailReason::Failed { component, message: message.to_owned() };
        self.stats.failed.add(1);
        roots.all().for_each(|root| run.fail(root, &reason));
    }

    fn release(&mut self, anchor: &Anchor, run: &mut Run) -> Option<Roots> {
        let roots = self.deferred.remove(anchor)?;
        self.released(run);
        Some(roots)
    }

    fn released(&mut self, run: &mut Run) {
        run.deferred = run.deferred.saturating_sub(1);
        run.control.end_work();
        self.stats.deferred.set(self.stats.deferred.get().saturating_sub(1));
    }

    pub(crate) fn touch(&self, anchor: &Anchor, run: &mut Run) {
        if let Some(roots) = self.deferred.get(anchor) {
            roots.all().for_each(|root| run.touch(root));
        }
    }

    /// Fails all that a lost instance held.
    pub(crate) fn fail_all(&mut self, reason: &FailReason, run: &mut Run) {
        for index in 0..u32::try_from(self.deferred.entries.len()).unwrap_or(u32::MAX) {
            if let Some(roots) = self.deferred.take(index) {
                self.released(run);
                self.stats.failed.add(1);
                roots.all().for_each(|root| run.fail(root, reason));
            }
        }
    }

    /// A scope of all roots of `anchors`, each once.
    pub(crate) fn anchored_scope<'a>(&self, anchors: impl Iterator<Item = &'a Anchor>) -> Scope {
        let held = anchors.filter_map(|anchor| self.deferred.get(anchor));
        let roots = held.flat_map(Roots::all).filter(|root| !root.is_none());
        let mut roots: Vec<RootId> = roots.collect();
        roots.sort_unstable();
        roots.dedup();
        let first = roots.pop().unwrap_or(RootId::NONE);
        Scope::of(first, roots)
    }

    /// Counts an error, shows it in the statistics, and logs it unless there were many of late.
    pub(crate) fn report(&mut self, error: &dyn Display, now: Moment) {
        self.stats.errors.add(1);
        *self.stats.last_error.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(error.to_string());
        if let Some(suppressed) = self.throttle.admit(now) {
            tracing::error!(
                topology = self.context.topology(),
                component = self.context.component(),
                task = self.context.task_id(),
                suppressed,
                "{error}"
            );
        }
    }
}

impl Roots {
    fn all(&self) -> impl Iterator<Item = RootId> + '_ {
        std::iter::once(self.first).chain(self.extras.iter().copied())
    }
}

#[cfg(test)]
mod tests;
