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
//! Kafka's own reader keeps the last entry of a producer, which is what it would have written itself. A producer of
//! which only a marker is known has one entry with sequence and offset -1, as in Kafka.

use crate::producers::{Producer, Producers, Written};

/// The version that is written and read.
const VERSION: i16 = 1;
/// Where the bytes begin that the checksum covers.
const CRC_END: usize = 6;
const ENTRY_BYTES: usize = 46;
/// The batch of a producer of which no batch is known.
const NO_BATCH: Written = Written { last_sequence: -1, last_offset: -1, offset_delta: 0 };

/// The snapshot of `producers`.
pub(crate) fn encode(producers: &Producers) -> Vec<u8> {
    let mut entries = Vec::new();
    for (id, producer) in producers.known() {
        let batches = match producer.batches() {
            [] => &[NO_BATCH],
            batches => batches,
        };
        batches.iter().for_each(|batch| encode_entry(&mut entries, id, producer, batch));
    }
    let count = i32::try_from(entries.len() / ENTRY_BYTES).unwrap_or(i32::MAX);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&count.to_be_bytes()), &entries);
    let mut snapshot = Vec::with_capacity(CRC_END + 4 + entries.len());
    snapshot.extend_from_slice(&VERSION.to_be_bytes());
    snapshot.extend_from_slice(&crc.to_be_bytes());
    snapshot.extend_from_slice(&count.to_be_bytes());
    snapshot.append(&mut entries);
    snapshot
}

fn encode_entry(entries: &mut Vec<u8>, id: i64, producer: &Producer, batch: &Written) {
    entries.extend_from_slice(&id.to_be_bytes());
    entries.extend_from_slice(&producer.epoch.to_be_bytes());
    entries.extend_from_slice(&batch.last_sequence.to_be_bytes());
    entries.extend_from_slice(&batch.last_offset.to_be_bytes());
    entries.extend_from_slice(&batch.offset_delta.to_be_bytes());
    entries.extend_from_slice(&producer.at_ms.to_be_bytes());
    entries.extend_from_slice(&producer.coordinator_epoch.to_be_bytes());
    entries.extend_from_slice(&producer.open_since.unwrap_or(-1).to_be_bytes());
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
    let mut last: Option<(i64, Producer)> = None;
    for entry in entries {
        let (id, mut producer, batch) = decode_entry(entry).ok_or("an entry is wrong")?;
        match last.take() {
            // One more batch of the same producer.
            Some((before, known)) if before == id => {
                known.batches().iter().for_each(|batch| producer.push(*batch));
            }
            Some((before, known)) => producers.restore(before, known),
            None => {}
        }
        if batch.last_sequence >= 0 && batch.offset_delta >= 0 {
            producer.push(batch);
        }
        last = Some((id, producer));
    }
    if let Some((id, producer)) = last {
        producers.restore(id, producer);
    }
    Ok(producers)
}

fn decode_entry(entry: &[u8]) -> Option<(i64, Producer, Written)> {
    let (id, rest) = entry.split_first_chunk()?;
    let (epoch, rest) = rest.split_first_chunk()?;
    let (last_sequence, rest) = rest.split_first_chunk()?;
    let (last_offset, rest) = rest.split_first_chunk()?;
    let (offset_delta, rest) = rest.split_first_chunk()?;
    let (at_ms, rest) = rest.split_first_chunk()?;
    let (coordinator_epoch, rest) = rest.split_first_chunk()?;
    let (open_since, _) = rest.split_first_chunk()?;
    let batch = Written {
        last_sequence: i32::from_be_bytes(*last_sequence),
        last_offset: i64::from_be_bytes(*last_offset),
        offset_delta: i32::from_be_bytes(*offset_delta),
    };
    let mut producer = Producer::new(i16::from_be_bytes(*epoch), i64::from_be_bytes(*at_ms));
    producer.coordinator_epoch = i32::from_be_bytes(*coordinator_epoch);
    producer.open_since = Some(i64::from_be_bytes(*open_since)).filter(|first| *first >= 0);
    Some((i64::from_be_bytes(*id), producer, batch))
}

#[cfg(test)]
mod tests;
