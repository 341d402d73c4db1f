//! Writing again what the write-ahead file holds.
//!
//! Only the last segment of a partition can lack anything: a segment is closed once all of it is synced. The bytes are those that
//! were there or should have been, so doing it twice, or stopping half-way, does no harm.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use tidemill_world::{Disk, File, OpenHow};

use crate::checkpoint::PartitionKey;
use crate::limits::WRITE_BACK_FILES;
use crate::names::{Kind, segment_base, segment_file};
use crate::recovery::Redone;
use crate::wal::Part;
use crate::wal::replay::Replay;

/// Writes and syncs everything, and says how far each partition was known to go.
pub(super) fn redo(
    disk: &dyn Disk,
    dir: &Path,
    replay: Replay,
    folders: &BTreeMap<PartitionKey, PathBuf>,
) -> io::Result<BTreeMap<PartitionKey, Redone>> {
    let mut redone = BTreeMap::new();
    let mut written: Vec<Box<dyn File>> = Vec::new();
    for (key, parts) in replay.0 {
        // A topic that is gone needs nothing.
        let Some(folder) = folders.get(&key) else { continue };
        let Some(last) = parts.last() else { continue };
        let end = last.position + last.bytes.len() as u64;
        redone.insert(key, Redone { segment: last.segment, end });
        written.extend(redo_partition(disk, folder, &parts)?);
        if written.len() >= WRITE_BACK_FILES {
            sync(disk, dir, &mut written)?;
        }
    }
    sync(disk, dir, &mut written)?;
    Ok(redone)
}

fn sync(disk: &dyn Disk, dir: &Path, written: &mut Vec<Box<dyn File>>) -> io::Result<()> {
    let files: Vec<&dyn File> = written.iter().map(|file| &**file).collect();
    disk.sync_many(dir, &files)?;
    written.clear();
    Ok(())
}

/// Writes the parts that belong into the last segment; returns its file.
fn redo_partition(
    disk: &dyn Disk,
    folder: &Path,
    parts: &[Part],
) -> io::Result<Option<Box<dyn File>>> {
    let entries = match disk.list(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    let last = entries.iter().filter_map(|entry| segment_base(&entry.name)).max();
    let Some(base) = last.filter(|base| parts.iter().any(|part| part.segment == *base)) else {
        return Ok(None);
    };
    let file = disk.open(&segment_file(folder, base, Kind::Log), OpenHow::Write)?;
    let mut end = file.len()?;
    for part in parts.iter().filter(|part| part.segment == base) {
        // What should be before it is missing: recovery will say so.
        if part.position > end {
            break;
        }
        file.write_at(&part.bytes, part.position)?;
        end = end.max(part.position + part.bytes.len() as u64);
    }
    Ok(Some(file))
}
