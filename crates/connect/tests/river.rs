//! The whole river in a simulation: log → spout → bolt → sink → log, with crashes at any change of the disk.
//!
//! Each seed is another order of steps and other crashes. What must hold: every acknowledged record of the
//! first topic is in the second in the end, at least once, and a group's offset never passes a record that is not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidemill_commitlog::batch::{BatchBuilder, Record, records};
use tidemill_commitlog::offsets::GroupOffsets;
use tidemill_commitlog::{Acks, Log, LogConfig, Partition, TopicConfig};
use tidemill_connect::{LogSink, LogSpout, Start};
use tidemill_engine::{
    BoltOutput, ComponentError, Done, DynBolt, Engine, EngineConfig, TopologyBuilder, TupleRef,
};
use tidemill_world::random::SeededRandom;
use tidemill_world::sim::Simulation;

const GROUP: &str = "copier";
const RECORDS: u64 = 300;
const STEPS: usize = 400;
const LIVES: usize = 6;

/// Copies key and value; fails some tuples the first time it sees them.
struct Copy {
    random: SeededRandom,
}

impl DynBolt for Copy {
    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        out: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        if self.random.below(20) == 0 {
            return Ok(Done::Fail);
        }
        out.emit(&[tuple.get(0), tuple.get(1)])?;
        Ok(Done::Ack)
    }
}

/// The disk is in memory, so what a log lays out ahead is small.
fn config() -> LogConfig {
    LogConfig { wal_bytes: 32 << 20, ..LogConfig::new("data") }
}

/// One life of the process, from start to crash.
struct Life {
    log: Log,
    input: Partition,
    offsets: GroupOffsets,
    /// Runs the topology until it is dropped.
    _engine: Engine,
}

impl Life {
    /// `None` if the machine died while it started.
    fn start(simulation: &Simulation, seed: u64) -> Option<Self> {
        let world = simulation.world();
        let log = Log::open(world.clone(), config()).ok()?;
        for (topic, partitions) in [("in", 1), ("out", 2)] {
            let keep_all = TopicConfig { partitions, retention_ms: None, ..TopicConfig::default() };
            log.ensure_topic(topic, keep_all).ok()?;
        }
        let offsets = GroupOffsets::open(&log).ok()?;
        let engine = Engine::start(world, EngineConfig::default()).ok()?;
        let mut builder = TopologyBuilder::new("copy");
        let start = Start::Committed { offsets: offsets.clone(), group: GROUP.into() };
        let (source, target) = (log.clone(), log.clone());
        builder
            .dyn_spout("read", move || LogSpout::new(source.clone(), "in", start.clone()))
            .output(&tidemill_connect::LOG_FIELDS);
        builder
            .dyn_bolt("copy", move || Copy { random: SeededRandom::new(seed) })
            .output(&["key", "value"])
            .shuffle("read");
        builder.dyn_bolt("write", move || LogSink::new(target.clone(), "out")).shuffle("copy");
        engine.submit(builder.build().unwrap()).ok()?;
        let input = log.partition("in", 0)?;
        Some(Self { log, input, offsets, _engine: engine })
    }
}

fn batch(first: u64, count: u64) -> Bytes {
    let mut builder = BatchBuilder::new(1 << 20);
    for number in first..first + count {
        let value = number.to_be_bytes();
        builder.push(&Record { value: Some(&value), ..Record::default() }).unwrap();
    }
    builder.finish()
}

fn read_all(log: &Log, topic: &str) -> BTreeMap<u64, u64> {
    let mut seen = BTreeMap::new();
    for partition in (0..).map_while(|index| log.partition(topic, index)) {
        let mut offset = partition.log_start_offset();
        while offset < partition.high_watermark() {
            let read = partition.read(offset, 1 << 20).unwrap();
            for batch in read.batches() {
                for record in &records(&batch).unwrap() {
                    let record = record.unwrap();
                    let value = record.value.unwrap().try_into().unwrap();
                    *seen.entry(u64::from_be_bytes(value)).or_default() += 1;
                    offset = record.offset + 1;
                }
            }
        }
    }
    seen
}

fn run(seed: u64) {
    let simulation = Simulation::new(seed);
    let mut random = SeededRandom::new(seed);
    let acknowledged = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut next = 0;
    for life in 0..=LIVES {
        let last = life == LIVES;
        if !last {
            simulation.disk().die_after(random.below(200) + 20);
        }
        if let Some(life) = Life::start(&simulation, random.next_u64()) {
            let mut steps = if last { usize::MAX } else { STEPS };
            while steps > 0 && !simulation.disk().is_down() {
                steps -= 1;
                if next < RECORDS && random.below(10) == 0 {
                    let (first, count) = (next, random.below(5) + 1);
                    next += count;
                    let acknowledged = Arc::clone(&acknowledged);
                    life.input.append(batch(first, count), Acks::Synced, move |result| {
                        if result.is_ok() {
                            acknowledged.lock().unwrap().extend(first..first + count);
                        }
                    });
                }
                if !simulation.step() {
                    simulation.clock().advance(Duration::from_millis(5));
                }
                if last && next >= RECORDS && steps.is_multiple_of(64) {
                    let committed = life.offsets.fetch(GROUP, "in", 0).map_or(0, |c| c.offset);
                    if committed == life.input.high_watermark() {
                        check(&life, &acknowledged.lock().unwrap(), seed);
                        return;
                    }
                }
                assert!(!last || steps > usize::MAX - 1_000_000, "seed {seed} never gets done");
            }
        }
        simulation.crash();
    }
    panic!("seed {seed}: the last life did not start");
}

fn check(life: &Life, acknowledged: &[u64], seed: u64) {
    let (input, output) = (read_all(&life.log, "in"), read_all(&life.log, "out"));
    for number in acknowledged {
        assert!(input.contains_key(number), "seed {seed}: record {number} was lost by the log");
    }
    for number in input.keys() {
        assert!(output.contains_key(number), "seed {seed}: record {number} was not copied");
    }
    assert!(output.keys().all(|number| input.contains_key(number)), "seed {seed}: made up");
}

#[test]
fn no_record_is_lost_between_two_topics() {
    for seed in 0..40 {
        run(seed);
    }
}
