//! What a topology promises.

/// What a topology promises about its tuples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guarantee {
    /// Nothing is tracked: a root is acked when it is emitted, and a failure is only counted.
    AtMostOnce,
    /// Each root with an id is replayed until all its tuples are acked, or it is a dead letter.
    #[default]
    AtLeastOnce,
    /// Positions, states and outputs of an epoch are committed together or not at all; set by
    /// [`TopologyBuilder::exactly_once`](crate::TopologyBuilder::exactly_once).
    ExactlyOnce,
}
