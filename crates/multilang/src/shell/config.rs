//! What the tasks of a shell component share, and the news they send.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tidemill_world::World;

use crate::child::{ChildSpec, LogSink, Policy, SyncPolicy};

/// Tuples on the way to a bolt's child unless told otherwise, beside those in its pipe. Enough to fill the pipe
/// again at once; what is on the way when the child dies is done again.
pub const MAX_PENDING: usize = 256;

/// What the tasks of one shell component share.
#[derive(Clone)]
pub struct ShellConfig {
    /// Threads and time.
    pub world: World,
    /// How to start a child.
    pub spec: ChildSpec,
    /// The times given to it.
    pub policy: Policy,
    /// Which commands a spout's child answers.
    pub sync: SyncPolicy,
    /// Storm's options, told to the child.
    pub conf: Map<String, Value>,
    /// A directory (made if it is not there) for the files that children name after their process ids.
    pub pid_dir: PathBuf,
    /// Tuples on the way to a bolt's child (`topology.shellbolt.max.pending`); at least one.
    pub max_pending: usize,
    /// The topology's message timeout: tuples that only wait for their turn in the child are kept from it.
    pub message_timeout: Duration,
    /// Takes log lines.
    pub logs: LogSink,
    /// Hears of the lives of children.
    pub watch: Watch,
}

/// Hears of the lives of children. Called on the threads of the engine; must be short.
pub type Watch = Arc<dyn Fn(&ChildNews) + Send + Sync>;

/// Something in the life of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildNews {
    /// The component.
    pub component: Arc<str>,
    /// The task.
    pub task: i64,
    /// What happened.
    pub what: ChildChange,
}

/// What may happen to a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChildChange {
    /// It has shaken hands; its process id.
    Started(i64),
    /// It is gone; another will be started.
    Lost {
        /// Why.
        reason: String,
        /// Whether it had shaken hands.
        was_up: bool,
    },
}

/// Why an emit to a stream that nobody declared is refused.
pub(super) fn undeclared(stream: &str) -> String {
    format!("stream {stream} is not among the component's outputs; declare it there")
}
