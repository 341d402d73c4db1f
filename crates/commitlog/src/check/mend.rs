//! Doing what the findings of a check say.
//!
//! Each partition is cut at its first wrong byte: the bytes from there on are copied to `<file>.corrupt-<byte>` and
//! synced before the file is cut, and later segments are renamed. Last, the marks of the partitions that were cut go, so
//! that the next open scans them, and the mark of the clean stop, so that clients are told (KIP-320).

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use tidemill_world::{Disk, OpenHow};

use super::report::{Finding, Remedy, Report};
use crate::checkpoint::{self, Mark, parse_partition_metadata, read_text};
use crate::names::{
    CLEAN_STOP, Kind, PARTITION_METADATA, SYNCED_MARKS, parse_partition_folder, segment_base,
    segment_file,
};

/// Bytes copied at once.
const COPY_BYTES: usize = 1 << 20;

pub(super) fn mend(disk: &dyn Disk, dir: &Path, report: &mut Report) -> io::Result<()> {
    let mut cut = BTreeSet::new();
    for finding in &mut report.findings {
        match finding.remedy {
            Remedy::Open | Remedy::Manual => {}
            Remedy::SetAside => {
                let aside = set_aside(disk, &finding.file)?;
                finding.set_aside.extend(aside);
            }
            Remedy::Cut => {
                let Some(folder) = finding.file.parent().map(Path::to_owned) else { continue };
                cut_partition(disk, &folder, finding)?;
                cut.insert(folder);
            }
        }
    }
    if !cut.is_empty() {
        forget_marks(disk, dir, &cut)?;
    }
    Ok(())
}

/// A name that is not taken: `<file>.corrupt-<byte>`, with a further number if need be.
fn free_name(disk: &dyn Disk, file: &Path, position: u64) -> io::Result<PathBuf> {
    for attempt in 0u32.. {
        let mut name = file.as_os_str().to_owned();
        match attempt {
            0 => name.push(format!(".corrupt-{position}")),
            _ => name.push(format!(".corrupt-{position}-{attempt}")),
        }
        let path = PathBuf::from(name);
        if !disk.exists(&path)? {
            return Ok(path);
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Renames a file out of the way, if it is there.
fn set_aside(disk: &dyn Disk, file: &Path) -> io::Result<Option<PathBuf>> {
    if !disk.exists(file)? {
        return Ok(None);
    }
    let aside = free_name(disk, file, 0)?;
    disk.rename(file, &aside)?;
    if let Some(folder) = file.parent() {
        disk.sync_dir(folder)?;
    }
    Ok(Some(aside))
}

fn cut_partition(disk: &dyn Disk, folder: &Path, finding: &mut Finding) -> io::Result<()> {
    let name = finding.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some(base) = segment_base(&name) else { return Ok(()) };
    if disk.exists(&finding.file)? {
        finding.set_aside.extend(cut_file(disk, &finding.file, finding.position)?);
    }
    // They point past the cut; opening the log builds them anew.
    for kind in Kind::OF_SEGMENT.into_iter().filter(|kind| *kind != Kind::Log) {
        finding.set_aside.extend(set_aside(disk, &segment_file(folder, base, kind))?);
    }
    for entry in disk.list(folder)? {
        if segment_base(&entry.name).is_some_and(|later| later > base) {
            let later = segment_base(&entry.name).unwrap_or(base);
            for kind in Kind::OF_SEGMENT {
                finding.set_aside.extend(set_aside(disk, &segment_file(folder, later, kind))?);
            }
        }
    }
    Ok(())
}

/// Copies what lies from `position` on, durably, and cuts the file there.
fn cut_file(disk: &dyn Disk, file: &Path, position: u64) -> io::Result<Option<PathBuf>> {
    let log = disk.open(file, OpenHow::Write)?;
    let bytes = log.len()?;
    if position >= bytes {
        return Ok(None);
    }
    let aside = free_name(disk, file, position)?;
    let copy = disk.open(&aside, OpenHow::Write)?;
    copy.set_len(0)?;
    let mut piece = vec![0; COPY_BYTES];
    let mut at = position;
    while at < bytes {
        let read = log.read_at(&mut piece, at)?;
        if read == 0 {
            break;
        }
        copy.write_at(piece.get(..read).unwrap_or_default(), at - position)?;
        at += read as u64;
    }
    copy.sync_data()?;
    if let Some(folder) = file.parent() {
        disk.sync_dir(folder)?;
    }
    log.set_len(position)?;
    log.sync_data()?;
    Ok(Some(aside))
}

fn forget_marks(disk: &dyn Disk, dir: &Path, cut: &BTreeSet<PathBuf>) -> io::Result<()> {
    let mut gone = BTreeSet::new();
    for folder in cut {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let index = parse_partition_folder(&name).map(|(_, index)| index);
        let text = read_text(disk, &folder.join(PARTITION_METADATA))?;
        let id = text.as_deref().and_then(parse_partition_metadata);
        gone.extend(id.zip(index));
    }
    let path = dir.join(SYNCED_MARKS);
    let stays = |line: &String| Mark::parse(line).is_none_or(|(key, _)| !gone.contains(&key));
    let lines: Vec<String> = checkpoint::read(disk, &path)?.into_iter().filter(stays).collect();
    checkpoint::write(disk, &path, &lines)?;
    match disk.remove_file(&dir.join(CLEAN_STOP)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    disk.sync_dir(dir)
}
