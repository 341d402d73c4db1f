//! Messages to the child.

use serde::Serialize;
use serde_json::Value;

use super::handshake::Handshake;
use super::names::HEARTBEAT_STREAM;
use crate::frame::encode;

/// Where a tuple for a bolt comes from.
#[derive(Clone, Copy, Debug)]
pub struct TupleHead<'a> {
    /// The identifier under which the child acks it.
    pub id: u64,
    /// The component that emitted it.
    pub component: &'a str,
    /// The stream it was emitted to.
    pub stream: &'a str,
    /// The task that emitted it; -1 for the system's own.
    pub task: i64,
}

/// What a spout is told to do, one thing at a time.
#[derive(Clone, Debug, PartialEq)]
pub enum SpoutCommand {
    /// Emit what there is, then sync.
    Next,
    /// The tuple with this identifier is processed.
    Ack(Value),
    /// The tuple with this identifier could not be processed.
    Fail(Value),
    /// `next` will come again.
    Activate,
    /// `next` will not come until `activate`.
    Deactivate,
}

impl SpoutCommand {
    /// The command's name in the protocol.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Ack(_) => "ack",
            Self::Fail(_) => "fail",
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
        }
    }
}

/// Appends the handshake.
///
/// # Errors
/// None that a caller can cause: the configuration is JSON already.
pub fn write_handshake(handshake: &Handshake, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    encode(&handshake.to_json(), out)
}

#[derive(Serialize)]
struct WireTuple<'a, V> {
    id: Id,
    comp: Option<&'a str>,
    stream: &'a str,
    task: i64,
    tuple: V,
}

/// A number written in quotes: clients take a tuple's identifier for a string.
struct Id(u64);

impl Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Appends a tuple for a bolt. `values` must serialize as a list.
///
/// # Errors
/// A value cannot be written as JSON; nothing was appended.
pub fn write_tuple(
    head: TupleHead<'_>,
    values: impl Serialize,
    out: &mut Vec<u8>,
) -> Result<(), serde_json::Error> {
    let TupleHead { id, component, stream, task } = head;
    encode(&WireTuple { id: Id(id), comp: Some(component), stream, task, tuple: values }, out)
}

/// Appends a heartbeat, which a bolt answers with `sync`.
pub fn write_heartbeat(id: u64, out: &mut Vec<u8>) {
    let tuple: [u8; 0] = [];
    let beat = WireTuple { id: Id(id), comp: None, stream: HEARTBEAT_STREAM, task: -1, tuple };
    // Numbers and two constant strings always serialize.
    let _ = encode(&beat, out);
}

/// Appends the tasks that an emit went to.
pub fn write_task_ids(tasks: &[i64], out: &mut Vec<u8>) {
    // A list of numbers always serializes.
    let _ = encode(&tasks, out);
}

#[derive(Serialize)]
struct WireCommand<'a> {
    command: &'static str,
    id: &'a Value,
}

/// Appends a command for a spout. Those about no tuple carry an empty identifier, as Storm's do.
pub fn write_spout_command(command: &SpoutCommand, out: &mut Vec<u8>) {
    let nobody = Value::String(String::new());
    let id = match command {
        SpoutCommand::Ack(id) | SpoutCommand::Fail(id) => id,
        _ => &nobody,
    };
    // JSON that was read always serializes.
    let _ = encode(&WireCommand { command: command.name(), id }, out);
}
