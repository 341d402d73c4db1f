//! Content analytics: beacon, topology, views, API and dashboard.

pub mod agent;
pub mod clean;
pub mod form;
pub mod hit;
pub mod import;
pub mod period;
pub mod referrer;
pub mod visitor;
pub mod enrich;
pub mod event;
