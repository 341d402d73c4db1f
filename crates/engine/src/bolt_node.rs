//! One bolt task: the component, what it emits to, and its supervision.

use std::any::{Any, TypeId};
use std::marker::PhantomData;
use std::sync::Arc;

use tidemill_world::Moment;

use crate::batch::Batch;
use crate::bolt_core::{AnyBolt, BoltCore, Hook, Io, TypedBolt};
use crate::component::{Bolt, DynBolt};
use crate::epochs::{EpochStep, Parts};
use crate::error::{ComponentError, FailReason};
use crate::policy::Done;
use crate::run::{Run, Scope};
use crate::supervise::{Supervisor, discard, guarded};
use crate::target::{BoltMaker, BoltTask, Input, NodeSpec, Outputs, Sink};
use crate::task::TaskState;
use crate::tuple_ref::{Repr, TaskId, TupleMeta, TupleRef};

/// One tuple in so many is timed.
const EXECUTE_SAMPLE: u64 = 64;

type Factory<C> = Arc<dyn Fn() -> C + Send + Sync>;

struct BoltNode<C: BoltCore> {
    core: Option<C>,
    factory: Factory<C>,
    outs: C::Outs,
    task: TaskState,
    source: Option<TupleMeta>,
    tick: Option<std::time::Duration>,
    next_tick: Option<Moment>,
    supervisor: Supervisor,
    executed: u64,
}

impl<C: BoltCore> BoltNode<C> {
    fn new(factory: Factory<C>, spec: NodeSpec) -> Self {
        Self {
            core: None,
            factory,
            outs: C::Outs::build(spec.streams),
            task: TaskState::new(spec.context, spec.stats, spec.door),
            source: spec.source,
            tick: spec.tick,
            next_tick: None,
            supervisor: Supervisor::default(),
            executed: 0,
        }
    }

    fn make(&mut self, run: &mut Run) {
        let (factory, context) = (&self.factory, &self.task.context);
        context.states.lend(std::mem::take(&mut self.task.stores));
        let made = guarded(|| {
            let mut core = factory();
            core.prepare(context).map(|()| core)
        });
        self.task.stores = self.task.context.states.take();
        match made {
            Ok(Ok(core)) => self.core = Some(core),
            Ok(Err(error)) => self.not_made(&format!("prepare failed: {error}"), run),
            Err(panic) => self.not_made(&format!("panicked in prepare: {panic}"), run),
        }
    }

    #[cold]
    fn not_made(&mut self, what: &str, run: &mut Run) {
        self.supervisor.lost(&mut self.task, what, run);
        // A unit whose component is missing must not run, not even after the first failure.
        run.paused_until = run.paused_until.max(Some(run.clock.now()));
    }

    #[inline]
    fn execute_one(&mut self, tuple: <C::In as Input>::Ref<'_>, run: &mut Run) {
        let Some(core) = &mut self.core else { return self.missing(run) };
        let timed = self.executed.is_multiple_of(EXECUTE_SAMPLE).then(|| run.clock.now());
        self.executed += 1;
        self.task.stats.executed.add(1);
        self.task.defers = 0;
        let io = Io { outs: &mut self.outs, task: &mut self.task, run };
        match guarded(|| core.execute(tuple, io)) {
            Ok(Ok(Done::Ack)) => self.supervisor.succeeded(),
            Ok(answer) => self.answered(answer, run),
            Err(panic) => self.panicked(&panic, true, run),
        }
        if let Some(begun) = timed {
            self.task.stats.execute.record(run.clock.now().since(begun));
        }
    }

    /// Handles the answers other than `Ack`.
    fn answered(&mut self, answer: Result<Done, ComponentError>, run: &mut Run) {
        self.supervisor.succeeded();
        let component = || self.task.context.component().to_owned();
        match answer {
            Ok(Done::Ack) => {}
            // The anchors that `defer` gave hold the root.
            Ok(Done::Defer) if self.task.defers > 0 => {}
            Ok(Done::Defer) => {
                run.hold_scope();
                self.task.stats.deferred.add(1);
            }
            Ok(Done::Fail) => {
                self.task.stats.failed.add(1);
                run.fail_scope(FailReason::Failed {
                    component: component(),
                    message: String::new(),
                });
            }
            Err(error) => {
                self.task.stats.failed.add(1);
                run.fail_scope(FailReason::Error {
                    component: component(),
                    message: error.to_string(),
                });
                self.task.report(&error, run.now);
            }
        }
    }

    #[cold]
    fn missing(&mut self, run: &mut Run) {
        self.task.stats.executed.add(1);
        self.task.stats.failed.add(1);
        run.fail_scope(self.panic_reason());
    }

    fn panic_reason(&self) -> FailReason {
        FailReason::Panicked { component: self.task.context.component().to_owned() }
    }

    #[cold]
    fn panicked(&mut self, panic: &str, in_hand: bool, run: &mut Run) {
        let reason = self.panic_reason();
        if in_hand {
            self.task.stats.failed.add(1);
            run.fail_scope(reason.clone());
        }
        discard(self.core.take());
        // What it had gathered for the commit is lost with it.
        run.fail_epoch();
        self.task.fail_all(&reason, run);
        self.task.stats.restarts.add(1);
        self.supervisor.lost(&mut self.task, &format!("panicked: {panic}"), run);
        self.make(run);
    }

    /// Calls a hook of this component, with no tuple in hand.
    fn call(&mut self, hook: Hook, run: &mut Run) {
        let Some(core) = &mut self.core else { return };
        let former = run.enter(Scope::none());
        let io = Io { outs: &mut self.outs, task: &mut self.task, run };
        let answer = guarded(|| core.call(hook, io));
        run.leave_unanchored(former);
        match answer {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.task.report(&error, run.now),
            Err(panic) => self.panicked(&panic, false, run),
        }
    }

    // The end of an epoch.

    fn collect(&mut self, run: &mut Run, parts: &mut Parts) {
        let (Some(core), Some(epochs)) = (&mut self.core, &run.control.epochs) else {
            return run.fail_epoch();
        };
        let epoch = epochs.number();
        match guarded(|| core.commit_part(epoch)) {
            Ok(Ok(part)) => {
                parts.parts.extend(part);
                parts.changes.extend(self.task.stores.changes(self.task.context.component()));
            }
            Ok(Err(error)) => {
                self.task.report(&format!("no part of the commit: {error}"), run.now);
                run.fail_epoch();
            }
            Err(panic) => self.panicked(&panic, false, run),
        }
    }

    fn settle(&mut self, run: &mut Run) {
        self.task.stores.settle();
        let (Some(core), Some(epochs)) = (&mut self.core, &run.control.epochs) else { return };
        let epoch = epochs.number();
        if let Err(panic) = guarded(|| core.committed(epoch)) {
            self.panicked(&panic, false, run);
        }
    }

    fn undo(&mut self, run: &mut Run) {
        self.task.stores.undo();
        let Some(core) = &mut self.core else { return };
        match guarded(|| core.taken_back()) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                self.panicked(&format!("an epoch could not be taken back: {error}"), false, run);
            }
            Err(panic) => self.panicked(&panic, false, run),
        }
    }

    #[cold]
    fn misfit(&mut self, run: &mut Run) {
        let message = "the tuple's fields are not of the types this bolt takes".to_owned();
        self.task.report(&message, run.now);
        self.task.stats.executed.add(1);
        self.task.stats.failed.add(1);
        let component = self.task.context.component().to_owned();
        run.fail_scope(FailReason::Error { component, message });
    }
}

impl<C: BoltCore> BoltTask for BoltNode<C> {
    fn task_id(&self) -> TaskId {
        self.task.context.task_id()
    }

    fn start(&mut self, run: &mut Run) {
        // Those behind come first, so that they are ready for the first tuple.
        self.outs.each_fused(&mut |task| task.start(run));
        if self.core.is_none() {
            self.make(run);
        }
        if let Some(interval) = self.tick {
            self.next_tick.get_or_insert(run.now.after(interval));
        }
    }

    fn push(&mut self, repr: Repr<'_>, run: &mut Run) {
        // Taken out for the call, because the tuple borrows it and the node is borrowed too.
        let Some(meta) = self.source.take() else { return };
        match <C::In as Input>::read(TupleRef { meta: &meta, repr }) {
            Some(tuple) => self.execute_one(tuple, run),
            None => self.misfit(run),
        }
        self.source = Some(meta);
    }

    fn execute(
        &mut self,
        batch: &Batch,
        from: usize,
        to: usize,
        meta: &TupleMeta,
        run: &mut Run,
    ) -> usize {
        self.task.input = meta.input;
        for index in from..to {
            if run.is_stalled() {
                return index - from;
            }
            let repr = Repr::Encoded(batch.tuple(index));
            match <C::In as Input>::read(TupleRef { meta, repr }) {
                Some(tuple) => self.execute_one(tuple, run),
                None => self.misfit(run),
            }
        }
        to - from
    }

    fn end_of_batch(&mut self, run: &mut Run) {
        self.task.stores.pass(run.now);
        self.call(Hook::EndOfBatch, run);
        self.outs.each_fused(&mut |task| task.end_of_batch(run));
    }

    fn woken(&mut self, run: &mut Run) {
        self.task.answer_questions(run.now);
        if self.task.context.wake.take() {
            self.call(Hook::Poll, run);
        }
        self.outs.each_fused(&mut |task| task.woken(run));
    }

    fn tick(&mut self, run: &mut Run) -> Option<Moment> {
        if let (Some(due), Some(interval)) = (self.next_tick, self.tick)
            && due <= run.now
        {
            // Missed ticks are not made up for.
            self.next_tick = Some(run.now.after(interval));
            self.call(Hook::Tick, run);
        }
        let mut next = self.next_tick;
        self.outs.each_fused(&mut |task| {
            let behind = task.tick(run);
            next = [next, behind].into_iter().flatten().min();
        });
        next
    }

    fn epoch(&mut self, step: EpochStep, run: &mut Run, parts: &mut Parts) {
        match step {
            EpochStep::Collect => self.collect(run, parts),
            EpochStep::Settle => self.settle(run),
            EpochStep::Undo => self.undo(run),
        }
        self.outs.each_fused(&mut |task| task.epoch(step, run, parts));
    }

    fn close(&mut self, run: &mut Run) {
        self.task.close_door();
        if let Some(mut core) = self.core.take() {
            if let Err(panic) = guarded(|| core.close()) {
                self.task.report(&format!("panicked in close: {panic}"), run.now);
            }
            discard(Some(core));
        }
        self.outs.each_fused(&mut |task| task.close(run));
    }
}

impl<C: BoltCore> Sink<C::In> for BoltNode<C> {
    #[inline]
    fn push_ref(&mut self, tuple: <C::In as Input>::Ref<'_>, run: &mut Run) {
        self.execute_one(tuple, run);
    }
}

/// Makes nodes of one kind of component.
struct Maker<C: BoltCore> {
    factory: Factory<C>,
    input: Option<TypeId>,
    kind: PhantomData<fn() -> C>,
}

impl<C: BoltCore> BoltMaker for Maker<C> {
    fn input(&self) -> Option<TypeId> {
        self.input
    }

    fn make(&self, spec: NodeSpec) -> Box<dyn BoltTask> {
        Box::new(BoltNode::new(Arc::clone(&self.factory), spec))
    }

    fn make_sink(&self, spec: NodeSpec) -> Box<dyn Any> {
        let sink: Box<dyn Sink<C::In>> = Box::new(BoltNode::new(Arc::clone(&self.factory), spec));
        Box::new(sink)
    }

    #[cfg(feature = "testing")]
    fn troubled(&self, trouble: Arc<dyn crate::trouble::Trouble>) -> Arc<dyn BoltMaker> {
        let factory = Arc::clone(&self.factory);
        let factory: Factory<crate::troubled::TroubledBolt<C>> =
            Arc::new(move || crate::troubled::TroubledBolt::new(factory(), Arc::clone(&trouble)));
        Arc::new(Maker { factory, input: self.input, kind: PhantomData })
    }
}

/// The maker of a typed bolt.
pub(crate) fn typed<B: Bolt>(
    factory: impl Fn() -> B + Send + Sync + 'static,
) -> Arc<dyn BoltMaker> {
    let factory: Factory<TypedBolt<B>> = Arc::new(move || TypedBolt(factory()));
    Arc::new(Maker { factory, input: Some(TypeId::of::<B::In>()), kind: PhantomData })
}

/// The maker of a dynamic bolt.
pub(crate) fn dynamic(
    factory: impl Fn() -> Box<dyn DynBolt> + Send + Sync + 'static,
) -> Arc<dyn BoltMaker> {
    let factory: Factory<AnyBolt> = Arc::new(move || AnyBolt(factory()));
    Arc::new(Maker { factory, input: None, kind: PhantomData })
}
