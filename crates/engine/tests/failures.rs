//! What fails is replayed, what crashes is made anew, and what cannot be digested is put aside.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that is surprised should end")]

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{
    FnBolt, Lab, ListSpout, Log, ON_PURPOSE, Told, acked, failed, panic_on_purpose, quick_retries,
    simple,
};
use tidemill_engine::{
    ComponentError, DEAD_LETTER_STREAM, DeadLetter, Done, DynSpout, FailReason, MessageId, Next,
    OwnedValue, Retries, SpoutOutput, TopologyBuilder, Value,
};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_panicking_bolt_is_made_anew_and_its_tuple_replayed() {
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
                    panic_on_purpose();
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
    let told = Log::default();
    let lab = Lab::new(6, 1);
    let mut builder = simple(&told, 1, true, || FnBolt::new(|_, _| panic_on_purpose()));
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
    struct Fragile {
        next: Arc<AtomicU32>,
        told: Log<Told>,
        emitted: u32,
    }
    impl DynSpout for Fragile {
        fn next(&mut self, out: &mut SpoutOutput<'_>) -> Result<Next, ComponentError> {
            if self.emitted == 10 {
                panic_on_purpose();
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
        let commits = told.take().into_iter().rev().find(|event| matches!(event, Told::Commit(_)));
        assert_eq!(commits, Some(Told::Commit(100)));
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

#[test]
fn what_a_lost_instance_held_is_replayed_at_once() {
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
                panic_on_purpose();
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
fn the_engines_retries_back_off() {
    let Retries::Engine(policy) = quick_retries(9) else { panic!("of the engine") };
    let waits: Vec<u128> = (1..6).map(|attempt| policy.backoff(attempt).as_millis()).collect();
    assert_eq!(waits, [5, 10, 20, 40, 50]);
    assert_eq!(policy.backoff(u32::MAX), policy.backoff_max);
}
