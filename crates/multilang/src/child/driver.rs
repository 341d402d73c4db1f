//! The thread of one child: moves bytes and time between the pipes, the state machines and the link.
//!
//! # Constraints
//!
//! * All pipes are non-blocking; the thread waits in one place, for all of them, for the doorbell and for the
//!   next deadline. A child that does not read cannot keep us from reading what it writes.
//! * The thread lives exactly as long as the children it starts, which their death signal relies on.
//! * One step reads a bounded amount, so a child that writes without end does not starve its own input.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use tidemill_world::{Clock, Driver, Moment, Step, Waiting, Wake, World};

use super::commands::{Commands, SyncPolicy};
use super::lifecycle::{Effect, Lifecycle, Policy};
use super::link::{Event, Link, LogLine, LogSink, Shared};
use super::process::{ChildSpec, Process, SpawnError};
use super::role::Role;
use super::waiting::{self, Ready};
use crate::frame::{Frame, FrameDecoder};
use crate::message::{FromChild, Handshake, Level, write_handshake, write_heartbeat};

/// Read at once from a pipe; a Linux pipe holds as much.
const READ_BYTES: usize = 64 << 10;
/// The longest wait without a look at the child.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks at a child that is about to be gone.
const LOOK_OFTEN: Duration = Duration::from_millis(5);
/// A child that has closed its output is given this long to end.
const EOF_GRACE: Duration = Duration::from_secs(1);
/// With this many tuples in hand a bolt has work for longer than a nap.
const NAP_OUTSTANDING: usize = 64;
/// A busy client writes each message by itself; woken for each, we would cost as much processor time
/// as it does (measured: 13 of 16 µs a tuple). So we let some gather. Shorter than a client needs
/// for [`NAP_OUTSTANDING`] tuples.
const NAP: Duration = Duration::from_micros(200);
/// A read that brought this much shows that enough has gathered by itself.
const NAP_READ_MAX: usize = 16 << 10;
/// A line on standard error longer than this is cut.
const ERROR_LINE_MAX: usize = 64 << 10;

/// What a child is started with, beside its handshake.
pub struct ChildConfig {
    /// How to start it.
    pub spec: ChildSpec,
    /// Bolt or spout.
    pub role: Role,
    /// Its times.
    pub policy: Policy,
    /// Which commands a spout answers.
    pub sync: SyncPolicy,
    /// Told to it first.
    pub handshake: Handshake,
    /// Takes its log lines.
    pub logs: LogSink,
}

/// Starts the thread of a child, which starts the child. `component` is notified of events.
///
/// # Errors
/// The operating system refused a thread or a socket pair; nothing runs.
pub fn open(world: &World, config: ChildConfig, component: Wake) -> std::io::Result<Link> {
    let (inside, outside) = UnixStream::pair()?;
    inside.set_nonblocking(true)?;
    outside.set_nonblocking(true)?;
    let shared = Arc::new(Shared::new(outside, component));
    let name = format!("ml-{}", config.handshake.context.component);
    let clock = world.clock_arc();
    let thread = ChildThread::new(config, Arc::clone(&shared), inside, world.clock_arc());
    let driver = Box::new(thread);
    let handle = world.threads().spawn(&name, Waiting::Park, Wake::new(), clock, driver)?;
    Ok(Link::new(shared, handle))
}

struct ChildThread {
    config: ChildConfig,
    component: Arc<str>,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    doorbell: UnixStream,
    life: Lifecycle,
    commands: Option<Commands>,
    process: Option<Process>,
    decoder: FrameDecoder,
    error_line: Vec<u8>,
    /// The frames being written, and how far.
    out: Vec<u8>,
    written: usize,
    /// Frames of our own that come next.
    own: Vec<u8>,
    effects: Vec<Effect>,
    events: Vec<Event>,
    events_bytes: usize,
    buffer: Vec<u8>,
    /// Since when one of the child's pipes has been closed by it.
    eof_since: Option<Moment>,
    beats: u64,
    /// When to ask the kernel next whether the child lives; its pipes usually tell first.
    look_at: Moment,
    outstanding: usize,
    /// Bytes that the last read of output brought.
    last_read: usize,
    stopping: bool,
}

impl Driver for ChildThread {
    fn step(&mut self) -> Step {
        self.take_orders();
        let now = self.clock.now();
        let busy = self.is_busy();
        self.life.tick(now, busy, &mut self.effects);
        self.apply(now);
        self.advance_commands(now);
        self.write();
        let ready = self.wait();
        if ready.stdin {
            self.write();
        }
        let now = self.clock.now();
        if ready.stdout {
            self.read_output(now);
        }
        if ready.stderr {
            self.read_errors(now);
        }
        self.look_at_child(now);
        self.publish();
        if self.life.has_ended() && self.process.is_none() {
            self.shared.end();
            return Step::Done;
        }
        Step::Again
    }
}

impl ChildThread {
    fn new(
        config: ChildConfig,
        shared: Arc<Shared>,
        doorbell: UnixStream,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            component: config.handshake.context.component.as_str().into(),
            life: Lifecycle::new(config.role, config.policy.clone(), clock.now()),
            commands: (config.role == Role::Spout).then(|| Commands::new(config.sync)),
            config,
            clock,
            shared,
            doorbell,
            process: None,
            decoder: FrameDecoder::default(),
            error_line: Vec::new(),
            out: Vec::new(),
            written: 0,
            own: Vec::new(),
            effects: Vec::new(),
            events: Vec::new(),
            events_bytes: 0,
            buffer: vec![0; READ_BYTES],
            eof_since: None,
            beats: 0,
            look_at: Moment(0),
            outstanding: 0,
            last_read: 0,
            stopping: false,
        }
    }

    fn take_orders(&mut self) {
        let mut state = self.shared.lock();
        state.asleep = false;
        if let Some(commands) = &mut self.commands {
            for command in state.commands.drain(..) {
                commands.push(command);
            }
            if let Some(credit) = state.credit.take() {
                commands.set_credit(credit);
            }
        }
        self.outstanding = state.outstanding;
        let stop = state.stop;
        drop(state);
        if stop && !self.stopping {
            self.stopping = true;
            self.life.stop(self.clock.now(), &mut self.effects);
        }
    }

    fn is_busy(&self) -> bool {
        self.commands.as_ref().map_or(self.outstanding > 0, Commands::is_busy)
    }

    fn advance_commands(&mut self, now: Moment) {
        if !self.life.is_running() {
            return;
        }
        let Some(commands) = &mut self.commands else { return };
        if let Some(name) = commands.advance(now, &mut self.own) {
            let text = format!(
                "this spout does not answer `{name}` with sync; from here on only `next` is waited for"
            );
            self.log(Level::Info, text);
        }
    }

    fn log(&self, level: Level, text: String) {
        let task = self.config.handshake.context.task;
        (self.config.logs)(LogLine { component: Arc::clone(&self.component), task, level, text });
    }

    fn apply(&mut self, now: Moment) {
        // Carrying out an effect may bring further ones (a start that fails).
        while !self.effects.is_empty() {
            for effect in std::mem::take(&mut self.effects) {
                self.carry_out(effect, now);
            }
        }
    }

    fn carry_out(&mut self, effect: Effect, now: Moment) {
        match effect {
            Effect::Spawn => self.spawn(now),
            Effect::Heartbeat => {
                // Heartbeats count down from the top, tuples up from 1 and ticks up from the middle.
                self.beats += 1;
                write_heartbeat(u64::MAX - self.beats, &mut self.own);
            }
            Effect::Started(pid) => self.events.push(Event::Started(pid)),
            Effect::Deliver(message) => self.deliver(message, now),
            Effect::Log(level, text) => self.log(level, text),
            Effect::CloseInput => {
                if let Some(process) = &mut self.process {
                    process.stdin = None;
                }
            }
            Effect::Terminate => self.process.iter().for_each(Process::terminate),
            Effect::Kill => self.process.iter().for_each(Process::kill),
            Effect::Lost { reason, was_up } => {
                self.forget_output();
                if let Some(commands) = &mut self.commands {
                    commands.restart();
                }
                self.shared.publish_loss(&mut self.events, reason, was_up);
            }
            Effect::Ended => self.forget_output(),
        }
    }

    fn forget_output(&mut self) {
        self.out.clear();
        self.written = 0;
        self.own.clear();
    }

    fn spawn(&mut self, now: Moment) {
        self.forget_output();
        self.eof_since = None;
        self.decoder = FrameDecoder::default();
        match self.start() {
            Ok(process) => {
                self.process = Some(process);
                // A configuration that was JSON is JSON again.
                let _ = write_handshake(&self.config.handshake, &mut self.out);
            }
            Err(error) => {
                self.life.on_spawn_failed(&error.to_string(), now, &mut self.effects);
            }
        }
    }

    fn start(&self) -> Result<Process, SpawnError> {
        // Between two starts a cleaner of temporary files may have taken the directory away.
        let pid_dir = &self.config.handshake.pid_dir;
        std::fs::create_dir_all(pid_dir).map_err(|source| {
            let path = pid_dir.display().to_string();
            SpawnError::PidDir { path, source }
        })?;
        Process::start(&self.config.spec)
    }

    fn deliver(&mut self, message: FromChild, now: Moment) {
        match (&mut self.commands, &message) {
            (Some(commands), FromChild::Sync) => return commands.on_sync(now),
            (Some(commands), FromChild::Emit(_)) => commands.on_emit(),
            (None, FromChild::Sync) => return,
            _ => {}
        }
        if !self.stopping {
            self.events.push(Event::Message(message));
        }
    }

    fn publish(&mut self) {
        // A large message comes in many reads; its bytes count when it is whole.
        if !self.events.is_empty() {
            let bytes = std::mem::take(&mut self.events_bytes);
            self.shared.publish(&mut self.events, bytes);
        }
    }

    /// The next frames to write: our own, then urgent ones, then the queue.
    fn refill(&mut self) -> bool {
        if self.written < self.out.len() {
            return true;
        }
        self.out.clear();
        self.written = 0;
        self.out.append(&mut self.own);
        if self.life.is_running() {
            let mut state = self.shared.lock();
            self.out.append(&mut state.urgent);
            drop(state);
            if self.out.is_empty()
                && let Some(frames) = self.shared.next_frames()
            {
                self.out = frames;
            }
        }
        !self.out.is_empty()
    }

    fn write(&mut self) {
        while self.refill() {
            let Some(pipe) = self.process.as_mut().and_then(|process| process.stdin.as_mut())
            else {
                return self.forget_output();
            };
            match pipe.write(self.out.get(self.written..).unwrap_or_default()) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    // The child reads no more: it is dead or as good as dead.
                    self.eof_since.get_or_insert(self.clock.now());
                    if let Some(process) = &mut self.process {
                        process.stdin = None;
                    }
                }
            }
        }
    }

    /// Waits for the pipes, the doorbell, or the next deadline.
    fn wait(&mut self) -> Ready {
        self.nap();
        let unsent = self.written < self.out.len();
        let mut state = self.shared.lock();
        let held_back = state.hold_back();
        let work = state.has_frames() || !state.commands.is_empty();
        // What came between the look at the orders and this lock must not be slept over.
        let hurry = (work && !unsent && self.life.is_running())
            || (state.stop && !self.stopping)
            || state.credit.is_some();
        state.asleep = !hurry;
        drop(state);
        let now = self.clock.now();
        if held_back {
            self.life.on_held_back(now);
        }
        let timeout = if hurry { Duration::ZERO } else { self.time_left(now) };
        waiting::wait(&self.doorbell, self.process.as_ref(), timeout, unsent, held_back)
    }

    /// Lets output of a busy bolt gather, so that one wake-up serves many messages.
    fn nap(&mut self) {
        let last = std::mem::take(&mut self.last_read);
        if self.outstanding >= NAP_OUTSTANDING && (1..NAP_READ_MAX).contains(&last) {
            waiting::sleep(NAP);
        }
    }

    fn time_left(&self, now: Moment) -> Duration {
        let longest = if self.eof_since.is_some() { LOOK_OFTEN } else { LOOK_EVERY };
        let running = self.life.is_running();
        let commands = self.commands.as_ref().filter(|_| running).and_then(Commands::deadline);
        let deadlines = [self.life.deadline(), commands];
        let next = deadlines.into_iter().flatten().min();
        next.map_or(longest, |moment| moment.since(now).min(longest))
    }

    fn read_output(&mut self, now: Moment) {
        let Some(pipe) = self.process.as_mut().and_then(|process| process.stdout.as_mut()) else {
            return;
        };
        let read = pipe.read(&mut self.buffer);
        let closed = match read {
            Ok(0) => true,
            Ok(count) => {
                self.decode(count, now);
                false
            }
            Err(error) => !is_retry(&error),
        };
        if closed {
            self.eof_since.get_or_insert(now);
            if let Some(process) = &mut self.process {
                process.stdout = None;
            }
        }
    }

    fn decode(&mut self, count: usize, now: Moment) {
        self.events_bytes += count;
        self.last_read = count;
        let Self { decoder, buffer, life, effects, .. } = self;
        let bytes = buffer.get(..count).unwrap_or_default();
        decoder.push(bytes, &mut |frame| take_frame(frame, life, now, effects));
        self.apply(now);
    }

    fn read_errors(&mut self, now: Moment) {
        let Some(pipe) = self.process.as_mut().and_then(|process| process.stderr.as_mut()) else {
            return;
        };
        let closed = match pipe.read(&mut self.buffer) {
            Ok(0) => true,
            Ok(count) => {
                self.error_lines(count, now);
                false
            }
            Err(error) => !is_retry(&error),
        };
        if closed && let Some(process) = &mut self.process {
            process.stderr = None;
        }
    }

    fn error_lines(&mut self, count: usize, now: Moment) {
        let Self { error_line, buffer, life, effects, .. } = self;
        for &byte in buffer.iter().take(count) {
            if byte != b'\n' {
                error_line.push(byte);
            }
            if byte == b'\n' || error_line.len() >= ERROR_LINE_MAX {
                let line = crate::frame::lossy(error_line);
                error_line.clear();
                if !line.is_empty() {
                    life.on_text(line, now, effects);
                }
            }
        }
        self.apply(now);
    }

    /// Notices the end of the child and takes the last of its output.
    fn look_at_child(&mut self, now: Moment) {
        let Some(process) = &self.process else { return };
        if self.eof_since.is_none() && now < self.look_at {
            return;
        }
        self.look_at = now.after(LOOK_EVERY);
        if !process.has_exited() {
            if self.eof_since.is_some_and(|since| now.since(since) >= EOF_GRACE) {
                process.kill();
            }
            return;
        }
        let held_back = self.shared.lock().hold_back();
        let more = process.stdout.is_some() || process.stderr.is_some();
        if more && (held_back || self.read_rest(now)) {
            return;
        }
        let Self { decoder, life, effects, .. } = self;
        decoder.finish(&mut |frame| take_frame(frame, life, now, effects));
        let last = crate::frame::lossy(&std::mem::take(&mut self.error_line));
        if !last.is_empty() {
            self.life.on_text(last, now, &mut self.effects);
        }
        if let Some(process) = self.process.take() {
            let how = process.reap();
            self.life.on_exit(&how, now, &mut self.effects);
        }
        self.apply(now);
    }

    /// Reads on from a child that has ended; false once nothing more can come.
    fn read_rest(&mut self, now: Moment) -> bool {
        let before = self.events_bytes;
        self.read_output(now);
        let progressed = self.events_bytes > before;
        self.read_errors(now);
        progressed
    }
}

fn is_retry(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn take_frame(
    frame: Frame<FromChild>,
    life: &mut Lifecycle,
    now: Moment,
    effects: &mut Vec<Effect>,
) {
    match frame {
        Frame::Message(message) => life.on_message(message, now, effects),
        Frame::Text(line) => life.on_text(line, now, effects),
        Frame::Broken(frame) => life.on_broken(&frame, now, effects),
    }
}
