//! Reading batches: from the tail cache where it reaches back far enough, else from the segment's file.
//!
//! What comes from the disk is checked against its CRC before it is given out.

use std::io;
use std::ops::Range;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;

use crate::aborted::{Aborted, Search};
use crate::batch::{BatchError, Frames, HEADER_BYTES, check, frames, header, records};
use crate::core::Core;
use crate::error::{Corruption, ReadError};
use crate::limits::{APPEND_BYTES_MAX, INDEX_INTERVAL_BYTES, READ_BYTES_MAX};
use crate::names::Kind;
use crate::segment::Segment;
use crate::state::PartitionState;

/// Whole batches from one partition, in order.
#[derive(Clone, Debug, Default)]
pub struct ReadBatches {
    chunks: Vec<Bytes>,
    bytes: usize,
    /// The offset to read from next: after the last batch that is here.
    pub next_offset: i64,
    /// The offset after the last that can be read now.
    pub high_watermark: i64,
    /// Where readers of committed transactions stop (KIP-98).
    pub last_stable_offset: i64,
    /// The first offset that can be read now.
    pub log_start_offset: i64,
    /// The aborted transactions with records among these batches; only for
    /// [`read_committed`](crate::Partition::read_committed).
    pub aborted: Vec<AbortedTransaction>,
}

/// A transaction whose records are to be passed over: those of this producer from `first_offset` on, up to its next
/// abort marker (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// The producer.
    pub producer_id: i64,
    /// Where the transaction begins.
    pub first_offset: i64,
}

impl ReadBatches {
    /// The bytes, each piece one or more whole batches. The first batch may begin before the offset that was
    /// asked for.
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// Bytes in all chunks.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there is no batch.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Each batch by itself, sharing the memory of its chunk.
    pub fn batches(&self) -> impl Iterator<Item = Bytes> + '_ {
        self.chunks.iter().flat_map(|chunk| {
            let walk: Frames<'_> = frames(chunk);
            walk.map_while(Result::ok).map(|(_, batch)| chunk.slice_ref(batch))
        })
    }

    /// Drops the batches from the last stable offset on, which is where a batch begins. `offset` is where the read
    /// began.
    fn cut_at(&mut self, offset: i64) {
        let stable = self.last_stable_offset;
        if self.next_offset <= stable {
            return;
        }
        let chunks = std::mem::take(&mut self.chunks);
        (self.bytes, self.next_offset) = (0, offset);
        for chunk in chunks {
            let mut end = 0;
            let batches = frames(&chunk).map_while(Result::ok);
            for (header, batch) in batches.take_while(|(header, _)| header.base_offset < stable) {
                end += batch.len();
                self.next_offset = header.last_offset().saturating_add(1);
            }
            if end == 0 {
                return;
            }
            self.bytes += end;
            self.chunks.push(chunk.slice(..end));
        }
    }

    /// All bytes in one piece; copies when there is more than one chunk.
    pub fn into_bytes(mut self) -> Bytes {
        match self.chunks.len() {
            0 => Bytes::new(),
            1 => self.chunks.swap_remove(0),
            _ => self.chunks.concat().into(),
        }
    }
}

/// Reads whole batches from the one that holds `offset`, at least one if there is one, then while they fit in
/// `bytes_max`.
pub(crate) fn read(
    core: &Core,
    partition: &PartitionState,
    offset: i64,
    bytes_max: usize,
) -> Result<ReadBatches, ReadError> {
    let mut read = begin(partition, offset)?;
    let (high_watermark, log_start_offset) = (read.high_watermark, read.log_start_offset);
    if offset == high_watermark {
        return Ok(read);
    }
    let bytes_max = bytes_max.min(READ_BYTES_MAX);
    if let Some(found) = partition.tail.read(offset, high_watermark, bytes_max) {
        read.chunks = found.chunks;
        read.bytes = found.bytes;
        read.next_offset = found.next_offset;
        return Ok(read);
    }
    // Where it is to be found: further on when a segment has nothing from the offset on, because it was compacted.
    let mut place = offset;
    loop {
        let Some((segment, next)) = segment_of(partition, place) else {
            return Err(ReadError::OutOfRange { offset, log_start_offset, high_watermark });
        };
        match read_segment(core, &segment, offset, bytes_max) {
            Ok(Some((chunk, next_offset))) => {
                read.bytes = chunk.len();
                read.chunks.push(chunk);
                read.next_offset = next_offset;
                // The file may have grown since the watermark was looked at.
                read.high_watermark = read.high_watermark.max(next_offset);
                return Ok(read);
            }
            Ok(None) => match next {
                Some(base) => place = base,
                None => {
                    let what = format!("it ends before offset {offset}");
                    let error = corrupt(&segment, segment.published(), what);
                    return Err(explain(partition, offset, error));
                }
            },
            // Cleaning has put another in its place meanwhile.
            Err(_) if segment.is_replaced() => {}
            Err(error) => return Err(explain(partition, offset, error)),
        }
    }
}

/// What a read of nothing gives, if `offset` can be read at all.
fn begin(partition: &PartitionState, offset: i64) -> Result<ReadBatches, ReadError> {
    partition.check_read()?;
    // In this order the first is never above the second.
    let last_stable_offset = partition.last_stable_offset();
    let high_watermark = partition.high_watermark();
    let log_start_offset = partition.log_start_offset();
    if offset < log_start_offset || offset > high_watermark {
        return Err(ReadError::OutOfRange { offset, log_start_offset, high_watermark });
    }
    let next_offset = offset;
    let ends =
        ReadBatches { next_offset, high_watermark, last_stable_offset, ..Default::default() };
    Ok(ReadBatches { log_start_offset, ..ends })
}

/// As [`read`], but only what lies before the last stable offset, with the transactions among it that were aborted.
pub(crate) fn read_committed(
    core: &Core,
    partition: &PartitionState,
    offset: i64,
    bytes_max: usize,
) -> Result<ReadBatches, ReadError> {
    let nothing = begin(partition, offset)?;
    if offset >= nothing.last_stable_offset {
        return Ok(nothing);
    }
    let mut found = read(core, partition, offset, bytes_max)?;
    // What became stable meanwhile waits for the next read.
    found.last_stable_offset = nothing.last_stable_offset;
    found.cut_at(offset);
    found.aborted = aborted_in(core, partition, offset..found.next_offset)?
        .iter()
        .map(|&Aborted { producer_id, first_offset, .. }| AbortedTransaction {
            producer_id,
            first_offset,
        })
        .collect();
    Ok(found)
}

/// The aborted transactions that overlap `offsets`, which end at the last stable offset or before, by the offsets of
/// their markers. There are at most as many as were open at the first offset and as began behind it.
pub(crate) fn aborted_in(
    core: &Core,
    partition: &PartitionState,
    offsets: Range<i64>,
) -> Result<Vec<Aborted>, ReadError> {
    loop {
        let segments = may_have_aborted(partition, &offsets);
        let mut search = Search::new(offsets.clone());
        let searched = segments.iter().try_for_each(|segment| match search.is_complete {
            true => Ok(()),
            false => {
                segment.search_aborted(core.files(), &mut search).map_err(|error| (segment, error))
            }
        });
        match searched {
            Ok(()) => return Ok(search.found),
            // Cleaning has put another in its place meanwhile.
            Err((segment, _)) if segment.is_replaced() => {}
            Err((segment, error)) => {
                let error = ReadError::io(segment.path(Kind::TransactionIndex))(error);
                return Err(explain(partition, offsets.start, error));
            }
        }
    }
}

fn may_have_aborted(partition: &PartitionState, offsets: &Range<i64>) -> Vec<Arc<Segment>> {
    let segments = partition.segments.read().unwrap_or_else(PoisonError::into_inner);
    let first = segments.partition_point(|segment| segment.base <= offsets.start).saturating_sub(1);
    let possible = segments.iter().skip(first).filter(|segment| segment.may_have_aborted(offsets));
    possible.cloned().collect()
}

/// A read that failed because the segment was removed meanwhile says so.
fn explain(partition: &PartitionState, offset: i64, error: ReadError) -> ReadError {
    if let Err(gone) = partition.check_read() {
        return gone;
    }
    let log_start_offset = partition.log_start_offset();
    if offset < log_start_offset {
        let high_watermark = partition.high_watermark();
        return ReadError::OutOfRange { offset, log_start_offset, high_watermark };
    }
    error
}

/// The segment that holds `offset`, and the base of the one after it.
fn segment_of(partition: &PartitionState, offset: i64) -> Option<(Arc<Segment>, Option<i64>)> {
    let segments = partition.segments.read().unwrap_or_else(PoisonError::into_inner);
    let after = segments.partition_point(|segment| segment.base <= offset);
    let segment = segments.get(after.checked_sub(1)?)?;
    Some((Arc::clone(segment), segments.get(after).map(|next| next.base)))
}

/// Reads from one segment's file. The published bytes hold whole batches only; `None` when they end before `offset`.
fn read_segment(
    core: &Core,
    segment: &Segment,
    offset: i64,
    bytes_max: usize,
) -> Result<Option<(Bytes, i64)>, ReadError> {
    let io = |error| ReadError::io(segment.path(Kind::Log))(error);
    let file = segment.file(core.files(), Kind::Log).map_err(io)?;
    let end = segment.readable();
    let mut position = segment.position_before(core.files(), offset).map_err(io)?;
    // Enough for what was asked and for what lies between the index entry and the offset.
    let slack = usize::try_from(INDEX_INTERVAL_BYTES).unwrap_or(0) + HEADER_BYTES;
    let mut wanted = bytes_max.saturating_add(slack);
    loop {
        let left = usize::try_from(end.saturating_sub(position)).unwrap_or(usize::MAX);
        let mut buffer = Vec::new();
        file.read_more(&mut buffer, wanted.min(left), position).map_err(io)?;
        match cut_out(&buffer, offset, bytes_max, left) {
            Ok(Cut::Found { start, end, next_offset }) => {
                verify(
                    segment,
                    position + start as u64,
                    buffer.get(start..end).unwrap_or_default(),
                )?;
                return Ok(Some((Bytes::from(buffer).slice(start..end), next_offset)));
            }
            Ok(Cut::Nothing) => return Ok(None),
            Ok(Cut::Further { skip, needed }) => {
                position += skip as u64;
                wanted = needed.max(bytes_max.saturating_add(slack));
            }
            Err((at, error)) => {
                return Err(corrupt(segment, position + at as u64, error.to_string()));
            }
        }
    }
}

/// What a piece of a file has of what is looked for.
enum Cut {
    /// It lies here.
    Found { start: usize, end: usize, next_offset: i64 },
    /// All batches end before it.
    Nothing,
    /// Read again, `skip` bytes further, at least `needed` bytes.
    Further { skip: usize, needed: usize },
}

/// Walks the batches of `buffer`, of which `left` bytes are in the file, to those from `offset` on.
fn cut_out(
    buffer: &[u8],
    offset: i64,
    bytes_max: usize,
    left: usize,
) -> Result<Cut, (usize, BatchError)> {
    let (mut start, mut end, mut next_offset) = (0, 0, offset);
    loop {
        let rest = buffer.get(end..).unwrap_or_default();
        let found = end > start;
        if rest.len() < HEADER_BYTES {
            return match (found, end + HEADER_BYTES > left) {
                (true, _) => Ok(Cut::Found { start, end, next_offset }),
                (false, false) => Ok(Cut::Further { skip: start, needed: HEADER_BYTES }),
                (false, true) if end == left => Ok(Cut::Nothing),
                (false, true) => {
                    let have = left.saturating_sub(end);
                    Err((end, BatchError::Truncated { needed: HEADER_BYTES, have }))
                }
            };
        }
        let header = header(rest).map_err(|error| (end, error))?;
        if header.bytes > left.saturating_sub(end) || header.bytes > APPEND_BYTES_MAX {
            let have = left.saturating_sub(end);
            return Err((end, BatchError::Truncated { needed: header.bytes, have }));
        }
        if header.last_offset() < offset {
            end += header.bytes;
            start = end;
        } else if found && end - start + header.bytes > bytes_max {
            return Ok(Cut::Found { start, end, next_offset });
        } else if header.bytes > rest.len() {
            return Ok(match found {
                true => Cut::Found { start, end, next_offset },
                false => Cut::Further { skip: start, needed: header.bytes },
            });
        } else {
            end += header.bytes;
            next_offset = header.last_offset().saturating_add(1);
        }
    }
}

/// Checks every batch against its checksum, as it was checked before it was written.
fn verify(segment: &Segment, position: u64, batches: &[u8]) -> Result<(), ReadError> {
    let mut at = 0;
    while let Some(batch) = batches.get(at..).filter(|rest| !rest.is_empty()) {
        match check(batch, batch.len()) {
            Ok(header) => at += header.bytes,
            Err(error) => return Err(corrupt(segment, position + at as u64, error.to_string())),
        }
    }
    Ok(())
}

fn corrupt(segment: &Segment, position: u64, what: String) -> ReadError {
    let corruption = Corruption { file: segment.path(Kind::Log), position, what };
    tracing::error!("{corruption}");
    ReadError::Corrupt(Arc::new(corruption))
}

/// Bytes read at once when records are looked for by their time.
const SEARCH_BYTES: usize = 256 << 10;

/// The first record at or after `timestamp_ms`: its offset and timestamp.
pub(crate) fn offset_for_timestamp(
    core: &Core,
    partition: &PartitionState,
    timestamp_ms: i64,
) -> Result<Option<(i64, i64)>, ReadError> {
    partition.check_read()?;
    let start = partition.log_start_offset();
    let Some(mut offset) = search_start(core, partition, timestamp_ms)? else { return Ok(None) };
    offset = offset.max(start);
    while offset < partition.high_watermark() {
        let batches = read(core, partition, offset, SEARCH_BYTES)?;
        for batch in batches.batches() {
            if let Some(found) = search_batch(&batch, start, timestamp_ms) {
                return Ok(Some(found));
            }
        }
        offset = batches.next_offset;
    }
    Ok(None)
}

/// Where to begin looking: in the first segment that has a timestamp so great.
fn search_start(
    core: &Core,
    partition: &PartitionState,
    timestamp_ms: i64,
) -> Result<Option<i64>, ReadError> {
    let mut at = 0;
    loop {
        let segment = {
            let segments = partition.segments.read().unwrap_or_else(PoisonError::into_inner);
            let Some(segment) = segments.get(at) else { return Ok(None) };
            Arc::clone(segment)
        };
        match search_segment(core, &segment, timestamp_ms) {
            Ok(Some(offset)) => return Ok(Some(offset)),
            Ok(None) => at += 1,
            // Cleaning has put another in the place of some: the list is another.
            Err(_) if segment.is_replaced() => at = 0,
            Err(error) => {
                let error = ReadError::io(segment.path(Kind::TimeIndex))(error);
                return Err(explain(partition, segment.base, error));
            }
        }
    }
}

fn search_segment(core: &Core, segment: &Segment, timestamp_ms: i64) -> io::Result<Option<i64>> {
    let greatest = segment.greatest_timestamp(core.files())?;
    if greatest.is_none_or(|greatest| greatest < timestamp_ms) {
        return Ok(None);
    }
    segment.offset_before(core.files(), timestamp_ms).map(Some)
}

fn search_batch(batch: &Bytes, offset_min: i64, timestamp_ms: i64) -> Option<(i64, i64)> {
    let header = header(batch).ok()?;
    if header.max_timestamp_ms < timestamp_ms || header.last_offset() < offset_min {
        return None;
    }
    let Ok(records) = records(batch) else {
        // The records are the producer's business; the batch as a whole has the timestamp.
        return Some((header.base_offset.max(offset_min), header.max_timestamp_ms));
    };
    let fits = |offset: i64, timestamp: i64| offset >= offset_min && timestamp >= timestamp_ms;
    records
        .iter()
        .map_while(Result::ok)
        .map(|record| (record.offset, record.timestamp_ms))
        .find(|(offset, timestamp)| fits(*offset, *timestamp))
}
