//! What a topic's settings ask of the records of a batch before it is taken in.
//!
//! Most batches are let in by their header alone. Records are looked at, and decompressed for it, only where a rule
//! needs them: a compacted topic takes no record without a key, and a bound on how old timestamps may be is
//! one on each of them. A bound on how new they may be is one on the greatest, which the header has.
//! (Kafka's `LogValidator` looks at every record of every batch.)

use std::sync::Arc;

use bytes::Bytes;

use crate::batch::{BatchHeader, TimestampType, records};
use crate::config::TopicConfig;
use crate::error::{AppendError, RefusedRecords};
use crate::limits::REFUSED_RECORDS_MAX;

/// What the records of one batch are judged by.
pub(crate) struct Admission<'a> {
    /// `topic-partition`.
    pub(crate) partition: &'a Arc<str>,
    pub(crate) config: &'a TopicConfig,
    /// The log's wall clock, milliseconds.
    pub(crate) now_ms: i64,
}

/// "The producer gave no timestamp."
const NO_TIMESTAMP: i64 = -1;

impl Admission<'_> {
    /// Checks one whole batch whose header was checked; `first_record` is how many records of the append come before
    /// it.
    pub(crate) fn check(
        &self,
        header: &BatchHeader,
        batch: &Bytes,
        first_record: i64,
    ) -> Result<(), AppendError> {
        let own_time = self.config.timestamp_type == TimestampType::CreateTime;
        if own_time {
            self.check_time(header.max_timestamp_ms)?;
        }
        let needs_times = own_time && self.config.timestamp_before_max_ms < i64::MAX;
        if needs_times || self.config.cleanup.compact {
            return self.check_records(batch, needs_times, first_record);
        }
        Ok(())
    }

    fn check_records(
        &self,
        batch: &Bytes,
        needs_times: bool,
        first_record: i64,
    ) -> Result<(), AppendError> {
        let mut keyless = Vec::new();
        let opened = records(batch)?;
        for (at, record) in (first_record..).zip(&opened) {
            let record = record?;
            if needs_times {
                self.check_time(record.timestamp_ms)?;
            }
            if self.config.cleanup.compact && record.key.is_none() {
                keyless.push(i32::try_from(at).unwrap_or(i32::MAX));
            }
            if keyless.len() >= REFUSED_RECORDS_MAX {
                break;
            }
        }
        if keyless.is_empty() {
            return Ok(());
        }
        let partition = Arc::clone(self.partition);
        Err(AppendError::NoKey { partition, records: RefusedRecords(keyless.into()) })
    }

    /// Kafka's rule: neither too far behind the log's clock nor too far ahead of it.
    fn check_time(&self, timestamp_ms: i64) -> Result<(), AppendError> {
        let least = self.now_ms.saturating_sub(self.config.timestamp_before_max_ms);
        let most = self.now_ms.saturating_add(self.config.timestamp_after_max_ms);
        if timestamp_ms == NO_TIMESTAMP || (least..=most).contains(&timestamp_ms) {
            return Ok(());
        }
        let partition = Arc::clone(self.partition);
        Err(AppendError::Timestamp { partition, timestamp_ms, least, most })
    }
}
