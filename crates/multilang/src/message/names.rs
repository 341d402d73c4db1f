//! The names that the protocol gives to streams and components of its own.

/// The stream that an emit without a `stream` goes to.
pub const DEFAULT_STREAM: &str = "default";
/// The component that system tuples come from.
pub const SYSTEM_COMPONENT: &str = "__system";
/// The stream of tick tuples.
pub const TICK_STREAM: &str = "__tick";
/// The stream of heartbeats, answered by `sync`.
pub const HEARTBEAT_STREAM: &str = "__heartbeat";
