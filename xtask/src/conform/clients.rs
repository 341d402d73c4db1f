//! Tests of small clients: those inside the crates `rdkafka` and `rskafka`, and our own script for kcat.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::setting::Setting;
use super::verdict::{Case, Outcome};
use crate::peers::{fetch, kafka};
use crate::process::{Result, command, run, within, write_to};

/// One file of tests with what is compiled for it, or a script; far more than they take on a quiet machine.
const LIMIT: Duration = Duration::from_secs(1800);

/// The integration tests of `rdkafka`.
pub(super) fn rdkafka(setting: &mut Setting<'_>, report: &mut dyn FnMut(Case)) -> Result<()> {
    let variables = [
        ("KAFKA_HOST", setting.peer.bootstrap()),
        ("KAFKA_VERSION", kafka::VERSION),
        ("RUST_LOG", "off"),
    ];
    crate_tests(setting, ("rdkafka", "0.39.0"), &variables, report)
}

/// The integration tests of `rskafka`.
pub(super) fn rskafka(setting: &mut Setting<'_>, report: &mut dyn FnMut(Case)) -> Result<()> {
    let broker = setting.peer.bootstrap();
    let variables =
        [("TEST_INTEGRATION", "1"), ("TEST_BROKER_IMPL", "kafka"), ("KAFKA_CONNECT", broker)];
    crate_tests(setting, ("rskafka", "0.6.0"), &variables, report)
}

/// The script for kcat beside the broker's own tests.
pub(super) fn kcat(setting: &mut Setting<'_>, report: &mut dyn FnMut(Case)) -> Result<()> {
    crate::setup::kcat()?;
    let script = setting.root.join("crates/broker/tests/clients/kcat.sh");
    script_cases(
        setting,
        Command::new("bash").arg(script).arg(setting.peer.bootstrap()),
        "kcat",
        report,
    )
}

/// Runs a script that says `PASSED name` or `FAILED name: why` for each of its checks when `SAY_EACH` is set.
pub(super) fn script_cases(
    setting: &Setting<'_>,
    script: &mut Command,
    name: &str,
    report: &mut dyn FnMut(Case),
) -> Result<()> {
    let file = setting.output.join(format!("{name}.out"));
    script.env("SAY_EACH", "1").current_dir(setting.root);
    let ended = within(LIMIT, write_to(script, &file)?)?;
    let text = read(&file);
    let mut failed = false;
    for line in text.lines() {
        let (outcome, rest) = match line.split_once(' ') {
            Some(("PASSED", rest)) => (Outcome::Pass, rest),
            Some(("FAILED", rest)) => (Outcome::Fail, rest),
            _ => continue,
        };
        failed |= outcome == Outcome::Fail;
        let (name, why) = rest.split_once(": ").unwrap_or((rest, ""));
        let why = why.chars().take(300).collect();
        report(Case { name: name.to_owned(), outcome, seconds: 0, why });
    }
    if !ended.succeeded() && !failed {
        return Err(format!("the script failed ({ended:?}); its output is in {}", file.display()));
    }
    Ok(())
}

/// Runs every file in a crate's folder `tests`.
fn crate_tests(
    setting: &Setting<'_>,
    (name, version): (&str, &str),
    variables: &[(&str, &str)],
    report: &mut dyn FnMut(Case),
) -> Result<()> {
    let home = unpack(setting.root, name, version)?;
    for test in test_files(&home)? {
        let file = setting.output.join(format!("{test}.out"));
        let mut cargo =
            command(&home, "cargo", &["test", "--quiet", "--no-fail-fast", "--test", &test, "--"]);
        // One at a time, so that one test's load is not the next one's time-out; and a line for each.
        cargo.args(["--test-threads=1", "--format=pretty"]).args(setting.wanted);
        cargo
            .envs(variables.iter().copied())
            .env("CARGO_TARGET_DIR", setting.root.join(".tools/crates-target"));
        let started = Instant::now();
        let ended = within(LIMIT, write_to(&mut cargo, &file)?)?;
        let cases = cases(&test, &read(&file));
        if cases.is_empty() && !ended.succeeded() {
            return Err(format!(
                "{name}'s {test} did not run ({ended:?}); its output is in {}",
                file.display()
            ));
        }
        let seconds = started.elapsed().as_secs() / cases.len().max(1) as u64;
        cases.into_iter().for_each(|case| report(Case { seconds, ..case }));
    }
    Ok(())
}

/// The crate in a folder of its own, where cargo takes it for a package that belongs to no workspace.
fn unpack(root: &Path, name: &str, version: &str) -> Result<PathBuf> {
    let tools = root.join(".tools");
    let home = tools.join(format!("{name}-{version}"));
    if home.join("Cargo.toml").is_file() {
        return Ok(home);
    }
    let vendor = fetch::crates(&tools.join(format!("{name}-source")), &[(name, version)])?;
    let (from, to) = (vendor.join(name), home.to_string_lossy().into_owned());
    run(&mut command(&tools, "cp", &["-r", &from.to_string_lossy(), &to]))?;
    let manifest = home.join("Cargo.toml");
    let text = read(&manifest);
    fetch::write(&manifest, &format!("{text}\n[workspace]\n"))?;
    Ok(home)
}

/// The names of the files in `tests` that have tests in them.
fn test_files(home: &Path) -> Result<Vec<String>> {
    let folder = home.join("tests");
    let files =
        std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let paths = files.filter_map(|file| Some(file.ok()?.path()));
    let tests = paths.filter(|path| {
        path.extension().is_some_and(|end| end == "rs") && read(path).contains("test]")
    });
    let mut names: Vec<String> =
        tests.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    Ok(names)
}

/// Reads `test NAME ... ok`, with whatever the test printed before its result, and what the failed ones said.
fn cases(test: &str, text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut open: Option<&str> = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("test ")
            && let Some((name, _)) = rest.split_once(" ...")
        {
            open = Some(name);
        }
        let outcome = match line.rsplit(' ').next() {
            Some("ok") => Outcome::Pass,
            Some("FAILED") => Outcome::Fail,
            Some("ignored") => Outcome::Skip,
            _ => continue,
        };
        let Some(name) = open.take() else { continue };
        let why = if outcome == Outcome::Fail { said(text, name) } else { String::new() };
        cases.push(Case { name: format!("{test}::{name}"), outcome, seconds: 0, why });
    }
    cases
}

/// The first panic of a test in the list of failures.
fn said(text: &str, name: &str) -> String {
    let head = format!("---- {name} stdout ----");
    let mut lines = text
        .lines()
        .skip_while(|line| *line != head)
        .skip_while(|line| !line.contains("panicked at"));
    let (place, what) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let place = place.split("panicked at ").nth(1).unwrap_or("");
    format!("{place} {what}").chars().take(300).collect()
}

fn read(file: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned()
}
