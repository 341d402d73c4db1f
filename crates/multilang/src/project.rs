//! Unmodified streamparse projects: find one, read its topology with its own Python, describe it.
//!
//! # Constraints
//!
//! * The project's own interpreter decides what its modules mean: a loader script runs in it, imports
//!   the topology module as `sparse` does (`src` and the folder of topologies on `sys.path`) and prints what
//!   it found as JSON. Nothing here parses Python.
//! * What cannot run here is refused before anything starts, by name and with a way out.
//!
//! # Layout
//!
//! [`locate`] files and names, [`interpreter`] which Python, [`mod@load`] the loader and the [`TopologySpec`] it
//! gives, [`options`] whose word counts for which Storm option, [`mod@topology`] a topology of the engine.

mod error;

pub mod interpreter;
pub mod load;
pub mod locate;
pub mod options;
pub mod topology;

pub use error::ProjectError;
pub use interpreter::Interpreter;
pub use load::{ComponentKind, ComponentSpec, Grouping, InputSpec, StreamSpec, TopologySpec, load};
pub use locate::Project;
pub use options::Options;

#[cfg(test)]
mod tests;
