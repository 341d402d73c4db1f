//! Walking the records of a batch without an allocation per record.

use bytes::Bytes;

use super::compression::Compression;
use super::error::BatchError;
use super::header::{BatchHeader, HEADER_BYTES, TimestampType, header};
use super::varint;
use crate::limits::DECOMPRESSED_BYTES_MAX;

/// The fewest bytes of a record: length, attributes, two deltas, two lengths, header count.
const RECORD_BYTES_MIN: usize = 7;

/// The records of one batch, decompressed if they were compressed.
#[derive(Clone, Debug)]
pub struct Records {
    header: BatchHeader,
    body: Bytes,
}

/// Opens the batch at the front of `batch`. Its checksum is not computed again.
///
/// # Errors
/// The batch is cut short, its codec is unknown, or its records cannot be unpacked within
/// [`DECOMPRESSED_BYTES_MAX`].
pub fn records(batch: &Bytes) -> Result<Records, BatchError> {
    let header = header(batch)?;
    if batch.len() < header.bytes {
        return Err(BatchError::Truncated { needed: header.bytes, have: batch.len() });
    }
    let body = batch.slice(HEADER_BYTES..header.bytes);
    let body = match header.compression()? {
        Compression::None => body,
        codec => Bytes::from(codec.unpack(&body, DECOMPRESSED_BYTES_MAX)?),
    };
    let count = usize::try_from(header.record_count).unwrap_or(usize::MAX);
    if count > body.len() / RECORD_BYTES_MIN {
        return Err(BatchError::Count {
            records: header.record_count,
            last_offset_delta: header.last_offset_delta,
        });
    }
    Ok(Records { header, body })
}

impl Records {
    /// The header of the batch.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The bytes of the records, decompressed.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The records in order. After an error the iterator ends.
    pub fn iter(&self) -> RecordIter<'_> {
        RecordIter { header: &self.header, rest: &self.body, index: 0 }
    }
}

impl<'a> IntoIterator for &'a Records {
    type Item = Result<RecordView<'a>, BatchError>;
    type IntoIter = RecordIter<'a>;

    fn into_iter(self) -> RecordIter<'a> {
        self.iter()
    }
}

/// See [`Records::iter`].
#[derive(Clone, Debug)]
pub struct RecordIter<'a> {
    header: &'a BatchHeader,
    rest: &'a [u8],
    index: i32,
}

/// One record, a view into its batch.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    /// Its offset in the partition.
    pub offset: i64,
    /// Milliseconds since 1970 UTC.
    pub timestamp_ms: i64,
    /// The key, if there is one.
    pub key: Option<&'a [u8]>,
    /// The value, if there is one.
    pub value: Option<&'a [u8]>,
    header_count: usize,
    headers: &'a [u8],
}

impl<'a> RecordView<'a> {
    /// The headers in order: name and value. They were checked when the record was read.
    pub fn headers(&self) -> HeaderIter<'a> {
        HeaderIter { rest: self.headers, left: self.header_count }
    }
}

/// See [`RecordView::headers`].
#[derive(Clone, Debug)]
pub struct HeaderIter<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = take_field(&mut self.rest)??;
        let value = take_field(&mut self.rest)?;
        Some((name, value))
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<RecordView<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.index >= self.header.record_count {
            return None;
        }
        let record = self.read().map_err(|what| BatchError::Record { index: self.index, what });
        self.index = if record.is_ok() { self.index + 1 } else { i32::MAX };
        Some(record)
    }
}

impl<'a> RecordIter<'a> {
    fn read(&mut self) -> Result<RecordView<'a>, &'static str> {
        let length = varint::take_length(&mut self.rest).flatten().ok_or("length")?;
        let (mut body, rest) = self.rest.split_at_checked(length).ok_or("length")?;
        self.rest = rest;
        body.split_off_first().ok_or("attributes")?;
        let timestamp_delta = varint::take(&mut body).ok_or("timestamp delta")?;
        let offset_delta = varint::take(&mut body).ok_or("offset delta")?;
        let key = take_field(&mut body).ok_or("key")?;
        let value = take_field(&mut body).ok_or("value")?;
        let (header_count, headers) = take_headers(body).ok_or("headers")?;
        let timestamp_ms = match self.header.timestamp_type() {
            TimestampType::CreateTime => {
                self.header.base_timestamp_ms.wrapping_add(timestamp_delta)
            }
            TimestampType::LogAppendTime => self.header.max_timestamp_ms,
        };
        let offset = self.header.base_offset.wrapping_add(offset_delta);
        Ok(RecordView { offset, timestamp_ms, key, value, header_count, headers })
    }
}

fn take_field<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let Some(length) = varint::take_length(bytes)? else { return Some(None) };
    let (field, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(Some(field))
}

/// Checks all headers once, so that the iterator over them cannot fail; nothing may follow them.
fn take_headers(mut bytes: &[u8]) -> Option<(usize, &[u8])> {
    let count = usize::try_from(varint::take(&mut bytes)?).ok()?;
    let headers = bytes;
    for _ in 0..count {
        take_field(&mut bytes)??;
        take_field(&mut bytes)?;
    }
    bytes.is_empty().then_some((count, headers))
}
