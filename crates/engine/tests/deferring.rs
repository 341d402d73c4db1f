//! Tuples that bolts keep, and ticks.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that is surprised should end")]

mod common;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{FnBolt, Lab, ListSpout, Log, acked, collector, failed, simple};
use tidemill_engine::{Anchor, Done, MessageId, Retries, Status, TopologyBuilder, Value};
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
