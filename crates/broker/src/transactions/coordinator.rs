//! All transactional ids, what is on its way to the log for each, and when each is due.
//!
//! A plain value. A request asks it, and it decides by what the log has; a change is handed out once and blocks its
//! id until [`Coordinator::finish`] tells what became of it. What each request may do is in `requests`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tidemill_wire::ErrorCode;

use super::change::{Change, Decision, Ending, View};
use super::metadata::{Metadata, State};
use super::types::{IDS_MAX, NO_EPOCH, Producer, TransactionLimits, VERSION_2};

/// One transactional id.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) metadata: Metadata,
    /// Whether a change is on its way to the log.
    pub(super) is_changing: bool,
    /// Whether that change closes the transaction, so that nothing more comes into it.
    pub(super) is_closing: bool,
    /// Appends that were found to be in the open transaction and are not in the log's queue yet.
    pub(super) admitted: u32,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of it is in the log.
    Written,
    /// Only the decision is: the partitions are still to be told.
    Prepared,
    /// Nothing is in the log.
    NotWritten,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Coordinator {
    pub(super) limits: TransactionLimits,
    pub(super) entries: BTreeMap<Arc<str>, Entry>,
    /// Open transactions by the time at which they must be ended.
    deadlines: BTreeSet<(i64, Arc<str>)>,
}

impl Coordinator {
    /// Takes over what the log has.
    pub(crate) fn new(limits: TransactionLimits, loaded: BTreeMap<Arc<str>, Metadata>) -> Self {
        let mut new = Self { limits, entries: BTreeMap::new(), deadlines: BTreeSet::new() };
        for (id, metadata) in loaded {
            new.put(&id, Some(metadata));
        }
        new
    }

    /// Puts what the log has of an id.
    fn put(&mut self, id: &Arc<str>, metadata: Option<Metadata>) {
        let before = self.entries.get(id).and_then(|entry| entry.metadata.deadline_ms());
        if let Some(deadline) = before {
            self.deadlines.remove(&(deadline, Arc::clone(id)));
        }
        let Some(metadata) = metadata else {
            self.entries.remove(id);
            return;
        };
        if let Some(deadline) = metadata.deadline_ms() {
            self.deadlines.insert((deadline, Arc::clone(id)));
        }
        match self.entries.get_mut(id) {
            Some(entry) => {
                entry.metadata = metadata;
                (entry.is_changing, entry.is_closing) = (false, false);
            }
            None => {
                let entry = Entry { metadata, is_changing: false, is_closing: false, admitted: 0 };
                self.entries.insert(Arc::clone(id), entry);
            }
        }
    }

    /// Makes an id known, so that nobody else begins with it at the same time.
    ///
    /// # Errors
    /// There are too many; some expire sooner or later.
    pub(super) fn create(&mut self, id: &str, metadata: Metadata) -> Result<Arc<str>, ErrorCode> {
        if self.entries.len() >= IDS_MAX {
            tracing::warn!(limit = IDS_MAX, "too many transactional ids: a new one is refused");
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        let id: Arc<str> = id.into();
        self.put(&id, Some(metadata));
        Ok(id)
    }

    /// Hands a change out.
    pub(super) fn change(
        &mut self,
        id: &str,
        next: Option<Metadata>,
        ending: Option<Ending>,
    ) -> Option<Box<Change>> {
        let (id, _) = self.entries.get_key_value(id)?;
        let id = Arc::clone(id);
        let entry = self.entries.get_mut(&id)?;
        entry.is_changing = true;
        entry.is_closing = next.as_ref().is_none_or(|next| next.state != State::Ongoing);
        Some(Box::new(Change { id, next, ending }))
    }

    /// Tells what became of a change.
    pub(crate) fn finish(&mut self, change: &Change, outcome: Outcome) {
        match (outcome, &change.ending) {
            (Outcome::Written, _) => self.put(&change.id, change.next.clone()),
            (Outcome::Prepared, Some(ending)) => {
                self.put(&change.id, Some(ending.prepared.clone()))
            }
            (Outcome::Prepared, None) | (Outcome::NotWritten, _) => self.give_up(&change.id),
        }
    }

    fn give_up(&mut self, id: &Arc<str>) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        (entry.is_changing, entry.is_closing) = (false, false);
        if entry.metadata.producer.epoch == NO_EPOCH {
            self.entries.remove(id);
        }
    }

    /// The ids whose decision not every partition knows yet.
    pub(crate) fn prepared(&self) -> Vec<Arc<str>> {
        let prepared = |(_, entry): &(&Arc<str>, &Entry)| {
            entry.metadata.state.is_prepared() && !entry.is_changing
        };
        self.entries.iter().filter(prepared).map(|(id, _)| Arc::clone(id)).collect()
    }

    /// After how long without a transaction an id is forgotten.
    pub(crate) fn id_expiration(&self) -> Duration {
        self.limits.id_expiration
    }

    /// How often such ids are looked for.
    pub(crate) fn id_check_interval(&self) -> Duration {
        self.limits.id_check_interval
    }

    /// What is known of an id.
    pub(crate) fn metadata(&self, id: &str) -> Option<&Metadata> {
        self.entries.get(id).map(|entry| &entry.metadata)
    }

    /// Every partition knows the decision: that is to be written down.
    pub(crate) fn complete(&mut self, id: &str, now_ms: i64) -> Option<Box<Change>> {
        let entry = self.entries.get(id)?;
        if entry.is_changing || !entry.metadata.state.is_prepared() {
            return None;
        }
        let next = entry.metadata.completed(now_ms);
        self.change(id, Some(next), None)
    }

    /// When the next open transaction must be ended, milliseconds since 1970.
    pub(crate) fn next_deadline_ms(&self) -> Option<i64> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// The ids whose transaction is open for too long.
    pub(crate) fn overdue(&self, now_ms: i64) -> Vec<Arc<str>> {
        let due = self.deadlines.iter().take_while(|(deadline, _)| *deadline <= now_ms);
        due.map(|(_, id)| Arc::clone(id)).collect()
    }

    /// Ends a transaction that is open for too long. `fresh` is a producer id, if one is asked for.
    pub(crate) fn time_out(&mut self, id: &str, fresh: Option<i64>, now_ms: i64) -> Decision<()> {
        let Some(entry) = self.entries.get(id) else { return Decision::Answer(Ok(())) };
        let is_due = entry.metadata.deadline_ms().is_some_and(|deadline| deadline <= now_ms);
        if !is_due || entry.is_changing {
            return Decision::Answer(Ok(()));
        }
        self.abort(id, fresh, now_ms)
    }

    /// Aborts an open transaction by the coordinator's own decision, which fences its producer: what is still on the
    /// way from it has an old epoch.
    pub(super) fn abort(&mut self, id: &str, fresh: Option<i64>, now_ms: i64) -> Decision<()> {
        self.decide_end(id, false, VERSION_2, fresh, now_ms).map(|_| ())
    }

    /// The ids that nobody used since `limit_ms`.
    pub(crate) fn idle_since(&self, limit_ms: i64) -> Vec<Arc<str>> {
        let idle = |(_, entry): &(&Arc<str>, &Entry)| {
            entry.metadata.is_idle_since(limit_ms) && !entry.is_changing
        };
        self.entries.iter().filter(idle).map(|(id, _)| Arc::clone(id)).collect()
    }

    /// Forgets an id that nobody used since `limit_ms`.
    pub(crate) fn forget(&mut self, id: &str, limit_ms: i64) -> Option<Box<Change>> {
        let entry = self.entries.get(id)?;
        if !entry.metadata.is_idle_since(limit_ms) || entry.is_changing {
            return None;
        }
        self.change(id, None, None)
    }

    /// Every id that `wanted` says yes to.
    pub(crate) fn list(&self, wanted: impl Fn(&str, &Metadata) -> bool) -> Vec<View> {
        let found = self.entries.iter().filter(|(id, entry)| {
            entry.metadata.producer.epoch != NO_EPOCH && wanted(id, &entry.metadata)
        });
        found
            .map(|(id, entry)| View { id: Arc::clone(id), metadata: entry.metadata.clone() })
            .collect()
    }

    /// The end of the transaction of `id`: one change that decides, tells and completes.
    pub(super) fn decide_end(
        &mut self,
        id: &str,
        commit: bool,
        version: i16,
        fresh: Option<i64>,
        now_ms: i64,
    ) -> Decision<Producer> {
        let Some(entry) = self.entries.get(id) else {
            return Decision::refuse(ErrorCode::InvalidProducerIdMapping);
        };
        let rotates = version >= VERSION_2 && entry.metadata.is_exhausted();
        if rotates && fresh.is_none() {
            return Decision::NeedsId;
        }
        let next_id = fresh.filter(|_| rotates);
        let prepared = entry.metadata.prepared(commit, version, next_id, now_ms);
        let next = prepared.completed(now_ms);
        let producer = next.producer;
        match self.change(id, Some(next), Some(Ending { prepared })) {
            Some(change) => Decision::Write(change, producer),
            None => Decision::refuse(ErrorCode::InvalidProducerIdMapping),
        }
    }
}
