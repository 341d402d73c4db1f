//! Gathers records into a batch a partition and sends each when it is full or the input pauses.

use std::collections::BTreeMap;

use tidemill_commitlog::batch::{BatchBuilder, Compression, Record};
use tidemill_connect::partition_of_key;
use tidemill_world::World;

use crate::error::CliError;
use crate::kafka::Client;
use crate::place::Place;
use crate::records::types::{Outgoing, Sink, Writing};

/// Records are sent when a batch has this many bytes, or the input pauses or ends.
const BATCH_BYTES: usize = 512 << 10;
/// No batch may become larger: Kafka's default limit of one batch.
const BATCH_BYTES_MAX: usize = 1_000_000;
/// A new topic may have no leader yet; it is asked for again so often, at intervals of [`LEADER_WAIT_MS`].
const LEADER_TRIES: u32 = 50;
const LEADER_WAIT_MS: u64 = 100;

struct Own {
    client: Client,
    writing: Writing,
    world: World,
    /// The leader of each partition.
    leaders: Vec<i32>,
    batches: BTreeMap<i32, BatchBuilder>,
    compression: Compression,
    /// The partition of records without a key, another after each batch.
    turn: usize,
    pending: BTreeMap<i32, u64>,
    written: u64,
}

/// Opens a sink; the topic is made if the broker makes topics that are asked for.
pub(crate) fn open(place: &Place, writing: Writing) -> Result<Box<dyn Sink>, CliError> {
    let compression = match &*writing.compression {
        "gzip" => Compression::Gzip,
        "snappy" => Compression::Snappy,
        "lz4" => Compression::Lz4,
        "zstd" => Compression::Zstd,
        _ => Compression::None,
    };
    let mut client = Client::connect(place)?;
    let world = World::real();
    let leaders = leaders(&mut client, &writing.topic)?;
    let (batches, pending) = (BTreeMap::new(), BTreeMap::new());
    Ok(Box::new(Own {
        client,
        writing,
        world,
        leaders,
        batches,
        compression,
        turn: 0,
        pending,
        written: 0,
    }))
}

fn leaders(client: &mut Client, topic: &str) -> Result<Vec<i32>, CliError> {
    for _ in 0..LEADER_TRIES {
        let found = client.topic(topic, true)?;
        let leaders: Vec<i32> = found.partitions.iter().map(|p| p.leader_id).collect();
        if !leaders.is_empty() && leaders.iter().all(|leader| *leader >= 0) {
            return Ok(leaders);
        }
        std::thread::sleep(std::time::Duration::from_millis(LEADER_WAIT_MS));
    }
    Err(CliError::failed(format!("topic `{topic}`"), "it has no leader"))
}

impl Own {
    fn choose(&self, record: &Outgoing) -> Result<i32, CliError> {
        let count = self.leaders.len();
        let partition = match (record.partition, &record.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => partition_of_key(key, count),
            (None, None) => i32::try_from(self.turn % count.max(1)).unwrap_or(0),
        };
        if usize::try_from(partition).is_ok_and(|at| at < count) {
            return Ok(partition);
        }
        let why = format!("it has {count} partitions, counted from 0; {partition} is not one");
        Err(CliError::failed(format!("topic `{}`", self.writing.topic), why))
    }

    fn send_batch(&mut self, partition: i32) -> Result<(), CliError> {
        let Some(batch) = self.batches.get_mut(&partition).filter(|batch| !batch.is_empty()) else {
            return Ok(());
        };
        let bytes = batch.finish();
        let leader = usize::try_from(partition).ok().and_then(|at| self.leaders.get(at).copied());
        let topic = (self.writing.topic.as_str(), partition);
        // With 0 there would be no answer to read.
        let acks = if self.writing.acks == 0 { 1 } else { self.writing.acks };
        self.client.produce(leader.unwrap_or(-1), topic, acks, bytes)?;
        self.written += self.pending.insert(partition, 0).unwrap_or(0);
        self.turn = self.turn.wrapping_add(1);
        Ok(())
    }
}

impl Sink for Own {
    fn send(&mut self, record: &Outgoing) -> Result<(), CliError> {
        let partition = self.choose(record)?;
        let headers: Vec<(&str, &[u8])> = record
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or_default()))
            .collect();
        let now_ms = self.world.clock().wall_ms();
        let view = Record {
            timestamp_ms: record.timestamp_ms.unwrap_or(now_ms),
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
        };
        let gathered = self.batches.get(&partition).map_or(0, BatchBuilder::bytes);
        if gathered > 0 && gathered + view.bytes_at_most() > BATCH_BYTES_MAX {
            self.send_batch(partition)?;
        }
        let compression = self.compression;
        let batch = self
            .batches
            .entry(partition)
            .or_insert_with(|| BatchBuilder::new(BATCH_BYTES_MAX).compression(compression));
        batch.push(&view).map_err(|error| CliError::failed("a record", error))?;
        let full = batch.bytes() >= BATCH_BYTES;
        *self.pending.entry(partition).or_default() += 1;
        if full { self.send_batch(partition) } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<u64, CliError> {
        self.pause()?;
        Ok(self.written)
    }

    fn pause(&mut self) -> Result<(), CliError> {
        let partitions: Vec<i32> = self.batches.keys().copied().collect();
        partitions.into_iter().try_for_each(|partition| self.send_batch(partition))
    }
}
