//! Features that brokers of a cluster agree on (KIP-584). Clients choose their protocols by the levels told.

/// Each feature's name, and the highest level served, which is also the one that holds.
pub(crate) const FEATURES: &[(&str, i16)] = &[("group.version", 1), ("transaction.version", 2)];
