//! A project from its files to its totals, with plain Python only: a stand-in takes the place of streamparse.
//!
//! The real package is used by the test `streamparse`, which is run by itself.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Scratch, is_alive};
use serde_json::json;
use tidemill_multilang::run::{OnEvent, RunError, RunEvent, RunOptions, Totals, run};
use tidemill_multilang::shell::ChildChange;
use tidemill_world::World;

const TOPOLOGY: &str = r#"
from streamparse.dsl.topology import *
class Words(Topology):
    config = {"topology.message.timeout.secs": 20}
    numbers = ShellSpoutSpec(Object(Shell("./numbers", "")), outputs={"default": Info(["n"], False)})
    forward = ShellBoltSpec(Object(Shell("./forward", "")), par=2, outputs={"default": Info(["n"], False)},
        inputs={Source("numbers", "default"): Group(fields=["n"])})
    last = ShellBoltSpec(Object(Shell("./forward", "")), outputs={"default": Info(["n"], False)},
        inputs={Source("forward", "default"): Group(fields=[])})
"#;

fn write(root: &Path, file: &str, text: &str, executable: bool) {
    let path = root.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    let mode = if executable { 0o755 } else { 0o644 };
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A project whose components are `tests/py/hand.py` in several modes.
fn project(numbers: &str) -> Scratch {
    let scratch = Scratch::new();
    let root = &scratch.0;
    let hand = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/py/hand.py");
    let component = |mode: &str| format!("#!/bin/sh\nexec python3 '{}' {mode}\n", hand.display());
    write(root, "config.json", "{}", false);
    write(root, "topologies/words.py", TOPOLOGY, false);
    write(root, "src/numbers", &component(numbers), true);
    write(root, "src/forward", &component("bolt_forward"), true);
    write(root, "src/streamparse/__init__.py", "", false);
    write(root, "src/streamparse/dsl/__init__.py", "", false);
    write(root, "src/streamparse/dsl/topology.py", include_str!("py/stand_in.py"), false);
    let spouts = "from .topology import JavaSpoutSpec, ShellSpoutSpec\n";
    write(root, "src/streamparse/dsl/spout.py", spouts, false);
    let python = format!("#!/bin/sh\nPYTHONPATH='{}/src' exec python3 \"$@\"\n", root.display());
    write(root, ".venv/bin/python", &python, true);
    scratch
}

fn options() -> RunOptions {
    // The project's own interpreter, also where these tests run in a virtualenv.
    RunOptions { duration: Some(Duration::from_secs(60)), ..RunOptions::default() }
}

fn run_project(
    scratch: &Scratch,
    options: &RunOptions,
    on_event: impl Fn(&RunEvent) + Send + Sync + 'static,
) -> (Result<Totals, RunError>, Vec<i64>) {
    let pids: Arc<Mutex<Vec<i64>>> = Arc::default();
    let started = Arc::clone(&pids);
    let listener: OnEvent = Arc::new(move |event: RunEvent| {
        if let RunEvent::Child(news) = &event
            && let ChildChange::Started(pid) = news.what
        {
            started.lock().unwrap().push(pid);
        }
        on_event(&event);
    });
    let options =
        RunOptions { python: Some(scratch.0.join(".venv/bin/python")), ..options.clone() };
    let outcome = run(&World::real(), &scratch.0, &options, &listener);
    let pids = pids.lock().unwrap().clone();
    (outcome, pids)
}

#[test]
fn a_project_runs_until_told_to_stop_and_its_counts_agree() {
    let scratch = project("spout_reliable 700");
    let options = options();
    let stop = options.stop.clone();
    let (totals, pids) = run_project(&scratch, &options, move |event| {
        if let RunEvent::Log(line) = event
            && line.text == "all acked"
        {
            stop.stop();
        }
    });
    let totals = totals.unwrap();
    let count =
        |id: &str| totals.component(id).map(|one| (one.tasks, one.emitted, one.acked, one.failed));
    assert_eq!(count("numbers"), Some((1, 700, 700, 0)));
    assert_eq!(count("forward"), Some((2, 700, 700, 0)));
    assert_eq!(count("last"), Some((1, 700, 700, 0)));
    assert_eq!(totals.unfinished, 0);
    assert_eq!(pids.len(), 4);
    assert!(!pids.into_iter().any(is_alive));
}

#[test]
fn it_stops_after_its_time_and_works_off_what_is_under_way() {
    let scratch = project("spout_unreliable 100000000");
    let options = RunOptions { duration: Some(Duration::from_secs(2)), ..options() };
    let (totals, pids) = run_project(&scratch, &options, |_| {});
    let totals = totals.unwrap();
    let emitted = totals.component("numbers").unwrap().emitted;
    assert!(emitted > 0);
    assert_eq!(totals.component("last").unwrap().acked, emitted, "nothing was left behind");
    assert!(!pids.into_iter().any(is_alive));
}

#[test]
fn a_component_that_is_not_there_ends_the_run_by_name() {
    let scratch = project("spout_unreliable 10");
    std::fs::remove_file(scratch.0.join("src/forward")).unwrap();
    let (totals, pids) = run_project(&scratch, &options(), |_| {});
    let text = totals.unwrap_err().to_string();
    assert!(text.contains("does not start: cannot start `"), "{text}");
    assert!(text.contains("src/./forward`"), "{text}");
    assert!(!pids.into_iter().any(is_alive));
}

#[test]
fn a_bad_option_is_named() {
    let scratch = project("spout_unreliable 10");
    let mut options = options();
    options.options.insert("topology.max.spout.pending".to_owned(), json!("many"));
    let text = run_project(&scratch, &options, |_| {}).0.unwrap_err().to_string();
    assert_eq!(text, "option topology.max.spout.pending: must be a whole number, not \"many\"");
}
