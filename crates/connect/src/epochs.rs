//! Epochs kept in the embedded log: positions, states and outputs in one append.
//!
//! # What is where
//!
//! * `<topology>-epochs`, compacted: how far each partition was read (`position/<topic>/<partition>`), and the number of
//!   the last epoch (`epoch`).
//! * `<topology>-<component>-<state>-changelog`, compacted: keys and values of a state.
//! * Outputs in the topics of their sinks.
//!
//! All of an epoch goes through [`Log::append_all`], which appends all of it or nothing, whenever the machine dies.
//! Readers need no isolation level: what is not committed was never appended.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tidemill_commitlog::batch::{BatchBuilder, BatchError, Record, records};
use tidemill_commitlog::{Cleanup, Log, Part, Partition, TopicConfig};
use tidemill_engine::{CommitDone, Committer, ComponentError, Epoch, StateChanges};

/// A partition of a topic that a topology reads.
type Place = (Arc<str>, i32);

/// What the spouts and sinks of this crate hand in.
pub(crate) enum LogPart {
    /// The next offset of each partition.
    Positions(Vec<(Place, i64)>),
    /// What goes to partitions.
    Batches(Vec<(Partition, Bytes)>),
}

/// The key of the number of the last epoch.
const EPOCH_KEY: &[u8] = b"epoch";
const POSITION_PREFIX: &str = "position/";
/// Bytes read at once when a topic is read whole.
const READ_BYTES: usize = 1 << 20;

/// Commits the epochs of one topology to the embedded log. Cloning is one reference count: the topology and its
/// spouts share one.
#[derive(Clone)]
pub struct LogCommitter(Arc<Inner>);

struct Inner {
    log: Log,
    topology: String,
    epochs: Partition,
    kept: Mutex<Kept>,
}

/// What was committed.
#[derive(Default)]
struct Kept {
    epoch: u64,
    positions: BTreeMap<Place, i64>,
}

impl LogCommitter {
    /// Opens what a topology of that name has committed.
    ///
    /// # Errors
    /// Its topic cannot be made or read.
    pub fn open(log: &Log, topology: &str) -> Result<Self, ComponentError> {
        let epochs = compacted(log, &format!("{topology}-epochs"))?;
        let mut kept = Kept::default();
        read_all(&epochs, |key, value| {
            if let Some(value) = value.and_then(|value| value.first_chunk().copied()) {
                kept.take(key, i64::from_be_bytes(value));
            }
        })?;
        let (log, topology) = (log.clone(), topology.to_owned());
        Ok(Self(Arc::new(Inner { log, topology, epochs, kept: Mutex::new(kept) })))
    }

    /// The next offset to read of a partition; `None` if none was committed.
    pub fn position(&self, topic: &str, partition: i32) -> Option<i64> {
        self.0.kept().positions.get(&(topic.into(), partition)).copied()
    }

    fn changelog(&self, component: &str, state: &str) -> Result<Partition, ComponentError> {
        compacted(&self.0.log, &format!("{}-{component}-{state}-changelog", self.0.topology))
    }
}

impl Kept {
    fn take(&mut self, key: &[u8], value: i64) {
        if key == EPOCH_KEY {
            self.epoch = value.cast_unsigned();
        } else if let Some(place) = std::str::from_utf8(key).ok().and_then(parse_place) {
            self.positions.insert(place, value);
        }
    }
}

fn parse_place(key: &str) -> Option<Place> {
    let (topic, partition) = key.strip_prefix(POSITION_PREFIX)?.rsplit_once('/')?;
    Some((topic.into(), partition.parse().ok()?))
}

impl Inner {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A topic of one partition whose last record of each key is kept.
fn compacted(log: &Log, topic: &str) -> Result<Partition, ComponentError> {
    let config =
        TopicConfig { cleanup: Cleanup::COMPACT, retention_ms: None, ..TopicConfig::default() };
    log.ensure_topic(topic, config)?;
    log.partition(topic, 0).ok_or_else(|| format!("topic {topic} is gone").into())
}

/// Calls `take` with the key and value of every record of a partition.
fn read_all(
    partition: &Partition,
    mut take: impl FnMut(&[u8], Option<&[u8]>),
) -> Result<(), ComponentError> {
    let mut offset = partition.log_start_offset();
    while offset < partition.high_watermark() {
        let read = partition.read(offset, READ_BYTES)?;
        for batch in read.batches() {
            for record in &records(&batch)? {
                let record = record?;
                if let Some(key) = record.key {
                    take(key, record.value);
                }
            }
        }
        offset = read.next_offset;
    }
    Ok(())
}

/// Batches of keyed records for one partition.
struct Gathered {
    partition: Partition,
    builder: BatchBuilder,
    finished: Vec<Bytes>,
    timestamp_ms: i64,
}

impl Gathered {
    fn new(partition: Partition, timestamp_ms: i64) -> Self {
        let max = usize::try_from(partition.topic().config.max_message_bytes).unwrap_or(usize::MAX);
        Self { partition, builder: BatchBuilder::new(max), finished: Vec::new(), timestamp_ms }
    }

    fn push(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), BatchError> {
        let timestamp_ms = self.timestamp_ms;
        let record = Record { timestamp_ms, key: Some(key), value, headers: &[] };
        match self.builder.push(&record) {
            Err(BatchError::Full { .. }) if !self.builder.is_empty() => {
                self.finished.push(self.builder.finish());
                self.builder.push(&record)
            }
            pushed => pushed,
        }
    }

    fn finish(mut self, into: &mut Vec<(Partition, Part)>) {
        if !self.builder.is_empty() {
            self.finished.push(self.builder.finish());
        }
        let partition = self.partition;
        let parts = self.finished.into_iter();
        into.extend(parts.map(|batch| (partition.clone(), Part::Batches(batch))));
    }
}

/// An epoch as appends, and what it makes of the positions.
struct Appends {
    parts: Vec<(Partition, Part)>,
    positions: Vec<(Place, i64)>,
}

impl LogCommitter {
    fn appends(&self, epoch: Epoch) -> Result<Appends, ComponentError> {
        let mut appends = Appends { parts: Vec::new(), positions: Vec::new() };
        for part in epoch.parts {
            match part.downcast::<LogPart>() {
                Ok(part) => appends.take(*part),
                Err(_) => {
                    return Err("a component handed in what this log cannot commit".into());
                }
            }
        }
        for changes in &epoch.changes {
            self.add_changes(changes, &mut appends.parts)?;
        }
        // An epoch in which nothing happened needs no record of it.
        if !appends.parts.is_empty() || !appends.positions.is_empty() {
            self.add_epoch(epoch.number, &mut appends)?;
        }
        Ok(appends)
    }

    fn add_changes(
        &self,
        changes: &StateChanges,
        parts: &mut Vec<(Partition, Part)>,
    ) -> Result<(), ComponentError> {
        let changelog = self.changelog(&changes.component, &changes.state)?;
        let mut gathered = Gathered::new(changelog, self.now_ms());
        for (key, value) in &changes.entries {
            gathered.push(key, value.as_deref())?;
        }
        gathered.finish(parts);
        Ok(())
    }

    fn add_epoch(&self, number: u64, appends: &mut Appends) -> Result<(), ComponentError> {
        let mut gathered = Gathered::new(self.0.epochs.clone(), self.now_ms());
        for ((topic, partition), offset) in &appends.positions {
            let key = format!("{POSITION_PREFIX}{topic}/{partition}");
            gathered.push(key.as_bytes(), Some(&offset.to_be_bytes()))?;
        }
        gathered.push(EPOCH_KEY, Some(&number.to_be_bytes()))?;
        gathered.finish(&mut appends.parts);
        Ok(())
    }

    fn now_ms(&self) -> i64 {
        self.0.log.world().clock().wall_ms()
    }
}

impl Appends {
    fn take(&mut self, part: LogPart) {
        match part {
            LogPart::Positions(mut positions) => self.positions.append(&mut positions),
            LogPart::Batches(batches) => {
                let parts = batches.into_iter();
                self.parts.extend(parts.map(|(to, batch)| (to, Part::Batches(batch))));
            }
        }
    }
}

impl Committer for LogCommitter {
    fn last_epoch(&self) -> Result<u64, ComponentError> {
        Ok(self.0.kept().epoch)
    }

    fn load(
        &self,
        component: &str,
        state: &str,
        take: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), ComponentError> {
        let mut live: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
        read_all(&self.changelog(component, state)?, |key, value| match value {
            Some(value) => drop(live.insert(key.to_vec(), value.to_vec())),
            None => drop(live.remove(key)),
        })?;
        live.iter().for_each(|(key, value)| take(key, value));
        Ok(())
    }

    fn commit(&self, epoch: Epoch, done: CommitDone) {
        let number = epoch.number;
        let Appends { parts, positions } = match self.appends(epoch) {
            Ok(appends) => appends,
            Err(error) => return done.answer(Err(error)),
        };
        let inner = Arc::clone(&self.0);
        self.0.log.append_all(parts, move |result| match result {
            Ok(_) => {
                let mut kept = inner.kept();
                kept.epoch = number;
                kept.positions.extend(positions);
                drop(kept);
                done.answer(Ok(()));
            }
            Err(error) => done.answer(Err(error.into())),
        });
    }
}
