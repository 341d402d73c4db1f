//! Topics on the disk: one file of settings each, and a folder per partition.
//!
//! The file `.topics/<id>.topic` is what makes a topic exist. It is written after the partition folders are there
//! and durable, and it is renamed before the first of them goes (which needs no room on a full disk), so that a crash
//! at any point leaves a whole topic or none once the log is opened again:
//!
//! * made: folders under a passing name (`*.creating`) → renamed → folder synced → topic file;
//! * more partitions: the same, for the new folders, and the topic file replaced;
//! * deleted: topic file renamed (`*.deleting`) → folders renamed (`*-delete`) → topic file removed → folders
//!   removed.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use tidemill_world::{Disk, OpenHow};

use crate::checkpoint::{
    EpochStart, malformed, parse_partition_metadata, partition_metadata, read_text, write_epochs,
};
use crate::config::{TopicId, TopicInfo};
use crate::error::TopicError;
use crate::names::{
    CREATING, DELETED, Kind, LEADER_EPOCHS, PARTITION_METADATA, TOPICS, parse_partition_folder,
    partition_folder, segment_base, segment_file,
};
use crate::topic_file::{encode, parse};

/// A topic file and what it says.
pub(crate) struct TopicFile {
    pub(crate) info: TopicInfo,
    pub(crate) deleting: bool,
}

/// How the name of the file of a topic ends that exists.
pub(crate) const LIVE: &str = ".topic";
/// How it ends once the topic is being deleted.
const DELETING: &str = ".deleting";

fn topic_path(dir: &Path, id: TopicId, end: &str) -> PathBuf {
    dir.join(TOPICS).join(format!("{id}{end}"))
}

/// All topic files. An error names the file.
pub(crate) fn load(disk: &dyn Disk, dir: &Path) -> Result<Vec<TopicFile>, (PathBuf, io::Error)> {
    let folder = dir.join(TOPICS);
    let entries = disk.list(&folder).map_err(|error| (folder.clone(), error))?;
    let mut topics = Vec::new();
    let is_topic = |name: &str| name.ends_with(LIVE) || name.ends_with(DELETING);
    for entry in entries.iter().filter(|entry| is_topic(&entry.name)) {
        let path = folder.join(&entry.name);
        let text = read_text(disk, &path).map_err(|error| (path.clone(), error))?;
        let info = text.as_deref().and_then(parse);
        let info = info.ok_or_else(|| (path, malformed("a setting is missing or wrong")))?;
        topics.push(TopicFile { info, deleting: entry.name.ends_with(DELETING) });
    }
    Ok(topics)
}

/// Makes a topic, durably. Its folders must be [clear](clear_strays).
pub(crate) fn create(
    disk: &dyn Disk,
    dir: &Path,
    info: &TopicInfo,
    epoch: i32,
) -> Result<(), TopicError> {
    create_folders(disk, dir, info, 0, epoch).map_err(TopicError::io(dir))?;
    write(disk, dir, info)
}

/// Makes the folders of the partitions from `first` on, durably. One that an earlier attempt finished is taken as it
/// is: it was whole before it got its name, and a topic file may name it already.
pub(crate) fn create_folders(
    disk: &dyn Disk,
    dir: &Path,
    info: &TopicInfo,
    first: i32,
    epoch: i32,
) -> io::Result<()> {
    let mut made = Vec::new();
    for index in first..info.config.partitions {
        let target = dir.join(partition_folder(&info.name, index));
        if is_partition_of(disk, &target, info.id)? {
            continue;
        }
        let folder = passing_folder(dir, info, index, CREATING);
        create_partition(disk, &folder, info.id, epoch)?;
        made.push((folder, target));
    }
    for (folder, target) in made {
        disk.rename(&folder, &target)?;
    }
    disk.sync_dir(dir)
}

/// Whether `folder` is a partition of this topic.
fn is_partition_of(disk: &dyn Disk, folder: &Path, id: TopicId) -> io::Result<bool> {
    let metadata = read_text(disk, &folder.join(PARTITION_METADATA))?;
    Ok(metadata.as_deref().and_then(parse_partition_metadata) == Some(id))
}

/// Writes the file of a topic, durably: the old or the new settings are there, whatever happens.
pub(crate) fn write(disk: &dyn Disk, dir: &Path, info: &TopicInfo) -> Result<(), TopicError> {
    let path = topic_path(dir, info.id, LIVE);
    disk.replace(&path, encode(info).as_bytes()).map_err(TopicError::io(path))
}

/// Sees to it that no folder is in the way of the partitions from `first` on.
pub(crate) fn clear_strays(
    disk: &dyn Disk,
    dir: &Path,
    info: &TopicInfo,
    first: i32,
) -> Result<(), TopicError> {
    (first..info.config.partitions).try_for_each(|index| {
        let folder = dir.join(partition_folder(&info.name, index));
        match is_partition_of(disk, &folder, info.id).map_err(TopicError::io(&folder))? {
            true => Ok(()),
            false => clear_stray(disk, &folder),
        }
    })
}

/// The name of a partition's folder before and after its life.
fn passing_folder(dir: &Path, info: &TopicInfo, index: i32, end: &str) -> PathBuf {
    dir.join(format!("{}-{index}{end}", info.id))
}

/// Removes the empty folder of a topic that was never finished; refuses one with data.
fn clear_stray(disk: &dyn Disk, folder: &Path) -> Result<(), TopicError> {
    let io = |error| TopicError::io(folder)(error);
    if !disk.exists(folder).map_err(io)? {
        return Ok(());
    }
    let entries = disk.list(folder).map_err(io)?;
    if entries.iter().any(|entry| entry.bytes > 0 && segment_base(&entry.name).is_some()) {
        return Err(TopicError::Stray { folder: folder.to_owned() });
    }
    disk.remove_dir_all(folder).map_err(io)
}

fn create_partition(disk: &dyn Disk, folder: &Path, id: TopicId, epoch: i32) -> io::Result<()> {
    disk.create_dir_all(folder)?;
    disk.open(&segment_file(folder, 0, Kind::Log), OpenHow::Write)?.sync_data()?;
    let metadata = disk.open(&folder.join(PARTITION_METADATA), OpenHow::Write)?;
    metadata.write_at(partition_metadata(id).as_bytes(), 0)?;
    metadata.sync_data()?;
    // The last of the three also syncs the folder.
    write_epochs(disk, &folder.join(LEADER_EPOCHS), &[EpochStart { epoch, offset: 0 }])
}

/// Begins a deletion; [`finish_delete`] must follow before anything else is done under the topic's name. Does
/// nothing to a topic whose file was never made, or whose deletion was begun before.
pub(crate) fn begin_delete(
    disk: &dyn Disk,
    dir: &Path,
    info: &TopicInfo,
) -> Result<(), TopicError> {
    let path = topic_path(dir, info.id, LIVE);
    match disk.rename(&path, &topic_path(dir, info.id, DELETING)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(TopicError::io(path)(error)),
        _ => Ok(()),
    }
}

/// Takes the folders out of the way and the topic off the list, once its end is durable; returns the folders to
/// remove.
pub(crate) fn finish_delete(
    disk: &dyn Disk,
    dir: &Path,
    info: &TopicInfo,
) -> Result<Vec<PathBuf>, TopicError> {
    let topics = dir.join(TOPICS);
    disk.sync_dir(&topics).map_err(TopicError::io(&topics))?;
    let io = |error| TopicError::io(dir)(error);
    let mut folders = Vec::new();
    for index in 0..info.config.partitions {
        let folder = dir.join(partition_folder(&info.name, index));
        if disk.exists(&folder).map_err(io)? {
            let target = passing_folder(dir, info, index, DELETED);
            disk.rename(&folder, &target).map_err(io)?;
            folders.push(target);
        }
    }
    disk.sync_dir(dir).map_err(io)?;
    match disk.remove_file(&topic_path(dir, info.id, DELETING)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    disk.sync_dir(&topics).map_err(io)?;
    Ok(folders)
}

/// Removes what half-made and half-deleted topics left, and names folders of no known topic.
pub(crate) fn sweep(disk: &dyn Disk, dir: &Path, known: &[TopicFile]) -> io::Result<()> {
    let known: BTreeSet<&str> = known.iter().map(|file| &*file.info.name).collect();
    for entry in disk.list(dir)?.iter().filter(|entry| entry.is_dir) {
        let path = dir.join(&entry.name);
        if entry.name.ends_with(CREATING) || entry.name.ends_with(DELETED) {
            disk.remove_dir_all(&path)?;
        } else if let Some((topic, _)) = parse_partition_folder(&entry.name)
            && !known.contains(topic)
        {
            tracing::warn!("{} belongs to no known topic and is left alone", path.display());
        }
    }
    Ok(())
}
