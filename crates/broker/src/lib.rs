//! Kafka semantics over the wire: one handler file per API, consumer groups.
//!
//! # Constraints
//!
//! * Bytes come from anybody. A frame is bounded before it is believed and takes memory only as it arrives;
//!   connections, requests in flight, sessions, groups and members are bounded; a handler that panics closes its
//!   own connection and nothing else.
//! * Requests of one connection take effect, and are answered, in the order they came.
//! * The broker knows the log and the wire, never HTTP or the engine. Time comes from the world's clock.
//!
//! # Layout
//!
//! `server` accepts, `connection` turns a socket into frames and back, `dispatch` is the table of what is
//! served, `handlers` has one file per API named by its key, `errors` is the only place that turns
//! the log's errors into Kafka's. `settings` knows Kafka's names of what can be set, `admin` what was changed and what
//! holds. `groups`, `transactions` and `fetch_session` are plain state machines with
//! thin drivers.
//!
//! # The story
//!
//! A frame is looked up in the table, decoded at the version the client chose and handed to its handler. The
//! handler does at once what must keep the order (a produce is queued to the log) and returns the rest as
//! a future; a second loop of the connection awaits those in order and writes the answers.

mod admin;
mod answer;
mod config;
mod connection;
mod context;
mod dispatch;
mod errors;
mod features;
mod fetch_session;
mod frames;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz;
mod groups;
mod handlers;
mod memory;
mod names;
mod server;
pub mod settings;
mod topics;
mod transactions;

pub use config::{Advertised, BrokerConfig};
pub use dispatch::compatibility_markdown;
pub use groups::GroupLimits;
pub use server::{Broker, StartError};
pub use transactions::TransactionLimits;
