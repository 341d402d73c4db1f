//! What a component and the thread of its child share.
//!
//! # Constraints
//!
//! * A component never blocks here, but for the lock, which is held for moves of memory only.
//! * The lives of a child are numbered. What is sent for a life that is over is dropped, because the
//!   component has been told, or will be, that all of it is lost.
//! * Messages that nobody takes are bounded: the thread stops reading, the pipe fills, the child waits.

use std::collections::VecDeque;
use std::fmt;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_world::{DriverHandle, Wake};

use crate::message::{FromChild, Level, SpoutCommand};

/// Output of one child that may wait for its component, in bytes as they came. As much again may
/// be in the pipe and in a step under way.
const WAITING_BYTES_MAX: usize = 8 << 20;

/// What a component hears of its child, in order.
#[derive(Debug, PartialEq)]
pub enum Event {
    /// A child is up; its process id.
    Started(i64),
    /// It says something that the link does not handle itself (no logs, no heartbeats).
    Message(FromChild),
    /// It is gone, and everything that was sent to it and not acked.
    Lost {
        /// What happened, for people.
        reason: String,
        /// Whether it had shaken hands.
        was_up: bool,
    },
}

/// One line for people from a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The component that says it, or whose child does.
    pub component: Arc<str>,
    /// The task.
    pub task: i64,
    /// How grave it is.
    pub level: Level,
    /// What is said; may have several lines.
    pub text: String,
}

/// Takes log lines. Called on the threads of the children; a slow one slows its child.
pub type LogSink = Arc<dyn Fn(LogLine) + Send + Sync>;

#[derive(Default)]
pub(super) struct State {
    pub(super) life: u64,
    /// Frames that go before those in `queue`.
    pub(super) urgent: Vec<u8>,
    /// Runs of whole frames, each with the number of tuples in it.
    queue: VecDeque<(Vec<u8>, usize)>,
    /// Tuples in `queue`.
    queued: usize,
    /// The component waits for `queued` to fall to this.
    wanted: Option<usize>,
    /// It has fallen to that.
    room: bool,
    pub(super) commands: Vec<SpoutCommand>,
    pub(super) credit: Option<usize>,
    /// Tuples that the child holds or will.
    pub(super) outstanding: usize,
    events: Vec<Event>,
    events_bytes: usize,
    held_back: bool,
    pub(super) stop: bool,
    ended: bool,
    /// The thread waits for its pipes and needs a ring to see what changed here.
    pub(super) asleep: bool,
}

pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    doorbell: UnixStream,
    component: Wake,
}

impl Shared {
    pub(super) fn new(doorbell: UnixStream, component: Wake) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), doorbell, component }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self, mut state: MutexGuard<'_, State>) {
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if asleep {
            // A full socket has rung enough; a closed one has nobody behind it.
            let _ = (&self.doorbell).write(&[1]);
        }
    }

    /// Hands events to the component.
    pub(super) fn publish(&self, events: &mut Vec<Event>, bytes: usize) {
        let mut state = self.lock();
        state.publish(events, bytes);
        drop(state);
        self.changed.notify_all();
        self.component.notify();
    }

    /// The child is lost: drops what was for it and tells the component.
    pub(super) fn publish_loss(&self, events: &mut Vec<Event>, reason: String, was_up: bool) {
        events.push(Event::Lost { reason, was_up });
        let mut state = self.lock();
        state.life += 1;
        state.urgent.clear();
        state.queue.clear();
        state.queued = 0;
        state.wanted = None;
        state.outstanding = 0;
        state
            .commands
            .retain(|command| matches!(command, SpoutCommand::Activate | SpoutCommand::Deactivate));
        state.publish(events, 0);
        drop(state);
        self.changed.notify_all();
        self.component.notify();
    }

    /// The next run of frames to write.
    pub(super) fn next_frames(&self) -> Option<Vec<u8>> {
        let mut state = self.lock();
        let (frames, tuples) = state.queue.pop_front()?;
        state.queued = state.queued.saturating_sub(tuples);
        if state.wanted.is_some_and(|wanted| state.queued <= wanted) {
            state.wanted = None;
            state.room = true;
            drop(state);
            self.changed.notify_all();
            self.component.notify();
        }
        Some(frames)
    }

    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        drop(state);
        self.changed.notify_all();
        self.component.notify();
    }
}

impl State {
    fn publish(&mut self, events: &mut Vec<Event>, bytes: usize) {
        self.events.append(events);
        self.events_bytes += bytes;
    }

    /// Whether frames wait to be written.
    pub(super) fn has_frames(&self) -> bool {
        !self.queue.is_empty() || !self.urgent.is_empty()
    }

    /// Whether the component is so far behind that no more is to be read.
    pub(super) fn hold_back(&mut self) -> bool {
        self.held_back = self.events_bytes > WAITING_BYTES_MAX && !self.stop;
        self.held_back
    }
}

/// A component's end of a child. Dropping it ends the child.
pub struct Link {
    shared: Arc<Shared>,
    handle: Option<DriverHandle>,
    life: u64,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("life", &self.life).finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(shared: Arc<Shared>, handle: DriverHandle) -> Self {
        Self { shared, handle: Some(handle), life: 0 }
    }

    /// Sends whole frames with `tuples` tuples in them, after those already waiting. `outstanding` is the
    /// number of tuples that the child then has to ack.
    pub fn send(&self, frames: Vec<u8>, tuples: usize, outstanding: usize) {
        let mut state = self.shared.lock();
        if state.life == self.life {
            state.queue.push_back((frames, tuples));
            state.queued += tuples;
            state.outstanding = outstanding;
        }
        self.shared.ring(state);
    }

    /// How many more tuples may be sent so that no more than `limit` wait for the child to read. If none, the
    /// component is woken once half of them are gone.
    pub fn room(&self, limit: usize) -> usize {
        let mut state = self.shared.lock();
        let room = limit.saturating_sub(state.queued);
        state.room = false;
        state.wanted = (room == 0).then_some(limit / 2);
        room
    }

    /// Sends frames ahead of those waiting: answers that the child waits for.
    pub fn send_urgent(&self, frames: &[u8]) {
        let mut state = self.shared.lock();
        if state.life == self.life {
            state.urgent.extend_from_slice(frames);
        }
        self.shared.ring(state);
    }

    /// Gives a spout a command, to be carried out after those before it.
    pub fn command(&self, command: SpoutCommand) {
        let mut state = self.shared.lock();
        let about_a_tuple = matches!(command, SpoutCommand::Ack(_) | SpoutCommand::Fail(_));
        if state.life == self.life || !about_a_tuple {
            state.commands.push(command);
        }
        self.shared.ring(state);
    }

    /// Lets a spout emit up to `tuples` more (it may exceed that within one `next`).
    pub fn allow(&self, tuples: usize) {
        let mut state = self.shared.lock();
        state.credit = Some(tuples);
        self.shared.ring(state);
    }

    /// Takes what has happened since the last call and appends it to `events`; says how many tuples
    /// are outstanding now, as the component knows it.
    pub fn take(&mut self, events: &mut Vec<Event>, outstanding: usize) {
        let mut state = self.shared.lock();
        events.append(&mut state.events);
        state.events_bytes = 0;
        if state.life == self.life {
            state.outstanding = outstanding;
        }
        self.life = state.life;
        if state.held_back {
            self.shared.ring(state);
        }
    }

    /// Whether nothing has happened since the last `take`.
    pub fn is_quiet(&self) -> bool {
        self.shared.lock().events.is_empty()
    }

    /// Blocks until something has happened or there is room again, at most for `timeout`. Only for a component with a thread of
    /// its own.
    pub fn wait(&self, timeout: Duration) {
        let state = self.shared.lock();
        let quiet = |state: &mut State| state.events.is_empty() && !state.room && !state.ended;
        drop(self.shared.changed.wait_timeout_while(state, timeout, quiet));
    }

    /// Tells the child to end and waits until it has: it is asked first and killed at last, within the
    /// graces of its policy.
    pub fn close(&mut self) {
        self.stop();
        if let Some(handle) = self.handle.take() {
            handle.join();
        }
    }

    /// Tells the child to end and does not wait.
    pub fn stop(&self) {
        let mut state = self.shared.lock();
        state.stop = true;
        self.shared.ring(state);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop();
    }
}
