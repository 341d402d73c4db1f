//! Tuples that bolts keep, ticks, and windows made of both.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that is surprised should end")]

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{FnBolt, Lab, ListSpout, Log, Told, acked, collector, failed, simple};
use tidemill_engine::{
    Anchor, Bolt, ComponentError, Done, Emitter, MessageId, Ref, Retries, Status, TopologyBuilder,
    Tumbling, Value, WindowBolt, tuple,
};
use tidemill_world::Wake;

const LIMIT: Duration = Duration::from_secs(20);

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
