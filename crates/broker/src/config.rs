//! What the owner of a broker may set.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tidemill_commitlog::TopicConfig;

use crate::groups::GroupLimits;
use crate::transactions::TransactionLimits;

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
    /// What topics are that are made without saying; their number of partitions is [`num_partitions`](Self::num_partitions).
    pub topic_defaults: TopicConfig,
    /// Whether topics may be deleted (`delete.topic.enable`).
    pub delete_topics: bool,
    /// Whether a replication factor above 1 is refused. Otherwise it is taken, answered as 1 and logged, so that
    /// a program written for three brokers runs (`tidemill.replication.strict`).
    pub replication_factor_strict: bool,
    /// Bytes of the largest request (`socket.request.max.bytes`).
    pub request_bytes_max: usize,
    /// Bytes of the largest Fetch response (`fetch.max.bytes`); one batch is sent even if it is larger.
    pub fetch_bytes_max: usize,
    /// Connections at one time (`max.connections`).
    pub connections_max: usize,
    /// Connections of one address at one time (`max.connections.per.ip`).
    pub connections_per_address_max: usize,
    /// The same for single addresses (`max.connections.per.ip.overrides`).
    pub connections_per_address: BTreeMap<IpAddr, usize>,
    /// Bytes of requests that are being read or wait for their answers, over all connections. While they are used up no
    /// more is read (`queued.max.request.bytes`).
    pub request_memory_bytes_max: usize,
    /// Bytes of records in answers that are not written yet, over all connections. While they are used up, fetches
    /// get little at a time (`tidemill.queued.max.response.bytes`).
    pub response_memory_bytes_max: usize,
    /// How long a request may take to arrive once it has begun; a large one has a second more for each 64 KiB that came
    /// (`tidemill.request.receive.timeout.ms`).
    pub frame_grace: Duration,
    /// Partitions of one answer to DescribeTopicPartitions (`max.request.partition.size.limit`).
    pub partitions_told_max: usize,
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
    /// The settings as the file stated them, by Kafka's names, to be told to clients. They decide nothing: the fields above
    /// do.
    pub stated: BTreeMap<String, String>,
    /// Limits of transactions.
    pub transactions: TransactionLimits,
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
            topic_defaults: TopicConfig::default(),
            delete_topics: true,
            replication_factor_strict: false,
            request_bytes_max: 100 << 20,
            fetch_bytes_max: 55 << 20,
            connections_max: 10_000,
            connections_per_address_max: usize::try_from(i32::MAX).unwrap_or(usize::MAX),
            connections_per_address: BTreeMap::new(),
            request_memory_bytes_max: 256 << 20,
            response_memory_bytes_max: 256 << 20,
            frame_grace: Duration::from_secs(30),
            partitions_told_max: 2_000,
            connection_idle_max: Duration::from_secs(600),
            in_flight_max: 128,
            offset_metadata_bytes_max: 4096,
            fetch_sessions_max: 1_000,
            groups: GroupLimits::default(),
            stated: BTreeMap::new(),
            transactions: TransactionLimits::default(),
        }
    }
}
