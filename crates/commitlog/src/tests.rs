//! The log as its users see it, on a simulated machine.

mod model;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tidemill_world::sim::Simulation;

use crate::batch::{BatchBuilder, Record};
use crate::{Acks, AppendError, Appended, Log, LogConfig, Partition, TopicConfig};

/// A log on a simulated machine.
pub(crate) struct Bench {
    pub(crate) simulation: Simulation,
    pub(crate) log: Log,
}

pub(crate) type Answer = Arc<Mutex<Option<Result<Appended, AppendError>>>>;

pub(crate) fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 16 << 10,
        tail_cache_bytes: 16 << 10,
        retention_check_ms: 1_000,
        cleaner_check_ms: 1_000,
        cleaner_memory_bytes: 24 * 16,
        mark_every_ms: 100,
        queue_bytes: 256 << 10,
        queue_appends: 64,
        wal_bytes: 128 << 10,
        ..LogConfig::new("/log")
    }
}

impl Bench {
    pub(crate) fn new(seed: u64) -> Self {
        let simulation = Simulation::new(seed);
        let log = Log::open(simulation.world(), config()).unwrap();
        Self { simulation, log }
    }

    pub(crate) fn with_topic(seed: u64, topic: TopicConfig) -> (Self, Partition) {
        let bench = Self::new(seed);
        bench.log.create_topic("t", topic).unwrap();
        let partition = bench.log.partition("t", 0).unwrap();
        (bench, partition)
    }

    pub(crate) fn run(&self) {
        self.simulation.run_until_idle(10_000);
    }

    /// Appends and steps until it is answered.
    pub(crate) fn append(
        &self,
        partition: &Partition,
        batch: Bytes,
    ) -> Result<Appended, AppendError> {
        let answer = submit(partition, batch, Acks::Synced);
        self.run();
        take(&answer).expect("the append is answered")
    }

    /// Loses power and opens the log again.
    pub(crate) fn crash(&mut self) {
        self.simulation.crash();
        let log = Log::open(self.simulation.world(), config()).unwrap();
        // The old process is dead: it must not stop cleanly after its death.
        std::mem::forget(std::mem::replace(&mut self.log, log));
    }

    /// Stops cleanly and opens the log again.
    pub(crate) fn restart(&mut self) {
        self.log.close().unwrap();
        self.log = Log::open(self.simulation.world(), config()).unwrap();
    }

    pub(crate) fn partition(&self) -> Partition {
        self.log.partition("t", 0).unwrap()
    }

    pub(crate) fn log_file(base: i64) -> PathBuf {
        PathBuf::from(format!("/log/t-0/{base:020}.log"))
    }
}

pub(crate) fn submit(partition: &Partition, batch: Bytes, acks: Acks) -> Answer {
    let answer = Answer::default();
    let slot = Arc::clone(&answer);
    partition.append(batch, acks, move |result| {
        let before = slot.lock().unwrap().replace(result);
        assert!(before.is_none(), "answered twice");
    });
    answer
}

pub(crate) fn take(answer: &Answer) -> Option<Result<Appended, AppendError>> {
    answer.lock().unwrap().clone()
}

/// A batch of `count` records of `bytes` bytes that begin with `id` and their place in the batch.
pub(crate) fn batch(id: u64, count: u32, bytes: usize) -> Bytes {
    let mut builder = BatchBuilder::new(1 << 20);
    for at in 0..count {
        let mut value = id.to_be_bytes().to_vec();
        value.extend_from_slice(&at.to_be_bytes());
        value.resize(bytes.max(12), 0x5a);
        // Within what a topic takes of its producers' clocks.
        let timestamp_ms = i64::try_from(id % (1 << 38)).unwrap() * 10 + i64::from(at);
        builder.push(&Record { timestamp_ms, value: Some(&value), ..Record::default() }).unwrap();
    }
    builder.finish()
}

/// The same batch from a producer; `sequence` is that of its first record.
pub(crate) fn of_producer(batch: &Bytes, id: i64, epoch: i16, sequence: i32) -> Bytes {
    let mut batch = batch.to_vec();
    batch[43..51].copy_from_slice(&id.to_be_bytes());
    batch[51..53].copy_from_slice(&epoch.to_be_bytes());
    batch[53..57].copy_from_slice(&sequence.to_be_bytes());
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch.into()
}

mod appends;
pub(crate) mod cleaning;
mod cleaning_model;
mod corruption;
mod files;
mod idempotence;
mod model_many;
mod model_producer;
mod reads;
mod rules;
mod topics;
mod transactions;
mod transactions_model;
mod wal;
