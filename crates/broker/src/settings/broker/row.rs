//! One row of a table.

use crate::settings::kinds::{self, Kind, Range};

/// When a setting can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// At the start only.
    Start,
    /// While the broker runs, for each broker by itself.
    Node,
    /// While the broker runs, for one broker or for all.
    Wide,
}

impl Update {
    /// Kafka's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "read-only",
            Self::Node => "per-broker",
            Self::Wide => "cluster-wide",
        }
    }
}

/// One setting of a broker.
#[derive(Clone, Copy, Debug)]
pub struct BrokerSetting {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Kafka's default; `None` if there is none.
    pub default: Option<&'static str>,
    /// Which values are possible.
    pub range: Range,
    /// When it can change.
    pub update: Update,
    /// Whether it changes anything here; if not it is kept and told.
    pub has_effect: bool,
    /// What it means.
    pub doc: &'static str,
}

impl BrokerSetting {
    /// Checks a value.
    ///
    /// # Errors
    /// Kafka's sentence for a value that is not possible.
    pub(crate) fn check(&self, text: &str) -> Result<(), String> {
        kinds::read(self.name, self.kind, self.range, text).map(drop)
    }
}
