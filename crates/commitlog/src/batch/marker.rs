//! The control batch that ends a transaction in one partition (KIP-98).
//!
//! It has one record. Its key is a version and a type, its value a version and the epoch of the coordinator that
//! decided; all versions are 0. The batch names the producer and has no sequence:
//!
//! ```text
//! key   0 version i16 | 2 type i16 (0 abort, 1 commit)
//! value 0 version i16 | 2 coordinator epoch i32
//! ```

use bytes::Bytes;

use super::builder::{BatchBuilder, Record};
use super::header::{BatchHeader, seal};
use super::records::records;

/// Bits of the attributes: transactional and control.
const TRANSACTIONAL_CONTROL: u8 = 16 | 32;
/// Types of control records; those of other numbers are not of transactions.
const ABORT: i16 = 0;
const COMMIT: i16 = 1;
/// No batch with a marker is longer; [`end_marker`] makes 78 bytes.
pub(crate) const MARKER_BYTES_MAX: usize = 256;

/// The end of a producer's transaction in one partition, as its coordinator decided it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndMarker {
    /// The producer.
    pub producer_id: i64,
    /// The epoch that the producer has from now on: that of the transaction, or one more where every
    /// transaction ends with a new epoch (KIP-890).
    pub producer_epoch: i16,
    /// Rises whenever another coordinator takes over, so that the markers of the one before are refused.
    pub coordinator_epoch: i32,
    /// Whether the transaction counts.
    pub commit: bool,
    /// The transaction protocol of the coordinator (Kafka's `transaction.version`). From 2 on `producer_epoch` must be
    /// above that of an open transaction, so that a marker that comes late cannot end the next one (KIP-1228). It is
    /// not written down: a marker that was read back says 0.
    pub transaction_version: i8,
}

impl EndMarker {
    /// Reads a control batch back.
    ///
    /// `None` when it is no marker of a transaction: other control batches exist.
    pub fn read(batch: &Bytes) -> Option<Self> {
        let records = records(batch).ok()?;
        let header = *records.header();
        if !header.is_control() {
            return None;
        }
        let record = records.iter().next()?.ok()?;
        let (commit, coordinator_epoch) = read_record(record.key?, record.value?)?;
        let BatchHeader { producer_id, producer_epoch, .. } = header;
        Some(Self {
            producer_id,
            producer_epoch,
            coordinator_epoch,
            commit,
            transaction_version: 0,
        })
    }
}

fn read_record(key: &[u8], value: &[u8]) -> Option<(bool, i32)> {
    // Later versions may have more behind; what is here stays (Kafka's rule for both schemas).
    let key: &[u8; 4] = key.first_chunk()?;
    let value: &[u8; 6] = value.first_chunk()?;
    let [version_high, version_low, type_high, type_low] = *key;
    if i16::from_be_bytes([version_high, version_low]) < 0 {
        return None;
    }
    let commit = match i16::from_be_bytes([type_high, type_low]) {
        ABORT => false,
        COMMIT => true,
        _ => return None,
    };
    let [_, _, a, b, c, d] = *value;
    Some((commit, i32::from_be_bytes([a, b, c, d])))
}

/// The control batch of `marker`, stamped with `timestamp_ms`; its base offset is 0.
pub fn end_marker(marker: &EndMarker, timestamp_ms: i64) -> Bytes {
    let kind = if marker.commit { COMMIT } else { ABORT };
    let mut key = [0; 4];
    key[2..].copy_from_slice(&kind.to_be_bytes());
    let mut value = [0; 6];
    value[2..].copy_from_slice(&marker.coordinator_epoch.to_be_bytes());
    let record = Record { timestamp_ms, key: Some(&key), value: Some(&value), ..Record::default() };
    let mut builder = BatchBuilder::new(MARKER_BYTES_MAX);
    // One record of ten bytes always fits.
    let pushed = builder.push(&record);
    debug_assert!(pushed.is_ok());
    let mut batch = builder.finish().to_vec();
    let mut put = |at: usize, field: &[u8]| {
        if let Some(target) = batch.get_mut(at..at + field.len()) {
            target.copy_from_slice(field);
        }
    };
    put(22, &[TRANSACTIONAL_CONTROL]);
    put(43, &marker.producer_id.to_be_bytes());
    put(51, &marker.producer_epoch.to_be_bytes());
    seal(&mut batch);
    Bytes::from(batch)
}
