//! No root is acked before all of its tuples are done, whatever the order in which the workers run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that is surprised should end")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{FnBolt, Lab, ListSpout, Log, Told, quick_retries};
use proptest::prelude::*;
use tidemill_engine::{
    Anchor, ComponentError, Done, DynBoltDeclarer, DynSpout, FailReason, MessageId, Next, Retries,
    SpoutOutput, StreamIndex, Topology, TopologyBuilder, Value,
};
use tidemill_world::random::SeededRandom;

/// Tuples of each root that are delivered and not yet acked.
type Outstanding = Arc<Mutex<BTreeMap<i64, i64>>>;

fn change(outstanding: &Outstanding, root: i64, by: i64) {
    *outstanding.lock().unwrap().entry(root).or_default() += by;
}

/// One bolt of a random topology.
#[derive(Clone, Debug)]
struct Layer {
    parallelism: usize,
    grouping: u8,
    fan_out: usize,
    /// One tuple in so many is deferred; zero for none.
    defer: u64,
    /// One tuple in so many fails; zero for none.
    fail: u64,
}

#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    workers: usize,
    spouts: usize,
    roots: i64,
    layers: Vec<Layer>,
}

fn any_layer(failing: bool) -> impl Strategy<Value = Layer> {
    let fail = if failing { (3u64..40).boxed() } else { Just(0).boxed() };
    (1usize..4, 0u8..5, 0usize..4, 0u64..4, fail).prop_map(
        |(parallelism, grouping, fan_out, defer, fail)| Layer {
            parallelism,
            grouping,
            fan_out,
            defer,
            fail,
        },
    )
}

fn any_plan(failing: bool) -> impl Strategy<Value = Plan> {
    let layers = prop::collection::vec(any_layer(failing), 1..4);
    (any::<u64>(), 1usize..4, 1usize..3, 1i64..300, layers).prop_map(
        |(seed, workers, spouts, roots, layers)| Plan { seed, workers, spouts, roots, layers },
    )
}

fn group(bolt: DynBoltDeclarer<'_>, grouping: u8, from: &str) {
    match grouping {
        0 => bolt.shuffle(from),
        1 => bolt.fields(from, &["root"]),
        2 => bolt.all(from),
        3 => bolt.global(from),
        _ => bolt.local_or_shuffle(from),
    };
}

/// Emits its share of the roots and checks at each ack that nothing of the root is left.
struct RootSpout {
    outstanding: Outstanding,
    told: Log<Told>,
    next: i64,
    step: i64,
    end: i64,
    strict: bool,
    open: BTreeSet<MessageId>,
}

impl DynSpout for RootSpout {
    fn open(&mut self, context: &tidemill_engine::TaskContext) -> Result<(), ComponentError> {
        self.next = i64::try_from(context.task_index())?;
        self.step = i64::try_from(context.parallelism())?;
        Ok(())
    }
    fn next(&mut self, out: &mut SpoutOutput<'_>) -> Result<Next, ComponentError> {
        if self.next >= self.end {
            return Ok(Next::Finished);
        }
        let id = MessageId::try_from(self.next)?;
        let stream = out.stream("default").ok_or("no stream")?;
        let row = [Value::I64(self.next)];
        let receivers = out.emit_with_tasks(stream, id, &row)?.len();
        change(&self.outstanding, self.next, i64::try_from(receivers)?);
        self.open.insert(id);
        self.next += self.step;
        Ok(Next::More)
    }
    fn ack(&mut self, id: MessageId) {
        self.open.remove(&id);
        let left = self.outstanding.lock().unwrap().get(&id.cast_signed()).copied();
        if self.strict && left != Some(0) {
            self.told.add(Told::Failed(id, FailReason::TimedOut));
        }
        self.told.add(Told::Acked(id));
    }
    fn commit(&mut self, low_water: MessageId) -> Result<(), ComponentError> {
        if self.open.first().is_some_and(|oldest| *oldest < low_water) {
            self.told.add(Told::Commit(low_water));
        }
        Ok(())
    }
    fn retries(&self) -> Retries {
        quick_retries(1000)
    }
}

fn bolt(layer: &Layer, last: bool, seed: u64, outstanding: &Outstanding) -> FnBolt {
    let layer = layer.clone();
    let held: Arc<Mutex<Vec<(i64, Anchor)>>> = Arc::default();
    let mut random = SeededRandom::new(seed);
    let (mine, theirs) = (Arc::clone(outstanding), Arc::clone(outstanding));
    let kept = Arc::clone(&held);
    let give_back = move |out: &mut tidemill_engine::BoltOutput<'_>| {
        for (root, anchor) in held.lock().unwrap().drain(..) {
            if !last {
                // A late child, anchored to the tuple held.
                out.emit_anchored(&[&anchor], StreamIndex::DEFAULT, &[Value::I64(root)])?;
            }
            change(&theirs, root, -1);
            out.ack(anchor);
        }
        Ok(())
    };
    FnBolt::new(move |tuple, out| {
        let root = tuple.get(0).as_i64().ok_or("no root")?;
        let stream = (!last).then_some(StreamIndex::DEFAULT);
        for _ in 0..layer.fan_out {
            if let Some(stream) = stream {
                let receivers = out.emit_with_tasks(stream, &[Value::I64(root)])?.len();
                change(&mine, root, i64::try_from(receivers)?);
            }
        }
        if layer.fail > 0 && random.below(layer.fail) == 0 {
            return Ok(Done::Fail);
        }
        if layer.defer > 0 && random.below(layer.defer) == 0 && last {
            kept.lock().unwrap().push((root, out.defer()));
            return Ok(Done::Defer);
        }
        change(&mine, root, -1);
        Ok(Done::Ack)
    })
    .on_tick(give_back)
}

fn topology(plan: &Plan, outstanding: &Outstanding, told: &Log<Told>, strict: bool) -> Topology {
    let mut builder = TopologyBuilder::new("random");
    builder.max_pending(64);
    let (spout_log, spout_counts, end) = (told.clone(), Arc::clone(outstanding), plan.roots);
    builder
        .dyn_spout("layer0", move || RootSpout {
            outstanding: Arc::clone(&spout_counts),
            told: spout_log.clone(),
            next: 0,
            step: 1,
            end,
            strict,
            open: BTreeSet::new(),
        })
        .output(&["root"])
        .parallelism(plan.spouts);
    for (index, layer) in plan.layers.iter().enumerate() {
        let (counts, made) = (Arc::clone(outstanding), layer.clone());
        let (last, seed) = (index + 1 == plan.layers.len(), plan.seed ^ index as u64);
        let declared = builder
            .dyn_bolt(&format!("layer{}", index + 1), move || bolt(&made, last, seed, &counts))
            .output(&["root"])
            .parallelism(layer.parallelism)
            .tick(Duration::from_millis(10));
        group(declared, layer.grouping, &format!("layer{index}"));
    }
    builder.build().unwrap()
}

fn run(plan: &Plan, strict: bool) -> Vec<Told> {
    let (outstanding, told) = (Outstanding::default(), Log::default());
    let lab = Lab::new(plan.seed, plan.workers);
    let running = lab.submit(topology(plan, &outstanding, &told, strict));
    lab.finish(&running, Duration::from_secs(600));
    told.take()
}

fn acked_once(told: &[Told], roots: i64) -> Result<(), TestCaseError> {
    let mut acked: Vec<MessageId> = Vec::new();
    for event in told {
        match event {
            Told::Acked(id) => acked.push(*id),
            other => prop_assert!(false, "{:?}", other),
        }
    }
    acked.sort_unstable();
    prop_assert!(acked.into_iter().eq(0..roots.cast_unsigned()));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_root_is_acked_once_and_not_before_its_last_tuple(plan in any_plan(false)) {
        acked_once(&run(&plan, true), plan.roots)?;
    }

    #[test]
    fn failing_roots_are_replayed_until_they_are_acked(mut plan in any_plan(true)) {
        plan.roots = plan.roots.min(60);
        // A root whose tree is wide must have a chance to pass as a whole.
        plan.layers.iter_mut().for_each(|layer| layer.fan_out = layer.fan_out.min(2));
        acked_once(&run(&plan, false), plan.roots)?;
    }
}

#[test]
fn one_seed_is_one_run() {
    let layer = Layer { parallelism: 3, grouping: 1, fan_out: 3, defer: 2, fail: 7 };
    let plan = Plan { seed: 5, workers: 3, spouts: 2, roots: 200, layers: vec![layer; 2] };
    assert_eq!(run(&plan, false), run(&plan, false));
}

/// A tuple anchored to two roots holds both, and fails both.
#[test]
fn a_child_of_two_roots_holds_both() {
    for outcome in [Done::Ack, Done::Fail] {
        let told = Log::default();
        let lab = Lab::new(1, 2);
        let mut builder = TopologyBuilder::new("joined");
        let spout_log = told.clone();
        let spout = move || {
            let mut spout = ListSpout::numbers(2, &spout_log);
            spout.retries = Retries::Spout;
            spout
        };
        builder.dyn_spout("numbers", spout).output(&["n"]);
        builder
            .dyn_bolt("pairs", || {
                let mut held: Vec<Anchor> = Vec::new();
                FnBolt::new(move |_, out| {
                    held.push(out.defer());
                    if held.len() == 2 {
                        let both: Vec<&Anchor> = held.iter().collect();
                        out.emit_anchored(&both, StreamIndex::DEFAULT, &[Value::Null])?;
                        held.drain(..).for_each(|anchor| out.ack(anchor));
                    }
                    Ok(Done::Defer)
                })
            })
            .output(&["pair"])
            .shuffle("numbers");
        let held = Log::<()>::default();
        let seen = held.clone();
        // Two tasks, so that the pair crosses threads and the fail is a message.
        builder
            .dyn_bolt("end", move || {
                let seen = seen.clone();
                FnBolt::new(move |_, _| {
                    seen.add(());
                    Ok(outcome)
                })
            })
            .shuffle("pairs")
            .parallelism(2);
        let running = lab.submit(builder.build().unwrap());
        lab.finish(&running, Duration::from_secs(5));
        assert_eq!(held.len(), 1, "one pair");
        let told = told.take();
        let acked = told.iter().filter(|event| matches!(event, Told::Acked(_))).count();
        let failed = told.iter().filter(|event| matches!(event, Told::Failed(..))).count();
        let expected = if outcome == Done::Ack { (2, 0) } else { (0, 2) };
        assert_eq!((acked, failed), expected, "{told:?}");
    }
}
