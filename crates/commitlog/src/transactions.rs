//! Transactions as the log's callers see them: the end of one, several partitions as one append, and what a partition
//! knows of its producers.
//!
//! The log knows no transactional ids and no coordinators. A batch that says it is transactional opens a transaction
//! of its producer in its partition; [`Partition::end_transaction`] ends it. Who decides that, and when, is the
//! caller's business: the broker's transaction coordinator, or a program that embeds the log.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::batch::{EndMarker, end_marker};
use crate::config::Acks;
use crate::error::AppendError;
use crate::limits::APPEND_BYTES_MAX;
use crate::log::Log;
use crate::notify::Bound;
use crate::outcome::{Appended, Done};
use crate::partition::{Changed, Partition};
use crate::queue::Submit;

/// One partition's part of [`Log::append_all`].
#[derive(Clone, Debug)]
pub enum Part {
    /// One or more batches, as for [`Partition::append`].
    Batches(Bytes),
    /// The end of a transaction, as for [`Partition::end_transaction`].
    Marker(EndMarker),
}

/// A producer as a partition remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerInfo {
    /// Its id.
    pub producer_id: i64,
    /// The newest epoch that has written.
    pub producer_epoch: i16,
    /// The sequence of its last record in this epoch, -1 if it has none.
    pub last_sequence: i32,
    /// When it last wrote or its last marker was written, by the log's clock, milliseconds.
    pub last_timestamp_ms: i64,
    /// The coordinator's epoch of its last marker.
    pub coordinator_epoch: Option<i32>,
    /// The first offset of its open transaction.
    pub transaction_start_offset: Option<i64>,
}

impl Partition {
    /// Where readers of committed transactions stop (KIP-98's last stable offset): the first record of the earliest
    /// transaction that is open, or whose marker cannot be read yet; the high watermark if there is none. Never
    /// before the log's start.
    pub fn last_stable_offset(&self) -> i64 {
        self.state.last_stable_offset()
    }

    /// Ends a producer's transaction in this partition, or notes its new epoch if none is open: writes the control
    /// batch that Kafka's `WriteTxnMarkers` asks for. What was appended before this call is inside, what comes after
    /// is not. The answer, once the marker is durable, is as for [`append`](Self::append).
    ///
    /// # Errors
    /// [`AppendError::ProducerFenced`] and [`AppendError::CoordinatorFenced`] leave the transaction as it is.
    pub fn end_transaction(
        &self,
        marker: EndMarker,
        done: impl FnOnce(Result<Appended, AppendError>) + Send + 'static,
    ) {
        let done = Done::new(done);
        match self.prepare_marker(marker) {
            Ok(submit) => self.submit(submit, done),
            Err(error) => done.answer(Err(error)),
        }
    }

    /// What is remembered of producers, by id. Waits for the round that is under way.
    pub fn producers(&self) -> Vec<ProducerInfo> {
        let guard = self.state.writer();
        let Some(writer) = guard.as_ref() else { return Vec::new() };
        let known = writer.producers.known();
        known
            .map(|(producer_id, producer)| ProducerInfo {
                producer_id,
                producer_epoch: producer.epoch,
                last_sequence: producer.last_sequence(),
                last_timestamp_ms: producer.at_ms,
                coordinator_epoch: Some(producer.coordinator_epoch).filter(|epoch| *epoch >= 0),
                transaction_start_offset: producer.open_since,
            })
            .collect()
    }

    /// A future that is ready when the [last stable offset](Self::last_stable_offset) is past `offset`, or the
    /// partition has ended. [`on_change`](Self::on_change) tells of this too: the last stable offset moves only when
    /// the high watermark or the log's start does.
    pub fn changed_stable(&self, offset: i64) -> Changed {
        Changed::new(&self.state, Bound::LastStable, offset)
    }

    fn prepare_marker(&self, marker: EndMarker) -> Result<Submit, AppendError> {
        self.state.check_append()?;
        if marker.producer_id < 0 || marker.producer_epoch < 0 {
            return Err(AppendError::NoSequence { producer_id: marker.producer_id });
        }
        let bytes = end_marker(&marker, self.core.world.clock().wall_ms());
        Ok(Submit {
            partition: Arc::clone(&self.state),
            bytes,
            records: 1,
            has_producer: true,
            marker: Some(marker),
            set: None,
            acks: Acks::Synced,
            log_append_time_ms: -1,
            base_offset: 0,
            first_offset: 0,
            done: None,
        })
    }

    fn prepare_part(&self, part: Part) -> Result<Submit, AppendError> {
        match part {
            Part::Batches(batches) => self.prepare(batches, Acks::Synced),
            Part::Marker(marker) => self.prepare_marker(marker),
        }
    }
}

impl Log {
    /// Appends to several partitions as one: either every part is appended or none. `done` is called once, as for
    /// [`Partition::append`], with an answer for each part in order, or with the error of the first part that was
    /// refused. A partition may have several parts; they keep their order. All are synced before the answer,
    /// as their topics' durability says.
    ///
    /// All or nothing: one round takes all parts, what any of them would be refused for is found out before anything is
    /// written, and one entry of the write-ahead file holds them all, so that after a crash at any point all parts are
    /// there or none. After [`AppendError::Fenced`] and [`AppendError::Closed`] it is not known which.
    ///
    /// # Errors
    /// [`AppendError::AppendTooLarge`] when all parts together have more than [`APPEND_BYTES_MAX`] bytes;
    /// [`AppendError::OtherLog`]; else that of a part.
    pub fn append_all(
        &self,
        parts: Vec<(Partition, Part)>,
        done: impl FnOnce(Result<Vec<Appended>, AppendError>) + Send + 'static,
    ) {
        match self.prepare_all(parts) {
            Ok(submits) if !submits.is_empty() => self.submit_all(submits, Box::new(done)),
            Ok(_) => done(Ok(Vec::new())),
            Err(error) => done(Err(error)),
        }
    }

    fn prepare_all(&self, parts: Vec<(Partition, Part)>) -> Result<Vec<Submit>, AppendError> {
        let set = Some(self.core().number());
        let (mut submits, mut bytes) = (Vec::with_capacity(parts.len()), 0);
        for (partition, part) in parts {
            if !Arc::ptr_eq(&partition.core, self.core()) {
                return Err(AppendError::OtherLog { partition: Arc::clone(&partition.state.name) });
            }
            let submit = partition.prepare_part(part)?;
            bytes += submit.bytes.len();
            submits.push(Submit { set, ..submit });
        }
        if bytes > APPEND_BYTES_MAX {
            return Err(AppendError::AppendTooLarge { bytes, max: APPEND_BYTES_MAX });
        }
        Ok(submits)
    }

    fn submit_all(&self, mut submits: Vec<Submit>, done: AllDone) {
        let answers = Arc::new(Mutex::new(Answers {
            appended: vec![None; submits.len()],
            left: submits.len(),
            refused: None,
            done: Some(done),
        }));
        for (at, submit) in submits.iter_mut().enumerate() {
            let answers = Arc::clone(&answers);
            submit.done = Some(Done::new(move |result| Answers::take(&answers, at, result)));
        }
        if let Err(refused) = self.core().queue.push_all(submits) {
            let (mut submits, error) = *refused;
            submits.iter_mut().for_each(|submit| submit.answer(Err(error.clone())));
        }
    }
}

type AllDone = Box<dyn FnOnce(Result<Vec<Appended>, AppendError>) + Send>;

/// The answers of the parts, until the last is there.
struct Answers {
    appended: Vec<Option<Appended>>,
    left: usize,
    refused: Option<AppendError>,
    done: Option<AllDone>,
}

impl Answers {
    /// Takes the answer of part `at`; the last one's gives that of all.
    fn take(all: &Mutex<Self>, at: usize, result: Result<Appended, AppendError>) {
        let mut answers = all.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(appended) => {
                if let Some(slot) = answers.appended.get_mut(at) {
                    *slot = Some(appended);
                }
            }
            Err(error) => {
                answers.refused.get_or_insert(error);
            }
        }
        answers.left -= 1;
        if answers.left > 0 {
            return;
        }
        let (done, refused) = (answers.done.take(), answers.refused.take());
        let appended = answers.appended.iter().flatten().copied().collect();
        drop(answers);
        if let Some(done) = done {
            done(refused.map_or(Ok(appended), Err));
        }
    }
}
