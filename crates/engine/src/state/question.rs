//! Asking a running topology for its state, without stopping it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A key and its value, each as its bytes ([`StateValue`](crate::StateValue)).
pub type StateEntry = (Vec<u8>, Vec<u8>);

/// A question that cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The topology has no such component.
    #[error("there is no component {component}; known are: {known}")]
    UnknownComponent {
        /// What was asked for.
        component: String,
        /// The components there are.
        known: String,
    },
    /// No task of the component has declared such a state.
    #[error("component {component} has no state {state}")]
    UnknownState {
        /// The component.
        component: String,
        /// What was asked for.
        state: String,
    },
    /// The topology ended before all tasks had answered.
    #[error("the topology has ended")]
    Ended,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    Key(Vec<u8>),
    All { entries_max: usize },
}

/// One question on its way to one task.
#[derive(Debug)]
pub(crate) struct Question {
    state: String,
    wanted: Wanted,
    is_answered: bool,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    component: String,
    state: String,
    gathered: Mutex<Gathered>,
    changed: Condvar,
}

#[derive(Debug)]
struct Gathered {
    /// Tasks that have not answered.
    left: usize,
    /// Whether any task knows the state.
    is_known: bool,
    has_ended: bool,
    entries: Vec<StateEntry>,
}

/// The answer to a question, once every task has given its part.
#[derive(Clone, Debug)]
#[must_use = "the answer has to be waited for or looked at"]
pub struct Answer(Arc<Shared>);

impl Answer {
    /// A question to so many tasks, and its answer.
    pub(crate) fn new(
        component: &str,
        state: &str,
        wanted: &Wanted,
        tasks: usize,
    ) -> (Self, Vec<Question>) {
        let gathered =
            Gathered { left: tasks, is_known: false, has_ended: false, entries: Vec::new() };
        let shared = Arc::new(Shared {
            component: component.to_owned(),
            state: state.to_owned(),
            gathered: Mutex::new(gathered),
            changed: Condvar::new(),
        });
        let question = |_| Question {
            state: state.to_owned(),
            wanted: wanted.clone(),
            is_answered: false,
            shared: Arc::clone(&shared),
        };
        let questions = (0..tasks).map(question).collect();
        (Self(shared), questions)
    }

    /// Blocks until the answer is there. Not for a simulation, where nothing runs while one waits.
    ///
    /// # Errors
    /// No task knows the state, or the topology ended.
    pub fn wait(&self) -> Result<Vec<StateEntry>, QueryError> {
        let mut gathered = self.0.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(result) = self.0.result(&mut gathered) {
                return result;
            }
            gathered = self.0.changed.wait(gathered).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The answer if it is there; the entries are given once.
    pub fn try_get(&self) -> Option<Result<Vec<StateEntry>, QueryError>> {
        self.0.result(&mut self.0.gathered.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shared {
    fn result(&self, gathered: &mut Gathered) -> Option<Result<Vec<StateEntry>, QueryError>> {
        if gathered.has_ended {
            return Some(Err(QueryError::Ended));
        }
        if gathered.left > 0 {
            return None;
        }
        if !gathered.is_known {
            let (component, state) = (self.component.clone(), self.state.clone());
            return Some(Err(QueryError::UnknownState { component, state }));
        }
        Some(Ok(std::mem::take(&mut gathered.entries)))
    }
}

impl Question {
    /// Gives one task's part.
    pub(crate) fn answer(mut self, find: impl FnOnce(&str, &Wanted) -> Option<Vec<StateEntry>>) {
        let part = find(&self.state, &self.wanted);
        let mut gathered = self.shared.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.left = gathered.left.saturating_sub(1);
        if let Some(mut part) = part {
            gathered.is_known = true;
            if let Wanted::All { entries_max } = &self.wanted {
                part.truncate(entries_max.saturating_sub(gathered.entries.len()));
            }
            gathered.entries.append(&mut part);
        }
        drop(gathered);
        self.is_answered = true;
    }
}

impl Drop for Question {
    /// A question that nobody answered says so: its task has closed.
    fn drop(&mut self) {
        if !self.is_answered {
            let gathered = self.shared.gathered.lock();
            gathered.unwrap_or_else(PoisonError::into_inner).has_ended = true;
        }
        self.shared.changed.notify_all();
    }
}

/// Where questions to one task wait for it.
#[derive(Debug, Default)]
pub(crate) struct Door {
    questions: Mutex<Vec<Question>>,
    knocked: AtomicBool,
    closed: AtomicBool,
}

/// Questions that may wait at one door; whoever asks faster than a task answers is told that it has ended.
const QUESTIONS_MAX: usize = 1024;

impl Door {
    /// Leaves a question. It is dropped, which answers it, when the task has closed or too many wait.
    pub(crate) fn knock(&self, question: Question) {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at under the lock that `close` takes, so that none is left behind.
        if self.closed.load(Ordering::Relaxed) || questions.len() >= QUESTIONS_MAX {
            drop(questions);
            return;
        }
        questions.push(question);
        self.knocked.store(true, Ordering::Release);
    }

    /// Takes what waits; costs a load when nothing does.
    #[inline]
    pub(crate) fn take(&self) -> Vec<Question> {
        if !self.knocked.load(Ordering::Relaxed) || !self.knocked.swap(false, Ordering::Acquire) {
            return Vec::new();
        }
        std::mem::take(&mut *self.questions.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// No more questions are taken.
    pub(crate) fn close(&self) {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        self.closed.store(true, Ordering::Relaxed);
        let left = std::mem::take(&mut *questions);
        drop(questions);
        drop(left);
    }
}
