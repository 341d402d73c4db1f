//! Any bytes as record batches: header, checksum, records, all codecs.
//!
//! The checksum is made right in half of the inputs, so that what lies behind it is reached.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use support::{Counting, within};
use tidemill_commitlog::DECOMPRESSED_BYTES_MAX;
use tidemill_commitlog::batch::{HEADER_BYTES, check, frames, header, records};

#[global_allocator]
static COUNTING: Counting = Counting;

/// A decompressor may hold its window and what it made, beside the input.
const FIXED_BYTES: usize = 2 * DECOMPRESSED_BYTES_MAX + (32 << 20);

/// Where the length, the checksum and what it covers lie.
const LENGTH: std::ops::Range<usize> = 8..12;
const CRC: std::ops::Range<usize> = 17..21;

fuzz_target!(|input: &[u8]| {
    let Some((repair, batch)) = input.split_first() else { return };
    let mut batch = batch.to_vec();
    if repair % 2 == 1 && batch.len() >= HEADER_BYTES {
        let length = u32::try_from(batch.len() - LENGTH.end).unwrap_or(u32::MAX);
        batch[LENGTH].copy_from_slice(&length.to_be_bytes());
        batch[16] = 2;
        let crc = crc32c(&batch[CRC.end..]);
        batch[CRC].copy_from_slice(&crc.to_be_bytes());
    }
    let batch = Bytes::from(batch);
    within(batch.len() * 4 + FIXED_BYTES, || {
        let _ = header(&batch);
        let _ = check(&batch, batch.len());
        for frame in frames(&batch) {
            if frame.is_err() {
                break;
            }
        }
        let Ok(records) = records(&batch) else { return };
        for record in &records {
            let Ok(record) = record else { break };
            record.headers().for_each(drop);
        }
    });
});

/// CRC-32C, bit by bit: the targets need no crate for it.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82F6_3B78 } else { crc >> 1 };
        }
    }
    !crc
}
