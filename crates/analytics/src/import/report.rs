//! What became of an import.

use serde::Serialize;
use tidemill_commitlog::AppendError;

/// Malformed lines that are shown.
pub(super) const SHOWN_MAX: usize = 3;

/// A line that was not understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Malformed {
    /// Its number, from one.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
    /// How it starts.
    pub text: String,
}

/// What became of an import so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// The source's name in the log.
    pub source: String,
    /// Bytes read, unpacked.
    pub bytes: u64,
    /// Lines read.
    pub lines: u64,
    /// Lines that are page views and stand in the log now.
    pub views: u64,
    /// Lines that are no page view.
    pub skipped: u64,
    /// Lines that an earlier import read.
    pub again: u64,
    /// Lines that were not understood.
    pub malformed: u64,
    /// The first of those.
    pub first_malformed: Vec<Malformed>,
}

/// Why an import stopped. What was appended before stays; importing the same file again goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The site's name is no name.
    #[error("site {0:?} is no site name: use letters, digits, '.', '-' and '_', at most 128")]
    Site(String),
    /// The log cannot be read further.
    #[error(
        "cannot read the access log: {0}; what was read so far is stored, import it again to go on"
    )]
    Read(#[source] std::io::Error),
    /// The log takes no more.
    #[error("cannot store: {0}; what was stored so far stays, import it again to go on")]
    Append(#[from] AppendError),
    /// The rejects cannot be written.
    #[error("cannot write the rejected lines: {0}; import it again to go on")]
    Rejects(#[source] std::io::Error),
}
