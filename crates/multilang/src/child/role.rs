//! What a child is to the engine.

/// What a child is: it decides how the protocol runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Gets tuples, acks them when it likes; heartbeats show that it lives.
    Bolt,
    /// Gets one command at a time and answers each with `sync`.
    Spout,
}
