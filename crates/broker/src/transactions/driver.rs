//! The side of transactions with the log, the clock and the waiting: asks the coordinator, carries changes to the log,
//! tells it what became of them, and lets time pass.
//!
//! A change is carried by a task of its own, so that a client that hangs up leaves nothing half done.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_commitlog::offsets::GroupOffsets;
use tidemill_commitlog::{AppendError, Log};
use tidemill_wire::ErrorCode;
use tidemill_world::World;
use tokio::sync::Notify;

use super::change::{Change, Decision, View};
use super::coordinator::{Coordinator, Outcome};
use super::metadata::Metadata;
use super::requests::Asking;
use super::store::{Store, StoreError};
use super::types::{Place, Producer, TransactionLimits};

/// How often a request is asked again: for a producer id, after what had to be written first, and after each change that
/// others brought on their way before it. Then the client is told to come again.
const ROUNDS_MAX: usize = 32;
/// How long the clock is not looked at, at most: the wall clock may be set meanwhile.
const LOOK_PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long at least, so that a transaction that cannot be ended does not burn the processor.
const LOOK_PAUSE_MIN: Duration = Duration::from_millis(100);

/// All transactions, shared by the connections.
pub(crate) struct Transactions {
    pub(super) log: Log,
    pub(super) world: World,
    pub(super) store: Store,
    pub(super) offsets: GroupOffsets,
    // A std mutex: held for one step of the state machine, never across an await or a call of the log.
    core: Mutex<Coordinator>,
    /// Nobody knows whether the last change is in the log: only opening it again tells.
    is_lost: AtomicBool,
    /// Told when a change is done.
    done: Notify,
    /// Told when a deadline came up that is earlier than the one being slept for.
    earlier: Notify,
    /// The deadline that is slept for, milliseconds since 1970.
    armed_ms: AtomicI64,
}

impl std::fmt::Debug for Transactions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Transactions")
    }
}

/// The right to queue appends to a transaction. Its producer cannot end it before this is dropped.
#[derive(Debug)]
pub(crate) struct Admission {
    transactions: Arc<Transactions>,
    id: Arc<str>,
    /// The partitions that are not in the transaction.
    pub(crate) outside: Vec<Place>,
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.transactions.core().leave(&self.id);
    }
}

impl Transactions {
    /// Reads what the log has. Waits for the disk.
    ///
    /// # Errors
    /// The topic cannot be made or read.
    pub(crate) fn open(
        log: &Log,
        world: &World,
        offsets: &GroupOffsets,
        limits: TransactionLimits,
    ) -> Result<Arc<Self>, StoreError> {
        let (store, loaded) = Store::open(log)?;
        Ok(Arc::new(Self {
            log: log.clone(),
            world: world.clone(),
            store,
            offsets: offsets.clone(),
            core: Mutex::new(Coordinator::new(limits, loaded)),
            is_lost: AtomicBool::new(false),
            done: Notify::new(),
            earlier: Notify::new(),
            armed_ms: AtomicI64::new(i64::MAX),
        }))
    }

    pub(super) fn core(&self) -> MutexGuard<'_, Coordinator> {
        // A step that panicked changed at most the id it was about.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.world.clock().wall_ms()
    }

    /// A producer begins with a transactional id, or goes on with it as `expected`.
    ///
    /// # Errors
    /// As Kafka's `handleInitProducerId`.
    pub(crate) async fn init(
        self: &Arc<Self>,
        id: &str,
        timeout_ms: i32,
        expected: Option<Producer>,
    ) -> Result<Producer, ErrorCode> {
        self.decide(|core, fresh, now| core.init(id, timeout_ms, expected, fresh, now)).await
    }

    /// A producer says which partitions its transaction writes to. They must exist.
    ///
    /// # Errors
    /// As Kafka's `handleAddPartitionsToTransaction`.
    pub(crate) async fn add(
        self: &Arc<Self>,
        id: &str,
        producer: Producer,
        version: i16,
        places: &[Place],
    ) -> Result<(), ErrorCode> {
        self.decide(|core, _, now_ms| core.add(Asking { id, producer, version, now_ms }, places))
            .await
    }

    /// Which of these partitions are not in the producer's open transaction.
    ///
    /// # Errors
    /// As Kafka's `handleVerifyPartitionsInTransaction`.
    pub(crate) fn verify(
        &self,
        id: &str,
        producer: Producer,
        places: &[Place],
    ) -> Result<Vec<Place>, ErrorCode> {
        self.check()?;
        let asking = Asking { id, producer, version: 0, now_ms: self.now_ms() };
        self.core().verify(asking, places).map(|admitted| admitted.outside)
    }

    /// A producer writes to these partitions; under KIP-890 they are added first.
    ///
    /// # Errors
    /// As of [`add`](Self::add) and [`verify`](Self::verify).
    pub(crate) async fn admit(
        self: &Arc<Self>,
        id: &str,
        producer: Producer,
        version: i16,
        places: &[Place],
    ) -> Result<Admission, ErrorCode> {
        let admitted = self
            .decide(|core, _, now_ms| core.admit(Asking { id, producer, version, now_ms }, places))
            .await?;
        Ok(Admission { transactions: Arc::clone(self), id: id.into(), outside: admitted.outside })
    }

    /// A producer commits or aborts; the answer is who it is from now on.
    ///
    /// # Errors
    /// As Kafka's `handleEndTransaction`.
    pub(crate) async fn end(
        self: &Arc<Self>,
        id: &str,
        producer: Producer,
        version: i16,
        commit: bool,
    ) -> Result<Producer, ErrorCode> {
        self.decide(|core, fresh, now_ms| {
            core.end(Asking { id, producer, version, now_ms }, commit, fresh)
        })
        .await
    }

    /// Every transactional id that `wanted` says yes to.
    pub(crate) fn list(&self, wanted: impl Fn(&str, &Metadata) -> bool) -> Vec<View> {
        self.core().list(wanted)
    }

    /// What is known of a transactional id.
    pub(crate) fn view(&self, id: &str) -> Option<Metadata> {
        self.core().metadata(id).cloned()
    }

    pub(super) fn check(&self) -> Result<(), ErrorCode> {
        let is_sound =
            !self.is_lost.load(Ordering::Acquire) && self.store.partition.check().is_ok();
        if is_sound { Ok(()) } else { Err(ErrorCode::CoordinatorNotAvailable) }
    }

    /// Asks until there is an answer.
    async fn decide<T>(
        self: &Arc<Self>,
        mut step: impl FnMut(&mut Coordinator, Option<i64>, i64) -> Decision<T>,
    ) -> Result<T, ErrorCode> {
        let mut fresh = None;
        for _ in 0..ROUNDS_MAX {
            self.check()?;
            let now_ms = self.now_ms();
            let mut done = pin!(self.done.notified());
            // From here on, so that a change that is done before it is waited for is not missed.
            done.as_mut().enable();
            let decision = step(&mut self.core(), fresh, now_ms);
            match decision {
                Decision::Answer(answer) => return answer,
                Decision::Later => done.await,
                Decision::NeedsId => fresh = Some(self.fresh_id()?),
                Decision::Write(change, answer) => {
                    self.write(change).await?;
                    return Ok(answer);
                }
                Decision::WriteFirst(change) => self.write(change).await?,
            }
        }
        Err(ErrorCode::ConcurrentTransactions)
    }

    fn fresh_id(&self) -> Result<i64, ErrorCode> {
        self.log.allocate_producer_id().map_err(|error| {
            tracing::error!("{error}");
            ErrorCode::CoordinatorNotAvailable
        })
    }

    /// Carries a change to the log and waits until that is done.
    pub(super) async fn write(self: &Arc<Self>, change: Box<Change>) -> Result<(), ErrorCode> {
        let carrying = tokio::spawn(Arc::clone(self).carry(change));
        carrying.await.unwrap_or(Err(ErrorCode::UnknownServerError))
    }

    async fn carry(self: Arc<Self>, change: Box<Change>) -> Result<(), ErrorCode> {
        let written = match &change.ending {
            None => self.write_state(&change).await.map(|()| Outcome::Written),
            Some(ending) => self.write_end(&change, ending).await,
        };
        let outcome = *written.as_ref().unwrap_or(&Outcome::NotWritten);
        let deadline_ms = {
            let mut core = self.core();
            core.finish(&change, outcome);
            core.next_deadline_ms()
        };
        self.done.notify_waiters();
        if deadline_ms.is_some_and(|next| next < self.armed_ms.load(Ordering::Acquire)) {
            self.earlier.notify_one();
        }
        match written {
            Ok(Outcome::Prepared) => {
                tokio::spawn(Arc::clone(&self).tell(Arc::clone(&change.id)));
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(self.explain(&change.id, &error)),
        }
    }

    /// What a client is told when a change is not in the log.
    fn explain(&self, id: &str, error: &AppendError) -> ErrorCode {
        tracing::warn!(transactional_id = id, "a transaction's change was not written: {error}");
        if matches!(error, AppendError::Closed) {
            return ErrorCode::NotCoordinator;
        }
        if self.store.partition.check().is_err() {
            // The change may be on the disk all the same.
            self.is_lost.store(true, Ordering::Release);
            tracing::error!("no transactions until the broker is started again: {error}");
        }
        ErrorCode::CoordinatorNotAvailable
    }

    /// Finishes what a crash left half-told, then lets time pass, for ever.
    pub(crate) async fn run(self: Arc<Self>) {
        let prepared = self.core().prepared();
        for id in prepared {
            tokio::spawn(Arc::clone(&self).tell(id));
        }
        let interval_ms = millis(self.core().id_check_interval());
        let mut sweep_ms = self.now_ms().saturating_add(interval_ms);
        loop {
            let deadline_ms = self.core().next_deadline_ms().unwrap_or(i64::MAX).min(sweep_ms);
            self.armed_ms.store(deadline_ms, Ordering::Release);
            let left = deadline_ms.saturating_sub(self.now_ms());
            let pause = Duration::from_millis(u64::try_from(left).unwrap_or(0));
            tokio::select! {
                () = self.world.clock().sleep(pause.clamp(LOOK_PAUSE_MIN, LOOK_PAUSE_MAX)) => {}
                () = self.earlier.notified() => {}
            }
            self.end_overdue().await;
            if self.now_ms() >= sweep_ms {
                self.forget_idle().await;
                sweep_ms = self.now_ms().saturating_add(interval_ms);
            }
        }
    }

    /// Aborts the transactions that are open for too long.
    async fn end_overdue(self: &Arc<Self>) {
        let overdue = self.core().overdue(self.now_ms());
        for id in overdue {
            let aborted = self.decide(|core, fresh, now| core.time_out(&id, fresh, now)).await;
            match aborted {
                Ok(()) => tracing::info!(transactional_id = &*id, "transaction timed out"),
                Err(error) => {
                    tracing::warn!(
                        transactional_id = &*id,
                        "a timed out transaction stays: {error:?}"
                    );
                }
            }
        }
    }

    /// Forgets the ids that nobody used for long.
    async fn forget_idle(self: &Arc<Self>) {
        let idle_ms = millis(self.core().id_expiration());
        let limit_ms = self.now_ms().saturating_sub(idle_ms);
        let idle = self.core().idle_since(limit_ms);
        for id in idle {
            let change = self.core().forget(&id, limit_ms);
            if let Some(change) = change
                && self.write(change).await.is_err()
            {
                return;
            }
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
