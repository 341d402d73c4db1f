//! The handle of one partition.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tidemill_world::Wake;

use crate::admission::Admission;
use crate::backlog::SETTLED;
use crate::batch::{BatchHeader, TimestampType, check, restamp};
use crate::config::{Acks, TopicInfo};
use crate::core::Core;
use crate::error::{AppendError, ReadError, ReopenError};
use crate::limits::APPEND_BYTES_MAX;
use crate::notify::Bound;
use crate::outcome::{AppendFuture, Appended, Done, Outcome};
use crate::queue::Submit;
use crate::read::{self, ReadBatches};
use crate::recovery::Recovery;
use crate::starts::write_starts;
use crate::state::{Condition, PartitionState};

/// One partition of a topic. Cloning is two reference counts. It stays usable, with errors, when its topic is
/// deleted or the log is closed.
#[derive(Clone)]
pub struct Partition {
    pub(crate) core: Arc<Core>,
    pub(crate) state: Arc<PartitionState>,
}

impl std::fmt::Debug for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Partition({})", self.state.name)
    }
}

impl Partition {
    /// Appends one or more v2 batches. They are checked here; then the writer takes them. Those of a producer
    /// with an id must follow one another; a repeat is answered with the offset it has. Transactional ones open their
    /// producer's transaction. `done` is called
    /// once, by the writer's thread (or by this one when the append is refused at once), and must be short and
    /// must not block.
    pub fn append(
        &self,
        batches: Bytes,
        acks: Acks,
        done: impl FnOnce(Result<Appended, AppendError>) + Send + 'static,
    ) {
        let done = Done::new(done);
        match self.prepare(batches, acks) {
            Err(error) => done.answer(Err(error)),
            Ok(submit) => self.submit(submit, done),
        }
    }

    /// Queues a checked append, or answers that it cannot be.
    pub(crate) fn submit(&self, mut submit: Submit, done: Done) {
        submit.done = Some(done);
        if let Err(refused) = self.core.queue.push(submit) {
            let (mut submit, error) = *refused;
            submit.answer(Err(error));
        }
    }

    /// [`append`](Self::append) as a future, for any executor.
    pub fn append_async(&self, batches: Bytes, acks: Acks) -> AppendFuture {
        let outcome = Outcome::default();
        let future = outcome.future();
        self.append(batches, acks, move |result| outcome.set(result));
        future
    }

    /// Appends and blocks until the answer; while the queue is full it waits for room. Not for a
    /// simulation, where nobody would step the writer meanwhile, and not for a `done` callback.
    ///
    /// # Errors
    /// As [`append`](Self::append), but never [`AppendError::Busy`].
    pub fn append_wait(&self, batches: Bytes, acks: Acks) -> Result<Appended, AppendError> {
        let mut submit = self.prepare(batches, acks)?;
        let slot = Arc::new(Mutex::new(None));
        let wake = Wake::new();
        let (answered, answer) = (wake.clone(), Arc::clone(&slot));
        submit.done = Some(Done::new(move |result| {
            *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            answered.notify();
        }));
        self.push_wait(submit)?;
        loop {
            if let Some(result) = slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return result;
            }
            wake.wait(None);
        }
    }

    fn push_wait(&self, mut submit: Submit) -> Result<(), AppendError> {
        let room = Wake::new();
        loop {
            match self.core.queue.push(submit) {
                Ok(()) => return Ok(()),
                Err(refused) => match *refused {
                    (back, AppendError::Busy { .. }) => submit = back,
                    (mut back, error) => {
                        // Its answer is this error, not that of a dropped append.
                        back.answer(Err(error.clone()));
                        return Err(error);
                    }
                },
            }
            self.core.queue.when_room(&room);
            room.wait(None);
        }
    }

    /// Checks an append on the caller's thread, so that the writer only copies.
    pub(crate) fn prepare(&self, batches: Bytes, acks: Acks) -> Result<Submit, AppendError> {
        self.state.check_append()?;
        if batches.is_empty() {
            return Err(AppendError::Empty);
        }
        if batches.len() > APPEND_BYTES_MAX {
            return Err(AppendError::AppendTooLarge {
                bytes: batches.len(),
                max: APPEND_BYTES_MAX,
            });
        }
        let topic = self.state.topic.info();
        let (records, has_producer) = self.check_batches(&topic, &batches)?;
        let (bytes, log_append_time_ms) = match topic.config.timestamp_type {
            TimestampType::CreateTime => (batches, -1),
            TimestampType::LogAppendTime => {
                let now = self.core.world.clock().wall_ms();
                (restamp_all(batches, now), now)
            }
        };
        Ok(Submit {
            partition: Arc::clone(&self.state),
            bytes,
            records,
            has_producer,
            marker: None,
            set: None,
            acks,
            log_append_time_ms,
            base_offset: 0,
            first_offset: 0,
            done: None,
        })
    }

    /// Checks each batch and returns how many offsets they take, and whether any has a producer id.
    fn check_batches(
        &self,
        topic: &TopicInfo,
        batches: &Bytes,
    ) -> Result<(i64, bool), AppendError> {
        let max = usize::try_from(topic.config.max_message_bytes).unwrap_or(usize::MAX);
        let now_ms = self.core.world.clock().wall_ms();
        let admission = Admission { partition: &self.state.name, config: &topic.config, now_ms };
        let (mut records, mut has_producer) = (0i64, false);
        let mut rest = batches.clone();
        while !rest.is_empty() {
            let header = check(&rest, APPEND_BYTES_MAX)?;
            header.check_count()?;
            check_kind(&header)?;
            if header.bytes > max {
                let topic = Arc::clone(&topic.name);
                return Err(AppendError::TooLarge { topic, bytes: header.bytes, max });
            }
            admission.check(&header, &rest.split_to(header.bytes), records)?;
            records += i64::from(header.record_count);
            has_producer |= header.producer_id >= 0;
        }
        Ok((records, has_producer))
    }

    /// Whole batches from the one that holds `offset`: at least one if there is one, then while they fit in
    /// `bytes_max`; only what lies below the high watermark, and nothing at the watermark itself.
    ///
    /// # Errors
    /// [`ReadError::OutOfRange`] outside `log_start_offset..=high_watermark`.
    pub fn read(&self, offset: i64, bytes_max: usize) -> Result<ReadBatches, ReadError> {
        read::read(&self.core, &self.state, offset, bytes_max)
    }

    /// As [`read`](Self::read), but only up to the [last stable offset](Self::last_stable_offset) (Kafka's
    /// `read_committed`). The batches of aborted transactions are among the others, and
    /// [`aborted`](ReadBatches::aborted) names them; [`ReadBatches::committed`] passes over them.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_committed(&self, offset: i64, bytes_max: usize) -> Result<ReadBatches, ReadError> {
        read::read_committed(&self.core, &self.state, offset, bytes_max)
    }

    /// The first record with a timestamp of at least `timestamp_ms`: its offset and timestamp.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn offset_for_timestamp(&self, timestamp_ms: i64) -> Result<Option<(i64, i64)>, ReadError> {
        read::offset_for_timestamp(&self.core, &self.state, timestamp_ms)
    }

    /// The topic with its settings as they are now. Costs a reference count; ask again to see a change.
    pub fn topic(&self) -> Arc<TopicInfo> {
        self.state.topic.info()
    }

    /// The number of the partition in its topic.
    pub fn index(&self) -> i32 {
        self.state.index
    }

    /// The offset after the last record that can be read.
    pub fn high_watermark(&self) -> i64 {
        self.state.high_watermark()
    }

    /// The first offset that can be read.
    pub fn log_start_offset(&self) -> i64 {
        self.state.log_start_offset()
    }

    /// Bytes of all segments, as far as they can be read.
    pub fn size_bytes(&self) -> u64 {
        let segments = self.state.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.iter().map(|segment| segment.published()).sum()
    }

    /// Rises with every unclean start (KIP-320).
    pub fn leader_epoch(&self) -> i32 {
        self.state.leader_epoch()
    }

    /// The end of what an epoch wrote, for `OffsetForLeaderEpoch` (KIP-320): the greatest epoch not
    /// after `epoch`, and the first offset of the one that follows it. `None` before the first epoch.
    pub fn epoch_end(&self, epoch: i32) -> Option<(i32, i64)> {
        let guard = self.state.writer();
        let epochs = guard.as_ref()?.epochs();
        let after = epochs.partition_point(|start| start.epoch <= epoch);
        let found = epochs.get(after.checked_sub(1)?)?;
        let end = epochs.get(after).map_or_else(|| self.high_watermark(), |next| next.offset);
        Some((found.epoch, end))
    }

    /// Gives up every record before `offset`, durably. Whole segments are removed soon after; returns the
    /// new log start offset.
    ///
    /// # Errors
    /// [`ReadError::OutOfRange`] past the high watermark.
    pub fn delete_records(&self, offset: i64) -> Result<i64, ReadError> {
        self.state.check_read()?;
        let (log_start_offset, high_watermark) = (self.log_start_offset(), self.high_watermark());
        if offset < 0 || offset > high_watermark {
            return Err(ReadError::OutOfRange { offset, log_start_offset, high_watermark });
        }
        if offset > log_start_offset {
            write_starts(&self.core, &self.state, offset)
                .map_err(ReadError::io(&self.state.folder))?;
            self.core.request_retention();
        }
        Ok(self.log_start_offset())
    }

    /// Whether appends are taken; the error says why not.
    ///
    /// # Errors
    /// What an append would be told.
    pub fn check(&self) -> Result<(), AppendError> {
        self.state.check_append()
    }

    /// Recovers a fenced or corrupt partition from its files, as opening the log would, and takes appends
    /// again. Does nothing to one that is well.
    ///
    /// # Errors
    /// The disk still refuses, or the partition is still corrupt; it stays stopped.
    pub fn reopen(&self) -> Result<(), ReopenError> {
        let state = &self.state;
        let _turn = state.clean.files_turn();
        match state.condition() {
            Condition::Open => return Ok(()),
            Condition::Deleted => return Err(ReopenError::Gone),
            Condition::Closed => return Err(ReopenError::Gone),
            Condition::Fenced(_) | Condition::Corrupt(_) => {}
        }
        self.settle()?;
        let mut writer = self.core.writer_alone(state);
        let io = |source| ReopenError::Io { folder: state.folder.clone(), source };
        let (disk, dir) = (self.core.world.disk(), &self.core.config.dir);
        let epoch = self.core.epoch.raise(disk, dir, state.leader_epoch()).map_err(io)?;
        let mark = state.mark.lock().unwrap_or_else(PoisonError::into_inner).clone();
        *writer = None;
        let recovery = Recovery {
            cleaned_to: state.clean.first_dirty().unwrap_or(0),
            disk,
            folder: &state.folder,
            redone: None,
            limits: self.core.segment_limits(&state.topic.info().config),
            mark: mark.as_ref(),
            log_start: Some(state.log_start_offset()),
            epoch,
            now_ms: self.core.world.clock().wall_ms(),
            producer_expiration_ms: self.core.config.producer_expiration_ms(),
        };
        let opened = recovery.run().map_err(io)?;
        if let Condition::Corrupt(corruption) = &opened.condition {
            return Err(ReopenError::Corrupt(Arc::clone(corruption)));
        }
        state.reopen(&mut writer, opened);
        Ok(())
    }

    /// Sees to it that the write-ahead file knows nothing of a stopped partition that its segments do not.
    fn settle(&self) -> Result<(), ReopenError> {
        let (core, state) = (&self.core, &self.state);
        let io = |source| ReopenError::Io { folder: state.folder.clone(), source };
        let mut guard = core.writer_alone(state);
        if let Some(writer) = guard.as_mut().filter(|_| state.wal_from() != SETTLED) {
            writer.settle_exactly(core.world.disk()).map_err(io)?;
            let landed = writer.landed_offset();
            core.note_landed(state, guard, landed);
        } else {
            drop(guard);
        }
        let is_broken = core.wal.ring().is_broken();
        if is_broken && !core.write_back.make_ready() {
            let what = "the write-ahead file cannot be begun anew";
            return Err(io(std::io::Error::other(what)));
        }
        Ok(())
    }

    /// Blocks until the high watermark is past `offset`; `false` after `timeout` or when the partition has
    /// ended. Not for a simulation.
    pub fn wait_past(&self, offset: i64, timeout: Duration) -> bool {
        let wake = Wake::new();
        let _subscription = self.on_change(wake.clone());
        let clock = self.core.world.clock();
        let deadline = clock.now().after(timeout);
        loop {
            if self.high_watermark() > offset {
                return true;
            }
            let left = deadline.since(clock.now());
            if left.is_zero() || self.state.has_ended() {
                return false;
            }
            wake.wait(Some(left));
        }
    }

    /// A future that is ready when the high watermark is past `offset`, or the partition has ended.
    pub fn changed(&self, offset: i64) -> Changed {
        Changed::new(&self.state, Bound::HighWatermark, offset)
    }

    /// Notifies `wake` whenever the high watermark or the last stable offset moves or the partition ends, until the subscription is
    /// dropped.
    pub fn on_change(&self, wake: Wake) -> Subscription {
        let id = self.state.watchers.add_wake(wake);
        Subscription { state: Arc::clone(&self.state), id }
    }
}

/// See [`Partition::changed`] and [`Partition::changed_stable`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Changed {
    state: Arc<PartitionState>,
    bound: Bound,
    offset: i64,
    id: Option<u64>,
}

impl Changed {
    pub(crate) fn new(state: &Arc<PartitionState>, bound: Bound, offset: i64) -> Self {
        Self { state: Arc::clone(state), bound, offset, id: None }
    }

    fn is_ready(&self) -> bool {
        let end = match self.bound {
            Bound::HighWatermark => self.state.high_watermark(),
            Bound::LastStable => self.state.last_stable_offset(),
        };
        end > self.offset || self.state.has_ended()
    }
}

impl Future for Changed {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.is_ready() {
            return Poll::Ready(());
        }
        let id = self.state.watchers.add_future(self.id, self.bound, self.offset, context.waker());
        self.id = Some(id);
        // It may have moved between the look and the registration.
        if self.is_ready() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.state.watchers.remove(id);
        }
    }
}

/// Ends the notifications of [`Partition::on_change`] when dropped.
#[must_use = "dropping it ends the notifications"]
pub struct Subscription {
    state: Arc<PartitionState>,
    id: u64,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.state.watchers.remove(self.id);
    }
}

/// Only the log writes control batches, and a transaction needs a producer.
fn check_kind(header: &BatchHeader) -> Result<(), AppendError> {
    let producer_id = header.producer_id;
    if header.is_control() {
        return Err(AppendError::Control);
    }
    if header.is_transactional() && producer_id < 0 {
        return Err(AppendError::NoSequence { producer_id });
    }
    Ok(())
}

/// Stamps every batch with the log's time.
fn restamp_all(batches: Bytes, now: i64) -> Bytes {
    let mut owned = batches.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&*shared));
    let mut at = 0;
    while let Some(rest) = owned.get_mut(at..).filter(|rest| !rest.is_empty()) {
        let Ok(header) = crate::batch::header(rest) else { break };
        if let Some(batch) = rest.get_mut(..header.bytes) {
            restamp(batch, now);
        }
        at += header.bytes;
    }
    owned.freeze()
}
