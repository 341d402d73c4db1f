//! When the segment that is being written has had enough.

use crate::batch::{BatchHeader, frames, header};

/// What a segment may hold at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentLimits {
    pub(crate) bytes: u64,
    /// Between its first and its last batch, milliseconds.
    pub(crate) ms: i64,
}

/// How old a segment is. Kafka's rule (`LogSegment.timeWaitedForRoll`): by the timestamps of batches, so that a log
/// that is copied is cut as the first was; by the clock where batches have no timestamps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentAge {
    /// When it was begun or opened, by the log's clock.
    begun_ms: i64,
    /// The greatest timestamp of its first batch; negative if that has none.
    pub(crate) first: Option<i64>,
}

impl SegmentAge {
    pub(crate) fn new(now_ms: i64) -> Self {
        Self { begun_ms: now_ms, first: None }
    }

    /// Takes note of the first batch, whose header lies at the front of `bytes`.
    pub(crate) fn begin(&mut self, bytes: &[u8]) {
        self.first = Some(header(bytes).map_or(-1, |header| header.max_timestamp_ms));
    }

    /// The age, milliseconds, that the segment would have with these batches.
    pub(crate) fn at(&self, batches: &[u8], now_ms: i64) -> i64 {
        match self.first {
            Some(first) if first >= 0 => greatest_timestamp(batches).saturating_sub(first),
            _ => now_ms.saturating_sub(self.begun_ms),
        }
    }
}

fn greatest_timestamp(batches: &[u8]) -> i64 {
    let headers = frames(batches).map_while(Result::ok);
    headers.map(|(header, _): (BatchHeader, _)| header.max_timestamp_ms).max().unwrap_or(-1)
}
