//! What every suite is handed.

use std::path::{Path, PathBuf};

use crate::peers::Peer;

/// What a suite is run with.
pub(super) struct Setting<'a> {
    /// The checkout.
    pub(super) root: &'a Path,
    /// The broker.
    pub(super) peer: &'a mut Peer,
    /// The tests asked for; all if there is none.
    pub(super) wanted: &'a [String],
    /// Where output of single tests goes.
    pub(super) output: PathBuf,
}
