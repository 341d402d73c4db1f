//! What a run means: each test held against what it does on a real Apache Kafka.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::peers::{On, fetch};
use crate::process::Result;

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Pass,
    Fail,
    Timeout,
    Skip,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Timeout => "timeout",
            Self::Skip => "skip",
        }
    }
}

/// One test that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) outcome: Outcome,
    pub(crate) seconds: u64,
    /// What it said when it failed, in one line.
    pub(crate) why: String,
}

/// The tests so far, and what was expected of them.
#[derive(Debug)]
pub(crate) struct Verdict {
    on: On,
    /// What passes on the real Kafka; `None` where no run was recorded, and then everything has to pass.
    kafka: Option<BTreeMap<String, bool>>,
    /// Known failures of ours, with reasons.
    expected: BTreeMap<String, String>,
    cases: Vec<Case>,
    missing: Vec<String>,
}

impl Verdict {
    /// Reads the two lists of a suite.
    ///
    /// # Errors
    /// A line of them cannot be understood.
    pub(crate) fn read(folder: &Path, suite: &str, on: On) -> Result<Self> {
        let kafka = std::fs::read_to_string(folder.join(format!("{suite}_on_kafka.txt"))).ok();
        let expected = std::fs::read_to_string(folder.join(format!("{suite}_expected.txt")));
        let kafka = kafka.as_deref().map(parse_kafka).transpose()?;
        Ok(Self::new(on, kafka, parse_expected(&expected.unwrap_or_default())?))
    }

    fn new(
        on: On,
        kafka: Option<BTreeMap<String, bool>>,
        expected: BTreeMap<String, String>,
    ) -> Self {
        Self { on, kafka, expected, cases: Vec::new(), missing: Vec::new() }
    }

    /// Takes a test in and says it in a line.
    pub(crate) fn add(&mut self, case: Case) -> String {
        let mut line = format!("{} {} {}", case.name, case.outcome.word(), case.seconds);
        if self.is_failure(&case) {
            line.push_str("  <- passes on Apache Kafka");
        } else if let Some(reason) = self.expected_failure(&case) {
            line.push_str(&format!("  (known: {reason})"));
        }
        if !case.why.is_empty() {
            line.push_str(&format!("\n     {}", case.why));
        }
        self.cases.push(case);
        line
    }

    /// After the last test; `whole` when every test was asked for, so that one which did not run at all is noticed.
    pub(crate) fn ended(&mut self, whole: bool) {
        if !whole || self.on == On::Kafka {
            return;
        }
        let ran: BTreeSet<&str> = self.cases.iter().map(|case| case.name.as_str()).collect();
        let known = self.kafka.iter().flatten().filter(|(_, passes)| **passes);
        self.missing = known
            .map(|(name, _)| name.clone())
            .filter(|name| !ran.contains(name.as_str()))
            .collect();
    }

    fn passes_on_kafka(&self, name: &str) -> bool {
        self.kafka.as_ref().is_none_or(|kafka| kafka.get(name).copied().unwrap_or(false))
    }

    fn expected_failure(&self, case: &Case) -> Option<&str> {
        let failed = matches!(case.outcome, Outcome::Fail | Outcome::Timeout);
        (failed && self.on == On::Tidemill)
            .then(|| self.expected.get(&case.name).map(String::as_str))
            .flatten()
    }

    /// A skipped test is a failure where the real Kafka passes it.
    fn is_failure(&self, case: &Case) -> bool {
        match (self.on, case.outcome) {
            (_, Outcome::Pass) => false,
            (On::Kafka, outcome) => outcome != Outcome::Skip,
            (On::Tidemill, outcome) => {
                let measured = self.kafka.is_some() || outcome != Outcome::Skip;
                measured
                    && self.passes_on_kafka(&case.name)
                    && !self.expected.contains_key(&case.name)
            }
        }
    }

    /// How many passed.
    pub(crate) fn passed(&self) -> u64 {
        self.cases.iter().filter(|case| case.outcome == Outcome::Pass).count() as u64
    }

    /// How many failed that pass on Apache Kafka and are not known to fail here.
    pub(crate) fn failed(&self) -> u64 {
        let failures = self.cases.iter().filter(|case| self.is_failure(case)).count();
        (failures + self.missing.len()) as u64
    }

    /// Known failures that pass by now: their lines in the list are no longer true.
    fn cured(&self) -> Vec<&str> {
        let passed = self.cases.iter().filter(|case| case.outcome == Outcome::Pass);
        passed
            .map(|case| case.name.as_str())
            .filter(|name| self.expected.contains_key(*name))
            .collect()
    }

    /// Says what it comes to; the last line is `N passed, N failed`.
    pub(crate) fn print(&self) {
        for name in &self.missing {
            println!("{name} did not run");
        }
        if self.on == On::Tidemill && !self.cured().is_empty() {
            println!("listed as known failures, but pass: {}", self.cured().join(", "));
        }
        let other = self.cases.len() as u64 - self.passed();
        let failures = self.failed() - self.missing.len() as u64;
        println!(
            "{} others: known failures, skipped, or failing on Apache Kafka too",
            other.saturating_sub(failures)
        );
        println!("{} passed, {} failed", self.passed(), self.failed());
    }

    /// Writes down what passes on the real Kafka.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn record(&self, folder: &Path, suite: &str) -> Result<()> {
        let mut text = format!(
            "# {suite} on Apache Kafka {}, by `cargo xtask conform {suite} --on kafka --record`: test, result, seconds.\n",
            crate::peers::kafka::VERSION
        );
        for case in &self.cases {
            text.push_str(&format!("{} {} {}\n", case.name, case.outcome.word(), case.seconds));
        }
        fetch::write(&folder.join(format!("{suite}_on_kafka.txt")), &text)
    }
}

/// The lines of a list that are no comments.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// `NAME pass|fail|timeout|skip SECONDS`.
fn parse_kafka(text: &str) -> Result<BTreeMap<String, bool>> {
    let parse = |line: &str| {
        let mut words = line.rsplitn(3, ' ').skip(1);
        let (outcome, name) = (words.next(), words.next());
        match (name, outcome) {
            (Some(name), Some("pass")) => Ok((name.to_owned(), true)),
            (Some(name), Some("fail" | "timeout" | "skip")) => Ok((name.to_owned(), false)),
            _ => Err(format!("not `NAME pass|fail|timeout|skip SECONDS`: {line}")),
        }
    };
    lines(text).map(parse).collect()
}

/// `NAME: reason`; a name may have colons, so the first colon with a space after it ends it.
fn parse_expected(text: &str) -> Result<BTreeMap<String, String>> {
    let parse = |line: &str| match line.split_once(": ") {
        Some((name, reason)) => Ok((name.to_owned(), reason.to_owned())),
        None => Err(format!("not `NAME: reason`: {line}")),
    };
    lines(text).map(parse).collect()
}

#[cfg(test)]
mod tests;
