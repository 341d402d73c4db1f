//! What can be set on one topic, with the ranges and defaults of Kafka's topic settings.

use std::collections::BTreeMap;

use crate::batch::TimestampType;
use crate::error::TopicError;
use crate::limits::{
    APPEND_BYTES_MAX, MESSAGE_BYTES_DEFAULT, OTHER_SETTING_BYTES_MAX, OTHER_SETTINGS_MAX,
    PARTITIONS_MAX, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN,
};

/// When an append that asks for [`Acks::Synced`](crate::Acks::Synced) is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// After the bytes are synced to the disk: survives the machine's crash.
    #[default]
    Synced,
    /// After the bytes are written: survives our crash, not the machine's. They are synced right after.
    Written,
}

/// What becomes of old records (Kafka's `cleanup.policy`). With neither, everything is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleanup {
    /// Segments go by age and size.
    pub delete: bool,
    /// Of the records of a key, all but the last go.
    pub compact: bool,
}

impl Cleanup {
    /// `delete`, Kafka's default.
    pub const DELETE: Self = Self { delete: true, compact: false };
    /// `compact`.
    pub const COMPACT: Self = Self { delete: false, compact: true };
    /// `compact,delete`.
    pub const BOTH: Self = Self { delete: true, compact: true };
}

/// Settings of one topic, kept on the disk with it.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicConfig {
    /// How many partitions, at least one.
    pub partitions: i32,
    /// Segments whose newest record is older are removed if [`Cleanup::delete`] is set, milliseconds; `None` keeps
    /// them (`retention.ms`).
    pub retention_ms: Option<i64>,
    /// The oldest segments are removed while a partition is larger, if [`Cleanup::delete`] is set, bytes; `None`
    /// keeps them (`retention.bytes`).
    pub retention_bytes: Option<u64>,
    /// Bytes after which a segment is closed; `None` takes the log's setting (`segment.bytes`).
    pub segment_bytes: Option<u64>,
    /// A segment takes no more batches once their timestamps are later than its first by more than this,
    /// milliseconds; at least 1 (`segment.ms`).
    pub segment_ms: u64,
    /// The largest batch accepted, bytes (`max.message.bytes`).
    pub max_message_bytes: u32,
    /// What [`Acks::Synced`](crate::Acks::Synced) waits for.
    pub durability: Durability,
    /// Who sets the timestamps (`message.timestamp.type`).
    pub timestamp_type: TimestampType,
    /// What becomes of old records (`cleanup.policy`).
    pub cleanup: Cleanup,
    /// How long a record without a value is kept after the log before it was cleaned, milliseconds: within that a
    /// reader from the start sees every deletion (`delete.retention.ms`).
    pub delete_retention_ms: u64,
    /// A partition is cleaned once so large a part of its bytes was not cleaned before, 0 to 1
    /// (`min.cleanable.dirty.ratio`).
    pub min_cleanable_dirty_ratio: f64,
    /// Younger records are not cleaned, milliseconds (`min.compaction.lag.ms`).
    pub min_compaction_lag_ms: u64,
    /// Older records are cleaned whatever the ratio is, milliseconds; at least 1 and not below
    /// [`min_compaction_lag_ms`](Self::min_compaction_lag_ms) (`max.compaction.lag.ms`).
    pub max_compaction_lag_ms: u64,
    /// How far behind the log's clock a producer's timestamp may be, milliseconds, not negative
    /// (`message.timestamp.before.max.ms`).
    pub timestamp_before_max_ms: i64,
    /// How far ahead of the log's clock a producer's timestamp may be, milliseconds, not negative
    /// (`message.timestamp.after.max.ms`).
    pub timestamp_after_max_ms: i64,
    /// Settings that are kept and told but have no effect here, by Kafka's names.
    pub other: BTreeMap<String, String>,
}

const DAY_MS: u64 = 24 * 3_600_000;
/// Kafka's "for ever" in milliseconds.
const FOREVER_MS: u64 = i64::MAX.unsigned_abs();

impl Default for TopicConfig {
    /// One partition, synced; otherwise Kafka's defaults.
    fn default() -> Self {
        Self {
            partitions: 1,
            retention_ms: Some(7 * 24 * 3_600_000),
            retention_bytes: None,
            segment_bytes: None,
            segment_ms: 7 * DAY_MS,
            max_message_bytes: MESSAGE_BYTES_DEFAULT,
            durability: Durability::Synced,
            timestamp_type: TimestampType::CreateTime,
            cleanup: Cleanup::DELETE,
            delete_retention_ms: DAY_MS,
            min_cleanable_dirty_ratio: 0.5,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: FOREVER_MS,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            other: BTreeMap::new(),
        }
    }
}

impl TopicConfig {
    /// The defaults with so many partitions.
    pub fn with_partitions(partitions: i32) -> Self {
        Self { partitions, ..Self::default() }
    }

    /// Checks every value against its bounds.
    ///
    /// # Errors
    /// [`TopicError::InvalidConfig`] names the first field that is out of bounds, and its range.
    pub fn check(&self) -> Result<(), TopicError> {
        self.check_sizes()?;
        self.check_times()?;
        self.check_other()
    }

    fn check_sizes(&self) -> Result<(), TopicError> {
        if !(1..=PARTITIONS_MAX).contains(&self.partitions) {
            return invalid("partitions", format!("must be 1 to {PARTITIONS_MAX}"));
        }
        if usize::try_from(self.max_message_bytes).is_ok_and(|bytes| bytes > APPEND_BYTES_MAX) {
            return invalid("max_message_bytes", format!("must be at most {APPEND_BYTES_MAX}"));
        }
        let segment = SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX;
        if self.segment_bytes.is_some_and(|bytes| !segment.contains(&bytes)) {
            let why = format!("must be {SEGMENT_BYTES_MIN} to {SEGMENT_BYTES_MAX}");
            return invalid("segment_bytes", why);
        }
        if !(0.0..=1.0).contains(&self.min_cleanable_dirty_ratio) {
            return invalid("min_cleanable_dirty_ratio", "must be 0 to 1".into());
        }
        Ok(())
    }

    fn check_times(&self) -> Result<(), TopicError> {
        if self.retention_ms.is_some_and(|ms| ms < 0) {
            let why = "must not be negative; leave it out to keep all";
            return invalid("retention_ms", why.into());
        }
        for (field, value, least) in [
            ("segment_ms", self.segment_ms, 1),
            ("delete_retention_ms", self.delete_retention_ms, 0),
            ("min_compaction_lag_ms", self.min_compaction_lag_ms, 0),
            ("max_compaction_lag_ms", self.max_compaction_lag_ms, 1),
        ] {
            if !(least..=FOREVER_MS).contains(&value) {
                return invalid(field, format!("must be {least} to {FOREVER_MS}"));
            }
        }
        if self.min_compaction_lag_ms > self.max_compaction_lag_ms {
            let why =
                format!("must be at most max_compaction_lag_ms {}", self.max_compaction_lag_ms);
            return invalid("min_compaction_lag_ms", why);
        }
        for (field, value) in [
            ("timestamp_before_max_ms", self.timestamp_before_max_ms),
            ("timestamp_after_max_ms", self.timestamp_after_max_ms),
        ] {
            if value < 0 {
                return invalid(field, "must not be negative".into());
            }
        }
        Ok(())
    }

    /// The other settings are lines of a text file of bounded size.
    fn check_other(&self) -> Result<(), TopicError> {
        if self.other.len() > OTHER_SETTINGS_MAX {
            return invalid("other", format!("must be at most {OTHER_SETTINGS_MAX} settings"));
        }
        for (name, value) in &self.other {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            if name.is_empty() || !name.bytes().all(is_name) {
                return invalid(
                    "other",
                    "names must be ASCII letters, digits, '.', '_' and '-'".into(),
                );
            }
            if name.len() + value.len() > OTHER_SETTING_BYTES_MAX {
                return invalid("other", format!("{name} is over {OTHER_SETTING_BYTES_MAX} bytes"));
            }
            if value.chars().any(char::is_control) {
                return invalid("other", format!("{name} has a control character in its value"));
            }
        }
        Ok(())
    }
}

fn invalid(field: &'static str, why: String) -> Result<(), TopicError> {
    Err(TopicError::InvalidConfig { field, why })
}
