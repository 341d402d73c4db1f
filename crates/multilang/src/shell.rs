//! Spouts and bolts whose work is done by a child process.
//!
//! # Layout
//!
//! [`ShellConfig`] is what the tasks of one component share; `bolt` and `spout` are the engine's
//! components; `context` tells a child its place in the topology.

mod bolt;
mod config;
mod context;
mod spout;

pub use bolt::ShellBolt;
pub use config::{ChildChange, ChildNews, MAX_PENDING, ShellConfig, Watch};
pub use spout::ShellSpout;
