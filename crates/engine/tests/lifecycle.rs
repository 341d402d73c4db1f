//! Topologies start, pause, drain, fail, recover and end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that is surprised should end")]

mod common;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{FnBolt, Lab, ListSpout, Log, Told, acked, collector, simple};
use tidemill_engine::{
    ComponentError, Done, DynSpout, Engine, EngineConfig, MessageId, Next, Running, SpoutOutput,
    StartError, Status, SubmitError, TaskContext, TopologyBuilder, Value,
};
use tidemill_world::{Moment, Wake, World};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn commits_follow_the_acks() {
    for fused in [true, false] {
        let told = Log::default();
        let lab = Lab::new(1, 2);
        let builder = simple(&told, 5000, fused, || FnBolt::new(|_, _| Ok(Done::Ack)));
        lab.finish(&lab.submit(builder.build().unwrap()), LIMIT);
        let told = told.take();
        let mut done = BTreeSet::new();
        let mut committed = 0;
        for event in &told {
            match event {
                Told::Acked(id) => drop(done.insert(*id)),
                Told::Commit(low_water) => {
                    assert!(*low_water > committed);
                    assert!((committed..*low_water).all(|id| done.contains(&id)));
                    committed = *low_water;
                }
                _ => {}
            }
        }
        assert_eq!(committed, 5000);
        assert_eq!(told.last(), Some(&Told::Closed));
    }
}

#[test]
fn a_deactivated_spout_is_quiet_until_it_is_activated() {
    let told = Log::default();
    let lab = Lab::new(2, 2);
    let running = lab.submit(
        simple(&told, 1_000_000, false, || FnBolt::new(|_, _| Ok(Done::Ack))).build().unwrap(),
    );
    for _ in 0..500 {
        lab.simulation.step();
    }
    running.deactivate();
    lab.settle();
    assert_eq!(running.status(), Status::Inactive);
    let before = running.stats().component("s").unwrap().emitted;
    assert!(before > 0 && before < 1_000_000);
    lab.pass(Duration::from_secs(1));
    let stats = running.stats();
    assert_eq!(stats.component("s").unwrap().emitted, before);
    assert_eq!(stats.pending(), 0, "what was under way has gone on");
    running.activate();
    for _ in 0..500 {
        lab.simulation.step();
    }
    assert!(running.stats().component("s").unwrap().emitted > before);
    assert!(told.lock().contains(&Told::Deactivated));
    assert!(told.lock().contains(&Told::Activated));
    running.kill(Duration::ZERO);
    lab.settle();
    assert_eq!(running.status(), Status::Finished);
}

#[test]
fn killing_drains_what_is_under_way() {
    let told = Log::default();
    let lab = Lab::new(3, 2);
    let running = lab.submit(
        simple(&told, 1_000_000, false, || FnBolt::new(|_, _| Ok(Done::Ack))).build().unwrap(),
    );
    while running.stats().pending() < 100 {
        assert!(lab.simulation.step());
    }
    running.kill(Duration::from_secs(5));
    lab.settle();
    assert_eq!(running.status(), Status::Finished, "it need not wait for the deadline");
    let stats = running.stats();
    let spout = stats.component("s").unwrap();
    assert_eq!(spout.acked, spout.emitted);
    assert!(spout.emitted < 1_000_000);
    assert_eq!(acked(&told).len() as u64, spout.acked);
}

#[test]
fn draining_ends_at_its_deadline() {
    let told = Log::default();
    let lab = Lab::new(4, 1);
    // Holds everything for ever.
    let bolt = || {
        FnBolt::new(|_, out| {
            out.defer();
            Ok(Done::Defer)
        })
    };
    let running = lab.submit(simple(&told, 10, true, bolt).build().unwrap());
    lab.settle();
    running.kill(Duration::from_secs(2));
    lab.pass(Duration::from_secs(1));
    assert_eq!(running.status(), Status::Draining);
    lab.pass(Duration::from_secs(2));
    assert_eq!(running.status(), Status::Finished);
    assert_eq!(acked(&told), []);
}

#[test]
fn an_idle_spout_sleeps_until_its_moment_or_its_wake() {
    struct Sleeper {
        calls: Log<Moment>,
        wake: Arc<Mutex<Option<Wake>>>,
    }
    impl DynSpout for Sleeper {
        fn open(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
            *self.wake.lock().unwrap() = Some(context.wake());
            Ok(())
        }
        fn next(&mut self, out: &mut SpoutOutput<'_>) -> Result<Next, ComponentError> {
            self.calls.add(out.now());
            Ok(match self.calls.len() {
                1 => Next::IdleUntil(out.now().after(Duration::from_millis(100))),
                2 => Next::Idle,
                _ => Next::Finished,
            })
        }
    }
    let (calls, wake) = (Log::default(), Arc::new(Mutex::new(None)));
    let lab = Lab::new(19, 2);
    let mut builder = TopologyBuilder::new("t");
    let (log, shared) = (calls.clone(), Arc::clone(&wake));
    builder
        .dyn_spout("s", move || Sleeper { calls: log.clone(), wake: Arc::clone(&shared) })
        .output(&["n"]);
    let running = lab.submit(builder.build().unwrap());
    lab.pass(Duration::from_millis(90));
    assert_eq!(calls.len(), 1);
    lab.pass(Duration::from_secs(5));
    assert_eq!(calls.len(), 2);
    wake.lock().unwrap().as_ref().unwrap().notify();
    lab.settle();
    assert_eq!(calls.len(), 3);
    assert_eq!(running.status(), Status::Finished);
}

#[test]
fn a_spout_may_emit_far_more_than_it_has_room_for() {
    struct Flood(Log<Told>);
    impl DynSpout for Flood {
        fn next(&mut self, out: &mut SpoutOutput<'_>) -> Result<Next, ComponentError> {
            for id in 0..1000 {
                out.emit(id, &[Value::I64(id.cast_signed())])?;
            }
            assert_eq!(out.room(), 0);
            Ok(Next::Finished)
        }
        fn ack(&mut self, id: MessageId) {
            self.0.add(Told::Acked(id));
        }
    }
    let told = Log::default();
    let lab = Lab::new(20, 2);
    let mut builder = TopologyBuilder::new("t");
    builder.max_pending(16);
    let spout_log = told.clone();
    builder.dyn_spout("s", move || Flood(spout_log.clone())).output(&["n"]);
    let log = Log::default();
    let seen = log.clone();
    builder.dyn_bolt("b", move || collector(&seen)).shuffle("s").parallelism(2);
    let running = lab.submit(builder.build().unwrap());
    lab.finish(&running, LIMIT);
    assert_eq!(acked(&told).len(), 1000);
    let numbers: BTreeSet<i64> = log.take().into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers.len(), 1000);
    assert_eq!(running.stats().component("s").unwrap().emitted, 1000);
}

#[test]
fn topologies_share_an_engine_and_end_alone() {
    let lab = Lab::new(21, 2);
    let submit = |name: &str, finish: bool| -> (Running, Log<Told>) {
        let told = Log::default();
        let spout_log = told.clone();
        let mut builder = TopologyBuilder::new(name);
        let spout = move || {
            let mut spout = ListSpout::numbers(100, &spout_log);
            spout.finish = finish;
            spout
        };
        builder.dyn_spout("s", spout).output(&["n"]);
        builder.dyn_bolt("b", || FnBolt::new(|_, _| Ok(Done::Ack))).shuffle("s").parallelism(2);
        (lab.submit(builder.build().unwrap()), told)
    };
    let (ending, one) = submit("ending", true);
    let (staying, two) = submit("staying", false);
    lab.settle();
    assert_eq!((acked(&one).len(), acked(&two).len()), (100, 100));
    assert_eq!(ending.status(), Status::Finished);
    assert_eq!(staying.status(), Status::Active);
    let names: Vec<String> =
        lab.engine.topologies().iter().map(|running| running.name().to_owned()).collect();
    assert_eq!(names, ["staying"]);
    let mut again = TopologyBuilder::new("staying");
    again.dyn_spout("s", || ListSpout::numbers(0, &Log::default()));
    let refused = lab.engine.submit(again.build().unwrap()).unwrap_err();
    assert!(matches!(refused, SubmitError::AlreadyRunning { name } if name == "staying"));
    lab.engine.shutdown();
    lab.settle();
    assert_eq!(staying.status(), Status::Finished);
    assert!(two.lock().contains(&Told::Closed));
    let mut late = TopologyBuilder::new("late");
    late.dyn_spout("s", || ListSpout::numbers(0, &Log::default()));
    assert!(matches!(lab.engine.submit(late.build().unwrap()), Err(SubmitError::ShutDown)));
}

#[test]
fn the_number_of_workers_is_bounded() {
    for workers in [0, 100_000] {
        let started = Engine::start(World::real(), EngineConfig { workers: Some(workers) });
        assert!(matches!(started.err(), Some(StartError::Workers { .. })));
    }
}

#[test]
fn a_task_knows_its_topology() {
    let checked = Log::default();
    let lab = Lab::new(22, 2);
    let mut builder = TopologyBuilder::new("t");
    builder.config("color", "blue");
    builder.dyn_spout("s", || ListSpout::numbers(1, &Log::default())).output(&["n"]);
    let log = checked.clone();
    builder
        .dyn_bolt("b", move || {
            let log = log.clone();
            FnBolt::new(|_, _| Ok(Done::Ack)).on_prepare(move |context| {
                assert_eq!((context.topology(), context.component()), ("t", "b"));
                assert_eq!(context.tasks_of("b"), [2, 3]);
                assert_eq!(context.tasks_of("x"), []);
                assert_eq!(context.task_components().get(&1).map(String::as_str), Some("s"));
                assert_eq!(context.config()["color"], "blue".into());
                assert_eq!(context.inputs()[0].component, "s");
                assert_eq!(*context.inputs()[0].fields, ["n".to_owned()]);
                assert_eq!(context.outputs()[0].stream, "more");
                assert!(context.stream("more").is_some() && context.stream("less").is_none());
                log.add((context.task_id(), context.task_index()));
                Ok(())
            })
        })
        .stream("more", &["x"])
        .shuffle("s")
        .parallelism(2);
    lab.finish(&lab.submit(builder.build().unwrap()), LIMIT);
    let mut checked = checked.take();
    checked.sort_unstable();
    assert_eq!(checked, [(2, 0), (3, 1)]);
}
