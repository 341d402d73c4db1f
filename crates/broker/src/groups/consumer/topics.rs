//! The topics as the groups see them: a picture with a number that changes when the topics do.

use std::collections::BTreeMap;

use tidemill_wire::{Text, Uuid};

/// All topics at one time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topics {
    /// Differs from that of every earlier picture with other topics or partitions. 0 is before the first.
    version: u64,
    by_name: BTreeMap<Text, Topic>,
}

/// What there is to assign of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) id: Uuid,
    pub(crate) partitions: i32,
}

impl Topics {
    /// Takes over what there is now; whether anything has changed.
    pub(crate) fn update(&mut self, now: impl Iterator<Item = (Text, Topic)>) -> bool {
        let by_name: BTreeMap<_, _> = now.collect();
        if self.version > 0 && by_name == self.by_name {
            return false;
        }
        self.version += 1;
        self.by_name = by_name;
        true
    }

    /// The number of this picture.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The topic of this name.
    pub(crate) fn get(&self, name: &Text) -> Option<Topic> {
        self.by_name.get(name).copied()
    }

    /// All names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Text> {
        self.by_name.keys()
    }
}
