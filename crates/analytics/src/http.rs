//! HTTP/1.1 on tokio and hyper: connections, bodies and answers; nothing of analytics.
//!
//! # Constraints
//!
//! * Connections, bytes of a head and of a body, and the time a client may take are bounded; who goes over
//!   is told so if he still listens, and cut off.
//! * The pixel's path makes no timer and no task of its own: one sweep a second looks at all connections.
//!
//! # Layout
//!
//! [`body`] what is sent, [`reply`] whole answers, [`request`] reading a bounded body, [`proxy`] whose word on the
//! client's address is taken, [`watch`] what a connection is doing, [`server`] the loop that accepts.

pub mod body;
pub mod proxy;
pub mod reply;
pub mod request;
pub mod server;
pub mod watch;
