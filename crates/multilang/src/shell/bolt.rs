//! A bolt whose work is done by a child process.
//!
//! # Constraints
//!
//! * Each tuple is deferred with its anchor until the child acks or fails it. When the child is lost, all that
//!   it held is failed, so the engine sends it again: a tuple is never lost with a process.
//! * How many tuples a child keeps is its own affair (a batching bolt keeps all until a tick), but only a bounded
//!   number is on the way to it. The others wait here, already written down; a new child gets them,
//!   and their message timeout is put back as long as the child gets on. When what waits outgrows its
//!   bound, `execute` itself waits, working off what the child says meanwhile; so the bolt must be declared
//!   `.blocking()`.
//! * Ticks never wait: a full batching bolt would wait for them.
//! * The client is believed as far as possible: acks of unknown tuples and anchors that are gone are noted and
//!   passed over. An emit that the topology refuses fails the tuples that it was made of, because
//!   what it said would be lost.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use tidemill_engine::{
    Anchor, BoltOutput, ComponentError, Done, DynBolt, OwnedValue, TaskContext, TaskId, TupleRef,
    Value,
};
use tidemill_world::Moment;

use super::config::{ChildChange, ChildNews, ShellConfig, undeclared};
use super::context::child_config;
use crate::child::{Event, Link, LogLine, Role, open};
use crate::message::values::{Fields, to_engine};
use crate::message::{
    Emit, FromChild, Level, SYSTEM_COMPONENT, TICK_STREAM, TupleHead, write_task_ids, write_tuple,
};

/// Frames gathered before they go to the child's thread: a quarter of what a pipe holds, so that writing can
/// begin while more tuples are encoded.
const SEND_BYTES: usize = 16 << 10;
/// Tuples that wait for the child, in bytes as it will get them. Some ten thousand usual tuples: more than
/// a spout has under way. The number of them the engine bounds, as they are deferred.
const WAITING_BYTES_MAX: usize = 8 << 20;
/// The longest wait at the bound without a look at the child's messages; its events end the wait.
const WAIT: Duration = Duration::from_secs(1);

/// Identifiers from here on are those of ticks. Nobody waits for their acks, and some bolts never ack them, so they
/// are not kept. Heartbeats count down from the top.
const FIRST_TICK_ID: u64 = 1 << 63;

/// A tuple that the child has not been given yet.
struct Waiting {
    id: u64,
    anchor: Anchor,
    frame: Vec<u8>,
}

/// A bolt whose work is done by a child process; declare it `.blocking()`.
pub struct ShellBolt {
    config: Arc<ShellConfig>,
    /// Seconds between ticks, told in each tick tuple.
    tick_secs: u64,
    live: Option<Live>,
}

/// What a prepared bolt has.
struct Live {
    link: Link,
    component: Arc<str>,
    task: i64,
    /// The child is up and takes tuples.
    up: bool,
    /// What the child holds.
    held: BTreeMap<u64, Anchor>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    next_id: u64,
    next_tick_id: u64,
    /// Frames of held tuples that are not sent yet, and their number.
    frames: Vec<u8>,
    unsent: usize,
    /// How many more tuples may be on the way to the child.
    room: usize,
    events: Vec<Event>,
    /// The child has come up, or acked or failed something, since the waiting tuples' time was last put back.
    progressed: bool,
    touch_at: Moment,
    /// An unknown identifier has been complained of in this life of the child.
    complained: bool,
}

impl ShellBolt {
    /// A bolt that runs `config`'s program. `tick_secs` is what its tick tuples carry.
    pub fn new(config: Arc<ShellConfig>, tick_secs: u64) -> Self {
        Self { config, tick_secs, live: None }
    }

    fn live(&mut self) -> Result<(&Arc<ShellConfig>, &mut Live), ComponentError> {
        let live = self.live.as_mut().ok_or("the bolt was not prepared")?;
        Ok((&self.config, live))
    }
}

impl DynBolt for ShellBolt {
    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        let child = child_config(&self.config, Role::Bolt, context);
        let link = open(&self.config.world, child, context.wake())?;
        self.live = Some(Live {
            link,
            component: context.component().into(),
            task: i64::from(context.task_id()),
            up: false,
            held: BTreeMap::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            next_id: 1,
            next_tick_id: FIRST_TICK_ID,
            frames: Vec::new(),
            unsent: 0,
            room: 0,
            events: Vec::new(),
            progressed: false,
            touch_at: Moment(0),
            complained: false,
        });
        Ok(())
    }

    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        out: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        let (config, live) = self.live()?;
        if live.waiting_bytes > WAITING_BYTES_MAX {
            live.wait_for_room(config, out)?;
        }
        let head = TupleHead {
            id: live.next_id,
            component: tuple.component(),
            stream: tuple.stream(),
            task: i64::from(tuple.task()),
        };
        let mut frame = Vec::new();
        write_tuple(head, Fields(tuple), &mut frame)?;
        live.take(out.defer(), frame, config.max_pending);
        Ok(Done::Defer)
    }

    fn end_of_batch(&mut self, _out: &mut BoltOutput<'_>) -> Result<(), ComponentError> {
        self.live()?.1.send();
        Ok(())
    }

    fn poll(&mut self, out: &mut BoltOutput<'_>) -> Result<(), ComponentError> {
        let (config, live) = self.live()?;
        live.drain(config, out);
        Ok(())
    }

    fn tick(&mut self, _out: &mut BoltOutput<'_>) -> Result<(), ComponentError> {
        let tick_secs = self.tick_secs;
        let (config, live) = self.live()?;
        live.send();
        // Of ticks that a child does not read, a bounded number is enough.
        if !live.up || live.link.room(2 * config.max_pending) == 0 {
            return Ok(());
        }
        let (id, stream) = (live.next_tick_id, TICK_STREAM);
        live.next_tick_id += 1;
        let head = TupleHead { id, component: SYSTEM_COMPONENT, stream, task: -1 };
        write_tuple(head, [tick_secs], &mut live.frames)?;
        live.unsent += 1;
        live.send();
        live.room = 0; // It was counted without this tick.
        Ok(())
    }

    fn close(&mut self) {
        if let Some(mut live) = self.live.take() {
            live.link.close();
        }
    }
}

impl Live {
    /// Takes one tuple more, to be given to the child at its turn.
    fn take(&mut self, anchor: Anchor, frame: Vec<u8>, max_pending: usize) {
        self.waiting_bytes += frame.len();
        self.waiting.push_back(Waiting { id: self.next_id, anchor, frame });
        self.next_id += 1;
        self.hand_over(max_pending);
    }

    /// Sends the child as many of the waiting tuples as may be on the way to it.
    fn hand_over(&mut self, max_pending: usize) {
        while self.up && !self.waiting.is_empty() {
            if self.room == 0 {
                self.send();
                self.room = self.link.room(max_pending);
                if self.room == 0 {
                    return;
                }
            }
            let Some(Waiting { id, anchor, frame }) = self.waiting.pop_front() else { return };
            self.room -= 1;
            self.unsent += 1;
            self.waiting_bytes -= frame.len();
            self.frames.extend_from_slice(&frame);
            self.held.insert(id, anchor);
            if self.frames.len() >= SEND_BYTES {
                self.send();
            }
        }
    }

    fn send(&mut self) {
        if !self.frames.is_empty() {
            let tuples = std::mem::take(&mut self.unsent);
            self.link.send(std::mem::take(&mut self.frames), tuples, self.held.len());
        }
    }

    fn wait_for_room(
        &mut self,
        config: &ShellConfig,
        out: &mut BoltOutput<'_>,
    ) -> Result<(), ComponentError> {
        self.send();
        while self.waiting_bytes > WAITING_BYTES_MAX {
            if !self.up {
                return Err("the child is down, and enough tuples wait for the next one".into());
            }
            self.link.wait(WAIT);
            self.drain(config, out);
        }
        Ok(())
    }

    /// Works off what the child has said.
    fn drain(&mut self, config: &ShellConfig, out: &mut BoltOutput<'_>) {
        loop {
            let mut events = std::mem::take(&mut self.events);
            self.link.take(&mut events, self.held.len());
            if events.is_empty() {
                break;
            }
            for event in events.drain(..) {
                self.on_event(event, config, out);
            }
            self.events = events;
        }
        self.hand_over(config.max_pending);
        self.send();
        self.spare_the_waiting(config, out);
    }

    fn on_event(&mut self, event: Event, config: &ShellConfig, out: &mut BoltOutput<'_>) {
        match event {
            Event::Message(FromChild::Emit(emit)) => self.emit(emit, config, out),
            Event::Message(FromChild::Ack(id)) => {
                if let Some(anchor) = self.release(&id, "ack", config) {
                    out.ack(anchor);
                }
            }
            Event::Message(FromChild::Fail(id)) => {
                if let Some(anchor) = self.release(&id, "fail", config) {
                    out.fail(anchor, "");
                }
            }
            Event::Message(FromChild::Metrics { name, params }) => {
                self.log(config, Level::Debug, format!("metric {name}: {params}"));
            }
            Event::Message(_) => {}
            Event::Started(pid) => {
                self.complained = false;
                self.up = true;
                self.room = 0;
                self.progressed = true;
                self.tell(config, ChildChange::Started(pid));
            }
            Event::Lost { reason, was_up } => {
                self.up = false;
                self.fail_held(&reason, out);
                out.report_error(&reason);
                self.tell(config, ChildChange::Lost { reason, was_up });
            }
        }
    }

    /// The child is gone with what it held; what waits is for the next one.
    fn fail_held(&mut self, reason: &str, out: &mut BoltOutput<'_>) {
        self.frames.clear();
        self.unsent = 0;
        for anchor in std::mem::take(&mut self.held).into_values() {
            out.fail(anchor, reason);
        }
    }

    fn release(&mut self, id: &Json, what: &str, config: &ShellConfig) -> Option<Anchor> {
        let number = number(id);
        if number.is_some_and(|number| number >= FIRST_TICK_ID) {
            return None;
        }
        let anchor = number.and_then(|number| self.held.remove(&number));
        if anchor.is_some() {
            self.progressed = true;
        } else {
            self.complain(config, what, id);
        }
        anchor
    }

    fn complain(&mut self, config: &ShellConfig, what: &str, id: &Json) {
        let again = std::mem::replace(&mut self.complained, true);
        let level = if again { Level::Debug } else { Level::Warn };
        let text = format!(
            "{what} of tuple {id} ignored: the bolt does not hold it (acked twice, or never sent to it)"
        );
        self.log(config, level, text);
    }

    fn emit(&mut self, mut emit: Emit, config: &ShellConfig, out: &mut BoltOutput<'_>) {
        let ids: Vec<u64> = emit.anchors.iter().filter_map(number).collect();
        let anchors: Vec<&Anchor> = ids.iter().filter_map(|id| self.held.get(id)).collect();
        let gone = emit.anchors.iter().find(|id| !self.knows(id)).cloned();
        let owned: Vec<_> = std::mem::take(&mut emit.values).into_iter().map(to_engine).collect();
        let values = OwnedValue::as_values(&owned);
        let sent = out.anchored(anchors, |out| send_out(&emit, &values, out));
        if emit.need_task_ids && emit.task.is_none() {
            let tasks: Vec<i64> = sent.iter().flatten().map(|&task| i64::from(task)).collect();
            let mut frames = Vec::new();
            write_task_ids(&tasks, &mut frames);
            self.link.send_urgent(&frames);
        }
        if let Some(id) = gone {
            self.complain(config, "anchoring to", &id);
        }
        if let Err(error) = sent {
            self.refused(&ids, &error, config, out);
        }
    }

    /// Whether an identifier is that of a tuple the child holds, or of a tick.
    fn knows(&self, id: &Json) -> bool {
        number(id).is_some_and(|id| id >= FIRST_TICK_ID || self.held.contains_key(&id))
    }

    /// The topology does not take what the child emitted: nothing downstream will see it, so the tuples
    /// that it was made of have failed.
    fn refused(&mut self, ids: &[u64], text: &str, config: &ShellConfig, out: &mut BoltOutput<'_>) {
        for id in ids {
            if let Some(anchor) = self.held.remove(id) {
                out.fail(anchor, text);
            }
        }
        out.report_error(text);
        self.complained = true; // The acks of those tuples are still to come.
        self.log(config, Level::Error, format!("emit refused: {text}"));
    }

    /// A child works on its tuples one by one. Those behind the oldest only wait, and their time is
    /// put back as long as the child gets on.
    fn spare_the_waiting(&mut self, config: &ShellConfig, out: &mut BoltOutput<'_>) {
        let now = out.now();
        if !self.progressed || now < self.touch_at {
            return;
        }
        self.progressed = false;
        self.touch_at = now.after(config.message_timeout / 4);
        let waiting = self.waiting.iter().map(|waiting| &waiting.anchor);
        for anchor in self.held.values().skip(1).chain(waiting) {
            out.reset_timeout(anchor);
        }
    }

    fn log(&self, config: &ShellConfig, level: Level, text: String) {
        let component = Arc::clone(&self.component);
        (config.logs)(LogLine { component, task: self.task, level, text });
    }

    fn tell(&self, config: &ShellConfig, what: ChildChange) {
        let component = Arc::clone(&self.component);
        (config.watch)(&ChildNews { component, task: self.task, what });
    }
}

/// One of our identifiers, as text or as a number.
fn number(id: &Json) -> Option<u64> {
    id.as_u64().or_else(|| id.as_str()?.parse().ok())
}

/// Emits into the topology and tells where it went, or why the topology does not take it.
fn send_out(
    emit: &Emit,
    values: &[Value<'_>],
    out: &mut BoltOutput<'_>,
) -> Result<Vec<TaskId>, String> {
    let stream = out.stream(&emit.stream).ok_or_else(|| undeclared(&emit.stream))?;
    let sent = match emit.task {
        Some(task) => {
            let task = TaskId::try_from(task).unwrap_or(0);
            out.emit_direct(task, stream, values).map(|()| vec![task])
        }
        None if emit.need_task_ids => out.emit_with_tasks(stream, values).map(<[TaskId]>::to_vec),
        None => out.emit_to(stream, values).map(|()| Vec::new()),
    };
    sent.map_err(|error| error.to_string())
}
