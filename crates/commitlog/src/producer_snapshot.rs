//! The bytes of a producer snapshot, in Kafka's format version 1.
//!
//! ```text
//! 0 version i16 | 2 crc32c u32 (of all that follows) | 6 number of entries i32 | entries of 46 bytes:
//! producer id i64 | epoch i16 | last sequence i32 | last offset i64 | offset delta i32 | timestamp i64
//! | coordinator epoch i32 | first offset of the open transaction i64 (-1: none)
//! ```
//!
//! Kafka writes one entry for each producer, its last batch, and forgets the four before. Here every batch that is
//! remembered has an entry, a producer's oldest first, so that a retry is recognised after a restart too.
//! Kafka's own reader keeps the last entry of a producer, which is what it would have written itself.

use crate::producers::{Producers, Written};

/// The version that is written and read.
const VERSION: i16 = 1;
/// Where the bytes begin that the checksum covers.
const CRC_END: usize = 6;
const ENTRY_BYTES: usize = 46;
/// No transaction is open, and no coordinator has written.
const NONE: i32 = -1;

/// The snapshot of `producers`.
pub(crate) fn encode(producers: &Producers) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut count = 0i32;
    for (id, epoch, batch) in producers.batches() {
        count = count.saturating_add(1);
        entries.extend_from_slice(&id.to_be_bytes());
        entries.extend_from_slice(&epoch.to_be_bytes());
        entries.extend_from_slice(&batch.last_sequence.to_be_bytes());
        entries.extend_from_slice(&batch.last_offset.to_be_bytes());
        entries.extend_from_slice(&batch.offset_delta.to_be_bytes());
        entries.extend_from_slice(&batch.at_ms.to_be_bytes());
        entries.extend_from_slice(&NONE.to_be_bytes());
        entries.extend_from_slice(&i64::from(NONE).to_be_bytes());
    }
    let crc = crc32c::crc32c_append(crc32c::crc32c(&count.to_be_bytes()), &entries);
    let mut snapshot = Vec::with_capacity(CRC_END + 4 + entries.len());
    snapshot.extend_from_slice(&VERSION.to_be_bytes());
    snapshot.extend_from_slice(&crc.to_be_bytes());
    snapshot.extend_from_slice(&count.to_be_bytes());
    snapshot.append(&mut entries);
    snapshot
}

/// The producers of a snapshot, or what is wrong with it.
pub(crate) fn decode(snapshot: &[u8]) -> Result<Producers, &'static str> {
    let (version, rest) = snapshot.split_first_chunk().ok_or("it is cut short")?;
    if i16::from_be_bytes(*version) != VERSION {
        return Err("its version is not 1");
    }
    let (crc, rest) = rest.split_first_chunk().ok_or("it is cut short")?;
    if crc32c::crc32c(rest) != u32::from_be_bytes(*crc) {
        return Err("its checksum is wrong");
    }
    let (count, entries) = rest.split_first_chunk().ok_or("it is cut short")?;
    let (entries, left) = entries.as_chunks::<ENTRY_BYTES>();
    if usize::try_from(i32::from_be_bytes(*count)) != Ok(entries.len()) || !left.is_empty() {
        return Err("its length is not that of its entries");
    }
    let mut producers = Producers::default();
    for entry in entries {
        decode_entry(entry, &mut producers).ok_or("an entry is wrong")?;
        producers.commit();
    }
    Ok(producers)
}

fn decode_entry(entry: &[u8], producers: &mut Producers) -> Option<()> {
    let (id, rest) = entry.split_first_chunk()?;
    let (epoch, rest) = rest.split_first_chunk()?;
    let (last_sequence, rest) = rest.split_first_chunk()?;
    let (last_offset, rest) = rest.split_first_chunk()?;
    let (offset_delta, rest) = rest.split_first_chunk()?;
    let (at_ms, _) = rest.split_first_chunk()?;
    let batch = Written {
        last_sequence: i32::from_be_bytes(*last_sequence),
        last_offset: i64::from_be_bytes(*last_offset),
        offset_delta: i32::from_be_bytes(*offset_delta),
        at_ms: i64::from_be_bytes(*at_ms),
    };
    // A producer that only ended a transaction has no sequence: there is nothing to remember.
    if batch.last_sequence >= 0 && batch.offset_delta >= 0 {
        producers.insert(i64::from_be_bytes(*id), i16::from_be_bytes(*epoch), batch);
    }
    Some(())
}

#[cfg(test)]
mod tests;
