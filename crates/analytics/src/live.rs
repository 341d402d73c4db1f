//! The live stream of the dashboard.
//!
//! # Constraints
//!
//! * One stream a tab carries all panels. Once a second, if something changed, it gets the whole state; a comment every
//!   15 seconds keeps the connection alive.
//! * Tabs that look at the same thing share one snapshot a second; a tab that is slow gets the newest, not
//!   all.
//! * The number of streams is bounded; the next one is told to come again.
//!
//! # Layout
//!
//! [`window`] which time a tab looks at, [`snapshot`] the state as JSON, `hub` who looks at what, `stream` one tab.

mod hub;
pub mod snapshot;
mod stream;
pub mod window;

pub use hub::{Importing, ImportingSite, Live};
