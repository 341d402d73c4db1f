//! The 61 bytes before the records.

use super::compression::Compression;
use super::error::BatchError;

/// Bytes before the records.
pub const HEADER_BYTES: usize = 61;
/// Bytes before what the length field counts.
const LENGTH_END: usize = 12;
/// The least the length field may say: a header with no records.
const LENGTH_MIN: usize = HEADER_BYTES - LENGTH_END;
/// Where the bytes begin that the checksum covers.
const CRC_START: usize = 21;

/// Who set the timestamps of a batch (attributes bit 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer.
    #[default]
    CreateTime,
    /// The log, when it appended.
    LogAppendTime,
}

/// The fields of a batch header. All are as stored; nothing is checked beyond length and magic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Bytes of the whole batch, with the twelve before the length field's count.
    pub bytes: usize,
    /// Epoch of the leader that appended it.
    pub leader_epoch: i32,
    /// CRC-32C of attributes to end.
    pub crc: u32,
    /// Bits: 0-2 compression, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon.
    pub attributes: i16,
    /// Offset of the last record less the base offset.
    pub last_offset_delta: i32,
    /// Timestamp of the first record, milliseconds (or the delete horizon, bit 6).
    pub base_timestamp_ms: i64,
    /// The greatest timestamp of the batch, milliseconds.
    pub max_timestamp_ms: i64,
    /// Producer id, or -1.
    pub producer_id: i64,
    /// Producer epoch, or -1.
    pub producer_epoch: i16,
    /// Sequence of the first record, or -1.
    pub base_sequence: i32,
    /// How many records it says it has.
    pub record_count: i32,
}

impl BatchHeader {
    /// Offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    /// How the records are compressed.
    ///
    /// # Errors
    /// [`BatchError::Codec`] for a codec that does not exist.
    pub fn compression(&self) -> Result<Compression, BatchError> {
        Compression::from_bits(self.attributes.to_be_bytes()[1] & 7)
    }

    /// Who set the timestamps.
    pub fn timestamp_type(&self) -> TimestampType {
        match self.attributes & 8 {
            0 => TimestampType::CreateTime,
            _ => TimestampType::LogAppendTime,
        }
    }

    /// Whether the batch belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & 16 != 0
    }

    /// Whether it holds transaction markers and no data of users.
    pub fn is_control(&self) -> bool {
        self.attributes & 32 != 0
    }
}

/// Reads the header at the front of `bytes`. The batch itself need not be whole; the length is
/// only checked to be at least a header's.
///
/// # Errors
/// [`BatchError::Truncated`], [`BatchError::Length`] or [`BatchError::Magic`].
pub fn header(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
    let Some(head) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Err(BatchError::Truncated { needed: HEADER_BYTES, have: bytes.len() });
    };
    let length = i32::from_be_bytes(field(head, 8));
    let magic = i8::from_be_bytes(field(head, 16));
    if magic != 2 {
        return Err(BatchError::Magic(magic));
    }
    let bytes = match usize::try_from(length) {
        Ok(length) if length >= LENGTH_MIN => length + LENGTH_END,
        _ => return Err(BatchError::Length { length: length.into(), max: i32::MAX as usize }),
    };
    Ok(BatchHeader {
        base_offset: i64::from_be_bytes(field(head, 0)),
        bytes,
        leader_epoch: i32::from_be_bytes(field(head, 12)),
        crc: u32::from_be_bytes(field(head, 17)),
        attributes: i16::from_be_bytes(field(head, CRC_START)),
        last_offset_delta: i32::from_be_bytes(field(head, 23)),
        base_timestamp_ms: i64::from_be_bytes(field(head, 27)),
        max_timestamp_ms: i64::from_be_bytes(field(head, 35)),
        producer_id: i64::from_be_bytes(field(head, 43)),
        producer_epoch: i16::from_be_bytes(field(head, 51)),
        base_sequence: i32::from_be_bytes(field(head, 53)),
        record_count: i32::from_be_bytes(field(head, 57)),
    })
}

/// `N` bytes of the header; `at` is one of the constants above, so the slice is always inside.
fn field<const N: usize>(head: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&head[at..at + N]);
    out
}

/// Reads and checks one whole batch at the front of `bytes`: length within `bytes` and `bytes_max`, magic 2,
/// CRC-32C, record count. This is all that the log checks; the records stay closed.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(bytes: &[u8], bytes_max: usize) -> Result<BatchHeader, BatchError> {
    let header = header(bytes)?;
    if header.bytes > bytes_max {
        let length = i64::try_from(header.bytes - LENGTH_END).unwrap_or(i64::MAX);
        return Err(BatchError::Length { length, max: bytes_max });
    }
    let Some(batch) = bytes.get(..header.bytes) else {
        return Err(BatchError::Truncated { needed: header.bytes, have: bytes.len() });
    };
    let computed = crc32c::crc32c(batch.get(CRC_START..).unwrap_or_default());
    if computed != header.crc {
        return Err(BatchError::Checksum { stored: header.crc, computed });
    }
    Ok(header)
}

impl BatchHeader {
    /// What a producer's batch must have besides a right checksum: `last offset delta + 1` records.
    /// (A compacted batch on disk has fewer.)
    ///
    /// # Errors
    /// [`BatchError::Count`] or [`BatchError::Codec`].
    pub fn check_count(&self) -> Result<(), BatchError> {
        self.compression()?;
        let expected = i64::from(self.last_offset_delta) + 1;
        if self.last_offset_delta < 0 || i64::from(self.record_count) != expected {
            return Err(BatchError::Count {
                records: self.record_count,
                last_offset_delta: self.last_offset_delta,
            });
        }
        Ok(())
    }
}

impl BatchHeader {
    /// Writes all fields to the front of `batch`, but the checksum.
    pub(super) fn write(&self, batch: &mut [u8]) {
        let length = i32::try_from(self.bytes.saturating_sub(LENGTH_END)).unwrap_or(i32::MAX);
        let mut put = |at: usize, field: &[u8]| {
            if let Some(target) = batch.get_mut(at..at + field.len()) {
                target.copy_from_slice(field);
            }
        };
        put(0, &self.base_offset.to_be_bytes());
        put(8, &length.to_be_bytes());
        put(12, &self.leader_epoch.to_be_bytes());
        put(16, &[2]);
        put(CRC_START, &self.attributes.to_be_bytes());
        put(23, &self.last_offset_delta.to_be_bytes());
        put(27, &self.base_timestamp_ms.to_be_bytes());
        put(35, &self.max_timestamp_ms.to_be_bytes());
        put(43, &self.producer_id.to_be_bytes());
        put(51, &self.producer_epoch.to_be_bytes());
        put(53, &self.base_sequence.to_be_bytes());
        put(57, &self.record_count.to_be_bytes());
    }
}

/// Patches the base offset; the checksum does not cover it.
pub(crate) fn set_base_offset(batch: &mut [u8], offset: i64) {
    if let Some(field) = batch.get_mut(..8) {
        field.copy_from_slice(&offset.to_be_bytes());
    }
}

/// Patches the leader epoch; the checksum does not cover it.
pub(crate) fn set_leader_epoch(batch: &mut [u8], epoch: i32) {
    if let Some(field) = batch.get_mut(12..16) {
        field.copy_from_slice(&epoch.to_be_bytes());
    }
}

/// Stamps a batch with the log's time (bit 3 of the attributes, max timestamp) and computes its checksum anew.
pub(crate) fn restamp(batch: &mut [u8], timestamp_ms: i64) {
    if let Some(low) = batch.get_mut(22) {
        *low |= 8;
    }
    if let Some(field) = batch.get_mut(35..43) {
        field.copy_from_slice(&timestamp_ms.to_be_bytes());
    }
    seal(batch);
}

/// Writes the checksum of what the batch now holds.
pub(super) fn seal(batch: &mut [u8]) {
    let crc = crc32c::crc32c(batch.get(CRC_START..).unwrap_or_default());
    if let Some(field) = batch.get_mut(17..CRC_START) {
        field.copy_from_slice(&crc.to_be_bytes());
    }
}
