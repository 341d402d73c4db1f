//! What a test does to components, and when.

use crate::error::ComponentError;

/// The moments at which trouble may strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Before `open` or `prepare`.
    Making,
    /// Before `execute` or `next`.
    Before,
    /// After it: what it emitted is under way.
    After,
    /// Before `tick`, `poll` or `end_of_batch`.
    Hook,
    /// Before a spout's `commit`, or anybody's `commit_part`.
    Commit,
    /// Before `ack`, `fail`, `committed` or `taken_back`: only a panic can come of it.
    Telling,
}

/// What a test does to components.
pub(crate) trait Trouble: Send + Sync + 'static {
    /// Returns the error that the component is to return, panics in its place, or does nothing.
    fn strike(&self, component: &str, point: Point) -> Result<(), ComponentError>;
}
