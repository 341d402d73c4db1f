//! Opening every partition of a log from what its durable files say.
//!
//! The order matters: the leader epoch rises durably before anything is recovered with it, and the clean-stop mark
//! goes only after every partition was opened, because a crash before that has changed nothing it stands for.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidemill_world::Disk;

use crate::adopt::{self, Adopted};
use crate::checkpoint::{self, Mark, PartitionKey, malformed, parse_partition_metadata, read_text};
use crate::clean::{CleanMarks, read_marks as read_marks_of_cleaner};
use crate::config::TopicInfo;
use crate::core::{Core, Topic};
use crate::error::{Corruption, OpenError};
use crate::names::{
    CLEAN_STOP, CLEANER_OFFSETS, EPOCH, LOG_STARTS, PARTITION_METADATA, PRODUCER_IDS, SYNCED_MARKS,
    TOPICS, WAL, WAL_FILE, partition_folder,
};
use crate::recovery::{Recovery, Redone};
use crate::starts::{Starts, read_starts};
use crate::state::{Condition, Opened, PartitionState, SharedTopic};
use crate::topics::{self, TopicFile};
use crate::wal::replay;

mod redo;

/// Opens all topics there are.
pub(crate) fn open_all(core: &Core) -> Result<(), OpenError> {
    Opening::new(core)?.run()
}

/// What the durable files say of the partitions.
#[derive(Default)]
pub(crate) struct Known {
    marks: BTreeMap<PartitionKey, Mark>,
    starts: Starts,
    cleaned: CleanMarks,
    clean: bool,
    /// How far the write-ahead file goes in the last segment of a partition.
    redone: BTreeMap<PartitionKey, Redone>,
}

struct Opening<'a> {
    core: &'a Core,
    known: Known,
    topics: Vec<TopicFile>,
    /// There when the folder is taken over from Kafka.
    adopted: Option<Adopted>,
}

impl<'a> Opening<'a> {
    fn new(core: &'a Core) -> Result<Self, OpenError> {
        let (disk, dir) = (core.world.disk(), &core.config.dir);
        let cleaned = read_marks_of_cleaner(disk, dir)
            .map_err(OpenError::io("cannot read", dir.join(CLEANER_OFFSETS)))?;
        let clean = disk
            .exists(&dir.join(CLEAN_STOP))
            .map_err(OpenError::io("cannot look for", dir.join(CLEAN_STOP)))?;
        if adopt::is_kafkas(disk, dir).map_err(OpenError::io("cannot look into", dir))? {
            return Self::adopting(core, cleaned, clean);
        }
        let folder = dir.join(TOPICS);
        disk.create_dir_all(&folder).map_err(OpenError::io("cannot make", &folder))?;
        disk.sync_dir(dir).map_err(OpenError::io("cannot sync", dir))?;
        let topics = topics::load(disk, dir).map_err(unreadable)?;
        let known = Known {
            marks: read_marks(disk, &dir.join(SYNCED_MARKS))?,
            starts: read_starts(disk, &dir.join(LOG_STARTS))
                .map_err(|error| unreadable((dir.join(LOG_STARTS), error)))?,
            cleaned,
            clean,
            redone: BTreeMap::new(),
        };
        Ok(Self { core, known, topics, adopted: None })
    }

    /// Takes the folder over from Kafka. No mark of ours can be right.
    fn adopting(core: &'a Core, cleaned: CleanMarks, clean: bool) -> Result<Self, OpenError> {
        let (disk, dir) = (core.world.disk(), &core.config.dir);
        let adopted = adopt::find(disk, dir, &cleaned).map_err(unreadable)?;
        let file = |info: &TopicInfo| TopicFile { info: info.clone(), deleting: false };
        let topics = adopted.topics.iter().map(file).collect();
        let starts = adopted.starts.clone();
        let redone = BTreeMap::new();
        let known = Known { marks: BTreeMap::new(), starts, cleaned, clean, redone };
        Ok(Self { core, known, topics, adopted: Some(adopted) })
    }

    fn run(mut self) -> Result<(), OpenError> {
        let (disk, dir) = (self.core.world.disk(), &self.core.config.dir);
        self.core.epoch.load(disk, dir).map_err(|error| unreadable((dir.join(EPOCH), error)))?;
        let ids = self.core.producer_ids.load(disk, dir);
        ids.map_err(|error| unreadable((dir.join(PRODUCER_IDS), error)))?;
        let epoch = self.adopted.as_ref().map(|adopted| adopted.epoch);
        if epoch.is_some() || (!self.known.clean && !self.topics.is_empty()) {
            let raised = self.core.epoch.raise(disk, dir, epoch.unwrap_or(0));
            raised.map_err(OpenError::io("cannot raise the epoch in", dir.join(EPOCH)))?;
        }
        if !self.known.clean {
            self.redo()?;
        }
        topics::sweep(disk, dir, &self.topics).map_err(OpenError::io("cannot clean up", dir))?;
        for TopicFile { info, deleting } in self.topics {
            if deleting {
                finish_delete(disk, dir, &info)?;
                continue;
            }
            let topic = open_topic(self.core, info, &self.known).map_err(unreadable)?;
            self.core.insert(topic);
        }
        if let Some(adopted) = &self.adopted {
            self.core
                .skip_producer_ids()
                .and_then(|()| adopt::finish(disk, dir, adopted))
                .map_err(OpenError::io("cannot take over", dir))?;
        }
        if !self.known.clean {
            let forgotten = self.core.wal.ring().forget();
            forgotten.map_err(OpenError::io("cannot reset", dir.join(WAL)))?;
        } else {
            let path = dir.join(CLEAN_STOP);
            disk.remove_file(&path).map_err(OpenError::io("cannot remove", &path))?;
            disk.sync_dir(dir).map_err(OpenError::io("cannot sync", dir))?;
        }
        Ok(())
    }
}

impl Opening<'_> {
    /// Writes again what the write-ahead file holds, before anything else is looked at.
    fn redo(&mut self) -> Result<(), OpenError> {
        let (disk, dir) = (self.core.world.disk(), &self.core.config.dir);
        let file = dir.join(WAL).join(WAL_FILE);
        let replay = replay::read(disk, dir).map_err(|error| unreadable((file, error)))?;
        let mut folders = BTreeMap::new();
        for TopicFile { info, .. } in self.topics.iter().filter(|topic| !topic.deleting) {
            for index in 0..info.config.partitions {
                folders.insert((info.id, index), dir.join(partition_folder(&info.name, index)));
            }
        }
        let redone = redo::redo(disk, dir, replay, &folders);
        self.known.redone = redone.map_err(OpenError::io("cannot write again what was in", dir))?;
        Ok(())
    }
}

fn unreadable((file, error): (PathBuf, io::Error)) -> OpenError {
    match error.kind() {
        io::ErrorKind::InvalidData => OpenError::Malformed { file, why: error.to_string() },
        _ => OpenError::Io { what: "cannot read", path: file, source: error },
    }
}

fn read_marks(disk: &dyn Disk, path: &Path) -> Result<BTreeMap<PartitionKey, Mark>, OpenError> {
    let lines =
        checkpoint::read(disk, path).map_err(|error| unreadable((path.to_owned(), error)))?;
    let marks: Option<BTreeMap<PartitionKey, Mark>> =
        lines.iter().map(|line| Mark::parse(line)).collect();
    marks.ok_or_else(|| unreadable((path.to_owned(), malformed("a line is not a mark"))))
}

fn finish_delete(disk: &dyn Disk, dir: &Path, info: &TopicInfo) -> Result<(), OpenError> {
    let failed = |error| OpenError::Io {
        what: "cannot finish a deletion in",
        path: dir.to_owned(),
        source: io::Error::other(error),
    };
    for folder in topics::finish_delete(disk, dir, info).map_err(failed)? {
        disk.remove_dir_all(&folder).map_err(OpenError::io("cannot remove", &folder))?;
    }
    Ok(())
}

/// Recovers all partitions of a topic. An error names the folder.
pub(crate) fn open_topic(
    core: &Core,
    info: TopicInfo,
    known: &Known,
) -> Result<Topic, (PathBuf, io::Error)> {
    let shared = Arc::new(SharedTopic::new(info));
    let partitions = open_partitions(core, &shared, &shared.info(), 0, known)?;
    Ok(Topic { shared, partitions: partitions.into() })
}

/// Recovers the partitions from `first` on of a topic that is to be as `info` says. An error names the folder.
pub(crate) fn open_partitions(
    core: &Core,
    shared: &Arc<SharedTopic>,
    info: &TopicInfo,
    first: i32,
    known: &Known,
) -> Result<Vec<Arc<PartitionState>>, (PathBuf, io::Error)> {
    let mut partitions = Vec::new();
    for index in first..info.config.partitions {
        let folder = core.config.dir.join(partition_folder(&info.name, index));
        let opened = open_partition(core, info, index, &folder, known);
        let opened = opened.map_err(|error| (folder.clone(), error))?;
        let mark = known.marks.get(&(info.id, index)).cloned();
        let first_dirty = known.cleaned.get(&(info.name.to_string(), index)).copied();
        let (topic, number) = (Arc::clone(shared), core.number());
        let state = PartitionState::new(topic, index, number, folder, mark, first_dirty, opened);
        partitions.push(Arc::new(state));
    }
    Ok(partitions)
}

fn open_partition(
    core: &Core,
    info: &TopicInfo,
    index: i32,
    folder: &Path,
    known: &Known,
) -> io::Result<Opened> {
    let disk = core.world.disk();
    let key = (info.id, index);
    let log_start = known.starts.get(&key).copied();
    let metadata = read_text(disk, &folder.join(PARTITION_METADATA))?;
    if metadata.as_deref().and_then(parse_partition_metadata) != Some(info.id) {
        let what = format!("partition.metadata is missing or not of topic id {}", info.id);
        let start = log_start.unwrap_or(0);
        return Ok(stopped(folder.join(PARTITION_METADATA), what, start, core.epoch.get()));
    }
    let cleaned = known.cleaned.get(&(info.name.to_string(), index));
    Recovery {
        cleaned_to: cleaned.copied().unwrap_or(0),
        disk,
        folder,
        limits: core.segment_limits(&info.config),
        mark: known.marks.get(&key),
        redone: known.redone.get(&key).copied(),
        log_start,
        epoch: core.epoch.get(),
        now_ms: core.world.clock().wall_ms(),
        producer_expiration_ms: core.config.producer_expiration_ms(),
    }
    .run()
}

/// A partition that cannot be used.
fn stopped(file: PathBuf, what: String, start: i64, leader_epoch: i32) -> Opened {
    let corruption = Corruption { file, position: 0, what };
    tracing::error!("{corruption}");
    Opened {
        segments: Vec::new(),
        writer: None,
        log_start_offset: start,
        high_watermark: start,
        last_stable_offset: start,
        leader_epoch,
        condition: Condition::Corrupt(Arc::new(corruption)),
    }
}
