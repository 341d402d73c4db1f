//! The commands, one file each.

pub(crate) mod analytics;
pub(crate) mod broker;
pub(crate) mod cluster;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod consume;
pub(crate) mod group;
pub(crate) mod import;
pub(crate) mod log;
pub(crate) mod produce;
pub(crate) mod run;
pub(crate) mod topic;
pub(crate) mod up;
