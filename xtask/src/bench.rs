//! Figures, each the median of five runs with its spread, beside the machine they were taken on.
//!
//! A benchmark is a program that prints JSON lines `{"name": …, "value": …, "unit": …}`; this command runs it
//! five times and prints one line a figure. `start` is measured here, since only an outsider can.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::process::{Result, Server, command, output, run as run_command};
use crate::test::scratch;

/// Runs of each benchmark.
const RUNS: usize = 5;

/// Name, package, example and arguments of each benchmark that is a program of its own.
const PROGRAMS: &[(&str, &str, &str, &[&str])] = &[
    ("log", "tidemill-commitlog", "append_bench", &["--rounds", "1"]),
    ("engine", "tidemill-engine", "wordcount_bench", &[]),
    ("pixel", "tidemill", "pixel_bench", &[]),
];

/// One figure over its runs.
struct Figure {
    unit: String,
    values: Vec<f64>,
}

/// Runs the named benchmarks, or all of them.
///
/// # Errors
/// A benchmark could not be built or failed.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let as_json = arguments.iter().any(|argument| argument == "--json");
    let names: Vec<&String> = arguments.iter().filter(|name| !name.starts_with("--")).collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|known| *known == name);
    if let Some(unknown) = names.iter().find(|name| **name != "start" && !known(name)) {
        let all: Vec<&str> = PROGRAMS.iter().map(|program| program.0).collect();
        return Err(format!("there is no benchmark `{unknown}`; known: start, {}", all.join(", ")));
    }
    let machine = machine();
    if !as_json {
        println!("machine: {machine}");
    }
    if wanted("start") {
        let build = ["build", "--release", "--quiet", "--package", "tidemill"];
        run_command(&mut command(root, "cargo", &build))?;
        report("start", &start(root)?, &machine, as_json);
    }
    for (name, package, example, options) in PROGRAMS.iter().filter(|(name, ..)| wanted(name)) {
        let build =
            ["build", "--release", "--quiet", "--package", package, "--bins", "--example", example];
        run_command(&mut command(root, "cargo", &build))?;
        report(name, &program(root, example, options)?, &machine, as_json);
    }
    Ok(())
}

fn known(name: &str) -> bool {
    PROGRAMS.iter().any(|program| program.0 == name)
}

fn program(root: &Path, example: &str, options: &[&str]) -> Result<BTreeMap<String, Figure>> {
    let path = root.join("target/release/examples").join(example).to_string_lossy().into_owned();
    let mut figures = BTreeMap::new();
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

fn add(figures: &mut BTreeMap<String, Figure>, line: &Value) {
    let (Some(name), Some(value)) = (line["name"].as_str(), line["value"].as_f64()) else { return };
    let unit = line["unit"].as_str().unwrap_or("").to_owned();
    figures
        .entry(name.to_owned())
        .or_insert_with(|| Figure { unit, values: Vec::new() })
        .values
        .push(value);
}

/// From the start of the process to its ready line, and what it holds in memory a second later.
fn start(root: &Path) -> Result<BTreeMap<String, Figure>> {
    let binary = root.join("target/release/tidemill");
    let mut figures = BTreeMap::new();
    for run in 0..RUNS {
        let server = Server::start(&binary, &scratch(&format!("start-{run}")), &[])?;
        let ready_ms = server.ready_after.as_secs_f64() * 1e3;
        add(&mut figures, &json!({"name": "start to ready", "value": ready_ms, "unit": "ms"}));
        // Idle means idle: what start-up still does in the background is over after a second.
        std::thread::sleep(std::time::Duration::from_secs(1));
        let memory_mb = resident_mb(server.pid())?;
        add(&mut figures, &json!({"name": "idle memory", "value": memory_mb, "unit": "MB"}));
    }
    Ok(figures)
}

fn resident_mb(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).map_err(|e| e.to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kilobytes: f64 =
        line.trim().trim_end_matches(" kB").parse().map_err(|_| format!("VmRSS {line}"))?;
    Ok(kilobytes / 1024.0)
}

fn report(bench: &str, figures: &BTreeMap<String, Figure>, machine: &str, as_json: bool) {
    for (name, figure) in figures {
        let mut values = figure.values.clone();
        values.sort_by(f64::total_cmp);
        let (low, high) = (values[0], values[values.len() - 1]);
        let median = values[values.len() / 2];
        let unit = &figure.unit;
        if as_json {
            let line = json!({"bench": bench, "name": name, "median": median, "min": low, "max": high,
                "runs": values.len(), "unit": unit, "machine": machine});
            println!("{line}");
        } else {
            println!(
                "{bench:<7} {name:<44} {:>12} {unit:<9} ({} … {})",
                short(median),
                short(low),
                short(high)
            );
        }
    }
}

/// Three digits that matter.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1e6 => format!("{:.2} M", value / 1e6),
        v if v >= 1e4 => format!("{:.1} k", value / 1e3),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{cores} cores, {model}")
}
