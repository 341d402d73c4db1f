//! Where hits enter the log: the topic `hits`.

use bytes::Bytes;
use tidemill_commitlog::batch::{BatchBuilder, Record};
use tidemill_commitlog::{
    Acks, AppendError, AppendFuture, Appended, Appender, Log, Partition, TopicConfig, TopicError,
};

use crate::hit::Received;

/// The topic of hits as received.
pub const HITS: &str = "hits";
/// The topic of raw events in Parse.ly's shape.
pub const EVENTS: &str = "events";
/// The topic of what publishers say about posts.
pub const METADATA: &str = "metadata";

/// Bytes of one batch of hits; half of what a topic takes by default, so that it always fits.
pub const BATCH_BYTES_MAX: usize = 512 * 1024;

/// Makes sure that a topic is there and returns its first partition. Our topics keep everything, because the
/// views are rebuilt from them, and take any timestamp: a visitor's clock may be wrong, and one hit must not refuse
/// those that share its batch.
///
/// # Errors
/// The log refuses the topic.
pub fn ensure_topic(log: &Log, name: &str) -> Result<Option<Partition>, TopicError> {
    let config = TopicConfig {
        retention_ms: None,
        timestamp_after_max_ms: i64::MAX,
        ..TopicConfig::default()
    };
    let topic = log.ensure_topic(name, config)?;
    if topic.config.timestamp_after_max_ms < i64::MAX {
        log.alter_topic(name, |config| config.timestamp_after_max_ms = i64::MAX)?;
    }
    Ok(log.partition(name, 0))
}

/// Appends hits. Cloning is cheap; all clones share the batches.
#[derive(Clone, Debug)]
pub struct Intake {
    appender: Appender,
}

impl Intake {
    /// Appends to this partition of `hits`, each hit synced before it is answered.
    pub fn new(hits: &Partition) -> Self {
        Self { appender: hits.appender(Acks::Synced) }
    }

    /// Appends one hit; the future is ready when it is on the disk.
    pub fn append(&self, hit: &Received<'_>, site: &str, at_ms: i64) -> AppendFuture {
        let mut value = Vec::new();
        hit.encode(&mut value);
        self.appender.append(record(&value, site, at_ms))
    }

    /// Appends a batch that was made with [`push`]; all of it is on the disk or nothing.
    pub fn append_batch(&self, batch: Bytes) -> AppendFuture {
        self.appender.partition().append_async(batch, Acks::Synced)
    }

    /// Appends a batch and blocks until it is on the disk.
    ///
    /// # Errors
    /// The log takes no more; nothing was appended unless the error says it is unknown.
    pub fn append_wait(&self, batch: Bytes) -> Result<Appended, AppendError> {
        self.appender.partition().append_wait(batch, Acks::Synced)
    }

    /// The partition.
    pub fn partition(&self) -> &Partition {
        self.appender.partition()
    }
}

/// The record of a hit: its key is the site.
fn record<'a>(value: &'a [u8], site: &'a str, at_ms: i64) -> Record<'a> {
    Record { timestamp_ms: at_ms, key: Some(site.as_bytes()), value: Some(value), headers: &[] }
}

/// Adds a hit to a batch; `false` if it is full.
pub fn push(
    batch: &mut BatchBuilder,
    hit: &Received<'_>,
    site: &str,
    at_ms: i64,
    scratch: &mut Vec<u8>,
) -> bool {
    scratch.clear();
    hit.encode(scratch);
    batch.push(&record(scratch, site, at_ms)).is_ok()
}
