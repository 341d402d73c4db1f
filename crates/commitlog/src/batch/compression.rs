//! Packing and unpacking the records of a batch, with a bound on what comes out.
//!
//! Kafka's codecs: gzip; snappy, either raw or in xerial frames (a 16-byte head, then blocks with a length
//! each); lz4 in its frame format; zstd.

use std::io::{self, Read, Write};

use super::error::BatchError;

/// How the records of a batch are compressed (attributes bits 0-2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// Gzip.
    Gzip,
    /// Snappy, written in xerial frames as Kafka's clients do.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// The head of xerial's snappy frames: magic, version 1, compatible version 1.
const XERIAL_HEAD: [u8; 16] = *b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01";
/// Bytes of a xerial block before compression, as xerial's own default.
const XERIAL_BLOCK_BYTES: usize = 32 << 10;

impl Compression {
    pub(super) fn from_bits(bits: u8) -> Result<Self, BatchError> {
        match bits {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            other => Err(BatchError::Codec(other)),
        }
    }

    pub(super) fn bits(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// The name in Kafka's configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Compresses `records` onto the end of `out`.
    pub(super) fn pack(self, records: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::None => out.extend_from_slice(records),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
                encoder.write_all(records)?;
                encoder.finish()?;
            }
            Self::Snappy => pack_xerial(records, out)?,
            Self::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(out);
                encoder.write_all(records)?;
                encoder.finish().map_err(io::Error::other)?;
            }
            Self::Zstd => {
                // Level 0 is the library's default level.
                let mut encoder = zstd::stream::write::Encoder::new(out, 0)?;
                encoder.write_all(records)?;
                encoder.finish()?;
            }
        }
        Ok(())
    }

    /// Unpacks `packed` into at most `bytes_max` bytes.
    pub(super) fn unpack(self, packed: &[u8], bytes_max: usize) -> Result<Vec<u8>, BatchError> {
        match self {
            Self::None => Ok(packed.to_vec()),
            Self::Gzip => self.read_bounded(flate2::read::MultiGzDecoder::new(packed), bytes_max),
            Self::Snappy => unpack_snappy(packed, bytes_max),
            Self::Lz4 => self.read_bounded(lz4_flex::frame::FrameDecoder::new(packed), bytes_max),
            Self::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(packed);
                self.read_bounded(decoder.map_err(|error| self.failed(&error))?, bytes_max)
            }
        }
    }

    fn read_bounded(self, source: impl Read, bytes_max: usize) -> Result<Vec<u8>, BatchError> {
        let mut out = Vec::new();
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        source.take(limit).read_to_end(&mut out).map_err(|error| self.failed(&error))?;
        if out.len() > bytes_max {
            return Err(BatchError::TooLarge { max: bytes_max });
        }
        Ok(out)
    }

    fn failed(self, error: &dyn std::error::Error) -> BatchError {
        BatchError::Decompress { codec: self.name(), reason: error.to_string() }
    }
}

fn pack_xerial(records: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    out.extend_from_slice(&XERIAL_HEAD);
    let mut encoder = snap::raw::Encoder::new();
    for block in records.chunks(XERIAL_BLOCK_BYTES) {
        let packed = encoder.compress_vec(block).map_err(io::Error::other)?;
        let length = i32::try_from(packed.len()).map_err(io::Error::other)?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&packed);
    }
    Ok(())
}

fn unpack_snappy(packed: &[u8], bytes_max: usize) -> Result<Vec<u8>, BatchError> {
    let mut out = Vec::new();
    // Only the magic is compared: the versions after it differ between writers.
    if !packed.starts_with(&XERIAL_HEAD[..8]) {
        unpack_snappy_block(packed, &mut out, bytes_max)?;
        return Ok(out);
    }
    let mut rest = packed.get(XERIAL_HEAD.len()..).unwrap_or_default();
    while !rest.is_empty() {
        let cut_short = || Compression::Snappy.failed(&io::Error::other("a block is cut short"));
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(cut_short)?;
        let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| cut_short())?;
        let (block, after) = after.split_at_checked(length).ok_or_else(cut_short)?;
        unpack_snappy_block(block, &mut out, bytes_max)?;
        rest = after;
    }
    Ok(out)
}

/// Appends one block. The length that the block claims is checked against the bound *and* against the most
/// that so many bytes can unpack to before memory is taken for it.
fn unpack_snappy_block(block: &[u8], out: &mut Vec<u8>, max: usize) -> Result<(), BatchError> {
    /// A snappy copy element of three bytes makes at most 64; 32 to 1 is beyond what is possible.
    const RATIO_MAX: usize = 32;
    let length = snap::raw::decompress_len(block).map_err(|e| Compression::Snappy.failed(&e))?;
    if length > max.saturating_sub(out.len()) {
        return Err(BatchError::TooLarge { max });
    }
    if length > block.len().saturating_mul(RATIO_MAX) {
        let claim = io::Error::other("a block claims more than its bytes can hold");
        return Err(Compression::Snappy.failed(&claim));
    }
    let start = out.len();
    out.resize(start + length, 0);
    let target = out.get_mut(start..).unwrap_or_default();
    let written = snap::raw::Decoder::new()
        .decompress(block, target)
        .map_err(|error| Compression::Snappy.failed(&error))?;
    out.truncate(start + written);
    Ok(())
}
