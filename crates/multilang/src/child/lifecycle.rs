//! The life of a child as a state machine: start, handshake, heartbeats, death, pause, start again.
//!
//! # Constraints
//!
//! * Pure: the driver tells what happened and when, and carries out the [`Effect`]s in order.
//! * Whatever a child does, it ends in [`Effect::Lost`] (once a life that had shaken hands or not) and a new
//!   start, or, after [`Lifecycle::stop`], in [`Effect::Ended`].
//! * Any output counts as a sign of life. A child that has been silent for the timeout although it was asked
//!   something is killed and replaced; the rest of the topology goes on.
//!
//! # Heartbeats
//!
//! After a second of silence a bolt gets a heartbeat tuple, which it answers with `sync` once it has
//! worked off what lies before it. Clients from 2014 take it for a tuple and crash; `auto` notices a
//! child that dies or stays silent over its very first heartbeat and goes on without.

use std::time::Duration;

use tidemill_world::Moment;

use super::role::Role;
use crate::frame::BrokenFrame;
use crate::message::{FromChild, Level};

/// Whether a bolt gets heartbeat tuples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Heartbeats {
    /// Always, as Storm does.
    On,
    /// Never; a bolt that hangs is not noticed.
    Off,
    /// Until it turns out that the client does not know them.
    #[default]
    Auto,
}

/// The times that a child is given.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Whether to send heartbeats.
    pub heartbeats: Heartbeats,
    /// Silence after which a heartbeat is sent.
    pub heartbeat_after: Duration,
    /// Silence after which a child that was asked something counts as hung
    /// (`topology.subprocess.timeout.secs`).
    pub timeout: Duration,
    /// Time for the answer to the handshake: an interpreter that imports half the world on a
    /// cold disk.
    pub handshake: Duration,
    /// Pause before the first restart; doubles with each start that fails soon.
    pub backoff_min: Duration,
    /// The longest pause.
    pub backoff_max: Duration,
    /// A child that lived this long was healthy: the next pause is the shortest again.
    pub healthy_after: Duration,
    /// Time to end by itself once its input has ended; then SIGTERM.
    pub end_grace: Duration,
    /// Time after SIGTERM; then SIGKILL.
    pub term_grace: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            heartbeats: Heartbeats::Auto,
            heartbeat_after: Duration::from_secs(1),
            timeout: Duration::from_secs(30),
            handshake: Duration::from_secs(60),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
            healthy_after: Duration::from_secs(1),
            end_grace: Duration::from_secs(1),
            term_grace: Duration::from_secs(2),
        }
    }
}

/// What the driver is to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    /// Start a process and tell with `on_spawned` or `on_spawn_failed`; write the handshake to it.
    Spawn,
    /// Write a heartbeat tuple.
    Heartbeat,
    /// The child has answered the handshake.
    Started(i64),
    /// Hand this to the component.
    Deliver(FromChild),
    /// A line for the log.
    Log(Level, String),
    /// Close the child's input.
    CloseInput,
    /// SIGTERM to the child and its descendants.
    Terminate,
    /// SIGKILL to the child and its descendants.
    Kill,
    /// The child is gone and with it all that it had not acked. `was_up`: it had shaken hands.
    Lost { reason: String, was_up: bool },
    /// The end, after `stop`.
    Ended,
}

#[derive(Debug, Clone, PartialEq)]
enum Phase {
    /// No process; the next is started then.
    Waiting { until: Moment },
    /// Started; the pid has not come.
    Greeting { deadline: Moment },
    /// Up since then.
    Running { since: Moment },
    /// Told to die because of `reason`; its exit has not come.
    Dying { reason: String, was_up: bool, ran: Duration },
    /// Told to end; the next harder measure comes then.
    Stopping { next: Moment, hard: bool },
    /// Over.
    Ended,
}

#[derive(Debug)]
pub(crate) struct Lifecycle {
    role: Role,
    policy: Policy,
    phase: Phase,
    /// Starts since the last healthy life.
    failures: u32,
    last_output: Moment,
    /// Since when the child has been asked something that it has not answered.
    busy_since: Option<Moment>,
    /// When the heartbeat was sent after which nothing has come.
    beat_sent: Option<Moment>,
    /// A heartbeat has been sent, and nothing that a healthy client says has come since.
    beat_pending: bool,
    beats_answered: bool,
    beats_off: bool,
    /// The last line of standard error or stray output: nearly always names the cause of a death.
    last_words: Option<String>,
}

impl Lifecycle {
    pub(crate) fn new(role: Role, policy: Policy, now: Moment) -> Self {
        let beats_off = role == Role::Spout || policy.heartbeats == Heartbeats::Off;
        Self {
            role,
            policy,
            phase: Phase::Waiting { until: now },
            failures: 0,
            last_output: now,
            busy_since: None,
            beat_sent: None,
            beat_pending: false,
            beats_answered: false,
            beats_off,
            last_words: None,
        }
    }

    /// Whether there is a child that takes messages.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// Time passes. `busy`: the child has been asked something and owes an answer.
    pub(crate) fn tick(&mut self, now: Moment, busy: bool, effects: &mut Vec<Effect>) {
        self.busy_since = busy.then(|| self.busy_since.unwrap_or(now));
        match self.phase {
            Phase::Waiting { until } if now >= until => {
                self.phase = Phase::Greeting { deadline: now.after(self.policy.handshake) };
                self.last_output = now;
                self.last_words = None;
                self.beat_sent = None;
                self.beat_pending = false;
                effects.push(Effect::Spawn);
            }
            Phase::Greeting { deadline } if now >= deadline => {
                let waited = self.policy.handshake.as_secs();
                let reason = format!("no answer to the handshake in {waited} s");
                self.put_down(reason, now, effects);
            }
            Phase::Running { .. } => self.watch(now, effects),
            Phase::Stopping { next, hard } if now >= next => {
                effects.push(if hard { Effect::Kill } else { Effect::Terminate });
                self.phase =
                    Phase::Stopping { next: now.after(self.policy.term_grace), hard: true };
            }
            _ => {}
        }
    }

    /// When `tick` has something to do again, if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        match self.phase {
            Phase::Waiting { until } => Some(until),
            Phase::Greeting { deadline } => Some(deadline),
            Phase::Stopping { next, .. } => Some(next),
            Phase::Running { .. } => self.watch_deadline(),
            Phase::Dying { .. } | Phase::Ended => None,
        }
    }

    fn watch_deadline(&self) -> Option<Moment> {
        if let Some(sent) = self.beat_sent {
            return Some(sent.after(self.policy.timeout));
        }
        if !self.beats_off {
            return Some(self.last_output.after(self.policy.heartbeat_after));
        }
        let since = self.silent_since()?;
        Some(since.after(self.policy.timeout))
    }

    /// Since when an answer has been due, where the heartbeat does not tell.
    fn silent_since(&self) -> Option<Moment> {
        if self.policy.heartbeats == Heartbeats::Off {
            return None;
        }
        Some(self.busy_since?.max(self.last_output))
    }

    fn watch(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let overdue = |since: Moment| now.since(since) >= self.policy.timeout;
        if self.beats_off {
            if self.silent_since().is_some_and(overdue) {
                self.hung(now, effects);
            }
        } else if let Some(sent) = self.beat_sent {
            if overdue(sent) {
                let knows_beats = self.beats_answered || self.policy.heartbeats == Heartbeats::On;
                if knows_beats || self.busy_since.is_some() {
                    self.hung(now, effects);
                } else {
                    self.stop_beats("it answers none", effects);
                }
            }
        } else if now.since(self.last_output) >= self.policy.heartbeat_after {
            self.beat_sent = Some(now);
            self.beat_pending = true;
            effects.push(Effect::Heartbeat);
        }
    }

    fn hung(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let seconds = self.policy.timeout.as_secs_f64();
        let reason = format!(
            "it has been silent for {seconds} s with work to do; if it needs longer for one tuple, \
             raise topology.subprocess.timeout.secs"
        );
        self.put_down(reason, now, effects);
    }

    fn stop_beats(&mut self, why: &str, effects: &mut Vec<Effect>) {
        self.beats_off = true;
        self.beat_sent = None;
        let text = format!("heartbeats are off for this component, because {why}");
        effects.push(Effect::Log(Level::Info, text));
    }

    fn put_down(&mut self, reason: String, now: Moment, effects: &mut Vec<Effect>) {
        let (was_up, ran) = match self.phase {
            Phase::Running { since } => (true, now.since(since)),
            _ => (false, Duration::ZERO),
        };
        self.phase = Phase::Dying { reason, was_up, ran };
        effects.push(Effect::Kill);
    }

    /// Output is being left in the pipe on purpose: its silence says nothing.
    pub(crate) fn on_held_back(&mut self, now: Moment) {
        self.alive(now);
    }

    fn alive(&mut self, now: Moment) {
        self.last_output = now;
        self.beat_sent = None;
    }

    /// A message has come.
    pub(crate) fn on_message(
        &mut self,
        message: FromChild,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        self.alive(now);
        match message {
            FromChild::Log { level, text } => {
                effects.push(Effect::Log(self.level_now(level), text));
            }
            FromChild::Error(text) => {
                self.last_words = Some(text.trim_end().lines().last().unwrap_or_default().into());
                effects.push(Effect::Log(Level::Error, text));
            }
            FromChild::Unreadable { reason, text } => {
                let text = format!("message ignored, because {reason}: {text}");
                effects.push(Effect::Log(Level::Warn, text));
            }
            FromChild::Pid(pid) => {
                if let Phase::Greeting { .. } = self.phase {
                    self.phase = Phase::Running { since: now };
                    self.busy_since = None;
                    effects.push(Effect::Started(pid));
                }
            }
            message if self.is_running() => {
                self.beat_pending = false;
                if self.role == Role::Bolt && message == FromChild::Sync {
                    self.beats_answered = true;
                }
                effects.push(Effect::Deliver(message));
            }
            message => {
                if let Phase::Greeting { .. } = self.phase {
                    let text =
                        format!("message ignored, because the pid must come first: {message:?}");
                    effects.push(Effect::Log(Level::Warn, text));
                }
            }
        }
    }

    /// A line has come that is no message.
    pub(crate) fn on_text(&mut self, line: String, now: Moment, effects: &mut Vec<Effect>) {
        self.alive(now);
        self.last_words = Some(line.trim().to_owned());
        effects.push(Effect::Log(self.level_now(Level::Info), line));
    }

    /// Every client has something to say about the end of its input, which is no news to us.
    fn level_now(&self, level: Level) -> Level {
        match (&self.phase, level) {
            (Phase::Stopping { .. }, Level::Info) => Level::Debug,
            _ => level,
        }
    }

    /// A message has come that cannot be read. What it said is lost, so the child is replaced and what it
    /// held is done again.
    pub(crate) fn on_broken(
        &mut self,
        frame: &BrokenFrame,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        if matches!(self.phase, Phase::Running { .. } | Phase::Greeting { .. }) {
            effects.push(Effect::Log(Level::Error, frame.to_string()));
            self.put_down(frame.to_string(), now, effects);
        }
    }

    /// The process could not be started.
    pub(crate) fn on_spawn_failed(&mut self, why: &str, now: Moment, effects: &mut Vec<Effect>) {
        if self.phase != Phase::Ended {
            self.lost(why.to_owned(), false, Duration::ZERO, now, effects);
        }
    }

    /// The process is gone and all its output has been read. `how`: "exit status: 1".
    pub(crate) fn on_exit(&mut self, how: &str, now: Moment, effects: &mut Vec<Effect>) {
        let died = |words: &Option<String>| match words {
            Some(words) if !words.is_empty() => format!("it ended with {how}; last said: {words}"),
            _ => format!("it ended with {how}"),
        };
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Stopping { .. } | Phase::Ended => effects.push(Effect::Ended),
            Phase::Dying { reason, was_up, ran } => self.lost(reason, was_up, ran, now, effects),
            Phase::Running { since } => {
                let first_beat = self.beat_pending && !self.beats_answered;
                if first_beat && self.policy.heartbeats == Heartbeats::Auto {
                    self.stop_beats("it died over the first one", effects);
                }
                let reason = died(&self.last_words);
                self.lost(reason, true, now.since(since), now, effects);
            }
            Phase::Greeting { .. } | Phase::Waiting { .. } => {
                let reason = format!("{} before the handshake", died(&self.last_words));
                self.lost(reason, false, Duration::ZERO, now, effects);
            }
        }
    }

    fn lost(
        &mut self,
        reason: String,
        was_up: bool,
        ran: Duration,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        if ran >= self.policy.healthy_after {
            self.failures = 0;
        }
        let doubled = self.policy.backoff_min.saturating_mul(1 << self.failures.min(16));
        let pause = doubled.min(self.policy.backoff_max);
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Waiting { until: now.after(pause) };
        let text = format!("child lost: {reason}; next start in {} ms", pause.as_millis());
        effects.push(Effect::Log(Level::Error, text));
        effects.push(Effect::Lost { reason, was_up });
    }

    /// The component closes. Its input ends first, so that a client can end in its own way.
    pub(crate) fn stop(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Waiting { .. } => {
                self.phase = Phase::Ended;
                effects.push(Effect::Ended);
            }
            // It has nothing to finish yet; an interpreter in the midst of its imports would only
            // complain about its closed input.
            Phase::Greeting { .. } => {
                effects.push(Effect::Terminate);
                self.phase =
                    Phase::Stopping { next: now.after(self.policy.term_grace), hard: true };
            }
            Phase::Running { .. } => {
                effects.push(Effect::CloseInput);
                self.phase =
                    Phase::Stopping { next: now.after(self.policy.end_grace), hard: false };
            }
            Phase::Dying { .. } => {
                effects.push(Effect::Kill);
                self.phase =
                    Phase::Stopping { next: now.after(self.policy.term_grace), hard: true };
            }
            Phase::Stopping { .. } | Phase::Ended => {}
        }
    }
}

#[cfg(test)]
mod tests;
