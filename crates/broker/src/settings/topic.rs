//! The settings of a topic: all of Kafka 4.3's, and one of ours.
//!
//! A setting that was given to a topic is kept in [`TopicConfig::other`] as it was written, by Kafka's name, so that it
//! is told as it was given; one with an effect is in its own field too. What was not given follows the broker, as
//! in Kafka: [`follows`] says whether a topic was made that way.

use tidemill_commitlog::{Cleanup, Durability, TimestampType, TopicConfig};

use super::kinds::{self, Kind, Range, Value};

mod table;

pub use table::TOPIC_SETTINGS;

/// How a broker's setting stands to the topic's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The same value.
    Same,
    /// Minutes, where the topic has milliseconds.
    Minutes,
    /// Hours, where the topic has milliseconds.
    Hours,
}

impl Scale {
    pub(crate) fn factor(self) -> i64 {
        match self {
            Self::Same => 1,
            Self::Minutes => 60_000,
            Self::Hours => 3_600_000,
        }
    }
}

/// One setting of a topic.
#[derive(Clone, Copy, Debug)]
pub struct TopicSetting {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its value where neither topic nor broker has one.
    pub default: &'static str,
    /// Which values are possible.
    pub range: Range,
    /// The broker's settings that topics follow, the strongest first.
    pub synonyms: &'static [(&'static str, Scale)],
    /// Whether it changes anything here; if not it is kept and told.
    pub has_effect: bool,
    /// What it means.
    pub doc: &'static str,
}

/// Marks a topic that follows the broker in all it was not given.
const FOLLOWS: &str = "tidemill.follows";

/// All settings, by name.
pub fn all() -> impl Iterator<Item = &'static TopicSetting> {
    TOPIC_SETTINGS.iter()
}

/// The setting of that name.
pub fn find(name: &str) -> Option<&'static TopicSetting> {
    let at = TOPIC_SETTINGS.binary_search_by_key(&name, |setting| setting.name).ok()?;
    TOPIC_SETTINGS.get(at)
}

/// Checks a value, as it would be given to a topic.
///
/// # Errors
/// Kafka's sentence: the name is not known, or the value is not possible.
pub(crate) fn check(name: &str, text: &str) -> Result<(), String> {
    let setting = find(name).ok_or_else(|| format!("Unknown topic config name: {name}"))?;
    let value = kinds::read(name, setting.kind, setting.range, text)?;
    if (name, &value) == ("remote.storage.enable", &Value::Boolean(true)) {
        return Err("Tiered Storage functionality is disabled in the broker. \
                    Topic cannot be configured with remote log storage."
            .to_owned());
    }
    let mut scratch = TopicConfig::default();
    set_field(&mut scratch, name, &value)
}

/// Gives a topic a value of its own.
///
/// # Errors
/// As [`check`]; nothing was changed.
pub(crate) fn give(config: &mut TopicConfig, name: &str, text: &str) -> Result<(), String> {
    check(name, text)?;
    config.other.insert(name.to_owned(), text.trim().to_owned());
    effect(config, name, text)
}

/// Sets the field of a setting that has an effect, without noting that the topic was given it.
pub(crate) fn effect(config: &mut TopicConfig, name: &str, text: &str) -> Result<(), String> {
    let setting = find(name).ok_or_else(|| format!("Unknown topic config name: {name}"))?;
    let value = kinds::read(name, setting.kind, setting.range, text)?;
    set_field(config, name, &value)
}

fn set_field(config: &mut TopicConfig, name: &str, value: &Value) -> Result<(), String> {
    match (name, value) {
        ("cleanup.policy", Value::List(words)) => {
            let has = |policy: &str| words.iter().any(|word| word == policy);
            config.cleanup = Cleanup { delete: has("delete"), compact: has("compact") };
        }
        ("durability", Value::Text(word)) => {
            let is_written = word == "written";
            config.durability = if is_written { Durability::Written } else { Durability::Synced };
        }
        ("message.timestamp.type", Value::Text(word)) => {
            let by_log = word == "LogAppendTime";
            config.timestamp_type =
                if by_log { TimestampType::LogAppendTime } else { TimestampType::CreateTime };
        }
        ("min.cleanable.dirty.ratio", Value::Double(ratio)) => {
            config.min_cleanable_dirty_ratio = *ratio;
        }
        (_, Value::Whole(number)) => set_number(config, name, *number)?,
        _ => {}
    }
    Ok(())
}

fn set_number(config: &mut TopicConfig, name: &str, number: i64) -> Result<(), String> {
    let not_negative = u64::try_from(number).unwrap_or(0);
    match name {
        "delete.retention.ms" => config.delete_retention_ms = not_negative,
        "max.compaction.lag.ms" => config.max_compaction_lag_ms = not_negative,
        "max.message.bytes" => {
            config.max_message_bytes = u32::try_from(number).unwrap_or(0);
            most(name, number, MESSAGE_BYTES_MAX)?;
        }
        "message.timestamp.after.max.ms" => config.timestamp_after_max_ms = number,
        "message.timestamp.before.max.ms" => config.timestamp_before_max_ms = number,
        "min.compaction.lag.ms" => config.min_compaction_lag_ms = not_negative,
        // Kafka takes every negative number for "no bound" when it deletes.
        "retention.bytes" => config.retention_bytes = u64::try_from(number).ok(),
        "retention.ms" => config.retention_ms = (number >= 0).then_some(number),
        "segment.bytes" => {
            config.segment_bytes = Some(not_negative);
            most(name, number, SEGMENT_BYTES_MAX)?;
        }
        "segment.ms" => config.segment_ms = not_negative,
        _ => {}
    }
    Ok(())
}

/// The log's bound of one append.
const MESSAGE_BYTES_MAX: i64 = 16 << 20;
/// The log's bound of a segment: positions in an index have 31 bits.
const SEGMENT_BYTES_MAX: i64 = 1 << 30;

/// Bounds of the log's that are narrower than Kafka's.
fn most(name: &str, number: i64, most: i64) -> Result<(), String> {
    if number <= most {
        return Ok(());
    }
    Err(format!(
        "Invalid value {number} for configuration {name}: Value must be no more than {most}"
    ))
}

/// Whether the topic follows the broker in what it was not given. A topic that a program made without the broker does
/// not: its settings are all its own.
pub(crate) fn follows(config: &TopicConfig) -> bool {
    config.other.contains_key(FOLLOWS)
}

/// The settings of a topic that was given `own` and follows `defaults` in the rest.
///
/// # Errors
/// As [`check`], or the settings contradict each other.
pub(crate) fn compose<'a>(
    defaults: &TopicConfig,
    partitions: i32,
    own: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<TopicConfig, String> {
    let mut config = TopicConfig { partitions, ..defaults.clone() };
    config.other.clear();
    config.other.insert(FOLLOWS.to_owned(), "true".to_owned());
    for (name, text) in own {
        give(&mut config, name, text)?;
    }
    check_together(&config)?;
    Ok(config)
}

/// What the topic was given, by name.
pub(crate) fn own(config: &TopicConfig) -> Vec<(&'static str, String)> {
    if follows(config) {
        let given = |setting: &TopicSetting| config.other.get(setting.name).cloned();
        let all = TOPIC_SETTINGS.iter();
        return all.filter_map(|setting| Some((setting.name, given(setting)?))).collect();
    }
    // Made without the broker: whatever is not Kafka's default was meant.
    let differs = |setting: &&TopicSetting| value(config, setting) != setting.default;
    let all = TOPIC_SETTINGS.iter().filter(differs);
    all.map(|setting| (setting.name, value(config, setting))).collect()
}

fn check_together(config: &TopicConfig) -> Result<(), String> {
    let (least, most) = (config.min_compaction_lag_ms, config.max_compaction_lag_ms);
    if least > most {
        return Err(format!(
            "conflict topic config setting min.compaction.lag.ms ({least}) > max.compaction.lag.ms ({most})"
        ));
    }
    config.check().map_err(|error| error.to_string())
}

/// The value that holds.
pub(crate) fn value(config: &TopicConfig, setting: &TopicSetting) -> String {
    if let Some(text) = config.other.get(setting.name) {
        return text.clone();
    }
    field(config, setting.name).unwrap_or_else(|| setting.default.to_owned())
}

/// The value of a setting that has an effect.
fn field(config: &TopicConfig, name: &str) -> Option<String> {
    Some(match name {
        "cleanup.policy" => policy(config.cleanup).to_owned(),
        "delete.retention.ms" => config.delete_retention_ms.to_string(),
        "durability" => match config.durability {
            Durability::Synced => "synced".to_owned(),
            Durability::Written => "written".to_owned(),
        },
        "max.compaction.lag.ms" => config.max_compaction_lag_ms.to_string(),
        "max.message.bytes" => config.max_message_bytes.to_string(),
        "message.timestamp.after.max.ms" => config.timestamp_after_max_ms.to_string(),
        "message.timestamp.before.max.ms" => config.timestamp_before_max_ms.to_string(),
        "message.timestamp.type" => match config.timestamp_type {
            TimestampType::CreateTime => "CreateTime".to_owned(),
            TimestampType::LogAppendTime => "LogAppendTime".to_owned(),
        },
        // As Java writes it: always with a point.
        "min.cleanable.dirty.ratio" => format!("{:?}", config.min_cleanable_dirty_ratio),
        "min.compaction.lag.ms" => config.min_compaction_lag_ms.to_string(),
        "retention.bytes" => config.retention_bytes.map_or("-1".to_owned(), |n| n.to_string()),
        "retention.ms" => config.retention_ms.map_or("-1".to_owned(), |n| n.to_string()),
        "segment.bytes" => config.segment_bytes?.to_string(),
        "segment.ms" => config.segment_ms.to_string(),
        _ => return None,
    })
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
