//! What reading a file gives.

use thiserror::Error;
use tidemill_commitlog::LogConfig;

use super::properties::PropertiesError;
use crate::config::BrokerConfig;

/// What a `server.properties` file says, as our own structures.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// For [`Broker::start`](crate::Broker::start), with what topics follow.
    pub broker: BrokerConfig,
    /// For `Log::open`.
    pub log: LogConfig,
}

/// Something in a file that its owner should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The line, from 1.
    pub line: usize,
    /// What to know.
    pub text: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

/// Why a file is refused. Nothing was started or changed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsError {
    /// It is not a properties file.
    #[error(transparent)]
    Syntax(#[from] PropertiesError),
    /// A value is not possible.
    #[error("line {line}: {why}")]
    Value {
        /// The line, from 1.
        line: usize,
        /// Name, value and range.
        why: String,
    },
    /// Settings contradict each other.
    #[error("{0}")]
    Together(String),
}

/// A known setting with the line it is in.
#[derive(Clone, Debug)]
pub(crate) struct Stated {
    pub(crate) line: usize,
    pub(crate) text: String,
}
