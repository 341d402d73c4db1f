//! `cargo xtask fuzz [NAME…] [--seconds N]`: each target for so many seconds of processor time, with what earlier runs
//! found to be of interest.
//!
//! libFuzzer is linked by the crate `libfuzzer-sys`; the compiler's own coverage pass works on the stable toolchain, so
//! nothing has to be installed. The corpus stays in `.tools/fuzz/`, an input that fails is left beside it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::process::{Result, command, output, run as run_command};

/// As long as a target runs unless told otherwise.
const SECONDS: u64 = 60;
/// What makes the compiler count edges and comparisons, as libFuzzer wants them.
const FLAGS: &[&str] = &[
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Ccodegen-units=1",
];
/// Where the targets are built.
const TARGET: &str = ".tools/fuzz/target";
/// The longest input, bytes.
const INPUT_BYTES_MAX: usize = 16 << 10;
/// A target is started anew after so long, seconds on the clock, and asked how much processor time it took.
const SLICE_SECONDS: u64 = 60;
/// What a target may have resident, MiB: libFuzzer's own limit, far above what inputs may cost.
const RESIDENT_MIB_MAX: usize = 2_048;

/// Runs the targets whose name contains one of the given names, or all.
///
/// # Errors
/// A target does not build, or an input made it fail; the message says where the input is.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let (names, seconds) = parse(arguments)?;
    let host = host(root)?;
    run_command(&mut cargo(root, &host, &["build", "--release"], &FLAGS.join(" ")))?;
    let binaries = root.join(TARGET).join(host).join("release");
    let mut failed = Vec::new();
    for name in targets(root)? {
        let wanted = names.is_empty() || names.iter().any(|part| name.contains(part.as_str()));
        if wanted && let Err(error) = fuzz(root, &binaries, &name, seconds) {
            eprintln!("{error}");
            failed.push(name);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// Whether the targets still fit what they test.
///
/// # Errors
/// One does not compile.
pub(crate) fn check(root: &Path) -> Result<()> {
    run_command(&mut cargo(root, &host(root)?, &["check"], "--cfg fuzzing"))
}

/// The target is named when building, so that the flags do not reach build scripts.
fn cargo(root: &Path, host: &str, what: &[&str], flags: &str) -> Command {
    let mut cargo = command(&root.join("fuzz"), "cargo", what);
    cargo.arg("--target-dir").arg(root.join(TARGET)).args(["--target", host]);
    cargo.env("RUSTFLAGS", flags).env_remove("CARGO_TARGET_DIR");
    cargo.env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo
}

fn parse(arguments: &[String]) -> Result<(Vec<String>, u64)> {
    let (mut names, mut seconds) = (Vec::new(), SECONDS);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--seconds" {
            let given = rest.next().and_then(|text| text.parse().ok());
            seconds = given.ok_or("--seconds wants a number")?;
        } else {
            names.push(argument.clone());
        }
    }
    Ok((names, seconds))
}

/// Runs one target until it has had its processor time, and prints a line.
fn fuzz(root: &Path, binaries: &Path, name: &str, seconds: u64) -> Result<()> {
    let home = root.join(".tools/fuzz");
    let (corpus, found) = (home.join("corpus").join(name), home.join("failures").join(name));
    for folder in [&corpus, &found] {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let (wanted, mut had, mut inputs) = (Duration::from_secs(seconds), Duration::ZERO, 0);
    while had < wanted {
        let left = (wanted - had).as_secs() + 1;
        let before = children_time()?;
        inputs += slice(&binaries.join(name), &corpus, &found, left.min(SLICE_SECONDS))?;
        had += children_time()?.saturating_sub(before);
    }
    println!("{name}: {inputs} inputs in {} s of processor time, none failed", had.as_secs());
    Ok(())
}

/// Runs a target for so long on the clock, and returns how many inputs it took.
fn slice(binary: &Path, corpus: &Path, found: &Path, seconds: u64) -> Result<u64> {
    let name = binary.display();
    let mut command = Command::new(binary);
    command
        .arg(corpus)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-rss_limit_mb={RESIDENT_MIB_MAX}"))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .args(["-print_final_stats=1", "-verbosity=0", "-timeout=20"]);
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        eprintln!("{text}");
        return Err(format!("{name}: an input failed, it is in {}", found.display()));
    }
    let count = text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    count
        .and_then(|count| count.trim().parse().ok())
        .ok_or_else(|| format!("{name} did not say how many inputs it took\n{text}"))
}

/// The processor time of all children that have ended, as the kernel counts it in `/proc/self/stat`.
fn children_time() -> Result<Duration> {
    /// The kernel shows times in this unit whatever the machine's own.
    const TICKS_PER_SECOND: u64 = 100;
    let text = std::fs::read_to_string("/proc/self/stat").map_err(|error| error.to_string())?;
    // After the name, which ends with the last bracket: user and system time of children are the 14th and 15th word.
    let words = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Vec<u64> = words.skip(13).take(2).filter_map(|word| word.parse().ok()).collect();
    match ticks[..] {
        [user, system] => Ok(Duration::from_millis((user + system) * 1000 / TICKS_PER_SECOND)),
        _ => Err("/proc/self/stat has no times of children".into()),
    }
}

/// The names of the targets: their files.
fn targets(root: &Path) -> Result<Vec<String>> {
    let entries =
        std::fs::read_dir(root.join("fuzz/targets")).map_err(|error| error.to_string())?;
    let mut names: Vec<String> = entries
        .filter_map(std::result::Result::ok)
        .filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// The machine's target triple.
fn host(root: &Path) -> Result<String> {
    let text = output(&mut command(root, "rustc", &["-vV"]))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not say its host".into())
}
