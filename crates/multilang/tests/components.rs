//! Shell spouts and bolts in a running engine, with real Python children that misbehave.
//!
//! The measure is always the same: every root is acked, and everything the roots carried has arrived.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells its parent process by printing"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Logs, Scratch, hand};
use serde_json::{Value as Json, json};
use tidemill_engine::{
    BoltOutput, ComponentError, Done, DynBolt, DynSpout, Engine, EngineConfig, MessageId, Next,
    Retries, RetryPolicy, Running, SpoutOutput, Status, TaskContext, TopologyBuilder,
    TopologyStats, TupleRef, Value,
};
use tidemill_multilang::child::{Policy, SyncPolicy};
use tidemill_multilang::shell::{ChildChange, ChildNews, ShellBolt, ShellConfig, ShellSpout};
use tidemill_world::World;

/// Longer than any of these takes; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the native components of a test have seen.
#[derive(Clone, Default)]
struct Seen {
    acked: Arc<Mutex<BTreeSet<u64>>>,
    values: Arc<Mutex<Vec<i64>>>,
    tasks: Arc<Mutex<BTreeSet<u32>>>,
}

impl Seen {
    fn values(&self) -> Vec<i64> {
        let mut values = self.values.lock().unwrap().clone();
        values.sort_unstable();
        values
    }

    fn distinct(&self) -> usize {
        self.values().into_iter().collect::<BTreeSet<_>>().len()
    }
}

/// Emits 0 to `count`, each with its number as identifier; the engine replays.
struct Numbers {
    next: u64,
    count: u64,
    retries: RetryPolicy,
    /// What it says at the end.
    end: Next,
    seen: Seen,
}

impl DynSpout for Numbers {
    fn next(&mut self, out: &mut SpoutOutput<'_>) -> Result<Next, ComponentError> {
        while self.next < self.count && out.room() > 0 {
            out.emit(self.next, &[Value::I64(self.next as i64)])?;
            self.next += 1;
        }
        Ok(if self.next == self.count { self.end } else { Next::More })
    }

    fn ack(&mut self, id: MessageId) {
        self.seen.acked.lock().unwrap().insert(id);
    }

    fn retries(&self) -> Retries {
        Retries::Engine(self.retries)
    }
}

/// Keeps what arrives; fails each value the first `fails` times it sees it, or only `fails_in_all` tuples.
struct Collector {
    seen: Seen,
    fails: usize,
    fails_in_all: usize,
    failed: BTreeMap<i64, usize>,
    task: u32,
}

impl Collector {
    fn new(seen: &Seen) -> Self {
        Self { seen: seen.clone(), fails: 0, fails_in_all: 0, failed: BTreeMap::new(), task: 0 }
    }
}

impl DynBolt for Collector {
    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        self.task = context.task_id();
        Ok(())
    }

    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        _out: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        let value = tuple.get(0).as_i64().ok_or("no number")?;
        let failed = self.failed.entry(value).or_default();
        if *failed < self.fails {
            *failed += 1;
            return Ok(Done::Fail);
        }
        if self.fails_in_all > 0 {
            self.fails_in_all -= 1;
            return Ok(Done::Fail);
        }
        self.seen.values.lock().unwrap().push(value);
        self.seen.tasks.lock().unwrap().insert(self.task);
        Ok(Done::Ack)
    }
}

struct Rig {
    config: ShellConfig,
    logs: Logs,
    seen: Seen,
    tick: Option<Duration>,
    pids: Arc<Mutex<Vec<i64>>>,
    _scratch: Scratch,
}

impl Rig {
    fn new(mode: &str, arg: &str) -> Self {
        let (logs, scratch) = (Logs::default(), Scratch::new());
        let mut spec = hand(mode, arg);
        spec.env.push(("HAND_DIR".into(), scratch.0.clone().into()));
        let pids: Arc<Mutex<Vec<i64>>> = Arc::default();
        let started = Arc::clone(&pids);
        let config = ShellConfig {
            world: World::real(),
            spec,
            // A test kills more often than life does: each start is as good as the first.
            policy: Policy {
                backoff_min: Duration::from_millis(1),
                healthy_after: Duration::ZERO,
                ..Policy::default()
            },
            sync: SyncPolicy::Auto,
            conf: serde_json::Map::new(),
            pid_dir: scratch.0.clone(),
            max_pending: 100,
            message_timeout: Duration::from_secs(30),
            logs: logs.sink(),
            watch: Arc::new(move |news: &ChildNews| {
                if let ChildChange::Started(pid) = news.what {
                    started.lock().unwrap().push(pid);
                }
            }),
        };
        Self { config, logs, seen: Seen::default(), tick: None, pids, _scratch: scratch }
    }

    /// Numbers → the shell bolt → a collector.
    fn bolt_topology(&self, count: u64, retries: RetryPolicy) -> TopologyBuilder {
        let mut builder = TopologyBuilder::new("test");
        let seen = self.seen.clone();
        let end = if self.tick.is_some() { Next::Idle } else { Next::Finished };
        let numbers = move || Numbers { next: 0, count, retries, end, seen: seen.clone() };
        builder.dyn_spout("numbers", numbers).output(&["n"]);
        let config = Arc::new(self.config.clone());
        let shell = builder
            .dyn_bolt("shell", move || ShellBolt::new(Arc::clone(&config), 7))
            .output(&["n"])
            .direct_stream("direct", &["n"])
            .shuffle("numbers")
            .blocking();
        if let Some(interval) = self.tick {
            shell.tick(interval);
        }
        builder
    }

    fn collect(&self, builder: &mut TopologyBuilder, fails: usize, tasks: usize) {
        let seen = self.seen.clone();
        builder
            .dyn_bolt("collect", move || Collector { fails, ..Collector::new(&seen) })
            .parallelism(tasks)
            .shuffle("shell");
    }

    /// Runs it until every root is done; `during` is called again and again.
    fn run(&self, builder: TopologyBuilder, during: impl FnMut()) -> TopologyStats {
        self.run_until(builder, during, |running| running.status() == Status::Finished)
    }

    fn run_until(
        &self,
        builder: TopologyBuilder,
        mut during: impl FnMut(),
        over: impl Fn(&Running) -> bool,
    ) -> TopologyStats {
        let engine = Engine::start(World::real(), EngineConfig::default()).unwrap();
        let running = engine.submit(builder.build().unwrap()).unwrap();
        let clock = World::real().clock_arc();
        let deadline = clock.now().after(PATIENCE);
        while !over(&running) {
            during();
            let texts = self.logs.texts();
            let last = &texts[texts.len().saturating_sub(20)..];
            assert!(clock.now() < deadline, "{:#?}\n{last:#?}", running.stats());
            std::thread::yield_now();
        }
        running.kill(Duration::from_secs(5));
        running.wait_finished();
        running.stats()
    }

    /// Runs `count` numbers through the bolt and checks that all were acked and have arrived.
    fn all_arrive(&self, count: u64) -> TopologyStats {
        let mut builder = self.bolt_topology(count, RetryPolicy::default());
        self.collect(&mut builder, 0, 1);
        let stats = self.run(builder, || {});
        self.check_all_arrived(count);
        stats
    }

    fn check_all_arrived(&self, count: u64) {
        assert_eq!(self.seen.acked.lock().unwrap().len() as u64, count);
        assert_eq!(self.seen.distinct() as u64, count);
    }
}

#[test]
fn tuples_go_through_a_child_exactly_once_when_nothing_happens() {
    let rig = Rig::new("bolt_forward", "");
    let stats = rig.all_arrive(3000);
    assert_eq!(rig.seen.values(), (0..3000).collect::<Vec<i64>>());
    let shell = stats.component("shell").unwrap();
    assert_eq!((shell.executed, shell.emitted, shell.failed), (3000, 3000, 0));
    assert_eq!(shell.acked, 3000, "deferred tuples count as acked when their child acks them");
}

#[test]
fn stray_output_numeric_ids_and_garbage_lose_nothing() {
    for mode in ["bolt_stray", "bolt_numeric", "bolt_garbage"] {
        let rig = Rig::new(mode, "");
        rig.all_arrive(300);
        assert_eq!(rig.seen.values().len(), 300, "{mode}: nothing twice");
    }
}

#[test]
fn a_child_that_keeps_dying_with_tuples_in_hand_loses_none() {
    let rig = Rig::new("bolt_dies", "60");
    let stats = rig.all_arrive(600);
    assert!(rig.pids.lock().unwrap().len() >= 10, "it died often");
    assert!(stats.component("numbers").unwrap().replayed > 0);
    assert_eq!(stats.dead_lettered(), 0);
}

#[test]
fn kill_9_again_and_again_loses_no_root() {
    let rig = Rig::new("bolt_forward", "");
    let mut builder = rig.bolt_topology(20_000, RetryPolicy::default());
    rig.collect(&mut builder, 0, 1);
    let mut kills = 0;
    let stats = rig.run(builder, || {
        let arrived = rig.seen.values.lock().unwrap().len();
        let pids = rig.pids.lock().unwrap();
        // One kill each 1000 arrivals, of a child that was not killed before.
        if pids.len() > kills && arrived > 1000 * (kills + 1) {
            let pid = pids[pids.len() - 1].to_string();
            assert!(
                std::process::Command::new("kill").args(["-9", &pid]).status().unwrap().success()
            );
            kills = pids.len();
        }
    });
    assert!(kills >= 10, "{kills} kills");
    rig.check_all_arrived(20_000);
    assert_eq!(stats.dead_lettered(), 0);
    assert!(rig.logs.find("signal: 9").is_some());
}

#[test]
fn a_hung_child_costs_time_and_no_tuple() {
    let mut rig = Rig::new("bolt_hangs_once", "");
    rig.config.policy.timeout = Duration::from_millis(500);
    rig.all_arrive(50);
    assert_eq!(rig.pids.lock().unwrap().len(), 2);
}

#[test]
fn a_traceback_costs_one_child_and_no_tuple() {
    let rig = Rig::new("bolt_raises", "");
    rig.all_arrive(50);
    assert!(rig.logs.find("ValueError: this tuple is no good").is_some());
}

#[test]
fn tuples_that_the_child_fails_come_again() {
    let rig = Rig::new("bolt_fails_once", "");
    let stats = rig.all_arrive(100);
    assert_eq!(stats.component("shell").unwrap().failed, 100);
    assert_eq!(stats.component("numbers").unwrap().replayed, 100);
}

#[test]
fn a_failure_further_down_comes_back_through_the_child() {
    let rig = Rig::new("bolt_forward", "");
    let mut builder = rig.bolt_topology(100, RetryPolicy::default());
    rig.collect(&mut builder, 2, 1);
    let stats = rig.run(builder, || {});
    rig.check_all_arrived(100);
    assert_eq!(stats.component("numbers").unwrap().replayed, 200);
}

#[test]
fn a_tuple_made_of_two_fails_both() {
    let rig = Rig::new("bolt_joins", "");
    let mut builder = rig.bolt_topology(10, RetryPolicy::default());
    let seen = rig.seen.clone();
    builder
        .dyn_bolt("collect", move || Collector { fails_in_all: 1, ..Collector::new(&seen) })
        .shuffle("shell");
    let stats = rig.run(builder, || {});
    assert_eq!(stats.component("numbers").unwrap().replayed, 2);
    assert_eq!(rig.seen.acked.lock().unwrap().len(), 10);
}

#[test]
fn ticks_reach_the_child_and_are_acked() {
    let mut rig = Rig::new("bolt_ticks", "");
    rig.tick = Some(Duration::from_millis(50));
    let mut builder = rig.bolt_topology(1, RetryPolicy::default());
    rig.collect(&mut builder, 0, 1);
    let logs = rig.logs.clone();
    rig.run_until(builder, || {}, move |_| logs.find("tick from __system").is_some());
}

#[test]
fn task_ids_are_told() {
    let rig = Rig::new("bolt_task_ids", "");
    let mut builder = rig.bolt_topology(20, RetryPolicy::default());
    rig.collect(&mut builder, 0, 2);
    rig.run(builder, || {});
    rig.check_all_arrived(20);
    // 1 is the spout, 2 the shell bolt, 3 and 4 the collectors.
    let told: BTreeSet<String> =
        rig.logs.texts().into_iter().filter(|text| text.starts_with("went to")).collect();
    let tasks = rig.seen.tasks.lock().unwrap();
    let possible: BTreeSet<_> = tasks.iter().map(|task| format!("went to [{task}]")).collect();
    assert!(!told.is_empty() && told.is_subset(&possible), "{told:?}");
}

#[test]
fn direct_emits_reach_the_task_that_they_name() {
    let rig = Rig::new("bolt_direct", "collect");
    let mut builder = rig.bolt_topology(20, RetryPolicy::default());
    let seen = rig.seen.clone();
    builder
        .dyn_bolt("collect", move || Collector::new(&seen))
        .parallelism(3)
        .direct(("shell", "direct"));
    rig.run(builder, || {});
    rig.check_all_arrived(20);
    assert_eq!(*rig.seen.tasks.lock().unwrap(), BTreeSet::from([5]));
}

#[test]
fn an_emit_that_does_not_fit_fails_its_tuples_and_says_why() {
    let rig = Rig::new("bolt_wrong_arity", "");
    let once = RetryPolicy { limit: 1, ..RetryPolicy::default() };
    let mut builder = rig.bolt_topology(5, once);
    rig.collect(&mut builder, 0, 1);
    let stats = rig.run(builder, || {});
    assert_eq!(stats.dead_lettered(), 5);
    assert!(rig.logs.find("emit refused: 3 values emitted on stream default").is_some());
}

#[test]
fn a_slow_child_is_not_overrun_and_its_waiting_tuples_do_not_time_out() {
    let timeout = Duration::from_secs(3);
    let mut rig = Rig::new("bolt_slow", "0.08");
    rig.config.max_pending = 10;
    rig.config.message_timeout = timeout;
    let mut builder = rig.bolt_topology(100, RetryPolicy::default());
    builder.message_timeout(timeout);
    let stats = rig.run(builder, || {});
    assert_eq!(rig.seen.acked.lock().unwrap().len(), 100);
    // All take 8 s, and the last is on its way for nearly as long: without care it would time out.
    assert_eq!(stats.component("numbers").unwrap().replayed, 0);
}

#[test]
fn the_child_is_told_its_place() {
    let rig = Rig::new("bolt_tells_context", "");
    let mut builder = rig.bolt_topology(1, RetryPolicy::default());
    rig.collect(&mut builder, 0, 2);
    rig.run(builder, || {});
    let line = rig.logs.find("context ").unwrap().text;
    let context: Json = serde_json::from_str(line.trim_start_matches("context ")).unwrap();
    assert_eq!(
        context,
        json!({
            "task->component": {"1": "numbers", "2": "shell", "3": "collect", "4": "collect"},
            "taskid": 2, "componentid": "shell",
            "streams": ["default", "direct"],
            "stream->outputfields": {"default": ["n"], "direct": ["n"]},
            "stream->target->grouping":
                {"default": {"collect": {"type": "SHUFFLE"}}, "direct": {}},
            "source->stream->grouping": {"numbers": {"default": {"type": "SHUFFLE"}}},
            "source->stream->fields": {"numbers": {"default": ["n"]}}
        })
    );
}

/// The shell spout → a collector that fails each value `fails` times.
fn spout_topology(rig: &Rig, fails: usize) -> TopologyBuilder {
    let mut builder = TopologyBuilder::new("test");
    let config = Arc::new(rig.config.clone());
    builder.dyn_spout("shell", move || ShellSpout::new(Arc::clone(&config))).output(&["n"]);
    let seen = rig.seen.clone();
    builder
        .dyn_bolt("collect", move || Collector { fails, ..Collector::new(&seen) })
        .shuffle("shell");
    builder
}

#[test]
fn a_spouts_tuples_are_acked_under_its_own_identifiers() {
    let rig = Rig::new("spout_reliable", "500");
    let logs = rig.logs.clone();
    let builder = spout_topology(&rig, 0);
    let stats = rig.run_until(builder, || {}, move |_| logs.find("all acked").is_some());
    assert_eq!(rig.seen.values(), (0..500).collect::<Vec<i64>>());
    let shell = stats.component("shell").unwrap();
    assert_eq!((shell.emitted, shell.acked, shell.failed), (500, 500, 0));
    assert!(rig.logs.find("activate").is_some());
}

#[test]
fn a_spout_emits_its_failed_tuples_again() {
    let rig = Rig::new("spout_reliable", "100");
    let logs = rig.logs.clone();
    let builder = spout_topology(&rig, 1);
    let stats = rig.run_until(builder, || {}, move |_| logs.find("all acked").is_some());
    assert_eq!(rig.seen.values(), (0..100).collect::<Vec<i64>>());
    let shell = stats.component("shell").unwrap();
    assert_eq!((shell.emitted, shell.acked, shell.failed), (200, 100, 100));
}

#[test]
fn a_spout_without_identifiers_is_drained() {
    let rig = Rig::new("spout_unreliable", "500");
    let seen = rig.seen.clone();
    let builder = spout_topology(&rig, 0);
    rig.run_until(builder, || {}, move |_| seen.values.lock().unwrap().len() == 500);
    assert_eq!(rig.seen.values(), (0..500).collect::<Vec<i64>>());
}

#[test]
fn a_spout_that_syncs_only_after_next_works() {
    let rig = Rig::new("spout_next_only", "100");
    let logs = rig.logs.clone();
    let builder = spout_topology(&rig, 1);
    rig.run_until(builder, || {}, move |_| logs.find("all acked").is_some());
}

#[test]
fn a_spout_that_starts_slowly_works_and_is_not_misjudged() {
    let rig = Rig::new("spout_slow_start", "300");
    let logs = rig.logs.clone();
    let builder = spout_topology(&rig, 1);
    let stats = rig.run_until(builder, || {}, move |_| logs.find("all acked").is_some());
    assert_eq!(rig.seen.values(), (0..300).collect::<Vec<i64>>());
    assert_eq!(stats.component("shell").unwrap().acked, 300);
    assert!(rig.logs.find("does not answer").is_none());
}

#[test]
fn a_spout_that_dies_is_started_again() {
    let rig = Rig::new("spout_dies", "10");
    let seen = rig.seen.clone();
    let builder = spout_topology(&rig, 0);
    rig.run_until(builder, || {}, move |_| seen.values.lock().unwrap().len() >= 50);
    let pids = rig.pids.lock().unwrap().clone();
    assert!(pids.len() >= 5);
    // Each of the first lives brought its ten tuples whole.
    for pid in &pids[..4] {
        let of_life = rig.seen.values().into_iter().filter(|value| value / 1000 == *pid);
        assert_eq!(of_life.count(), 10);
    }
}
