//! Topologies start, pause, drain, fail, recover and end.

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{
    FnBolt, Lab, ListSpout, Log, ON_PURPOSE, Told, collector, expect_panics, quick_retries,
};
use tidemill_engine::{
    Anchor, Bolt, ComponentError, DEAD_LETTER_STREAM, DeadLetter, Done, DynSpout, Emitter, Engine,
    EngineConfig, FailReason, MessageId, Next, OwnedValue, Ref, Retries, Running, SpoutOutput,
    StartError, Status, SubmitError, TaskContext, TopologyBuilder, Tumbling, Value, WindowBolt,
    tuple,
};
use tidemill_world::{Moment, Wake, World};

const LIMIT: Duration = Duration::from_secs(20);

fn acked(told: &Log<Told>) -> Vec<MessageId> {
    let told = told.lock();
    told.iter()
        .filter_map(|event| if let Told::Acked(id) = event { Some(*id) } else { None })
        .collect()
}

fn failed(told: &Log<Told>) -> Vec<(MessageId, FailReason)> {
    let told = told.lock();
    let failed = told.iter().filter_map(|event| match event {
        Told::Failed(id, reason) => Some((*id, reason.clone())),
        _ => None,
    });
    failed.collect()
}

/// A spout of numbers and one bolt behind it, fused or not.
fn simple(
    told: &Log<Told>,
    count: i64,
    fused: bool,
    bolt: impl Fn() -> FnBolt + Send + Sync + 'static,
) -> TopologyBuilder {
    let mut builder = TopologyBuilder::new("t");
    let told = told.clone();
    builder.dyn_spout("s", move || ListSpout::numbers(count, &told)).output(&["n"]);
    builder.dyn_bolt("b", bolt).shuffle("s").parallelism(if fused { 1 } else { 2 });
    builder
}

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
fn a_panicking_bolt_is_made_anew_and_its_tuple_replayed() {
    expect_panics();
    for fused in [true, false] {
        let (told, made) = (Log::default(), Arc::new(AtomicU32::new(0)));
        let executed = Log::default();
        let lab = Lab::new(5, 2);
        let (count, seen) = (Arc::clone(&made), executed.clone());
        let builder = simple(&told, 1000, fused, move || {
            count.fetch_add(1, Ordering::Relaxed);
            let seen = seen.clone();
            FnBolt::new(move |tuple, _| {
                let number = tuple.get(0).as_i64().ok_or("no number")?;
                let first = !seen.lock().contains(&number);
                seen.add(number);
                if number % 100 == 7 && first {
                    std::panic::panic_any(ON_PURPOSE);
                }
                Ok(Done::Ack)
            })
        });
        let running = lab.submit(builder.build().unwrap());
        lab.finish(&running, LIMIT);
        let tasks = if fused { 1 } else { 2 };
        assert_eq!(made.load(Ordering::Relaxed), 10 + tasks, "one instance a panic");
        assert_eq!(executed.len(), 1010, "only the tuple in hand is replayed");
        let ids: BTreeSet<MessageId> = acked(&told).into_iter().collect();
        assert_eq!(ids.len(), 1000);
        let stats = running.stats();
        let bolt = stats.component("b").unwrap();
        assert_eq!((bolt.restarts, bolt.failed), (10, 10));
        assert!(bolt.last_error.as_ref().unwrap().contains(ON_PURPOSE));
    }
}

#[test]
fn a_bolt_that_always_panics_is_restarted_ever_later() {
    expect_panics();
    let told = Log::default();
    let lab = Lab::new(6, 1);
    let mut builder =
        simple(&told, 1, true, || FnBolt::new(|_, _| std::panic::panic_any(ON_PURPOSE)));
    let spout_log = told.clone();
    builder.dyn_spout("quiet", move || ListSpout::numbers(0, &spout_log)).output(&["n"]);
    let running = lab.submit(builder.build().unwrap());
    lab.finish(&running, LIMIT);
    let bolt_restarts = running.stats().component("b").unwrap().restarts;
    assert_eq!(bolt_restarts, 4, "the first attempt and three retries");
    assert_eq!(failed(&told), [(0, FailReason::Panicked { component: "b".into() })]);
}

#[test]
fn a_bolt_whose_prepare_fails_at_first_is_tried_again() {
    let told = Log::default();
    let attempts = Arc::new(AtomicU32::new(0));
    let lab = Lab::new(7, 2);
    let count = Arc::clone(&attempts);
    let builder = simple(&told, 100, false, move || {
        let count = Arc::clone(&count);
        FnBolt::new(|_, _| Ok(Done::Ack)).on_prepare(move |_| {
            if count.fetch_add(1, Ordering::Relaxed) < 6 { Err("not yet".into()) } else { Ok(()) }
        })
    });
    let running = lab.submit(builder.build().unwrap());
    lab.finish(&running, LIMIT);
    assert_eq!(acked(&told).len(), 100);
    assert_eq!(failed(&told), [], "tuples waited in the queue");
    let last = running.stats().component("b").unwrap().last_error.clone();
    assert_eq!(last.as_deref(), Some("prepare failed: not yet"));
}

#[test]
fn a_panicking_spout_goes_on_with_its_roots() {
    expect_panics();
    struct Fragile {
        next: Arc<AtomicU32>,
        told: Log<Told>,
        emitted: u32,
    }
    impl DynSpout for Fragile {
        fn next(&mut self, out: &mut SpoutOutput<'_>) -> Result<Next, ComponentError> {
            if self.emitted == 10 {
                std::panic::panic_any(ON_PURPOSE);
            }
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= 55 {
                return Ok(Next::Finished);
            }
            out.emit(u64::from(number), &[Value::I64(number.into())])?;
            self.emitted += 1;
            Ok(Next::More)
        }
        fn ack(&mut self, id: MessageId) {
            self.told.add(Told::Acked(id));
        }
    }
    let (told, next) = (Log::default(), Arc::new(AtomicU32::new(0)));
    let lab = Lab::new(8, 2);
    let mut builder = TopologyBuilder::new("t");
    let spout_log = told.clone();
    builder
        .dyn_spout("s", move || Fragile {
            next: Arc::clone(&next),
            told: spout_log.clone(),
            emitted: 0,
        })
        .output(&["n"]);
    builder.dyn_bolt("b", || FnBolt::new(|_, _| Ok(Done::Ack))).shuffle("s").parallelism(2);
    let running = lab.submit(builder.build().unwrap());
    lab.finish(&running, LIMIT);
    let ids: BTreeSet<MessageId> = acked(&told).into_iter().collect();
    assert_eq!(ids.len(), 55);
    assert_eq!(running.stats().component("s").unwrap().restarts, 5);
}

#[test]
fn an_error_fails_the_tuple_and_keeps_the_instance() {
    let told = Log::default();
    let lab = Lab::new(9, 1);
    let mut attempts = 0;
    let attempts = Arc::new(Mutex::new(move || {
        attempts += 1;
        attempts
    }));
    let builder = simple(&told, 1, true, move || {
        let attempts = Arc::clone(&attempts);
        FnBolt::new(move |_, _| {
            if attempts.lock().unwrap()() < 3 { Err("no database".into()) } else { Ok(Done::Ack) }
        })
    });
    let running = lab.submit(builder.build().unwrap());
    lab.finish(&running, LIMIT);
    assert_eq!(acked(&told), [0]);
    let stats = running.stats();
    let bolt = stats.component("b").unwrap();
    assert_eq!((bolt.errors, bolt.restarts, bolt.executed), (2, 0, 3));
    assert_eq!(stats.component("s").unwrap().replayed, 2);
}

#[test]
fn a_root_out_of_retries_goes_to_the_dead_letters() {
    for (fused, subscribed) in [(true, true), (false, true), (true, false)] {
        let (told, letters) = (Log::default(), Log::default());
        let lab = Lab::new(10, 2);
        let mut builder = simple(&told, 100, fused, || {
            FnBolt::new(|tuple, _| match tuple.get(0).as_i64() {
                Some(number) if number % 10 == 3 => Err("indigestible".into()),
                _ => Ok(Done::Ack),
            })
        });
        if subscribed {
            let seen = letters.clone();
            builder
                .dyn_bolt("letters", move || {
                    let seen = seen.clone();
                    FnBolt::new(move |tuple, _| {
                        let letter = tuple.decode::<DeadLetter>().ok_or("not a letter")?;
                        seen.add((letter.id, letter.attempts, letter.values.to_owned()));
                        assert_eq!(letter.reason, "error in b: indigestible");
                        assert_eq!(letter.stream, "default");
                        Ok(Done::Ack)
                    })
                })
                .global(("s", DEAD_LETTER_STREAM));
        }
        let running = lab.submit(builder.build().unwrap());
        lab.finish(&running, LIMIT);
        assert_eq!(acked(&told).len(), 90);
        assert_eq!(failed(&told).len(), 10);
        let stats = running.stats();
        assert_eq!((stats.dead_lettered(), stats.pending()), (10, 0));
        let mut letters = letters.take();
        letters.sort_by_key(|letter| letter.0);
        if subscribed {
            assert_eq!(letters.len(), 10);
            assert_eq!(letters[1], (13, 4, OwnedValue::List(vec![OwnedValue::I64(13)])));
        }
        let commits = told.take().into_iter().filter(|event| matches!(event, Told::Commit(_)));
        assert_eq!(commits.last(), Some(Told::Commit(100)));
    }
}

#[test]
fn a_tuple_that_is_never_acked_times_out() {
    let told = Log::default();
    let lab = Lab::new(11, 2);
    let attempts = Arc::new(AtomicU32::new(0));
    let builder = simple(&told, 3, false, move || {
        let attempts = Arc::clone(&attempts);
        FnBolt::new(move |tuple, _| {
            let forgotten =
                tuple.get(0) == Value::I64(1) && attempts.fetch_add(1, Ordering::Relaxed) == 0;
            Ok(if forgotten { Done::Defer } else { Done::Ack })
        })
    });
    let running = lab.submit(builder.build().unwrap());
    lab.pass(Duration::from_secs(29));
    assert_eq!(acked(&told).len(), 2);
    lab.finish(&running, Duration::from_secs(30));
    assert_eq!(acked(&told).len(), 3);
    assert_eq!(running.stats().component("s").unwrap().replayed, 1);
}

#[test]
fn a_queued_tuple_does_not_time_out() {
    let told = Log::default();
    let lab = Lab::new(12, 2);
    let open = Arc::new(AtomicU32::new(0));
    let gate = Arc::clone(&open);
    // The bolt cannot be prepared, so that its tuples wait.
    let builder = simple(&told, 50, false, move || {
        let gate = Arc::clone(&gate);
        FnBolt::new(|_, _| Ok(Done::Ack)).on_prepare(move |_| {
            if gate.load(Ordering::Relaxed) == 0 { Err("closed".into()) } else { Ok(()) }
        })
    });
    let running = lab.submit(builder.build().unwrap());
    lab.pass(Duration::from_secs(100));
    assert_eq!(running.stats().component("s").unwrap().replayed, 0);
    open.store(1, Ordering::Relaxed);
    lab.finish(&running, Duration::from_secs(20));
    assert_eq!(acked(&told).len(), 50);
    assert_eq!(running.stats().component("s").unwrap().replayed, 0);
}

/// Work that other threads finish, as a sink's appends.
#[derive(Clone, Default)]
struct Elsewhere {
    wake: Arc<Mutex<Option<Wake>>>,
    finished: Arc<Mutex<Vec<i64>>>,
}

impl Elsewhere {
    fn bolt(&self, started: &Log<i64>) -> FnBolt {
        let (prepared, polled, started) = (self.clone(), self.clone(), started.clone());
        let held: Arc<Mutex<Vec<(i64, Anchor)>>> = Arc::default();
        let kept = Arc::clone(&held);
        FnBolt::new(move |tuple, out| {
            let number = tuple.get(0).as_i64().ok_or("no number")?;
            held.lock().unwrap().push((number, out.defer()));
            started.add(number);
            Ok(Done::Defer)
        })
        .on_prepare(move |context| {
            *prepared.wake.lock().unwrap() = Some(context.wake());
            Ok(())
        })
        .on_poll(move |out| {
            for number in polled.finished.lock().unwrap().drain(..) {
                let mut held = kept.lock().unwrap();
                let at = held.iter().position(|(held, _)| *held == number).ok_or("unknown")?;
                let (_, anchor) = held.swap_remove(at);
                if number % 2 == 0 { out.ack(anchor) } else { out.fail(anchor, "odd") }
            }
            Ok(())
        })
    }

    fn finish(&self, number: i64) {
        self.finished.lock().unwrap().push(number);
        self.wake.lock().unwrap().as_ref().unwrap().notify();
    }
}

#[test]
fn a_wake_polls_the_bolt_that_holds_tuples() {
    for fused in [true, false] {
        let (told, started) = (Log::default(), Log::default());
        let elsewhere = Elsewhere::default();
        let lab = Lab::new(13, 2);
        let mut builder = TopologyBuilder::new("t");
        let spout_log = told.clone();
        let spout = move || {
            let mut spout = ListSpout::numbers(4, &spout_log);
            spout.retries = Retries::Spout;
            spout
        };
        builder.dyn_spout("s", spout).output(&["n"]);
        let (theirs, seen) = (elsewhere.clone(), started.clone());
        let bolt = builder.dyn_bolt("b", move || theirs.bolt(&seen)).shuffle("s");
        if !fused {
            bolt.blocking();
        }
        let running = lab.submit(builder.build().unwrap());
        lab.pass(Duration::from_secs(1));
        assert_eq!(started.len(), 4);
        assert_eq!(acked(&told), []);
        assert_eq!(running.stats().component("b").unwrap().deferred, 4);
        elsewhere.finish(2);
        lab.settle();
        assert_eq!(acked(&told), [2], "the time has not moved: it was the wake");
        elsewhere.finish(1);
        elsewhere.finish(0);
        elsewhere.finish(3);
        lab.settle();
        let failures: BTreeSet<MessageId> = failed(&told).into_iter().map(|f| f.0).collect();
        assert_eq!(failures, BTreeSet::from([1, 3]));
        assert_eq!(running.status(), Status::Finished);
        let bolt = running.stats().component("b").unwrap().clone();
        assert_eq!((bolt.acked, bolt.failed, bolt.deferred), (2, 2, 0));
    }
}

#[test]
fn what_a_lost_instance_held_is_replayed_at_once() {
    expect_panics();
    let told = Log::default();
    let lab = Lab::new(14, 2);
    let executed = Arc::new(AtomicU32::new(0));
    let builder = simple(&told, 20, false, move || {
        let executed = Arc::clone(&executed);
        FnBolt::new(move |tuple, out| {
            if executed.fetch_add(1, Ordering::Relaxed) >= 20 {
                return Ok(Done::Ack);
            }
            if tuple.get(0).as_i64().is_some_and(|number| number >= 18) {
                std::panic::panic_any(ON_PURPOSE);
            }
            out.defer();
            Ok(Done::Defer)
        })
    });
    let running = lab.submit(builder.build().unwrap());
    lab.finish(&running, Duration::from_secs(5));
    assert_eq!(acked(&told).len(), 20);
    assert_eq!(running.stats().component("b").unwrap().deferred, 0);
}

#[test]
fn a_tuple_acked_within_its_own_execute_is_acked() {
    for fused in [true, false] {
        let told = Log::default();
        let lab = Lab::new(15, 2);
        let builder = simple(&told, 500, fused, || {
            FnBolt::new(|_, out| {
                let (one, two) = (out.defer(), out.defer());
                out.ack(one);
                out.ack(two);
                Ok(Done::Defer)
            })
        });
        lab.finish(&lab.submit(builder.build().unwrap()), LIMIT);
        assert_eq!(acked(&told).len(), 500);
    }
}

#[test]
fn ticks_come_at_their_interval() {
    let told = Log::default();
    let ticks = Log::default();
    let lab = Lab::new(16, 2);
    let mut builder = TopologyBuilder::new("t");
    let spout_log = told.clone();
    let spout = move || {
        let mut spout = ListSpout::numbers(0, &spout_log);
        spout.finish = false;
        spout
    };
    builder.dyn_spout("s", spout).output(&["n"]);
    let seen = ticks.clone();
    builder
        .dyn_bolt("clock", move || {
            let seen = seen.clone();
            FnBolt::new(|_, _| Ok(Done::Ack)).on_tick(move |out| {
                seen.add(out.now());
                out.emit(&[Value::I64(1)])?;
                Ok(())
            })
        })
        .output(&["one"])
        .shuffle("s")
        .tick(Duration::from_millis(100));
    let counted = Log::default();
    let collected = counted.clone();
    builder.dyn_bolt("end", move || collector(&collected)).shuffle("clock");
    let running = lab.submit(builder.build().unwrap());
    lab.pass(Duration::from_millis(1050));
    assert_eq!(ticks.len(), 10);
    assert_eq!(counted.len(), 10, "a tick may emit");
    running.kill(Duration::from_secs(1));
    lab.settle();
    assert_eq!(running.status(), Status::Finished);
}

tuple! {
    struct Number { n: i64 }
    struct Sum { sum: i64, count: i64 }
}

struct Adder;

impl WindowBolt for Adder {
    type In = Number;
    type Out = Sum;
    fn window(
        &mut self,
        tuples: &[Number],
        out: &mut Emitter<'_, Sum>,
    ) -> Result<(), ComponentError> {
        let sum: i64 = tuples.iter().map(|tuple| tuple.n).sum();
        out.emit(Sum::borrow(sum, i64::try_from(tuples.len())?));
        Ok(())
    }
}

/// Collects what a window emitted, and fails the first sum once.
struct Sums {
    seen: Log<(i64, i64)>,
    failed: Arc<AtomicU32>,
}

impl Bolt for Sums {
    type In = Sum;
    type Out = ();
    fn execute(
        &mut self,
        sum: Ref<'_, Sum>,
        _: &mut Emitter<'_, ()>,
    ) -> Result<Done, ComponentError> {
        if self.failed.fetch_add(1, Ordering::Relaxed) == 0 {
            return Ok(Done::Fail);
        }
        self.seen.add((sum.sum, sum.count));
        Ok(Done::Ack)
    }
}

fn windowed(
    told: &Log<Told>,
    seen: &Log<(i64, i64)>,
    count: i64,
    window: fn() -> Tumbling<Adder>,
) -> TopologyBuilder {
    let mut builder = TopologyBuilder::new("t");
    let (told, seen) = (told.clone(), seen.clone());
    builder.dyn_spout("s", move || ListSpout::numbers(count, &told)).output(&["n"]);
    let sums = builder.bolt("sum", window).shuffle("s").tick(Duration::from_secs(1)).handle();
    let failed = Arc::new(AtomicU32::new(0));
    builder
        .bolt("end", move || Sums { seen: seen.clone(), failed: Arc::clone(&failed) })
        .all(&sums)
        .parallelism(2);
    builder
}

#[test]
fn a_count_window_fails_and_is_replayed_whole() {
    let (told, seen) = (Log::default(), Log::default());
    let lab = Lab::new(17, 2);
    let builder = windowed(&told, &seen, 30, || Tumbling::count(10, Adder));
    lab.finish(&lab.submit(builder.build().unwrap()), LIMIT);
    assert_eq!(acked(&told).len(), 30);
    let seen = seen.take();
    assert!(seen.iter().all(|(_, count)| *count == 10));
    let sums: BTreeSet<i64> = seen.iter().map(|(sum, _)| *sum).collect();
    assert_eq!(sums, BTreeSet::from([45, 145, 245]));
}

#[test]
fn a_time_window_may_outlast_the_message_timeout() {
    let (told, seen) = (Log::default(), Log::default());
    let lab = Lab::new(18, 2);
    let mut builder = windowed(&told, &seen, 30, || Tumbling::time(Duration::from_secs(60), Adder));
    builder.message_timeout(Duration::from_secs(8));
    let running = lab.submit(builder.build().unwrap());
    lab.pass(Duration::from_secs(59));
    assert_eq!((acked(&told).len(), seen.len()), (0, 0));
    lab.finish(&running, Duration::from_secs(120));
    assert_eq!(acked(&told).len(), 30);
    assert!(seen.take().contains(&(435, 30)));
    assert_eq!(running.stats().component("s").unwrap().failed, 30, "only for the failed sum");
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

#[test]
fn the_engines_retries_back_off() {
    let Retries::Engine(policy) = quick_retries(9) else { panic!("of the engine") };
    let waits: Vec<u128> = (1..6).map(|attempt| policy.backoff(attempt).as_millis()).collect();
    assert_eq!(waits, [5, 10, 20, 40, 50]);
    assert_eq!(policy.backoff(u32::MAX), policy.backoff_max);
}
