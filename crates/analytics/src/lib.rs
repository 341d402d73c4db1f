//! Content analytics for publishers, as Parse.ly does it: beacon, topology, views, API and dashboard.
//!
//! # Constraints
//!
//! * A hit is on the disk before its sender is answered. Everything that is shown is a view that a topology
//!   computes from the log, and can be computed again to the same numbers.
//! * Parse.ly's public interfaces are spoken: the pixel, the apps' batches, the `/v2` API, page metadata, the raw event.
//! * No address of a reader is kept: the visitor is a keyed hash of the day, and what is stored is a /24 or /48.
//! * What comes from outside is bounded before it is held, and text in it is an attacker's.
//!
//! # Layout, in the order of the data
//!
//! [`http`] connections; [`collector`] what browsers and apps send; [`import`] access logs; [`demo`] a newsroom that does
//! not exist; [`visitor`] who is who today; [`hit`] what stands in the log; [`intake`] how it gets there;
//! [`pipeline`] the topology, which uses [`clean`] the post of an address, [`referrer`] where readers come from,
//! [`agent`] people and machines, [`enrich`] all of it together, [`event`] the raw event; [`metadata`] what publishers
//! say; [`views`] the counters; [`period`] which time is asked about; [`api`] questions; [`live`] the dashboard's
//! stream; [`page`] the dashboard's files; [`metrics`] counts of all that. [`form`] is the encoding that most of it
//! speaks.
//!
//! # The story
//!
//! [`Analytics::start`] makes the topics `hits`, `events` and `metadata` and submits one topology, which reads `hits` from
//! its start. A pixel is checked, put into `hits`, and answered when it is synced. The topology finds the
//! post, the referrer and the reader, counts them in minutes, hours and days, and writes the raw event. A
//! question sums the buckets that cover its period; once a second the tabs of the dashboard get what has changed.

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
