//! A batch with fewer records, as compaction leaves it.
//!
//! Base offset, last offset, sequence, producer and codec stay as they were, so that offsets keep their places and a
//! producer's state can be read from what is left (Kafka's `MemoryRecords.filterTo`). A batch may be given a
//! delete horizon (KIP-534): attribute bit 6, with the horizon in place of the base timestamp; the records'
//! timestamps are deltas from that then.

use bytes::Bytes;

use super::compression::Compression;
use super::error::BatchError;
use super::header::{BatchHeader, HEADER_BYTES, TimestampType, seal};
use super::records::Records;
use super::varint;

/// "This batch has a delete horizon" (attributes bit 6).
const HORIZON_BIT: i16 = 64;
/// "No timestamp."
const NONE_MS: i64 = -1;

impl BatchHeader {
    /// Until when deletions and markers in this batch are kept, milliseconds (KIP-534).
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        (self.attributes & HORIZON_BIT != 0).then_some(self.base_timestamp_ms)
    }
}

/// One record as its bytes lie in the batch.
struct Raw<'a> {
    attributes: u8,
    timestamp_delta: i64,
    offset_delta: i64,
    /// Key, value and headers.
    rest: &'a [u8],
    /// All of it, with its length.
    whole: &'a [u8],
}

fn take_raw<'a>(bytes: &mut &'a [u8]) -> Option<Raw<'a>> {
    let before = *bytes;
    let length = varint::take_length(bytes)??;
    let (mut body, after) = bytes.split_at_checked(length)?;
    *bytes = after;
    let whole = before.get(..before.len() - after.len())?;
    let attributes = *body.split_off_first()?;
    let timestamp_delta = varint::take(&mut body)?;
    let offset_delta = varint::take(&mut body)?;
    Some(Raw { attributes, timestamp_delta, offset_delta, rest: body, whole })
}

impl Raw<'_> {
    /// Writes the record with another timestamp delta.
    fn put(&self, timestamp_delta: i64, out: &mut Vec<u8>) {
        let deltas = varint::len(timestamp_delta) + varint::len(self.offset_delta);
        let length = 1 + deltas + self.rest.len();
        varint::put(out, i64::try_from(length).unwrap_or(i64::MAX));
        out.push(self.attributes);
        varint::put(out, timestamp_delta);
        varint::put(out, self.offset_delta);
        out.extend_from_slice(self.rest);
    }
}

/// The batch with those records for which `kept` has `true`, in their order; with `horizon_ms` if it is to get one. The
/// records were walked before, so that they are well-formed.
///
/// # Errors
/// [`BatchError::Record`] if they are not.
pub(crate) fn rewrite(
    records: &Records,
    kept: &[bool],
    horizon_ms: Option<i64>,
) -> Result<Bytes, BatchError> {
    let mut header = *records.header();
    let shift = horizon_ms.map(|horizon| header.base_timestamp_ms.wrapping_sub(horizon));
    let mut plain = Vec::new();
    let mut greatest = None;
    let (mut rest, mut count) = (records.body(), 0i32);
    for (&keep, index) in kept.iter().zip(0i32..) {
        let raw = take_raw(&mut rest).ok_or(BatchError::Record { index, what: "length" })?;
        if !keep {
            continue;
        }
        let timestamp = header.base_timestamp_ms.wrapping_add(raw.timestamp_delta);
        greatest = Some(greatest.map_or(timestamp, |known: i64| known.max(timestamp)));
        match shift {
            Some(shift) => raw.put(raw.timestamp_delta.wrapping_add(shift), &mut plain),
            None => plain.extend_from_slice(raw.whole),
        }
        count += 1;
    }
    header.record_count = count;
    if let (TimestampType::CreateTime, Some(greatest)) = (header.timestamp_type(), greatest) {
        header.max_timestamp_ms = greatest;
    }
    if let Some(horizon) = horizon_ms {
        header.attributes |= HORIZON_BIT;
        header.base_timestamp_ms = horizon;
    }
    Ok(assemble(&header, &plain))
}

/// The batch with no records at all, kept for its offsets and its producer's sequence.
pub(crate) fn empty(header: &BatchHeader) -> Bytes {
    let mut header = *header;
    header.record_count = 0;
    header.base_timestamp_ms = NONE_MS;
    header.attributes &= !(HORIZON_BIT | 7);
    assemble(&header, &[])
}

/// Compresses with the codec of the header; if that fails the batch goes plain, which is as true.
fn assemble(header: &BatchHeader, plain: &[u8]) -> Bytes {
    let mut batch = vec![0; HEADER_BYTES];
    let mut header = *header;
    let codec = header.compression().unwrap_or_default();
    if codec.pack(plain, &mut batch).is_err() {
        batch.truncate(HEADER_BYTES);
        batch.extend_from_slice(plain);
        header.attributes = header.attributes & !7 | i16::from(Compression::None.bits());
    }
    header.bytes = batch.len();
    header.write(&mut batch);
    seal(&mut batch);
    Bytes::from(batch)
}

#[cfg(test)]
mod tests;
