//! Reading the partitions of one fetch.

use bytes::Bytes;
use tidemill_commitlog::batch::{self, BatchHeader, Compression};
use tidemill_commitlog::{AbortedTransaction, Partition, ReadBatches};
use tidemill_wire::{ErrorCode, Records};

use crate::context::Shared;
use crate::errors;
use crate::fetch_session::{TopicKey, Wanted};

/// A reader this many records behind the end is read for on a thread that may wait for the disk; a nearer one
/// is most likely served from memory, where the hand-over would cost more than the read.
const NEAR_RECORDS: i64 = 10_000;

/// Where to read.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) partition: Result<Partition, ErrorCode>,
    offset: i64,
    /// The epoch of the last record that the reader has; -1 if it does not say.
    last_epoch: i32,
    pub(super) bytes_max: usize,
}

/// What kind of reader is read for.
#[derive(Clone, Copy)]
pub(super) struct How {
    /// It wants committed transactions only.
    pub(super) committed: bool,
    /// It can unpack zstd.
    pub(super) zstd: bool,
}

/// What was read of one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) records: Records,
    pub(super) bytes: usize,
    pub(super) high_watermark: i64,
    pub(super) last_stable_offset: i64,
    pub(super) log_start_offset: i64,
    pub(super) aborted: Vec<AbortedTransaction>,
    /// The greatest epoch that both logs know, and where it ends in ours, when the reader's went on differently.
    pub(super) diverging: Option<(i32, i64)>,
}

impl From<ReadBatches> for Found {
    fn from(read: ReadBatches) -> Self {
        Self {
            records: Records::from(read.chunks()),
            bytes: read.bytes(),
            high_watermark: read.high_watermark,
            last_stable_offset: read.last_stable_offset,
            log_start_offset: read.log_start_offset,
            aborted: read.aborted,
            diverging: None,
        }
    }
}

impl Place {
    pub(super) fn find(shared: &Shared, wanted: &Wanted) -> Self {
        Self {
            partition: find(shared, wanted),
            offset: wanted.offset,
            last_epoch: wanted.last_epoch,
            bytes_max: usize::try_from(wanted.bytes_max).unwrap_or(0),
        }
    }

    pub(super) fn is_far(&self) -> bool {
        let behind = |partition: &Partition| partition.high_watermark().saturating_sub(self.offset);
        self.partition.as_ref().is_ok_and(|partition| behind(partition) > NEAR_RECORDS)
    }
}

fn find(shared: &Shared, wanted: &Wanted) -> Result<Partition, ErrorCode> {
    let topic = match &wanted.topic {
        TopicKey::Name(name) => shared.find_topic(false, name, tidemill_wire::Uuid::ZERO)?,
        TopicKey::Id(id) => shared.find_topic(true, "", *id)?,
    };
    let partition = shared
        .log
        .partition(&topic.name, wanted.partition)
        .ok_or(ErrorCode::UnknownTopicOrPartition)?;
    // KIP-320: a client that believes in another epoch must look again before it reads on.
    match wanted.leader_epoch {
        -1 => Ok(partition),
        epoch if epoch < partition.leader_epoch() => Err(ErrorCode::FencedLeaderEpoch),
        epoch if epoch > partition.leader_epoch() => Err(ErrorCode::UnknownLeaderEpoch),
        _ => Ok(partition),
    }
}

/// Reads all places in order, within the bytes of the whole answer.
pub(super) fn read_all(
    places: &[Place],
    how: How,
    bytes_max: usize,
) -> Vec<Result<Found, ErrorCode>> {
    let mut left = bytes_max;
    let mut first = true;
    places
        .iter()
        .map(|place| {
            // Nothing more fits, but offsets are still checked and told.
            let bytes_max = if left == 0 && !first { 0 } else { place.bytes_max.min(left) };
            let mut read = place.read(how, bytes_max)?;
            // The log gives a batch even if it is too large; only the first of an answer may be.
            if read.bytes > bytes_max && !first {
                (read.records, read.bytes) = (Records::default(), 0);
                read.aborted.clear();
            }
            left = left.saturating_sub(read.bytes);
            first &= read.bytes == 0;
            Ok(read)
        })
        .collect()
}

impl Place {
    fn read(&self, how: How, bytes_max: usize) -> Result<Found, ErrorCode> {
        let partition = self.partition.as_ref().map_err(|error| *error)?;
        if let Some(end) = self.diverging(partition)? {
            return Ok(Found {
                high_watermark: partition.high_watermark(),
                last_stable_offset: partition.last_stable_offset(),
                log_start_offset: partition.log_start_offset(),
                diverging: Some(end),
                ..Found::default()
            });
        }
        let read = match how.committed {
            true => partition.read_committed(self.offset, bytes_max),
            false => partition.read(self.offset, bytes_max),
        };
        let read = read.map_err(|error| errors::read(&error))?;
        if how.zstd { Ok(read.into()) } else { without_zstd(read) }
    }

    /// Where the reader's log and ours part (KIP-595): the epoch of its last record never was in ours, or ended before
    /// the offset that it wants. Most readers have a record of the present epoch, which ends where the log does.
    fn diverging(&self, partition: &Partition) -> Result<Option<(i32, i64)>, ErrorCode> {
        if self.last_epoch < 0 || self.last_epoch == partition.leader_epoch() {
            return Ok(None);
        }
        if self.offset < partition.log_start_offset() {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        match partition.epoch_end(self.last_epoch) {
            None => Err(ErrorCode::OffsetOutOfRange),
            Some((epoch, end)) if epoch < self.last_epoch || end < self.offset => {
                Ok(Some((epoch, end)))
            }
            Some(_) => Ok(None),
        }
    }
}

/// What lies before the first batch that the reader cannot unpack; if that is nothing, it is told so (KIP-110).
fn without_zstd(read: ReadBatches) -> Result<Found, ErrorCode> {
    let is_zstd = |header: &BatchHeader| header.compression() == Ok(Compression::Zstd);
    let mut chunks = Vec::new();
    for chunk in read.chunks() {
        let batches = batch::frames(chunk).map_while(Result::ok);
        let plain = batches.take_while(|(header, _)| !is_zstd(header));
        let length: usize = plain.map(|(_, batch)| batch.len()).sum();
        chunks.push(chunk.slice(..length));
        if length < chunk.len() {
            break;
        }
    }
    let bytes = chunks.iter().map(Bytes::len).sum();
    if bytes == 0 && !read.is_empty() {
        return Err(ErrorCode::UnsupportedCompressionType);
    }
    Ok(Found { records: Records::from(chunks.as_slice()), bytes, ..read.into() })
}
