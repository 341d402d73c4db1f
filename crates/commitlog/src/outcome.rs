//! How an append is answered: by a callback, or through a future that any executor can poll.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::AppendError;

/// What an append got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// The log's time that the batches were stamped with, milliseconds; -1 when the topic keeps the
    /// producer's timestamps.
    pub log_append_time_ms: i64,
    /// The first offset of the partition.
    pub log_start_offset: i64,
}

impl Appended {
    /// The answer for the record at `delta` alone.
    fn at(self, delta: i64) -> Self {
        let offset = self.base_offset.saturating_add(delta);
        Self { base_offset: offset, last_offset: offset, ..self }
    }
}

type Callback = Box<dyn FnOnce(Result<Appended, AppendError>) + Send>;

/// The one answer that is owed to an append. Dropped unanswered, it says [`AppendError::Closed`], so that
/// nobody waits for a writer that is gone.
pub(crate) struct Done(Option<Callback>);

impl Done {
    pub(crate) fn new(
        callback: impl FnOnce(Result<Appended, AppendError>) + Send + 'static,
    ) -> Self {
        Self(Some(Box::new(callback)))
    }

    /// Gives the answer. A callback that panics is the caller's loss, not the writer's.
    pub(crate) fn answer(mut self, result: Result<Appended, AppendError>) {
        self.call(result);
    }

    fn call(&mut self, result: Result<Appended, AppendError>) {
        if let Some(callback) = self.0.take()
            && catch_unwind(AssertUnwindSafe(move || callback(result))).is_err()
        {
            tracing::error!("a callback of an append panicked");
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        self.call(Err(AppendError::Closed));
    }
}

/// An answer that many futures may wait for: one per batch, not one per record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome(Arc<Mutex<OutcomeState>>);

#[derive(Debug, Default)]
struct OutcomeState {
    result: Option<Result<Appended, AppendError>>,
    wakers: Vec<Waker>,
}

impl Outcome {
    pub(crate) fn set(&self, result: Result<Appended, AppendError>) {
        let wakers = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.result = Some(result);
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// A future for the whole append.
    pub(crate) fn future(&self) -> AppendFuture {
        AppendFuture { outcome: self.clone(), delta: None }
    }

    /// A future for the record at `delta` of the batch.
    pub(crate) fn future_at(&self, delta: i64) -> AppendFuture {
        AppendFuture { outcome: self.clone(), delta: Some(delta) }
    }
}

/// Ready when the append is answered. Dropping it does not undo the append.
#[derive(Debug)]
#[must_use = "an append can fail; await its answer or take a callback"]
pub struct AppendFuture {
    outcome: Outcome,
    delta: Option<i64>,
}

impl AppendFuture {
    /// A future that is ready with this answer.
    pub(crate) fn ready(result: Result<Appended, AppendError>) -> Self {
        let outcome = Outcome::default();
        outcome.set(result);
        outcome.future()
    }

    /// The answer if it is there; for callers that poll by themselves.
    pub fn try_get(&self) -> Option<Result<Appended, AppendError>> {
        let state = self.outcome.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.result.clone().map(|result| self.narrow(result))
    }

    fn narrow(&self, result: Result<Appended, AppendError>) -> Result<Appended, AppendError> {
        match self.delta {
            Some(delta) => result.map(|appended| appended.at(delta)),
            None => result,
        }
    }
}

impl Future for AppendFuture {
    type Output = Result<Appended, AppendError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.outcome.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = &state.result {
            return Poll::Ready(self.narrow(result.clone()));
        }
        let waker = context.waker();
        if !state.wakers.iter().any(|known| known.will_wake(waker)) {
            state.wakers.push(waker.clone());
        }
        Poll::Pending
    }
}
