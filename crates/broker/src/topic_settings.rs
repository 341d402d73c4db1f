//! A topic's settings in Kafka's names (`retention.ms=…`), to and from the log's.

use tidemill_commitlog::{Cleanup, Durability, TimestampType, TopicConfig};

/// Kafka's settings that have no meaning here. They are taken, so that scripts written for Kafka run, and
/// logged, so that nobody relies on them.
const IGNORED: &[&str] = &[
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "index.interval.bytes",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "min.insync.replicas",
    "preallocate",
    "remote.storage.enable",
    "segment.index.bytes",
    "segment.jitter.ms",
    "unclean.leader.election.enable",
];

/// Applies one setting; returns whether it means anything here.
///
/// # Errors
/// A sentence for the client: the setting is not known, or its value is not possible.
pub(crate) fn apply(config: &mut TopicConfig, name: &str, value: &str) -> Result<bool, String> {
    match name {
        "retention.ms" => {
            let ms: i64 = number(name, value)?;
            config.retention_ms = (ms != -1).then_some(ms);
        }
        "retention.bytes" => {
            let bytes: i64 = number(name, value)?;
            config.retention_bytes = match (bytes, u64::try_from(bytes)) {
                (-1, _) => None,
                (_, Ok(bytes)) => Some(bytes),
                _ => return Err(format!("{name} must be -1 or more, not {value}")),
            };
        }
        "segment.bytes" => config.segment_bytes = Some(number(name, value)?),
        "segment.ms" => config.segment_ms = number(name, value)?,
        "delete.retention.ms" => config.delete_retention_ms = number(name, value)?,
        "min.cleanable.dirty.ratio" => config.min_cleanable_dirty_ratio = number(name, value)?,
        "min.compaction.lag.ms" => config.min_compaction_lag_ms = number(name, value)?,
        "max.compaction.lag.ms" => config.max_compaction_lag_ms = number(name, value)?,
        "message.timestamp.before.max.ms" => config.timestamp_before_max_ms = number(name, value)?,
        "message.timestamp.after.max.ms" => config.timestamp_after_max_ms = number(name, value)?,
        "max.message.bytes" => config.max_message_bytes = number(name, value)?,
        "cleanup.policy" => match value {
            "delete" => config.cleanup = Cleanup::DELETE,
            "compact" => config.cleanup = Cleanup::COMPACT,
            "compact,delete" | "delete,compact" => config.cleanup = Cleanup::BOTH,
            _ => return Err(format!("{name} must be delete or compact, not {value}")),
        },
        "message.timestamp.type" => match value {
            "CreateTime" => config.timestamp_type = TimestampType::CreateTime,
            "LogAppendTime" => config.timestamp_type = TimestampType::LogAppendTime,
            _ => return Err(format!("{name} must be CreateTime or LogAppendTime, not {value}")),
        },
        "durability" => match value {
            "synced" => config.durability = Durability::Synced,
            "written" => config.durability = Durability::Written,
            _ => return Err(format!("{name} must be synced or written, not {value}")),
        },
        _ if IGNORED.contains(&name) => return Ok(false),
        _ => return Err(format!("there is no setting {name}")),
    }
    Ok(true)
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.trim().parse().map_err(|_| format!("{name} must be a number in range, not {value}"))
}

/// All settings of a topic, by name.
pub(crate) fn describe(config: &TopicConfig) -> Vec<(&'static str, String)> {
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "-1".into());
    let mut settings = vec![
        ("cleanup.policy", policy(config.cleanup).to_owned()),
        ("delete.retention.ms", config.delete_retention_ms.to_string()),
        (
            "durability",
            match config.durability {
                Durability::Synced => "synced",
                Durability::Written => "written",
            }
            .to_owned(),
        ),
        ("max.compaction.lag.ms", config.max_compaction_lag_ms.to_string()),
        ("max.message.bytes", config.max_message_bytes.to_string()),
        ("message.timestamp.after.max.ms", config.timestamp_after_max_ms.to_string()),
        ("message.timestamp.before.max.ms", config.timestamp_before_max_ms.to_string()),
        (
            "message.timestamp.type",
            match config.timestamp_type {
                TimestampType::CreateTime => "CreateTime",
                TimestampType::LogAppendTime => "LogAppendTime",
            }
            .to_owned(),
        ),
        ("min.cleanable.dirty.ratio", config.min_cleanable_dirty_ratio.to_string()),
        ("min.compaction.lag.ms", config.min_compaction_lag_ms.to_string()),
        ("retention.bytes", or_none(config.retention_bytes.map(|bytes| bytes.to_string()))),
        ("retention.ms", or_none(config.retention_ms.map(|ms| ms.to_string()))),
        ("segment.ms", config.segment_ms.to_string()),
    ];
    settings.extend(config.segment_bytes.map(|bytes| ("segment.bytes", bytes.to_string())));
    settings
}

fn policy(cleanup: Cleanup) -> &'static str {
    match (cleanup.compact, cleanup.delete) {
        (true, true) => "compact,delete",
        (true, false) => "compact",
        (false, true) => "delete",
        (false, false) => "",
    }
}

#[cfg(test)]
mod tests;
