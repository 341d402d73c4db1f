//! What a broker is started with.

use crate::process::Result;

/// Against whom something is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// Our broker.
    Tidemill,
    /// A real Apache Kafka.
    Kafka,
}

impl On {
    /// Reads the value of `--on`.
    ///
    /// # Errors
    /// There is no such system.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        match text {
            "tidemill" => Ok(Self::Tidemill),
            "kafka" => Ok(Self::Kafka),
            other => Err(format!("--on takes `tidemill` or `kafka`, not `{other}`")),
        }
    }

    /// The word of `--on`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tidemill => "tidemill",
            Self::Kafka => "kafka",
        }
    }
}

/// Which build is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// Quick to build; for tests.
    Debug,
    /// What users run; for figures and suites with time limits.
    Release,
}

/// How a broker is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Which build of ours.
    pub(crate) build: Build,
    /// Processes of Apache Kafka: one, or three with replication 3. Ours is always one.
    pub(crate) brokers: usize,
    /// Partitions of topics whose creator does not say.
    pub(crate) partitions: u32,
    /// Apache Kafka syncs before it answers (`log.flush.interval.messages=1`). Ours always does.
    pub(crate) synced: bool,
}
