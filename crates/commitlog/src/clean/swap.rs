//! Putting a cleaned segment in the place of those it was made from.
//!
//! # The steps, and who wins after a crash behind each
//!
//! 1. The files `<base>.*.cleaned` are whole and durable. *The sources*: what ends in `.cleaned` is removed.
//! 2. They are renamed to `.swap`, the log last, and the folder is synced. *The swap*: what it replaces ends with its
//!    last offset, so it is removed, and the swap takes its name.
//! 3. Readers are given the new segment, which is read under its passing name until the next steps are done.
//! 4. The files of the sources are removed, but the first log; the folder is synced. *The swap.*
//! 5. The swap takes the names of the first source; the folder is synced. *It is done.*
//!
//! A reader that holds a file of a source reads on in it. One that has yet to open a file finds that its segment was
//! replaced, because that is told before a name changes, and looks the offset up again.

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use tidemill_world::{Disk, OpenHow};

use crate::core::Core;
use crate::error::Corruption;
use crate::index::ActiveIndex;
use crate::names::{CLEANED, Kind, SWAP, passing_file, segment_base, segment_file};
use crate::scan::scan;
use crate::segment::Segment;
use crate::state::{Condition, PartitionState};

/// What became of a swap.
#[derive(Debug)]
pub(super) enum Swapped {
    /// Readers have the new segment; its files may still have their passing names.
    Done(Unfinished),
    /// The partition is not as it was when the copy was begun; the copy is nothing.
    Outdated,
}

/// A swap that readers know and whose files must still get their names.
#[derive(Debug)]
pub(super) struct Unfinished {
    segment: Arc<Segment>,
    replaced: Vec<i64>,
}

/// Steps 2 and 3: `sources` are replaced by `segment`, whose files are durable.
pub(super) fn swap(
    core: &Core,
    partition: &PartitionState,
    sources: &[Arc<Segment>],
    segment: Segment,
) -> io::Result<Swapped> {
    let Some(first) = sources.first() else { return Ok(Swapped::Outdated) };
    let (disk, folder) = (core.world.disk(), &partition.folder);
    let _turn = partition.clean.files_turn();
    if !is_current(core, partition, sources) {
        return Ok(Swapped::Outdated);
    }
    for kind in Kind::OF_SEGMENT {
        let (from, to) = (
            passing_file(folder, first.base, kind, CLEANED),
            passing_file(folder, first.base, kind, SWAP),
        );
        rename_if_there(disk, &from, &to)?;
    }
    disk.sync_dir(folder)?;
    let segment = Arc::new(segment);
    partition.clean.set_swap_pending(true);
    replace(partition, sources, &segment);
    sources.iter().for_each(|source| core.handles.forget(source.id));
    let replaced = sources.iter().map(|source| source.base).collect();
    Ok(Swapped::Done(Unfinished { segment, replaced }))
}

/// Whether the partition still has these segments, one after another, and takes appends.
fn is_current(core: &Core, partition: &PartitionState, sources: &[Arc<Segment>]) -> bool {
    if core.queue.is_closed() || !matches!(partition.condition(), Condition::Open) {
        return false;
    }
    let segments = partition.segments.read().unwrap_or_else(PoisonError::into_inner);
    let Some(first) = sources.first() else { return false };
    let at = segments.iter().position(|segment| segment.id == first.id);
    let Some(there) = at.and_then(|at| segments.get(at..at + sources.len())) else { return false };
    there.iter().zip(sources).all(|(a, b)| a.id == b.id)
}

/// Tells all readers at once.
fn replace(partition: &PartitionState, sources: &[Arc<Segment>], segment: &Arc<Segment>) {
    let mut segments = partition.segments.write().unwrap_or_else(PoisonError::into_inner);
    let is_source = |one: &Arc<Segment>| sources.iter().any(|source| source.id == one.id);
    let Some(at) = segments.iter().position(is_source) else { return };
    sources.iter().for_each(|source| source.set_replaced());
    segments.splice(at..at + sources.len(), [Arc::clone(segment)]);
}

impl Unfinished {
    /// Steps 4 and 5. After an error it can be called again, and the next open would do the same.
    pub(super) fn finish(&self, core: &Core, partition: &PartitionState) -> io::Result<()> {
        let (disk, folder) = (core.world.disk(), &partition.folder);
        let _turn = partition.clean.files_turn();
        if !matches!(partition.condition(), Condition::Deleted) {
            take_place(disk, folder, self.segment.base, &self.replaced)?;
        }
        self.segment.set_named();
        partition.clean.set_swap_pending(false);
        Ok(())
    }
}

/// Removes the files of what is `replaced`, but the log that the swap overwrites, and gives the swap its names.
fn take_place(disk: &dyn Disk, folder: &Path, base: i64, replaced: &[i64]) -> io::Result<()> {
    for source in replaced {
        for kind in Kind::OF_SEGMENT {
            if kind != Kind::Log || *source != base {
                remove_if_there(disk, &segment_file(folder, *source, kind))?;
            }
        }
    }
    disk.sync_dir(folder)?;
    // The indexes first: while the log has its passing name all of this is done again after a crash.
    for kind in Kind::OF_SEGMENT {
        let from = passing_file(folder, base, kind, SWAP);
        rename_if_there(disk, &from, &segment_file(folder, base, kind))?;
    }
    disk.sync_dir(folder)
}

fn rename_if_there(disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<()> {
    match disk.rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn remove_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Ends what a crash left of cleanings in a partition's folder. Comes before anything else is looked at. The inner error
/// is a swap that cannot be read although it was durable.
pub(crate) fn finish_swaps(disk: &dyn Disk, folder: &Path) -> io::Result<Result<(), Corruption>> {
    let names: Vec<String> = disk.list(folder)?.into_iter().map(|entry| entry.name).collect();
    for name in names.iter().filter(|name| name.ends_with(CLEANED)) {
        remove_if_there(disk, &folder.join(name))?;
    }
    let bases: Vec<i64> = names.iter().filter_map(|name| segment_base(name)).collect();
    let swaps = names.iter().filter_map(|name| segment_base(name.strip_suffix(SWAP)?));
    for base in swaps {
        let last = match last_offset(disk, folder, base)? {
            Ok(last) => last,
            Err(corruption) => return Ok(Err(corruption)),
        };
        let mut replaced: Vec<i64> =
            bases.iter().copied().filter(|other| *other > base && *other <= last).collect();
        replaced.push(base);
        tracing::info!("{}: a cleaning that was cut short is finished", folder.display());
        take_place(disk, folder, base, &replaced)?;
    }
    // Indexes whose log got its name, or never was renamed.
    for name in names.iter().filter(|name| name.ends_with(SWAP)) {
        remove_if_there(disk, &folder.join(name))?;
    }
    Ok(Ok(()))
}

/// The last offset of a swap.
fn last_offset(disk: &dyn Disk, folder: &Path, base: i64) -> io::Result<Result<i64, Corruption>> {
    let path = passing_file(folder, base, Kind::Log, SWAP);
    let file = disk.open(&path, OpenHow::Read)?;
    let found = scan(&*file, 0, base, &mut ActiveIndex::new(base))?;
    if found.end == file.len()? {
        return Ok(Ok(found.next_offset - 1));
    }
    let what = found.bad.unwrap_or_else(|| "zeros follow".into());
    Ok(Err(Corruption { file: path, position: found.end, what }))
}
