//! Looking at, and mending, the files of a log that is not open.
//!
//! # Constraints
//!
//! * [`check`] changes nothing. It reads every batch, index, snapshot and checkpoint of a closed or crashed folder and
//!   says which file is wrong at which byte, what is wrong, and what to do.
//! * [`repair`] does what the findings say. It never deletes: what it cuts off a log goes to `<file>.corrupt-<byte>`
//!   first, and what it takes out of the way is renamed to `<file>.corrupt-0`.
//! * [`dump`](dump()) lists the batches of one segment, and their records if asked to.
//! * A log that is open is refused: its files change while they are read.
//!
//! # The story
//!
//! `partition` looks at one partition: a whole scan of each segment (`scan.rs`, as recovery does it), then the indexes
//! against the batches that were found (`files`). `mend` takes the findings and works on the files, then on the marks, so
//! that the next open believes nothing that is gone.

mod dump;
mod files;
mod mend;
mod partition;
mod report;

use std::io;
use std::path::Path;

use tidemill_world::{Disk, Lock};

pub use dump::{DumpedBatch, DumpedRecord, dump};
pub use report::{CheckError, Finding, Remedy, Report};

use crate::checkpoint::{self, Mark};
use crate::clean::read_marks;
use crate::names::{EPOCH, LOCK, LOG_STARTS, PRODUCER_IDS, SYNCED_MARKS, partition_folder};
use crate::starts::read_starts;
use crate::topics;
use partition::{Folder, Known};

/// Reads everything in the log folder `dir` and tells what is wrong.
///
/// # Errors
/// The log is open somewhere, or the disk refused to read.
pub fn check(disk: &dyn Disk, dir: &Path) -> Result<Report, CheckError> {
    let _lock = take_lock(disk, dir)?;
    run(disk, dir)
}

/// [`check`]s, and mends what it finds as far as it says; the report is of what was found. Check again to see what
/// is left: usually nothing, or what only a backup can bring back.
///
/// # Errors
/// The log is open somewhere, or the disk refused; what was mended until then stays mended.
pub fn repair(disk: &dyn Disk, dir: &Path) -> Result<Report, CheckError> {
    let _lock = take_lock(disk, dir)?;
    let mut report = run(disk, dir)?;
    mend::mend(disk, dir, &mut report).map_err(CheckError::io(dir))?;
    Ok(report)
}

fn take_lock(disk: &dyn Disk, dir: &Path) -> Result<Option<Box<dyn Lock>>, CheckError> {
    if !disk.exists(dir).map_err(CheckError::io(dir))? {
        return Err(CheckError::io(dir)(io::ErrorKind::NotFound.into()));
    }
    match disk.lock(&dir.join(LOCK)) {
        Ok(lock) => Ok(Some(lock)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(CheckError::Open { dir: dir.to_owned() })
        }
        // A disk that may only be read can be checked all the same.
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => Ok(None),
        Err(error) => Err(CheckError::io(dir.join(LOCK))(error)),
    }
}

fn run(disk: &dyn Disk, dir: &Path) -> Result<Report, CheckError> {
    let mut report = Report::default();
    let topics = match topics::load(disk, dir) {
        Ok(topics) => topics,
        Err((path, error)) if error.kind() == io::ErrorKind::NotFound => {
            tracing::debug!("{} is not there", path.display());
            Vec::new()
        }
        Err((path, error)) => {
            report.malformed(&path, error, Remedy::Manual)?;
            Vec::new()
        }
    };
    let known = known(disk, dir, &mut report)?;
    for file in topics.iter().filter(|file| !file.deleting) {
        for index in 0..file.info.config.partitions {
            let path = dir.join(partition_folder(&file.info.name, index));
            if !disk.exists(&path).map_err(CheckError::io(&path))? {
                report.add(&path, 0, "the folder is missing".into(), Remedy::Manual);
            }
        }
    }
    for entry in disk.list(dir).map_err(CheckError::io(dir))? {
        if !entry.is_dir {
            continue;
        }
        let path = dir.join(&entry.name);
        let folder = Folder::find(disk, &path, &topics).map_err(CheckError::io(&path))?;
        if let Some(folder) = folder {
            folder.check(disk, &known, &mut report).map_err(CheckError::io(&path))?;
        }
    }
    Ok(report)
}

/// The checkpoint files of the whole log; those that cannot be read are told of.
fn known(disk: &dyn Disk, dir: &Path, report: &mut Report) -> Result<Known, CheckError> {
    let mut known = Known::default();
    let path = dir.join(SYNCED_MARKS);
    let parsed = checkpoint::read(disk, &path).and_then(|lines| {
        let marks: Option<_> = lines.iter().map(|line| Mark::parse(line)).collect();
        marks.ok_or_else(|| checkpoint::malformed("a line is not a mark"))
    });
    match parsed {
        Ok(marks) => known.marks = marks,
        Err(error) => report.malformed(&path, error, Remedy::SetAside)?,
    }
    let path = dir.join(LOG_STARTS);
    match read_starts(disk, &path) {
        Ok(starts) => known.starts = starts,
        Err(error) => report.malformed(&path, error, Remedy::Manual)?,
    }
    known.cleaned = read_marks(disk, dir).map_err(CheckError::io(dir))?;
    for name in [EPOCH, PRODUCER_IDS] {
        let path = dir.join(name);
        let read = checkpoint::read(disk, &path).and_then(|lines| match lines.first() {
            Some(line) if line.trim().parse::<i64>().is_err() => {
                Err(checkpoint::malformed("its line is not a number"))
            }
            _ => Ok(()),
        });
        if let Err(error) = read {
            report.malformed(&path, error, Remedy::Manual)?;
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests;
