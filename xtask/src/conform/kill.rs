//! Kills our broker under librdkafka's producers, again and again, then reads everything back.
//!
//! `cargo xtask conform kill [--cycles N] [--seed S] [--only produce|transact]`. An idempotent and a transactional producer
//! (`xtask/conform/kill.c`) write to one broker, which is killed with SIGKILL at moments that the seed decides and started again on
//! its folder. In the end: what was acknowledged is there; nothing is there twice; each partition has its records in order; a
//! committed transaction is there whole, an aborted one not at all, one with an unknown end whole or not at all.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use crate::peers::librdkafka::Librdkafka;
use crate::peers::ours::{self, Broker};
use crate::peers::{Build, fetch, probe};
use crate::process::{Result, Running, output, run as run_command, scratch};

const PARTITIONS: u32 = 4;
/// Records of a transaction; the same number is in `kill.c`.
const TRANSACTION_RECORDS: usize = 8;
/// A broker lives so long, in milliseconds: from less than a connection takes to a few hundred rounds of the disk.
const LIFE_MS: std::ops::Range<u64> = 30..700;
/// A producer that is asked to end waits for a minute at most, twice.
const END_MAX: Duration = Duration::from_secs(150);

struct Asked {
    cycles: u64,
    seed: u64,
    only: Option<String>,
    build: Build,
}

/// Runs the cycles asked for.
///
/// # Errors
/// A guarantee did not hold, or nothing could be run.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = now.map_or(1, |since| since.as_nanos() as u64);
    let mut asked = Asked { cycles: 20, seed, only: None, build: Build::Release };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} takes a value"));
        let number = |text: &String| text.parse().map_err(|_| format!("{text} is no number"));
        match argument.as_str() {
            "--cycles" => asked.cycles = number(value()?)?,
            "--seed" => asked.seed = number(value()?)?,
            "--only" => asked.only = Some(value()?.clone()),
            "--debug" => asked.build = Build::Debug,
            other => return Err(format!("`conform kill` has no option {other}")),
        }
    }
    let (passed, failed) = cycles(root, &asked)?;
    println!("{passed} passed, {failed} failed");
    if failed == 0 { Ok(()) } else { std::process::exit(1) }
}

/// A few cycles against a debug build, for `cargo xtask test`.
///
/// # Errors
/// Nothing could be run.
pub(crate) fn few(root: &Path) -> Result<(u64, u64)> {
    cycles(root, &Asked { cycles: 8, seed: 1, only: None, build: Build::Debug })
}

/// One kind of producer.
struct Kind {
    name: &'static str,
    check: fn(&str, &[Read]) -> std::result::Result<String, String>,
}

const KINDS: [Kind; 2] = [
    Kind { name: "produce", check: check_idempotent },
    Kind { name: "transact", check: check_transactions },
];

fn cycles(root: &Path, asked: &Asked) -> Result<(u64, u64)> {
    let program = compile(root)?;
    let broker = ours::build(root, asked.build)?;
    println!("{} kills, seed {}", asked.cycles, asked.seed);
    let folder = scratch("conform-kill");
    let mut broker = Broker::start_program(&broker, &folder, PARTITIONS)?;
    let mut kinds: Vec<&Kind> = KINDS.iter().collect();
    kinds.retain(|kind| asked.only.as_ref().is_none_or(|only| kind.name == only));
    let mut producers = Vec::new();
    for kind in &kinds {
        probe::create_topic(&broker.address, kind.name, PARTITIONS)?;
        producers.push(Producer::start(root, &program, kind.name, &broker.address)?);
    }
    let mut random = asked.seed;
    for cycle in 0..asked.cycles {
        std::thread::sleep(Duration::from_millis(
            next(&mut random) % (LIFE_MS.end - LIFE_MS.start) + LIFE_MS.start,
        ));
        broker.kill();
        let took = broker.run().map_err(|error| format!("after kill {}: {error}", cycle + 1))?;
        if (cycle + 1) % 50 == 0 {
            println!("{} kills; the last start took {} ms", cycle + 1, took.as_millis());
        }
    }
    let (mut passed, mut failed) = (0, 0);
    for (kind, producer) in kinds.iter().zip(producers) {
        let said = producer.end();
        let read =
            said.and_then(|said| Ok((said, read(root, &program, kind.name, &broker.address)?)));
        match read.and_then(|(said, read)| (kind.check)(&said, &read)) {
            Ok(summary) => {
                passed += 1;
                println!("{}: {summary}", kind.name);
            }
            Err(error) => {
                failed += 1;
                println!("FAILED {}: {error}", kind.name);
            }
        }
    }
    Ok((passed, failed))
}

/// The next number of a small generator (xorshift).
fn next(state: &mut u64) -> u64 {
    *state = (*state).max(1);
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn compile(root: &Path) -> Result<PathBuf> {
    let library = Librdkafka::build(root)?.library();
    let program = root.join(".tools/kill");
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-o"]).arg(&program).arg(root.join("xtask/conform/kill.c"));
    compiler.arg("-I").arg(&library).arg("-L").arg(&library).args(["-lrdkafka", "-lpthread"]);
    run_command(&mut compiler)?;
    Ok(program)
}

fn client(root: &Path, program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).arg(PARTITIONS.to_string());
    command.env("LD_LIBRARY_PATH", root.join(".tools/librdkafka/src"));
    command
}

/// A running producer; it ends when its standard input does.
struct Producer {
    process: Running,
    input: Option<ChildStdin>,
    said: PathBuf,
}

impl Producer {
    fn start(root: &Path, program: &Path, kind: &str, address: &str) -> Result<Self> {
        let output = root.join(".tools/output/kill");
        fetch::make(&output)?;
        let said = output.join(format!("{kind}.out"));
        let open = |path: &Path| {
            File::create(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let mut command = client(root, program, &[kind, address, kind]);
        command
            .stdin(Stdio::piped())
            .stdout(open(&said)?)
            .stderr(open(&output.join(format!("{kind}.err")))?);
        let mut process = Running::start(&mut command)?;
        let input = process.stdin();
        Ok(Self { process, input, said })
    }

    /// Lets it finish; what it said.
    fn end(mut self) -> Result<String> {
        drop(self.input.take());
        let status = self.process.wait(END_MAX);
        let said = std::fs::read_to_string(&self.said)
            .map_err(|error| format!("{}: {error}", self.said.display()))?;
        if let Some(fatal) = said.lines().find(|line| line.starts_with("fatal")) {
            return Err(fatal.to_owned());
        }
        match status {
            Some(status) if status.success() => Ok(said),
            Some(status) => Err(format!("the producer ended with {status}")),
            None => Err("the producer did not end".to_owned()),
        }
    }
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    partition: u32,
    offset: i64,
    value: String,
}

fn read(root: &Path, program: &Path, topic: &str, address: &str) -> Result<Vec<Read>> {
    let text = output(&mut client(root, program, &["read", address, topic]))?;
    let parse = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let (partition, offset) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Read { partition, offset, value: words.next()?.to_owned() })
    };
    text.lines()
        .map(|line| parse(line).ok_or_else(|| format!("the reader said `{line}`")))
        .collect()
}

/// The numbers that a producer said something of, by the word.
fn said_of<'a>(said: &'a str, word: &'a str) -> impl Iterator<Item = u64> + 'a {
    let rest = said.lines().filter_map(move |line| line.strip_prefix(word)?.strip_prefix(' '));
    rest.filter_map(|number| number.parse().ok())
}

/// Acknowledged is a part of read, nothing twice, each partition in order.
fn check_idempotent(said: &str, read: &[Read]) -> std::result::Result<String, String> {
    let mut seen: BTreeMap<u64, i64> = BTreeMap::new();
    let mut last: BTreeMap<u32, u64> = BTreeMap::new();
    for record in read {
        let number: u64 =
            record.value.parse().map_err(|_| format!("a record that nobody wrote: {record:?}"))?;
        if let Some(offset) = seen.insert(number, record.offset) {
            return Err(format!(
                "record {number} is there twice, at offsets {offset} and {}",
                record.offset
            ));
        }
        if last.insert(record.partition, number).is_some_and(|before| before > number) {
            return Err(format!(
                "record {number} of partition {} comes after a later one",
                record.partition
            ));
        }
    }
    let acked: Vec<u64> = said_of(said, "acked").collect();
    let lost: Vec<&u64> = acked.iter().filter(|number| !seen.contains_key(number)).collect();
    match (lost.first(), acked.len()) {
        (Some(first), _) => Err(format!(
            "{} of {} acknowledged records are lost, the first is {first}",
            lost.len(),
            acked.len()
        )),
        (None, 0) => Err("nothing was acknowledged".to_owned()),
        (None, count) => {
            Ok(format!("{count} acknowledged, {} read, each once and in order", read.len()))
        }
    }
}

/// Committed transactions whole, aborted ones gone, the others whole or gone.
fn check_transactions(said: &str, read: &[Read]) -> std::result::Result<String, String> {
    let mut found: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for record in read {
        let parts = record
            .value
            .split_once(':')
            .and_then(|(number, part)| Some((number.parse().ok()?, part)));
        let (number, part) =
            parts.ok_or_else(|| format!("a record that nobody wrote: {record:?}"))?;
        let parts = found.entry(number).or_default();
        if parts.contains(&part) {
            return Err(format!("record {} is there twice", record.value));
        }
        parts.push(part);
    }
    if let Some((number, parts)) =
        found.iter().find(|(_, parts)| parts.len() != TRANSACTION_RECORDS)
    {
        return Err(format!(
            "transaction {number} is torn: {} of {TRANSACTION_RECORDS} records",
            parts.len()
        ));
    }
    let committed: Vec<u64> = said_of(said, "committed").collect();
    if let Some(lost) = committed.iter().find(|number| !found.contains_key(number)) {
        return Err(format!("transaction {lost} was committed and is lost"));
    }
    if let Some(risen) = said_of(said, "aborted").find(|number| found.contains_key(number)) {
        return Err(format!("transaction {risen} was aborted and is read"));
    }
    let unknown = said_of(said, "unknown").count();
    match committed.len() {
        0 => Err("nothing was committed".to_owned()),
        count => Ok(format!(
            "{count} transactions committed and whole, {} aborted and gone, {unknown} unknown",
            said_of(said, "aborted").count()
        )),
    }
}

#[cfg(test)]
mod tests;
