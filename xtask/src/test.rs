//! Every check and test of the project, in one command.
//!
//! The order is from the quick to the slow: format, tidy, lint, the crates' own tests, then the real clients (kcat,
//! kafka-python, confluent-kafka, streamparse, Chromium) against a real `tidemill up` or broker on free loopback ports,
//! then some of the suites that others wrote. A failed step does not stop the others. The last line is `N passed, N failed`.

use std::path::Path;

use crate::conform;
use crate::fuzz;
use crate::process::{Result, Server, command, run as run_command, scratch, target, tee};
use crate::setup::Tools;
use crate::tidy;

/// Suites that others wrote, and which of their tests run here: those that need a broker and are over in a few seconds. All of
/// them run by `cargo xtask conform`.
const CONFORM: &[(&str, &[&str])] = &[(
    "librdkafka",
    &[
        "0005", "0008", "0012", "0013", "0015", "0018", "0022", "0026", "0029", "0030", "0031",
        "0034", "0036", "0039", "0040", "0045", "0049", "0050", "0053", "0054", "0055", "0056",
        "0044", "0057", "0061", "0064", "0067", "0069", "0073", "0074", "0082", "0085", "0090",
        "0099", "0106", "0112", "0113", "0130",
    ],
)];

/// What has passed and failed so far.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    failures: Vec<String>,
}

impl Tally {
    /// Counts one check.
    fn check(&mut self, name: &str, result: Result<()>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(error) => {
                println!("FAILED {name}: {error}");
                self.failed += 1;
                self.failures.push(name.to_owned());
            }
        }
    }

    /// Counts a suite that counted by itself.
    fn counted(&mut self, name: &str, result: Result<(u64, u64)>) {
        match result {
            Ok((passed, failed)) => {
                self.passed += passed;
                self.failed += failed;
                if failed > 0 {
                    self.failures.push(name.to_owned());
                }
            }
            Err(error) => self.check(name, Err(error)),
        }
    }

    /// Counts a runner that ended with lines of its own; one that failed without counting is one failure.
    fn runner(&mut self, name: &str, result: Result<(bool, String)>) {
        let (succeeded, text) = match result {
            Ok(ended) => ended,
            Err(error) => return self.check(name, Err(error)),
        };
        let (passed, failed) = text
            .lines()
            .filter_map(counts)
            .fold((0, 0), |sum, line| (sum.0 + line.0, sum.1 + line.1));
        self.passed += passed;
        self.failed += failed;
        if failed > 0 {
            self.failures.push(name.to_owned());
        } else if !succeeded {
            self.check(name, Err("the runner failed".to_owned()));
        } else if passed == 0 {
            self.check(name, Err("the runner counted no test".to_owned()));
        }
    }
}

/// `test result: ok. 3 passed; 0 failed; …` or `3 passed, 0 failed`.
fn counts(line: &str) -> Option<(u64, u64)> {
    let line = line.strip_prefix("test result: ok. ").unwrap_or(line);
    let line = line.strip_prefix("test result: FAILED. ").unwrap_or(line);
    let mut words = line.split([' ', ',', ';']).filter(|word| !word.is_empty());
    let passed = words.next()?.parse().ok()?;
    (words.next()? == "passed").then_some(())?;
    let failed = words.next()?.parse().ok()?;
    (words.next()? == "failed").then_some((passed, failed))
}

/// Runs every step whose name contains one of `names`; all of them if there is none.
///
/// # Errors
/// Something failed.
pub(crate) fn run(root: &Path, names: &[String]) -> Result<()> {
    let wanted = |step: &str| names.is_empty() || names.iter().any(|name| step.contains(name));
    let mut tally = Tally::default();
    if wanted("format") {
        let arguments = ["fmt", "--all", "--", "--check"];
        tally.check("format", run_command(&mut command(root, "cargo", &arguments)));
    }
    if wanted("tidy") {
        tally.check("tidy", tidy::run(root));
    }
    if wanted("lint") {
        let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        tally.check("lint", run_command(&mut command(root, "cargo", &arguments)));
    }
    if wanted("fuzz") {
        tally.check("fuzz targets", fuzz::check(root));
    }
    if wanted("crates") {
        // The simulated twins are tests of their own and need their feature.
        let features = ["test", "--workspace", "--features", "tidemill-world/sim"];
        tally.runner("crates", tee(&mut command(root, "cargo", &features)));
    }
    if ["web", "kcat", "kafka-python", "transactions", "confluent", "streamparse", "dashboard"]
        .into_iter()
        .any(wanted)
    {
        match Tools::install(root) {
            Ok(tools) => clients(root, &tools, &wanted, &mut tally),
            Err(error) => tally.check("setup", Err(error)),
        }
    }
    if wanted("conform") {
        for (suite, tests) in CONFORM {
            tally.counted(&format!("conform {suite}"), conform::some(root, suite, tests));
        }
        tally.counted("conform kill", conform::kill::few(root));
    }
    finish(&tally)
}

/// The tests that need the built program and real clients.
fn clients(root: &Path, tools: &Tools, wanted: &dyn Fn(&str) -> bool, tally: &mut Tally) {
    if wanted("web") {
        tally.check("web", web(root));
    }
    let build = ["build", "--workspace", "--bins", "--examples"];
    if let Err(error) = run_command(&mut command(root, "cargo", &build)) {
        return tally.check("build", Err(error));
    }
    let binary = target(root).join("debug/tidemill");
    if ["kcat", "kafka-python", "transactions"].into_iter().any(wanted) {
        match start(&binary, "clients", &[]) {
            Ok(server) => kafka_clients(root, tools, &server, wanted, tally),
            Err(error) => tally.check("clients", Err(error)),
        }
    }
    if wanted("confluent") {
        let python = tools.confluent.to_string_lossy().into_owned();
        let script = "crates/broker/tests/clients/confluent.py";
        let serve = target(root).join("debug/examples/serve").to_string_lossy().into_owned();
        tally.runner("confluent", tee(&mut command(root, &python, &[script, &serve])));
    }
    if wanted("streamparse") {
        let arguments = ["test", "--package", "tidemill-multilang", "--test", "streamparse"];
        let mut test = command(root, "cargo", &arguments);
        test.env("TIDEMILL_STREAMPARSE_VENV", &tools.streamparse_venv);
        tally.runner("streamparse", tee(&mut test));
    }
    if wanted("dashboard") {
        match start(&binary, "dashboard", &["--demo"]) {
            Ok(server) => {
                let mut test = command(&root.join("web"), "node", &["test/dashboard.mjs"]);
                test.env("BASE_URL", &server.http).env("CHROMIUM", &tools.chromium);
                tally.runner("dashboard", tee(&mut test));
            }
            Err(error) => tally.check("dashboard", Err(error)),
        }
    }
}

fn web(root: &Path) -> Result<()> {
    let web = root.join("web");
    if !web.join("node_modules").is_dir() {
        run_command(&mut command(&web, "npm", &["ci", "--no-audit", "--no-fund"]))?;
    }
    run_command(&mut command(&web, "npm", &["run", "check"]))?;
    run_command(&mut command(&web, "npm", &["run", "build"]))
}

fn kafka_clients(
    root: &Path,
    tools: &Tools,
    server: &Server,
    wanted: &dyn Fn(&str) -> bool,
    tally: &mut Tally,
) {
    let clients = root.join("crates/broker/tests/clients");
    if wanted("kcat") {
        let script = clients.join("kcat.sh").to_string_lossy().into_owned();
        tally.runner("kcat", tee(&mut command(root, "bash", &[&script, &server.kafka])));
        let script = "crates/tidemill/tests/clients/kcat_to_views.sh";
        let arguments = [script, &server.kafka, &server.http];
        tally.runner("kcat to views", tee(&mut command(root, "bash", &arguments)));
    }
    if wanted("kafka-python") {
        let python = tools.kafka_python.to_string_lossy().into_owned();
        let script = clients.join("kafka_python.py").to_string_lossy().into_owned();
        tally.runner("kafka-python", tee(&mut command(root, &python, &[&script, &server.kafka])));
        let script = clients.join("kill.py").to_string_lossy().into_owned();
        let serve = target(root).join("debug/examples/serve").to_string_lossy().into_owned();
        tally.runner("kill under producers", tee(&mut command(root, &python, &[&script, &serve])));
    }
    if wanted("transactions") {
        let python = tools.confluent.to_string_lossy().into_owned();
        let script = clients.join("transactions.py").to_string_lossy().into_owned();
        tally.runner("transactions", tee(&mut command(root, &python, &[&script, &server.kafka])));
    }
}

fn start(binary: &Path, name: &str, more: &[&str]) -> Result<Server> {
    Server::start(binary, &scratch(name), more)
}

fn finish(tally: &Tally) -> Result<()> {
    if !tally.failures.is_empty() {
        println!("failed: {}", tally.failures.join(", "));
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 && tally.passed > 0 {
        Ok(())
    } else {
        // The last line stays the count, which says it all.
        std::process::exit(1)
    }
}
