//! What can be wrong with a batch.

use thiserror::Error;

/// Why bytes are not a batch that the log takes. Nothing was consumed; the same bytes will fail again.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BatchError {
    /// Fewer bytes than a header, or than the length field promises.
    #[error("batch of {needed} bytes is cut short: {have} bytes are there")]
    Truncated {
        /// Bytes that the batch should have.
        needed: usize,
        /// Bytes at hand.
        have: usize,
    },
    /// The length field is smaller than a header or larger than allowed.
    #[error("batch length {length} is out of bounds: it must be 49 to {max}")]
    Length {
        /// The length field.
        length: i64,
        /// The most that is allowed here.
        max: usize,
    },
    /// Another format than v2.
    #[error("batch has magic {0}: only record batches v2 are stored; convert before the append")]
    Magic(i8),
    /// The checksum does not fit the bytes.
    #[error("batch checksum is {stored:08x}, its bytes give {computed:08x}: resend the batch")]
    Checksum {
        /// In the header.
        stored: u32,
        /// Computed from the bytes.
        computed: u32,
    },
    /// Record count and last offset delta disagree, or one of them is negative.
    #[error("batch has {records} records but last offset delta {last_offset_delta}")]
    Count {
        /// The record count field.
        records: i32,
        /// The last offset delta field.
        last_offset_delta: i32,
    },
    /// An unknown compression codec (attributes bits 0-2).
    #[error("batch has unknown compression codec {0}")]
    Codec(u8),
    /// The compressed records cannot be unpacked.
    #[error("batch records cannot be decompressed as {codec}: {reason}")]
    Decompress {
        /// The codec's name.
        codec: &'static str,
        /// What the decompressor said.
        reason: String,
    },
    /// The records unpack to more than the bound.
    #[error("batch records decompress to more than {max} bytes")]
    TooLarge {
        /// The bound.
        max: usize,
    },
    /// A record's fields do not fit its length.
    #[error("record {index} of the batch is malformed: {what}")]
    Record {
        /// Its place in the batch.
        index: i32,
        /// The field that is wrong.
        what: &'static str,
    },
    /// The builder is full.
    #[error(
        "record does not fit: the batch would have {bytes} bytes of at most {max}; finish it first"
    )]
    Full {
        /// Bytes the batch would have.
        bytes: usize,
        /// The bound.
        max: usize,
    },
}
