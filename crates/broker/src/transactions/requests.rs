//! What each request may do to a transactional id: begin, add partitions, write, end. The checks, their order and
//! their errors are those of Kafka's `TransactionCoordinator`.

use tidemill_wire::ErrorCode;

use super::change::Decision;
use super::coordinator::{Coordinator, Entry};
use super::metadata::{EPOCH_LAST, Metadata, State};
use super::types::{ID_BYTES_MAX, NO_EPOCH, Place, Producer, VERSION_2};

/// Who asks, and by when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
    /// The transactional id.
    pub(crate) id: &'a str,
    /// Who the producer says it is.
    pub(crate) producer: Producer,
    /// The protocol it speaks.
    pub(crate) version: i16,
    /// Milliseconds since 1970.
    pub(crate) now_ms: i64,
}

/// Which of the partitions that a producer writes to may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// Those that are not in its transaction.
    pub(crate) outside: Vec<Place>,
}

fn check_id(id: &str) -> Result<(), ErrorCode> {
    let is_sound = !id.is_empty() && id.len() <= ID_BYTES_MAX;
    if is_sound { Ok(()) } else { Err(ErrorCode::InvalidRequest) }
}

impl Coordinator {
    /// A producer begins with a transactional id, or goes on with it as `expected`. `fresh` is a producer id that was
    /// never given, if one is asked for.
    pub(crate) fn init(
        &mut self,
        id: &str,
        timeout_ms: i32,
        expected: Option<Producer>,
        fresh: Option<i64>,
        now_ms: i64,
    ) -> Decision<Producer> {
        if let Err(error) = check_id(id) {
            return Decision::refuse(error);
        }
        let longest = i32::try_from(self.limits.timeout_max.as_millis()).unwrap_or(i32::MAX);
        if timeout_ms <= 0 || timeout_ms > longest {
            return Decision::refuse(ErrorCode::InvalidTransactionTimeout);
        }
        if !self.entries.contains_key(id) {
            let Some(fresh) = fresh else { return Decision::NeedsId };
            if let Err(error) = self.create(id, Metadata::new(fresh, timeout_ms, now_ms)) {
                return Decision::refuse(error);
            }
        }
        self.init_known(id, timeout_ms, expected, fresh, now_ms)
    }

    fn init_known(
        &mut self,
        id: &str,
        timeout_ms: i32,
        expected: Option<Producer>,
        fresh: Option<i64>,
        now_ms: i64,
    ) -> Decision<Producer> {
        let Some(Entry { metadata, is_changing, .. }) = self.entries.get(id) else {
            return Decision::refuse(ErrorCode::CoordinatorNotAvailable);
        };
        if *is_changing {
            return Decision::Later;
        }
        if metadata.state.is_prepared() {
            return Decision::refuse(ErrorCode::ConcurrentTransactions);
        }
        if !expected.is_none_or(|expected| may_go_on(metadata, expected)) {
            return Decision::refuse(ErrorCode::ProducerFenced);
        }
        if metadata.state == State::Ongoing {
            return match self.abort(id, fresh, now_ms) {
                Decision::Write(change, ()) => Decision::WriteFirst(change),
                Decision::NeedsId => Decision::NeedsId,
                Decision::Later => Decision::Later,
                _ => Decision::refuse(ErrorCode::ConcurrentTransactions),
            };
        }
        let current = metadata.producer.epoch;
        let is_current = expected.is_none_or(|expected| expected.epoch == current);
        let next = if metadata.is_exhausted() && is_current {
            let Some(fresh) = fresh else { return Decision::NeedsId };
            Ok(metadata.rotated(fresh, timeout_ms, expected.is_some(), now_ms))
        } else {
            metadata.initialized(timeout_ms, expected.map(|expected| expected.epoch), now_ms)
        };
        match next {
            Ok(next) => self.write(id, next),
            Err(error) => Decision::refuse(error),
        }
    }

    fn write(&mut self, id: &str, next: Metadata) -> Decision<Producer> {
        let producer = next.producer;
        match self.change(id, Some(next), None) {
            Some(change) => Decision::Write(change, producer),
            None => Decision::refuse(ErrorCode::InvalidProducerIdMapping),
        }
    }

    /// A producer says which partitions its transaction writes to.
    pub(crate) fn add(&mut self, asking: Asking<'_>, places: &[Place]) -> Decision<()> {
        let entry = match self.writable(asking) {
            Ok(Some(entry)) => entry,
            Ok(None) => return Decision::Later,
            Err(error) => return Decision::refuse(error),
        };
        let metadata = &entry.metadata;
        if metadata.state == State::Ongoing
            && places.iter().all(|place| metadata.partitions.contains(place))
        {
            return Decision::Answer(Ok(()));
        }
        let next = metadata.with_partitions(places, asking.version, asking.now_ms);
        self.write(asking.id, next).map(|_| ())
    }

    /// The id, if this producer may write in it; `None` while it is being changed.
    fn writable(&self, asking: Asking<'_>) -> Result<Option<&Entry>, ErrorCode> {
        check_id(asking.id)?;
        let entry = self.entries.get(asking.id).ok_or(ErrorCode::InvalidProducerIdMapping)?;
        // First, because the change may be to another producer id, which the producer knows already.
        if entry.is_changing {
            return Ok(None);
        }
        check_producer(&entry.metadata, asking.producer)?;
        if entry.metadata.state.is_prepared() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        Ok(Some(entry))
    }

    /// Which of these partitions are not in the producer's open transaction.
    ///
    /// # Errors
    /// As Kafka's `handleVerifyPartitionsInTransaction`.
    pub(crate) fn verify(
        &self,
        asking: Asking<'_>,
        places: &[Place],
    ) -> Result<Admitted, ErrorCode> {
        check_id(asking.id)?;
        let entry = self.entries.get(asking.id).ok_or(ErrorCode::InvalidProducerIdMapping)?;
        let metadata = &entry.metadata;
        check_producer(metadata, asking.producer)?;
        if metadata.state.is_prepared() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        let is_inside = |place: &&Place| {
            metadata.state == State::Ongoing && metadata.partitions.contains(*place)
        };
        let outside = places.iter().filter(|place| !is_inside(place)).cloned().collect();
        Ok(Admitted { outside })
    }

    /// A producer writes to these partitions. Until [`leave`](Self::leave) its own request cannot end the
    /// transaction, so that what is admitted is in it. A producer whose protocol adds partitions by writing to
    /// them (KIP-890) has them added first.
    pub(crate) fn admit(&mut self, asking: Asking<'_>, places: &[Place]) -> Decision<Admitted> {
        if asking.version >= VERSION_2 {
            match self.add(asking, places) {
                Decision::Answer(Ok(())) => {}
                Decision::Answer(Err(error)) => return Decision::refuse(error),
                Decision::Later => return Decision::Later,
                Decision::NeedsId => return Decision::NeedsId,
                Decision::Write(change, ()) | Decision::WriteFirst(change) => {
                    return Decision::WriteFirst(change);
                }
            }
        }
        let admitted = self.verify(asking, places);
        if let (Ok(_), Some(entry)) = (&admitted, self.entries.get_mut(asking.id)) {
            // What is being ended takes nothing more; one that gets more partitions does.
            if entry.is_closing {
                return Decision::Later;
            }
            entry.admitted += 1;
        }
        Decision::Answer(admitted)
    }

    /// What was admitted is in the log's queue, or will never be.
    pub(crate) fn leave(&mut self, id: &str) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.admitted = entry.admitted.saturating_sub(1);
        }
    }

    /// A producer commits or aborts. `fresh` is a producer id, if one is asked for.
    pub(crate) fn end(
        &mut self,
        asking: Asking<'_>,
        commit: bool,
        fresh: Option<i64>,
    ) -> Decision<Producer> {
        if let Err(error) = check_id(asking.id) {
            return Decision::refuse(error);
        }
        let Some(entry) = self.entries.get(asking.id) else {
            return Decision::refuse(ErrorCode::InvalidProducerIdMapping);
        };
        let judged = match asking.version >= VERSION_2 {
            true => judge_end(entry, asking.producer, commit),
            false => judge_old_end(entry, asking.producer, commit),
        };
        match judged {
            Ok(End::Now) if entry.admitted > 0 => {
                Decision::refuse(ErrorCode::ConcurrentTransactions)
            }
            Ok(End::Now) => {
                self.decide_end(asking.id, commit, asking.version, fresh, asking.now_ms)
            }
            Ok(End::Later) => Decision::Later,
            Ok(End::Done) => Decision::Answer(Ok(entry.metadata.producer)),
            Err(error) => Decision::refuse(error),
        }
    }
}

/// Whether a producer may go on with what it says it has: with its id, or with the one before, whose epochs were used
/// up when its answer was lost (KIP-360).
fn may_go_on(metadata: &Metadata, expected: Producer) -> bool {
    metadata.producer.epoch == NO_EPOCH
        || expected.id == metadata.producer.id
        || (expected.id == metadata.previous_id && expected.epoch >= EPOCH_LAST)
}

fn check_producer(metadata: &Metadata, producer: Producer) -> Result<(), ErrorCode> {
    if metadata.producer.id != producer.id {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if metadata.producer.epoch != producer.epoch {
        return Err(ErrorCode::ProducerFenced);
    }
    Ok(())
}

/// What an end comes to.
enum End {
    /// It is to be done.
    Now,
    /// It was done; the answer was lost.
    Done,
    /// Another change is on its way.
    Later,
}

/// An end in the protocol where the epoch stays (KIP-98).
fn judge_old_end(entry: &Entry, producer: Producer, commit: bool) -> Result<End, ErrorCode> {
    check_producer(&entry.metadata, producer)?;
    if entry.is_changing {
        return Ok(End::Later);
    }
    match (entry.metadata.state, commit) {
        (State::Ongoing, _) => Ok(End::Now),
        (State::CompleteCommit, true) | (State::CompleteAbort, false) => Ok(End::Done),
        (State::PrepareCommit, true) | (State::PrepareAbort, false) => {
            Err(ErrorCode::ConcurrentTransactions)
        }
        _ => Err(ErrorCode::InvalidTxnState),
    }
}

/// An end in the protocol where each raises the epoch (KIP-890): a repeat has the epoch before. It counts as one only if
/// the last end did raise the epoch: after one of the older protocol the epoch before is that of a producer that
/// was fenced, which Kafka answers as if its own transaction had ended.
fn judge_end(entry: &Entry, producer: Producer, commit: bool) -> Result<End, ErrorCode> {
    if entry.is_changing {
        return Ok(End::Later);
    }
    let metadata = &entry.metadata;
    let current = metadata.producer;
    let is_same_id = current.id == producer.id;
    let is_raised =
        metadata.client_version >= VERSION_2 && current.epoch == producer.epoch.saturating_add(1);
    let is_rotated =
        metadata.previous_id == producer.id && producer.epoch == EPOCH_LAST && current.epoch == 0;
    if !is_same_id && !is_rotated {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    let is_repeat = is_raised || is_rotated;
    let is_current = current.epoch == producer.epoch;
    let is_known = match metadata.state {
        State::Empty | State::Ongoing => is_current,
        State::PrepareCommit | State::PrepareAbort => is_raised,
        State::CompleteCommit | State::CompleteAbort => is_repeat || is_current,
    };
    if !is_known {
        return Err(ErrorCode::ProducerFenced);
    }
    match (metadata.state, commit) {
        (State::Ongoing, _) | (State::Empty, false) => Ok(End::Now),
        (State::CompleteCommit, true) | (State::CompleteAbort, false) if is_repeat => Ok(End::Done),
        // A transaction without a partition is aborted: only the epoch is raised.
        (State::CompleteCommit | State::CompleteAbort, false) if !is_repeat => Ok(End::Now),
        (State::PrepareCommit, true) | (State::PrepareAbort, false) => {
            Err(ErrorCode::ConcurrentTransactions)
        }
        _ => Err(ErrorCode::InvalidTxnState),
    }
}
