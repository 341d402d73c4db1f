//! What the owner of a broker may set.

use std::net::SocketAddr;
use std::time::Duration;

use crate::groups::GroupLimits;

/// An address told to clients instead of the one they reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// Settings of a broker. Plain data; `..BrokerConfig::new(listen)` fills what you do not name.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What Metadata tells clients (`advertised.listeners`). Without it they are told the address they
    /// reached, which is right unless something between translates addresses.
    pub advertised: Option<Advertised>,
    /// This broker's number (`node.id`).
    pub node_id: i32,
    /// The cluster's id. Without it, the id of the offsets topic is used, which is as old as the log.
    pub cluster_id: Option<String>,
    /// Whether asking for a topic creates it (`auto.create.topics.enable`).
    pub auto_create_topics: bool,
    /// Partitions of topics whose creator does not say (`num.partitions`).
    pub num_partitions: i32,
    /// Bytes of the largest request (`socket.request.max.bytes`).
    pub request_bytes_max: usize,
    /// Bytes of the largest Fetch response (`fetch.max.bytes`); one batch is sent even if it is larger.
    pub fetch_bytes_max: usize,
    /// Connections at one time (`max.connections`).
    pub connections_max: usize,
    /// A connection silent for so long is closed (`connections.max.idle.ms`).
    pub connection_idle_max: Duration,
    /// Requests of one connection that may wait for their answers; further ones are not read.
    pub in_flight_max: usize,
    /// Bytes of what a client may keep beside an offset (`offset.metadata.max.bytes`).
    pub offset_metadata_bytes_max: usize,
    /// Fetch sessions at one time (`max.incremental.fetch.session.cache.slots`).
    pub fetch_sessions_max: usize,
    /// Limits of consumer groups.
    pub groups: GroupLimits,
}

impl BrokerConfig {
    /// Kafka's defaults, listening at `listen`.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            advertised: None,
            node_id: 0,
            cluster_id: None,
            auto_create_topics: true,
            num_partitions: 1,
            request_bytes_max: 100 << 20,
            fetch_bytes_max: 55 << 20,
            connections_max: 10_000,
            connection_idle_max: Duration::from_secs(600),
            in_flight_max: 128,
            offset_metadata_bytes_max: 4096,
            fetch_sessions_max: 1_000,
            groups: GroupLimits::default(),
        }
    }
}
