//! Keyed state: maps that belong to a task and are read from outside by key or whole.
//!
//! # Constraints
//!
//! * A task's state is touched by the one thread that runs the task, so an update costs a hash and no lock. Who asks
//!   from outside leaves a question; the task answers it between two batches.
//! * State outlives the instance that uses it: a bolt that panics is made anew and finds it as it was. In an exactly-once
//!   topology what an epoch changed goes with its commit, a restart begins with what was committed, and an epoch
//!   that is taken back leaves no trace. In others it does not outlive the topology.
//! * Keys and values have bytes of their own ([`StateValue`]), which is what questions and answers are made of.
//!
//! # Layout
//!
//! `value` bytes of keys and values; `keyed` one map; `store` the maps of one task; `question` asking from outside.
//!
//! # The story
//!
//! A bolt asks for its state in `prepare` ([`TaskContext::keyed`](crate::TaskContext::keyed)) and keeps the handle. In
//! `execute` the handle gives the map ([`Emitter::state`](crate::Emitter::state)).
//! [`Running::ask`](crate::Running::ask) sends a question to all tasks of a component and returns what
//! each had to say.

mod keyed;
mod question;
mod store;
mod value;

pub use keyed::Keyed;
pub use question::{Answer, QueryError, StateEntry};
pub(crate) use question::{Door, Wanted};
pub(crate) use store::{Place, Registry, Stores};
pub use store::{StateError, StateHandle};
pub use value::StateValue;
