//! The text of a topic's file: one `name: value` line for each setting.
//!
//! A line that is missing takes its default, so that files of earlier versions open; they had `compact: true` where
//! `cleanup: compact` is now. A line that is there and wrong makes the file unreadable: guessing could remove
//! data. Settings without an effect have lines of their own that begin with `other.`.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use crate::batch::TimestampType;
use crate::config::{TopicId, TopicInfo};
use crate::topic_config::{Cleanup, Durability, TopicConfig};

const OTHER: &str = "other.";

/// The text of a topic.
pub(crate) fn encode(info: &TopicInfo) -> String {
    let TopicInfo { name, id, config } = info;
    let durability = match config.durability {
        Durability::Synced => "synced",
        Durability::Written => "written",
    };
    let timestamps = match config.timestamp_type {
        TimestampType::CreateTime => "create",
        TimestampType::LogAppendTime => "log-append",
    };
    let mut text = format!(
        "version: 0\ntopic_id: {id}\nname: {name}\npartitions: {}\n\
         retention_ms: {}\nretention_bytes: {}\nsegment_bytes: {}\nsegment_ms: {}\n\
         max_message_bytes: {}\ndurability: {durability}\ntimestamps: {timestamps}\ncleanup: {}\n\
         delete_retention_ms: {}\nmin_cleanable_dirty_ratio: {}\nmin_compaction_lag_ms: {}\n\
         max_compaction_lag_ms: {}\ntimestamp_before_max_ms: {}\ntimestamp_after_max_ms: {}\n",
        config.partitions,
        optional(config.retention_ms),
        optional(config.retention_bytes),
        optional(config.segment_bytes),
        config.segment_ms,
        config.max_message_bytes,
        cleanup_text(config.cleanup),
        config.delete_retention_ms,
        config.min_cleanable_dirty_ratio,
        config.min_compaction_lag_ms,
        config.max_compaction_lag_ms,
        config.timestamp_before_max_ms,
        config.timestamp_after_max_ms,
    );
    for (name, value) in &config.other {
        text.push_str(&format!("{OTHER}{name}: {value}\n"));
    }
    text
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "none".into(), |value| value.to_string())
}

fn cleanup_text(cleanup: Cleanup) -> &'static str {
    match (cleanup.compact, cleanup.delete) {
        (true, true) => "compact,delete",
        (true, false) => "compact",
        (false, true) => "delete",
        (false, false) => "none",
    }
}

fn parse_cleanup(text: &str) -> Option<Cleanup> {
    Some(match text {
        "compact,delete" => Cleanup::BOTH,
        "compact" => Cleanup::COMPACT,
        "delete" => Cleanup::DELETE,
        "none" => Cleanup { delete: false, compact: false },
        _ => return None,
    })
}

/// The lines of a topic file by name.
struct Fields<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Fields<'a> {
    fn parse(text: &'a str) -> Self {
        Self(text.lines().filter_map(|line| line.split_once(": ")).collect())
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).copied()
    }

    /// A number: as it stands, or the default when its line is missing.
    fn number<T: FromStr>(&self, name: &str, default: T) -> Option<T> {
        self.get(name).map_or(Some(default), |value| value.parse().ok())
    }

    fn optional<T: FromStr>(&self, name: &str, default: Option<T>) -> Option<Option<T>> {
        match self.get(name) {
            None => Some(default),
            Some("none") => Some(None),
            Some(value) => value.parse().ok().map(Some),
        }
    }

    fn cleanup(&self, default: Cleanup) -> Option<Cleanup> {
        match (self.get("cleanup"), self.get("compact")) {
            (Some(text), _) => parse_cleanup(text),
            (None, Some("true")) => Some(Cleanup::COMPACT),
            (None, Some("false")) => Some(Cleanup::DELETE),
            (None, None) => Some(default),
            (None, Some(_)) => None,
        }
    }

    fn other(&self) -> BTreeMap<String, String> {
        let lines = self.0.iter();
        let named = lines.filter_map(|(name, value)| Some((name.strip_prefix(OTHER)?, value)));
        named.map(|(name, value)| (name.to_owned(), (*value).to_owned())).collect()
    }

    fn durability(&self, default: Durability) -> Option<Durability> {
        match self.get("durability") {
            None => Some(default),
            Some("synced") => Some(Durability::Synced),
            Some("written") => Some(Durability::Written),
            Some(_) => None,
        }
    }

    fn timestamps(&self, default: TimestampType) -> Option<TimestampType> {
        match self.get("timestamps") {
            None => Some(default),
            Some("create") => Some(TimestampType::CreateTime),
            Some("log-append") => Some(TimestampType::LogAppendTime),
            Some(_) => None,
        }
    }

    fn config(&self) -> Option<TopicConfig> {
        let default = TopicConfig::default();
        Some(TopicConfig {
            partitions: self.get("partitions")?.parse().ok()?,
            retention_ms: self.optional("retention_ms", default.retention_ms)?,
            retention_bytes: self.optional("retention_bytes", default.retention_bytes)?,
            segment_bytes: self.optional("segment_bytes", default.segment_bytes)?,
            segment_ms: self.number("segment_ms", default.segment_ms)?,
            max_message_bytes: self.number("max_message_bytes", default.max_message_bytes)?,
            durability: self.durability(default.durability)?,
            timestamp_type: self.timestamps(default.timestamp_type)?,
            cleanup: self.cleanup(default.cleanup)?,
            delete_retention_ms: self.number("delete_retention_ms", default.delete_retention_ms)?,
            min_cleanable_dirty_ratio: self
                .number("min_cleanable_dirty_ratio", default.min_cleanable_dirty_ratio)?,
            min_compaction_lag_ms: self
                .number("min_compaction_lag_ms", default.min_compaction_lag_ms)?,
            max_compaction_lag_ms: self
                .number("max_compaction_lag_ms", default.max_compaction_lag_ms)?,
            timestamp_before_max_ms: self
                .number("timestamp_before_max_ms", default.timestamp_before_max_ms)?,
            timestamp_after_max_ms: self
                .number("timestamp_after_max_ms", default.timestamp_after_max_ms)?,
            other: self.other(),
        })
    }
}

/// Reads what [`encode`] wrote, in this version or an earlier one.
pub(crate) fn parse(text: &str) -> Option<TopicInfo> {
    let fields = Fields::parse(text);
    if fields.get("version")? != "0" {
        return None;
    }
    let config = fields.config()?;
    config.check().ok()?;
    let (id, name) = (TopicId::parse(fields.get("topic_id")?)?, Arc::from(fields.get("name")?));
    Some(TopicInfo { name, id, config })
}

#[cfg(test)]
mod tests;
