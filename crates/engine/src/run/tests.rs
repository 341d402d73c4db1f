//! Children are counted before their batch is published, whenever its consumer gets to run.
//!
//! Three units in a row share roots: a spout, a bolt in the middle, a bolt at the end. Between any two appends of
//! one unit the units behind it may take whole batches, as threads of their own would.

use proptest::prelude::*;
use tidemill_world::random::SeededRandom;
use tidemill_world::sim::Simulation;
use tidemill_world::{Wake, World};

use super::*;
use crate::queue::{Consumer, ring};
use crate::roots::SpoutLedger;

const SLOTS: usize = 64;

fn unit(world: &World, ledger: &Ledger, control: &Arc<Control>, edge: Option<Producer>) -> Run {
    let edges = edge.into_iter().map(|producer| OutEdge::new(producer, false)).collect();
    Run::new(Arc::clone(control), world.clock_arc(), Arc::clone(ledger), edges)
}

struct Model {
    random: SeededRandom,
    ledger: Ledger,
    spout: Run,
    middle: Run,
    end: Run,
    to_middle: Consumer,
    to_end: Consumer,
    /// Tuples under way of each root, by slot, and one for the spout's own emit.
    outstanding: Vec<i64>,
    completed: Vec<u32>,
}

impl Model {
    fn new(seed: u64) -> Self {
        let world = Simulation::new(seed).world();
        let control = Arc::new(Control::new("t".into(), Vec::new(), 1, 3, Vec::new(), None));
        let ledger: Ledger = Arc::new([SpoutLedger::new(SLOTS, Wake::new())]);
        let (spout_edge, to_middle) = ring(Wake::new(), Wake::new());
        let (middle_edge, to_end) = ring(Wake::new(), Wake::new());
        Self {
            random: SeededRandom::new(seed),
            spout: unit(&world, &ledger, &control, Some(spout_edge)),
            middle: unit(&world, &ledger, &control, Some(middle_edge)),
            end: unit(&world, &ledger, &control, None),
            ledger,
            to_middle,
            to_end,
            outstanding: vec![0; SLOTS],
            completed: vec![0; SLOTS],
        }
    }

    fn chance(&mut self) -> bool {
        self.random.below(3) == 0
    }

    /// Emits one root with some children and lets the others in between.
    fn emit(&mut self, slot: u32) {
        let root = RootId { spout: 0, slot, generation: 0 };
        self.outstanding[slot as usize] = 1;
        self.spout.enter_spout(root);
        for _ in 0..self.random.below(14) {
            self.outstanding[slot as usize] += 1;
            self.spout.append(0, |_| {});
            if self.chance() {
                self.run_middle();
            }
        }
        self.outstanding[slot as usize] -= 1;
        match self.spout.leave_spout() {
            Emitted::Complete { .. } => self.complete(slot),
            Emitted::Open => {}
            Emitted::Failed(reason) => panic!("nobody failed it: {reason}"),
        }
        if self.chance() {
            self.spout.publish(true);
        }
    }

    /// The bolt in the middle takes a batch; its children go to the end.
    fn run_middle(&mut self) {
        self.middle.drain_overflow();
        let Some(batch) = self.to_middle.pop() else { return };
        let mut at = 0;
        for same in batch.runs() {
            self.middle.enter_input(same.root, batch.extras(same));
            let done = same.end as usize - at;
            for _ in 0..done {
                for _ in 0..self.random.below(4) {
                    self.outstanding[same.root.slot as usize] += 1;
                    self.middle.append(0, |_| {});
                    if self.chance() {
                        self.run_end();
                    }
                }
            }
            self.outstanding[same.root.slot as usize] -= done as i64;
            self.middle.leave_input(done);
            at = same.end as usize;
        }
        self.to_middle.give_back(batch);
        if self.chance() {
            self.middle.publish(true);
        }
        self.middle.deliver_notices();
        self.check();
    }

    fn run_end(&mut self) {
        let Some(batch) = self.to_end.pop() else { return };
        let mut at = 0;
        for same in batch.runs() {
            self.end.enter_input(same.root, batch.extras(same));
            let done = same.end as usize - at;
            self.outstanding[same.root.slot as usize] -= done as i64;
            self.end.leave_input(done);
            at = same.end as usize;
        }
        self.to_end.give_back(batch);
        self.end.deliver_notices();
        self.check();
    }

    fn check(&mut self) {
        let mut notices = Notices::default();
        self.ledger[0].collect(&mut notices);
        for root in notices.completed {
            self.complete(root.slot);
        }
    }

    fn complete(&mut self, slot: u32) {
        assert_eq!(self.outstanding[slot as usize], 0, "root {slot} completed too early");
        self.completed[slot as usize] += 1;
    }

    /// Lets everything come to its end.
    fn drain(&mut self) {
        for _ in 0..10_000 {
            self.spout.drain_overflow();
            self.spout.publish(true);
            self.run_middle();
            self.middle.publish(true);
            self.run_end();
        }
    }
}

proptest! {
    #[test]
    fn a_root_completes_once_and_last(seed in any::<u64>(), roots in 1u32..SLOTS as u32) {
        let mut model = Model::new(seed);
        for slot in 0..roots {
            model.emit(slot);
        }
        model.drain();
        prop_assert!(model.completed[..roots as usize].iter().all(|times| *times == 1));
        prop_assert!(model.outstanding.iter().all(|left| *left == 0));
    }
}

#[test]
fn a_full_ring_stalls_the_unit_until_there_is_room() {
    let mut model = Model::new(1);
    model.spout.enter(Scope::none());
    while !model.spout.is_stalled() {
        model.spout.append(0, |_| {});
    }
    assert!(!model.spout.drain_overflow());
    model.to_middle.pop().unwrap();
    assert!(model.spout.drain_overflow());
    assert!(!model.spout.is_stalled());
}

#[test]
fn a_feedback_edge_never_stalls() {
    let world = Simulation::new(1).world();
    let control = Arc::new(Control::new("t".into(), Vec::new(), 1, 1, Vec::new(), None));
    let (producer, _consumer) = ring(Wake::new(), Wake::new());
    let edges = vec![OutEdge::new(producer, true)];
    let ledger: Ledger = Arc::new([]);
    let mut run = Run::new(control, world.clock_arc(), ledger, edges);
    for _ in 0..1000 {
        run.append(0, |_| {});
    }
    assert!(!run.is_stalled());
}
