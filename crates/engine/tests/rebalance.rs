//! Executors change under load, again and again, and nothing is lost, doubled or forgotten.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{FnBolt, Lab, ListSpout, Log, Told, acked, panic_on_purpose};
use tidemill_engine::{
    BoltOutput, ComponentError, Done, DynBolt, Engine, EngineConfig, RebalanceError, Running,
    StateHandle, StateValue, Status, TaskContext, TopologyBuilder, TupleRef, Value,
};
use tidemill_world::World;
use tidemill_world::random::SeededRandom;

const KEYS: i64 = 13;
const LIMIT: Duration = Duration::from_secs(600);

/// Counts keys in its state.
#[derive(Default)]
struct Count(Option<StateHandle<String, i64>>);

impl DynBolt for Count {
    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        self.0 = Some(context.keyed("counts", None)?);
        Ok(())
    }
    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        out: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        let key = tuple.get(0).as_str().ok_or("no key")?;
        let handle = self.0.ok_or("not prepared")?;
        out.state(handle).update(key, |count| *count += 1);
        Ok(Done::Ack)
    }
}

/// Two spout tasks, a step that may fail, and a keyed count.
fn counting(
    roots: i64,
    told: &Log<Told>,
    trouble: &Arc<Mutex<SeededRandom>>,
    one_in: u64,
) -> TopologyBuilder {
    let mut builder = TopologyBuilder::new("t");
    let told = told.clone();
    let spout = move || ListSpout {
        retries: common::quick_retries(1_000),
        ..ListSpout::numbers(roots, &told)
    };
    builder.dyn_spout("s", spout).output(&["n"]).parallelism(1).tasks(2);
    let trouble = Arc::clone(trouble);
    let step = move || {
        let trouble = Arc::clone(&trouble);
        FnBolt::new(move |tuple, out| {
            let drawn = trouble.lock().unwrap().below(one_in.max(1));
            match drawn {
                1 => return Ok(Done::Fail),
                2 => panic_on_purpose(),
                _ => {}
            }
            let number = tuple.get(0).as_i64().ok_or("no number")?;
            out.emit(&[Value::Str(&key_of(number)), Value::I64(number)])?;
            Ok(Done::Ack)
        })
    };
    builder.dyn_bolt("step", step).output(&["key", "n"]).shuffle("s").parallelism(1).tasks(5);
    builder.dyn_bolt("count", Count::default).fields("step", &["key"]).parallelism(2).tasks(6);
    builder
}

/// Steps on and changes some executors now and then, until about the end.
fn shake(lab: &Lab, running: &Running, random: &mut SeededRandom) -> u32 {
    let mut changes = 0;
    while running.status() != Status::Finished && changes < 200 {
        for _ in 0..random.below(60) {
            if !lab.simulation.step() {
                lab.simulation.clock().advance(Duration::from_millis(1));
            }
        }
        let count =
            |random: &mut SeededRandom, tasks| usize::try_from(random.below(tasks)).unwrap() + 1;
        let mut all = vec![
            ("s".to_owned(), count(random, 2)),
            ("step".to_owned(), count(random, 5)),
            ("count".to_owned(), count(random, 6)),
        ];
        all.truncate(count(random, 3));
        match running.rebalance(&all) {
            Ok(()) => {
                changes += 1;
                assert!(all.iter().all(|(id, n)| running.executors(id) == Some(*n)));
            }
            Err(RebalanceError::Ended { .. }) => break,
            Err(error) => panic!("{error}"),
        }
    }
    changes
}

fn key_of(number: i64) -> String {
    format!("key {}", number % KEYS)
}

/// What the states of all tasks say together; each key must be in one of them.
fn counts(lab: &Lab, running: &Running) -> BTreeMap<String, i64> {
    let answer = running.ask_all("count", "counts", 1000).unwrap();
    lab.settle();
    let entries = answer.try_get().unwrap().unwrap();
    let read = |(key, value): &(Vec<u8>, Vec<u8>)| {
        (String::from_bytes(key).unwrap(), i64::from_bytes(value).unwrap())
    };
    let counts: BTreeMap<_, _> = entries.iter().map(read).collect();
    assert_eq!(counts.len(), entries.len(), "a key is in one task only");
    counts
}

#[test]
fn keyed_state_goes_with_its_task_and_every_tuple_counts_once() {
    const ROOTS: i64 = 3_000;
    let mut total = 0;
    for seed in 0..30 {
        let lab = Lab::new(seed, 3);
        let (told, trouble) = (Log::default(), Arc::new(Mutex::new(SeededRandom::new(seed))));
        let mut builder = counting(ROOTS, &told, &trouble, 0);
        // Keeps the topology alive, so that it can be asked in the end.
        builder
            .dyn_spout("idle", || ListSpout {
                finish: false,
                ..ListSpout::numbers(0, &Log::default())
            })
            .output(&["n"]);
        let running = lab.submit(builder.build().unwrap());
        let changes = shake(&lab, &running, &mut SeededRandom::new(seed));
        lab.settle();
        total += changes;
        // Two spout tasks, each of which emits all numbers.
        let wanted = (0..ROOTS).fold(BTreeMap::new(), |mut counts, number| {
            *counts.entry(key_of(number)).or_insert(0) += 2;
            counts
        });
        assert_eq!(counts(&lab, &running), wanted, "seed {seed}");
    }
    assert!(total > 600, "too few changes to tell anything: {total}");
}

#[test]
fn roots_that_fail_while_executors_change_are_replayed_until_they_are_done() {
    const ROOTS: i64 = 1_000;
    let mut total = 0;
    for seed in 0..30 {
        let lab = Lab::new(seed, 3);
        let (told, trouble) = (Log::default(), Arc::new(Mutex::new(SeededRandom::new(seed))));
        let running = lab.submit(counting(ROOTS, &told, &trouble, 100).build().unwrap());
        let changes = shake(&lab, &running, &mut SeededRandom::new(seed));
        lab.finish(&running, LIMIT);
        total += changes;
        let mut ids = acked(&told);
        ids.sort_unstable();
        let wanted: Vec<u64> = (0..ROOTS.unsigned_abs()).flat_map(|id| [id, id]).collect();
        assert_eq!(ids, wanted, "seed {seed}");
        assert!(running.stats().component("s").unwrap().replayed > 0);
    }
    assert!(total > 200, "too few changes to tell anything: {total}");
}

#[test]
fn ticks_and_wake_ups_reach_a_task_where_it_is_now() {
    let lab = Lab::new(9, 3);
    let (ticks, polls) = (Log::default(), Log::default());
    let wakes = Arc::new(Mutex::new(Vec::new()));
    let (ticked, polled, kept) = (ticks.clone(), polls.clone(), Arc::clone(&wakes));
    let mut builder = TopologyBuilder::new("t");
    builder
        .dyn_spout("s", || ListSpout { finish: false, ..ListSpout::numbers(0, &Log::default()) })
        .output(&["n"]);
    builder
        .dyn_bolt("b", move || {
            let (ticked, polled, kept) = (ticked.clone(), polled.clone(), Arc::clone(&kept));
            FnBolt::new(|_, _| Ok(Done::Ack))
                .on_prepare(move |context| {
                    kept.lock().unwrap().push(context.wake());
                    Ok(())
                })
                .on_tick(move |_| {
                    ticked.add(());
                    Ok(())
                })
                .on_poll(move |_| {
                    polled.add(());
                    Ok(())
                })
        })
        .all("s")
        .tasks(4)
        .tick(Duration::from_millis(10));
    let running = lab.submit(builder.build().unwrap());
    for executors in [4, 1, 3, 2, 4, 1] {
        lab.settle();
        running.rebalance(&[("b".to_owned(), executors)]).unwrap();
        ticks.take();
        polls.take();
        wakes.lock().unwrap().iter().for_each(tidemill_world::Wake::notify);
        lab.pass(Duration::from_millis(100));
        assert_eq!(polls.len(), 4, "each task once");
        assert!((36..=44).contains(&ticks.len()), "{} ticks of four tasks", ticks.len());
    }
}

#[test]
fn a_topology_that_has_ended_is_not_rebalanced() {
    let lab = Lab::new(3, 2);
    let told = Log::default();
    let running = lab.submit(
        common::simple(&told, 10, false, || FnBolt::new(|_, _| Ok(Done::Ack))).build().unwrap(),
    );
    let unknown = running.rebalance(&[("x".to_owned(), 1)]).unwrap_err();
    assert_eq!(unknown.to_string(), "there is no component x; known are: s, b");
    lab.finish(&running, LIMIT);
    let ended = running.rebalance(&[("b".to_owned(), 1)]).unwrap_err();
    assert_eq!(ended.to_string(), "topology t has ended");
    let running = {
        let lab = Lab::new(3, 2);
        lab.submit(
            common::simple(&told, 10, false, || FnBolt::new(|_, _| Ok(Done::Ack))).build().unwrap(),
        )
    };
    assert!(matches!(running.rebalance(&[]), Err(RebalanceError::Ended { .. })), "no engine");
}

/// On real threads: the executors of a blocking component are threads, which come and go.
#[test]
fn blocking_executors_are_threads_that_come_and_go() {
    const ROOTS: i64 = 60_000;
    let engine = Engine::start(World::real(), EngineConfig { workers: Some(2) }).unwrap();
    let told = Log::default();
    let threads: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let mut builder = TopologyBuilder::new("real");
    let (spout_told, seen) = (told.clone(), Arc::clone(&threads));
    builder.dyn_spout("s", move || ListSpout::numbers(ROOTS, &spout_told)).output(&["n"]);
    builder
        .dyn_bolt("slow", move || {
            let seen = Arc::clone(&seen);
            FnBolt::new(move |tuple, out| {
                let key = key_of(tuple.get(0).as_i64().ok_or("no number")?);
                out.emit(&[Value::Str(&key)])?;
                Ok(Done::Ack)
            })
            .on_end_of_batch(move |_| {
                let id = format!("{:?}", std::thread::current().id());
                seen.lock().unwrap().insert(id);
                Ok(())
            })
        })
        .output(&["n"])
        .shuffle("s")
        .blocking()
        .tasks(4);
    builder.dyn_bolt("count", Count::default).fields("slow", &["n"]).tasks(3);
    let running = engine.submit(builder.build().unwrap()).unwrap();
    let mut changes = 0u32;
    for executors in [2, 4, 3, 1].into_iter().cycle() {
        let change = [("slow".to_owned(), executors), ("count".to_owned(), executors.min(3))];
        if running.rebalance(&change).is_err() {
            break;
        }
        changes += 1;
        std::thread::yield_now();
    }
    running.wait_finished();
    engine.shutdown();
    let mut ids = acked(&told);
    ids.sort_unstable();
    assert_eq!(ids, (0..ROOTS.unsigned_abs()).collect::<Vec<_>>());
    let seen = threads.lock().unwrap().len();
    assert!(seen > 1, "{seen} threads in {changes} changes");
}
