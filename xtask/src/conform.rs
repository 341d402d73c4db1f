//! Suites that others wrote, run against our broker, and for comparison against a real Apache Kafka.
//!
//! `cargo xtask conform SUITE [--on kafka|tidemill] [--debug] [--record] [TEST…]`. What passes on the real Kafka is in
//! `xtask/conform/SUITE_on_kafka.txt`, taken with `--on kafka --record`; what is known to fail on ours has a line with its reason in
//! `xtask/conform/SUITE_expected.txt`. A test that passes there, fails here and is not in that list fails the run.

mod clients;
mod kafka_python;
mod kafka_tools;
pub(crate) mod kill;
mod librdkafka;
mod setting;
mod verdict;

use std::path::Path;

use crate::peers::{Build, On, Options, Peer, fetch};
use crate::process::{Result, scratch};
use setting::Setting;
use verdict::{Case, Verdict};

/// Runs the tests and hands on each as it ends.
type RunSuite = fn(&mut Setting<'_>, &mut dyn FnMut(Case)) -> Result<()>;

/// One suite.
struct Suite {
    name: &'static str,
    /// Brokers of the real Kafka that it needs.
    brokers: usize,
    /// Partitions of a topic that is made by being used: what the suite takes for granted.
    partitions: u32,
    run: RunSuite,
}

const SUITES: &[Suite] = &[
    Suite { name: "librdkafka", brokers: 3, partitions: 4, run: librdkafka::run },
    Suite { name: "kafka-python", brokers: 1, partitions: 4, run: kafka_python::run },
    Suite { name: "rdkafka", brokers: 1, partitions: 4, run: clients::rdkafka },
    Suite { name: "rskafka", brokers: 1, partitions: 4, run: clients::rskafka },
    Suite { name: "kcat", brokers: 1, partitions: 1, run: clients::kcat },
    Suite { name: "kafka-tools", brokers: 1, partitions: 1, run: kafka_tools::run },
];

/// What the command line asks for.
struct Asked {
    on: On,
    build: Build,
    record: bool,
    tests: Vec<String>,
}

/// Runs the suite named first.
///
/// # Errors
/// A test that passes on Apache Kafka does not pass here, or nothing could be run.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let names: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
    let usage =
        || format!("`cargo xtask conform NAME`, with NAME one of {}, kill", names.join(", "));
    let Some((name, rest)) = arguments.split_first() else { return Err(usage()) };
    if name == "kill" {
        return kill::run(root, rest);
    }
    let suite = SUITES.iter().find(|suite| suite.name == name).ok_or_else(usage)?;
    let verdict = pass(root, suite, &parse(rest)?)?;
    if verdict.failed() == 0 { Ok(()) } else { std::process::exit(1) }
}

/// Runs some tests of a suite against a debug build, for `cargo xtask test`; how many passed and failed.
///
/// # Errors
/// Nothing could be run.
pub(crate) fn some(root: &Path, name: &str, tests: &[&str]) -> Result<(u64, u64)> {
    let suite = SUITES.iter().find(|suite| suite.name == name).ok_or("no such suite")?;
    let tests = tests.iter().map(|&test| test.to_owned()).collect();
    let asked = Asked { on: On::Tidemill, build: Build::Debug, record: false, tests };
    let verdict = pass(root, suite, &asked)?;
    Ok((verdict.passed(), verdict.failed()))
}

fn parse(arguments: &[String]) -> Result<Asked> {
    let mut asked =
        Asked { on: On::Tidemill, build: Build::Release, record: false, tests: Vec::new() };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--on" => asked.on = On::parse(arguments.next().map_or("", String::as_str))?,
            "--debug" => asked.build = Build::Debug,
            "--record" => asked.record = true,
            option if option.starts_with("--") => {
                return Err(format!("there is no option {option}"));
            }
            test => asked.tests.push(test.to_owned()),
        }
    }
    if asked.record && (asked.on != On::Kafka || !asked.tests.is_empty()) {
        return Err("--record is for a whole suite `--on kafka`".to_owned());
    }
    Ok(asked)
}

fn pass(root: &Path, suite: &Suite, asked: &Asked) -> Result<Verdict> {
    let output = root.join(".tools/output").join(format!("{}-{}", suite.name, asked.on.name()));
    fetch::make(&output)?;
    let folder = scratch(&format!("conform-{}", suite.name));
    let (brokers, partitions) = (suite.brokers, suite.partitions);
    let options = Options { build: asked.build, brokers, partitions, synced: false };
    let mut peer = Peer::start(root, asked.on, &folder, options)?;
    let mut setting =
        Setting { root, peer: &mut peer, wanted: &asked.tests, output: output.clone() };
    let mut verdict = Verdict::read(&root.join("xtask/conform"), suite.name, asked.on)?;
    println!(
        "{} on {}; output of single tests in {}",
        suite.name,
        asked.on.name(),
        output.display()
    );
    (suite.run)(&mut setting, &mut |case| println!("{}", verdict.add(case)))?;
    verdict.ended(asked.tests.is_empty());
    if asked.record {
        verdict.record(&root.join("xtask/conform"), suite.name)?;
    }
    verdict.print();
    Ok(verdict)
}
