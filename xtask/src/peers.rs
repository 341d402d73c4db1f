//! The systems that stand beside ours: a real Apache Kafka and librdkafka, and our own broker started as they are.
//!
//! Everything comes from the package registries, pinned, into `.tools/`: jars through Maven, sources of crates through
//! cargo, Python packages through pip. Brokers listen on free loopback ports, keep their data in a folder of the run
//! and are killed with it.

pub(crate) mod fetch;
pub(crate) mod kafka;
pub(crate) mod librdkafka;
pub(crate) mod options;
pub(crate) mod ours;
pub(crate) mod probe;

use std::path::Path;
use std::time::Duration;

use crate::process::Result;
pub(crate) use options::{Build, On, Options};

/// A running broker, or three of them.
pub(crate) enum Peer {
    /// Ours.
    Tidemill(ours::Broker),
    /// Apache Kafka.
    Kafka(kafka::Kafka),
}

impl Peer {
    /// Starts one in a folder that is made anew.
    ///
    /// # Errors
    /// It could not be fetched, built or started.
    pub(crate) fn start(root: &Path, on: On, folder: &Path, options: Options) -> Result<Self> {
        Ok(match on {
            On::Tidemill => Self::Tidemill(ours::Broker::start(root, folder, options)?),
            On::Kafka => Self::Kafka(kafka::Kafka::start(root, folder, options)?),
        })
    }

    /// `HOST:PORT`, several with commas between.
    pub(crate) fn bootstrap(&self) -> &str {
        match self {
            Self::Tidemill(broker) => &broker.address,
            Self::Kafka(kafka) => &kafka.bootstrap,
        }
    }

    /// The folder with the partitions of the first broker.
    pub(crate) fn data(&self) -> &Path {
        match self {
            Self::Tidemill(broker) => &broker.data,
            Self::Kafka(kafka) => &kafka.data,
        }
    }

    /// The first process's number; 0 when it does not run.
    pub(crate) fn pid(&self) -> u32 {
        match self {
            Self::Tidemill(broker) => broker.pid(),
            Self::Kafka(kafka) => kafka.pid(),
        }
    }

    /// Ends it with SIGKILL; its folder stays.
    pub(crate) fn kill(&mut self) {
        match self {
            Self::Tidemill(broker) => broker.kill(),
            Self::Kafka(kafka) => kafka.kill(),
        }
    }

    /// Asks it to stop, and waits; its folder stays.
    pub(crate) fn stop(&mut self) {
        match self {
            Self::Tidemill(broker) => broker.stop(),
            Self::Kafka(kafka) => kafka.stop(),
        }
    }

    /// Starts it again on its folder and address; from the start of the process to the first answer.
    ///
    /// # Errors
    /// It did not start.
    pub(crate) fn run(&mut self) -> Result<Duration> {
        match self {
            Self::Tidemill(broker) => broker.run(),
            Self::Kafka(kafka) => kafka.run(),
        }
    }
}
