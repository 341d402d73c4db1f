//! What is known of one transactional id, and how each step changes it. All of it is in the log.
//!
//! A step takes what is and gives what will be; nothing here waits, and nothing is changed until the log has it. The
//! states are those of Kafka's `TransactionMetadata`, and so are the rules for epochs:
//!
//! * A producer that begins anew raises the epoch, which fences the one before (KIP-98).
//! * A producer that goes on after an error names the epoch it has, and gets the next one (KIP-360).
//! * Under KIP-890 each end of a transaction raises the epoch, and so does each abort that the coordinator decides.
//! * The epoch before the last, [`EPOCH_LAST`], is the highest that a producer sees: the last is left to fence it with,
//!   and then it gets a new id.

use std::collections::BTreeSet;

use tidemill_wire::ErrorCode;

use super::types::{NO_EPOCH, NO_ID, Place, Producer, VERSION_2};

/// The highest epoch that a producer is given.
pub(crate) const EPOCH_LAST: i16 = i16::MAX - 1;

/// Where a transactional id stands. The numbers are those on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
pub(crate) enum State {
    /// No transaction since the producer began.
    Empty = 0,
    /// A transaction is open.
    Ongoing = 1,
    /// The transaction counts, and not every partition knows it yet.
    PrepareCommit = 2,
    /// The transaction does not count, and not every partition knows it yet.
    PrepareAbort = 3,
    /// The last transaction counted.
    CompleteCommit = 4,
    /// The last transaction did not count.
    CompleteAbort = 5,
}

impl State {
    /// Every state.
    pub(crate) const ALL: [Self; 6] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
    ];

    /// Kafka's name of the state.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    /// Whether the decision is made and not everybody knows it.
    pub(crate) fn is_prepared(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }

    fn is_over(self) -> bool {
        matches!(self, Self::Empty | Self::CompleteCommit | Self::CompleteAbort)
    }
}

/// One transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) producer: Producer,
    /// The producer id before the last step.
    pub(crate) previous_id: i64,
    /// The producer id after the transaction that is being ended, if it changes.
    pub(crate) next_id: i64,
    /// The epoch before the last one that the same producer asked for. It is not in the log: over a restart
    /// a producer that sends such a request again is fenced, as by Kafka.
    pub(crate) last_epoch: i16,
    /// How long a transaction may stay open, milliseconds.
    pub(crate) timeout_ms: i32,
    pub(crate) state: State,
    pub(crate) partitions: BTreeSet<Place>,
    /// When the transaction began, milliseconds since 1970; -1 before the first.
    pub(crate) start_ms: i64,
    /// When the last step was taken.
    pub(crate) update_ms: i64,
    /// The protocol that the producer speaks.
    pub(crate) client_version: i16,
}

impl Metadata {
    /// An id that nobody has used yet. It has no epoch.
    pub(crate) fn new(producer_id: i64, timeout_ms: i32, now_ms: i64) -> Self {
        Self {
            producer: Producer { id: producer_id, epoch: NO_EPOCH },
            previous_id: NO_ID,
            next_id: NO_ID,
            last_epoch: NO_EPOCH,
            timeout_ms,
            state: State::Empty,
            partitions: BTreeSet::new(),
            start_ms: -1,
            update_ms: now_ms,
            client_version: 0,
        }
    }

    /// Whether there is no epoch left to give.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.producer.epoch >= EPOCH_LAST
    }

    /// The same with a next state; what every step has in common.
    fn step(&self, state: State, now_ms: i64) -> Self {
        let previous_id = self.producer.id;
        Self { state, previous_id, next_id: NO_ID, update_ms: now_ms, ..self.clone() }
    }

    /// A producer begins, or goes on with the epoch that it says it has.
    ///
    /// # Errors
    /// `PRODUCER_FENCED`: another has begun since it got that epoch.
    pub(crate) fn initialized(
        &self,
        timeout_ms: i32,
        expected_epoch: Option<i16>,
        now_ms: i64,
    ) -> Result<Self, ErrorCode> {
        let current = self.producer.epoch;
        let raised = current.saturating_add(1);
        let (epoch, last_epoch) = match expected_epoch {
            None => (raised, NO_EPOCH),
            Some(expected) if current == NO_EPOCH || expected == current => (raised, current),
            // Its answer was lost: a producer that began since then would have cleared the last epoch.
            Some(expected) if expected == self.last_epoch => (current, self.last_epoch),
            Some(_) => return Err(ErrorCode::ProducerFenced),
        };
        let producer = Producer { epoch, ..self.producer };
        Ok(Self { producer, last_epoch, ..self.begun(timeout_ms, now_ms) })
    }

    /// A producer begins, and there is no epoch left for it.
    pub(crate) fn rotated(
        &self,
        id: i64,
        timeout_ms: i32,
        same_producer: bool,
        now_ms: i64,
    ) -> Self {
        let last_epoch = if same_producer { self.producer.epoch } else { NO_EPOCH };
        let producer = Producer { id, epoch: 0 };
        Self { producer, last_epoch, ..self.begun(timeout_ms, now_ms) }
    }

    fn begun(&self, timeout_ms: i32, now_ms: i64) -> Self {
        let partitions = BTreeSet::new();
        Self { timeout_ms, partitions, start_ms: -1, ..self.step(State::Empty, now_ms) }
    }

    /// Partitions come into the transaction, which begins with the first.
    pub(crate) fn with_partitions(&self, more: &[Place], client_version: i16, now_ms: i64) -> Self {
        let start_ms = if self.state.is_over() { now_ms } else { self.start_ms };
        let mut next = Self { start_ms, client_version, ..self.step(State::Ongoing, now_ms) };
        next.partitions.extend(more.iter().cloned());
        next
    }

    /// The decision. `next_id` is the producer id after it, if the epochs of this one are used up.
    pub(crate) fn prepared(
        &self,
        commit: bool,
        client_version: i16,
        next_id: Option<i64>,
        now_ms: i64,
    ) -> Self {
        let state = if commit { State::PrepareCommit } else { State::PrepareAbort };
        let mut next = Self { client_version, ..self.step(state, now_ms) };
        next.next_id = next_id.unwrap_or(NO_ID);
        if client_version >= VERSION_2 {
            next.last_epoch = self.producer.epoch;
            next.producer.epoch = self.producer.epoch.saturating_add(1);
        }
        // A transaction without a partition began just now.
        if self.state != State::Ongoing {
            next.start_ms = now_ms;
        }
        next
    }

    /// Every partition knows the decision.
    pub(crate) fn completed(&self, now_ms: i64) -> Self {
        let state = match self.state {
            State::PrepareCommit => State::CompleteCommit,
            _ => State::CompleteAbort,
        };
        let mut next = Self { partitions: BTreeSet::new(), ..self.step(state, now_ms) };
        if self.client_version >= VERSION_2 && self.next_id != NO_ID {
            next.producer = Producer { id: self.next_id, epoch: 0 };
        }
        next
    }

    /// When the open transaction must be ended at the latest, milliseconds since 1970.
    pub(crate) fn deadline_ms(&self) -> Option<i64> {
        (self.state == State::Ongoing).then(|| self.start_ms.saturating_add(self.timeout_ms.into()))
    }

    /// Whether the id may be forgotten.
    pub(crate) fn is_idle_since(&self, limit_ms: i64) -> bool {
        self.state.is_over() && self.update_ms <= limit_ms
    }
}
