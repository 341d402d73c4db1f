//! The bounded queue between callers and the writer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tidemill_world::Wake;

use crate::batch::EndMarker;
use crate::config::Acks;
use crate::error::AppendError;
use crate::outcome::{Appended, Done};
use crate::state::PartitionState;

/// One checked append.
pub(crate) struct Submit {
    pub(crate) partition: Arc<PartitionState>,
    pub(crate) bytes: Bytes,
    /// Offsets that the batches take.
    pub(crate) records: i64,
    /// Whether any batch has a producer id, so that its order must be decided on.
    pub(crate) has_producer: bool,
    /// What `bytes` say when they are the end of a transaction.
    pub(crate) marker: Option<EndMarker>,
    /// The number of the appends that are done all or not at all, if this is one of several.
    pub(crate) set: Option<u64>,
    pub(crate) acks: Acks,
    pub(crate) log_append_time_ms: i64,
    /// The offset of the first record in `bytes`, once placed.
    pub(crate) base_offset: i64,
    /// The offset that is answered: the same, unless the append, or its beginning, was there before.
    pub(crate) first_offset: i64,
    /// Taken when it is answered.
    pub(crate) done: Option<Done>,
}

impl Submit {
    /// Gives the answer, once.
    pub(crate) fn answer(&mut self, result: Result<Appended, AppendError>) {
        if let Some(done) = self.done.take() {
            done.answer(result);
        }
    }

    /// The answer of an append that was written.
    pub(crate) fn appended(&self) -> Appended {
        Appended {
            base_offset: self.first_offset,
            last_offset: self.base_offset + self.records - 1,
            log_append_time_ms: self.log_append_time_ms,
            log_start_offset: self.partition.log_start_offset(),
        }
    }
}

/// Appends on their way to the writer, bounded in bytes and number.
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    bytes_max: usize,
    appends_max: usize,
    writer: Wake,
}

#[derive(Default)]
struct Inner {
    appends: Vec<Submit>,
    bytes: usize,
    closed: bool,
    /// Callers that wait for room.
    waiting: Vec<Wake>,
}

impl Queue {
    pub(crate) fn new(bytes_max: usize, appends_max: usize, writer: Wake) -> Self {
        Self { inner: Mutex::default(), bytes_max, appends_max, writer }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands an append to the writer, or gives it back with the reason. An empty queue takes an append of any
    /// size, so that none is refused for ever.
    pub(crate) fn push(&self, submit: Submit) -> Result<(), Box<(Submit, AppendError)>> {
        let mut inner = self.lock();
        if let Err(error) = self.check_room(&inner, 1, submit.bytes.len()) {
            return Err(Box::new((submit, error)));
        }
        inner.bytes += submit.bytes.len();
        inner.appends.push(submit);
        drop(inner);
        // Only the first of a round finds the writer asleep, but a notification of one that is awake costs
        // one atomic swap.
        self.writer.notify();
        Ok(())
    }

    fn check_room(&self, inner: &Inner, more: usize, more_bytes: usize) -> Result<(), AppendError> {
        if inner.closed {
            return Err(AppendError::Closed);
        }
        let (bytes, appends) = (inner.bytes, inner.appends.len());
        let full = appends + more > self.appends_max || bytes + more_bytes > self.bytes_max;
        if full && appends > 0 {
            return Err(AppendError::Busy { bytes, appends });
        }
        Ok(())
    }

    /// Hands several appends to the writer at once, so that one round takes all of them, or gives them back with the
    /// reason.
    pub(crate) fn push_all(
        &self,
        submits: Vec<Submit>,
    ) -> Result<(), Box<(Vec<Submit>, AppendError)>> {
        let bytes = submits.iter().map(|submit| submit.bytes.len()).sum();
        let mut inner = self.lock();
        if let Err(error) = self.check_room(&inner, submits.len(), bytes) {
            return Err(Box::new((submits, error)));
        }
        inner.bytes += bytes;
        inner.appends.extend(submits);
        drop(inner);
        self.writer.notify();
        Ok(())
    }

    /// Notifies `wake` once there is room again; at once if there is some now.
    pub(crate) fn when_room(&self, wake: &Wake) {
        let mut inner = self.lock();
        if inner.appends.is_empty() || inner.closed {
            wake.notify();
        } else {
            inner.waiting.push(wake.clone());
        }
    }

    /// Takes everything; `into` must be empty and its memory is used for the next round.
    pub(crate) fn take(&self, into: &mut Vec<Submit>) {
        let mut inner = self.lock();
        std::mem::swap(&mut inner.appends, into);
        inner.bytes = 0;
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        waiting.iter().for_each(Wake::notify);
    }

    /// Refuses appends from now on; those in the queue will still be taken.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        waiting.iter().for_each(Wake::notify);
        self.writer.notify();
    }

    /// Whether appends are refused.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }
}
