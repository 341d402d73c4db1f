//! Kafka's record batch, format v2: header, builder, and the records inside.
//!
//! # Constraints
//!
//! * A batch is opaque bytes to the rest of the log: length, header and CRC-32C are checked, base offset
//!   and leader epoch are patched (both lie before what the checksum covers), nothing else is touched.
//! * All reading is bounds-checked; hostile bytes give a [`BatchError`], never a panic and never memory that
//!   the bytes at hand do not justify.
//!
//! # Layout
//!
//! ```text
//! 0  base offset i64 | 8 length i32 (of what follows) | 12 leader epoch i32 | 16 magic i8
//! 17 crc32c u32 (of all that follows) | 21 attributes i16 | 23 last offset delta i32
//! 27 base timestamp i64 | 35 max timestamp i64 | 43 producer id i64 | 51 producer epoch i16
//! 53 base sequence i32 | 57 record count i32 | 61 records (compressed as one block)
//! ```
//!
//! [`header`] reads and checks the 61 bytes, [`BatchBuilder`] makes a batch, [`records`] walks one.

mod builder;
mod compression;
mod error;
mod frames;
mod header;
mod marker;
mod records;
mod rewrite;
#[cfg(test)]
mod tests;
mod varint;

pub use builder::{BatchBuilder, ProducerStamp, Record};
pub use compression::Compression;
pub use error::BatchError;
pub use frames::{Frames, frames};
pub use header::{BatchHeader, HEADER_BYTES, TimestampType, check, header};
pub(crate) use header::{restamp, set_base_offset, set_leader_epoch};
pub(crate) use marker::MARKER_BYTES_MAX;
pub use marker::{EndMarker, end_marker};
pub use records::{HeaderIter, RecordIter, RecordView, Records, records};
pub(crate) use rewrite::{empty, rewrite};
