//! The one writer of a log: everything that changes files goes through it, in rounds.
//!
//! # The story of a round
//!
//! 1. **Gather**: take all that is queued, for all partitions, and sort it by partition.
//! 2. **Choose**: a partition with much goes straight to its segment. Several with little each, and appends that must
//!    be done all or not at all, go to the shared write-ahead file (`shared.rs`).
//! 3. **Place**: write each partition's batches (`place.rs`), and one entry for those that share it. Appends that
//!    wait only for the write are answered.
//! 4. **Sync** each touched file once, the shared one first.
//! 5. **Publish**: hand the batches to the tail cache, raise the high watermark, answer, wake the waiters.
//!
//! Whatever is queued while a round is on its way to the disk is the next round, so rounds grow by
//! themselves until the disk is busy all the time.
//!
//! A topic that promises only the write is published after step 3 and synced once a mark period.
//!
//! The writer is a plain value. A thread steps it through [`WriterDriver`]; a simulator steps it from a seed; the
//! closing of a log steps it to the end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidemill_world::{AlignedBuffer, Driver, Lock, Moment, Step};

use crate::backlog::Place;
use crate::config::{Acks, Durability};
use crate::core::Core;
use crate::error::{AppendError, CloseError};
use crate::limits::{ROUND_BYTES_MAX, WRITE_BUFFER_BYTES, WRITE_HANDLES_MAX};
use crate::place::{Failure, PartitionWriter, Pending, Placed, Tools};
use crate::producers::SequenceError;
use crate::queue::Submit;
use crate::state::PartitionState;
use crate::wal::Draft;

mod housekeeping;
mod sets;
mod shared;

pub(crate) struct Writer {
    core: Arc<Core>,
    buffer: AlignedBuffer,
    /// The appends of the round, sorted by partition; the memory is reused.
    taken: Vec<Submit>,
    /// Those that a round had no room for.
    late: Vec<Submit>,
    pendings: Vec<Pending>,
    /// The entry of the round in the write-ahead file.
    draft: Draft,
    round: u64,
    /// Partitions whose file is open.
    open: Vec<Arc<PartitionState>>,
    /// Partitions that were written since their mark.
    dirty: Vec<Arc<PartitionState>>,
    mark_due: Option<Moment>,
    retention_due: Moment,
    finished: Option<Result<(), CloseError>>,
    /// Held until everything is closed.
    lock: Option<Box<dyn Lock>>,
}

/// The appends of one partition in one round: a range of `taken`.
struct Group {
    partition: Arc<PartitionState>,
    start: usize,
    /// How many, and their bytes.
    count: usize,
    bytes: usize,
    /// Whether any is part of a set.
    has_set: bool,
    way: Way,
    placed: Placed,
}

/// Where the batches of a group go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Straight to the segment.
    Direct,
    /// Into the entry of the round; where they belong is known once they are staged.
    Shared(Option<Place>),
}

impl Group {
    /// The index in `taken` after the last append that was written.
    fn written_end(&self) -> usize {
        self.start + self.placed.written
    }

    fn is_shared(&self) -> bool {
        matches!(self.way, Way::Shared(_))
    }

    /// Whether an append is answered once it is written.
    fn is_written_only(&self) -> bool {
        // A set is answered as one, when all of it is synced.
        let durability = self.partition.topic.info().config.durability;
        durability == Durability::Written && !self.has_set
    }
}

impl Writer {
    pub(crate) fn new(core: Arc<Core>, lock: Box<dyn Lock>) -> Self {
        let now = core.world.clock().now();
        let retention_due = now.after(Duration::from_millis(core.config.retention_check_ms));
        Self {
            core,
            buffer: AlignedBuffer::with_capacity(WRITE_BUFFER_BYTES),
            taken: Vec::new(),
            late: Vec::new(),
            pendings: Vec::new(),
            draft: Draft::default(),
            round: 0,
            open: Vec::new(),
            dirty: Vec::new(),
            mark_due: None,
            retention_due,
            finished: None,
            lock: Some(lock),
        }
    }

    /// One round, or what is due between rounds.
    pub(crate) fn step(&mut self) -> Step {
        if self.finished.is_some() {
            return Step::Done;
        }
        // Looked at before the queue is taken: nothing is queued after it is closed.
        let closing = self.core.queue.is_closed();
        self.gather();
        if !self.taken.is_empty() {
            self.run_round();
            self.keep_house();
            return Step::Again;
        }
        if closing {
            self.finish();
            return Step::Done;
        }
        self.keep_house();
        Step::Until(self.mark_due.map_or(self.retention_due, |due| due.min(self.retention_due)))
    }

    /// Steps to the end; the queue must be closed.
    pub(crate) fn run_to_end(&mut self) -> Result<(), CloseError> {
        while self.step() != Step::Done {}
        self.finished.clone().unwrap_or(Ok(()))
    }

    /// Everything that waits, sorted by partition; the order within a partition stays.
    fn gather(&mut self) {
        if self.late.is_empty() {
            self.core.queue.take(&mut self.taken);
        } else {
            std::mem::swap(&mut self.taken, &mut self.late);
        }
        self.limit_sets();
        self.taken.sort_by_key(|submit| submit.partition.number);
    }

    fn run_round(&mut self) {
        self.round += 1;
        let mut groups = self.choose();
        for group in groups.iter_mut().filter(|group| !group.is_shared()) {
            self.place(group);
        }
        self.share(&mut groups);
        for group in groups.iter_mut().filter(|group| !group.is_shared()) {
            self.sync(group);
            self.publish(group);
        }
        let late = self.taken.drain(..).filter(|submit| submit.done.is_some());
        self.late.extend(late);
        self.limit_open_files();
    }

    /// The partitions of the round with their ranges.
    fn groups(&self) -> Vec<Group> {
        let mut groups = Vec::new();
        let mut start = 0;
        for same in self.taken.chunk_by(|a, b| a.partition.number == b.partition.number) {
            if let Some(first) = same.first() {
                groups.push(Group {
                    partition: Arc::clone(&first.partition),
                    start,
                    count: same.len(),
                    bytes: same.iter().map(|submit| submit.bytes.len()).sum(),
                    has_set: same.iter().any(|submit| submit.set.is_some()),
                    way: Way::Direct,
                    placed: Placed::default(),
                });
            }
            start += same.len();
        }
        groups
    }

    /// Writes the batches of one partition, as many as a round may have.
    fn place(&mut self, group: &mut Group) {
        self.fill_pendings(group, ROUND_BYTES_MAX);
        let core = Arc::clone(&self.core);
        let mut jobs = std::mem::take(&mut self.pendings);
        let placed = self.with_writer(group, |writer, tools| {
            writer.limits = core.segment_limits(&group.partition.topic.info().config);
            writer.place(tools, &mut jobs)
        });
        self.pendings = jobs;
        match placed {
            Some(placed) => {
                group.placed = placed;
                self.take_back(group);
                self.answer_written(group);
            }
            None => self.refuse_all(group),
        }
    }

    /// Lends a partition that takes appends, with no job away, for writing; `None` if it takes none.
    fn with_writer<T>(
        &mut self,
        group: &Group,
        work: impl FnOnce(&mut PartitionWriter, &mut Tools<'_>) -> T,
    ) -> Option<T> {
        let partition = &group.partition;
        let mut guard = self.core.writer_alone(partition);
        let writer = guard.as_mut().filter(|_| partition.check_append().is_ok())?;
        let (disk, clock) = (self.core.world.disk(), self.core.world.clock());
        let was_open = writer.is_open();
        let now_ms = clock.wall_ms();
        let worked = work(writer, &mut Tools { disk, buffer: &mut self.buffer, now_ms });
        writer.used_round = self.round;
        if !was_open && writer.is_open() {
            self.open.push(Arc::clone(partition));
        }
        if !writer.is_dirty {
            writer.is_dirty = true;
            self.dirty.push(Arc::clone(partition));
        }
        Some(worked)
    }

    /// Takes the batches of a group, as many as there may be, at least one.
    fn fill_pendings(&mut self, group: &Group, bytes_max: usize) {
        self.pendings.clear();
        let mut bytes = 0;
        for submit in self.taken.iter_mut().skip(group.start).take(group.count) {
            bytes += submit.bytes.len();
            if bytes > bytes_max && !self.pendings.is_empty() {
                break;
            }
            let bytes = std::mem::take(&mut submit.bytes);
            self.pendings.push(Pending {
                bytes,
                records: submit.records,
                base_offset: 0,
                first_offset: -1,
                has_producer: submit.has_producer,
                marker: submit.marker,
                refused: None,
            });
        }
    }

    /// Moves the patched batches back to their appends and refuses those that were not written.
    fn take_back(&mut self, group: &Group) {
        let submits = self.taken.iter_mut().skip(group.start);
        for (at, (submit, pending)) in submits.zip(self.pendings.drain(..)).enumerate() {
            submit.bytes = pending.bytes;
            submit.records = pending.records;
            submit.base_offset = pending.base_offset;
            submit.first_offset = pending.first_offset;
            if let Some(error) = pending.refused.filter(|_| at < group.placed.written) {
                submit.answer(Err(refused_order(&group.partition, error)));
            }
        }
        let Some(failure) = &group.placed.failure else { return };
        self.core.fence_if_broken(&group.partition, failure);
        let (partition, failure) = (Arc::clone(&group.partition), failure.clone());
        self.refuse(group.written_end(), &partition, &failure);
    }

    fn error_of(&self, partition: &PartitionState, failure: &Failure) -> AppendError {
        let partition = Arc::clone(&partition.name);
        match failure {
            Failure::Full => AppendError::DiskFull { partition },
            Failure::Broken(reason) => {
                AppendError::Fenced { partition, reason: reason.as_str().into() }
            }
        }
    }

    /// Refuses the appends of one partition from index `from` on.
    fn refuse(&mut self, from: usize, partition: &PartitionState, failure: &Failure) {
        let error = self.error_of(partition, failure);
        for submit in self.taken.iter_mut().skip(from) {
            if submit.partition.number != partition.number {
                break;
            }
            submit.answer(Err(error.clone()));
        }
    }

    /// Answers all of a partition that takes no appends any more.
    fn refuse_all(&mut self, group: &Group) {
        let error = group.partition.check_append().err().unwrap_or(AppendError::Closed);
        self.pendings.clear();
        for submit in self.taken.iter_mut().skip(group.start) {
            if submit.partition.number != group.partition.number {
                break;
            }
            submit.answer(Err(error.clone()));
        }
    }

    /// After the write: a topic that promises no more is published, callers that want no more are answered.
    fn answer_written(&mut self, group: &Group) {
        if group.is_written_only() {
            self.publish(group);
            return;
        }
        let end = group.written_end();
        for submit in self.taken.get_mut(group.start..end).unwrap_or_default() {
            if submit.acks == Acks::Written && submit.set.is_none() {
                let appended = submit.appended();
                submit.answer(Ok(appended));
            }
        }
    }

    /// Makes what was written durable, where that was promised. A failed sync leaves only what was settled before.
    fn sync(&mut self, group: &mut Group) {
        if group.placed.written == 0 {
            return;
        }
        let mut guard = group.partition.writer();
        let result = match guard.as_mut() {
            Some(writer) if !group.is_written_only() || writer.must_sync() => writer.sync(),
            _ => Ok(()),
        };
        let landed = guard.as_ref().map_or(0, PartitionWriter::landed_offset);
        self.core.note_landed(&group.partition, guard, landed);
        if let Err(failure) = result {
            group.placed.written = group.placed.settled;
            self.core.fence_if_broken(&group.partition, &failure);
            self.refuse(group.written_end(), &Arc::clone(&group.partition), &failure);
            group.placed.failure = Some(failure);
        }
    }

    /// Lets readers see what is done and answers for it. Doing it twice does nothing the second time.
    fn publish(&mut self, group: &Group) {
        let partition = &group.partition;
        self.publish_segments(group);
        let written = self.taken.get_mut(group.start..group.written_end()).unwrap_or_default();
        let before = partition.high_watermark();
        let mut high_watermark = before;
        let mut tails = self.core.tails.lock().unwrap_or_else(PoisonError::into_inner);
        for submit in written.iter_mut() {
            let next_offset = submit.base_offset + submit.records;
            // Without bytes it is a duplicate, or was refused.
            if next_offset > before && !submit.bytes.is_empty() {
                let bytes = std::mem::take(&mut submit.bytes);
                if group.is_shared() {
                    tails.pin(&partition.tail, submit.base_offset, next_offset, bytes);
                } else {
                    tails.push(&partition.tail, submit.base_offset, next_offset, bytes);
                }
                high_watermark = next_offset;
            }
        }
        drop(tails);
        if high_watermark > before {
            let stable = partition
                .writer()
                .as_mut()
                .map_or(high_watermark, |writer| writer.producers.stable_before(high_watermark));
            partition.advance(high_watermark, stable);
        }
        for submit in written {
            let appended = submit.appended();
            submit.answer(Ok(appended));
        }
    }

    fn publish_segments(&self, group: &Group) {
        let mut guard = group.partition.writer();
        let Some(writer) = guard.as_mut() else { return };
        for (segment, bytes) in writer.closed.drain(..) {
            segment.publish(bytes);
            segment.land(bytes);
        }
        // What a broken round wrote after its last sync is nothing.
        let broken = matches!(group.placed.failure, Some(Failure::Broken(_)));
        writer.publish(broken);
        if !writer.begun.is_empty() {
            let mut segments =
                group.partition.segments.write().unwrap_or_else(PoisonError::into_inner);
            segments.append(&mut writer.begun);
        }
    }

    /// Closes the files that were not used for longest when too many are open.
    fn limit_open_files(&mut self) {
        if self.open.len() <= WRITE_HANDLES_MAX {
            return;
        }
        let used = |partition: &Arc<PartitionState>| {
            partition.writer().as_ref().map_or(0, |writer| writer.used_round)
        };
        self.open.sort_by_cached_key(|partition| std::cmp::Reverse(used(partition)));
        // Half of them at once, so that a round over many partitions does not sort for each.
        for partition in self.open.drain(WRITE_HANDLES_MAX / 2..) {
            let closed = partition.writer().as_mut().map_or(Ok(()), PartitionWriter::close_file);
            if let Err(failure) = closed {
                self.core.fence_if_broken(&partition, &failure);
            }
        }
    }
}

fn refused_order(partition: &PartitionState, error: SequenceError) -> AppendError {
    let name = Arc::clone(&partition.name);
    match error {
        SequenceError::Missing { producer_id } => AppendError::NoSequence { producer_id },
        SequenceError::Fenced { producer_id, epoch, current } => {
            AppendError::ProducerFenced { partition: name, producer_id, epoch, current }
        }
        SequenceError::OutOfOrder { producer_id, expected, found } => {
            AppendError::OutOfOrderSequence { partition: name, producer_id, expected, found }
        }
        SequenceError::Transaction { producer_id, why } => {
            AppendError::TransactionState { partition: name, producer_id, why }
        }
        SequenceError::Coordinator { producer_id, epoch, current } => {
            AppendError::CoordinatorFenced { partition: name, producer_id, epoch, current }
        }
    }
}

/// Steps the writer on a thread.
pub(crate) struct WriterDriver(pub(crate) Arc<Mutex<Writer>>);

impl Driver for WriterDriver {
    fn step(&mut self) -> Step {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).step()
    }
}

impl Drop for WriterDriver {
    /// A writer that died takes nothing more, and nobody may wait for it.
    fn drop(&mut self) {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.finished.is_none() && std::thread::panicking() {
            writer.abandon();
        }
    }
}
