//! The one writer of a log: everything that changes files goes through it, in rounds.
//!
//! # The story of a round
//!
//! 1. **Gather**: take all that is queued, for all partitions, and sort it by partition.
//! 2. **Place**: write each partition's batches (`place.rs`). Appends that wait only for the write are answered.
//! 3. **Sync** each touched file once.
//! 4. **Publish**: hand the batches to the tail cache, raise the high watermark, answer, wake the waiters.
//!
//! Whatever is queued while a round is on its way to the disk is the next round, so rounds grow by
//! themselves until the disk is busy all the time.
//!
//! Step 2 is where a shared write-ahead file belongs: a round that touches many partitions with little could be
//! placed with one write and one sync there and be written back to the segments in large pieces later.
//! [`Writer::place`] decides per group; the steps after it do not care where the bytes are, as long as
//! the group says how many of its appends were written.
//!
//! The writer is a plain value. A thread steps it through [`WriterDriver`]; a simulator steps it from a seed; the
//! closing of a log steps it to the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidemill_world::{AlignedBuffer, Driver, Lock, Moment, Step};

use crate::config::{Acks, Durability};
use crate::core::Core;
use crate::error::{AppendError, CloseError};
use crate::limits::{ROUND_BYTES_MAX, WRITE_BUFFER_BYTES, WRITE_HANDLES_MAX};
use crate::place::{Failure, PartitionWriter, Pending, Placed, Tools};
use crate::producers::{Decision, SequenceError};
use crate::queue::Submit;
use crate::state::{Condition, PartitionState};
use crate::tail::TailBudget;

mod housekeeping;

pub(crate) struct Writer {
    core: Arc<Core>,
    buffer: AlignedBuffer,
    tails: TailBudget,
    /// The appends of the round, sorted by partition; the memory is reused.
    taken: Vec<Submit>,
    /// Those that a round had no room for.
    late: Vec<Submit>,
    pendings: Vec<Pending>,
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
    placed: Placed,
}

impl Group {
    /// The index in `taken` after the last append that was written.
    fn written_end(&self) -> usize {
        self.start + self.placed.written
    }
}

impl Writer {
    pub(crate) fn new(core: Arc<Core>, lock: Box<dyn Lock>) -> Self {
        let tails = TailBudget::new(core.config.tail_cache_bytes);
        let now = core.world.clock().now();
        let retention_due = now.after(Duration::from_millis(core.config.retention_check_ms));
        Self {
            core,
            buffer: AlignedBuffer::with_capacity(WRITE_BUFFER_BYTES),
            tails,
            taken: Vec::new(),
            late: Vec::new(),
            pendings: Vec::new(),
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
        self.taken.sort_by_key(|submit| submit.partition.number);
    }

    fn run_round(&mut self) {
        self.round += 1;
        self.refuse_sets();
        let mut groups = self.groups();
        for group in &mut groups {
            self.place(group);
        }
        for group in &mut groups {
            self.sync(group);
            self.publish(group);
        }
        let late = self.taken.drain(..).filter(|submit| submit.done.is_some());
        self.late.extend(late);
        self.limit_open_files();
    }

    /// Refuses every part of the sets of which one part would be refused. Without them others may be refused too, so
    /// this is repeated until none is.
    fn refuse_sets(&mut self) {
        if !self.taken.iter().any(|submit| submit.set.is_some()) {
            return;
        }
        loop {
            let refused = self.refused_sets();
            if refused.is_empty() {
                return;
            }
            self.taken.retain_mut(|submit| {
                let Some(error) = submit.set.and_then(|set| refused.get(&set)) else { return true };
                submit.answer(Err(error.clone()));
                false
            });
        }
    }

    /// The sets with a part that would be refused if the round went as it is, with the reason.
    fn refused_sets(&self) -> BTreeMap<u64, AppendError> {
        let mut refused = BTreeMap::new();
        for same in self.taken.chunk_by(|a, b| a.partition.number == b.partition.number) {
            let now_ms = self.core.world.clock().wall_ms();
            let mut guard = same.first().map(|submit| submit.partition.writer());
            let mut writer = guard.as_mut().and_then(|guard| guard.as_mut());
            if let Some(writer) = &mut writer {
                writer.producers.commit();
            }
            let mut next_offset = writer.as_ref().map_or(0, |writer| writer.next_offset);
            for submit in same {
                let writer = writer.as_deref_mut();
                let decided = preview(submit, writer, &mut next_offset, now_ms);
                if let (Some(set), Err(error)) = (submit.set, decided) {
                    refused.entry(set).or_insert(error);
                }
            }
            if let Some(writer) = writer {
                writer.producers.rewind(writer.next_offset);
            }
        }
        refused
    }

    /// The partitions of the round with their ranges.
    fn groups(&self) -> Vec<Group> {
        let mut groups = Vec::new();
        let mut start = 0;
        for same in self.taken.chunk_by(|a, b| a.partition.number == b.partition.number) {
            if let Some(first) = same.first() {
                let partition = Arc::clone(&first.partition);
                groups.push(Group { partition, start, placed: Placed::default() });
            }
            start += same.len();
        }
        groups
    }

    /// Writes the batches of one partition, as many as a round may have.
    fn place(&mut self, group: &mut Group) {
        self.fill_pendings(group);
        let partition = Arc::clone(&group.partition);
        let mut guard = partition.writer();
        let Some(writer) = guard.as_mut().filter(|_| partition.check_append().is_ok()) else {
            drop(guard);
            self.refuse_all(group);
            return;
        };
        let disk = self.core.world.disk();
        let was_open = writer.is_open();
        writer.limits = self.core.segment_limits(&partition.topic.info().config);
        let now_ms = self.core.world.clock().wall_ms();
        let mut tools = Tools { disk, buffer: &mut self.buffer, now_ms };
        group.placed = writer.place(&mut tools, &mut self.pendings);
        writer.used_round = self.round;
        if !was_open && writer.is_open() {
            self.open.push(Arc::clone(&partition));
        }
        if !writer.is_dirty {
            writer.is_dirty = true;
            self.dirty.push(Arc::clone(&partition));
        }
        drop(guard);
        self.take_back(group);
        self.answer_written(group);
    }

    fn fill_pendings(&mut self, group: &Group) {
        self.pendings.clear();
        let mut bytes = 0;
        for submit in self.taken.iter_mut().skip(group.start) {
            bytes += submit.bytes.len();
            let other = submit.partition.number != group.partition.number;
            if other || (bytes > ROUND_BYTES_MAX && !self.pendings.is_empty()) {
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
        self.fence_if_broken(&group.partition, failure);
        let (partition, failure) = (Arc::clone(&group.partition), failure.clone());
        self.refuse(group.written_end(), &partition, &failure);
    }

    fn fence_if_broken(&self, partition: &PartitionState, failure: &Failure) {
        if let Failure::Broken(reason) = failure {
            tracing::error!("partition {} is fenced: {reason}", partition.name);
            partition.stop(Condition::Fenced(reason.as_str().into()));
        }
    }

    /// Refuses the appends of one partition from index `from` on.
    fn refuse(&mut self, from: usize, partition: &PartitionState, failure: &Failure) {
        let name = || Arc::clone(&partition.name);
        let error = match failure {
            Failure::Full => AppendError::DiskFull { partition: name() },
            Failure::Broken(reason) => {
                AppendError::Fenced { partition: name(), reason: reason.as_str().into() }
            }
        };
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
        let durability = group.partition.topic.info().config.durability;
        if durability == Durability::Written {
            self.publish(group);
            return;
        }
        let end = group.written_end();
        for submit in self.taken.get_mut(group.start..end).unwrap_or_default() {
            if submit.acks == Acks::Written {
                let appended = submit.appended();
                submit.answer(Ok(appended));
            }
        }
    }

    /// Makes what was written durable. A failed sync leaves only what was settled before.
    fn sync(&mut self, group: &mut Group) {
        if group.placed.written == 0 {
            return;
        }
        let result = match group.partition.writer().as_mut() {
            Some(writer) => writer.sync(),
            None => Ok(()),
        };
        if let Err(failure) = result {
            group.placed.written = group.placed.settled;
            self.fence_if_broken(&group.partition, &failure);
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
        for submit in written.iter_mut() {
            let next_offset = submit.base_offset + submit.records;
            // Without bytes it is a duplicate, or was refused.
            if next_offset > before && !submit.bytes.is_empty() {
                let bytes = std::mem::take(&mut submit.bytes);
                self.tails.push(&partition.tail, submit.base_offset, next_offset, bytes);
                high_watermark = next_offset;
            }
        }
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
        }
        // What a broken round wrote after its last sync is nothing.
        let broken = matches!(group.placed.failure, Some(Failure::Broken(_)));
        writer.segment.publish(if broken { writer.synced_position } else { writer.position });
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
            if let Some(writer) = partition.writer().as_mut() {
                writer.close_file();
            }
        }
    }
}

/// What would be decided on an append of which the first record gets `next_offset`.
fn preview(
    submit: &Submit,
    writer: Option<&mut PartitionWriter>,
    next_offset: &mut i64,
    now_ms: i64,
) -> Result<(), AppendError> {
    submit.partition.check_append()?;
    let producers = &mut writer.ok_or(AppendError::Closed)?.producers;
    let decision = match &submit.marker {
        Some(marker) => producers.end(marker, *next_offset, now_ms).map(|_| Decision::Append),
        None => producers.decide(&submit.bytes, *next_offset, now_ms),
    };
    let new = match decision.map_err(|error| refused_order(&submit.partition, error))? {
        Decision::Append => submit.records,
        Decision::AppendRest { records, .. } => submit.records - records,
        Decision::Duplicate { .. } => 0,
    };
    *next_offset += new;
    Ok(())
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
