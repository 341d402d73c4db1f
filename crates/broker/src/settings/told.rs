//! From our structures back to what DescribeConfigs tells.

use std::time::Duration;

use crate::config::BrokerConfig;

/// "Never", as a time that can still be reckoned with: a century.
pub(super) const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// What a setting with an effect has for its value, read off the structures that decide. `None` for the others.
pub(crate) fn told(config: &BrokerConfig, name: &str) -> Option<String> {
    let millis = |duration: Duration| {
        let is_never = duration >= NEVER;
        if is_never { "-1".to_owned() } else { duration.as_millis().to_string() }
    };
    Some(match name {
        "auto.create.topics.enable" => config.auto_create_topics.to_string(),
        "broker.id" | "node.id" => config.node_id.to_string(),
        "connections.max.idle.ms" => millis(config.connection_idle_max),
        "delete.topic.enable" => config.delete_topics.to_string(),
        "fetch.max.bytes" => config.fetch_bytes_max.to_string(),
        "group.consumer.heartbeat.interval.ms" => millis(config.groups.consumer_heartbeat_interval),
        "group.consumer.max.size" => config.groups.consumer_members_max.to_string(),
        "group.consumer.migration.policy" => "disabled".to_owned(),
        "group.consumer.session.timeout.ms" => millis(config.groups.consumer_session_timeout),
        "group.initial.rebalance.delay.ms" => millis(config.groups.initial_rebalance_delay),
        "group.max.session.timeout.ms" => millis(config.groups.session_timeout_max),
        "group.max.size" => config.groups.members_max.to_string(),
        "group.min.session.timeout.ms" => millis(config.groups.session_timeout_min),
        "listeners" => format!("PLAINTEXT://{}", config.listen),
        "max.connections" => config.connections_max.to_string(),
        "max.connections.per.ip" => config.connections_per_address_max.to_string(),
        "max.incremental.fetch.session.cache.slots" => config.fetch_sessions_max.to_string(),
        "max.request.partition.size.limit" => config.partitions_told_max.to_string(),
        "num.partitions" => config.num_partitions.to_string(),
        "offset.metadata.max.bytes" => config.offset_metadata_bytes_max.to_string(),
        "offsets.retention.check.interval.ms" => millis(config.groups.offsets_check_interval),
        "offsets.retention.minutes" => (config.groups.offsets_retention.as_secs() / 60).to_string(),
        "queued.max.request.bytes" => config.request_memory_bytes_max.to_string(),
        "socket.request.max.bytes" => config.request_bytes_max.to_string(),
        "tidemill.queued.max.response.bytes" => config.response_memory_bytes_max.to_string(),
        "tidemill.replication.strict" => config.replication_factor_strict.to_string(),
        "tidemill.request.receive.timeout.ms" => millis(config.frame_grace),
        "transaction.max.timeout.ms" => millis(config.transactions.timeout_max),
        "transaction.remove.expired.transaction.cleanup.interval.ms" => {
            millis(config.transactions.id_check_interval)
        }
        "transactional.id.expiration.ms" => millis(config.transactions.id_expiration),
        "advertised.listeners" => {
            let advertised = config.advertised.as_ref()?;
            format!("PLAINTEXT://{}:{}", advertised.host, advertised.port)
        }
        _ => return None,
    })
}
