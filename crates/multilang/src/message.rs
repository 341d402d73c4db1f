//! What the two sides say to one another: Storm's multilang messages as types.
//!
//! # Constraints
//!
//! * Reading is lenient, because the clients are many and old: identifiers are strings or numbers and go back as
//!   they came, `anchors` is a string or a list, `need_task_ids` is true when absent, `task` 0 or absent
//!   is no direct emit, a log level is a number, a name, or absent. A command nobody knows is logged.
//! * Every JSON object reads as some [`FromChild`]; what is wrong with it is said in
//!   [`FromChild::Unreadable`].
//! * Messages to the child are written straight into a byte buffer; a tuple's values are never copied into
//!   a tree first.
//!
//! # Layout
//!
//! [`FromChild`] and [`Emit`] are read; the `write_` functions write; [`values`]
//! translates between JSON and the engine's values.

mod handshake;
mod names;
mod read;
mod write;

pub mod values;

pub use handshake::{Context, Handshake, InputStream};
pub use names::{DEFAULT_STREAM, HEARTBEAT_STREAM, SYSTEM_COMPONENT, TICK_STREAM};
pub use read::{Emit, FromChild, Level};
pub use write::{
    SpoutCommand, TupleHead, write_handshake, write_heartbeat, write_spout_command, write_task_ids,
    write_tuple,
};

#[cfg(test)]
mod tests;
