//! Windows in running topologies: held and replayed whole, event time, late tuples, sessions, joins.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{FnBolt, Lab, ListSpout, Log, Told, acked};
use tidemill_engine::{
    Bolt, BoltOutput, BuildError, ComponentError, Done, DynSpout, DynWindowBolt, Emitter,
    Guarantee, Holding, Join, LATE_STREAM, Next, OwnedValue, Ref, Span, SpoutOutput, Status,
    TopologyBuilder, Tuple, Value, Window, WindowBolt, WindowTuple, Windows, tuple,
};

const LIMIT: Duration = Duration::from_secs(600);

tuple! {
    struct Number { n: i64 }
    struct Sum { sum: i64, count: i64 }
}

/// Adds up the numbers of each window; a number is its own time in milliseconds.
struct Adder;

impl WindowBolt for Adder {
    type In = Number;
    type Out = Sum;
    fn timestamp_ms(&self, tuple: Ref<'_, Number>) -> Result<i64, ComponentError> {
        Ok(tuple.n)
    }
    fn key(&self, tuple: Ref<'_, Number>, key: &mut Vec<u8>) {
        key.push(u8::try_from(tuple.n % 2).unwrap_or(0));
    }
    fn window(
        &mut self,
        window: &Window<'_, Number>,
        out: &mut Emitter<'_, Sum>,
    ) -> Result<(), ComponentError> {
        let sum: i64 = window.tuples().map(|tuple| tuple.n).sum();
        out.emit(Sum::borrow(sum, i64::try_from(window.len())?));
        Ok(())
    }
}

/// Collects what windows emitted, and fails the first sums.
struct Sums {
    seen: Log<(i64, i64)>,
    to_fail: Arc<AtomicU32>,
}

impl Bolt for Sums {
    type In = Sum;
    type Out = ();
    fn execute(
        &mut self,
        sum: Ref<'_, Sum>,
        _: &mut Emitter<'_, ()>,
    ) -> Result<Done, ComponentError> {
        let failing = |left: u32| left.checked_sub(1);
        if self.to_fail.fetch_update(Ordering::Relaxed, Ordering::Relaxed, failing).is_ok() {
            return Ok(Done::Fail);
        }
        self.seen.add((sum.sum, sum.count));
        Ok(Done::Ack)
    }
}

/// Emits rows of one timestamp and something else, one each 10 ms.
struct Paced {
    rows: VecDeque<[i64; 2]>,
}

impl DynSpout for Paced {
    fn next(&mut self, out: &mut SpoutOutput<'_>) -> Result<Next, ComponentError> {
        let Some([timestamp, other]) = self.rows.pop_front() else { return Ok(Next::Finished) };
        out.emit(timestamp.unsigned_abs(), &[Value::I64(timestamp), Value::I64(other)])?;
        Ok(Next::IdleUntil(out.now().after(Duration::from_millis(10))))
    }
}

fn paced(builder: &mut TopologyBuilder, id: &str, timestamps: &[i64]) {
    let rows: VecDeque<[i64; 2]> = timestamps.iter().map(|timestamp| [*timestamp, 0]).collect();
    let spout = move || Paced { rows: rows.clone() };
    builder.dyn_spout(id, spout).output(&["timestamp", "x"]);
}

/// Notes the windows: their ends and the timestamps in them.
struct Noted(Log<(i64, Vec<i64>)>);

impl DynWindowBolt for Noted {
    fn window(
        &mut self,
        window: &Window<'_, WindowTuple>,
        _: &mut BoltOutput<'_>,
    ) -> Result<(), ComponentError> {
        let timestamps = window.timed().map(|(at, tuple)| {
            assert_eq!(tuple.by_name("timestamp").and_then(Value::as_i64), Some(at));
            at
        });
        self.0.add((window.end_ms(), timestamps.collect()));
        Ok(())
    }
}

/// Two paced spouts of timestamps, windows of 10 ms over both; the windows and the late tuples.
fn two_streams(
    fast: &[i64],
    slow: &[i64],
    windows: impl Fn(Windows) -> Windows,
    passed: Duration,
) -> (Vec<(i64, Vec<i64>)>, Vec<i64>) {
    let mut builder = TopologyBuilder::new("t");
    builder.guarantee(Guarantee::AtMostOnce);
    paced(&mut builder, "fast", fast);
    paced(&mut builder, "slow", slow);
    let (noted, late) = (Log::default(), Log::default());
    let (log, late_log) = (noted.clone(), late.clone());
    let tumbling = Windows::tumbling(Span::Time(Duration::from_millis(10)));
    builder
        .dyn_windowed("w", windows(tumbling), move || Noted(log.clone()))
        .stream(LATE_STREAM, &["tuple"])
        .shuffle("fast")
        .shuffle("slow");
    let collect = move || {
        let log = late_log.clone();
        FnBolt::new(move |tuple, _| {
            let Value::List(list) = tuple.get(0) else { return Err("not a list".into()) };
            log.add(list.get(0).and_then(Value::as_i64).unwrap_or(-1));
            Ok(Done::Ack)
        })
    };
    builder.dyn_bolt("late", collect).shuffle(("w", LATE_STREAM));
    let lab = Lab::new(24, 2);
    let _running = lab.submit(builder.build().unwrap());
    lab.pass(passed);
    (noted.take(), late.take())
}

/// What a test looks at.
#[derive(Default)]
struct Seen {
    told: Log<Told>,
    sums: Log<(i64, i64)>,
}

/// Numbers, a window, and who collects the sums.
fn windowed(seen: &Seen, numbers: Vec<i64>, fail: u32, windows: Windows) -> TopologyBuilder {
    let mut builder = TopologyBuilder::new("t");
    let (told, sums) = (seen.told.clone(), seen.sums.clone());
    let rows: Vec<_> = numbers.into_iter().map(|number| vec![number.into()]).collect();
    let spout = move || ListSpout::new(rows.clone(), &told);
    builder.dyn_spout("s", spout).output(&["n"]);
    let window = builder.windowed("sum", windows, || Adder).shuffle("s").handle();
    let to_fail = Arc::new(AtomicU32::new(fail));
    let collect = move || Sums { seen: sums.clone(), to_fail: Arc::clone(&to_fail) };
    builder.bolt("end", collect).all(&window).parallelism(2);
    builder
}

/// The sums without those that a second collector or a replay repeats.
fn distinct(seen: &Seen) -> BTreeSet<(i64, i64)> {
    seen.sums.take().into_iter().collect()
}

#[test]
fn a_count_window_fails_and_is_replayed_whole() {
    let seen = Seen::default();
    let lab = Lab::new(17, 2);
    let windows = Windows::tumbling(Span::Count(10));
    let builder = windowed(&seen, (0..30).collect(), 1, windows);
    lab.finish(&lab.submit(builder.build().unwrap()), LIMIT);
    assert_eq!(acked(&seen.told).len(), 30);
    assert_eq!(distinct(&seen), BTreeSet::from([(45, 10), (145, 10), (245, 10)]));
}

#[test]
fn a_time_window_may_outlast_the_message_timeout() {
    let seen = Seen::default();
    let lab = Lab::new(18, 2);
    let windows = Windows::tumbling(Span::Time(Duration::from_secs(60)));
    let mut builder = windowed(&seen, (0..30).collect(), 1, windows);
    builder.message_timeout(Duration::from_secs(8));
    let running = lab.submit(builder.build().unwrap());
    lab.pass(Duration::from_secs(59));
    assert_eq!((acked(&seen.told).len(), seen.sums.len()), (0, 0));
    lab.finish(&running, Duration::from_secs(180));
    assert_eq!(acked(&seen.told).len(), 30);
    assert!(seen.sums.take().contains(&(435, 30)));
    assert_eq!(running.stats().component("s").unwrap().failed, 30, "only for the failed sum");
}

#[test]
fn sliding_windows_overlap_and_ack_what_has_left() {
    let seen = Seen::default();
    let lab = Lab::new(19, 2);
    let windows = Windows::sliding(Span::Count(4), Span::Count(2));
    let running = lab.submit(windowed(&seen, (0..8).collect(), 0, windows).build().unwrap());
    lab.settle();
    assert_eq!(distinct(&seen), BTreeSet::from([(1, 2), (6, 4), (14, 4), (22, 4)]));
    assert_eq!(acked(&seen.told), [0, 1, 2, 3, 4, 5], "the last two may be in the next window");
    running.kill(Duration::ZERO);
    lab.settle();
    assert_eq!(running.status(), Status::Finished);
}

#[test]
fn event_time_windows_wait_for_the_watermark_and_late_tuples_are_told() {
    let windows = |windows: Windows| windows.event_time(Duration::from_millis(5));
    // 9 is out of order within the lag; 8 is behind a window that is gone.
    let stamps = [1, 12, 9, 14, 26, 8, 40];
    let (noted, late) = two_streams(&stamps, &stamps, windows, Duration::from_secs(1));
    let both = |stamps: &[i64]| stamps.iter().flat_map(|at| [*at, *at]).collect::<Vec<i64>>();
    let wanted = [(10, both(&[1, 9])), (20, both(&[12, 14])), (30, both(&[26]))];
    assert_eq!(noted, wanted);
    assert_eq!(late, [8, 8]);
}

#[test]
fn windows_may_hold_nothing_back() {
    let seen = Seen::default();
    let lab = Lab::new(21, 2);
    let windows = Windows::tumbling(Span::Count(1_000)).holding(Holding::NotAtAll);
    let mut builder = windowed(&seen, (0..1_500).collect(), 0, windows);
    builder.max_pending(16);
    lab.finish(&lab.submit(builder.build().unwrap()), LIMIT);
    assert_eq!(acked(&seen.told).len(), 1_500);
    assert_eq!(distinct(&seen), BTreeSet::from([(499_500, 1_000)]));
}

#[test]
fn sessions_end_a_gap_after_their_last_tuple() {
    let seen = Seen::default();
    let lab = Lab::new(22, 2);
    let windows = Windows::session(Duration::from_millis(10)).event_time(Duration::ZERO);
    // Even numbers are one key, odd ones the other.
    let running =
        lab.submit(windowed(&seen, vec![2, 3, 8, 11, 16, 40, 61], 0, windows).build().unwrap());
    lab.settle();
    assert_eq!(distinct(&seen), BTreeSet::from([(26, 3), (14, 2), (40, 1)]));
    running.kill(Duration::ZERO);
    lab.settle();
}

/// A spout of rows of fields of its own.
fn rows(builder: &mut TopologyBuilder, id: &str, fields: &[&str], rows: &[[i64; 2]]) {
    let rows: Vec<Vec<OwnedValue>> =
        rows.iter().map(|row| row.iter().map(|value| OwnedValue::from(*value)).collect()).collect();
    let told = Log::default();
    builder.dyn_spout(id, move || ListSpout::new(rows.clone(), &told)).output(fields);
}

fn joined(left: bool) -> Vec<Vec<OwnedValue>> {
    let mut builder = TopologyBuilder::new("t");
    rows(&mut builder, "users", &["id", "age"], &[[1, 30], [2, 40], [3, 50]]);
    rows(&mut builder, "orders", &["user", "amount"], &[[1, 7], [2, 9], [1, 11], [9, 1]]);
    let join = Join::new("users", "id");
    let join = if left {
        join.left("orders", "user", "users")
    } else {
        join.inner("orders", "user", "users")
    };
    let join = join.select("users:id, age, orders:amount as paid").unwrap();
    assert_eq!(join.fields(), ["users:id", "age", "paid"]);
    let windows = Windows::tumbling(Span::Count(7));
    builder.join("join", windows, join).fields("users", &["id"]).fields("orders", &["user"]);
    let seen = Log::default();
    let log = seen.clone();
    let collect = move || {
        let log = log.clone();
        FnBolt::new(move |tuple, _| {
            log.add(tuple.to_owned_values());
            Ok(Done::Ack)
        })
    };
    builder.dyn_bolt("end", collect).shuffle("join");
    let lab = Lab::new(23, 2);
    lab.finish(&lab.submit(builder.build().unwrap()), LIMIT);
    let mut seen = seen.take();
    seen.sort_by_key(|row| format!("{row:?}"));
    seen
}

#[test]
fn streams_are_joined_over_a_window() {
    let row = |id: i64, age: i64, paid: Option<i64>| {
        vec![id.into(), age.into(), paid.map_or(OwnedValue::Null, OwnedValue::from)]
    };
    let mut wanted = vec![row(1, 30, Some(11)), row(1, 30, Some(7)), row(2, 40, Some(9))];
    assert_eq!(joined(false), wanted);
    wanted.push(row(3, 50, None));
    assert_eq!(joined(true), wanted);
}

#[test]
fn the_watermark_waits_for_the_slower_stream_unless_it_is_idle() {
    let (fast, slow) = ([10, 95, 96, 97], [12, 31]);
    let waiting = |windows: Windows| windows.event_time(Duration::ZERO);
    let (noted, late) = two_streams(&fast, &slow, waiting, Duration::from_secs(10));
    assert_eq!(noted, [(10, vec![10]), (20, vec![12])]);
    assert_eq!(late, []);
    let idle = |windows: Windows| waiting(windows).idle_after(Duration::from_secs(5));
    let (noted, _) = two_streams(&fast, &slow, idle, Duration::from_secs(10));
    assert_eq!(noted, [(10, vec![10]), (20, vec![12]), (40, vec![31])]);
}

#[test]
fn windows_that_cannot_be_are_refused_with_the_fix() {
    let build = |windows: Windows| {
        windowed(&Seen::default(), vec![], 0, windows).build().unwrap_err().to_string()
    };
    assert_eq!(
        build(Windows::tumbling(Span::Count(0))),
        "the windows of sum have a length that is no tuples; use at least 1"
    );
    assert_eq!(
        build(Windows::sliding(Span::Count(5), Span::Time(Duration::from_micros(3)))),
        "the windows of sum have a slide that is less than a millisecond; use at least 1 ms"
    );
    let mut builder = windowed(&Seen::default(), vec![], 0, Windows::tumbling(Span::Count(100)));
    builder.max_pending(99);
    let error = builder.build().unwrap_err();
    assert!(matches!(error, BuildError::WindowOverPending { length: 100, roots: 99, .. }));
    assert_eq!(Number::FIELDS, ["n"]);
}
