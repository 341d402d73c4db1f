//! Storm topologies at native speed: spouts, bolts, groupings, anchored tuples.
//!
//! # Constraints
//!
//! * A packed batch is the unit everywhere; nothing per tuple is boxed, and batch memory is recycled.
//! * Tracking a tuple tree costs one word per root in flight and one change of it per batch and root.
//! * Workers are few and cooperative; every queue is bounded, and a full one stops the spout, not the
//!   machine. An idle engine sleeps.
//! * The clock, threads and randomness come from [`tidemill_world`], so that a simulator can run
//!   the whole engine from a seed.
//!
//! This is not a cluster: one engine is one process. It knows neither the log nor the network.
//!
//! # Layout, in the order of the data
//!
//! `value`, `encode`, `tuple` what a tuple is; `state`, `window` what bolts keep; `batch`, `queue` how tuples travel; `roots`,
//! `tracker` who is still under way; `run`, `route`, `target`, `emit` how an emit finds its way;
//! `component` what users write; `bolt_core`, `spout_core` what a node asks of it; `bolt_node`, `spout_node` one task; `unit`,
//! `worker`, `layout` who runs it, and where; `spec`, `builder`, `check`, `plan` from a declaration to units; `engine` the
//! face.
//!
//! # The story
//!
//! A worker gives a spout's unit its turn. The spout emits a root; bolts fused behind it are called at
//! once with the borrowed tuple. What goes to other units is written into batches. If nothing of the root is
//! left when the call returns, it is acked on the spot; else its slot in the spout's table counts the
//! tuples under way, and whoever brings the count to zero, or fails it, leaves the spout a notice.
//! A failed root is emitted again from the copy in its slot, alone, until it succeeds or becomes a
//! dead letter. The oldest root still under way is the commit point.

mod value;

mod encode;

mod tuple;

mod tuple_ref;

mod error;
mod guarantee;
mod policy;

mod batch;
mod roots;

mod queue;

mod histogram;
mod state;
mod stats;

mod context;

mod control;
mod epochs;

mod run;

mod grouping;
mod nearness;
mod route;
mod task;

#[cfg(feature = "testing")]
mod trouble;

mod target;
mod tracker;

mod poison;

mod emit;

mod component;

mod window;

mod supervise;

mod bolt_core;
mod spout_core;

#[cfg(feature = "testing")]
mod troubled;

mod bolt_node;
mod spout_node;

mod unit;
mod worker;

mod layout;

mod spec;

mod check;

mod builder;
mod plan;

mod engine;

pub use builder::{
    BoltDeclarer, DeadLetter, DynBoltDeclarer, DynSpoutDeclarer, Source, SpoutDeclarer,
    StreamHandle, TopologyBuilder,
};
pub use check::{BuildError, TASKS_MAX};
pub use component::{Bolt, DynBolt, DynSpout, Spout};
pub use context::{
    DEAD_LETTER_FIELDS, DEAD_LETTER_STREAM, DEFAULT_STREAM, GroupingInfo, InputStream,
    OutputStream, StreamIndex, TaskContext,
};
pub use emit::{BoltOutput, Emitter, SpoutEmitter, SpoutOutput};
pub use encode::{KeyHasher, TupleWriter};
pub use engine::{Engine, EngineConfig, Running, StartError, Status, WORKERS_MAX};
pub use epochs::{CommitDone, CommitPart, Committer, Epoch, StateChanges};
pub use error::{
    ComponentError, EmitError, FailReason, RebalanceError, SubmitError, TUPLE_BYTES_MAX,
};
pub use grouping::{CustomGrouping, GroupingContext};
pub use guarantee::Guarantee;
pub use histogram::Latencies;
pub use policy::{Done, MessageId, Next, Retries, RetryPolicy};
pub use spec::Topology;
pub use state::{Answer, Keyed, QueryError, StateEntry, StateError, StateHandle, StateValue};
pub use stats::{ComponentStats, TopologyStats};
pub use target::Dynamic;
pub use task::Anchor;
pub use tuple::{AnyValue, FieldType, Kind, Maybe, Ref, Tuple, TupleReader};
pub use tuple_ref::{TaskId, TupleRef, Values};
pub use value::{ListIter, ListRef, MapIter, MapRef, OwnedValue, Value};
pub use window::{
    DynWindowBolt, Holding, Join, JoinError, LATE_STREAM, Span, Window, WindowBolt, WindowTuple,
    Windows,
};
