//! Which topics a classic group reads: what its members tell their leader is in a form of the clients' own, of which
//! the broker knows the beginning.
//!
//! Layout of a subscription: version i16, topics as an array (i32 length) of strings (i16 length), and what later versions
//! add.

use bytes::Bytes;
use tidemill_wire::{Reader, Text};

use super::group::Group;
use super::types::State;

/// The protocol type of consumers; others (connect) read no topics in groups.
pub(crate) const CONSUMER: &str = "consumer";

impl Group {
    /// Whether a member reads the topic. One that says so in an unknown form may read any.
    pub(crate) fn is_subscribed(&self, topic: &str) -> bool {
        if self.members.is_empty() || !self.is_of_consumers() {
            return false;
        }
        let protocol = self.protocol.as_ref().filter(|_| self.state != State::Empty);
        self.members.values().any(|member| match topics(member.metadata(protocol)) {
            Some(topics) => topics.iter().any(|one| **one == *topic),
            None => true,
        })
    }

    /// Whether offsets may be let go while there are members: they are consumers that have settled on what to read.
    pub(crate) fn is_settled(&self) -> bool {
        !self.members.is_empty() && self.is_of_consumers() && self.state == State::Stable
    }

    /// Whether the members are consumers.
    pub(crate) fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }
}

fn topics(subscription: Bytes) -> Option<Vec<Text>> {
    let mut reader = Reader::new(subscription);
    reader.i16("version").ok()?;
    reader.array("topics", |reader| reader.string("topic")).ok()
}
