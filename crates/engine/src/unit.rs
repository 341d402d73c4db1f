//! A unit: one head task with its inputs, and all tasks fused behind it. The smallest thing a worker runs.

use std::sync::Arc;

use tidemill_world::{Moment, Wake};

use crate::batch::Batch;
use crate::control::{Control, State};
use crate::epochs::{EpochStep, Parts, Phase};
use crate::queue::Consumer;
use crate::run::Run;
use crate::spout_node::{SpoutTask, Turn};
use crate::target::BoltTask;
use crate::tuple_ref::TupleMeta;

/// The head of a unit.
pub(crate) enum Head {
    Spout(Box<dyn SpoutTask>),
    Bolt(Box<dyn BoltTask>),
}

/// One incoming edge of a bolt, and the batch it is in the middle of.
pub(crate) struct Input {
    consumer: Consumer,
    meta: TupleMeta,
    open: Option<Open>,
}

struct Open {
    batch: Box<Batch>,
    tuple: usize,
    run: usize,
}

impl Input {
    pub(crate) fn new(consumer: Consumer, meta: TupleMeta) -> Self {
        Self { consumer, meta, open: None }
    }

    /// Executes what is left of the open batch, or of the next one. `None` if there is none.
    fn execute(&mut self, head: &mut dyn BoltTask, run: &mut Run) -> Option<()> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => Open { batch: self.consumer.pop()?, tuple: 0, run: 0 },
        };
        if !open.execute(head, &self.meta, run) {
            self.open = Some(open);
            return Some(());
        }
        head.end_of_batch(run);
        self.consumer.give_back(open.batch);
        // What the batch caused is counted by now.
        run.control.end_work();
        Some(())
    }
}

impl Open {
    /// Executes run by run, a run being neighbouring tuples of the same roots; `true` if none is left.
    fn execute(&mut self, head: &mut dyn BoltTask, meta: &TupleMeta, run: &mut Run) -> bool {
        while let Some(same) = self.batch.runs().get(self.run) {
            let end = same.end as usize;
            run.enter_input(same.root, self.batch.extras(same));
            let done = head.execute(&self.batch, self.tuple, end, meta, run);
            run.leave_input(done);
            self.tuple += done;
            if self.tuple < end {
                return false;
            }
            self.run += 1;
        }
        true
    }
}

/// What became of a unit in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnitTurn {
    Progress,
    Idle(Option<Moment>),
    Closed,
}

pub(crate) struct Unit {
    head: Head,
    inputs: Vec<Input>,
    next_input: usize,
    run: Run,
    wake: Wake,
    woken: bool,
    started: bool,
    next_tick: Option<Moment>,
    /// The latest stage of the epochs that this unit has followed.
    stage: u64,
}

impl Unit {
    pub(crate) fn new(head: Head, inputs: Vec<Input>, run: Run, wake: Wake) -> Self {
        Self {
            head,
            inputs,
            next_input: 0,
            run,
            wake,
            woken: false,
            started: false,
            next_tick: None,
            stage: 0,
        }
    }

    pub(crate) fn control(&self) -> &Arc<Control> {
        &self.run.control
    }

    /// Does one bounded piece of work.
    pub(crate) fn turn(&mut self) -> UnitTurn {
        self.run.now = self.run.clock.now();
        match self.run.control.state() {
            State::Closing => return self.close(),
            State::Draining if self.run.now >= self.run.control.deadline() => {
                self.run.control.close();
                return UnitTurn::Progress;
            }
            _ => {}
        }
        if let Some(until) = self.run.paused_until {
            if self.run.now < until {
                return UnitTurn::Idle(Some(until));
            }
            self.run.paused_until = None;
            self.started = false;
        }
        if !self.started {
            self.start();
            return UnitTurn::Progress;
        }
        self.work()
    }

    fn start(&mut self) {
        self.started = true;
        match &mut self.head {
            Head::Spout(spout) => spout.start(&mut self.run),
            Head::Bolt(bolt) => bolt.start(&mut self.run),
        }
        self.tick();
        self.finish(true);
    }

    fn work(&mut self) -> UnitTurn {
        let phase = self.follow_epochs();
        let run = &mut self.run;
        run.drain_overflow();
        self.woken |= self.wake.take();
        // What is called may emit, and what is emitted between epochs would belong to none.
        let may_call = match phase {
            Phase::Open | Phase::Draining => run.may_emit(),
            _ => false,
        };
        let called = may_call && (self.poll() | (phase == Phase::Open && self.tick_if_due()));
        if called {
            self.end_of_batch();
        }
        let turn = match &mut self.head {
            Head::Spout(spout) => spout.turn(phase == Phase::Open, &mut self.run),
            Head::Bolt(_) => self.consume(),
        };
        let published = self.finish(called || turn == Turn::Progress);
        match turn {
            Turn::Idle(moment) if !called && !published => UnitTurn::Idle(self.earliest(moment)),
            _ => UnitTurn::Progress,
        }
    }

    /// Does this unit's part of the end of an epoch, once a stage.
    fn follow_epochs(&mut self) -> Phase {
        let control = Arc::clone(&self.run.control);
        let Some(epochs) = &control.epochs else { return Phase::Open };
        epochs.end_if_due(self.run.now);
        let (stage, phase) = epochs.stage();
        let step = match phase {
            Phase::Open | Phase::Committing => None,
            Phase::Draining => {
                let is_quiet = match &self.head {
                    Head::Spout(spout) => spout.is_quiet(),
                    Head::Bolt(_) => false,
                };
                if is_quiet && self.stage != stage {
                    self.stage = stage;
                    epochs.be_quiet();
                }
                epochs.collect_if_drained(|spouts| control.only_spouts_work(spouts));
                None
            }
            Phase::Collecting => Some(EpochStep::Collect),
            Phase::Settling => Some(EpochStep::Settle),
            Phase::Undoing => Some(EpochStep::Undo),
        };
        if let Some(step) = step.filter(|_| self.stage != stage) {
            self.stage = stage;
            let mut parts = Parts::default();
            match &mut self.head {
                Head::Spout(spout) => spout.epoch(step, &mut self.run, &mut parts),
                Head::Bolt(bolt) => bolt.epoch(step, &mut self.run, &mut parts),
            }
            epochs.gather(parts);
            epochs.pass(phase, self.run.now);
        }
        phase
    }

    fn earliest(&self, moment: Option<Moment>) -> Option<Moment> {
        let draining = self.run.control.state() == State::Draining;
        let deadline = draining.then(|| self.run.control.deadline());
        let tick = self.next_tick.filter(|_| self.run.may_emit());
        let epochs = self.run.control.epochs.as_ref();
        let epoch =
            epochs.filter(|epochs| epochs.stage().1 == Phase::Open).map(|epochs| epochs.due());
        [moment, tick, deadline, self.run.paused_until, epoch].into_iter().flatten().min()
    }

    fn poll(&mut self) -> bool {
        if !std::mem::take(&mut self.woken) {
            return false;
        }
        match &mut self.head {
            Head::Spout(spout) => spout.woken(&mut self.run),
            Head::Bolt(bolt) => bolt.woken(&mut self.run),
        }
        true
    }

    /// What a poll or a tick emitted into fused tasks was a batch of its own.
    fn end_of_batch(&mut self) {
        match &mut self.head {
            Head::Spout(spout) => spout.end_of_batch(&mut self.run),
            Head::Bolt(bolt) => bolt.end_of_batch(&mut self.run),
        }
    }

    fn tick_if_due(&mut self) -> bool {
        let due = self.next_tick.is_some_and(|moment| moment <= self.run.now);
        if due {
            self.tick();
        }
        due
    }

    fn tick(&mut self) {
        self.next_tick = match &mut self.head {
            Head::Spout(spout) => spout.tick(&mut self.run),
            Head::Bolt(bolt) => bolt.tick(&mut self.run),
        };
    }

    /// Executes from the inputs in turn, one batch at most.
    fn consume(&mut self) -> Turn {
        let Head::Bolt(bolt) = &mut self.head else { return Turn::Idle(None) };
        if self.run.is_stalled() {
            return Turn::Idle(None);
        }
        for _ in 0..self.inputs.len() {
            let index = self.next_input;
            self.next_input = if index + 1 < self.inputs.len() { index + 1 } else { 0 };
            if self.inputs[index].execute(&mut **bolt, &mut self.run).is_some() {
                return Turn::Progress;
            }
        }
        Turn::Idle(None)
    }

    /// Publishes and notifies at the end of a turn.
    fn finish(&mut self, busy: bool) -> bool {
        let published = self.run.publish(!busy);
        self.run.deliver_notices();
        published
    }

    fn close(&mut self) -> UnitTurn {
        match &mut self.head {
            Head::Spout(spout) => spout.close(&mut self.run),
            Head::Bolt(bolt) => bolt.close(&mut self.run),
        }
        self.run.control.unit_closed();
        UnitTurn::Closed
    }
}
