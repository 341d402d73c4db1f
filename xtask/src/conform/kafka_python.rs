//! The integration tests of kafka-python, from its source distribution.
//!
//! That leaves out `test/service.py`, which starts brokers; these tests are pointed at one that runs, so a stand-in that does
//! nothing is enough. `test/__init__.py` is written too, or Python's own package `test` wins.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::setting::Setting;
use super::verdict::{Case, Outcome};
use crate::peers::fetch;
use crate::process::{Result, within, write_to};
use crate::setup;

const VERSION: &str = "3.0.12";
/// What the tests import.
const PACKAGES: &[&str] = &[
    "pytest==8.4.2",
    "pytest-timeout==2.4.0",
    "py==1.11.0",
    "lz4==4.4.4",
    "zstandard==0.25.0",
    "python-snappy==0.7.3",
];
/// The whole suite.
const LIMIT: Duration = Duration::from_secs(1200);
const SERVICE: &str = "class ExternalService:
    def __init__(self, host, port):
        self.host, self.port = host, port

    def open(self):
        pass

    def close(self):
        pass


class SpawnedService:
    pass
";

/// Runs them.
pub(super) fn run(setting: &mut Setting<'_>, report: &mut dyn FnMut(Case)) -> Result<()> {
    let tools = setting.root.join(".tools");
    let home = fetch::sdist(&tools.join("kafka-python"), "kafka-python", VERSION)?;
    fetch::write(&home.join("test/service.py"), SERVICE)?;
    fetch::write(&home.join("test/__init__.py"), "")?;
    let python =
        setup::venv(setting.root, &tools.join("venv-kafka-suite"), PACKAGES)?.join("bin/python");
    let file = setting.output.join("pytest.out");
    let mut pytest = Command::new(python);
    pytest.args([
        "-m",
        "pytest",
        "test/integration",
        "--timeout",
        "120",
        "-v",
        "--tb=short",
        "-p",
        "no:cacheprovider",
    ]);
    if !setting.wanted.is_empty() {
        pytest.arg("-k").arg(setting.wanted.join(" or "));
    }
    pytest
        .current_dir(&home)
        .env("PYTHONPATH", &home)
        .env("KAFKA_VERSION", "4.3.0")
        .env("KAFKA_ROOT", "/tmp");
    // So wide that pytest does not shorten what a test said.
    pytest.env("COLUMNS", "400");
    pytest.env("KAFKA_URI", format!("tcp://{}", setting.peer.bootstrap()));
    let ended = within(LIMIT, write_to(&mut pytest, &file)?)?;
    let found = cases(&read(&file));
    if found.is_empty() {
        return Err(format!("pytest ran nothing ({ended:?}); its output is in {}", file.display()));
    }
    found.into_iter().for_each(report);
    Ok(())
}

/// Reads `test/integration/FILE.py::NAME PASSED [ 5%]`.
fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in
        text.lines().filter(|line| line.starts_with("test/integration/") && line.contains("::"))
    {
        let Some((name, rest)) = line["test/integration/".len()..].split_once(' ') else {
            continue;
        };
        let outcome = match rest.split_whitespace().next() {
            Some("PASSED") => Outcome::Pass,
            Some("FAILED" | "ERROR") => Outcome::Fail,
            Some("SKIPPED") => Outcome::Skip,
            _ => continue,
        };
        let why = if outcome == Outcome::Fail { why(text, name) } else { String::new() };
        let case = Case { name: name.to_owned(), outcome, seconds: 0, why };
        // A test that fails once more while it is torn down is one test.
        match cases.iter_mut().find(|known| known.name == case.name) {
            Some(known) => *known = case,
            None => cases.push(case),
        }
    }
    cases
}

/// From the summary: `FAILED test/integration/FILE.py::NAME - what`.
fn why(text: &str, name: &str) -> String {
    let mark = format!("{name} - ");
    let line = text.lines().find(|line| line.contains(&mark));
    line.and_then(|line| line.split_once(&mark))
        .map_or(String::new(), |(_, why)| why.chars().take(300).collect())
}

fn read(file: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned()
}
