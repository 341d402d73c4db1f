//! What can be set on a log, and how topics are named and known.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub use crate::batch::TimestampType;
use crate::error::TopicError;
pub use crate::topic_config::{Cleanup, Durability, TopicConfig};

/// Settings of one log folder. Plain data; `..LogConfig::new(dir)` fills what you do not name.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// The folder that holds everything; made if it is not there.
    pub dir: PathBuf,
    /// Bytes after which a segment is closed and the next begun, for topics that do not say.
    pub segment_bytes: u64,
    /// Bytes of recent batches kept in memory over all partitions, so that readers at the tail do not
    /// touch the disk.
    pub tail_cache_bytes: usize,
    /// How often old segments are looked for, milliseconds.
    pub retention_check_ms: u64,
    /// After how long a producer that appends nothing is forgotten, milliseconds (Kafka's
    /// `producer.id.expiration.ms`). Looked at as often as old segments are.
    pub producer_expiration_ms: u64,
    /// Whether compacted topics are cleaned (Kafka's `log.cleaner.enable`).
    pub cleaner_enabled: bool,
    /// How often it is looked whether a topic needs cleaning, milliseconds (`log.cleaner.backoff.ms`).
    pub cleaner_check_ms: u64,
    /// Memory for the keys of a pass, bytes; 24 for each key (`log.cleaner.dedupe.buffer.size`). It is taken for as long as
    /// a pass lasts, and only as much as the pass can need; what has no room waits for the next pass.
    pub cleaner_memory_bytes: usize,
    /// How often the synced-up-to mark is written while appends go on, milliseconds. It bounds what
    /// recovery scans after a crash.
    pub mark_every_ms: u64,
    /// Bytes of appends that may wait for the writer, over all partitions; as much again may be on its way to the
    /// disk.
    pub queue_bytes: usize,
    /// Appends that may wait for the writer, over all partitions.
    pub queue_appends: usize,
    /// Bytes of the write-ahead file that rounds over many partitions share, 32 MiB to 4 GiB. It is made by the first
    /// such round and bounds the memory of what is not yet written back to the segments: in all a log holds at most
    /// `tail_cache_bytes` + `wal_bytes` + twice `queue_bytes` of batches.
    pub wal_bytes: u64,
}

impl LogConfig {
    /// [`producer_expiration_ms`](Self::producer_expiration_ms) to reckon with.
    pub(crate) fn producer_expiration_ms(&self) -> i64 {
        i64::try_from(self.producer_expiration_ms).unwrap_or(i64::MAX)
    }

    /// The defaults for a log in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            segment_bytes: 1 << 30,
            tail_cache_bytes: 64 << 20,
            retention_check_ms: 300_000,
            producer_expiration_ms: 24 * 3_600_000,
            cleaner_enabled: true,
            cleaner_check_ms: 15_000,
            cleaner_memory_bytes: 128 << 20,
            mark_every_ms: 1_000,
            queue_bytes: 64 << 20,
            queue_appends: 65_536,
            wal_bytes: 64 << 20,
        }
    }
}

/// What the caller of an append waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acks {
    /// The write, not the sync (Kafka's `acks=1`).
    Written,
    /// What the topic's [`Durability`] says (Kafka's `acks=all`).
    #[default]
    Synced,
}

/// The identity of a topic: made when the topic is, never used again, stable on the disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub [u8; 16]);

/// URL-safe base64 without padding, Kafka's spelling of ids.
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = u128::from_be_bytes(self.0);
        // 128 bits are 22 digits of six bits, with four zero bits after the last.
        for digit in 0..22u32 {
            let shifted = match 122u32.checked_sub(digit * 6) {
                Some(right) => number >> right,
                None => number << 4,
            };
            let index = usize::try_from(shifted & 63).unwrap_or(0);
            write!(f, "{}", char::from(BASE64.get(index).copied().unwrap_or(b'A')))?;
        }
        Ok(())
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicId({self})")
    }
}

impl TopicId {
    /// Reads Kafka's spelling; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 22 {
            return None;
        }
        let mut number = 0u128;
        for (at, byte) in text.bytes().enumerate() {
            let digit = BASE64.iter().position(|&letter| letter == byte)?;
            let digit = u128::try_from(digit).ok()?;
            number = if at < 21 { number << 6 | digit } else { number << 2 | digit >> 4 };
        }
        Some(Self(number.to_be_bytes()))
    }
}

/// What is known of a topic.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicInfo {
    /// Its name.
    pub name: Arc<str>,
    /// Its identity.
    pub id: TopicId,
    /// Its settings.
    pub config: TopicConfig,
}

/// The longest topic name, as in Kafka: the folder's name needs the rest of 255.
const TOPIC_NAME_MAX: usize = 249;

/// Kafka's rule for topic names: 1 to 249 of `[a-zA-Z0-9._-]`, not `.` or `..`.
pub(crate) fn check_topic_name(name: &str) -> Result<(), TopicError> {
    let why = if name.is_empty() {
        "it is empty"
    } else if name.len() > TOPIC_NAME_MAX {
        "it is longer than 249 characters"
    } else if name == "." || name == ".." {
        "it is a folder of its own"
    } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        "only ASCII letters, digits, '.', '_' and '-' are allowed"
    } else {
        return Ok(());
    };
    Err(TopicError::InvalidName { name: name.chars().take(TOPIC_NAME_MAX).collect(), why })
}
