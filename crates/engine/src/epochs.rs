//! Exactly once: everything that a stretch of roots did is committed together, or taken back together.
//!
//! # The rules
//!
//! * Time is cut into epochs. At the end of one the spouts pause until nothing is under way; then positions, changes of
//!   keyed state and outputs are exactly those of the roots of this epoch, and go to the [`Committer`] as one.
//! * A root that fails, a component that panics, or a commit that is refused takes the whole epoch back: states become
//!   what they were, components forget what they had gathered, spouts go back to the positions committed last.
//!   Then the same roots come again.
//! * An epoch after one that was taken back has half as many roots at most, and twice as many after each commit.
//! * A root that fails in as many epochs as its spout's retry policy allows becomes a dead letter: from then on it is
//!   emitted on the dead-letter stream instead, as part of the epoch.
//!
//! # The story
//!
//! [`Epochs`] is the shared word of one topology: a stage that only rises, and what is counted in it. Units follow it at
//! the beginning of their turns: in `Draining` spouts hold still and whoever sees that nothing moves any more
//! begins `Collecting`; each unit hands in its parts, and the last one calls the committer; its answer begins
//! `Settling` or `Undoing`, and the last unit through either opens the next epoch.

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tidemill_world::{Moment, Wake};

use crate::error::ComponentError;

/// What a component adds to a commit. The committer knows what it is.
pub type CommitPart = Box<dyn Any + Send>;

/// What became of the keys of one state in one task: key and value as their bytes, no value for a key that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChanges {
    /// The component.
    pub component: String,
    /// The state's name.
    pub state: String,
    /// Each key that was touched, once.
    pub entries: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// All that one epoch did.
#[derive(Debug, Default)]
pub struct Epoch {
    /// Rises by one with each that is committed: Trident's transaction id.
    pub number: u64,
    /// What components handed in.
    pub parts: Vec<CommitPart>,
    /// What keyed states became.
    pub changes: Vec<StateChanges>,
}

/// Keeps epochs where the topology's input and output are.
pub trait Committer: Send + Sync + 'static {
    /// The number of the epoch committed last; 0 if there is none.
    ///
    /// # Errors
    /// It cannot be read; the topology does not start.
    fn last_epoch(&self) -> Result<u64, ComponentError>;

    /// Calls `take` with key and value of every entry that a state has according to the epochs committed.
    ///
    /// # Errors
    /// It cannot be read; the bolt is made anew after a pause.
    fn load(
        &self,
        component: &str,
        state: &str,
        take: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), ComponentError>;

    /// Commits an epoch, all of it or nothing, and says so by `done`, from any thread.
    fn commit(&self, epoch: Epoch, done: CommitDone);
}

/// The one answer that a commit owes. Dropped unanswered it says that the commit failed.
pub struct CommitDone {
    epochs: Weak<Epochs>,
    answered: bool,
}

impl CommitDone {
    /// The epoch is durable, or nothing of it is and why.
    pub fn answer(mut self, result: Result<(), ComponentError>) {
        self.finish(result.err().as_ref());
    }

    fn finish(&mut self, error: Option<&ComponentError>) {
        self.answered = true;
        let Some(epochs) = self.epochs.upgrade() else { return };
        if let Some(error) = error {
            tracing::error!(topology = epochs.topology, "an epoch was not committed: {error}");
        }
        let to = if error.is_none() { Phase::Settling } else { Phase::Undoing };
        epochs.advance(Phase::Committing, to);
    }
}

impl Drop for CommitDone {
    fn drop(&mut self) {
        if !self.answered {
            self.finish(Some(&"the committer gave no answer".into()));
        }
    }
}

impl std::fmt::Debug for CommitDone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CommitDone")
    }
}

/// What a task does at the end of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EpochStep {
    Collect,
    Settle,
    Undo,
}

/// What a unit hands in.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) parts: Vec<CommitPart>,
    pub(crate) changes: Vec<StateChanges>,
}

/// What all units do at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Tuples flow.
    Open,
    /// Spouts hold still; what is under way goes on.
    Draining,
    /// Units hand in their parts.
    Collecting,
    /// The committer has them.
    Committing,
    /// It has kept them: units forget what they could take back.
    Settling,
    /// Nothing of the epoch counts: units take it back.
    Undoing,
}

impl Phase {
    const ALL: [Self; 6] = [
        Self::Open,
        Self::Draining,
        Self::Collecting,
        Self::Committing,
        Self::Settling,
        Self::Undoing,
    ];

    fn of(word: u64) -> Self {
        let place = usize::try_from(word & Epochs::PHASE).unwrap_or(0);
        Self::ALL.get(place).copied().unwrap_or(Self::Open)
    }
}

/// The epochs of one running topology.
pub(crate) struct Epochs {
    topology: String,
    /// Those of the workers.
    wakes: Vec<Wake>,
    committer: Arc<dyn Committer>,
    interval: Duration,
    /// A stage that rises with each change, and below it the phase.
    word: AtomicU64,
    /// The epoch that is being built.
    number: AtomicU64,
    /// Something failed: the epoch must be taken back.
    failed: AtomicBool,
    /// When it must end.
    due: AtomicU64,
    /// Spout tasks, and those of them that hold still and have nothing under way.
    spouts: usize,
    quiet: AtomicUsize,
    /// Spout tasks that keep the topology from ending.
    pub(crate) alive: AtomicUsize,
    units: usize,
    /// Units that have not passed the phase.
    left: AtomicUsize,
    gathered: Mutex<Epoch>,
}

impl std::fmt::Debug for Epochs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Epochs").field("stage", &self.stage()).finish_non_exhaustive()
    }
}

/// How an exactly-once topology commits.
#[derive(Clone)]
pub(crate) struct Commits {
    pub(crate) committer: Arc<dyn Committer>,
    pub(crate) interval: Duration,
}

impl Epochs {
    /// The low bits of the word.
    const PHASE: u64 = 7;
    /// One more stage.
    const STAGE: u64 = 8;

    /// Those of `topology` after the `last` that was committed, with so many spout tasks; one wake is that of each unit.
    pub(crate) fn new(
        topology: &str,
        commits: &Commits,
        last: u64,
        spouts: usize,
        wakes: Vec<Wake>,
        now: Moment,
    ) -> Self {
        Self {
            topology: topology.to_owned(),
            units: wakes.len(),
            wakes,
            committer: Arc::clone(&commits.committer),
            interval: commits.interval,
            word: AtomicU64::new(0),
            number: AtomicU64::new(last + 1),
            failed: AtomicBool::new(false),
            due: AtomicU64::new(now.after(commits.interval).0),
            spouts,
            quiet: AtomicUsize::new(0),
            alive: AtomicUsize::new(spouts),
            left: AtomicUsize::new(0),
            gathered: Mutex::default(),
        }
    }

    /// The stage and its phase.
    pub(crate) fn stage(&self) -> (u64, Phase) {
        let word = self.word.load(Ordering::Acquire);
        (word / Self::STAGE, Phase::of(word))
    }

    /// The epoch that is being built.
    pub(crate) fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// Moves on from a phase, if that is still the phase.
    fn advance(&self, from: Phase, to: Phase) {
        let word = self.word.load(Ordering::Acquire);
        if Phase::of(word) != from {
            return;
        }
        // Before the phase is told, so that nobody counts in the old numbers.
        match to {
            Phase::Draining => self.quiet.store(0, Ordering::Release),
            Phase::Collecting | Phase::Settling | Phase::Undoing => {
                self.left.store(self.units, Ordering::Release);
            }
            Phase::Open | Phase::Committing => {}
        }
        let next = (word / Self::STAGE + 1) * Self::STAGE + to as u64;
        let moved = self.word.compare_exchange(word, next, Ordering::AcqRel, Ordering::Acquire);
        if moved.is_ok() {
            self.wakes.iter().for_each(Wake::notify);
        }
    }

    /// Ends the epoch if it is time to.
    pub(crate) fn end_if_due(&self, now: Moment) {
        if now >= self.due() {
            self.advance(Phase::Open, Phase::Draining);
        }
    }

    /// When the epoch must end.
    pub(crate) fn due(&self) -> Moment {
        Moment(self.due.load(Ordering::Acquire))
    }

    /// Ends the epoch as soon as may be.
    pub(crate) fn request(&self) {
        self.due.store(0, Ordering::Release);
    }

    /// Takes the epoch back, as soon as may be.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        self.request();
    }

    /// A spout task holds still and has nothing under way; it says so once a stage.
    pub(crate) fn be_quiet(&self) {
        self.quiet.fetch_add(1, Ordering::AcqRel);
    }

    /// Begins the commit, or the taking back, once nothing moves: all spouts are quiet, and what keeps the topology from
    /// ending is so many spout tasks and nothing else. Work only begets what is counted before it is gone, so
    /// nothing moves ever after.
    pub(crate) fn collect_if_drained(&self, only_spouts_work: impl FnOnce(usize) -> bool) {
        let is_quiet = self.quiet.load(Ordering::Acquire) == self.spouts;
        if !is_quiet || !only_spouts_work(self.alive.load(Ordering::Acquire)) {
            return;
        }
        let failed = self.failed.load(Ordering::Acquire);
        let to = if failed { Phase::Undoing } else { Phase::Collecting };
        self.advance(Phase::Draining, to);
    }

    /// Takes in what a unit hands in.
    pub(crate) fn gather(&self, mut parts: Parts) {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.parts.append(&mut parts.parts);
        gathered.changes.append(&mut parts.changes);
    }

    /// A unit is through with the phase; the last one moves on.
    pub(crate) fn pass(self: &Arc<Self>, phase: Phase, now: Moment) {
        if self.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        match phase {
            Phase::Collecting => self.commit(),
            Phase::Settling => {
                self.number.fetch_add(1, Ordering::AcqRel);
                self.open(phase, now);
            }
            Phase::Undoing => {
                self.failed.store(false, Ordering::Release);
                self.open(phase, now);
            }
            Phase::Open | Phase::Draining | Phase::Committing => {}
        }
    }

    fn open(&self, from: Phase, now: Moment) {
        self.due.store(now.after(self.interval).0, Ordering::Release);
        self.advance(from, Phase::Open);
    }

    fn commit(self: &Arc<Self>) {
        let gathered = &self.gathered;
        let mut epoch =
            std::mem::take(&mut *gathered.lock().unwrap_or_else(PoisonError::into_inner));
        epoch.number = self.number();
        // A part could not be made: what the others handed in is nothing.
        if self.failed.load(Ordering::Acquire) {
            return self.advance(Phase::Collecting, Phase::Undoing);
        }
        self.advance(Phase::Collecting, Phase::Committing);
        let done = CommitDone { epochs: Arc::downgrade(self), answered: false };
        self.committer.commit(epoch, done);
    }
}
