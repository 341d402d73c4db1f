//! A spout whose work is done by a child process.
//!
//! # Constraints
//!
//! * The child's identifiers are any JSON; the engine's are numbers. Each emit gets a new number, also when the child
//!   emits a tuple again under the same identifier.
//! * The child alone decides about replays (Storm's contract), so the engine only tells it of failures.
//! * A child that is started anew knows nothing of the tuples of the one before, and may use the same
//!   identifiers for others: what becomes of the old ones is not told to it.
//! * `next` does not wait: the commands run on the child's thread, as far as there is room here.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;
use tidemill_engine::{
    ComponentError, DynSpout, FailReason, MessageId, Next, OwnedValue, Retries, SpoutOutput,
    TaskContext, TaskId, Value,
};

use super::config::{ChildChange, ChildNews, ShellConfig, undeclared};
use super::context::child_config;
use crate::child::{Event, Link, LogLine, Role, open};
use crate::message::values::to_engine;
use crate::message::{Emit, FromChild, Level, SpoutCommand, write_task_ids};

/// Tuples that the child may bring ahead of the engine's asking. A few hundred cover the way there and back;
/// more would only grow old here.
const AHEAD_MAX: usize = 256;

/// A spout whose work is done by a child process.
pub struct ShellSpout {
    config: Arc<ShellConfig>,
    live: Option<Live>,
}

struct Live {
    link: Link,
    component: Arc<str>,
    task: i64,
    /// The child's identifiers of the roots under way.
    ids: HashMap<MessageId, Json>,
    next_id: MessageId,
    events: Vec<Event>,
    /// Tuples that the child may still bring.
    allowed: usize,
}

impl ShellSpout {
    /// A spout that runs `config`'s program.
    pub fn new(config: Arc<ShellConfig>) -> Self {
        Self { config, live: None }
    }
}

impl DynSpout for ShellSpout {
    fn open(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        let child = child_config(&self.config, Role::Spout, context);
        let link = open(&self.config.world, child, context.wake())?;
        link.command(SpoutCommand::Activate);
        self.live = Some(Live {
            link,
            component: context.component().into(),
            task: i64::from(context.task_id()),
            ids: HashMap::new(),
            next_id: 1,
            events: Vec::new(),
            allowed: 0,
        });
        Ok(())
    }

    fn next(&mut self, out: &mut SpoutOutput<'_>) -> Result<Next, ComponentError> {
        let live = self.live.as_mut().ok_or("the spout was not opened")?;
        let mut events = std::mem::take(&mut live.events);
        live.link.take(&mut events, 0);
        for event in events.drain(..) {
            live.on_event(event, &self.config, out);
        }
        live.events = events;
        Ok(live.allow(out.room()))
    }

    fn ack(&mut self, id: MessageId) {
        if let Some(live) = &mut self.live {
            live.settle(id, SpoutCommand::Ack);
        }
    }

    fn fail(&mut self, id: MessageId, _reason: &FailReason) {
        if let Some(live) = &mut self.live {
            live.settle(id, SpoutCommand::Fail);
        }
    }

    fn retries(&self) -> Retries {
        Retries::Spout
    }

    fn activate(&mut self) {
        if let Some(live) = &self.live {
            live.link.command(SpoutCommand::Activate);
        }
    }

    fn deactivate(&mut self) {
        if let Some(live) = &self.live {
            live.link.command(SpoutCommand::Deactivate);
        }
    }

    fn close(&mut self) {
        if let Some(mut live) = self.live.take() {
            live.link.close();
        }
    }
}

impl Live {
    /// Lets the child bring as much as there is room for.
    fn allow(&mut self, room: usize) -> Next {
        let wanted = room.min(AHEAD_MAX);
        if self.allowed < wanted.div_ceil(2) {
            self.allowed = wanted;
            self.link.allow(wanted);
        }
        // Without room no wake-up of ours may come; the engine knows when there is room again.
        if self.allowed == 0 { Next::More } else { Next::Idle }
    }

    fn settle(&mut self, id: MessageId, command: fn(Json) -> SpoutCommand) {
        if let Some(json) = self.ids.remove(&id) {
            self.link.command(command(json));
        }
    }

    fn on_event(&mut self, event: Event, config: &ShellConfig, out: &mut SpoutOutput<'_>) {
        match event {
            Event::Message(FromChild::Emit(emit)) => self.emit(emit, config, out),
            Event::Message(FromChild::Ack(id) | FromChild::Fail(id)) => {
                let text = format!("a spout cannot ack or fail a tuple ({id}); ignored");
                self.log(config, Level::Warn, text);
            }
            Event::Message(FromChild::Metrics { name, params }) => {
                self.log(config, Level::Debug, format!("metric {name}: {params}"));
            }
            Event::Message(_) => {}
            Event::Started(pid) => self.tell(config, ChildChange::Started(pid)),
            Event::Lost { reason, was_up } => {
                if !self.ids.is_empty() {
                    let text = format!(
                        "{} tuples of the lost child are under way; the new child will not hear of them",
                        self.ids.len()
                    );
                    self.log(config, Level::Warn, text);
                    self.ids.clear();
                }
                out.report_error(&reason);
                self.tell(config, ChildChange::Lost { reason, was_up });
            }
        }
    }

    fn emit(&mut self, mut emit: Emit, config: &ShellConfig, out: &mut SpoutOutput<'_>) {
        self.allowed = self.allowed.saturating_sub(1);
        let id = emit.id.is_some().then_some(self.next_id);
        let owned: Vec<_> = std::mem::take(&mut emit.values).into_iter().map(to_engine).collect();
        let sent = send_out(&emit, id, &OwnedValue::as_values(&owned), out);
        if emit.need_task_ids && emit.task.is_none() {
            let tasks: Vec<i64> = sent.iter().flatten().map(|&task| i64::from(task)).collect();
            let mut frames = Vec::new();
            write_task_ids(&tasks, &mut frames);
            self.link.send_urgent(&frames);
        }
        match sent {
            Ok(_) => {
                if let Some(json) = emit.id {
                    self.ids.insert(self.next_id, json);
                    self.next_id += 1;
                }
            }
            Err(error) => {
                out.report_error(&error);
                self.log(config, Level::Error, format!("emit refused: {error}"));
                if let Some(json) = emit.id {
                    self.link.command(SpoutCommand::Fail(json));
                }
            }
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

/// Emits into the topology and tells where it went, or why the topology does not take it.
fn send_out(
    emit: &Emit,
    id: Option<MessageId>,
    values: &[Value<'_>],
    out: &mut SpoutOutput<'_>,
) -> Result<Vec<TaskId>, String> {
    let stream = out.stream(&emit.stream).ok_or_else(|| undeclared(&emit.stream))?;
    let sent = match emit.task {
        Some(task) => {
            let task = TaskId::try_from(task).unwrap_or(0);
            out.emit_direct(task, stream, id, values).map(|()| vec![task])
        }
        None if emit.need_task_ids => {
            out.emit_with_tasks(stream, id, values).map(<[TaskId]>::to_vec)
        }
        None => out.emit_to(stream, id, values).map(|()| Vec::new()),
    };
    sent.map_err(|error| error.to_string())
}
