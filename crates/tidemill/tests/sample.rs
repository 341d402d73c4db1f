//! The sample access log gives the numbers that a short Python script computes from the file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may"
)]

mod common;

use std::process::Command;

use common::{Folder, TIDEMILL, Up};
use serde_json::Value;

const SITE: &str = "blog";
const PERIOD: [&str; 4] = ["--period-start", "2015-05-17", "--period-end", "2015-05-21"];

fn root(path: &str) -> String {
    format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))
}

fn expected() -> Value {
    let script = format!("{}/tests/sample/expected.py", env!("CARGO_MANIFEST_DIR"));
    let log = root("examples/data/access.log.gz");
    let output = Command::new("python3").args([&script, &log, SITE]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn import(more: &[&str]) -> String {
    let log = root("examples/data/access.log.gz");
    let output = Command::new(TIDEMILL)
        .args(["import", "access-log", &log, "--site", SITE])
        .args(more)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

fn ranking(up: &Up) -> Vec<(String, u64)> {
    let http = format!("http://{}", up.http);
    let output = Command::new(TIDEMILL)
        .args([
            "analytics",
            "posts",
            "--site",
            SITE,
            "--limit",
            "20",
            "--bots",
            "include",
            "--json",
        ])
        .args(PERIOD)
        .args(["--http", &http])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    posts(&answer)
}

fn posts(answer: &Value) -> Vec<(String, u64)> {
    let entries = answer["data"].as_array().unwrap();
    let url = |entry: &Value| {
        entry["url"]
            .as_str()
            .unwrap()
            .trim_start_matches("http://")
            .trim_start_matches("https://")
            .to_owned()
    };
    entries.iter().map(|e| (url(e), e["metrics"]["views"].as_u64().unwrap())).collect()
}

fn check(up: &Up, expected: &Value) {
    let query = "period_start=2015-05-17&period_end=2015-05-21&bots=include";
    let total = expected["views"].as_u64().unwrap();
    let series = format!("/v1/series?apikey={SITE}&{query}&step=1h");
    let hours = up.wait_for(&series, |answer| {
        let hours = steps(answer, "views");
        (hours.iter().map(|(_, views)| views).sum::<u64>() == total).then_some(hours)
    });
    for (start_ms, views) in hours {
        let wanted = expected["hours"][&start_ms].as_u64().unwrap_or(0);
        assert_eq!(views, wanted, "views of the hour that starts at {start_ms}");
    }
    let by_command = ranking(up);
    let by_api = posts(&up.get(&format!("/v2/analytics/posts?apikey={SITE}&{query}&limit=20")));
    assert_eq!(by_command, by_api);
    let mut wanted: Vec<u64> =
        expected["posts"].as_object().unwrap().values().filter_map(Value::as_u64).collect();
    wanted.sort_unstable_by(|a, b| b.cmp(a));
    let views: Vec<u64> = by_command.iter().map(|(_, views)| *views).collect();
    assert_eq!(views, wanted[..20]);
    for (url, views) in &by_command {
        assert_eq!(Some(*views), expected["posts"][url].as_u64(), "{url}");
    }
    let series = format!("/v1/series?apikey={SITE}&{query}&step=1d");
    for (start_ms, visitors) in steps(&up.get(&series), "visitors") {
        let wanted = expected["days"][&start_ms].as_u64().unwrap_or(0);
        assert!(
            visitors.abs_diff(wanted) * 50 <= wanted,
            "visitors of {start_ms}: {visitors}, not {wanted}"
        );
    }
}

/// Start and number of each step of a series.
fn steps(answer: &Value, name: &str) -> Vec<(String, u64)> {
    let data = answer["data"].as_array().into_iter().flatten();
    data.map(|step| (step["start_ms"].to_string(), step[name].as_u64().unwrap())).collect()
}

#[test]
fn the_sample_gives_what_python_computes_and_twice_gives_the_same() {
    let expected = expected();
    let folder = Folder::new("sample");
    let up = Up::start(&folder.path, &[]);
    let http = format!("http://{}", up.http);
    let said = import(&["--http", &http]);
    assert!(said.contains("1 malformed"), "{said}");
    check(&up, &expected);
    let said = import(&["--http", &http]);
    assert!(said.contains(" 0 page views stored"), "{said}");
    check(&up, &expected);
    drop(up);
    // The views are gone with the process; the log is not.
    check(&Up::start(&folder.path, &[]), &expected);
}

#[test]
fn a_folder_that_nobody_has_open_takes_an_import_too() {
    let folder = Folder::new("sample-alone");
    let data = folder.path.to_str().unwrap();
    let rejects = folder.path.join("rejects.log");
    let said = import(&["--data", data, "--rejects", rejects.to_str().unwrap()]);
    assert!(said.contains("1 malformed"), "{said}");
    let kept = std::fs::read_to_string(&rejects).unwrap();
    assert_eq!(kept.lines().count(), 1, "{kept}");
    assert!(kept.contains("configlib.py"), "{kept}");
    check(&Up::start(&folder.path, &[]), &expected());
}
