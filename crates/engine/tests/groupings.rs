//! Tuples reach the tasks that their grouping says, across threads and through fused chains.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that is surprised should end")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{FnBolt, Lab, ListSpout, Log, Told, collector};
use tidemill_engine::{
    Bolt, ComponentError, CustomGrouping, Done, DynBoltDeclarer, EmitError, Emitter,
    GroupingContext, Guarantee, Next, Ref, Spout, SpoutEmitter, StreamIndex, TopologyBuilder,
    TupleRef, Value, tuple,
};

const LIMIT: Duration = Duration::from_secs(5);

/// Sends the numbers below `count` through one grouping into three tasks, and returns who got what.
fn received(count: i64, group: impl FnOnce(DynBoltDeclarer<'_>)) -> Vec<(i64, u32)> {
    let (told, log) = (Log::default(), Log::default());
    let lab = Lab::new(3, 2);
    let mut builder = TopologyBuilder::new("t");
    builder.dyn_spout("s", move || ListSpout::numbers(count, &told)).output(&["n"]);
    let seen = log.clone();
    group(builder.dyn_bolt("b", move || collector(&seen)).parallelism(3));
    let running = lab.submit(builder.build().unwrap());
    lab.finish(&running, LIMIT);
    log.take()
}

fn by_task(received: &[(i64, u32)]) -> BTreeMap<u32, Vec<i64>> {
    let mut tasks: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
    received.iter().for_each(|(number, task)| tasks.entry(*task).or_default().push(*number));
    tasks
}

#[test]
fn shuffle_is_even_and_complete() {
    let tasks = by_task(&received(300, |bolt| {
        bolt.shuffle("s");
    }));
    assert_eq!(tasks.len(), 3);
    assert!(tasks.values().all(|numbers| numbers.len() == 100));
    let all: BTreeSet<i64> = tasks.into_values().flatten().collect();
    assert_eq!(all.len(), 300);
}

/// Tasks by the number's remainder, and nobody for every seventh.
struct ByRemainder(Vec<u32>);

impl CustomGrouping for ByRemainder {
    fn prepare(&mut self, context: &GroupingContext) {
        assert_eq!((context.component.as_str(), context.stream.as_str()), ("s", "default"));
        self.0.clone_from(&context.tasks);
    }
    fn choose(&mut self, values: &[Value<'_>], chosen: &mut Vec<u32>) {
        let number = usize::try_from(values[0].as_i64().unwrap()).unwrap();
        if number % 7 != 0 {
            chosen.push(self.0[number % 2]);
            chosen.push(self.0[2]);
        }
    }
}

#[test]
fn a_custom_grouping_names_the_receivers_and_what_nobody_gets_is_done() {
    let tasks = by_task(&received(70, |bolt| {
        bolt.custom("s", || ByRemainder(Vec::new()));
    }));
    let counts: Vec<usize> = tasks.values().map(Vec::len).collect();
    assert_eq!(counts, [30, 30, 60]);
}

/// Panics at some tuples, whenever it sees them.
struct Panics;

impl CustomGrouping for Panics {
    fn prepare(&mut self, _: &GroupingContext) {}
    fn choose(&mut self, values: &[Value<'_>], chosen: &mut Vec<u32>) {
        match values[0].as_i64() {
            Some(3) => common::panic_on_purpose(),
            _ => chosen.push(2),
        }
    }
}

#[test]
fn a_grouping_that_panics_fails_the_root_and_nothing_else() {
    let (told, log) = (Log::default(), Log::default());
    let mut builder = TopologyBuilder::new("t");
    let (rows, seen) = (told.clone(), log.clone());
    builder.dyn_spout("s", move || ListSpout::numbers(6, &rows)).output(&["n"]);
    // Not the spout's own emit, which would lose its instance: the step's, fused behind it.
    builder
        .dyn_bolt("step", || {
            FnBolt::new(|tuple, out| {
                out.emit(&[tuple.get(0)])?;
                Ok(Done::Ack)
            })
        })
        .output(&["n"])
        .shuffle("s");
    builder.dyn_bolt("b", move || collector(&seen)).custom("step", || Panics).parallelism(2);
    let lab = Lab::new(17, 2);
    lab.finish(&lab.submit(builder.build().unwrap()), Duration::from_secs(60));
    let mut acked = common::acked(&told);
    acked.sort_unstable();
    assert_eq!(acked, [0, 1, 2, 4, 5]);
    assert_eq!(common::failed(&told).len(), 1, "the one root that always panics is given up");
}

/// Panics when it sees a tuple for the second time.
#[derive(Default)]
struct PanicsOnce(Vec<i64>);

impl CustomGrouping for PanicsOnce {
    fn prepare(&mut self, _: &GroupingContext) {}
    fn choose(&mut self, values: &[Value<'_>], chosen: &mut Vec<u32>) {
        let number = values[0].as_i64().unwrap();
        self.0.push(number);
        if self.0.iter().filter(|seen| **seen == number).count() == 2 {
            common::panic_on_purpose();
        }
        chosen.push(2);
    }
}

#[test]
fn a_grouping_that_panics_over_a_replay_has_it_replayed_again() {
    let (told, failed) = (Log::default(), Log::default());
    let mut builder = TopologyBuilder::new("t");
    let (rows, seen) = (told.clone(), failed.clone());
    builder.dyn_spout("s", move || ListSpout::numbers(6, &rows)).output(&["n"]);
    let fails_once = move || {
        let seen = seen.clone();
        FnBolt::new(move |tuple, _| {
            if tuple.get(0).as_i64() == Some(3) && seen.len() == 0 {
                seen.add(());
                return Ok(Done::Fail);
            }
            Ok(Done::Ack)
        })
    };
    builder.dyn_bolt("b", fails_once).custom("s", PanicsOnce::default).parallelism(2);
    let lab = Lab::new(18, 2);
    let running = lab.submit(builder.build().unwrap());
    lab.finish(&running, Duration::from_secs(60));
    let mut acked = common::acked(&told);
    acked.sort_unstable();
    assert_eq!(acked, [0, 1, 2, 3, 4, 5]);
    assert_eq!(running.stats().component("s").unwrap().replayed, 2);
}

#[test]
fn a_partial_key_reaches_two_tasks_at_most() {
    let tasks = by_task(&received(300, |bolt| {
        bolt.partial_key("s", &["n"]);
    }));
    assert_eq!(tasks.values().map(Vec::len).sum::<usize>(), 300);
    assert!(tasks.values().all(|numbers| numbers.len() > 80), "{tasks:?}");
}

#[test]
fn fields_keeps_equal_values_together_and_in_order() {
    let log = Log::default();
    let lab = Lab::new(4, 2);
    let mut builder = TopologyBuilder::new("t");
    let rows = || (0..200i64).map(|n| vec![(n % 20).into(), n.into()]);
    builder
        .dyn_spout("s", move || ListSpout::new(rows(), &Log::<Told>::default()))
        .output(&["key", "n"]);
    let seen = log.clone();
    let bolt = move || {
        let seen = seen.clone();
        let task = Arc::new(AtomicU32::new(0));
        let mine = Arc::clone(&task);
        FnBolt::new(move |tuple, _| {
            let task = task.load(Ordering::Relaxed);
            seen.add((task, tuple.get(0).as_i64(), tuple.get(1).as_i64()));
            Ok(Done::Ack)
        })
        .on_prepare(move |context| {
            mine.store(context.task_id(), Ordering::Relaxed);
            Ok(())
        })
    };
    builder.dyn_bolt("b", bolt).fields("s", &["key"]).parallelism(3);
    lab.finish(&lab.submit(builder.build().unwrap()), LIMIT);
    let mut tasks = BTreeMap::new();
    let mut last = BTreeMap::new();
    for (task, key, number) in log.take() {
        assert_eq!(*tasks.entry(key).or_insert(task), task, "key {key:?} in two tasks");
        assert!(last.insert(key, number) < Some(number), "key {key:?} out of order");
    }
    assert_eq!(tasks.len(), 20);
    let used: BTreeSet<u32> = tasks.into_values().collect();
    assert!(used.len() > 1);
}

#[test]
fn all_reaches_every_task_and_global_the_first() {
    let all = by_task(&received(50, |bolt| {
        bolt.all("s");
    }));
    assert_eq!(all.keys().copied().collect::<Vec<_>>(), [2, 3, 4]);
    assert!(all.values().all(|numbers| numbers.len() == 50));
    let global = by_task(&received(50, |bolt| {
        bolt.global("s");
    }));
    assert_eq!(global.into_iter().map(|(task, n)| (task, n.len())).collect::<Vec<_>>(), [(2, 50)]);
}

#[test]
fn none_and_local_stay_on_the_worker() {
    // Two workers: the spout on the first, then the bolt's tasks on the second, first, second.
    let local = by_task(&received(60, |bolt| {
        bolt.local_or_shuffle("s");
    }));
    assert_eq!(local.keys().copied().collect::<Vec<_>>(), [3]);
    let none = by_task(&received(60, |bolt| {
        bolt.none("s");
    }));
    assert_eq!(none.values().map(Vec::len).sum::<usize>(), 60);
}

#[test]
fn direct_reaches_the_task_named() {
    let log = Log::default();
    let refused = Log::default();
    let lab = Lab::new(5, 2);
    let mut builder = TopologyBuilder::new("t");
    builder.dyn_spout("s", || ListSpout::numbers(30, &Log::default())).output(&["n"]);
    let errors = refused.clone();
    builder
        .dyn_bolt("router", move || {
            let errors = errors.clone();
            FnBolt::new(move |tuple, out| {
                let number = tuple.get(0);
                let stream = out.stream("to").ok_or("no stream")?;
                let task = 3 + u32::try_from(number.as_i64().unwrap_or(0) % 3)?;
                out.emit_direct(task, stream, &[number])?;
                errors.add(out.emit_direct(1, stream, &[number]).unwrap_err());
                errors.add(out.emit_to(stream, &[number]).unwrap_err());
                errors.add(out.emit_direct(task, StreamIndex::DEFAULT, &[number]).unwrap_err());
                errors.add(out.emit(&[number, number]).unwrap_err());
                Ok(Done::Ack)
            })
        })
        .output(&["n"])
        .direct_stream("to", &["n"])
        .shuffle("s");
    let seen = log.clone();
    builder.dyn_bolt("b", move || collector(&seen)).direct(("router", "to")).parallelism(3);
    lab.finish(&lab.submit(builder.build().unwrap()), LIMIT);
    assert_eq!(log.len(), 30);
    assert!(log.take().iter().all(|(number, task)| i64::from(*task) == 3 + number % 3));
    let refused = refused.take();
    assert!(matches!(refused[0], EmitError::UnknownTask { task: 1, .. }));
    assert!(matches!(refused[1], EmitError::Directness { direct: true, .. }));
    assert!(matches!(refused[2], EmitError::Directness { direct: false, .. }));
    assert!(matches!(refused[3], EmitError::WrongArity { given: 2, declared: 1, .. }));
}

#[test]
fn an_emit_tells_who_receives_it() {
    let told = Log::default();
    let log = Log::default();
    let lab = Lab::new(6, 2);
    let mut builder = TopologyBuilder::new("t");
    builder.dyn_spout("s", || ListSpout::numbers(8, &Log::default())).output(&["n"]);
    let receivers = told.clone();
    builder
        .dyn_bolt("b", move || {
            let receivers = receivers.clone();
            FnBolt::new(move |tuple, out| {
                let tasks = out.emit_with_tasks(StreamIndex::DEFAULT, &[tuple.get(0)])?;
                receivers.add(tasks.to_vec());
                Ok(Done::Ack)
            })
        })
        .output(&["n"])
        .shuffle("s");
    let (one, two) = (log.clone(), log.clone());
    builder.dyn_bolt("fused", move || collector(&one)).shuffle("b");
    builder.dyn_bolt("queued", move || collector(&two)).shuffle("b").parallelism(2);
    lab.finish(&lab.submit(builder.build().unwrap()), LIMIT);
    for tasks in told.take() {
        assert_eq!(tasks[0], 3, "the fused one");
        assert!(tasks.len() == 2 && (4..=5).contains(&tasks[1]), "{tasks:?}");
    }
    let tasks = by_task(&log.take());
    assert_eq!(tasks.values().map(Vec::len).collect::<Vec<_>>(), [8, 4, 4]);
}

#[test]
fn streams_are_kept_apart() {
    let log = Log::default();
    let lab = Lab::new(7, 2);
    let mut builder = TopologyBuilder::new("t");
    builder.dyn_spout("s", || ListSpout::numbers(20, &Log::default())).output(&["n"]);
    builder
        .dyn_bolt("split", || {
            FnBolt::new(|tuple, out| {
                let even = tuple.by_name("n").and_then(Value::as_i64).is_some_and(|n| n % 2 == 0);
                let stream = out.stream(if even { "even" } else { "odd" }).ok_or("no stream")?;
                out.emit_to(stream, &[tuple.get(0), Value::Str("x")])?;
                Ok(Done::Ack)
            })
        })
        .stream("even", &["n", "x"])
        .stream("odd", &["n", "x"])
        .shuffle("s");
    let seen = log.clone();
    let bolt = move || {
        let seen = seen.clone();
        FnBolt::new(move |tuple: &TupleRef<'_>, _: &mut _| {
            let number = tuple.by_name("n").and_then(Value::as_i64);
            seen.add((tuple.component().to_owned(), tuple.stream().to_owned(), number));
            assert_eq!(tuple.fields(), ["n", "x"]);
            assert_eq!(tuple.task(), 2);
            Ok(Done::Ack)
        })
    };
    builder.dyn_bolt("join", bolt).shuffle(("split", "even")).all(("split", "odd"));
    lab.finish(&lab.submit(builder.build().unwrap()), LIMIT);
    let seen = log.take();
    assert_eq!(seen.len(), 20);
    for (component, stream, number) in seen {
        assert_eq!(component, "split");
        assert_eq!(stream, if number.unwrap() % 2 == 0 { "even" } else { "odd" });
    }
}

tuple! { struct Pair { name: str, count: i64 } }

struct Pairs(i64);

impl Spout for Pairs {
    type Out = Pair;
    fn next(&mut self, out: &mut SpoutEmitter<'_, Pair>) -> Result<Next, ComponentError> {
        if self.0 == 0 {
            return Ok(Next::Finished);
        }
        self.0 -= 1;
        out.emit(self.0.cast_unsigned(), Pair::borrow("tide", self.0));
        Ok(Next::More)
    }
}

struct Double;

impl Bolt for Double {
    type In = Pair;
    type Out = Pair;
    fn execute(
        &mut self,
        pair: Ref<'_, Pair>,
        out: &mut Emitter<'_, Pair>,
    ) -> Result<Done, ComponentError> {
        out.emit(Pair::borrow(pair.name, pair.count * 2));
        Ok(Done::Ack)
    }
}

/// Typed and dynamic components in one chain, fused and across threads.
#[test]
fn typed_and_dynamic_components_mix() {
    for parallelism in [1, 2] {
        let log = Log::default();
        let lab = Lab::new(8, 2);
        let mut builder = TopologyBuilder::new("t");
        let pairs = builder.spout("pairs", || Pairs(50)).handle();
        builder
            .dyn_bolt("same", || {
                FnBolt::new(|tuple, out| {
                    out.emit(&[tuple.get(0), tuple.get(1)])?;
                    Ok(Done::Ack)
                })
            })
            .output(&["name", "count"])
            .shuffle(&pairs)
            .parallelism(parallelism);
        let doubled = builder.bolt("double", || Double).fields("same", &["name"]).handle();
        let seen = log.clone();
        builder
            .dyn_bolt("end", move || {
                let seen = seen.clone();
                FnBolt::new(move |tuple, _| {
                    let pair = tuple.decode::<Pair>().ok_or("not a pair")?;
                    assert_eq!(pair.name, "tide");
                    seen.add(pair.count);
                    Ok(Done::Ack)
                })
            })
            .all(&doubled)
            .parallelism(parallelism);
        lab.finish(&lab.submit(builder.build().unwrap()), LIMIT);
        let seen: BTreeSet<i64> = log.take().into_iter().collect();
        assert_eq!(seen, (0..50).map(|n| n * 2).collect());
    }
}

/// What a dynamic stream carries is checked tuple by tuple where a typed bolt takes it.
#[test]
fn a_tuple_that_does_not_fit_fails() {
    let told = Log::default();
    let lab = Lab::new(9, 1);
    let mut builder = TopologyBuilder::new("t");
    let spout_log = told.clone();
    let spout = move || {
        let rows = [vec!["a".into(), 1i64.into()], vec!["b".into(), "two".into()]];
        let mut spout = ListSpout::new(rows, &spout_log);
        spout.retries = tidemill_engine::Retries::Spout;
        spout
    };
    builder.dyn_spout("s", spout).output(&["name", "count"]);
    builder.bolt("double", || Double).shuffle("s");
    let running = lab.submit(builder.build().unwrap());
    lab.finish(&running, LIMIT);
    let told = told.take();
    assert!(told.contains(&Told::Acked(0)));
    assert!(told.iter().any(|event| matches!(event, Told::Failed(1, _))));
    let stats = running.stats();
    assert_eq!(stats.component("double").map(|bolt| (bolt.executed, bolt.failed)), Some((2, 1)));
}

#[test]
fn at_most_once_tracks_nothing() {
    let told = Log::default();
    let lab = Lab::new(10, 2);
    let mut builder = TopologyBuilder::new("t");
    builder.guarantee(Guarantee::AtMostOnce);
    let spout_log = told.clone();
    builder.dyn_spout("s", move || ListSpout::numbers(2000, &spout_log)).output(&["n"]);
    builder.dyn_bolt("b", || FnBolt::new(|_, _| Ok(Done::Fail))).shuffle("s").parallelism(2);
    let running = lab.submit(builder.build().unwrap());
    lab.finish(&running, LIMIT);
    let acked = told.take().iter().filter(|event| matches!(event, Told::Acked(_))).count();
    assert_eq!(acked, 2000);
    let stats = running.stats();
    let bolt = stats.component("b").unwrap();
    assert_eq!((bolt.executed, bolt.failed), (2000, 2000));
    assert_eq!(stats.component("s").unwrap().replayed, 0);
}

/// A loop that its feedback edge keeps from locking up.
#[test]
fn a_feedback_loop_runs_dry() {
    let told = Log::default();
    let lab = Lab::new(11, 2);
    let mut builder = TopologyBuilder::new("t");
    let spout_log = told.clone();
    builder.dyn_spout("s", move || ListSpout::numbers(3000, &spout_log)).output(&["n"]);
    builder
        .dyn_bolt("half", || {
            FnBolt::new(|tuple, out| {
                let number = tuple.get(0).as_i64().unwrap_or(0);
                for _ in 0..if number > 0 { 2 } else { 0 } {
                    out.emit(&[Value::I64(number / 16)])?;
                }
                Ok(Done::Ack)
            })
        })
        .output(&["n"])
        .shuffle("s")
        .shuffle("half")
        .feedback()
        .parallelism(2);
    let running = lab.submit(builder.build().unwrap());
    lab.finish(&running, LIMIT);
    let acked = told.take().iter().filter(|event| matches!(event, Told::Acked(_))).count();
    assert_eq!(acked, 3000);
}
