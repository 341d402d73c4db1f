//! The order of a spout's commands: one at a time, each answered by `sync`.
//!
//! # Constraints
//!
//! * A client may block on its input, so the next command is written only when the one before it is
//!   answered. Some clients answer nothing but `next`. With [`SyncPolicy::Auto`] the first answer to another
//!   command shows that all are answered, and [`STRIKES`] that stay unanswered for [`SYNC_WAIT`] show
//!   that only `next` is. One such silence proves nothing: a client that takes long to initialize itself
//!   answers its first command late. From then on its answers are one behind, and never more.
//! * `next` is sent only as far as there is room for what it may emit, and after a `next` that emitted
//!   nothing there is a rest, so that an empty source does not keep two processes spinning.

use std::collections::VecDeque;
use std::time::Duration;

use tidemill_world::Moment;

use crate::message::{SpoutCommand, write_spout_command};

/// Which commands a spout answers with `sync`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncPolicy {
    /// All of them, as the protocol says.
    All,
    /// Only `next` (node-storm).
    NextOnly,
    /// All, until it turns out otherwise.
    #[default]
    Auto,
}

/// How long a command other than `next` may stay unanswered before [`SyncPolicy::Auto`] goes on without.
const SYNC_WAIT: Duration = Duration::from_secs(2);
/// Unanswered commands that decide for [`SyncPolicy::NextOnly`].
const STRIKES: u8 = 2;
/// Rest after a `next` that emitted nothing; as long as Storm's.
const REST_MIN: Duration = Duration::from_millis(1);
/// The rest grows to this while nothing comes: an idle source costs under a hundred wake-ups a second.
const REST_MAX: Duration = Duration::from_millis(16);

#[derive(Debug)]
pub(crate) struct Commands {
    policy: SyncPolicy,
    strikes: u8,
    queue: VecDeque<SpoutCommand>,
    /// The command that `sync` is awaited for, and since when.
    current: Option<(SpoutCommand, Moment)>,
    /// Tuples that there is room for.
    credit: usize,
    active: bool,
    emitted: bool,
    rest: Duration,
    rest_until: Moment,
}

impl Commands {
    pub(crate) fn new(policy: SyncPolicy) -> Self {
        Self {
            policy,
            strikes: 0,
            queue: VecDeque::new(),
            current: None,
            credit: 0,
            active: false,
            emitted: false,
            rest: REST_MIN,
            rest_until: Moment(0),
        }
    }

    /// A new child: it knows nothing of earlier tuples. It is activated if its predecessor was.
    pub(crate) fn restart(&mut self) {
        self.queue.clear();
        self.current = None;
        self.emitted = false;
        self.rest_until = Moment(0);
        if self.active {
            self.queue.push_back(SpoutCommand::Activate);
        }
    }

    pub(crate) fn push(&mut self, command: SpoutCommand) {
        match command {
            SpoutCommand::Activate => self.active = true,
            SpoutCommand::Deactivate => self.active = false,
            _ => {}
        }
        self.queue.push_back(command);
    }

    /// Room for this many tuples from now on.
    pub(crate) fn set_credit(&mut self, credit: usize) {
        self.credit = credit;
    }

    pub(crate) fn on_emit(&mut self) {
        self.emitted = true;
        self.credit = self.credit.saturating_sub(1);
    }

    pub(crate) fn on_sync(&mut self, now: Moment) {
        match self.current.take() {
            Some((SpoutCommand::Next, _)) if std::mem::take(&mut self.emitted) => {
                self.rest = REST_MIN;
            }
            Some((SpoutCommand::Next, _)) => {
                self.rest_until = now.after(self.rest);
                self.rest = (self.rest * 2).min(REST_MAX);
            }
            Some(_) if self.policy == SyncPolicy::Auto => self.policy = SyncPolicy::All,
            _ => {}
        }
    }

    /// Whether the child owes an answer.
    pub(crate) fn is_busy(&self) -> bool {
        self.current.is_some()
    }

    /// Whether every command has been sent and answered, `next` aside.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.current.is_none() && self.queue.is_empty()
    }

    /// Writes what may be written now. Returns the name of a command when it turns out that the client
    /// answers only `next`.
    pub(crate) fn advance(&mut self, now: Moment, out: &mut Vec<u8>) -> Option<&'static str> {
        let hint = self.give_up_waiting(now);
        while self.current.is_none() {
            let command = match self.queue.pop_front() {
                Some(command) => command,
                None if self.active && self.credit > 0 && now >= self.rest_until => {
                    self.emitted = false;
                    SpoutCommand::Next
                }
                None => break,
            };
            write_spout_command(&command, out);
            if command == SpoutCommand::Next || self.policy != SyncPolicy::NextOnly {
                self.current = Some((command, now));
            }
        }
        hint
    }

    fn give_up_waiting(&mut self, now: Moment) -> Option<&'static str> {
        let (command, since) = self.current.as_ref()?;
        let impatient = self.policy == SyncPolicy::Auto && *command != SpoutCommand::Next;
        if !impatient || now.since(*since) < SYNC_WAIT {
            return None;
        }
        let name = command.name();
        self.current = None;
        self.strikes += 1;
        if self.strikes < STRIKES {
            return None;
        }
        self.policy = SyncPolicy::NextOnly;
        Some(name)
    }

    /// When `advance` has something to do again, if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        match &self.current {
            Some((SpoutCommand::Next, _)) => None,
            Some((_, since)) if self.policy == SyncPolicy::Auto => Some(since.after(SYNC_WAIT)),
            Some(_) => None,
            None if self.active && self.credit > 0 => Some(self.rest_until),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests;
