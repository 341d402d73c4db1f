//! The keys and values of `__consumer_offsets`, in Kafka's own bytes.
//!
//! Key v0/v1: version i16, group, topic (strings with an i16 length), partition i32. Value: version i16, offset i64,
//! then by version: v0 metadata, timestamp i64; v1 metadata, timestamp, expiry i64; v2 as v0; v3 leader
//! epoch i32, metadata, timestamp. We write key v1 and value v3; keys of later versions are
//! the coordinator's own records.

/// Bytes of the metadata of one offset: its length is 16 bits with a sign. Whoever takes commits from strangers asks for less
/// (Kafka's `offset.metadata.max.bytes`).
pub const METADATA_BYTES_MAX: usize = i16::MAX as usize;

/// How far a group has read one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: i64,
    /// Leader epoch of the last record that was read, or -1.
    pub leader_epoch: i32,
    /// What the consumer wrote beside it, at most [`METADATA_BYTES_MAX`] bytes.
    pub metadata: String,
}

impl CommittedOffset {
    /// An offset with nothing beside it.
    pub fn new(offset: i64) -> Self {
        Self { offset, leader_epoch: -1, metadata: String::new() }
    }
}

/// Whose offset a record is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OffsetKey {
    pub(super) group: String,
    pub(super) topic: String,
    pub(super) partition: i32,
}

/// The key's bytes. The strings were checked to be short enough.
pub(super) fn encode_key(group: &str, topic: &str, partition: i32) -> Vec<u8> {
    let mut out = Vec::with_capacity(10 + group.len() + topic.len());
    out.extend_from_slice(&1i16.to_be_bytes());
    put_string(&mut out, group);
    put_string(&mut out, topic);
    out.extend_from_slice(&partition.to_be_bytes());
    out
}

/// The value's bytes.
pub(super) fn encode_value(committed: &CommittedOffset, timestamp_ms: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(24 + committed.metadata.len());
    out.extend_from_slice(&3i16.to_be_bytes());
    out.extend_from_slice(&committed.offset.to_be_bytes());
    out.extend_from_slice(&committed.leader_epoch.to_be_bytes());
    put_string(&mut out, &committed.metadata);
    out.extend_from_slice(&timestamp_ms.to_be_bytes());
    out
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    let length = i16::try_from(text.len()).unwrap_or(i16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Reads a key; `None` when it is not that of an offset.
pub(super) fn decode_key(mut bytes: &[u8]) -> Option<OffsetKey> {
    let version = i16::from_be_bytes(take(&mut bytes)?);
    if !(0..=1).contains(&version) {
        return None;
    }
    Some(OffsetKey {
        group: take_string(&mut bytes)?,
        topic: take_string(&mut bytes)?,
        partition: i32::from_be_bytes(take(&mut bytes)?),
    })
}

/// Reads a value: the offset, and when it was committed, milliseconds since 1970. `None` when it is malformed or of an
/// unknown version.
pub(super) fn decode_value(mut bytes: &[u8]) -> Option<(CommittedOffset, i64)> {
    let version = i16::from_be_bytes(take(&mut bytes)?);
    let offset = i64::from_be_bytes(take(&mut bytes)?);
    let leader_epoch = match version {
        0..=2 => -1,
        3 => i32::from_be_bytes(take(&mut bytes)?),
        _ => return None,
    };
    let metadata = take_string(&mut bytes)?;
    let timestamp_ms = i64::from_be_bytes(take(&mut bytes)?);
    Some((CommittedOffset { offset, leader_epoch, metadata }, timestamp_ms))
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (field, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*field)
}

fn take_string(bytes: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(i16::from_be_bytes(take(bytes)?)).ok()?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    String::from_utf8(text.to_vec()).ok()
}
