//! Records gathered into batches while the previous append is under way.
//!
//! Nothing waits for a timer: the first record goes at once; those that come while it is on its way to the disk
//! share the next batch. Under load batches grow by themselves, and an idle appender adds no delay.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;

use crate::batch::{BatchBuilder, BatchError, Record};
use crate::config::Acks;
use crate::error::AppendError;
use crate::limits::{APPENDER_BYTES_MAX, APPENDER_RECORDS_MAX};
use crate::outcome::{AppendFuture, Appended, Outcome};
use crate::partition::Partition;

/// Appends single records to one partition. Cloning is one reference count; all clones share the batches. When
/// the log is closed the records that were not sent yet are refused: wait for their answers first.
#[derive(Clone)]
pub struct Appender(Arc<Inner>);

struct Inner {
    partition: Partition,
    acks: Acks,
    gather: Mutex<Gather>,
}

/// The records that wait for the append under way.
struct Gather {
    builder: BatchBuilder,
    waiting: Waiting,
    /// Batches that were full before they could go.
    sealed: VecDeque<(Bytes, Waiting)>,
    sealed_bytes: usize,
    /// Appends on their way.
    under_way: usize,
}

/// Who is to be told of a batch: futures share one outcome, callbacks are called one by one.
#[derive(Default)]
struct Waiting {
    outcome: Outcome,
    callbacks: Vec<(i64, RecordDone)>,
}

type RecordDone = Box<dyn FnOnce(Result<i64, AppendError>) + Send>;

impl std::fmt::Debug for Appender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Appender({:?})", self.0.partition)
    }
}

impl Partition {
    /// Gathers single records into batches for this partition.
    pub fn appender(&self, acks: Acks) -> Appender {
        let max = usize::try_from(self.topic().config.max_message_bytes).unwrap_or(usize::MAX);
        let gather = Gather {
            builder: BatchBuilder::new(max),
            waiting: Waiting::default(),
            sealed: VecDeque::new(),
            sealed_bytes: 0,
            under_way: 0,
        };
        Appender(Arc::new(Inner { partition: self.clone(), acks, gather: Mutex::new(gather) }))
    }
}

impl Appender {
    /// Appends a record; the answer's `base_offset` and `last_offset` are the record's own.
    pub fn append(&self, record: Record<'_>) -> AppendFuture {
        let mut gather = self.0.lock();
        let future = match gather.push(&record, None) {
            Ok(delta) => gather.waiting.outcome.future_at(delta),
            Err(error) => return AppendFuture::ready(Err(error)),
        };
        self.0.go(gather);
        future
    }

    /// Appends a record; `done` is called once with its offset, by the writer's thread (or by this one when
    /// the record is refused at once), and must be short and must not block.
    pub fn append_with(
        &self,
        record: Record<'_>,
        done: impl FnOnce(Result<i64, AppendError>) + Send + 'static,
    ) {
        let mut gather = self.0.lock();
        let mut done: Option<RecordDone> = Some(Box::new(done));
        match gather.push(&record, Some(&mut done)) {
            Ok(_) => self.0.go(gather),
            Err(error) => {
                drop(gather);
                if let Some(done) = done {
                    done(Err(error));
                }
            }
        }
    }

    /// The partition that it appends to.
    pub fn partition(&self) -> &Partition {
        &self.0.partition
    }
}

impl Gather {
    /// Adds a record to the batch that is being gathered and returns its place in it.
    fn push(
        &mut self,
        record: &Record<'_>,
        done: Option<&mut Option<RecordDone>>,
    ) -> Result<i64, AppendError> {
        let bytes = self.sealed_bytes + self.builder.bytes();
        if bytes + record.bytes_at_most() > APPENDER_BYTES_MAX && bytes > 0 {
            let appends = self.sealed.len() + self.under_way;
            return Err(AppendError::Busy { bytes, appends });
        }
        if self.builder.len() >= APPENDER_RECORDS_MAX {
            self.seal();
        }
        if let Err(error) = self.builder.push(record) {
            if self.builder.is_empty() || !matches!(error, BatchError::Full { .. }) {
                return Err(error.into());
            }
            self.seal();
            self.builder.push(record)?;
        }
        let delta = i64::try_from(self.builder.len()).unwrap_or(i64::MAX) - 1;
        if let Some(done) = done.and_then(Option::take) {
            self.waiting.callbacks.push((delta, done));
        }
        Ok(delta)
    }

    fn seal(&mut self) {
        if self.builder.is_empty() {
            return;
        }
        let batch = self.builder.finish();
        self.sealed_bytes += batch.len();
        self.sealed.push_back((batch, std::mem::take(&mut self.waiting)));
    }

    /// Everything gathered, if nothing is under way.
    fn take(&mut self) -> VecDeque<(Bytes, Waiting)> {
        if self.under_way > 0 {
            return VecDeque::new();
        }
        self.seal();
        self.sealed_bytes = 0;
        self.under_way = self.sealed.len();
        std::mem::take(&mut self.sealed)
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Gather> {
        self.gather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what is gathered unless an append is under way; then its end does.
    fn go(self: &Arc<Self>, mut gather: MutexGuard<'_, Gather>) {
        let batches = gather.take();
        drop(gather);
        for (batch, waiting) in batches {
            let inner = Arc::downgrade(self);
            let done = move |result| Self::answered(&inner, waiting, result);
            self.partition.append(batch, self.acks, done);
        }
    }

    fn answered(inner: &Weak<Self>, waiting: Waiting, result: Result<Appended, AppendError>) {
        for (delta, done) in waiting.callbacks {
            done(result.clone().map(|appended| appended.base_offset + delta));
        }
        waiting.outcome.set(result);
        let Some(inner) = inner.upgrade() else { return };
        let mut gather = inner.lock();
        gather.under_way = gather.under_way.saturating_sub(1);
        inner.go(gather);
    }
}

impl Drop for Inner {
    /// The last records go out even when nobody holds the appender any more.
    fn drop(&mut self) {
        let gather = self.gather.get_mut().unwrap_or_else(PoisonError::into_inner);
        gather.under_way = 0;
        for (batch, waiting) in gather.take() {
            let done = move |result| Self::answered(&Weak::new(), waiting, result);
            self.partition.append(batch, self.acks, done);
        }
    }
}
