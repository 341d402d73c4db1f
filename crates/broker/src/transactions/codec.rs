//! The keys and values of `__transaction_state`, in Kafka's own bytes, so that its tools read ours and ours reads its.
//!
//! ```text
//! key    version i16 (0) | transactional id
//! value  version i16 | producer id i64 | epoch i16 | timeout ms i32 | state i8 | partitions by topic (null if there
//!        are none) | last update i64 | begin i64
//!        from version 1 on, flexible: tags 0 previous producer id, 1 next producer id, 2 client's protocol
//! ```
//!
//! Version 1 is written, 0 and 1 are read. A tombstone forgets the id.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use tidemill_wire::{DecodeError, EncodeError, Reader, Text, Writer};

use super::metadata::{Metadata, State};
use super::types::{NO_EPOCH, NO_ID, Place, Producer};

/// The version of keys; others are of things that we do not know.
const KEY_VERSION: i16 = 0;
/// The version of values that we write: the first flexible one.
const VALUE_VERSION: i16 = 1;

/// Why a record cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// Its bytes do not fit the format.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A newer Kafka wrote it.
    #[error("its value has version {0}, known are 0 and 1")]
    Version(i16),
    /// A state that is never written.
    #[error("its state is {0}, known are 0 to 5")]
    State(i8),
}

/// The key of a transactional id.
///
/// # Errors
/// The id has more than 32,767 bytes.
pub(crate) fn encode_key(id: &str) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::new();
    writer.i16(KEY_VERSION)?;
    writer.string("transactional_id", &Text::from(id))?;
    Ok(writer.into_bytes())
}

/// The transactional id of a key; `None` if it is a key of something else.
pub(crate) fn decode_key(key: &[u8]) -> Option<Arc<str>> {
    let mut reader = Reader::new(Bytes::copy_from_slice(key));
    if reader.i16("version").ok()? != KEY_VERSION {
        return None;
    }
    Some(reader.string("transactional_id").ok()?.as_str().into())
}

/// The value of a transactional id.
///
/// # Errors
/// More partitions than an array can have.
pub(crate) fn encode_value(metadata: &Metadata) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::new();
    writer.i16(VALUE_VERSION)?;
    writer.set_flexible(true);
    writer.i64(metadata.producer.id)?;
    writer.i16(metadata.producer.epoch)?;
    writer.i32(metadata.timeout_ms)?;
    writer.i8(metadata.state as i8)?;
    let topics = by_topic(&metadata.partitions);
    let topics = Some(topics.as_slice()).filter(|topics| !topics.is_empty());
    writer.nullable_array("partitions", true, topics, |writer, (topic, indexes)| {
        writer.string("topic", &Text::from(&**topic))?;
        writer.array("indexes", indexes, |writer, index| writer.i32(*index))?;
        writer.no_tags();
        Ok(())
    })?;
    writer.i64(metadata.update_ms)?;
    writer.i64(metadata.start_ms)?;
    let ids = [(0, metadata.previous_id), (1, metadata.next_id)];
    let version = metadata.client_version;
    writer.tag_count(&[ids[0].1 != NO_ID, ids[1].1 != NO_ID, version != 0]);
    for (tag, id) in ids.into_iter().filter(|(_, id)| *id != NO_ID) {
        writer.tag(tag, "producer_id", |writer| writer.i64(id))?;
    }
    if version != 0 {
        writer.tag(2, "client_version", |writer| writer.i16(version))?;
    }
    Ok(writer.into_bytes())
}

/// Partition indexes by topic, in order.
pub(crate) fn by_topic(partitions: &BTreeSet<Place>) -> Vec<(Arc<str>, Vec<i32>)> {
    let mut topics: Vec<(Arc<str>, Vec<i32>)> = Vec::new();
    for (topic, index) in partitions {
        match topics.last_mut() {
            Some((last, indexes)) if last == topic => indexes.push(*index),
            _ => topics.push((Arc::clone(topic), vec![*index])),
        }
    }
    topics
}

/// What a value says.
///
/// # Errors
/// See [`RecordError`].
pub(crate) fn decode_value(value: &[u8]) -> Result<Metadata, RecordError> {
    let mut reader = Reader::new(Bytes::copy_from_slice(value));
    let version = reader.i16("version")?;
    if !(0..=VALUE_VERSION).contains(&version) {
        return Err(RecordError::Version(version));
    }
    reader.set_flexible(version >= 1);
    let mut metadata = Metadata::new(reader.i64("producer_id")?, 0, 0);
    metadata.producer = Producer { epoch: reader.i16("epoch")?, ..metadata.producer };
    metadata.timeout_ms = reader.i32("timeout_ms")?;
    let state = reader.i8("state")?;
    let known = State::ALL.into_iter().find(|known| *known as i8 == state);
    metadata.state = known.ok_or(RecordError::State(state))?;
    metadata.partitions = read_partitions(&mut reader)?;
    metadata.update_ms = reader.i64("update_ms")?;
    metadata.start_ms = reader.i64("start_ms")?;
    metadata.last_epoch = NO_EPOCH;
    reader.tags("value", |reader, tag| {
        match tag {
            0 => metadata.previous_id = reader.i64("previous_id")?,
            1 => metadata.next_id = reader.i64("next_id")?,
            2 => metadata.client_version = reader.i16("client_version")?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(metadata)
}

fn read_partitions(reader: &mut Reader) -> Result<BTreeSet<Place>, DecodeError> {
    let topics = reader.nullable_array("partitions", true, |reader| {
        let topic: Arc<str> = reader.string("topic")?.as_str().into();
        let indexes = reader.array("indexes", |reader| reader.i32("index"))?;
        reader.skip_tags("topic")?;
        Ok((topic, indexes))
    })?;
    let topics = topics.into_iter().flatten();
    Ok(topics
        .flat_map(|(topic, indexes)| {
            indexes.into_iter().map(move |index| (Arc::clone(&topic), index))
        })
        .collect())
}
