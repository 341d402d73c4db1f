//! The bytes of the write-ahead file.
//!
//! ```text
//! block 0     0 magic (8) | 8 salt u64 | 16 bytes of the file u64 | 24 crc32c u32 (of what is before it)
//! an entry    begins at a block and is padded with zeros to one:
//!             0 magic (8) | 8 salt u64 | 16 sequence u64 | 24 synced before u64 | 32 settled before u64
//!             | 40 bytes of the body u64 | 48 number of parts u32 | 52 crc32c u32 of the body | 56 crc32c u32 (of what is
//!             before it) | 60 zeros (4) | the parts
//! a part      0 topic id (16) | 16 partition i32 | 20 bytes u32 | 24 segment i64 | 32 position u64 | 40 the bytes
//! ```
//!
//! All numbers are big-endian. The salt is random and changes whenever everything in the file is settled, so that no
//! earlier entry, and nothing that a client sent, can be taken for an entry.

use bytes::Bytes;
use tidemill_world::BLOCK_BYTES;

use crate::checkpoint::PartitionKey;
use crate::config::TopicId;

const FILE_MAGIC: &[u8; 8] = b"tmwalf\x00\x01";
const ENTRY_MAGIC: &[u8; 8] = b"tmwale\x00\x01";
pub(crate) const FILE_HEAD_BYTES: usize = 28;
pub(crate) const ENTRY_HEAD_BYTES: usize = 64;
pub(crate) const PART_HEAD_BYTES: usize = 40;

/// What block 0 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileHead {
    pub(crate) salt: u64,
    /// Bytes of the file.
    pub(crate) bytes: u64,
}

impl FileHead {
    pub(crate) fn encode(self) -> [u8; FILE_HEAD_BYTES] {
        let mut head = [0; FILE_HEAD_BYTES];
        put(&mut head, 0, FILE_MAGIC);
        put(&mut head, 8, &self.salt.to_be_bytes());
        put(&mut head, 16, &self.bytes.to_be_bytes());
        seal(&mut head, 24);
        head
    }

    pub(crate) fn decode(head: &[u8]) -> Option<Self> {
        if !is_sealed(head, 24) || head.first_chunk() != Some(FILE_MAGIC) {
            return None;
        }
        Some(Self { salt: u64_at(head, 8)?, bytes: u64_at(head, 16)? })
    }
}

/// What an entry says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryHead {
    pub(crate) salt: u64,
    pub(crate) sequence: u64,
    /// Entries below this were synced before this one was written.
    pub(crate) synced_before: u64,
    /// What is in entries below this lies in the segments, synced.
    pub(crate) settled_before: u64,
    pub(crate) body_bytes: u64,
    pub(crate) parts: u32,
    pub(crate) body_crc: u32,
}

impl EntryHead {
    pub(crate) fn encode(&self) -> [u8; ENTRY_HEAD_BYTES] {
        let mut head = [0; ENTRY_HEAD_BYTES];
        put(&mut head, 0, ENTRY_MAGIC);
        put(&mut head, 8, &self.salt.to_be_bytes());
        put(&mut head, 16, &self.sequence.to_be_bytes());
        put(&mut head, 24, &self.synced_before.to_be_bytes());
        put(&mut head, 32, &self.settled_before.to_be_bytes());
        put(&mut head, 40, &self.body_bytes.to_be_bytes());
        put(&mut head, 48, &self.parts.to_be_bytes());
        put(&mut head, 52, &self.body_crc.to_be_bytes());
        seal(&mut head, 56);
        head
    }

    /// The head at the beginning of `block`, if there is a whole one under this salt.
    pub(crate) fn decode(block: &[u8], salt: u64) -> Option<Self> {
        if block.first_chunk() != Some(ENTRY_MAGIC) || !is_sealed(block, 56) {
            return None;
        }
        let head = Self {
            salt: u64_at(block, 8)?,
            sequence: u64_at(block, 16)?,
            synced_before: u64_at(block, 24)?,
            settled_before: u64_at(block, 32)?,
            body_bytes: u64_at(block, 40)?,
            parts: u32_at(block, 48)?,
            body_crc: u32_at(block, 52)?,
        };
        (head.salt == salt).then_some(head)
    }

    /// Bytes that an entry with such a body takes in the file.
    pub(crate) fn span(body_bytes: u64) -> u64 {
        (ENTRY_HEAD_BYTES as u64).saturating_add(body_bytes).next_multiple_of(BLOCK_BYTES as u64)
    }
}

/// Bytes of one partition that belong into one of its segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) key: PartitionKey,
    pub(crate) segment: i64,
    pub(crate) position: u64,
    pub(crate) bytes: Bytes,
}

/// An entry while it is gathered; the memory is reused.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pieces: Vec<Piece>,
    bytes: u64,
    parts: u32,
}

#[derive(Debug)]
enum Piece {
    Head([u8; PART_HEAD_BYTES]),
    Bytes(Bytes),
}

impl Piece {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Head(head) => head,
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl Draft {
    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
        self.bytes = 0;
        self.parts = 0;
    }

    /// Begins a part of `bytes` bytes, which must be [pushed](Self::push) next.
    pub(crate) fn begin(&mut self, key: PartitionKey, segment: i64, position: u64, bytes: usize) {
        let mut head = [0; PART_HEAD_BYTES];
        put(&mut head, 0, &key.0.0);
        put(&mut head, 16, &key.1.to_be_bytes());
        put(&mut head, 20, &u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes());
        put(&mut head, 24, &segment.to_be_bytes());
        put(&mut head, 32, &position.to_be_bytes());
        self.bytes += PART_HEAD_BYTES as u64;
        self.parts += 1;
        self.pieces.push(Piece::Head(head));
    }

    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.bytes += bytes.len() as u64;
        self.pieces.push(Piece::Bytes(bytes));
    }

    pub(crate) fn parts(&self) -> u32 {
        self.parts
    }

    /// Bytes of the body.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The body in order.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(Piece::as_slice)
    }

    pub(crate) fn crc(&self) -> u32 {
        self.pieces().fold(0, crc32c::crc32c_append)
    }
}

/// The parts of a body whose checksum is right; `None` if it is none of ours all the same.
pub(crate) fn parts(body: &Bytes, count: u32) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut at = 0usize;
    for _ in 0..count {
        let head = body.get(at..)?.first_chunk::<PART_HEAD_BYTES>()?;
        let id = TopicId(*head.first_chunk()?);
        let partition = i32::from_be_bytes(*head.get(16..)?.first_chunk()?);
        let bytes = usize::try_from(u32_at(head, 20)?).ok()?;
        let segment = i64::from_be_bytes(*head.get(24..)?.first_chunk()?);
        let position = u64_at(head, 32)?;
        let start = at + PART_HEAD_BYTES;
        at = start.checked_add(bytes).filter(|end| *end <= body.len())?;
        let bytes = body.slice(start..at);
        parts.push(Part { key: (id, partition), segment, position, bytes });
    }
    (at == body.len()).then_some(parts)
}

fn put(head: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = head.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// Puts the checksum of the first `at` bytes behind them.
fn seal(head: &mut [u8], at: usize) {
    let crc = crc32c::crc32c(head.get(..at).unwrap_or_default());
    put(head, at, &crc.to_be_bytes());
}

fn is_sealed(head: &[u8], at: usize) -> bool {
    let Some(sealed) = head.get(..at) else { return false };
    u32_at(head, at) == Some(crc32c::crc32c(sealed))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests;
