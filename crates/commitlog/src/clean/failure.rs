//! Why a cleaning ends before its end.

use std::io;

use crate::error::{Corruption, ReadError};

/// Why a cleaning ended before its end. The log is as it was, or as a part of the cleaning left it, which is as good.
#[derive(Debug)]
pub(super) enum Failure {
    /// The partition or its settings changed meanwhile.
    Outdated,
    /// The disk refused; it may go better next time.
    Io(io::Error),
    /// A segment cannot be read.
    Corrupt(Corruption),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Corrupt(corruption) => Self::Corrupt((*corruption).clone()),
            other => Self::Io(io::Error::other(other)),
        }
    }
}
