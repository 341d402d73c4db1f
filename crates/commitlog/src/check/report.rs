//! What a check tells.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a folder could not be checked or repaired.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The log is open in some process.
    #[error("log folder {dir} is in use; stop the process that has it open first", dir = dir.display())]
    Open {
        /// The log folder.
        dir: PathBuf,
    },
    /// The disk refused.
    #[error("{path} cannot be read or changed: {source}", path = path.display())]
    Io {
        /// On what.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
}

impl CheckError {
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// What mends a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Nothing need be done: opening the log does it, and no record that was confirmed is lost by it.
    Open,
    /// The file is taken out of the way; opening the log builds it anew. No record is lost.
    SetAside,
    /// The log is cut there, and what follows, with the later segments of the partition, is set aside. The
    /// records in it are lost to readers: restore the file from a backup if there is one.
    Cut,
    /// Only a person can: restore the file from a backup.
    Manual,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// The first byte that is wrong.
    pub position: u64,
    /// What is wrong.
    pub what: String,
    /// What mends it.
    pub remedy: Remedy,
    /// Where what was wrong lies now, once it was repaired.
    pub set_aside: Vec<PathBuf>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, position, what, remedy, set_aside } = self;
        write!(f, "{} at byte {position}: {what}; ", file.display())?;
        if let Some(first) = set_aside.first() {
            write!(f, "repaired, what was wrong is in {}", first.display())?;
            return match set_aside.len() - 1 {
                0 => Ok(()),
                more => write!(f, " and {more} more"),
            };
        }
        f.write_str(match remedy {
            Remedy::Open => "opening the log mends it, nothing that was confirmed is lost",
            Remedy::SetAside => "repair sets the file aside and opening the log builds it anew, no record is lost",
            Remedy::Cut => {
                "restore the file from a backup, or repair to cut it there and set aside what follows"
            }
            Remedy::Manual => "restore the file from a backup",
        })
    }
}

/// All that a check found and how much it looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Partitions that were looked at.
    pub partitions: u64,
    /// Their segments.
    pub segments: u64,
    /// Their batches that are right.
    pub batches: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// What is wrong, partition by partition; empty if nothing is.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether the log opens as it is and every confirmed record is there: nothing is wrong but what opening mends.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.remedy == Remedy::Open)
    }

    pub(super) fn add(&mut self, file: &Path, position: u64, what: String, remedy: Remedy) {
        let set_aside = Vec::new();
        self.findings.push(Finding { file: file.to_owned(), position, what, remedy, set_aside });
    }

    /// A small file that cannot be understood; other errors are the disk's.
    pub(super) fn malformed(
        &mut self,
        file: &Path,
        error: io::Error,
        remedy: Remedy,
    ) -> Result<(), CheckError> {
        match error.kind() {
            io::ErrorKind::InvalidData => {
                self.add(file, 0, error.to_string(), remedy);
                Ok(())
            }
            _ => Err(CheckError::io(file)(error)),
        }
    }
}
