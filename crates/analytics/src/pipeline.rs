//! The topology: from hits in the log to views and raw events.
//!
//! ```text
//! hits ─► enrich ─┬─ facts ──► views ◄── metadata
//!                 └─ events ─► events sink ─► topic `events`
//! ```
//!
//! # Constraints
//!
//! * Started anew, it reads `hits` and `metadata` from their first record and rebuilds the views; nothing else is kept.
//! * The raw events are written once: what the topic `events` has is learned from its end ([`written`]).
//! * Everything is one task a component, so that the engine runs it as one chain of calls.

use tidemill_connect::{LOG_FIELDS, LogSpout, Start};
use tidemill_engine::{BuildError, Topology, TopologyBuilder};

use crate::bounds::IN_FLIGHT_MAX;
use crate::intake::{HITS, METADATA};

mod enrich_bolt;
mod events_sink;
pub mod fact;
pub mod progress;
mod views_bolt;
pub mod works;
pub mod written;

use enrich_bolt::EnrichBolt;
use events_sink::EventsSink;
use fact::FACT_FIELDS;
use views_bolt::ViewsBolt;
pub use works::Works;

/// The name the topology runs under.
pub const NAME: &str = "analytics";
/// How long a bolt may hold a tuple. The events sink holds them while the disk is full, which may be long, and tries
/// again itself; replaying them would gain nothing.
const MESSAGE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// Declares the topology.
///
/// # Errors
/// Only if the engine's rules for names or fields change.
pub fn topology(works: &Works) -> Result<Topology, BuildError> {
    let mut builder = TopologyBuilder::new(NAME);
    builder.max_pending(IN_FLIGHT_MAX).message_timeout(MESSAGE_TIMEOUT);

    let log = works.log.clone();
    builder
        .dyn_spout("hits", move || LogSpout::new(log.clone(), HITS, Start::Earliest))
        .output(&LOG_FIELDS);
    let log = works.log.clone();
    builder
        .dyn_spout("metadata", move || LogSpout::new(log.clone(), METADATA, Start::Earliest))
        .output(&LOG_FIELDS);

    let shared = works.clone();
    builder
        .dyn_bolt("enrich", move || EnrichBolt::new(&shared))
        .stream("facts", &FACT_FIELDS)
        .stream("events", &["event", "site", "timestamp", "partition", "offset"])
        .local_or_shuffle("hits");

    let shared = works.clone();
    builder
        .dyn_bolt("views", move || ViewsBolt::new(&shared))
        .global(("enrich", "facts"))
        .global("metadata");

    let shared = works.clone();
    builder
        .dyn_bolt("events", move || EventsSink::new(&shared))
        .global(("enrich", "events"))
        .tick(events_sink::RETRY_EVERY);

    builder.build()
}
