//! The commands, one file each.

pub(crate) mod analytics;
pub(crate) mod consume;
pub(crate) mod import;
pub(crate) mod produce;
pub(crate) mod run;
pub(crate) mod topic;
pub(crate) mod up;
