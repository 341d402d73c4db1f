//! Bounds that the topology and the views share.

/// Hits that are on their way through the topology at one time. The views and the events sink rely on
/// it: an offset this far below one that has come through has come through itself.
pub(crate) const IN_FLIGHT_MAX: usize = 16_384;
