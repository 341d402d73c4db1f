//! Real Python children behind a [`Link`], without an engine: what a component sees.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells its parent process by printing"
)]

mod common;

use std::time::Duration;

use common::{Logs, Scratch, hand, is_alive};
use serde_json::json;
use tidemill_multilang::child::{
    ChildConfig, ChildSpec, Event, Heartbeats, Link, Policy, Role, SyncPolicy, open,
};
use tidemill_multilang::message::{
    Context, FromChild, Handshake, SpoutCommand, TupleHead, write_task_ids, write_tuple,
};
use tidemill_world::{Wake, World};

/// Longer than any of these takes; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

struct Rig {
    link: Link,
    logs: Logs,
    events: Vec<Event>,
    scratch: Scratch,
}

impl Rig {
    fn new(role: Role, spec: ChildSpec, policy: Policy) -> Self {
        let logs = Logs::default();
        let scratch = Scratch::new();
        let mut spec = spec;
        spec.env.push(("HAND_DIR".into(), scratch.0.clone().into()));
        let context = Context { component: "hand".into(), task: 2, ..Context::default() };
        let config = ChildConfig {
            spec,
            role,
            policy,
            sync: SyncPolicy::Auto,
            handshake: Handshake { pid_dir: scratch.0.clone(), context, ..Handshake::default() },
            logs: logs.sink(),
        };
        let link = open(&World::real(), config, Wake::new()).unwrap();
        Self { link, logs, events: Vec::new(), scratch }
    }

    fn bolt(mode: &str, arg: &str) -> Self {
        Self::new(Role::Bolt, hand(mode, arg), Policy::default())
    }

    fn next(&mut self) -> Event {
        if self.events.is_empty() {
            self.link.wait(PATIENCE);
            self.link.take(&mut self.events, 1);
            assert!(!self.events.is_empty(), "nothing came; logs: {:#?}", self.logs.texts());
        }
        self.events.remove(0)
    }

    fn started(&mut self) -> i64 {
        match self.next() {
            Event::Started(pid) => pid,
            other => panic!("{other:?}; logs: {:#?}", self.logs.texts()),
        }
    }

    fn message(&mut self) -> FromChild {
        match self.next() {
            Event::Message(message) => message,
            other => panic!("{other:?}; logs: {:#?}", self.logs.texts()),
        }
    }

    fn tuple(&self, id: u64, value: &str) {
        let mut out = Vec::new();
        let head = TupleHead { id, component: "spout", stream: "default", task: 1 };
        write_tuple(head, [value], &mut out).unwrap();
        self.link.send(out, 1, 1);
    }

    fn expect_emit(&mut self, id: &str, value: &str) {
        match self.message() {
            FromChild::Emit(emit) => {
                assert_eq!((emit.anchors, emit.values), (vec![json!(id)], vec![json!(value)]));
            }
            other => panic!("{other:?}"),
        }
    }

    fn wait_for_log(&self, part: &str) -> String {
        let clock = World::real().clock_arc();
        let deadline = clock.now().after(PATIENCE);
        loop {
            if let Some(line) = self.logs.find(part) {
                return line.text;
            }
            let texts = self.logs.texts();
            assert!(clock.now() < deadline, "no line with {part:?}: {texts:#?}");
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_bolt_greets_forwards_acks_and_ends_with_its_input() {
    let mut rig = Rig::bolt("bolt_forward", "");
    let pid = rig.started();
    assert!(is_alive(pid));
    rig.tuple(1, "dog");
    rig.expect_emit("1", "dog");
    assert_eq!(rig.message(), FromChild::Ack(json!("1")));
    rig.link.close();
    assert!(!is_alive(pid));
}

#[test]
fn stray_output_becomes_log_lines() {
    let mut rig = Rig::bolt("bolt_stray", "");
    rig.started();
    rig.tuple(1, "dog");
    rig.expect_emit("1", "dog");
    assert_eq!(rig.message(), FromChild::Ack(json!("1")));
    assert_eq!(
        rig.logs.texts(),
        ["starting up", "working on {tuple} ['dog']", "50%", "E_BOLTFAILED__not really"]
    );
}

#[test]
fn garbage_costs_no_message() {
    let mut rig = Rig::bolt("bolt_garbage", "");
    rig.started();
    rig.tuple(1, "dog");
    assert_eq!(rig.message(), FromChild::Ack(json!("no such tuple")));
    assert_eq!(rig.message(), FromChild::Fail(json!({"x": []})));
    rig.expect_emit("1", "dog");
    assert!(rig.logs.find("nobody knows this command").is_some());
}

#[test]
fn a_line_of_ten_megabytes_is_one_message() {
    let mut rig = Rig::bolt("bolt_big", "10000000");
    rig.started();
    rig.tuple(1, "dog");
    match rig.message() {
        FromChild::Emit(emit) => assert_eq!(emit.values[0].as_str().unwrap().len(), 10_000_000),
        other => panic!("{other:?}"),
    }
    assert_eq!(rig.message(), FromChild::Ack(json!("1")));
}

#[test]
fn a_message_over_the_limit_costs_the_child_its_life_and_says_so() {
    let mut rig = Rig::bolt("bolt_big", "40000000");
    rig.started();
    rig.tuple(1, "dog");
    match rig.next() {
        Event::Lost { reason, was_up: true } => assert!(reason.contains("limit"), "{reason}"),
        other => panic!("{other:?}"),
    }
    rig.started();
}

#[test]
fn a_dead_child_is_replaced_and_what_was_sent_to_it_is_lost_in_order() {
    let mut rig = Rig::bolt("bolt_dies", "2");
    let first = rig.started();
    rig.tuple(1, "a");
    rig.tuple(2, "b");
    rig.expect_emit("1", "a");
    assert_eq!(rig.message(), FromChild::Ack(json!("1")));
    match rig.next() {
        Event::Lost { reason, was_up: true } => {
            assert!(reason.contains("exit status: 3"), "{reason}")
        }
        other => panic!("{other:?}"),
    }
    let second = rig.started();
    assert_ne!(first, second);
    rig.tuple(3, "b");
    rig.expect_emit("3", "b");
}

#[test]
fn a_directory_that_a_cleaner_took_away_is_made_again() {
    let mut rig = Rig::bolt("bolt_dies", "1");
    rig.started();
    std::fs::remove_dir_all(&rig.scratch.0).unwrap();
    rig.tuple(1, "a");
    assert!(matches!(rig.next(), Event::Lost { was_up: true, .. }));
    rig.started();
}

#[test]
fn a_traceback_is_logged_and_its_last_line_is_the_reason() {
    let mut rig = Rig::bolt("bolt_raises", "");
    rig.started();
    rig.tuple(1, "dog");
    match rig.next() {
        Event::Lost { reason, .. } => {
            assert!(reason.contains("ValueError: this tuple is no good"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    rig.started();
    assert!(rig.logs.find("Traceback (most recent call last)").is_some());
}

#[test]
fn a_hung_child_is_killed_and_replaced() {
    let policy = Policy { timeout: Duration::from_millis(300), ..Policy::default() };
    let mut rig = Rig::new(Role::Bolt, hand("bolt_hangs_once", ""), policy);
    let first = rig.started();
    rig.tuple(1, "dog");
    match rig.next() {
        Event::Lost { reason, was_up: true } => assert!(reason.contains("silent"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert!(!is_alive(first));
    rig.started();
    rig.tuple(2, "dog");
    rig.expect_emit("2", "dog");
}

#[test]
fn a_client_without_heartbeats_dies_of_one_and_gets_no_second() {
    let mut rig = Rig::bolt("bolt_no_heartbeat", "");
    rig.started();
    match rig.next() {
        Event::Lost { reason, .. } => assert!(reason.contains("IndexError"), "{reason}"),
        other => panic!("{other:?}"),
    }
    rig.wait_for_log("heartbeats are off");
    rig.started();
    rig.tuple(5, "dog");
    rig.expect_emit("5", "dog");
}

#[test]
fn task_ids_go_ahead_of_waiting_tuples() {
    let mut rig = Rig::bolt("bolt_task_ids", "");
    rig.started();
    for id in 1..=3 {
        rig.tuple(id, "dog");
    }
    assert!(matches!(rig.message(), FromChild::Emit(_)));
    let mut out = Vec::new();
    write_task_ids(&[4, 7], &mut out);
    rig.link.send_urgent(&out);
    assert_eq!(rig.message(), FromChild::Ack(json!("1")));
    rig.wait_for_log("went to [4, 7]");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let spec =
        ChildSpec { program: "no-such-program".into(), cwd: "/".into(), ..ChildSpec::default() };
    let mut rig = Rig::new(Role::Bolt, spec, Policy::default());
    match rig.next() {
        Event::Lost { reason, was_up: false } => {
            assert!(reason.contains("`no-such-program`"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_child_that_does_not_greet_is_given_up() {
    let policy = Policy { handshake: Duration::from_millis(200), ..Policy::default() };
    let mut rig = Rig::new(Role::Bolt, hand("bolt_never_greets", ""), policy);
    match rig.next() {
        Event::Lost { reason, was_up: false } => assert!(reason.contains("handshake"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn closing_ends_a_child_that_does_not_want_to_end_and_its_grandchild() {
    let policy = Policy {
        end_grace: Duration::from_millis(50),
        term_grace: Duration::from_millis(50),
        ..Policy::default()
    };
    let mut rig = Rig::new(Role::Bolt, hand("bolt_ignores_the_end", ""), policy);
    let child = rig.started();
    let text = rig.wait_for_log("grandchild");
    let grandchild: i64 = text.trim_start_matches("grandchild ").parse().unwrap();
    assert!(is_alive(child) && is_alive(grandchild));
    rig.link.close();
    assert!(!is_alive(child) && !is_alive(grandchild));
}

#[test]
fn dropping_the_link_between_two_messages_ends_the_child() {
    let mut rig = Rig::bolt("bolt_slow", "3600");
    let pid = rig.started();
    rig.tuple(1, "dog");
    rig.link.close();
    assert!(!is_alive(pid));
}

#[test]
fn a_spout_gets_one_command_at_a_time() {
    let mut rig = Rig::new(Role::Spout, hand("spout_reliable", "3"), Policy::default());
    rig.started();
    rig.link.command(SpoutCommand::Activate);
    rig.link.allow(2);
    let mut ids = Vec::new();
    for _ in 0..2 {
        match rig.message() {
            FromChild::Emit(emit) => ids.push(emit.id.unwrap()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ids, [json!(0), json!({"n": 1})]);
    rig.link.command(SpoutCommand::Fail(ids[1].clone()));
    match rig.message() {
        FromChild::Emit(emit) => assert_eq!(emit.id, Some(json!({"n": 1}))),
        other => panic!("{other:?}"),
    }
    rig.link.allow(2);
    assert!(matches!(rig.message(), FromChild::Emit(_)));
    for id in [json!(0), json!({"n": 1}), json!(2)] {
        rig.link.command(SpoutCommand::Ack(id));
    }
    rig.wait_for_log("all acked");
}

#[test]
fn a_spout_that_syncs_only_after_next_is_understood() {
    let mut rig = Rig::new(Role::Spout, hand("spout_next_only", "2"), Policy::default());
    rig.started();
    rig.link.command(SpoutCommand::Activate);
    rig.link.allow(10);
    for _ in 0..2 {
        assert!(matches!(rig.message(), FromChild::Emit(_)));
    }
    rig.link.command(SpoutCommand::Ack(json!(0)));
    rig.link.command(SpoutCommand::Ack(json!({"n": 1})));
    rig.wait_for_log("all acked");
    rig.wait_for_log("does not answer `ack`");
}

#[test]
fn heartbeats_can_be_turned_off() {
    let policy = Policy { heartbeats: Heartbeats::Off, ..Policy::default() };
    let mut rig = Rig::new(Role::Bolt, hand("bolt_no_heartbeat", ""), policy);
    rig.started();
    // Longer than the silence after which one would come.
    rig.link.wait(Duration::from_millis(1500));
    rig.tuple(1, "dog");
    rig.expect_emit("1", "dog");
}

/// Set in the other process that the test below starts.
const HOLD: &str = "TIDEMILL_TEST_HOLD_A_CHILD";

#[test]
fn killing_us_with_9_leaves_no_child() {
    use std::io::{BufRead, BufReader};
    if std::env::var_os(HOLD).is_some() {
        return hold_a_child();
    }
    let mut holder = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killing_us_with_9_leaves_no_child", "--nocapture"])
        .env(HOLD, "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.contains("holding")).unwrap();
    let pid: i64 = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(is_alive(pid));
    holder.kill().unwrap(); // SIGKILL: nothing of ours runs any more.
    holder.wait().unwrap();
    let clock = World::real().clock_arc();
    let deadline = clock.now().after(PATIENCE);
    while is_alive(pid) {
        assert!(clock.now() < deadline, "child {pid} outlived its parent");
        std::thread::yield_now();
    }
}

fn hold_a_child() {
    let mut rig = Rig::bolt("bolt_deaf", "");
    let pid = rig.started();
    rig.wait_for_log("deaf now");
    println!("holding {pid}");
    Wake::new().wait(Some(Duration::from_secs(600)));
}

#[test]
fn output_that_nobody_takes_is_left_in_the_pipe_and_its_writer_is_not_taken_for_hung() {
    let policy = Policy { timeout: Duration::from_millis(300), ..Policy::default() };
    let mut rig = Rig::new(Role::Bolt, hand("bolt_big", "1000000"), policy);
    rig.started();
    for id in 1..=40 {
        rig.tuple(id, "dog");
    }
    // Long enough for the child to fill what there is room for and to be silent ever after.
    Wake::new().wait(Some(Duration::from_secs(2)));
    rig.link.take(&mut rig.events, 40);
    let emits = rig.events.iter().filter(|event| is_emit(event)).count();
    assert!(emits < 20, "{emits} megabytes were read ahead");
    for _ in 0..80 {
        rig.message(); // Of one child: a loss would be another event.
    }
}

fn is_emit(event: &Event) -> bool {
    matches!(event, Event::Message(FromChild::Emit(_)))
}
