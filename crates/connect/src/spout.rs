//! The log spout: records of a topic as tuples.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidemill_commitlog::batch::records;
use tidemill_commitlog::offsets::{CommittedOffset, GroupOffsets};
use tidemill_commitlog::{Log, Partition, ReadError, Subscription};
use tidemill_engine::{
    CommitPart, ComponentError, DynSpout, FailReason, Guarantee, MessageId, Next, SpoutOutput,
    TaskContext, Value,
};
use tidemill_world::{Clock, Moment, Wake};

use crate::epochs::{LogCommitter, LogPart};
use crate::spans::Spans;

/// The fields that a [`LogSpout`] emits: key and value (bytes or null), timestamp in milliseconds since 1970, partition, offset.
pub const LOG_FIELDS: [&str; 5] = ["key", "value", "timestamp", "partition", "offset"];

/// Bytes asked of one partition at a time: enough to make a read worth its while, little enough that partitions take turns.
const READ_BYTES: usize = 256 << 10;
/// Committed offsets are written at most this often, and when the spout closes. What was done since is done again
/// after a crash.
const COMMIT_INTERVAL: Duration = Duration::from_millis(500);

/// Where the number of the partition begins in the message ids of an exactly-once topology: offsets below it are more
/// than a disk holds.
const PARTITION_SHIFT: u32 = 48;

/// Where a spout begins to read.
#[derive(Clone)]
pub enum Start {
    /// At the first record that is kept.
    Earliest,
    /// After the last record that is there.
    Latest,
    /// Where this group stopped; at the first record if it never began. What is done is committed for it. A broker over the
    /// same log lets go of an offset that was not committed anew for its `offsets.retention.minutes`.
    Committed {
        /// The offsets of all groups.
        offsets: GroupOffsets,
        /// The group's name.
        group: Arc<str>,
    },
    /// Where the epochs of an exactly-once topology stopped; at the first record if there was none. The topology must
    /// commit through this very committer.
    Epochs(LogCommitter),
}

/// Reads a topic of the embedded log. Partitions are dealt to the spout's tasks in turn, by number.
///
/// Emits [`LOG_FIELDS`] on the default stream. With one partition a task, the message id is the offset.
pub struct LogSpout {
    log: Log,
    topic: Arc<str>,
    start: Start,
    sources: Vec<Source>,
    /// The source that is read next.
    turn: usize,
    spans: Spans,
    commit: Option<CommitClock>,
}

/// One partition that this task reads.
struct Source {
    partition: Partition,
    /// The next offset to read.
    next_offset: i64,
    /// The offset after the last one that is done.
    done_offset: i64,
    /// What was last written of it.
    committed_offset: i64,
    _subscription: Subscription,
}

/// When offsets were last written.
struct CommitClock {
    clock: Arc<dyn Clock>,
    last: Moment,
    wake: Wake,
}

impl LogSpout {
    /// A spout for a topic; the topic must be there when the topology starts.
    pub fn new(log: Log, topic: &str, start: Start) -> Self {
        Self {
            log,
            topic: topic.into(),
            start,
            sources: Vec::new(),
            turn: 0,
            spans: Spans::default(),
            commit: None,
        }
    }

    fn source(&self, partition: Partition, context: &TaskContext) -> Source {
        let next_offset = match &self.start {
            Start::Earliest => partition.log_start_offset(),
            Start::Epochs(committer) => committer
                .position(&self.topic, partition.index())
                .unwrap_or_else(|| partition.log_start_offset()),
            Start::Latest => partition.high_watermark(),
            Start::Committed { offsets, group } => offsets
                .fetch(group, &self.topic, partition.index())
                .map_or(partition.log_start_offset(), |committed| committed.offset),
        };
        Source {
            next_offset,
            done_offset: next_offset,
            committed_offset: next_offset,
            _subscription: partition.on_change(context.wake()),
            partition,
        }
    }

    /// Emits what one read of a source gives; `false` if there was nothing.
    fn emit_from(&mut self, at: usize, out: &mut SpoutOutput<'_>) -> Result<bool, ComponentError> {
        let source = &mut self.sources[at];
        if source.next_offset >= source.partition.high_watermark() {
            return Ok(false);
        }
        let read = match source.partition.read(source.next_offset, READ_BYTES) {
            Ok(read) => read,
            Err(ReadError::OutOfRange { offset, log_start_offset, high_watermark }) => {
                let to = offset.clamp(log_start_offset, high_watermark);
                tracing::warn!(topic = %self.topic, partition = source.partition.index(), offset, to,
                    "the next offset is no longer kept; going on from where the log begins");
                if source.done_offset == source.next_offset {
                    // Nothing is under way that a later commit could follow.
                    source.done_offset = to;
                }
                source.next_offset = to;
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        };
        if matches!(self.start, Start::Epochs(_)) {
            // A record that comes again after its epoch was taken back must have the same id.
            let id = |offset: i64| (at as u64) << PARTITION_SHIFT | offset.cast_unsigned();
            for batch in read.batches() {
                emit_batch(&batch, source, id, out)?;
            }
            return Ok(true);
        }
        self.spans.open(at, source.next_offset);
        for batch in read.batches() {
            emit_batch(&batch, source, |offset| self.spans.id(offset), out)?;
        }
        Ok(true)
    }

    /// Writes the offsets that are done, unless that was just done: then it says when to come again.
    fn write_due_commits(&mut self) -> Option<Moment> {
        let moved = self.sources.iter().any(|source| source.done_offset > source.committed_offset);
        let commits = matches!(self.start, Start::Committed { .. });
        let commit = self.commit.as_mut().filter(|_| moved && commits)?;
        let due = commit.last.after(COMMIT_INTERVAL);
        let now = commit.clock.now();
        if now < due {
            return Some(due);
        }
        commit.last = now;
        self.write_commits();
        None
    }

    fn write_commits(&mut self) {
        let Start::Committed { offsets, group } = &self.start else { return };
        let moved = self.sources.iter_mut().filter(|s| s.done_offset > s.committed_offset);
        let entries: Vec<(&str, i32, CommittedOffset)> = moved
            .map(|source| {
                source.committed_offset = source.done_offset;
                let leader_epoch = source.partition.leader_epoch();
                let committed =
                    CommittedOffset { leader_epoch, ..CommittedOffset::new(source.done_offset) };
                (&*self.topic, source.partition.index(), committed)
            })
            .collect();
        if entries.is_empty() {
            return;
        }
        let group_name = Arc::clone(group);
        offsets.commit_with(group, &entries, move |result| {
            if let Err(error) = result {
                // The next commit covers this one; until then more is done again after a crash.
                tracing::warn!(group = %group_name, %error, "offsets were not committed");
            }
        });
    }
}

fn emit_batch(
    batch: &Bytes,
    source: &mut Source,
    mut id: impl FnMut(i64) -> MessageId,
    out: &mut SpoutOutput<'_>,
) -> Result<(), ComponentError> {
    let partition = Value::I64(i64::from(source.partition.index()));
    for record in &records(batch)? {
        let record = record?;
        // A read gives the whole batch that holds the offset.
        if record.offset < source.next_offset {
            continue;
        }
        let values = [
            record.key.map_or(Value::Null, Value::Bytes),
            record.value.map_or(Value::Null, Value::Bytes),
            Value::I64(record.timestamp_ms),
            partition,
            Value::I64(record.offset),
        ];
        out.emit(Some(id(record.offset)), &values)?;
        source.next_offset = record.offset + 1;
    }
    Ok(())
}

impl DynSpout for LogSpout {
    fn open(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        let is_exactly_once = context.guarantee() == Guarantee::ExactlyOnce;
        if is_exactly_once != matches!(self.start, Start::Epochs(_)) {
            return Err("exactly-once topologies read from Start::Epochs, and no others do".into());
        }
        let topic = self.log.topic(&self.topic);
        let topic =
            topic.ok_or_else(|| format!("topic {} does not exist; create it first", self.topic))?;
        let tasks = context.parallelism().max(1);
        let mine = (0..topic.config.partitions)
            .filter(|index| usize::try_from(*index).unwrap_or(0) % tasks == context.task_index());
        let partitions = mine.filter_map(|index| self.log.partition(&self.topic, index));
        self.sources = partitions.map(|partition| self.source(partition, context)).collect();
        if let [source] = self.sources.as_slice() {
            self.spans = Spans::starting_at(u64::try_from(source.next_offset).unwrap_or(0));
        }
        let clock = context.clock_arc();
        self.commit = Some(CommitClock { last: clock.now(), clock, wake: context.wake() });
        Ok(())
    }

    fn next(&mut self, out: &mut SpoutOutput<'_>) -> Result<Next, ComponentError> {
        let mut emitted = false;
        for _ in 0..self.sources.len() {
            if out.room() == 0 {
                return Ok(Next::More);
            }
            let at = self.turn;
            self.turn = (self.turn + 1) % self.sources.len();
            emitted |= self.emit_from(at, out)?;
        }
        if emitted {
            return Ok(Next::More);
        }
        Ok(self.write_due_commits().map_or(Next::Idle, Next::IdleUntil))
    }

    fn fail(&mut self, id: MessageId, reason: &FailReason) {
        tracing::warn!(topic = %self.topic, id, %reason, "a record could not be processed");
    }

    fn commit(&mut self, low_water: MessageId) -> Result<(), ComponentError> {
        let sources = &mut self.sources;
        self.spans.commit(low_water, |source, offset| {
            if let Some(source) = sources.get_mut(source) {
                source.done_offset = source.done_offset.max(offset);
            }
        });
        if self.write_due_commits().is_some()
            && let Some(commit) = &self.commit
        {
            // `next` says how long to wait; it would not be asked again for what is done after it was idle.
            commit.wake.notify();
        }
        Ok(())
    }

    fn commit_part(&mut self, _: u64) -> Result<Option<CommitPart>, ComponentError> {
        // Nothing is under way: all that was emitted is done.
        let moved = self.sources.iter().filter(|s| s.next_offset > s.committed_offset);
        let place = |source: &Source| (Arc::clone(&self.topic), source.partition.index());
        let positions: Vec<_> = moved.map(|source| (place(source), source.next_offset)).collect();
        Ok((!positions.is_empty()).then(|| Box::new(LogPart::Positions(positions)) as CommitPart))
    }

    fn committed(&mut self, _: u64) {
        for source in &mut self.sources {
            source.done_offset = source.next_offset;
            source.committed_offset = source.next_offset;
        }
    }

    fn taken_back(&mut self) -> Result<(), ComponentError> {
        for source in &mut self.sources {
            source.next_offset = source.committed_offset;
        }
        Ok(())
    }

    fn close(&mut self) {
        self.write_commits();
    }
}
