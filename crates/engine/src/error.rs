//! What can go wrong at run time, and why a root failed.

use std::fmt;

/// An error of a component. Any error or text converts into it with `?` or `into()`.
///
/// From `execute` it fails the tuple in hand; from `next` it makes the engine call again after a pause.
/// Either way it is counted, logged (throttled) and shown in the statistics; the component lives on.
pub type ComponentError = Box<dyn std::error::Error + Send + Sync>;

/// Why a root failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailReason {
    /// A bolt answered `Done::Fail`, or failed an anchor.
    Failed {
        /// The component that failed the tuple.
        component: String,
        /// What it said, empty if nothing.
        message: String,
    },
    /// A bolt returned an error.
    Error {
        /// The component that returned it.
        component: String,
        /// The error's text.
        message: String,
    },
    /// A bolt panicked with the tuple in hand and was restarted.
    Panicked {
        /// The component that panicked.
        component: String,
    },
    /// Every tuple left of the root was handed to a bolt, and nothing moved for the message timeout.
    TimedOut,
}

impl fmt::Display for FailReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { component, message } if message.is_empty() => {
                write!(f, "failed by {component}")
            }
            Self::Failed { component, message } => write!(f, "failed by {component}: {message}"),
            Self::Error { component, message } => write!(f, "error in {component}: {message}"),
            Self::Panicked { component } => write!(f, "{component} panicked"),
            Self::TimedOut => f.write_str("timed out"),
        }
    }
}

/// An emit that the dynamic face refuses. Nothing was emitted; the component may go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// The component declares no stream of that index, or no `default` stream.
    #[error("component {component} declares no such stream; declare it with .stream(name, fields)")]
    UnknownStream {
        /// The emitting component.
        component: String,
    },
    /// The number of values is not the number of declared fields.
    #[error(
        "{given} values emitted on stream {stream} of {component}, which declares {declared} fields"
    )]
    WrongArity {
        /// The emitting component.
        component: String,
        /// The stream.
        stream: String,
        /// How many values were given.
        given: usize,
        /// How many fields the stream declares.
        declared: usize,
    },
    /// A direct emit on a plain stream, or a plain emit on a direct one.
    #[error("stream {stream} of {component} is {}; use {}",
        if *.direct { "direct" } else { "not direct" },
        if *.direct { "emit_direct" } else { "emit_to, or declare it with .direct_stream" })]
    Directness {
        /// The emitting component.
        component: String,
        /// The stream.
        stream: String,
        /// Whether the stream was declared direct.
        direct: bool,
    },
    /// No direct subscriber of the stream owns that task.
    #[error("task {task} does not subscribe to stream {stream} of {component} by direct grouping")]
    UnknownTask {
        /// The emitting component.
        component: String,
        /// The stream.
        stream: String,
        /// The task named.
        task: u32,
    },
    /// The tuple is larger than [`TUPLE_BYTES_MAX`].
    #[error("a tuple of {bytes} bytes exceeds the limit of {TUPLE_BYTES_MAX} bytes")]
    TooLarge {
        /// The tuple's size when written.
        bytes: usize,
    },
}

/// The largest tuple, in bytes as written into a batch: offsets in a batch are 32 bits wide, and a batch
/// takes one more tuple before it counts as full.
pub const TUPLE_BYTES_MAX: usize = 1 << 30;

/// A topology that the engine would not run. Nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// A topology of this name runs already.
    #[error("topology {name} is already running; kill it first or choose another name")]
    AlreadyRunning {
        /// The name.
        name: String,
    },
    /// The operating system refused a thread for a blocking component.
    #[error("cannot start a thread for blocking component {component}: {source}")]
    Thread {
        /// The component.
        component: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The committer of an exactly-once topology cannot say where it stopped.
    #[error("topology {name} cannot go on from its last commit: {why}")]
    Committer {
        /// The topology.
        name: String,
        /// What the committer said.
        why: String,
    },
    /// The engine was shut down.
    #[error("the engine is shut down")]
    ShutDown,
}

/// A change of executors that was not made. The topology runs on as it did.
#[derive(Debug, thiserror::Error)]
pub enum RebalanceError {
    /// The topology has no such component.
    #[error("there is no component {component}; known are: {known}")]
    UnknownComponent {
        /// What was named.
        component: String,
        /// The components there are.
        known: String,
    },
    /// There are never fewer than one executor, or more than tasks.
    #[error(
        "component {component} cannot have {executors} executors; use 1 to {tasks}, the number of its tasks, which is fixed when the topology is built (.tasks)"
    )]
    OutOfRange {
        /// The component.
        component: String,
        /// The number asked for.
        executors: usize,
        /// Its tasks.
        tasks: usize,
    },
    /// Two components run as one and so have the same executors.
    #[error(
        "{component} and {with} are fused into one chain; ask for the same number of executors for both"
    )]
    Fused {
        /// The component.
        component: String,
        /// The other one.
        with: String,
    },
    /// The operating system refused a thread for a blocking component.
    #[error("cannot start a thread for blocking component {component}: {source}")]
    Thread {
        /// The component.
        component: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The topology has ended, or is about to.
    #[error("topology {name} has ended")]
    Ended {
        /// The topology.
        name: String,
    },
}
