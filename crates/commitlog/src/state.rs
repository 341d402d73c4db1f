//! One partition, shared between its readers and the writer.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::backlog::SETTLED;
use crate::checkpoint::Mark;
use crate::clean_state::CleanState;
use crate::config::{TopicId, TopicInfo};
use crate::error::{AppendError, Corruption, ReadError};
use crate::names::partition_folder;
use crate::notify::Watchers;
use crate::place::PartitionWriter;
use crate::segment::Segment;
use crate::tail::Tail;

/// Whether a partition takes appends and gives batches.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// Both.
    Open,
    /// Only gives: a write or sync failed.
    Fenced(Arc<str>),
    /// Neither: its files are wrong inside what was synced.
    Corrupt(Arc<Corruption>),
    /// Neither: the topic is gone.
    Deleted,
    /// Only gives: the log is closed.
    Closed,
}

/// What all partitions of a topic and their handles share: who it is, and its settings as they are now.
pub(crate) struct SharedTopic {
    pub(crate) name: Arc<str>,
    pub(crate) id: TopicId,
    info: RwLock<Arc<TopicInfo>>,
}

impl SharedTopic {
    pub(crate) fn new(info: TopicInfo) -> Self {
        Self { name: Arc::clone(&info.name), id: info.id, info: RwLock::new(Arc::new(info)) }
    }

    /// The topic as it is now: one reference count.
    pub(crate) fn info(&self) -> Arc<TopicInfo> {
        Arc::clone(&self.info.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the settings for all who ask from now on.
    pub(crate) fn set(&self, info: Arc<TopicInfo>) {
        *self.info.write().unwrap_or_else(PoisonError::into_inner) = info;
    }
}

pub(crate) struct PartitionState {
    pub(crate) topic: Arc<SharedTopic>,
    pub(crate) index: i32,
    /// `topic-partition`.
    pub(crate) name: Arc<str>,
    pub(crate) folder: PathBuf,
    /// Orders the partitions of one log; never used twice in a process.
    pub(crate) number: u64,
    high_watermark: AtomicI64,
    /// Never above the high watermark, except between two stores.
    last_stable_offset: AtomicI64,
    log_start_offset: AtomicI64,
    leader_epoch: AtomicI32,
    pub(crate) segments: RwLock<Vec<Arc<Segment>>>,
    pub(crate) tail: Arc<Tail>,
    pub(crate) watchers: Watchers,
    condition: RwLock<Condition>,
    /// Held by the writer for a round, and by those who recover or delete.
    writer: Mutex<Option<PartitionWriter>>,
    /// The oldest entry of the write-ahead file that the partition needs.
    wal_from: AtomicU64,
    /// How far the partition was last known to be synced, as in the durable file.
    pub(crate) mark: Mutex<Option<Mark>>,
    pub(crate) clean: CleanState,
}

/// What a partition looks like when it is opened.
pub(crate) struct Opened {
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) writer: Option<PartitionWriter>,
    pub(crate) log_start_offset: i64,
    pub(crate) high_watermark: i64,
    pub(crate) last_stable_offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) condition: Condition,
}

impl PartitionState {
    pub(crate) fn new(
        topic: Arc<SharedTopic>,
        index: i32,
        number: u64,
        folder: PathBuf,
        mark: Option<Mark>,
        first_dirty: Option<i64>,
        opened: Opened,
    ) -> Self {
        Self {
            name: partition_folder(&topic.name, index).into(),
            topic,
            index,
            folder,
            number,
            high_watermark: AtomicI64::new(opened.high_watermark),
            last_stable_offset: AtomicI64::new(opened.last_stable_offset),
            log_start_offset: AtomicI64::new(opened.log_start_offset),
            leader_epoch: AtomicI32::new(opened.leader_epoch),
            segments: RwLock::new(opened.segments),
            tail: Arc::default(),
            watchers: Watchers::default(),
            condition: RwLock::new(opened.condition),
            writer: Mutex::new(opened.writer),
            clean: CleanState::new(mark.as_ref(), first_dirty),
            wal_from: AtomicU64::new(SETTLED),
            mark: Mutex::new(mark),
        }
    }

    /// Takes in what recovery found anew. The caller holds the writer's lock.
    pub(crate) fn reopen(&self, writer: &mut Option<PartitionWriter>, opened: Opened) {
        self.tail.clear();
        *self.segments.write().unwrap_or_else(PoisonError::into_inner) = opened.segments;
        *writer = opened.writer;
        self.leader_epoch.store(opened.leader_epoch, Ordering::Release);
        self.log_start_offset.store(opened.log_start_offset, Ordering::Release);
        *self.condition.write().unwrap_or_else(PoisonError::into_inner) = opened.condition;
        self.advance(opened.high_watermark, opened.last_stable_offset);
    }

    pub(crate) fn high_watermark(&self) -> i64 {
        self.high_watermark.load(Ordering::Acquire)
    }

    /// Where readers of committed transactions stop (KIP-98): never before the log's start, which may have been
    /// raised past an open transaction.
    pub(crate) fn last_stable_offset(&self) -> i64 {
        let stable = self.last_stable_offset.load(Ordering::Acquire);
        stable.max(self.log_start_offset())
    }

    /// Lets readers see up to `high_watermark`, those of committed transactions up to `stable`, and wakes those who
    /// wait for it.
    pub(crate) fn advance(&self, high_watermark: i64, stable: i64) {
        self.high_watermark.store(high_watermark, Ordering::Release);
        self.last_stable_offset.store(stable, Ordering::Release);
        self.watchers.notify(high_watermark, self.last_stable_offset());
    }

    pub(crate) fn log_start_offset(&self) -> i64 {
        self.log_start_offset.load(Ordering::Acquire)
    }

    /// Raises the log's start, and with it maybe the last stable offset.
    pub(crate) fn set_log_start_offset(&self, offset: i64) {
        self.log_start_offset.store(offset, Ordering::Release);
        self.watchers.notify(self.high_watermark(), self.last_stable_offset());
    }

    pub(crate) fn leader_epoch(&self) -> i32 {
        self.leader_epoch.load(Ordering::Acquire)
    }

    pub(crate) fn condition(&self) -> Condition {
        self.condition.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts the partition out of use, unless it is further gone already, and wakes everybody.
    pub(crate) fn stop(&self, condition: Condition) {
        {
            let mut now = self.condition.write().unwrap_or_else(PoisonError::into_inner);
            let further = matches!(
                (&*now, &condition),
                (Condition::Open, _)
                    | (_, Condition::Deleted)
                    | (Condition::Fenced(_), Condition::Closed)
            );
            if further {
                *now = condition;
            }
        }
        self.watchers.notify_all();
    }

    /// Whether nothing will ever be appended again under this handle.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.condition(), Condition::Deleted | Condition::Closed)
    }

    /// The oldest entry of the write-ahead file that the partition needs; [`SETTLED`] if none.
    pub(crate) fn wal_from(&self) -> u64 {
        self.wal_from.load(Ordering::Acquire)
    }

    /// Notes what its writer says of that; returns whether it needed none before and does now.
    pub(crate) fn note_wal(&self, writer: Option<&PartitionWriter>) -> bool {
        let from = writer.map_or(SETTLED, PartitionWriter::wal_from);
        self.wal_from.swap(from, Ordering::AcqRel) == SETTLED && from != SETTLED
    }

    /// Whether pending bytes wait for room on the disk.
    pub(crate) fn is_stuck(&self) -> bool {
        self.wal_from() != SETTLED && self.writer().as_ref().is_some_and(PartitionWriter::is_stuck)
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Option<PartitionWriter>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether appends are taken.
    pub(crate) fn check_append(&self) -> Result<(), AppendError> {
        let partition = || Arc::clone(&self.name);
        match &*self.condition.read().unwrap_or_else(PoisonError::into_inner) {
            Condition::Open => Ok(()),
            Condition::Fenced(reason) => {
                Err(AppendError::Fenced { partition: partition(), reason: Arc::clone(reason) })
            }
            Condition::Corrupt(corruption) => Err(AppendError::Corrupt(Arc::clone(corruption))),
            Condition::Deleted => Err(AppendError::Deleted { partition: partition() }),
            Condition::Closed => Err(AppendError::Closed),
        }
    }

    /// Whether batches are given.
    pub(crate) fn check_read(&self) -> Result<(), ReadError> {
        match &*self.condition.read().unwrap_or_else(PoisonError::into_inner) {
            Condition::Corrupt(corruption) => Err(ReadError::Corrupt(Arc::clone(corruption))),
            Condition::Deleted => Err(ReadError::Deleted { partition: Arc::clone(&self.name) }),
            Condition::Open | Condition::Fenced(_) | Condition::Closed => Ok(()),
        }
    }
}
