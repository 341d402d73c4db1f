//! Content analytics: beacon, topology, views, API and dashboard.

pub mod agent;
pub mod api;
mod bounds;
pub mod clean;
pub mod collector;
pub mod config;
pub mod demo;
pub mod enrich;
pub mod event;
pub mod form;
pub mod hit;
pub mod http;
pub mod import;
pub mod intake;
pub mod live;
pub mod metadata;
pub mod metrics;
pub mod page;
pub mod period;
pub mod pipeline;
pub mod referrer;
mod routes;
mod service;
pub mod views;
pub mod visitor;

pub use config::{AnalyticsConfig, SiteConfig};
pub use service::{Analytics, AnalyticsError};
