//! Child processes that speak the Storm multilang protocol, as spouts and bolts, and unmodified
//! streamparse projects as topologies.
//!
//! # Constraints
//!
//! * A child is never trusted: what it writes is bounded, and what it does wrong is named in the log and costs
//!   at most its own life.
//! * A dead or hung child loses no tuple: what it held is failed, the engine sends it again, a new child is
//!   started.
//! * No child outlives us, however we die.
//! * Nothing here knows the log or the network.
//!
//! # Layout, in the direction of the data
//!
//! [`frame`] cuts a child's output into messages, [`message`] gives them types, [`child`] keeps one process alive and
//! talks to it, [`shell`] makes a spout or bolt of it, [`project`] makes a topology of a streamparse project, and
//! [`mod@run`] runs one from beginning to end.

pub mod child;
pub mod frame;
pub mod message;
pub mod project;
pub mod run;
pub mod shell;

pub use run::run;
