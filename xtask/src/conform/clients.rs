//! Tests of small clients: those inside the crates `rdkafka` and `rskafka`, and our own script for kcat.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::setting::Setting;
use super::verdict::{Case, Outcome};
use crate::peers::{fetch, kafka};
use crate::process::{Ended, Result, command, run, within, write_to};

/// A build, or a script with all its checks; far more than they take on a quiet machine.
const LIMIT: Duration = Duration::from_secs(1800);
/// One test of a crate.
const TEST_LIMIT: Duration = Duration::from_secs(120);

/// What a crate's own lock file pins that no longer compiles with our compiler, and the version that does.
const NEWER: &[(&str, &str, &str)] = &[("rskafka", "rsasl", "2.3.1")];

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

/// Runs every test in a crate's folder `tests`, each in a process of its own: one that hangs is one failure.
fn crate_tests(
    setting: &Setting<'_>,
    (name, version): (&str, &str),
    variables: &[(&str, &str)],
    report: &mut dyn FnMut(Case),
) -> Result<()> {
    let home = unpack(setting.root, name, version)?;
    let cargo = |arguments: &[&str], limit: Duration, file: &Path| {
        let mut cargo = command(&home, "cargo", &["test", "--quiet"]);
        cargo.args(arguments).envs(variables.iter().copied());
        cargo.env("CARGO_TARGET_DIR", setting.root.join(".tools/crates-target"));
        within(limit, write_to(&mut cargo, file)?)
    };
    let built = setting.output.join("build.out");
    if !cargo(&["--tests", "--no-run"], LIMIT, &built)?.succeeded() {
        return Err(format!("the tests of {name} were not built; see {}", built.display()));
    }
    for file in test_files(&home)? {
        let list = setting.output.join(format!("{file}.list"));
        if !cargo(&["--test", &file, "--", "--list", "--format=terse"], LIMIT, &list)?.succeeded() {
            return Err(format!(
                "the tests of {name}'s {file} were not listed; see {}",
                list.display()
            ));
        }
        for test in read(&list).lines().filter_map(|line| line.strip_suffix(": test")) {
            let whole = format!("{file}::{test}");
            if !setting.wanted.is_empty()
                && !setting.wanted.iter().any(|wanted| whole.contains(wanted))
            {
                continue;
            }
            let output = setting.output.join(format!("{}.out", whole.replace("::", "-")));
            let started = Instant::now();
            let ended = cargo(&["--test", &file, "--", "--exact", test], TEST_LIMIT, &output)?;
            report(case(whole, ended, started.elapsed(), &read(&output)));
        }
    }
    Ok(())
}

fn case(name: String, ended: Ended, took: Duration, text: &str) -> Case {
    let outcome = match ended {
        Ended::TimedOut => Outcome::Timeout,
        ended if !ended.succeeded() => Outcome::Fail,
        _ if text.contains(" 1 ignored;") => Outcome::Skip,
        _ => Outcome::Pass,
    };
    let why = if outcome == Outcome::Fail { said(text) } else { String::new() };
    Case { name, outcome, seconds: took.as_secs(), why }
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
    // Its authors' choice of a compiler is not ours.
    let _ = std::fs::remove_file(home.join("rust-toolchain.toml"));
    let manifest = home.join("Cargo.toml");
    let text = read(&manifest);
    fetch::write(&manifest, &format!("{text}\n[workspace]\n"))?;
    for (_, package, version) in NEWER.iter().filter(|(of, ..)| *of == name) {
        fetch::logged(
            &home,
            "cargo",
            &["update", "--package", package, "--precise", version],
            120,
        )?;
    }
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

/// The first panic.
fn said(text: &str) -> String {
    let mut lines = text.lines().skip_while(|line| !line.contains("panicked at"));
    let (place, what) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let place = place.split("panicked at ").nth(1).unwrap_or("");
    format!("{place} {what}").chars().take(300).collect()
}

fn read(file: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned()
}
