//! Opening and closing a log, and its topics.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidemill_world::{Disk, Driver, DriverHandle, Lock, Step, Waiting, Wake, World};

use crate::checkpoint::{self, Mark, PartitionKey, malformed, parse_partition_metadata, read_text};
use crate::config::{LogConfig, TopicConfig, TopicId, TopicInfo, check_topic_name};
use crate::core::{Core, Topic};
use crate::error::{CloseError, Corruption, OpenError, TopicError};
use crate::limits::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use crate::names::{
    CLEAN_STOP, EPOCH, LOCK, LOG_STARTS, PARTITION_METADATA, SYNCED_MARKS, TOPICS, partition_folder,
};
use crate::partition::Partition;
use crate::recovery::Recovery;
use crate::starts::{Starts, read_starts};
use crate::state::{Condition, Opened, PartitionState};
use crate::topics::{self, TopicFile};
use crate::writer::{Writer, WriterDriver};

/// An open log. Cloning is one reference count; the log is closed when [`close`](Self::close) is called or the
/// last clone is dropped.
#[derive(Clone)]
pub struct Log(Arc<Inner>);

struct Inner {
    core: Arc<Core>,
    writer: Arc<Mutex<Writer>>,
    thread: Mutex<Option<DriverHandle>>,
    /// Held while a topic is made or deleted. Holds those whose making or deleting failed half-way: what is
    /// left of them is removed before anything else is made or deleted.
    topics_turn: Mutex<Vec<TopicInfo>>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Log({})", self.0.core.config.dir.display())
    }
}

impl Log {
    /// Takes the folder's lock, recovers every partition and starts the writer. A corrupt partition does not
    /// keep the others from opening; its own calls say what is wrong.
    ///
    /// # Errors
    /// The folder is in use, a durable file cannot be understood, or the disk refused.
    pub fn open(world: World, config: LogConfig) -> Result<Self, OpenError> {
        check_config(&config)?;
        let lock = take_lock(world.disk(), &config.dir)?;
        let wake = Wake::new();
        let core = Arc::new(Core::new(world, config, wake.clone()));
        Opening::new(&core)?.run()?;
        let writer = Arc::new(Mutex::new(Writer::new(Arc::clone(&core), lock)));
        let driver = Box::new(Guarded(WriterDriver(Arc::clone(&writer))));
        let world = &core.world;
        let thread = world
            .threads()
            .spawn("log-writer", Waiting::Park, wake, world.clock_arc(), driver)
            .map_err(OpenError::io("cannot start the writer thread of", &core.config.dir))?;
        let thread = Mutex::new(Some(thread));
        Ok(Self(Arc::new(Inner { core, writer, thread, topics_turn: Mutex::default() })))
    }

    /// Writes all that is queued, leaves the clean-stop mark and gives the folder back. Appends are refused
    /// from here on. Calling it again returns the same answer.
    ///
    /// # Errors
    /// Some partition could not be stopped cleanly. The log is closed all the same.
    pub fn close(&self) -> Result<(), CloseError> {
        self.0.close()
    }

    /// Makes a topic, durably.
    ///
    /// # Errors
    /// The name or a setting is invalid, the topic exists, or the disk refused.
    pub fn create_topic(&self, name: &str, config: TopicConfig) -> Result<TopicInfo, TopicError> {
        check_topic_name(name)?;
        config.check()?;
        let core = &self.0.core;
        let mut unfinished = self.0.topics_turn()?;
        if let Some(topic) = core.topic(name) {
            return Err(TopicError::Exists(Arc::clone(&topic.info.name)));
        }
        let info = TopicInfo { name: name.into(), id: new_id(&core.world), config };
        topics::clear_strays(core.world.disk(), &core.config.dir, &info)?;
        match make_topic(core, &info) {
            Ok(()) => Ok(info),
            Err(error) => {
                unfinished.push(info);
                Err(error)
            }
        }
    }

    /// Makes a topic, or returns what is there under its name, whatever its settings.
    ///
    /// # Errors
    /// As [`create_topic`](Self::create_topic), but never [`TopicError::Exists`].
    pub fn ensure_topic(&self, name: &str, config: TopicConfig) -> Result<TopicInfo, TopicError> {
        match self.create_topic(name, config) {
            Err(TopicError::Exists(name)) => {
                self.topic(&name).ok_or_else(|| TopicError::Unknown(name.as_ref().into()))
            }
            result => result,
        }
    }

    /// Deletes a topic with all its data. Its handles stay usable and say that it is gone.
    ///
    /// # Errors
    /// The topic is unknown, or the disk refused; if the disk refused after the deletion was noted, the next
    /// open finishes it.
    pub fn delete_topic(&self, name: &str) -> Result<(), TopicError> {
        let core = &self.0.core;
        let (disk, dir) = (core.world.disk(), &core.config.dir);
        let folders = {
            let mut unfinished = self.0.topics_turn()?;
            let topic = core.topic(name).ok_or_else(|| TopicError::Unknown(name.to_owned()))?;
            topics::begin_delete(disk, dir, &topic.info)?;
            core.remove(name);
            topic.partitions.iter().for_each(|partition| retire(core, partition));
            topics::finish_delete(disk, dir, &topic.info)
                .inspect_err(|_| unfinished.push((*topic.info).clone()))?
        };
        for folder in folders {
            disk.remove_dir_all(&folder).map_err(TopicError::io(folder))?;
        }
        Ok(())
    }

    /// All topics, by name.
    pub fn topics(&self) -> Vec<TopicInfo> {
        self.0.core.topics().iter().map(|topic| (*topic.info).clone()).collect()
    }

    /// A topic by its name.
    pub fn topic(&self, name: &str) -> Option<TopicInfo> {
        self.0.core.topic(name).map(|topic| (*topic.info).clone())
    }

    /// A topic by its identity.
    pub fn topic_by_id(&self, id: TopicId) -> Option<TopicInfo> {
        self.0.core.topic_by_id(id).map(|topic| (*topic.info).clone())
    }

    /// A handle of one partition.
    pub fn partition(&self, topic: &str, index: i32) -> Option<Partition> {
        let topic = self.0.core.topic(topic)?;
        let state = topic.partitions.get(usize::try_from(index).ok()?)?;
        Some(Partition { core: Arc::clone(&self.0.core), state: Arc::clone(state) })
    }

    /// The clock and the other doors that the log was opened with.
    pub fn world(&self) -> &World {
        &self.0.core.world
    }
}

impl Inner {
    /// The right to make or delete a topic, after removing what earlier attempts left.
    fn topics_turn(&self) -> Result<MutexGuard<'_, Vec<TopicInfo>>, TopicError> {
        let mut unfinished = self.topics_turn.lock().unwrap_or_else(PoisonError::into_inner);
        if self.core.queue.is_closed() {
            return Err(TopicError::Closed);
        }
        let (disk, dir) = (self.core.world.disk(), &self.core.config.dir);
        while let Some(info) = unfinished.last() {
            topics::begin_delete(disk, dir, info)?;
            for folder in topics::finish_delete(disk, dir, info)? {
                disk.remove_dir_all(&folder).map_err(TopicError::io(folder))?;
            }
            unfinished.pop();
        }
        Ok(unfinished)
    }

    fn close(&self) -> Result<(), CloseError> {
        self.core.queue.close();
        if IN_WRITER.get() {
            let why = "it was closed by a callback of an append; the writer ends by itself".into();
            return Err(CloseError::Unclean { why });
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            thread.join();
        }
        // Where nothing runs by itself this does the work; else it only returns the answer.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).run_to_end()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!("{error}");
        }
    }
}

thread_local! {
    /// Whether this thread is stepping a writer: then it must not wait for one.
    static IN_WRITER: Cell<bool> = const { Cell::new(false) };
}

/// Steps the writer and remembers that this thread does.
struct Guarded(WriterDriver);

impl Driver for Guarded {
    fn step(&mut self) -> Step {
        let before = IN_WRITER.replace(true);
        let step = self.0.step();
        IN_WRITER.set(before);
        step
    }
}

fn check_config(config: &LogConfig) -> Result<(), OpenError> {
    let invalid = |field, why| Err(OpenError::InvalidConfig { field, why });
    if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&config.segment_bytes) {
        return invalid("segment_bytes", "must be 1 KiB to 1 GiB");
    }
    if config.queue_bytes == 0 || config.queue_appends == 0 {
        return invalid("queue_bytes and queue_appends", "must not be 0");
    }
    Ok(())
}

fn take_lock(disk: &dyn Disk, dir: &Path) -> Result<Box<dyn Lock>, OpenError> {
    disk.create_dir_all(dir).map_err(OpenError::io("cannot make", dir))?;
    let path = dir.join(LOCK);
    disk.lock(&path).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked { dir: dir.to_owned() },
        _ => OpenError::Io { what: "cannot lock", path, source },
    })
}

/// A random id (a version 4 UUID) whose text does not begin with a dash, which tools would take for a flag.
fn new_id(world: &World) -> TopicId {
    let mut id = [0; 16];
    for _ in 0..16 {
        world.random().fill(&mut id);
        id[6] = id[6] & 0x0f | 0x40;
        id[8] = id[8] & 0x3f | 0x80;
        if !TopicId(id).to_string().starts_with('-') {
            break;
        }
    }
    TopicId(id)
}

fn make_topic(core: &Core, info: &TopicInfo) -> Result<(), TopicError> {
    topics::create(core.world.disk(), &core.config.dir, info, core.epoch.get())?;
    let topic = open_topic(core, info.clone(), &Known::default())
        .map_err(|(path, source)| TopicError::Io { path, source })?;
    core.insert(topic);
    Ok(())
}

/// Ends a partition whose topic is deleted.
fn retire(core: &Core, partition: &PartitionState) {
    partition.stop(Condition::Deleted);
    *partition.writer() = None;
    partition.tail.clear();
    let segments =
        std::mem::take(&mut *partition.segments.write().unwrap_or_else(PoisonError::into_inner));
    segments.iter().for_each(|segment| core.handles.forget(segment.id));
}

/// What the durable files say of the partitions.
#[derive(Default)]
struct Known {
    marks: BTreeMap<PartitionKey, Mark>,
    starts: Starts,
    clean: bool,
}

struct Opening<'a> {
    core: &'a Core,
    known: Known,
    topics: Vec<TopicFile>,
}

impl<'a> Opening<'a> {
    fn new(core: &'a Core) -> Result<Self, OpenError> {
        let (disk, dir) = (core.world.disk(), &core.config.dir);
        let folder = dir.join(TOPICS);
        disk.create_dir_all(&folder).map_err(OpenError::io("cannot make", &folder))?;
        disk.sync_dir(dir).map_err(OpenError::io("cannot sync", dir))?;
        let topics = topics::load(disk, dir).map_err(unreadable)?;
        let known = Known {
            marks: read_marks(disk, &dir.join(SYNCED_MARKS))?,
            starts: read_starts(disk, &dir.join(LOG_STARTS))
                .map_err(|error| unreadable((dir.join(LOG_STARTS), error)))?,
            clean: disk
                .exists(&dir.join(CLEAN_STOP))
                .map_err(OpenError::io("cannot look for", dir.join(CLEAN_STOP)))?,
        };
        Ok(Self { core, known, topics })
    }

    fn run(self) -> Result<(), OpenError> {
        let (disk, dir) = (self.core.world.disk(), &self.core.config.dir);
        self.core.epoch.load(disk, dir).map_err(|error| unreadable((dir.join(EPOCH), error)))?;
        if !self.known.clean && !self.topics.is_empty() {
            let raised = self.core.epoch.raise(disk, dir, 0);
            raised.map_err(OpenError::io("cannot raise the epoch in", dir.join(EPOCH)))?;
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
        if self.known.clean {
            let path = dir.join(CLEAN_STOP);
            disk.remove_file(&path).map_err(OpenError::io("cannot remove", &path))?;
            disk.sync_dir(dir).map_err(OpenError::io("cannot sync", dir))?;
        }
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
fn open_topic(core: &Core, info: TopicInfo, known: &Known) -> Result<Topic, (PathBuf, io::Error)> {
    let info = Arc::new(info);
    let mut partitions = Vec::new();
    for index in 0..info.config.partitions {
        let folder = core.config.dir.join(partition_folder(&info.name, index));
        let opened = open_partition(core, &info, index, &folder, known);
        let opened = opened.map_err(|error| (folder.clone(), error))?;
        let mark = known.marks.get(&(info.id, index)).cloned();
        let (topic, number) = (Arc::clone(&info), core.number());
        partitions.push(Arc::new(PartitionState::new(topic, index, number, folder, mark, opened)));
    }
    Ok(Topic { info, partitions: partitions.into() })
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
    Recovery {
        disk,
        folder,
        segment_bytes: core.segment_bytes(&info.config),
        mark: known.marks.get(&key),
        log_start,
        epoch: core.epoch.get(),
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
        leader_epoch,
        condition: Condition::Corrupt(Arc::new(corruption)),
    }
}
