//! librdkafka's own tests, in its quick mode, one at a time.
//!
//! Left out: tests that need no broker, that call Kafka's shell scripts, and those kept for hands. Only three brokers let all of
//! them pass on Kafka: some create topics with three replicas, which a single Kafka refuses.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::setting::Setting;
use super::verdict::{Case, Outcome};
use crate::peers::fetch;
use crate::peers::librdkafka::Librdkafka;
use crate::process::{Ended, Result, within, write_to};

/// The longest test takes 66 s on Kafka.
const LIMIT: Duration = Duration::from_secs(180);
/// Call `kafka-topics.sh` and the like.
const NEED_SCRIPTS: &[&str] = &["0052", "0077", "0107", "0109", "0115", "0119"];

/// Runs them.
pub(super) fn run(setting: &mut Setting<'_>, report: &mut dyn FnMut(Case)) -> Result<()> {
    let librdkafka = Librdkafka::build(setting.root)?;
    let tests = librdkafka.tests();
    let wanted = match setting.wanted {
        [] => all(&tests)?,
        some => some.to_vec(),
    };
    let conf = setting.output.join("test.conf");
    fetch::write(&conf, &format!("metadata.broker.list={}\n", setting.peer.bootstrap()))?;
    for test in wanted {
        let case = one(&tests, &conf, &setting.output, &test)?;
        if case.outcome == Outcome::Pass {
            report(case);
            continue;
        }
        // Some of them race on a busy machine, on Kafka too (0118: which of two members joins first). What passes only then says so.
        let why = format!("the first time: {}", case.why);
        let again = one(&tests, &conf, &setting.output, &test)?;
        report(if again.outcome == Outcome::Pass { Case { why, ..again } } else { again });
    }
    Ok(())
}

/// The numbers of all tests, by their compiled files.
fn all(tests: &Path) -> Result<Vec<String>> {
    let files =
        std::fs::read_dir(tests).map_err(|error| format!("{}: {error}", tests.display()))?;
    let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let mut numbers: Vec<String> =
        names.filter(|name| needs_broker(name)).map(|name| name[..4].to_owned()).collect();
    numbers.sort();
    numbers.dedup();
    Ok(numbers)
}

fn needs_broker(file: &str) -> bool {
    let Some(number) = file.get(..4).filter(|_| file.ends_with(".o")) else { return false };
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let local = ["mock", "unittests", "_ut.o"].iter().any(|mark| file.contains(mark));
    is_number && !local && !number.starts_with('8') && !NEED_SCRIPTS.contains(&number)
}

fn one(tests: &Path, conf: &Path, output: &Path, test: &str) -> Result<Case> {
    let file = output.join(format!("{test}.out"));
    let mut runner = Command::new(tests.join("test-runner"));
    runner.args(["-Q", "-p1", "-E", "-L"]).current_dir(tests).env("TESTS", test);
    runner.env("LD_LIBRARY_PATH", "../src:../src-cpp").env("RDKAFKA_TEST_CONF", conf);
    let started = Instant::now();
    let ended = within(LIMIT, write_to(&mut runner, &file)?)?;
    let outcome = match ended {
        Ended::TimedOut => Outcome::Timeout,
        ended if ended.succeeded() => Outcome::Pass,
        _ => Outcome::Fail,
    };
    let why = if outcome == Outcome::Pass { String::new() } else { why(&file) };
    Ok(Case { name: test.to_owned(), outcome, seconds: started.elapsed().as_secs(), why })
}

/// The line after the first `### Test "…" failed at …`, with the place.
fn why(file: &Path) -> String {
    let text = std::fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut lines = text
        .lines()
        .skip_while(|line| !(line.contains("### Test") && line.contains(" failed at ")));
    let Some(place) = lines.next() else { return String::new() };
    let place = place.split(" failed at ").nth(1).unwrap_or("").split("()").next().unwrap_or("");
    let said: String = lines.next().unwrap_or("").chars().take(200).collect();
    format!("{place}: {said}")
}
