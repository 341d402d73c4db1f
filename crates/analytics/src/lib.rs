//! Content analytics: beacon, topology, views, API and dashboard.

pub mod agent;
pub mod clean;
pub mod enrich;
pub mod event;
pub mod form;
pub mod hit;
pub mod http;
pub mod import;
pub mod metadata;
pub mod period;
mod pipeline_bounds;
pub mod referrer;
pub mod views;
pub mod visitor;
