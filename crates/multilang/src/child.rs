//! One child process: its life, its pipes, and the door through which a component talks to it.
//!
//! # Layout
//!
//! `lifecycle` and `commands` are state machines: what happened and `now` go in, effects come out.
//! `process` starts an interpreter so that it cannot outlive us. `link` is what the component and the
//! thread of the child share. `driver` is that thread: it moves bytes and time between all of
//! them; `waiting` is where it waits.
//!
//! # The story
//!
//! A component opens a [`Link`] and gets a thread that starts the child, shakes hands, and from then on carries
//! frames both ways. When the child dies or hangs, everything that was on its way to it is dropped, the
//! component gets [`Event::Lost`] *after* the last message of the dead child, and a new child is
//! started after a pause. What the component held for the dead child it fails then, so the engine sends it
//! again.

mod commands;
mod driver;
mod lifecycle;
mod link;
mod process;
mod role;
mod waiting;

pub use commands::SyncPolicy;
pub use driver::{ChildConfig, open};
pub use lifecycle::{Heartbeats, Policy};
pub use link::{Event, Link, LogLine, LogSink};
pub use process::ChildSpec;
pub use role::Role;
