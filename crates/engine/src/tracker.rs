//! The spout task's side of its roots: who is in flight, who is to be replayed, how far it may commit.
//!
//! # Constraints
//!
//! * A plain state machine: emits, notices and `now` go in; acks, failures, replays and the low-water mark come
//!   out. No clock, thread or component inside.
//! * A root that completes within its own call chain never enters the table.
//! * Slots are reused in the order they became free, so that neighbouring roots lie on neighbouring cache
//!   lines; the order of emission is kept by a list through the slots. A root that is stuck therefore
//!   blocks the commit point, as it must, but nobody else's slot.
//! * The engine's own retries need the tuple again: its written form is kept in the slot, in memory that the slot
//!   keeps for the next root.
//!
//! # The story
//!
//! An open root leaves its slot by completing (ack), by the spout's own retries (fail), or by running out of
//! the engine's retries. In the last case it becomes a dead letter, which is emitted under the same root
//! with the same retries, so that the commit point does not pass it before somebody has it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use tidemill_world::Moment;

use crate::encode::TupleWriter;
use crate::error::FailReason;
use crate::policy::{MessageId, Retries};
use crate::roots::{Notices, RootId, SlotTable};
use crate::run::Emitted;
use crate::tuple_ref::TaskId;

/// Marks the end of the list.
const NIL: u32 = u32::MAX;
/// A slot gives back the memory of a tuple larger than this.
const KEEP_COPY_BYTES: usize = 2048;
/// Scans per message timeout: a root times out at most a quarter late.
const SCANS: u32 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    /// Tuples of it are under way.
    Pending,
    /// Failed, and to be emitted again when its time comes.
    Waiting,
}

#[derive(Debug)]
struct Entry {
    id: MessageId,
    emitted: Moment,
    generation: u32,
    to: To,
    attempts: u32,
    before: u32,
    after: u32,
    /// The pending count at the latest scan, and for how many scans nothing moved.
    seen: u32,
    still: u32,
    state: State,
    /// Out of retries: the root is emitted as a dead letter from now on.
    dead: Option<Box<Death>>,
    copy: Vec<u8>,
}

#[derive(Debug)]
struct Death {
    reason: FailReason,
    attempts: u32,
}

/// Where a spout emits to. Small whole numbers, because it is passed along with every root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct To {
    pub(crate) stream: u32,
    /// The task of a direct emit, or [`To::ANY`].
    task: TaskId,
}

impl To {
    /// Tasks are numbered from one.
    const ANY: TaskId = 0;

    pub(crate) fn new(stream: usize, direct: Option<TaskId>) -> Self {
        let stream = u32::try_from(stream).unwrap_or(u32::MAX);
        Self { stream, task: direct.unwrap_or(Self::ANY) }
    }

    pub(crate) fn direct(self) -> Option<TaskId> {
        (self.task != Self::ANY).then_some(self.task)
    }
}

/// What a spout emits, apart from the fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Emission {
    pub(crate) id: MessageId,
    pub(crate) to: To,
}

/// A root to be emitted again.
#[derive(Debug)]
pub(crate) struct Replay<'a> {
    pub(crate) emission: Emission,
    pub(crate) copy: &'a [u8],
    /// Why and after how many attempts it became a dead letter, if it is one.
    pub(crate) dead: Option<(&'a FailReason, u32)>,
}

/// What the spout is to be told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Acked(MessageId),
    Failed(MessageId, FailReason),
}

/// Effects of one step, emptied by the caller.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) outcomes: Vec<Outcome>,
    /// Ages of completed roots.
    pub(crate) ages: Vec<Duration>,
    /// Attempts failed.
    pub(crate) failed: u64,
    /// Roots given up.
    pub(crate) dead: Vec<(MessageId, FailReason)>,
}

#[derive(Debug)]
pub(crate) struct Tracker {
    spout: u32,
    pending_max: usize,
    slots_max: usize,
    entries: Vec<Entry>,
    free: VecDeque<u32>,
    first: u32,
    last: u32,
    pending: usize,
    replays: BinaryHeap<Reverse<(Moment, u32, u32)>>,
    next_id: MessageId,
    committed: MessageId,
    retries: Retries,
    dead_letters: bool,
    timeout: Duration,
    next_scan: Moment,
    pub(crate) effects: Effects,
}

impl Tracker {
    /// A tracker of the spout task numbered `spout`, with the given bound on roots in flight. It takes up
    /// to `slots_max` when one call of `next` overshoots the bound.
    pub(crate) fn new(spout: u32, pending_max: usize, slots_max: usize, timeout: Duration) -> Self {
        Self {
            spout,
            pending_max,
            slots_max,
            entries: Vec::new(),
            free: VecDeque::new(),
            first: NIL,
            last: NIL,
            pending: 0,
            replays: BinaryHeap::new(),
            next_id: 0,
            committed: 0,
            retries: Retries::default(),
            dead_letters: false,
            timeout,
            next_scan: Moment(0),
            effects: Effects::default(),
        }
    }

    /// Whose business retries are, and whether anybody takes dead letters.
    pub(crate) fn set_retries(&mut self, retries: Retries, dead_letters: bool) {
        self.retries = retries;
        self.dead_letters = dead_letters;
    }

    /// The number of the spout task.
    pub(crate) fn spout(&self) -> u32 {
        self.spout
    }

    /// Roots in flight or waiting for their replay.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// How many more roots may be emitted.
    pub(crate) fn room(&self) -> usize {
        self.pending_max.saturating_sub(self.pending)
    }

    // Emitting.

    /// The root that the next emit may use; `None` if the table is full.
    #[inline]
    pub(crate) fn reserve(&mut self) -> Option<RootId> {
        if self.free.is_empty() {
            self.grow()?;
        }
        let slot = *self.free.front()?;
        Some(self.root(slot))
    }

    fn grow(&mut self) -> Option<()> {
        let slot = self.entries.len();
        if slot >= self.slots_max {
            return None;
        }
        self.entries.push(Entry {
            id: 0,
            emitted: Moment(0),
            generation: 0,
            to: To::new(0, None),
            attempts: 0,
            before: NIL,
            after: NIL,
            seen: 0,
            still: 0,
            state: State::Free,
            dead: None,
            copy: Vec::new(),
        });
        self.free.push_back(u32::try_from(slot).ok()?);
        Some(())
    }

    fn root(&self, slot: u32) -> RootId {
        RootId { spout: self.spout, slot, generation: self.entries[slot as usize].generation }
    }

    /// Takes in what became of the reserved root's first emit.
    #[inline]
    pub(crate) fn emitted(
        &mut self,
        emission: Emission,
        emitted: Emitted,
        table: &SlotTable,
        now: Moment,
        encode: impl FnOnce(&mut TupleWriter<'_>),
    ) {
        self.next_id = emission.id.wrapping_add(1);
        match emitted {
            Emitted::Complete { used } => {
                if used && let Some(slot) = self.free.front() {
                    advance(&mut self.entries[*slot as usize], *slot, table);
                }
                self.effects.outcomes.push(Outcome::Acked(emission.id));
            }
            Emitted::Open => {
                self.open(emission, now, encode);
            }
            Emitted::Failed(reason) => {
                if let Some(slot) = self.open(emission, now, encode) {
                    self.fail(slot, *reason, table, now);
                }
            }
        }
    }

    /// A root of an untracked topology: done as soon as it is emitted.
    pub(crate) fn untracked(&mut self, id: MessageId) {
        self.next_id = id.wrapping_add(1);
        self.effects.outcomes.push(Outcome::Acked(id));
    }

    fn open(
        &mut self,
        emission: Emission,
        now: Moment,
        encode: impl FnOnce(&mut TupleWriter<'_>),
    ) -> Option<u32> {
        let slot = self.free.pop_front()?;
        if self.pending == 0 {
            self.next_scan = now.after(self.timeout / SCANS);
        }
        self.pending += 1;
        let before = std::mem::replace(&mut self.last, slot);
        match self.entries.get_mut(before as usize) {
            Some(entry) => entry.after = slot,
            None => self.first = slot,
        }
        let keep = matches!(self.retries, Retries::Engine(_));
        let entry = &mut self.entries[slot as usize];
        entry.id = emission.id;
        entry.emitted = now;
        entry.to = emission.to;
        entry.attempts = 0;
        entry.before = before;
        entry.after = NIL;
        entry.seen = 0;
        entry.still = 0;
        entry.state = State::Pending;
        if keep {
            encode(&mut TupleWriter(&mut entry.copy));
        }
        Some(slot)
    }

    // Completing and failing.

    /// Takes in what other tasks said.
    pub(crate) fn noticed(&mut self, notices: &mut Notices, table: &SlotTable, now: Moment) {
        for root in notices.completed.drain(..) {
            if self.is_pending(root) {
                self.complete(root.slot, table, now);
            }
        }
        for (root, reason) in notices.failed.drain(..) {
            if self.is_pending(root) {
                self.fail(root.slot, reason, table, now);
            }
        }
        for root in notices.touched.drain(..) {
            if self.is_pending(root) {
                self.entries[root.slot as usize].still = 0;
            }
        }
    }

    fn is_pending(&self, root: RootId) -> bool {
        self.entries.get(root.slot as usize).is_some_and(|entry| {
            entry.state == State::Pending && entry.generation == root.generation
        })
    }

    fn complete(&mut self, slot: u32, table: &SlotTable, now: Moment) {
        let entry = &self.entries[slot as usize];
        if entry.dead.is_none() {
            self.effects.ages.push(now.since(entry.emitted));
            self.effects.outcomes.push(Outcome::Acked(entry.id));
        }
        self.release(slot, table);
    }

    fn fail(&mut self, slot: u32, reason: FailReason, table: &SlotTable, now: Moment) {
        self.effects.failed += 1;
        let entry = &mut self.entries[slot as usize];
        advance(entry, slot, table);
        entry.attempts += 1;
        let policy = match &self.retries {
            Retries::Engine(policy) => policy,
            Retries::Spout => {
                self.effects.outcomes.push(Outcome::Failed(entry.id, reason));
                return self.release(slot, table);
            }
        };
        if entry.attempts <= policy.limit {
            let due = now.after(policy.backoff(entry.attempts));
            return self.wait(slot, due);
        }
        if entry.dead.is_some() {
            // Nobody could take the dead letter either; it was counted when it became one.
            return self.release(slot, table);
        }
        let attempts = std::mem::take(&mut entry.attempts);
        self.effects.dead.push((entry.id, reason.clone()));
        self.effects.outcomes.push(Outcome::Failed(entry.id, reason.clone()));
        entry.dead = Some(Box::new(Death { reason, attempts }));
        if self.dead_letters { self.wait(slot, now) } else { self.release(slot, table) }
    }

    fn wait(&mut self, slot: u32, due: Moment) {
        let entry = &mut self.entries[slot as usize];
        entry.state = State::Waiting;
        self.replays.push(Reverse((due, slot, entry.generation)));
    }

    fn release(&mut self, slot: u32, table: &SlotTable) {
        let entry = &mut self.entries[slot as usize];
        advance(entry, slot, table);
        entry.state = State::Free;
        entry.dead = None;
        entry.copy.clear();
        if entry.copy.capacity() > KEEP_COPY_BYTES {
            entry.copy = Vec::new();
        }
        let (before, after) = (entry.before, entry.after);
        match self.entries.get_mut(before as usize) {
            Some(entry) => entry.after = after,
            None => self.first = after,
        }
        match self.entries.get_mut(after as usize) {
            Some(entry) => entry.before = before,
            None => self.last = before,
        }
        self.free.push_back(slot);
        self.pending -= 1;
    }

    // Replaying.

    /// The slot whose replay is due, if there is one. The caller emits it and says what became of it.
    pub(crate) fn due(&mut self, now: Moment) -> Option<u32> {
        while let Some(Reverse((due, slot, generation))) = self.replays.peek().copied() {
            if due > now {
                return None;
            }
            self.replays.pop();
            let entry = &self.entries[slot as usize];
            if entry.state == State::Waiting && entry.generation == generation {
                return Some(slot);
            }
        }
        None
    }

    /// What to emit for a slot that is due, and under which root.
    pub(crate) fn replay(&self, slot: u32) -> (RootId, Replay<'_>) {
        let entry = &self.entries[slot as usize];
        let emission = Emission { id: entry.id, to: entry.to };
        let dead = entry.dead.as_ref().map(|death| (&death.reason, death.attempts));
        (self.root(slot), Replay { emission, copy: &entry.copy, dead })
    }

    /// Takes in what became of a replay.
    pub(crate) fn replayed(&mut self, slot: u32, emitted: Emitted, table: &SlotTable, now: Moment) {
        let entry = &mut self.entries[slot as usize];
        entry.state = State::Pending;
        entry.seen = 0;
        entry.still = 0;
        match emitted {
            Emitted::Complete { .. } => self.complete(slot, table, now),
            Emitted::Open => {}
            Emitted::Failed(reason) => self.fail(slot, *reason, table, now),
        }
    }

    // Time.

    /// Fails the roots on which nothing has moved for the message timeout while bolts hold all that is
    /// left of them.
    pub(crate) fn scan(&mut self, table: &SlotTable, now: Moment) {
        if self.pending == 0 || now < self.next_scan {
            return;
        }
        self.next_scan = now.after(self.timeout / SCANS);
        let mut slot = self.first;
        while let Some(entry) = self.entries.get(slot as usize) {
            let after = entry.after;
            if entry.state == State::Pending && self.is_still(slot, table) {
                let root = self.root(slot);
                if table.fail(root) {
                    self.fail(slot, FailReason::TimedOut, table, now);
                }
            }
            slot = after;
        }
    }

    fn is_still(&mut self, slot: u32, table: &SlotTable) -> bool {
        let counts = table.counts(self.root(slot));
        let entry = &mut self.entries[slot as usize];
        match counts {
            Some((pending, held)) if pending > 0 && held >= pending && entry.seen == pending => {
                entry.still += 1;
            }
            Some((pending, _)) => {
                entry.seen = pending;
                entry.still = 0;
            }
            None => entry.still = 0,
        }
        entry.still >= SCANS
    }

    /// When there is something to do without anybody's notice.
    pub(crate) fn next_moment(&self) -> Option<Moment> {
        let replay = self.replays.peek().map(|Reverse((due, ..))| *due);
        let scan = (self.pending > 0).then_some(self.next_scan);
        [replay, scan].into_iter().flatten().min()
    }

    /// The new commit point, if it has moved since it was last asked for: every root emitted with an id
    /// before it is done.
    pub(crate) fn advance_commit(&mut self) -> Option<MessageId> {
        let low_water = match self.entries.get(self.first as usize) {
            Some(entry) => entry.id,
            None => self.next_id,
        };
        // A spout that was made anew may emit older ids again; its commits still only rise.
        let moved = low_water > self.committed;
        self.committed = self.committed.max(low_water);
        moved.then_some(low_water)
    }
}

/// Moves a slot to its next generation, on both sides.
fn advance(entry: &mut Entry, slot: u32, table: &SlotTable) {
    entry.generation = entry.generation.wrapping_add(1);
    table.reset(slot, entry.generation);
}

#[cfg(test)]
mod tests;
