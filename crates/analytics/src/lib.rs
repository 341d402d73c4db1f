//! Content analytics: beacon, topology, views, API and dashboard.

pub mod agent;
pub mod clean;
pub mod form;
pub mod period;
pub mod referrer;
