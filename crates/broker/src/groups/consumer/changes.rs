//! What is kept of a group of the consumer protocol in `__consumer_offsets`, in Kafka's own records.
//!
//! A key is the record type as i16, the group and, where there is one, the member, as strings with an i16 length.
//! A value is a version (0) as i16 and flexible fields. Types: 3 group, 5 member, 6 epoch of the target, 7 a member's
//! target, 8 what a member has. Type 16, topics that a pattern matched, is not written: patterns are matched anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use tidemill_wire::{DecodeError, EncodeError, Reader, Text, Uuid, Writer};

use super::member::{Current, MemberState, Metadata};
use super::types::{Owned, Partitions};

const GROUP: i16 = 3;
const MEMBER: i16 = 5;
const TARGET_EPOCH: i16 = 6;
const TARGET: i16 = 7;
const CURRENT: i16 = 8;
const VERSION: i16 = 0;

/// A key and its value, `None` for one that is removed.
pub(crate) type KeyValue = (Bytes, Option<Bytes>);

/// Something to keep; `None` is for what is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Epoch of the group and fingerprint of its topics.
    Group(Option<(i32, i64)>),
    /// What a member says of itself.
    Member(Text, Option<Metadata>),
    /// Epoch of the target.
    TargetEpoch(Option<i32>),
    /// What a member shall have.
    Target(Text, Option<Partitions>),
    /// What a member has.
    Current(Text, Option<Current>),
}

impl Change {
    /// The record that keeps it.
    ///
    /// # Errors
    /// A name is too long for the record.
    pub(crate) fn encode(&self, group: &Text) -> Result<KeyValue, EncodeError> {
        let (kind, member) = match self {
            Self::Group(_) => (GROUP, None),
            Self::Member(id, _) => (MEMBER, Some(id)),
            Self::TargetEpoch(_) => (TARGET_EPOCH, None),
            Self::Target(id, _) => (TARGET, Some(id)),
            Self::Current(id, _) => (CURRENT, Some(id)),
        };
        let mut key = Writer::new();
        key.i16(kind)?;
        key.string("GroupId", group)?;
        if let Some(id) = member {
            key.string("MemberId", id)?;
        }
        Ok((key.into_bytes(), self.value()?))
    }

    fn value(&self) -> Result<Option<Bytes>, EncodeError> {
        let mut out = Writer::new();
        out.i16(VERSION)?;
        out.set_flexible(true);
        match self {
            Self::Group(Some((epoch, hash))) => {
                out.i32(*epoch)?;
                out.tag_count(&[true]);
                out.tag(0, "MetadataHash", |out| out.i64(*hash))?;
            }
            Self::Member(_, Some(metadata)) => write_metadata(&mut out, metadata)?,
            Self::TargetEpoch(Some(epoch)) => {
                out.i32(*epoch)?;
                out.no_tags();
            }
            Self::Target(_, Some(target)) => {
                let topics: Vec<_> = target.iter().collect();
                out.array("TopicPartitions", &topics, |out, (topic, partitions)| {
                    write_topic(out, **topic, partitions.iter().copied())?;
                    out.no_tags();
                    Ok(())
                })?;
                out.no_tags();
            }
            Self::Current(_, Some(current)) => write_current(&mut out, current)?,
            _ => return Ok(None),
        }
        Ok(Some(out.into_bytes()))
    }

    /// The group and the change of a record; `None` for records of other types, which others read.
    ///
    /// # Errors
    /// The bytes are not those of the record's type.
    pub(crate) fn decode(key: &Bytes, value: &Bytes) -> Result<Option<(Text, Self)>, DecodeError> {
        let mut key = Reader::new(key.clone());
        let kind = key.i16("key version")?;
        if ![GROUP, MEMBER, TARGET_EPOCH, TARGET, CURRENT].contains(&kind) {
            return Ok(None);
        }
        let group = key.string("GroupId")?;
        let mut from = Reader::new(value.clone());
        from.i16("value version")?;
        from.set_flexible(true);
        let change = match kind {
            GROUP => Self::Group(Some(read_group(&mut from)?)),
            TARGET_EPOCH => Self::TargetEpoch(Some(read_target_epoch(&mut from)?)),
            MEMBER => Self::Member(key.string("MemberId")?, Some(read_metadata(&mut from)?)),
            TARGET => Self::Target(key.string("MemberId")?, Some(read_target(&mut from)?)),
            _ => Self::Current(key.string("MemberId")?, Some(read_current(&mut from)?)),
        };
        Ok(Some((group, change)))
    }
}

fn write_topic(
    out: &mut Writer,
    topic: Uuid,
    partitions: impl Iterator<Item = i32>,
) -> Result<(), EncodeError> {
    out.uuid(topic)?;
    let partitions: Vec<i32> = partitions.collect();
    out.array("Partitions", &partitions, |out, index| out.i32(*index))
}

fn write_metadata(out: &mut Writer, metadata: &Metadata) -> Result<(), EncodeError> {
    out.nullable_string("InstanceId", true, metadata.instance_id.as_ref())?;
    out.nullable_string("RackId", true, metadata.rack_id.as_ref())?;
    out.string("ClientId", &metadata.client_id)?;
    out.string("ClientHost", &metadata.client_host)?;
    let names: Vec<&Text> = metadata.names.iter().collect();
    out.array("SubscribedTopicNames", &names, |out, name| out.string("name", name))?;
    out.nullable_string("SubscribedTopicRegex", true, metadata.regex.as_ref())?;
    out.i32(i32::try_from(metadata.rebalance_timeout.as_millis()).unwrap_or(i32::MAX))?;
    out.nullable_string("ServerAssignor", true, metadata.assignor.as_ref())?;
    out.no_tags();
    Ok(())
}

fn write_current(out: &mut Writer, current: &Current) -> Result<(), EncodeError> {
    out.i32(current.epoch)?;
    out.i32(current.previous_epoch)?;
    out.i8(current.state.number())?;
    for owned in [&current.assigned, &current.revoking] {
        let topics: Vec<_> = owned.iter().collect();
        out.array("TopicPartitions", &topics, |out, (topic, partitions)| {
            write_topic(out, **topic, partitions.keys().copied())?;
            let epochs: Vec<i32> = partitions.values().copied().collect();
            out.tag_count(&[true]);
            out.tag(0, "AssignmentEpochs", |out| {
                out.array("AssignmentEpochs", &epochs, |out, epoch| out.i32(*epoch))
            })
        })?;
    }
    out.no_tags();
    Ok(())
}

fn read_group(from: &mut Reader) -> Result<(i32, i64), DecodeError> {
    let epoch = from.i32("Epoch")?;
    let mut hash = 0;
    from.tags("Group", |from, tag| {
        if tag == 0 {
            hash = from.i64("MetadataHash")?;
        }
        Ok(tag == 0)
    })?;
    Ok((epoch, hash))
}

fn read_target_epoch(from: &mut Reader) -> Result<i32, DecodeError> {
    let epoch = from.i32("AssignmentEpoch")?;
    from.skip_tags("TargetAssignmentMetadata")?;
    Ok(epoch)
}

fn read_metadata(from: &mut Reader) -> Result<Metadata, DecodeError> {
    let instance_id = from.nullable_string("InstanceId", true)?;
    let rack_id = from.nullable_string("RackId", true)?;
    let client_id = from.string("ClientId")?;
    let client_host = from.string("ClientHost")?;
    let names: BTreeSet<Text> =
        from.array("SubscribedTopicNames", |from| from.string("name"))?.into_iter().collect();
    let regex = from.nullable_string("SubscribedTopicRegex", true)?;
    let timeout_ms = u64::try_from(from.i32("RebalanceTimeoutMs")?).unwrap_or(0);
    let assignor = from.nullable_string("ServerAssignor", true)?;
    from.skip_tags("MemberMetadata")?;
    let rebalance_timeout = Duration::from_millis(timeout_ms);
    Ok(Metadata {
        instance_id,
        rack_id,
        client_id,
        client_host,
        names,
        regex,
        rebalance_timeout,
        assignor,
    })
}

fn read_target(from: &mut Reader) -> Result<Partitions, DecodeError> {
    let topics = from.array("TopicPartitions", |from| {
        let topic = from.uuid("TopicId")?;
        let partitions = from.array("Partitions", |from| from.i32("partition"))?;
        from.skip_tags("TopicPartitions")?;
        Ok((topic, partitions.into_iter().collect::<BTreeSet<_>>()))
    })?;
    from.skip_tags("TargetAssignmentMember")?;
    Ok(topics.into_iter().collect())
}

fn read_current(from: &mut Reader) -> Result<Current, DecodeError> {
    let epoch = from.i32("MemberEpoch")?;
    let previous_epoch = from.i32("PreviousMemberEpoch")?;
    // A state that Kafka adds later begins as one that has to be looked at anew.
    let state = MemberState::from_number(from.i8("State")?).unwrap_or_default();
    let assigned = read_owned(from)?;
    let revoking = read_owned(from)?;
    from.skip_tags("CurrentMemberAssignment")?;
    Ok(Current { epoch, previous_epoch, state, assigned, revoking })
}

fn read_owned(from: &mut Reader) -> Result<Owned, DecodeError> {
    let topics = from.array("TopicPartitions", |from| {
        let topic = from.uuid("TopicId")?;
        let partitions = from.array("Partitions", |from| from.i32("partition"))?;
        let mut epochs = Vec::new();
        from.tags("TopicPartitions", |from, tag| {
            if tag == 0 {
                epochs = from.array("AssignmentEpochs", |from| from.i32("epoch"))?;
            }
            Ok(tag == 0)
        })?;
        // Records of before Kafka 4.3 have none: 0 takes every commit, as the member's own epoch does.
        epochs.resize(partitions.len(), 0);
        Ok((topic, partitions.into_iter().zip(epochs).collect::<BTreeMap<_, _>>()))
    })?;
    Ok(topics.into_iter().collect())
}
