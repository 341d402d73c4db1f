//! Making a batch, record by record, in one growing piece of memory.

use bytes::Bytes;

use super::compression::Compression;
use super::error::BatchError;
use super::header::{HEADER_BYTES, seal};
use super::varint;

/// The bit of a batch's attributes that says it is part of a transaction.
const TRANSACTIONAL: i16 = 16;
/// A batch of nobody.
const NO_STAMP: ProducerStamp = ProducerStamp {
    producer_id: -1,
    producer_epoch: -1,
    base_sequence: -1,
    is_transactional: false,
};

/// A record to append.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record<'a> {
    /// Milliseconds since 1970 UTC.
    pub timestamp_ms: i64,
    /// The key, if there is one.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone on a compacted topic.
    pub value: Option<&'a [u8]>,
    /// Headers in order; names may repeat.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl Record<'_> {
    /// Bytes that its key, value and headers take, plus a bound for all that surrounds them.
    pub fn bytes_at_most(&self) -> usize {
        /// Three varints of a length or delta at most, and one attribute byte.
        const AROUND: usize = 10 * 5 + 1;
        let headers: usize = self.headers.iter().map(|(n, v)| n.len() + v.len() + 10).sum();
        AROUND + self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len) + headers
    }
}

/// Who writes a batch: what the log needs to keep it once, and to know its transaction (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerStamp {
    /// The producer.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// The sequence of the batch's first record; 0 follows `i32::MAX`.
    pub base_sequence: i32,
    /// Whether the batch is part of the producer's transaction.
    pub is_transactional: bool,
}

impl ProducerStamp {
    /// That of the batch after one of so many records.
    #[must_use]
    pub fn after(self, records: usize) -> Self {
        let sequences = i64::from(i32::MAX) + 1;
        let records = i64::try_from(records).unwrap_or(0);
        let next = (i64::from(self.base_sequence) + records % sequences) % sequences;
        Self { base_sequence: i32::try_from(next).unwrap_or(0), ..self }
    }
}

/// Gathers records into one batch v2.
#[derive(Debug)]
pub struct BatchBuilder {
    out: Vec<u8>,
    compression: Compression,
    bytes_max: usize,
    records: i32,
    base_timestamp_ms: i64,
    max_timestamp_ms: i64,
    stamp: Option<ProducerStamp>,
}

impl BatchBuilder {
    /// A builder for batches of at most `bytes_max` bytes before compression.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            out: Vec::new(),
            compression: Compression::None,
            bytes_max,
            records: 0,
            base_timestamp_ms: 0,
            max_timestamp_ms: 0,
            stamp: None,
        }
    }

    /// Says who writes the batch, and, from batch to batch, with which sequence.
    #[must_use]
    pub fn stamp(mut self, stamp: Option<ProducerStamp>) -> Self {
        self.stamp = stamp;
        self
    }

    /// Compresses the records when the batch is finished.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// How many records are in it.
    pub fn len(&self) -> usize {
        usize::try_from(self.records).unwrap_or(0)
    }

    /// Whether it has no record.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Bytes of the batch so far, before compression.
    pub fn bytes(&self) -> usize {
        self.out.len()
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`BatchError::Full`]: the record was not added; finish the batch and push it to the next.
    pub fn push(&mut self, record: &Record<'_>) -> Result<(), BatchError> {
        if self.records == 0 {
            self.out.resize(HEADER_BYTES, 0);
            self.base_timestamp_ms = record.timestamp_ms;
            self.max_timestamp_ms = record.timestamp_ms;
        }
        let timestamp_delta = record.timestamp_ms.wrapping_sub(self.base_timestamp_ms);
        let length = body_len(record, timestamp_delta, self.records);
        let bytes = self.out.len() + varint::len(as_i64(length)) + length;
        if bytes > self.bytes_max || self.records == i32::MAX {
            return Err(BatchError::Full { bytes, max: self.bytes_max });
        }
        self.out.reserve(bytes - self.out.len());
        varint::put(&mut self.out, as_i64(length));
        put_body(&mut self.out, record, timestamp_delta, self.records);
        self.max_timestamp_ms = self.max_timestamp_ms.max(record.timestamp_ms);
        self.records += 1;
        Ok(())
    }

    /// The finished batch, with base offset 0, the producer of the [`stamp`](Self::stamp) or none, and a right checksum;
    /// the builder is empty again. An empty builder gives no bytes.
    pub fn finish(&mut self) -> Bytes {
        if self.records == 0 {
            return Bytes::new();
        }
        let capacity = self.out.len();
        let mut batch = std::mem::replace(&mut self.out, Vec::with_capacity(capacity));
        let compression = self.pack(&mut batch);
        self.write_header(&mut batch, compression);
        self.stamp = self.stamp.map(|stamp| stamp.after(self.len()));
        self.records = 0;
        Bytes::from(batch)
    }

    /// Compresses in place; if the compressor fails the batch goes plain, which is as true.
    fn pack(&self, batch: &mut Vec<u8>) -> Compression {
        if self.compression == Compression::None {
            return Compression::None;
        }
        let mut packed = vec![0; HEADER_BYTES];
        let records = batch.get(HEADER_BYTES..).unwrap_or_default();
        match self.compression.pack(records, &mut packed) {
            Ok(()) => {
                *batch = packed;
                self.compression
            }
            Err(_) => Compression::None,
        }
    }

    fn write_header(&self, batch: &mut [u8], compression: Compression) {
        let length = i32::try_from(batch.len().saturating_sub(12)).unwrap_or(i32::MAX);
        let mut put = |at: usize, field: &[u8]| {
            if let Some(target) = batch.get_mut(at..at + field.len()) {
                target.copy_from_slice(field);
            }
        };
        put(8, &length.to_be_bytes());
        put(12, &(-1i32).to_be_bytes());
        put(16, &[2]);
        let stamp = self.stamp.unwrap_or(NO_STAMP);
        let transactional = if stamp.is_transactional { TRANSACTIONAL } else { 0 };
        put(21, &(i16::from(compression.bits()) | transactional).to_be_bytes());
        put(23, &(self.records - 1).to_be_bytes());
        put(27, &self.base_timestamp_ms.to_be_bytes());
        put(35, &self.max_timestamp_ms.to_be_bytes());
        put(43, &stamp.producer_id.to_be_bytes());
        put(51, &stamp.producer_epoch.to_be_bytes());
        put(53, &stamp.base_sequence.to_be_bytes());
        put(57, &self.records.to_be_bytes());
        seal(batch);
    }
}

fn as_i64(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn body_len(record: &Record<'_>, timestamp_delta: i64, offset_delta: i32) -> usize {
    let field = |bytes: Option<&[u8]>| match bytes {
        None => 1,
        Some(bytes) => varint::len(as_i64(bytes.len())) + bytes.len(),
    };
    let headers: usize = record
        .headers
        .iter()
        .map(|(name, value)| field(Some(name.as_bytes())) + field(Some(value)))
        .sum();
    1 + varint::len(timestamp_delta)
        + varint::len(offset_delta.into())
        + field(record.key)
        + field(record.value)
        + varint::len(as_i64(record.headers.len()))
        + headers
}

fn put_body(out: &mut Vec<u8>, record: &Record<'_>, timestamp_delta: i64, offset_delta: i32) {
    // Attributes of a record: none are defined.
    out.push(0);
    varint::put(out, timestamp_delta);
    varint::put(out, offset_delta.into());
    put_field(out, record.key);
    put_field(out, record.value);
    varint::put(out, as_i64(record.headers.len()));
    for (name, value) in record.headers {
        put_field(out, Some(name.as_bytes()));
        put_field(out, Some(value));
    }
}

fn put_field(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => varint::put(out, -1),
        Some(bytes) => {
            varint::put(out, as_i64(bytes.len()));
            out.extend_from_slice(bytes);
        }
    }
}
