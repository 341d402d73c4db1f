//! Which hits have their raw event in the topic `events` already.
//!
//! # Constraints
//!
//! * Each event carries its hit's partition and offset in two headers. Events stand in the topic in the order of
//!   their hits, but for those that were in flight together; so the end of the topic tells all: what is
//!   further below the highest offset than hits in flight is there.
//! * The set is learned once, before the topology starts. It is never added to: a topology that runs
//!   writes each event once.

use std::sync::Arc;

use tidemill_commitlog::batch::records;
use tidemill_commitlog::{Partition, ReadError};

use crate::bounds::IN_FLIGHT_MAX;
use crate::views::offsets::Offsets;

#[cfg(test)]
mod tests;

/// The header with the partition of the hit.
pub const PARTITION_HEADER: &str = "hits-partition";
/// The header with the offset of the hit.
pub const OFFSET_HEADER: &str = "hits-offset";
/// Events at the end of the topic that are looked at: those in flight when the highest was written, those
/// when the lowest of these was, and as many copies.
const LOOKED_AT: i64 = 3 * IN_FLIGHT_MAX as i64;
/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;

/// The hits of partition 0 whose events are written. Cloning is one reference count.
#[derive(Clone, Debug, Default)]
pub struct Written(Arc<Offsets>);

impl Written {
    /// Learns it from the end of the topic.
    ///
    /// # Errors
    /// The topic cannot be read.
    pub fn learn(events: &Partition) -> Result<Self, ReadError> {
        let end = events.high_watermark();
        let mut at = end.saturating_sub(LOOKED_AT).max(events.log_start_offset());
        let mut found = Vec::new();
        while at < end {
            let read = events.read(at, READ_BYTES)?;
            for batch in read.batches() {
                // A batch that is no longer readable was checked when it was appended; its events are
                // then written again, which a reader can tell by their ids.
                let Ok(records) = records(&batch) else { continue };
                found.extend(
                    (&records).into_iter().flatten().filter_map(|record| offset_of(&record)),
                );
            }
            at = read.next_offset;
        }
        Ok(Self::of(&found))
    }

    fn of(found: &[i64]) -> Self {
        let mut offsets = Offsets::default();
        if let Some(highest) = found.iter().max() {
            let in_flight = i64::try_from(IN_FLIGHT_MAX).unwrap_or(i64::MAX);
            offsets.start_at(highest.saturating_sub(in_flight).max(0));
        }
        for offset in found {
            offsets.note(*offset);
        }
        Self(Arc::new(offsets))
    }

    /// Whether the event of this hit is written.
    pub fn contains(&self, partition: i64, offset: i64) -> bool {
        partition == 0 && self.0.contains(offset)
    }
}

/// The offset of the hit that an event was made from.
fn offset_of(record: &tidemill_commitlog::batch::RecordView<'_>) -> Option<i64> {
    let header = |name: &str| {
        let (_, value) = record.headers().find(|(found, _)| *found == name.as_bytes())?;
        std::str::from_utf8(value?).ok()?.parse::<i64>().ok()
    };
    (header(PARTITION_HEADER)? == 0).then(|| header(OFFSET_HEADER)).flatten()
}
