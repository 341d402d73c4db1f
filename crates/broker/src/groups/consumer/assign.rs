//! The assignors of the broker: `uniform` spreads evenly and moves little, `range` keeps equal partition numbers of
//! equally large topics together.

mod range;
mod uniform;

use std::collections::BTreeMap;

use tidemill_wire::{Text, Uuid};

use super::types::{Partitions, Subscriber};

/// An assignor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assignor {
    /// Every member has as many partitions as any other, give or take one; what it had it keeps as far as that goes.
    Uniform,
    /// Of each topic every member gets a run of partitions, the same of all topics of the same size and readers.
    Range,
}

impl Assignor {
    /// All, the default first (`group.consumer.assignors`).
    pub(crate) const ALL: [Self; 2] = [Self::Uniform, Self::Range];

    /// Its name in requests.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// The assignor of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|assignor| assignor.name() == name)
    }

    /// Gives all partitions of all wanted topics to members that want them. `partitions` are the topics' sizes,
    /// `before` is what members had by the last target.
    pub(crate) fn assign(
        self,
        members: &[Subscriber],
        partitions: &BTreeMap<Uuid, i32>,
        before: &BTreeMap<Text, Partitions>,
    ) -> Vec<Partitions> {
        match self {
            Self::Uniform => uniform::assign(members, partitions, before),
            Self::Range => range::assign(members, partitions),
        }
    }
}
