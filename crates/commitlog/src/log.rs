//! Opening and closing a log, and its topics.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidemill_world::{Disk, Driver, DriverHandle, Lock, Step, Waiting, Wake, World};

use crate::clean::{Cleaner, CleanerDriver, write_marks};
use crate::config::{LogConfig, TopicConfig, TopicId, TopicInfo, check_topic_name};
use crate::core::{Core, Topic};
use crate::error::{CloseError, OpenError, ProducerIdError, TopicError};
use crate::limits::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, WAL_BYTES_MAX, WAL_BYTES_MIN};
use crate::names::LOCK;
use crate::opening::{Known, open_all, open_partitions, open_topic};
use crate::partition::Partition;
use crate::state::{Condition, PartitionState};
use crate::topics;
use crate::write_back::WriteBackDriver;
use crate::writer::{Writer, WriterDriver};

/// An open log. Cloning is one reference count; the log is closed when [`close`](Self::close) is called or the
/// last clone is dropped.
#[derive(Clone)]
pub struct Log(Arc<Inner>);

struct Inner {
    core: Arc<Core>,
    writer: Arc<Mutex<Writer>>,
    threads: Mutex<Vec<DriverHandle>>,
    cleaner: Arc<Mutex<Cleaner>>,
    cleaner_thread: Mutex<Option<DriverHandle>>,
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
        open_all(&core)?;
        let writer = Arc::new(Mutex::new(Writer::new(Arc::clone(&core), lock)));
        let driver = Box::new(Guarded(WriterDriver(Arc::clone(&writer))));
        let world = &core.world;
        let failed = |error| OpenError::io("cannot start a thread of", &core.config.dir)(error);
        let write_back = Box::new(WriteBackDriver(Arc::clone(&core.write_back)));
        let start = |name, wake, driver| {
            world.threads().spawn(name, Waiting::Park, wake, world.clock_arc(), driver)
        };
        let back = start("log-write-back", core.write_back.wake(), write_back).map_err(failed)?;
        let begun = start("log-writer", wake, driver)
            .inspect_err(|_| core.write_back.abandon())
            .map_err(failed)?;
        let (cleaner, cleaner_thread) = start_cleaner(&core).inspect_err(|_| core.queue.close())?;
        Ok(Self(Arc::new(Inner {
            core,
            writer,
            // The first to end is the first to be waited for.
            threads: Mutex::new(vec![begun, back]),
            cleaner,
            cleaner_thread: Mutex::new(cleaner_thread),
            topics_turn: Mutex::default(),
        })))
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
            return Err(TopicError::Exists(Arc::clone(&topic.shared.name)));
        }
        let info = TopicInfo { name: name.into(), id: new_id(&core.world), config };
        topics::clear_strays(core.world.disk(), &core.config.dir, &info, 0)?;
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
        let (folders, is_cleaned) = {
            let mut unfinished = self.0.topics_turn()?;
            let topic = core.topic(name).ok_or_else(|| TopicError::Unknown(name.to_owned()))?;
            let info = topic.shared.info();
            topics::begin_delete(disk, dir, &info)?;
            core.remove(name);
            topic.partitions.iter().for_each(|partition| retire(core, partition));
            let folders = topics::finish_delete(disk, dir, &info)
                .inspect_err(|_| unfinished.push((*info).clone()))?;
            let mut partitions = topic.partitions.iter();
            (folders, partitions.any(|partition| partition.clean.first_dirty().is_some()))
        };
        for folder in folders {
            disk.remove_dir_all(&folder).map_err(TopicError::io(folder))?;
        }
        // A topic made anew under this name must not be taken for cleaned.
        if is_cleaned && let Err(error) = write_marks(core) {
            tracing::warn!("how far topics are cleaned cannot be noted: {error}");
        }
        Ok(())
    }

    /// Changes the settings of a topic, durably, for all its handles at once. `change` gets the settings as they are;
    /// what it does to `partitions` is left out (see [`add_partitions`](Self::add_partitions)).
    ///
    /// # Errors
    /// The topic is unknown, a setting is invalid, or the disk refused: then the old settings hold until the log
    /// is opened again, and the old or the new ones from then on.
    pub fn alter_topic(
        &self,
        name: &str,
        change: impl FnOnce(&mut TopicConfig),
    ) -> Result<TopicInfo, TopicError> {
        let core = &self.0.core;
        let _turn = self.0.topics_turn()?;
        let topic = core.topic(name).ok_or_else(|| TopicError::Unknown(name.to_owned()))?;
        let mut info = (*topic.shared.info()).clone();
        let partitions = info.config.partitions;
        change(&mut info.config);
        info.config.partitions = partitions;
        info.config.check()?;
        topics::write(core.world.disk(), &core.config.dir, &info)?;
        topic.shared.set(Arc::new(info.clone()));
        core.request_retention();
        Ok(info)
    }

    /// Raises the number of a topic's partitions to `total`, durably: all of the new ones are there or none,
    /// whatever happens.
    ///
    /// # Errors
    /// The topic is unknown, `total` is not more than it has or over the bound, a folder with unknown data is in
    /// the way, or the disk refused: then the old number holds until the log is opened again, and the old or the
    /// new one from then on.
    pub fn add_partitions(&self, name: &str, total: i32) -> Result<TopicInfo, TopicError> {
        let core = &self.0.core;
        let (disk, dir) = (core.world.disk(), &core.config.dir);
        let _turn = self.0.topics_turn()?;
        let topic = core.topic(name).ok_or_else(|| TopicError::Unknown(name.to_owned()))?;
        let mut info = (*topic.shared.info()).clone();
        let first = std::mem::replace(&mut info.config.partitions, total);
        if total <= first {
            let why = format!("must be more than the {first} there are");
            return Err(TopicError::InvalidConfig { field: "partitions", why });
        }
        info.config.check()?;
        topics::clear_strays(disk, dir, &info, first)?;
        topics::create_folders(disk, dir, &info, first, core.epoch.get())
            .map_err(TopicError::io(dir))?;
        // Opened before the topic names them: what fails here leaves the topic as it was.
        let added = open_partitions(core, &topic.shared, &info, first, &Known::default())
            .map_err(|(path, source)| TopicError::Io { path, source })?;
        topics::write(disk, dir, &info)?;
        let partitions = topic.partitions.iter().cloned().chain(added).collect();
        core.insert(Topic { shared: Arc::clone(&topic.shared), partitions });
        topic.shared.set(Arc::new(info.clone()));
        Ok(info)
    }

    /// All topics, by name.
    pub fn topics(&self) -> Vec<TopicInfo> {
        self.0.core.topics().iter().map(|topic| (*topic.shared.info()).clone()).collect()
    }

    /// A topic by its name.
    pub fn topic(&self, name: &str) -> Option<TopicInfo> {
        self.0.core.topic(name).map(|topic| (*topic.shared.info()).clone())
    }

    /// A topic by its identity.
    pub fn topic_by_id(&self, id: TopicId) -> Option<TopicInfo> {
        self.0.core.topic_by_id(id).map(|topic| (*topic.shared.info()).clone())
    }

    /// A handle of one partition.
    pub fn partition(&self, topic: &str, index: i32) -> Option<Partition> {
        let topic = self.0.core.topic(topic)?;
        let state = topic.partitions.get(usize::try_from(index).ok()?)?;
        Some(Partition { core: Arc::clone(&self.0.core), state: Arc::clone(state) })
    }

    /// A producer id that was never given before, also not before a crash. One in a thousand writes a small
    /// file.
    ///
    /// # Errors
    /// The disk refused, or the log is closed; no id was used up.
    pub fn allocate_producer_id(&self) -> Result<i64, ProducerIdError> {
        let core = &self.0.core;
        if core.queue.is_closed() {
            return Err(ProducerIdError::Closed);
        }
        let id = core.producer_ids.allocate(core.world.disk(), &core.config.dir);
        id.map_err(|source| ProducerIdError::Io { dir: core.config.dir.clone(), source })
    }

    /// Whether this log may have given this producer id.
    pub fn is_producer_id(&self, id: i64) -> bool {
        self.0.core.producer_ids.is_given(id)
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.0.core
    }

    /// The folder that holds everything.
    pub fn dir(&self) -> &Path {
        &self.0.core.config.dir
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
        // It ends after the step it is in; nothing of it may touch files once the folder is given back.
        self.cleaner.lock().unwrap_or_else(PoisonError::into_inner).stop();
        self.core.cleaner.notify();
        let cleaner = self.cleaner_thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = cleaner {
            thread.join();
        }
        if IN_WRITER.get() {
            let why = "it was closed by a callback of an append; the writer ends by itself".into();
            return Err(CloseError::Unclean { why });
        }
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
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
    if !(WAL_BYTES_MIN..=WAL_BYTES_MAX).contains(&config.wal_bytes) {
        return invalid("wal_bytes", "must be 32 MiB to 4 GiB");
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

fn start_cleaner(
    core: &Arc<Core>,
) -> Result<(Arc<Mutex<Cleaner>>, Option<DriverHandle>), OpenError> {
    let cleaner = Arc::new(Mutex::new(Cleaner::new(Arc::clone(core))));
    if !core.config.cleaner_enabled {
        return Ok((cleaner, None));
    }
    let driver = Box::new(CleanerDriver(Arc::clone(&cleaner)));
    let (world, wake) = (&core.world, core.cleaner.clone());
    let thread = world
        .threads()
        .spawn("log-cleaner", Waiting::Park, wake, world.clock_arc(), driver)
        .map_err(OpenError::io("cannot start the cleaner thread of", &core.config.dir))?;
    Ok((cleaner, Some(thread)))
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
    let _turn = partition.clean.files_turn();
    partition.stop(Condition::Deleted);
    // A job under way would write into the folder of a topic made anew.
    *core.writer_alone(partition) = None;
    partition.note_wal(None);
    partition.tail.clear();
    let segments =
        std::mem::take(&mut *partition.segments.write().unwrap_or_else(PoisonError::into_inner));
    segments.iter().for_each(|segment| core.handles.forget(segment.id));
}
