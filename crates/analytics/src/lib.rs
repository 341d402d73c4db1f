//! Content analytics: beacon, topology, views, API and dashboard.

pub mod agent;
mod bounds;
pub mod clean;
pub mod collector;
pub mod config;
pub mod enrich;
pub mod event;
pub mod form;
pub mod hit;
pub mod http;
pub mod import;
pub mod intake;
pub mod metadata;
pub mod metrics;
pub mod period;
pub mod pipeline;
pub mod referrer;
pub mod views;
pub mod visitor;
