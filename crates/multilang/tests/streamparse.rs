//! Unmodified streamparse projects in a real virtualenv.
//!
//! Not part of a plain `cargo test`, because it needs a virtualenv with streamparse; run it with
//! `TIDEMILL_STREAMPARSE_VENV=PATH cargo test -p tidemill-multilang --test streamparse`, where
//! PATH was made by `python3 -m venv PATH` and `PATH/bin/pip install streamparse==5.0.1 'setuptools<80'`.
//! Without the variable every test here fails: none of them can pass by doing nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod common;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Scratch, is_alive};
use serde_json::{Value as Json, json};
use tidemill_multilang::message::Level;
use tidemill_multilang::run::{OnEvent, RunError, RunEvent, RunOptions, Stop, Totals, run};
use tidemill_multilang::shell::ChildChange;
use tidemill_world::World;

/// Longer than any run here takes; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(120);

fn venv() -> PathBuf {
    let path = std::env::var_os("TIDEMILL_STREAMPARSE_VENV");
    PathBuf::from(
        path.expect("TIDEMILL_STREAMPARSE_VENV names no virtualenv; see the head of this file"),
    )
}

fn python() -> PathBuf {
    venv().join("bin/python")
}

fn checked() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/projects/checked")
}

/// What a run has told.
#[derive(Clone, Default)]
struct Told {
    lines: Arc<Mutex<Vec<(String, Level, String)>>>,
    /// Component and process id of every child that came up.
    children: Arc<Mutex<Vec<(String, i64)>>>,
}

impl Told {
    /// Notes what it hears; `also` hears it too.
    fn listener(&self, also: impl Fn(&Self, &RunEvent) + Send + Sync + 'static) -> OnEvent {
        let told = self.clone();
        Arc::new(move |event: RunEvent| {
            match &event {
                RunEvent::Log(line) => {
                    let line = (line.component.to_string(), line.level, line.text.clone());
                    told.lines.lock().unwrap().push(line);
                }
                RunEvent::Child(news) => {
                    if let ChildChange::Started(pid) = news.what {
                        told.children.lock().unwrap().push((news.component.to_string(), pid));
                    }
                }
                RunEvent::Loaded(_) | RunEvent::Draining => {}
            }
            also(&told, &event);
        })
    }

    fn last(&self, part: &str) -> Option<String> {
        let lines = self.lines.lock().unwrap();
        lines.iter().rev().find(|line| line.2.contains(part)).map(|line| line.2.clone())
    }

    fn tail(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        lines.iter().rev().take(30).rev().map(|line| format!("{line:?}")).collect()
    }

    fn assert_no_child_is_left(&self) {
        for (component, pid) in &*self.children.lock().unwrap() {
            assert!(!is_alive(*pid), "{component}: {pid} is left");
        }
    }
}

fn options(name: &str) -> RunOptions {
    RunOptions {
        name: Some(name.to_owned()),
        python: Some(python()),
        environment: Some("beta".to_owned()),
        duration: Some(PATIENCE),
        ..RunOptions::default()
    }
}

/// Runs a topology of the checked project until a line that `over` likes.
fn run_until(
    options: &RunOptions,
    told: &Told,
    over: impl Fn(&Told, &str) -> bool + Send + Sync + 'static,
    also: impl Fn(&Told, &RunEvent) + Send + Sync + 'static,
) -> Totals {
    let stop: Stop = options.stop.clone();
    let listener = told.listener(move |told, event| {
        also(told, event);
        if let RunEvent::Log(line) = event
            && over(told, &line.text)
        {
            stop.stop();
        }
    });
    let world = World::real();
    let begun = world.clock().now();
    let totals = run(&world, &checked(), options, &listener);
    let totals = totals.unwrap_or_else(|error| panic!("{error}\n{:#?}", told.tail()));
    assert!(world.clock().now().since(begun) < PATIENCE, "{:#?}", told.tail());
    told.assert_no_child_is_left();
    totals
}

#[test]
fn the_quickstart_project_runs_unmodified_and_every_word_is_counted() {
    let scratch = Scratch::new();
    let made = std::process::Command::new(venv().join("bin/sparse"))
        .args(["quickstart", "wordcount"])
        .current_dir(&scratch.0)
        .env("LEIN_ROOT", "1")
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let told = Told::default();
    let options = RunOptions {
        python: Some(python()),
        duration: Some(Duration::from_secs(5)),
        ..RunOptions::default()
    };
    let listener = told.listener(|_, _| {});
    let totals = run(&World::real(), &scratch.0.join("wordcount"), &options, &listener).unwrap();
    let spout = totals.component("word_spout").unwrap();
    let bolt = totals.component("count_bolt").unwrap();
    assert!(spout.emitted > 1000, "{totals:?}");
    assert_eq!((bolt.tasks, bolt.failed), (2, 0));
    assert_eq!(bolt.executed, spout.emitted, "every word arrived");
    assert_eq!(bolt.acked, spout.emitted, "and was acked");
    assert_eq!(bolt.emitted, spout.emitted, "and counted");
    assert!(told.last("counted [").is_some());
    assert_eq!(totals.unfinished, 0);
    told.assert_no_child_is_left();
    println!("{} words", spout.emitted);
}

#[test]
fn the_last_counts_add_up_to_the_words_emitted_and_acked() {
    let told = Told::default();
    let over = |told: &Told, text: &str| {
        text.starts_with("counts")
            && text.contains("\"seen\": 1200")
            && told.last("all acked").is_some()
    };
    let totals = run_until(&options("counts"), &told, over, |_, _| {});
    let line = told.last("counts {").unwrap();
    let counts: Json = serde_json::from_str(line.trim_start_matches("counts ")).unwrap();
    // 1200 over seven words: the first three come once more.
    let expected = json!({"dog": 172, "cat": 172, "zebra": 172, "elephant": 171, "søløve": 171,
        "the \"quoted\" one": 171, "end": 171});
    assert_eq!(counts["last"], expected);
    let words = totals.component("words").unwrap();
    assert_eq!((words.emitted, words.acked, words.failed), (1200, 1200, 0));
    let count = totals.component("count").unwrap();
    assert_eq!((count.tasks, count.emitted, count.acked), (2, 1200, 1200));
    // Tasks: 1 the spout, 2 and 3 the counting bolts, 4 the checking one.
    assert_eq!(told.last("first 'dog'").unwrap(), "first 'dog' to [4]");
}

#[test]
fn kill_9_of_python_bolts_in_mid_run_loses_no_word() {
    let mut options = options("counts");
    options.options.insert("words.total".to_owned(), json!(20_000));
    let told = Told::default();
    let killed: Arc<Mutex<Vec<i64>>> = Arc::default();
    let kills = Arc::clone(&killed);
    // Each child of the counting bolt is killed as soon as it is up, ten times.
    let kill = move |told: &Told, event: &RunEvent| {
        let RunEvent::Child(news) = event else { return };
        let mut killed = kills.lock().unwrap();
        if let (ChildChange::Started(pid), "count") = (&news.what, &*news.component)
            && killed.len() < 10
        {
            killed.push(*pid);
            drop(told.lines.lock().unwrap());
            kill_after_some_work(*pid);
        }
    };
    let totals = run_until(&options, &told, |_, text| text == "all acked", kill);
    assert_eq!(killed.lock().unwrap().len(), 10);
    let words = totals.component("words").unwrap();
    assert_eq!(words.acked, 20_000, "every root was acked in the end");
    assert_eq!(words.emitted, 20_000 + words.failed, "each failure was emitted again");
    assert!(words.failed > 0, "some were in the hands of a bolt that was killed");
}

/// Kills the process with signal 9 a little later, from a process of its own.
fn kill_after_some_work(pid: i64) {
    let script = format!("sleep 0.2; kill -9 {pid}");
    std::process::Command::new("sh").args(["-c", &script]).spawn().unwrap();
}

#[test]
fn a_batching_bolt_flushes_by_ticks_and_its_batches_hold_every_tuple() {
    let told = Told::default();
    let over = |told: &Told, text: &str| text == "sum 1200" && told.last("all acked").is_some();
    let totals = run_until(&options("batches"), &told, over, |_, _| {});
    assert_eq!(totals.component("words").unwrap().acked, 1200);
}

#[test]
fn a_bolt_that_raises_is_reported_with_its_traceback_and_started_again() {
    let options = RunOptions { duration: Some(Duration::from_secs(4)), ..options("raising") };
    let told = Told::default();
    let listener = told.listener(|_, _| {});
    let totals = run(&World::real(), &checked(), &options, &listener).unwrap();
    assert!(totals.component("raising").unwrap().failed > 0);
    let line = told.last("Python KeyError raised while processing Tuple").unwrap();
    assert!(line.contains("KeyError: 'no luck with"), "{line}");
    let raising = |child: &&(String, i64)| child.0 == "raising";
    assert!(told.children.lock().unwrap().iter().filter(raising).count() > 1);
    told.assert_no_child_is_left();
}

fn failure(name: &str) -> (RunError, Told) {
    let told = Told::default();
    let listener = told.listener(|_, _| {});
    match run(&World::real(), &checked(), &options(name), &listener) {
        Ok(totals) => panic!("{totals:?}"),
        Err(error) => (error, told),
    }
}

#[test]
fn a_component_that_cannot_be_imported_ends_the_run_with_the_reason() {
    let (error, told) = failure("broken");
    let text = error.to_string();
    assert!(text.starts_with("component words does not start:"), "{text}");
    assert!(text.contains("ModuleNotFoundError: No module named 'spouts.nowhere'"), "{text}");
    told.assert_no_child_is_left();
}

#[test]
fn a_jvm_component_is_refused_before_anything_starts() {
    let (error, told) = failure("jvm");
    let text = error.to_string();
    assert!(
        text.contains(
            "component kafka is written for the JVM (org.apache.storm.kafka.spout.KafkaSpout)"
        ),
        "{text}"
    );
    assert!(told.children.lock().unwrap().is_empty());
}

#[test]
fn par_follows_the_environment_and_several_topologies_need_a_name() {
    let mut options = options("counts");
    options.name = None;
    let listener = Told::default().listener(|_, _| {});
    let error = run(&World::real(), &checked(), &options, &listener).unwrap_err().to_string();
    assert!(
        error.contains("choose one with -n NAME: batches, broken, counts, jvm, raising"),
        "{error}"
    );
    let file = checked().join("topologies/counts.py");
    options.environment = None;
    let error = run(&World::real(), &file, &options, &listener).unwrap_err().to_string();
    assert_eq!(error, "par of count depends on the environment; choose one with -e: beta, prod");
}

/// Set in the other process that the test below starts.
const HOLD: &str = "TIDEMILL_TEST_RUN_A_PROJECT";

#[test]
fn kill_9_of_us_leaves_no_python_process() {
    use std::io::{BufRead, BufReader};
    if std::env::var_os(HOLD).is_some() {
        return run_a_project();
    }
    let mut runner = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill_9_of_us_leaves_no_python_process", "--nocapture"])
        .env(HOLD, "1")
        .env("TIDEMILL_STREAMPARSE_VENV", venv())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(runner.stdout.take().unwrap()).lines().map(Result::unwrap);
    let pids: Vec<i64> =
        lines.filter_map(|line| line.rsplit_once("child ")?.1.parse().ok()).take(4).collect();
    assert!(pids.len() == 4 && pids.iter().all(|pid| is_alive(*pid)), "{pids:?}");
    runner.kill().unwrap(); // SIGKILL: nothing of ours runs any more.
    runner.wait().unwrap();
    let clock = World::real().clock_arc();
    let deadline = clock.now().after(PATIENCE);
    while pids.iter().any(|pid| is_alive(*pid)) {
        assert!(clock.now() < deadline, "some of {pids:?} outlived us");
        std::thread::yield_now();
    }
}

fn run_a_project() {
    let mut options = options("counts");
    options.options.insert("words.total".to_owned(), json!(1_000_000));
    let listener = Told::default().listener(|_, event| {
        if let RunEvent::Child(news) = event
            && let ChildChange::Started(pid) = news.what
        {
            println!("child {pid}");
        }
    });
    run(&World::real(), &checked(), &options, &listener).unwrap();
}
