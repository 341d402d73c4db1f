//! Exactly once through the log, in a simulation: log → count in keyed state → log, with trouble in the bolts and
//! crashes at any change of the disk.
//!
//! Each seed is another order of steps, other trouble and other crashes; each life has another parallelism. What must
//! hold in the end: for every record of the first topic the second has its word with the next count, once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tidemill_commitlog::batch::{BatchBuilder, Record, records};
use tidemill_commitlog::{Acks, Log, LogConfig, TopicConfig};
use tidemill_connect::{LOG_FIELDS, LogCommitter, LogSink, LogSpout, Start};
use tidemill_engine::{
    BoltOutput, ComponentError, Done, DynBolt, Engine, EngineConfig, StateHandle, TaskContext,
    TopologyBuilder, TupleRef, Value,
};
use tidemill_world::random::SeededRandom;
use tidemill_world::sim::Simulation;

const RECORDS: u64 = 200;
const WORDS: u64 = 7;
const LIVES: usize = 6;
const STEPS: usize = 1_500;

/// Counts the values it receives; fails now and then after it has changed its state.
struct Count {
    counts: Option<StateHandle<String, i64>>,
    random: SeededRandom,
}

impl DynBolt for Count {
    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        self.counts = Some(context.keyed("counts", None)?);
        Ok(())
    }
    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        out: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        let word = tuple.get(0).as_str().ok_or("no word")?.to_owned();
        let counts = out.state(self.counts.ok_or("not prepared")?);
        let count = counts.get(&word).copied().unwrap_or(0) + 1;
        counts.insert(word.clone(), count);
        let line = format!("{word}={count}");
        out.emit(&[Value::Bytes(word.as_bytes()), Value::Bytes(line.as_bytes())])?;
        Ok(if self.random.below(60) == 0 { Done::Fail } else { Done::Ack })
    }
}

/// Makes text of the record's value, so that it can be grouped by.
struct Text;

impl DynBolt for Text {
    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        out: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        let value = tuple.by_name("value").and_then(|value| value.as_bytes()).ok_or("no value")?;
        out.emit(&[Value::Str(std::str::from_utf8(value)?)])?;
        Ok(Done::Ack)
    }
}

/// The disk is in memory, so what a log lays out ahead is small.
fn config() -> LogConfig {
    LogConfig { wal_bytes: 32 << 20, ..LogConfig::new("data") }
}

struct Life {
    log: Log,
    _engine: Engine,
}

impl Life {
    /// `None` if the machine died while it started.
    fn start(simulation: &Simulation, random: &mut SeededRandom) -> Option<Self> {
        let world = simulation.world();
        let log = Log::open(world.clone(), config()).ok()?;
        for (topic, partitions) in [("in", 2), ("out", 2)] {
            let keep_all = TopicConfig { partitions, retention_ms: None, ..TopicConfig::default() };
            log.ensure_topic(topic, keep_all).ok()?;
        }
        let committer = LogCommitter::open(&log, "count").ok()?;
        let engine = Engine::start(world, EngineConfig::default()).ok()?;
        let mut builder = TopologyBuilder::new("count");
        builder.exactly_once(committer.clone(), Duration::from_millis(20));
        let (source, target, start) = (log.clone(), log.clone(), Start::Epochs(committer));
        builder
            .dyn_spout("read", move || LogSpout::new(source.clone(), "in", start.clone()))
            .output(&LOG_FIELDS);
        builder.dyn_bolt("text", || Text).output(&["word"]).shuffle("read");
        let seed = random.next_u64();
        builder
            .dyn_bolt("count", move || Count { counts: None, random: SeededRandom::new(seed) })
            .output(&["key", "value"])
            .fields("text", &["word"])
            .parallelism(usize::try_from(random.below(3)).unwrap() + 1);
        builder.dyn_bolt("write", move || LogSink::new(target.clone(), "out")).shuffle("count");
        engine.submit(builder.build().unwrap()).ok()?;
        Some(Self { log, _engine: engine })
    }
}

fn word(number: u64) -> String {
    format!("word-{}", number * 5 % WORDS)
}

fn batch(number: u64) -> Bytes {
    let mut builder = BatchBuilder::new(1 << 20);
    let value = word(number);
    builder.push(&Record { value: Some(value.as_bytes()), ..Record::default() }).unwrap();
    builder.finish()
}

/// Every value of a topic, sorted.
fn values(log: &Log, topic: &str) -> Vec<String> {
    let mut values = Vec::new();
    for partition in (0..).map_while(|index| log.partition(topic, index)) {
        let mut offset = partition.log_start_offset();
        while offset < partition.high_watermark() {
            let read = partition.read(offset, 1 << 20).unwrap();
            for batch in read.batches() {
                for record in &records(&batch).unwrap() {
                    let record = record.unwrap();
                    values.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
                }
            }
            offset = read.next_offset;
        }
    }
    values.sort();
    values
}

/// What the output must be for what the input is.
fn counted(input: &[String]) -> Vec<String> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut output = Vec::new();
    for word in input {
        let count = counts.entry(word).or_default();
        *count += 1;
        output.push(format!("{word}={count}"));
    }
    output.sort();
    output
}

fn run(seed: u64) {
    let simulation = Simulation::new(seed);
    let mut random = SeededRandom::new(seed);
    let mut next = 0;
    for life in 0..=LIVES {
        let last = life == LIVES;
        if !last {
            simulation.disk().die_after(random.below(250) + 30);
        }
        if let Some(life) = Life::start(&simulation, &mut random) {
            for step in 0.. {
                if simulation.disk().is_down() || (!last && step > STEPS) {
                    break;
                }
                if next < RECORDS && random.below(5) == 0 {
                    let to = i32::try_from(next % 2).unwrap();
                    let partition = life.log.partition("in", to).unwrap();
                    partition.append(batch(next), Acks::Synced, drop);
                    next += 1;
                }
                if !simulation.step() {
                    simulation.clock().advance(Duration::from_millis(5));
                }
                if last && next >= RECORDS && step % 512 == 0 {
                    let (input, output) = (values(&life.log, "in"), values(&life.log, "out"));
                    if output.len() >= input.len() {
                        assert_eq!(output, counted(&input), "seed {seed}");
                        assert!(!input.is_empty());
                        return;
                    }
                }
                assert!(step < 2_000_000, "seed {seed} never gets done");
            }
        }
        simulation.crash();
    }
    panic!("seed {seed}: the last life did not start");
}

#[test]
fn each_record_counts_once_whatever_fails_and_whenever_the_machine_dies() {
    let seeds = std::env::var("EXACTLY_ONCE_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    for seed in 0..seeds.unwrap_or(12) {
        run(seed);
    }
}
