//! Figures, each the median of five runs with its spread, beside the machine they were taken on.
//!
//! A benchmark is a program that prints JSON lines `{"name": …, "value": …, "unit": …}`; this command runs it
//! five times and prints one line a figure. `start` is measured here, since only an outsider can; `log` puts the broker beside a
//! real Apache Kafka, takes long, and runs only when it is named.

mod figures;
mod log;
mod process;

use std::path::Path;

use serde_json::Value;

use crate::process::{Result, Server, command, output, run as run_command, scratch, target};
use figures::{Figures, RUNS, machine};

/// Name, package, example and arguments of each benchmark that is a program of its own.
const PROGRAMS: &[(&str, &str, &str, &[&str])] = &[
    ("append", "tidemill-commitlog", "append_bench", &["--rounds", "1"]),
    ("append100", "tidemill-commitlog", "append_bench", &["--rounds", "1", "--partitions", "100"]),
    (
        "append1000",
        "tidemill-commitlog",
        "append_bench",
        &["--rounds", "1", "--partitions", "1000"],
    ),
    ("engine", "tidemill-engine", "wordcount_bench", &[]),
    ("pixel", "tidemill", "pixel_bench", &[]),
];

/// Runs the named benchmarks, or all of them.
///
/// # Errors
/// A benchmark could not be built or failed.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let as_json = arguments.iter().any(|argument| argument == "--json");
    if let Some((_, rest)) = arguments.split_first().filter(|(first, _)| *first == "log") {
        return log::run(root, rest, as_json);
    }
    let names: Vec<&String> = arguments.iter().filter(|name| !name.starts_with("--")).collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|known| *known == name);
    if let Some(unknown) = names.iter().find(|name| **name != "start" && !known(name)) {
        let all: Vec<&str> = PROGRAMS.iter().map(|program| program.0).collect();
        return Err(format!(
            "there is no benchmark `{unknown}`; known: start, log, {}",
            all.join(", ")
        ));
    }
    let machine = machine();
    if !as_json {
        println!("machine: {machine}");
    }
    if wanted("start") {
        let build = ["build", "--release", "--quiet", "--package", "tidemill"];
        run_command(&mut command(root, "cargo", &build))?;
        start(root)?.report("start", &machine, as_json);
    }
    for (name, package, example, options) in PROGRAMS.iter().filter(|(name, ..)| wanted(name)) {
        let build =
            ["build", "--release", "--quiet", "--package", package, "--bins", "--example", example];
        run_command(&mut command(root, "cargo", &build))?;
        program(root, example, options)?.report(name, &machine, as_json);
    }
    Ok(())
}

fn known(name: &str) -> bool {
    PROGRAMS.iter().any(|program| program.0 == name)
}

fn program(root: &Path, example: &str, options: &[&str]) -> Result<Figures> {
    let path = target(root).join("release/examples").join(example).to_string_lossy().into_owned();
    let mut figures = Figures::default();
    for _ in 0..RUNS {
        let text = output(&mut command(root, &path, options))?;
        for line in text.lines().filter(|line| line.starts_with('{')) {
            let figure: Value = serde_json::from_str(line)
                .map_err(|error| format!("{example} printed `{line}`: {error}"))?;
            add(&mut figures, &figure);
        }
    }
    Ok(figures)
}

fn add(figures: &mut Figures, line: &Value) {
    if let (Some(name), Some(value)) = (line["name"].as_str(), line["value"].as_f64()) {
        figures.add(name, value, line["unit"].as_str().unwrap_or(""));
    }
}

/// From the start of the process to its ready line, and what it holds in memory a second later.
fn start(root: &Path) -> Result<Figures> {
    let binary = target(root).join("release/tidemill");
    let mut figures = Figures::default();
    for run in 0..RUNS {
        let server = Server::start(&binary, &scratch(&format!("start-{run}")), &[])?;
        let ready_ms = server.ready_after.as_secs_f64() * 1e3;
        figures.add("start to ready", ready_ms, "ms");
        // Idle means idle: what start-up still does in the background is over after a second.
        std::thread::sleep(std::time::Duration::from_secs(1));
        figures.add("idle memory", process::resident_mb(server.pid())?, "MB");
    }
    Ok(figures)
}
