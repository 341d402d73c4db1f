//! One spout task: the component, its roots, and all that is fused behind it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidemill_world::Moment;

use crate::component::{DynSpout, Spout};
use crate::control::State;
use crate::emit::{SpoutState, emit_backlog};
use crate::epochs::{EpochStep, Parts};
use crate::error::{ComponentError, FailReason};
use crate::poison::{Poison, push_dead};
use crate::policy::{Next, Retries};
use crate::roots::Notices;
use crate::run::{Emitted, Run, Scope};
use crate::spout_core::{AnySpout, SpoutCore, TypedSpout};
use crate::supervise::{Supervisor, discard, guarded};
use crate::target::{AnyStreams, NodeSpec, Outputs, StreamSpec};
use crate::task::TaskState;
use crate::tracker::{Outcome, Tracker};

/// Calls of `next` in one turn; a turn ends sooner when its tuples or its time run out.
const TURN_CALLS: u32 = 256;
/// Roots in one turn: about a batch's worth, so that the tasks behind get their turn.
const TURN_ROOTS: usize = 512;
/// Time in one turn, looked at every [`CLOCK_CALLS`] calls.
const TURN_TIME: Duration = Duration::from_micros(500);
const CLOCK_CALLS: u32 = 8;
/// Replays in one turn.
const TURN_REPLAYS: usize = 512;
/// Pause after an error of `next`; it doubles with each error in a row.
const ERROR_PAUSE_FIRST: Duration = Duration::from_millis(10);
const ERROR_PAUSE_MAX: Duration = Duration::from_secs(5);

/// Pause after a `next` that wanted to be called again but emitted nothing, as Storm's spouts do when
/// they have nothing: without it an idle one would burn a core.
const EMPTY_PAUSE: Duration = Duration::from_millis(1);

/// What a turn of a unit has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Something was done; there may be more.
    Progress,
    /// Nothing to do until woken, or until this moment.
    Idle(Option<Moment>),
}

/// A spout task as its unit sees it.
pub(crate) trait SpoutTask: Send {
    fn start(&mut self, run: &mut Run);
    /// One turn; `may_emit` says whether new roots may be emitted.
    fn turn(&mut self, may_emit: bool, run: &mut Run) -> Turn;
    fn woken(&mut self, run: &mut Run);
    fn end_of_batch(&mut self, run: &mut Run);
    fn tick(&mut self, run: &mut Run) -> Option<Moment>;
    /// Whether it holds still with nothing under way.
    fn is_quiet(&self) -> bool;
    fn epoch(&mut self, step: EpochStep, run: &mut Run, parts: &mut Parts);
    fn close(&mut self, run: &mut Run);
}

/// What a spout's node is made of.
pub(crate) struct SpoutSpec {
    pub(crate) node: NodeSpec,
    pub(crate) dead_letters: StreamSpec,
    pub(crate) tracker: Tracker,
    pub(crate) tracked: bool,
}

/// Makes the nodes of one spout component.
pub(crate) trait SpoutMaker: Send + Sync {
    fn make(&self, spec: SpoutSpec) -> Box<dyn SpoutTask>;
    /// The same component, struck by a test's trouble.
    #[cfg(feature = "testing")]
    fn troubled(&self, trouble: Arc<dyn crate::trouble::Trouble>) -> Arc<dyn SpoutMaker>;
}

type Factory<C> = Arc<dyn Fn() -> C + Send + Sync>;

struct Maker<C: SpoutCore>(Factory<C>);

impl<C: SpoutCore> SpoutMaker for Maker<C> {
    fn make(&self, spec: SpoutSpec) -> Box<dyn SpoutTask> {
        Box::new(SpoutNode::new(Arc::clone(&self.0), spec))
    }

    #[cfg(feature = "testing")]
    fn troubled(&self, trouble: Arc<dyn crate::trouble::Trouble>) -> Arc<dyn SpoutMaker> {
        let factory = Arc::clone(&self.0);
        let factory: Factory<crate::troubled::TroubledSpout<C>> =
            Arc::new(move || crate::troubled::TroubledSpout::new(factory(), Arc::clone(&trouble)));
        Arc::new(Maker(factory))
    }
}

/// The maker of a typed spout.
pub(crate) fn typed<S: Spout>(
    factory: impl Fn() -> S + Send + Sync + 'static,
) -> Arc<dyn SpoutMaker> {
    let factory: Factory<TypedSpout<S>> = Arc::new(move || TypedSpout(factory()));
    Arc::new(Maker(factory))
}

/// The maker of a dynamic spout.
pub(crate) fn dynamic(
    factory: impl Fn() -> Box<dyn DynSpout> + Send + Sync + 'static,
) -> Arc<dyn SpoutMaker> {
    let factory: Factory<AnySpout> = Arc::new(move || AnySpout(factory()));
    Arc::new(Maker(factory))
}

/// When `next` is to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Now,
    Woken,
    At(Moment),
    Never,
}

struct SpoutNode<C: SpoutCore> {
    core: Option<C>,
    factory: Factory<C>,
    outs: C::Outs,
    dead_letters: AnyStreams,
    state: SpoutState,
    notices: Notices,
    supervisor: Supervisor,
    due: Due,
    active: bool,
    /// It was woken or told of a root since `next` was called last. That may have been when it could not emit: between
    /// epochs, or while a queue was full.
    spoken_to: bool,
    errors_in_row: u32,
    /// Whether this task still keeps the topology from ending.
    working: bool,
    /// Roots emitted in this epoch, and how many may be: after one that was taken back half as many, so that trouble
    /// now and then cannot stop everything.
    epoch_roots: usize,
    epoch_roots_max: usize,
}

impl<C: SpoutCore> SpoutNode<C> {
    fn new(factory: Factory<C>, spec: SpoutSpec) -> Self {
        let task = TaskState::new(spec.node.context, spec.node.stats, spec.node.door);
        Self {
            core: None,
            factory,
            outs: C::Outs::build(spec.node.streams),
            dead_letters: AnyStreams::build(vec![spec.dead_letters]),
            state: SpoutState {
                task,
                tracker: spec.tracker,
                tracked: spec.tracked,
                backlog: std::collections::VecDeque::new(),
                burst: 0,
                poison: Poison::default(),
            },
            notices: Notices::default(),
            supervisor: Supervisor::default(),
            due: Due::Now,
            active: true,
            spoken_to: false,
            errors_in_row: 0,
            working: true,
            epoch_roots: 0,
            epoch_roots_max: usize::MAX,
        }
    }

    fn task(&mut self) -> &mut TaskState {
        &mut self.state.task
    }

    fn make(&mut self, run: &mut Run) {
        let (factory, context) = (&self.factory, &self.state.task.context);
        let made = guarded(|| {
            let mut core = factory();
            core.open(context).map(|()| core)
        });
        match made {
            Ok(Ok(core)) => {
                let dead_letters = self.dead_letters.list.iter().any(|s| s.has_targets());
                let mut retries = core.retries();
                if run.control.epochs.is_some() {
                    // A root that fails takes its epoch back and comes again with it.
                    self.state.poison.allow(&retries);
                    retries = Retries::Spout;
                }
                self.state.tracker.set_retries(retries, dead_letters);
                self.core = Some(core);
            }
            Ok(Err(error)) => self.not_made(&format!("open failed: {error}"), run),
            Err(panic) => self.not_made(&format!("panicked in open: {panic}"), run),
        }
    }

    #[cold]
    fn not_made(&mut self, what: &str, run: &mut Run) {
        self.supervisor.lost(&mut self.state.task, what, run);
        run.paused_until = run.paused_until.max(Some(run.clock.now()));
    }

    /// Calls into the component; a panic replaces it.
    fn guard<R>(
        &mut self,
        run: &mut Run,
        act: impl FnOnce(&mut C, &mut C::Outs, &mut SpoutState, &mut Run) -> R,
    ) -> Option<R> {
        let (core, outs, state) = (self.core.as_mut()?, &mut self.outs, &mut self.state);
        match guarded(|| act(core, outs, state, run)) {
            Ok(result) => Some(result),
            Err(panic) => {
                self.panicked(&panic, run);
                None
            }
        }
    }

    #[cold]
    fn panicked(&mut self, panic: &str, run: &mut Run) {
        // The instance that follows begins at what was committed: what this one emitted since would come twice.
        run.fail_epoch();
        // An emit that was under way is forgotten: its root was never opened.
        run.leave_unanchored(Scope::none());
        discard(self.core.take());
        self.task().stats.restarts.add(1);
        self.supervisor.lost(&mut self.state.task, &format!("panicked: {panic}"), run);
        self.make(run);
    }

    // The parts of a turn.

    fn follow_state(&mut self, run: &mut Run) {
        let active = run.control.state() == State::Active;
        if active != self.active {
            self.active = active;
            self.guard(run, |core, _, _, _| core.activate(active));
            if active && self.due != Due::Never {
                self.due = Due::Now;
            }
        }
    }

    fn take_notices(&mut self, run: &mut Run) -> bool {
        let spout = &run.ledger()[self.state.tracker.spout() as usize];
        if !spout.collect(&mut self.notices) {
            return false;
        }
        let now = run.clock.now();
        self.state.tracker.noticed(&mut self.notices, &spout.table, now);
        true
    }

    fn replay_due(&mut self, run: &mut Run) -> bool {
        let mut moved = false;
        for _ in 0..TURN_REPLAYS {
            if run.is_stalled() {
                break;
            }
            let Some(slot) = self.state.tracker.due(run.now) else { break };
            let emitted = self.replay(slot, run);
            let table = &run.ledger()[self.state.tracker.spout() as usize].table;
            self.state.tracker.replayed(slot, emitted, table, run.now);
            moved = true;
        }
        moved
    }

    fn replay(&mut self, slot: u32, run: &mut Run) -> Emitted {
        let (root, replay) = self.state.tracker.replay(slot);
        run.enter_spout(root);
        let delivered = match replay.dead {
            None => {
                let emission = replay.emission;
                self.state.task.stats.replayed.add(1);
                // A custom grouping is the user's code too; what is fused is guarded where it is called.
                let pushed = guarded(|| self.outs.push_again(emission.to, replay.copy, run));
                pushed.unwrap_or_else(|panic| {
                    let component = self.state.task.context.component().to_owned();
                    run.fail_scope(FailReason::Error { component, message: panic });
                    0
                })
            }
            Some((reason, attempts)) => {
                let outputs = &self.state.task.context.shared.outputs;
                let fields = (replay.emission, replay.copy, reason, attempts);
                push_dead(&mut self.dead_letters, outputs, fields, run)
            }
        };
        let emitted = run.leave_spout();
        self.state.task.stats.transferred.add(delivered);
        emitted
    }

    fn may_emit(&self, run: &Run) -> bool {
        let due = match self.due {
            Due::Never => false,
            Due::Now => true,
            Due::Woken => self.spoken_to,
            Due::At(moment) => self.spoken_to || moment <= run.now,
        };
        due && self.active && !run.is_stalled() && !self.is_epoch_full(run)
    }

    /// Whether this epoch must have no more roots; it is ended then.
    fn is_epoch_full(&self, run: &Run) -> bool {
        let is_full = self.epoch_roots >= self.epoch_roots_max;
        if let Some(epochs) = run.control.epochs.as_ref().filter(|_| is_full) {
            epochs.request();
        }
        is_full
    }

    /// Calls `next` until the turn is over; `true` if anything came of it.
    fn emit(&mut self, run: &mut Run) -> bool {
        self.state.burst = 0;
        let deadline = run.now.after(TURN_TIME);
        for call in 1..=TURN_CALLS {
            if !self.state.backlog.is_empty()
                || run.is_stalled()
                || self.state.burst >= TURN_ROOTS
                || self.epoch_roots.saturating_add(self.state.burst) >= self.epoch_roots_max
                || (self.state.tracked && self.state.tracker.room() == 0)
            {
                break;
            }
            let before = self.state.burst;
            let answer = self.guard(run, |core, outs, state, run| core.next(outs, state, run));
            self.bury(run);
            let Some(answer) = answer else { break };
            if !self.answered(answer, run) {
                break;
            }
            if self.state.burst == before {
                self.due = Due::At(run.now.after(EMPTY_PAUSE));
                break;
            }
            if call % CLOCK_CALLS == 0 {
                run.now = run.clock.now();
                if run.now >= deadline {
                    break;
                }
            }
        }
        self.epoch_roots = self.epoch_roots.saturating_add(self.state.burst);
        self.state.burst > 0
    }

    /// Notes what `next` said; `true` if it may be called again at once.
    fn answered(&mut self, answer: Result<Next, ComponentError>, run: &mut Run) -> bool {
        self.supervisor.succeeded();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.state.task.report(&error, run.now);
                let factor = 1u32.checked_shl(self.errors_in_row).unwrap_or(u32::MAX);
                self.errors_in_row = self.errors_in_row.saturating_add(1);
                let pause = ERROR_PAUSE_FIRST.saturating_mul(factor).min(ERROR_PAUSE_MAX);
                self.due = Due::At(run.clock.now().after(pause));
                return false;
            }
        };
        self.errors_in_row = 0;
        self.due = match answer {
            Next::More => Due::Now,
            Next::Idle => Due::Woken,
            Next::IdleUntil(moment) => Due::At(moment),
            Next::Finished => Due::Never,
        };
        answer == Next::More
    }

    /// Tells the spout what became of its roots; `true` if there was anything to tell.
    fn tell(&mut self, run: &mut Run) -> bool {
        if self.state.tracker.effects.outcomes.is_empty() {
            return false;
        }
        let mut outcomes = std::mem::take(&mut self.state.tracker.effects.outcomes);
        let mut acked = 0;
        let mut waiting = outcomes.drain(..);
        // After a panic the rest is told to the next instance.
        while self.core.is_some() && !waiting.as_slice().is_empty() {
            self.guard(run, |core, _, state, run| {
                for outcome in waiting.by_ref() {
                    match outcome {
                        Outcome::Acked(id) => {
                            acked += 1;
                            core.ack(id);
                        }
                        Outcome::Failed(id, reason) if run.control.epochs.is_some() => {
                            state.poison.failed(id, reason);
                            run.fail_epoch();
                        }
                        Outcome::Failed(id, reason) => core.fail(id, &reason),
                    }
                }
            });
        }
        let rest: Vec<Outcome> = waiting.collect();
        outcomes.extend(rest);
        self.state.tracker.effects.outcomes = outcomes;
        self.state.task.stats.acked.add(acked);
        true
    }

    // The end of an epoch.

    fn collect(&mut self, run: &mut Run, parts: &mut Parts) {
        let epoch = run.control.epochs.as_ref().map_or(0, |epochs| epochs.number());
        match self.guard(run, |core, _, _, _| core.commit_part(epoch)) {
            Some(Ok(part)) => parts.parts.extend(part),
            Some(Err(error)) => {
                let text = format!("no part of the commit: {error}");
                self.state.task.report(&text, run.now);
                run.fail_epoch();
            }
            None => run.fail_epoch(),
        }
    }

    fn settle(&mut self, run: &mut Run) {
        let epoch = run.control.epochs.as_ref().map_or(0, |epochs| epochs.number());
        self.state.poison.settle();
        self.epoch_roots = 0;
        self.epoch_roots_max = self.epoch_roots_max.saturating_mul(2);
        self.guard(run, |core, _, _, _| core.committed(epoch));
    }

    fn undo(&mut self, run: &mut Run) {
        self.state.poison.undo();
        let emitted = std::mem::take(&mut self.epoch_roots);
        self.epoch_roots_max = self.epoch_roots_max.min(emitted / 2).max(1);
        if let Some(Err(error)) = self.guard(run, |core, _, _, _| core.taken_back()) {
            self.panicked(&format!("an epoch could not be taken back: {error}"), run);
        }
        self.due = Due::Now;
    }

    fn has_nothing_left(&self) -> bool {
        let state = &self.state;
        state.tracker.pending() == 0 && state.backlog.is_empty() && !state.poison.has_due()
    }

    /// Emits the roots that are dead letters on the stream for them, as far as there is room.
    fn bury(&mut self, run: &mut Run) {
        while self.state.poison.has_due() {
            let Some(root) = self.state.tracker.reserve() else { return };
            let Some(buried) = self.state.poison.next_due() else { return };
            run.enter_spout(root);
            let emission = buried.emission;
            let (reason, attempts) = (&buried.reason, buried.attempts);
            let outputs = &self.state.task.context.shared.outputs;
            let fields = (emission, &*buried.bytes, reason, attempts);
            let delivered = push_dead(&mut self.dead_letters, outputs, fields, run);
            let emitted = run.leave_spout();
            self.state.task.stats.transferred.add(delivered);
            self.state.task.stats.dead_lettered.add(1);
            let table = &run.ledger()[root.spout as usize].table;
            self.state.tracker.emitted(emission, emitted, table, run.now, |_| {});
        }
    }

    fn count(&mut self, run: &mut Run) {
        let state = &mut self.state;
        let effects = &mut state.tracker.effects;
        effects.ages.drain(..).for_each(|age| state.task.stats.complete.record(age));
        state.task.stats.failed.add(std::mem::take(&mut effects.failed));
        for (id, reason) in std::mem::take(&mut effects.dead) {
            state.task.stats.dead_lettered.add(1);
            let text = format!("root {id} ran out of retries: {reason}");
            state.task.report(&text, run.now);
        }
        state.task.stats.pending.set(state.tracker.pending() as u64);
    }

    fn commit(&mut self, run: &mut Run) {
        if run.control.epochs.is_some() {
            return;
        }
        if let Some(low_water) = self.state.tracker.advance_commit()
            && let Some(Err(error)) = self.guard(run, |core, _, _, _| core.commit(low_water))
        {
            self.state.task.report(&error, run.now);
        }
    }

    /// Lets the topology end once this task has nothing left to do with it.
    fn settle_work(&mut self, run: &Run) {
        let stopped = self.due == Due::Never || run.control.state() == State::Draining;
        let done = self.has_nothing_left();
        if !self.working || !stopped || !done {
            return;
        }
        if let Some(epochs) = &run.control.epochs {
            // What it emitted must be committed first.
            if self.epoch_roots > 0 {
                return epochs.request();
            }
            epochs.alive.fetch_sub(1, Ordering::AcqRel);
        }
        self.working = false;
        run.control.end_work();
    }

    fn next_moment(&self, run: &Run) -> Option<Moment> {
        let due = match self.due {
            Due::At(moment) if self.active && !run.is_stalled() => Some(moment),
            _ => None,
        };
        [due, self.state.tracker.next_moment()].into_iter().flatten().min()
    }
}

impl<C: SpoutCore> SpoutTask for SpoutNode<C> {
    fn start(&mut self, run: &mut Run) {
        self.outs.each_fused(&mut |task| task.start(run));
        self.dead_letters.each_fused(&mut |task| task.start(run));
        if self.core.is_none() {
            self.make(run);
        }
    }

    fn turn(&mut self, may_emit: bool, run: &mut Run) -> Turn {
        self.follow_state(run);
        let mut moved = self.take_notices(run);
        let table = &run.ledger()[self.state.tracker.spout() as usize].table;
        self.state.tracker.scan(table, run.now);
        self.spoken_to |= self.state.task.context.wake.take();
        moved |= self.replay_due(run);
        moved |= emit_backlog(&mut self.outs, &mut self.state, run);
        self.bury(run);
        let told = self.tell(run);
        self.spoken_to |= told;
        if may_emit && self.may_emit(run) {
            self.spoken_to = false;
            moved |= self.emit(run);
            self.tell(run);
        }
        self.commit(run);
        self.count(run);
        if moved {
            self.end_of_batch(run);
        }
        // Every root's tuples are in their batches, and counted: the last word may be said.
        self.settle_work(run);
        let more = may_emit
            && self.due == Due::Now
            && self.active
            && !run.is_stalled()
            && !self.is_epoch_full(run);
        let room = !self.state.tracked || self.state.tracker.room() > 0;
        if moved || told || (more && room) {
            return Turn::Progress;
        }
        Turn::Idle(self.next_moment(run))
    }

    fn woken(&mut self, run: &mut Run) {
        self.outs.each_fused(&mut |task| task.woken(run));
    }

    fn end_of_batch(&mut self, run: &mut Run) {
        self.outs.each_fused(&mut |task| task.end_of_batch(run));
    }

    fn tick(&mut self, run: &mut Run) -> Option<Moment> {
        let mut next = None;
        self.outs.each_fused(&mut |task| {
            let behind = task.tick(run);
            next = [next, behind].into_iter().flatten().min();
        });
        next
    }

    fn is_quiet(&self) -> bool {
        self.has_nothing_left()
    }

    fn epoch(&mut self, step: EpochStep, run: &mut Run, parts: &mut Parts) {
        match step {
            EpochStep::Collect => self.collect(run, parts),
            EpochStep::Settle => self.settle(run),
            EpochStep::Undo => self.undo(run),
        }
        self.outs.each_fused(&mut |task| task.epoch(step, run, parts));
        self.dead_letters.each_fused(&mut |task| task.epoch(step, run, parts));
    }

    fn close(&mut self, run: &mut Run) {
        self.guard(run, |core, _, _, _| core.close());
        discard(self.core.take());
        self.outs.each_fused(&mut |task| task.close(run));
        self.dead_letters.each_fused(&mut |task| task.close(run));
    }
}
