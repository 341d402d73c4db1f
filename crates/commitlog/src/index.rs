//! The indexes of one segment, in Kafka's bytes.
//!
//! * Offset index: 8-byte entries, big-endian: last offset of a batch less the segment's base (u32), byte
//!   where the batch begins (u32). One entry at most per [`INDEX_INTERVAL_BYTES`] of log.
//! * Time index: 12-byte entries: greatest timestamp so far (i64), offset where it was reached less the base
//!   (u32). Timestamps rise strictly.
//!
//! * Transaction index: see `aborted.rs`.
//!
//! The index of the segment that is being written lives in memory, in the very bytes of its files; closed
//! segments are searched in their files. A lookup gives a place to scan forward from, so an index that
//! knows too little is slow and never wrong.

use std::io;

use crate::batch::BatchHeader;
use crate::limits::INDEX_INTERVAL_BYTES;

/// Bytes of an offset index entry.
pub(crate) const OFFSET_ENTRY_BYTES: usize = 8;
/// Bytes of a time index entry.
pub(crate) const TIME_ENTRY_BYTES: usize = 12;

/// All indexes of the segment being written.
#[derive(Clone, Debug)]
pub(crate) struct ActiveIndex {
    base: i64,
    pub(crate) offsets: Vec<u8>,
    pub(crate) times: Vec<u8>,
    /// The transaction index.
    pub(crate) aborted: Vec<u8>,
    bytes_since_entry: u64,
    /// As `greatest`, of batches that compaction left without records: they count where no other does.
    bare: Option<(i64, i64)>,
    /// Greatest timestamp so far, and the last offset of the batch that had it.
    pub(crate) greatest: Option<(i64, i64)>,
}

/// Where the indexes stood, to go back to after a refused append.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IndexPoint {
    offsets: usize,
    times: usize,
    aborted: usize,
    bytes_since_entry: u64,
    greatest: Option<(i64, i64)>,
}

impl ActiveIndex {
    pub(crate) fn new(base: i64) -> Self {
        Self::resume(base, Vec::new(), Vec::new(), 0)
    }

    /// Carries on from what the index files held for the first `position` bytes of the log. The transaction index is
    /// filled in when the producers are known.
    pub(crate) fn resume(base: i64, offsets: Vec<u8>, times: Vec<u8>, position: u64) -> Self {
        let last =
            last_chunk::<OFFSET_ENTRY_BYTES>(&offsets).map_or(0, |entry| decode_offset(entry).1);
        let greatest = last_chunk::<TIME_ENTRY_BYTES>(&times).map(|entry| {
            let (timestamp, relative) = decode_time(entry);
            (timestamp, base.saturating_add(relative.into()))
        });
        let bytes_since_entry = position.saturating_sub(last.into());
        Self { base, offsets, times, aborted: Vec::new(), bytes_since_entry, bare: None, greatest }
    }

    /// Takes note of a batch that begins at `position`.
    pub(crate) fn add(&mut self, header: &BatchHeader, position: u64) {
        let last_offset = header.last_offset();
        let timestamp = header.max_timestamp_ms;
        let greatest = if header.record_count == 0 { &mut self.bare } else { &mut self.greatest };
        if greatest.is_none_or(|(greatest, _)| timestamp > greatest) {
            *greatest = Some((timestamp, last_offset));
        }
        if self.bytes_since_entry > INDEX_INTERVAL_BYTES {
            self.push_offset(last_offset, position);
            self.push_time_of(self.greatest);
            self.bytes_since_entry = 0;
        }
        self.bytes_since_entry += u64::try_from(header.bytes).unwrap_or(0);
    }

    fn relative(&self, offset: i64) -> u32 {
        u32::try_from(offset.saturating_sub(self.base)).unwrap_or(u32::MAX)
    }

    fn push_offset(&mut self, last_offset: i64, position: u64) {
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        self.offsets.extend_from_slice(&self.relative(last_offset).to_be_bytes());
        self.offsets.extend_from_slice(&position.to_be_bytes());
    }

    /// Adds the greatest timestamp so far unless the index has it; also done when a segment is closed.
    pub(crate) fn push_time(&mut self) {
        self.push_time_of(self.greatest.or(self.bare));
    }

    fn push_time_of(&mut self, greatest: Option<(i64, i64)>) {
        let Some((timestamp, offset)) = greatest else { return };
        let known = last_chunk::<TIME_ENTRY_BYTES>(&self.times).map(|entry| decode_time(entry).0);
        if known.is_none_or(|known| timestamp > known) {
            self.times.extend_from_slice(&timestamp.to_be_bytes());
            self.times.extend_from_slice(&self.relative(offset).to_be_bytes());
        }
    }

    pub(crate) fn point(&self) -> IndexPoint {
        IndexPoint {
            offsets: self.offsets.len(),
            times: self.times.len(),
            aborted: self.aborted.len(),
            bytes_since_entry: self.bytes_since_entry,
            greatest: self.greatest,
        }
    }

    /// The entries that there were at some point.
    pub(crate) fn until(&self, point: IndexPoint) -> (&[u8], &[u8]) {
        (
            self.offsets.get(..point.offsets).unwrap_or(&self.offsets),
            self.times.get(..point.times).unwrap_or(&self.times),
        )
    }

    pub(crate) fn rewind(&mut self, point: IndexPoint) {
        self.offsets.truncate(point.offsets);
        self.times.truncate(point.times);
        self.aborted.truncate(point.aborted);
        self.bytes_since_entry = point.bytes_since_entry;
        self.greatest = point.greatest;
    }
}

/// The relative last offset and position of an entry.
pub(crate) fn decode_offset(entry: [u8; OFFSET_ENTRY_BYTES]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = entry;
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

/// The timestamp and relative offset of an entry.
pub(crate) fn decode_time(entry: [u8; TIME_ENTRY_BYTES]) -> (i64, u32) {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = entry;
    (i64::from_be_bytes([a, b, c, d, e, f, g, h]), u32::from_be_bytes([i, j, k, l]))
}

fn last_chunk<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.last_chunk::<N>().copied()
}

/// Where in the log to look for the batch with an offset `relative` to the base: the position of the
/// last entry whose batch ends at or before it, or 0.
pub(crate) fn find_position<F>(entries: u64, relative: i64, mut entry: F) -> io::Result<u64>
where
    F: FnMut(u64) -> io::Result<[u8; OFFSET_ENTRY_BYTES]>,
{
    let found = last_where(entries, |at| Ok(i64::from(decode_offset(entry(at)?).0) <= relative))?;
    Ok(match found {
        Some(at) => decode_offset(entry(at)?).1.into(),
        None => 0,
    })
}

/// The relative offset of the last entry whose timestamp is below `timestamp_ms`: every batch up to that
/// offset has smaller timestamps only. `None` when there is no such entry.
pub(crate) fn find_time<F>(entries: u64, timestamp_ms: i64, mut entry: F) -> io::Result<Option<u32>>
where
    F: FnMut(u64) -> io::Result<[u8; TIME_ENTRY_BYTES]>,
{
    let found = last_where(entries, |at| Ok(decode_time(entry(at)?).0 < timestamp_ms))?;
    found.map(|at| Ok(decode_time(entry(at)?).1)).transpose()
}

/// The last of `0..count` for which `holds`, which holds for a prefix.
fn last_where<F>(count: u64, mut holds: F) -> io::Result<Option<u64>>
where
    F: FnMut(u64) -> io::Result<bool>,
{
    let (mut below, mut above) = (0, count);
    while below < above {
        let middle = below + (above - below) / 2;
        if holds(middle)? {
            below = middle + 1;
        } else {
            above = middle;
        }
    }
    Ok(below.checked_sub(1))
}
