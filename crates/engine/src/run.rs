//! The state of one unit while it runs: its outgoing edges, and whose tree it is working on.
//!
//! # Constraints
//!
//! * A unit is one task with an input, or one spout task, and all tasks fused behind it. It runs on one
//!   thread at a time, so all of this is plain memory.
//! * While a tuple and everything fused behind it executes, its roots stand in the [`Scope`]; tuples that
//!   leave the unit are counted there as children, and settled into the roots' words in one addition
//!   before the batch that carries them can be published.
//! * A full ring never blocks inside a component: the batch goes to the edge's overflow, and the unit is not
//!   run again until the overflow is gone. It holds at most what one tuple's execution emitted.

use std::collections::VecDeque;
use std::sync::Arc;

use tidemill_world::{Clock, Moment};

use crate::batch::Batch;
use crate::control::Control;
use crate::encode::TupleWriter;
use crate::error::FailReason;
use crate::queue::Producer;
use crate::roots::{Counted, Ledger, Notices, RootId};

/// Tuples that the tasks of one unit may hold deferred before the unit takes no more input.
pub(crate) const DEFERRED_MAX: usize = 1 << 16;

/// One outgoing edge: from one task of this unit over one stream to one task of another.
#[derive(Debug)]
pub(crate) struct OutEdge {
    producer: Producer,
    batch: Box<Batch>,
    overflow: VecDeque<Box<Batch>>,
    /// A feedback edge closes a cycle: its overflow never stops the unit.
    feedback: bool,
}

impl OutEdge {
    pub(crate) fn new(producer: Producer, feedback: bool) -> Self {
        Self { producer, batch: Box::default(), overflow: VecDeque::new(), feedback }
    }

    /// Publishes what waits, oldest first. `true` if the overflow is gone.
    fn drain(&mut self) -> bool {
        while let Some(batch) = self.overflow.pop_front() {
            if let Err(batch) = self.producer.push(batch) {
                self.overflow.push_front(batch);
                return false;
            }
        }
        true
    }

    /// Publishes the open batch; `false` if it went to the overflow.
    fn publish(&mut self) -> bool {
        let batch = std::mem::replace(&mut self.batch, self.producer.fresh());
        if !self.overflow.is_empty() {
            self.overflow.push_back(batch);
            return false;
        }
        match self.producer.push(batch) {
            Ok(()) => true,
            Err(batch) => {
                self.overflow.push_back(batch);
                false
            }
        }
    }
}

/// The roots of the tuple being executed, and what its execution did to them.
#[derive(Debug)]
pub(crate) struct Scope {
    root: RootId,
    extras: Vec<RootId>,
    /// Children not yet added to the roots' words.
    children: u32,
    /// A spout's own emit, whose word is not yet set.
    fresh: bool,
    /// A spout's own emit, whose word was set early, with one more than its children.
    opened: bool,
    failed: Option<Box<FailReason>>,
}

impl Scope {
    pub(crate) fn none() -> Self {
        Self::of(RootId::NONE, Vec::new())
    }

    pub(crate) fn of(root: RootId, extras: Vec<RootId>) -> Self {
        Self { root, extras, children: 0, fresh: false, opened: false, failed: None }
    }
}

/// What became of a root within its own call chain.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Emitted {
    /// Nothing of it is left. `used` tells whether its word was touched.
    Complete { used: bool },
    /// Tuples of it are under way.
    Open,
    /// A fused bolt failed it. Boxed, because every emit returns one of these.
    Failed(Box<FailReason>),
}

pub(crate) struct Run {
    pub(crate) control: Arc<Control>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) now: Moment,
    /// Deferred tuples in all tasks of this unit.
    pub(crate) deferred: usize,
    /// Not to be run before: a component of the unit is being restarted.
    pub(crate) paused_until: Option<Moment>,
    edges: Vec<OutEdge>,
    stalled: bool,
    scope: Scope,
    ledger: Ledger,
    notices: Vec<Notices>,
    noticed: bool,
}

impl Run {
    pub(crate) fn new(
        control: Arc<Control>,
        clock: Arc<dyn Clock>,
        ledger: Ledger,
        edges: Vec<OutEdge>,
    ) -> Self {
        let notices = ledger.iter().map(|_| Notices::default()).collect();
        let now = clock.now();
        Self {
            control,
            clock,
            now,
            deferred: 0,
            paused_until: None,
            edges,
            stalled: false,
            scope: Scope::none(),
            ledger,
            notices,
            noticed: false,
        }
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Whether its components may be called although they might emit.
    pub(crate) fn may_emit(&self) -> bool {
        !self.stalled && self.paused_until.is_none()
    }

    /// Whether the unit must take no more input for now.
    #[inline]
    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled || self.deferred >= DEFERRED_MAX || self.paused_until.is_some()
    }

    // Emitting.

    /// Batches that wait on an edge for its consumer.
    pub(crate) fn depth(&self, edge: usize) -> usize {
        self.edges.get(edge).map_or(0, |edge| edge.producer.depth())
    }

    /// Appends one tuple to an edge under the present scope.
    #[inline]
    pub(crate) fn append(&mut self, edge: usize, encode: impl FnOnce(&mut TupleWriter<'_>)) {
        let out = &mut self.edges[edge];
        if out.batch.is_empty() {
            self.control.begin_work();
        }
        out.batch.push(self.scope.root, &self.scope.extras, encode);
        self.scope.children += 1;
        if out.batch.is_full() {
            self.publish_full(edge);
        }
    }

    fn publish_full(&mut self, edge: usize) {
        self.settle();
        let out = &mut self.edges[edge];
        if !out.publish() && !out.feedback {
            self.stalled = true;
        }
    }

    /// Adds the children so far to the roots' words.
    fn settle(&mut self) {
        let children = std::mem::take(&mut self.scope.children);
        if self.scope.root.is_none() {
            return;
        }
        if self.scope.fresh {
            self.scope.fresh = false;
            self.scope.opened = true;
            self.table(self.scope.root).open(self.scope.root, children + 1);
        } else if children > 0 {
            self.table(self.scope.root).add(self.scope.root, i64::from(children));
            for root in &self.scope.extras {
                self.table(*root).add(*root, i64::from(children));
            }
        }
    }

    fn table(&self, root: RootId) -> &crate::roots::SlotTable {
        &self.ledger[root.spout as usize].table
    }

    // Scopes.

    /// Makes `scope` the present one and returns the former.
    pub(crate) fn enter(&mut self, scope: Scope) -> Scope {
        std::mem::replace(&mut self.scope, scope)
    }

    /// Begins the scope of a spout's own emit, outside of any other.
    #[inline]
    pub(crate) fn enter_spout(&mut self, root: RootId) {
        let scope = &mut self.scope;
        scope.root = root;
        scope.children = 0;
        scope.fresh = true;
        scope.opened = false;
        scope.failed = None;
    }

    /// Ends it.
    #[inline]
    pub(crate) fn leave_spout(&mut self) -> Emitted {
        let root = std::mem::replace(&mut self.scope.root, RootId::NONE);
        let children = std::mem::take(&mut self.scope.children);
        let opened = std::mem::take(&mut self.scope.opened);
        self.scope.fresh = false;
        if let Some(reason) = self.scope.failed.take() {
            if !opened || self.table(root).fail(root) {
                return Emitted::Failed(reason);
            }
            return Emitted::Open;
        }
        if !opened {
            if children == 0 {
                return Emitted::Complete { used: false };
            }
            self.table(root).open(root, children);
            return Emitted::Open;
        }
        match self.table(root).add(root, i64::from(children) - 1) {
            Counted::Completed => Emitted::Complete { used: true },
            Counted::Pending | Counted::Stale => Emitted::Open,
        }
    }

    /// Begins the scope of input tuples that share their roots.
    #[inline]
    pub(crate) fn enter_input(&mut self, root: RootId, extras: &[RootId]) {
        let scope = &mut self.scope;
        scope.root = root;
        // A tick or a poll may have left counts behind that belong to no root.
        scope.children = 0;
        scope.failed = None;
        scope.extras.extend_from_slice(extras);
    }

    /// Ends it after `done` of the tuples were executed.
    #[inline]
    pub(crate) fn leave_input(&mut self, done: usize) {
        let root = std::mem::replace(&mut self.scope.root, RootId::NONE);
        let children = i64::from(std::mem::take(&mut self.scope.children));
        let delta = children.saturating_sub_unsigned(done as u64);
        if root.is_none() {
            self.scope.failed = None;
            return;
        }
        match self.scope.failed.take() {
            Some(reason) => self.fail(root, &reason),
            None => self.count(root, delta),
        }
        if !self.scope.extras.is_empty() {
            self.leave_extras(delta);
        }
    }

    fn leave_extras(&mut self, delta: i64) {
        let extras = std::mem::take(&mut self.scope.extras);
        extras.iter().for_each(|root| self.count(*root, delta));
        self.scope.extras = extras;
        self.scope.extras.clear();
    }

    /// Ends the scope of an emit that was anchored to tuples held deferred.
    pub(crate) fn leave_anchored(&mut self, former: Scope) {
        let scope = self.enter(former);
        if scope.root.is_none() {
            return;
        }
        let roots = std::iter::once(scope.root).chain(scope.extras);
        for root in roots {
            match &scope.failed {
                Some(reason) => self.fail(root, reason),
                None => self.count(root, i64::from(scope.children)),
            }
        }
    }

    /// Ends a scope without roots.
    pub(crate) fn leave_unanchored(&mut self, former: Scope) {
        drop(self.enter(former));
    }

    /// The roots of the present scope.
    pub(crate) fn scope_roots(&self) -> (RootId, &[RootId]) {
        (self.scope.root, &self.scope.extras)
    }

    /// One of the scope's tuples stays with a bolt beyond the call. It is settled at once, because the bolt
    /// may give it back within the same call.
    pub(crate) fn hold_scope(&mut self) {
        self.scope.children += 1;
        let (root, extras) = (self.scope.root, std::mem::take(&mut self.scope.extras));
        std::iter::once(root).chain(extras.iter().copied()).for_each(|root| self.hold(root, 1));
        self.scope.extras = extras;
        self.settle();
    }

    /// Fails the present scope; the first reason stays.
    pub(crate) fn fail_scope(&mut self, reason: FailReason) {
        // All roots of a multi-anchored tuple fail with it.
        for index in 0..self.scope.extras.len() {
            let root = self.scope.extras[index];
            self.fail(root, &reason);
        }
        self.scope.failed.get_or_insert_with(|| Box::new(reason));
    }

    // Roots.

    pub(crate) fn hold(&self, root: RootId, delta: i32) {
        if !root.is_none() {
            self.table(root).hold(root, delta);
        }
    }

    /// Adds to a root's count and leaves a notice if that completed it.
    pub(crate) fn count(&mut self, root: RootId, delta: i64) {
        if delta == 0 || root.is_none() {
            return;
        }
        if self.table(root).add(root, delta) == Counted::Completed {
            self.notices[root.spout as usize].completed.push(root);
            self.noticed = true;
        }
    }

    /// Has the epoch taken back, in an exactly-once topology.
    pub(crate) fn fail_epoch(&self) {
        if let Some(epochs) = &self.control.epochs {
            epochs.fail();
        }
    }

    /// Fails a root and leaves a notice if it was still alive.
    pub(crate) fn fail(&mut self, root: RootId, reason: &FailReason) {
        if !root.is_none() && self.table(root).fail(root) {
            self.notices[root.spout as usize].failed.push((root, reason.clone()));
            self.noticed = true;
        }
    }

    /// Restarts a root's message timeout.
    pub(crate) fn touch(&mut self, root: RootId) {
        if !root.is_none() {
            self.notices[root.spout as usize].touched.push(root);
            self.noticed = true;
        }
    }

    // The end of a turn.

    /// Publishes what waits in overflows; the unit may run again if `true`.
    pub(crate) fn drain_overflow(&mut self) -> bool {
        if self.stalled {
            // Every edge is tried, not only until the first that stays full.
            let blocked = self.edges.iter_mut().filter(|edge| !edge.feedback);
            self.stalled = blocked.map(|edge| !edge.drain()).fold(false, |a, b| a | b);
        }
        for edge in &mut self.edges {
            if edge.feedback {
                edge.drain();
            }
        }
        !self.stalled
    }

    /// Publishes open batches: all of them when the unit has `paused`, else only those whose consumer has
    /// nothing left to do. A busy consumer gets fuller batches, an idle one gets its tuple at once.
    /// `true` if anything was published.
    pub(crate) fn publish(&mut self, paused: bool) -> bool {
        let mut published = false;
        for edge in &mut self.edges {
            if !edge.batch.is_empty()
                && edge.overflow.is_empty()
                && (paused || edge.producer.is_drained())
            {
                let full = !edge.publish();
                self.stalled |= full && !edge.feedback;
                published |= !full;
            }
        }
        published
    }

    /// Hands the turn's notices to the spouts.
    pub(crate) fn deliver_notices(&mut self) {
        if !std::mem::take(&mut self.noticed) {
            return;
        }
        for (notices, spout) in self.notices.iter_mut().zip(self.ledger.iter()) {
            if !notices.is_empty() {
                spout.leave(notices);
            }
        }
    }
}

#[cfg(test)]
mod tests;
