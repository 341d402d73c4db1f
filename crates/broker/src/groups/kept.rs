//! What is kept of a classic group in `__consumer_offsets`, in Kafka's own record: with it members do not notice that
//! the broker was started anew.
//!
//! The key is i16 2 and the group, a string with an i16 length. The value is a version as i16 (3 is written, 0 to 4 are
//! read), protocol type, generation i32, protocol and leader (nullable), from version 2 the time of the change i64, and
//! the members: id, from 3 static id (nullable), client id, host, from 1 rebalance timeout i32, session timeout i32,
//! and what it said and was assigned as bytes. Version 4 has flexible lengths and tagged fields.

use std::time::Duration;

use bytes::Bytes;
use tidemill_wire::{DecodeError, EncodeError, Reader, Text, Writer};

/// The record type of a classic group.
const GROUP: i16 = 2;
/// The version that is written, as Kafka writes it.
const VERSION: i16 = 3;
/// The first version with flexible lengths.
const FLEXIBLE: i16 = 4;

/// A classic group with an assignment, or one that has lost its last member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptGroup {
    pub(crate) protocol_type: Text,
    pub(crate) generation: i32,
    pub(crate) protocol: Option<Text>,
    pub(crate) leader: Option<Text>,
    pub(crate) members: Vec<KeptMember>,
}

/// One of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptMember {
    pub(crate) member_id: Text,
    pub(crate) instance_id: Option<Text>,
    pub(crate) client_id: Text,
    pub(crate) client_host: Text,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) session_timeout: Duration,
    /// What it said of itself by the group's protocol.
    pub(crate) subscription: Bytes,
    pub(crate) assignment: Bytes,
}

/// What a record says.
pub(crate) type Decoded = (Text, KeptGroup, Option<i64>);

/// The key of a group.
///
/// # Errors
/// The name is too long.
pub(crate) fn key(group: &Text) -> Result<Bytes, EncodeError> {
    let mut key = Writer::new();
    key.i16(GROUP)?;
    key.string("group", group)?;
    Ok(key.into_bytes())
}

impl KeptGroup {
    /// The value of the record; `wall_ms` is now.
    ///
    /// # Errors
    /// Something is too long for it.
    pub(crate) fn encode(&self, wall_ms: i64) -> Result<Bytes, EncodeError> {
        let mut out = Writer::new();
        out.i16(VERSION)?;
        out.string("protocolType", &self.protocol_type)?;
        out.i32(self.generation)?;
        out.nullable_string("protocol", true, self.protocol.as_ref())?;
        out.nullable_string("leader", true, self.leader.as_ref())?;
        out.i64(wall_ms)?;
        out.array("members", &self.members, |out, member| member.write(out))?;
        Ok(out.into_bytes())
    }

    /// The group's name, the group, and when it was kept, milliseconds since 1970, which old versions do not say. `None`
    /// for records of other types.
    ///
    /// # Errors
    /// The bytes are not those of the record's type.
    pub(crate) fn decode(key: &Bytes, value: &Bytes) -> Result<Option<Decoded>, DecodeError> {
        let mut key = Reader::new(key.clone());
        if key.i16("key version")? != GROUP {
            return Ok(None);
        }
        let group = key.string("group")?;
        let mut from = Reader::new(value.clone());
        let version = from.i16("value version")?;
        from.set_flexible(version >= FLEXIBLE);
        let protocol_type = from.string("protocolType")?;
        let generation = from.i32("generation")?;
        let protocol = from.nullable_string("protocol", true)?;
        let leader = from.nullable_string("leader", true)?;
        let kept_ms = if version >= 2 { Some(from.i64("currentStateTimestamp")?) } else { None };
        let members = from.array("members", |from| KeptMember::read(from, version))?;
        from.skip_tags("GroupMetadata")?;
        let kept = Self { protocol_type, generation, protocol, leader, members };
        Ok(Some((group, kept, kept_ms.filter(|ms| *ms >= 0))))
    }
}

impl KeptMember {
    fn write(&self, out: &mut Writer) -> Result<(), EncodeError> {
        out.string("memberId", &self.member_id)?;
        out.nullable_string("groupInstanceId", true, self.instance_id.as_ref())?;
        out.string("clientId", &self.client_id)?;
        out.string("clientHost", &self.client_host)?;
        out.i32(millis(self.rebalance_timeout))?;
        out.i32(millis(self.session_timeout))?;
        out.bytes("subscription", &self.subscription)?;
        out.bytes("assignment", &self.assignment)
    }

    fn read(from: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let member_id = from.string("memberId")?;
        let instance_id =
            if version >= 3 { from.nullable_string("groupInstanceId", true)? } else { None };
        let client_id = from.string("clientId")?;
        let client_host = from.string("clientHost")?;
        let rebalance_ms = if version >= 1 { Some(from.i32("rebalanceTimeout")?) } else { None };
        let session_ms = from.i32("sessionTimeout")?;
        let duration = |ms: i32| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        let member = Self {
            member_id,
            instance_id,
            client_id,
            client_host,
            rebalance_timeout: duration(rebalance_ms.unwrap_or(session_ms)),
            session_timeout: duration(session_ms),
            subscription: from.bytes("subscription")?,
            assignment: from.bytes("assignment")?,
        };
        from.skip_tags("MemberMetadata")?;
        Ok(member)
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
