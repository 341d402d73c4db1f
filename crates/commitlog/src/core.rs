//! What all parts of one open log share.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use tidemill_world::{Wake, World};

use crate::age::SegmentLimits;
use crate::backlog::SETTLED;
use crate::config::{LogConfig, TopicConfig, TopicId};
use crate::epoch::LeaderEpoch;
use crate::handles::ReadHandles;
use crate::place::{Failure, PartitionWriter};
use crate::producer_ids::ProducerIds;
use crate::queue::Queue;
use crate::segment::Files;
use crate::state::{Condition, PartitionState, SharedTopic};
use crate::tail::TailBudget;
use crate::wal::Wal;
use crate::write_back::WriteBack;

pub(crate) struct Core {
    pub(crate) world: World,
    pub(crate) config: LogConfig,
    pub(crate) handles: ReadHandles,
    pub(crate) queue: Queue,
    pub(crate) epoch: LeaderEpoch,
    pub(crate) producer_ids: ProducerIds,
    pub(crate) wal: Arc<Wal>,
    pub(crate) write_back: Arc<WriteBack>,
    pub(crate) tails: Arc<Mutex<TailBudget>>,
    topics: RwLock<Topics>,
    next_number: AtomicU64,
    /// Held while the file of log start offsets is written.
    pub(crate) starts_turn: Mutex<()>,
    retention_asked: AtomicBool,
    writer: Wake,
    pub(crate) cleaner: Wake,
}

/// The topics, to be found by name and by id.
#[derive(Default)]
struct Topics {
    by_name: BTreeMap<Arc<str>, Topic>,
    names: BTreeMap<TopicId, Arc<str>>,
}

/// A topic and its partitions in order.
#[derive(Clone)]
pub(crate) struct Topic {
    pub(crate) shared: Arc<SharedTopic>,
    pub(crate) partitions: Arc<[Arc<PartitionState>]>,
}

impl Core {
    pub(crate) fn new(world: World, config: LogConfig, writer: Wake) -> Self {
        let queue = Queue::new(config.queue_bytes, config.queue_appends, writer.clone());
        let wal = Arc::new(Wal::new(world.clone(), &config.dir, config.wal_bytes));
        let tails = Arc::new(Mutex::new(TailBudget::new(config.tail_cache_bytes)));
        let write_back =
            WriteBack::new(world.clone(), config.dir.clone(), Arc::clone(&wal), Arc::clone(&tails));
        Self {
            wal,
            write_back: Arc::new(write_back),
            tails,
            world,
            config,
            handles: ReadHandles::default(),
            queue,
            epoch: LeaderEpoch::default(),
            producer_ids: ProducerIds::default(),
            topics: RwLock::default(),
            next_number: AtomicU64::new(0),
            starts_turn: Mutex::default(),
            retention_asked: AtomicBool::new(false),
            writer,
            cleaner: Wake::new(),
        }
    }

    /// Has the writer look for removable segments soon.
    pub(crate) fn request_retention(&self) {
        self.retention_asked.store(true, Ordering::Release);
        self.writer.notify();
    }

    /// Whether somebody asked for that since the last call.
    pub(crate) fn take_retention_request(&self) -> bool {
        self.retention_asked.swap(false, Ordering::AcqRel)
    }

    /// When a topic's segments are closed. A compacted topic closes them early enough for its compaction lag, because
    /// the segment that is being written is never cleaned (KIP-354).
    pub(crate) fn segment_limits(&self, config: &TopicConfig) -> SegmentLimits {
        let lag_ms = config.max_compaction_lag_ms;
        let ms =
            if config.cleanup.compact { config.segment_ms.min(lag_ms) } else { config.segment_ms };
        let bytes = config.segment_bytes.unwrap_or(self.config.segment_bytes);
        SegmentLimits { bytes, ms: i64::try_from(ms).unwrap_or(i64::MAX) }
    }

    pub(crate) fn files(&self) -> Files<'_> {
        Files { disk: self.world.disk(), handles: &self.handles }
    }

    /// A number that no other partition of this log has had.
    pub(crate) fn number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Sees to it that no producer id is given that some partition knows.
    pub(crate) fn skip_producer_ids(&self) -> io::Result<()> {
        let last_of = |partition: Arc<PartitionState>| {
            let guard = partition.writer();
            let known = guard.as_ref()?.producers.known();
            known.map(|(id, _)| id).max()
        };
        match self.partitions().into_iter().filter_map(last_of).max() {
            Some(last) => self.producer_ids.skip_past(self.world.disk(), &self.config.dir, last),
            None => Ok(()),
        }
    }

    pub(crate) fn topic(&self, name: &str) -> Option<Topic> {
        self.read_topics().by_name.get(name).cloned()
    }

    pub(crate) fn topic_by_id(&self, id: TopicId) -> Option<Topic> {
        let topics = self.read_topics();
        topics.by_name.get(topics.names.get(&id)?).cloned()
    }

    pub(crate) fn topics(&self) -> Vec<Topic> {
        self.read_topics().by_name.values().cloned().collect()
    }

    fn read_topics(&self) -> RwLockReadGuard<'_, Topics> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, topic: Topic) {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        let name = Arc::clone(&topic.shared.name);
        topics.names.insert(topic.shared.id, Arc::clone(&name));
        topics.by_name.insert(name, topic);
    }

    pub(crate) fn remove(&self, name: &str) {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(topic) = topics.by_name.remove(name) {
            topics.names.remove(&topic.shared.id);
        }
    }

    /// A partition's writer when no job of the write-back is under way for it.
    pub(crate) fn writer_alone<'a>(
        &self,
        partition: &'a PartitionState,
    ) -> MutexGuard<'a, Option<PartitionWriter>> {
        loop {
            let guard = partition.writer();
            if !guard.as_ref().is_some_and(PartitionWriter::is_away) {
                return guard;
            }
            drop(guard);
            self.write_back.recall(partition);
        }
    }

    /// Notes how far a partition's bytes are in its segments.
    pub(crate) fn note_landed(
        &self,
        partition: &PartitionState,
        writer: MutexGuard<'_, Option<PartitionWriter>>,
        landed: i64,
    ) {
        if partition.wal_from() == SETTLED {
            return;
        }
        partition.note_wal(writer.as_ref());
        drop(writer);
        let mut tails = self.tails.lock().unwrap_or_else(PoisonError::into_inner);
        tails.release(&partition.tail, landed);
    }

    /// A partition of whose files nothing is known any more takes no appends.
    pub(crate) fn fence_if_broken(&self, partition: &PartitionState, failure: &Failure) {
        if let Failure::Broken(reason) = failure {
            tracing::error!("partition {} is fenced: {reason}", partition.name);
            partition.stop(Condition::Fenced(reason.as_str().into()));
        }
    }

    /// All partitions, in the order of topic names.
    pub(crate) fn partitions(&self) -> Vec<Arc<PartitionState>> {
        let topics = self.read_topics();
        topics.by_name.values().flat_map(|topic| topic.partitions.iter().cloned()).collect()
    }
}
