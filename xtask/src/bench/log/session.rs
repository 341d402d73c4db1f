//! What a session measures, on whom.

use std::path::{Path, PathBuf};

use crate::bench::figures::Figures;
use crate::peers::librdkafka::Librdkafka;
use crate::peers::{Build, On, Options, Peer};
use crate::process::Result;

/// Whom the load meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Tidemill,
    Kafka,
    KafkaSynced,
}

impl Side {
    pub(super) const ALL: [Self; 3] = [Self::Tidemill, Self::Kafka, Self::KafkaSynced];

    /// The word of `--sides`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Tidemill => "tidemill",
            Self::Kafka => "kafka",
            Self::KafkaSynced => "kafka-synced",
        }
    }

    /// What a figure's name ends with: who, and what an acknowledgement is worth.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Tidemill => "tidemill, synced",
            Self::Kafka => "kafka, unsynced",
            Self::KafkaSynced => "kafka, synced",
        }
    }

    fn options(self, build: Build) -> Options {
        Options { build, brokers: 1, partitions: 1, synced: self == Self::KafkaSynced }
    }

    fn on(self) -> On {
        if self == Self::Tidemill { On::Tidemill } else { On::Kafka }
    }
}

/// What is measured, and how much of it.
pub(super) struct Session<'a> {
    pub(super) root: &'a Path,
    /// Where the brokers keep their data; its file system is part of the result.
    pub(super) folder: PathBuf,
    pub(super) client: Librdkafka,
    pub(super) sides: Vec<Side>,
    /// How often everything is done; the median counts.
    pub(super) rounds: usize,
    /// Divides amounts, for developing.
    pub(super) quick: bool,
    pub(super) figures: Figures,
}

impl Session<'_> {
    /// An amount, less in quick mode.
    pub(super) fn amount(&self, full: u64) -> u64 {
        if self.quick { (full / 4).max(1) } else { full }
    }

    pub(super) fn start(&self, side: Side) -> Result<Peer> {
        Peer::start(
            self.root,
            side.on(),
            &self.folder.join(side.word()),
            side.options(Build::Release),
        )
    }

    /// Starts every side, one beside the other.
    pub(super) fn start_all(&self) -> Result<Vec<(Side, Peer)>> {
        self.sides.iter().map(|&side| Ok((side, self.start(side)?))).collect()
    }
}
