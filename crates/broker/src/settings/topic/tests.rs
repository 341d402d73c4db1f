//! Topic settings there and back.

use proptest::prelude::*;

use super::*;

fn compose_from(own: &[(&str, &str)]) -> Result<TopicConfig, String> {
    compose(&TopicConfig::default(), 3, own.iter().copied())
}

fn told(config: &TopicConfig, name: &str) -> String {
    value(config, find(name).unwrap())
}

#[test]
fn the_table_is_sorted_and_its_defaults_are_the_logs() {
    assert!(TOPIC_SETTINGS.is_sorted_by(|a, b| a.name < b.name));
    let config = TopicConfig::default();
    for setting in TOPIC_SETTINGS {
        assert_eq!(check(setting.name, setting.default), Ok(()), "{}", setting.name);
        assert_eq!(value(&config, setting), setting.default, "{}", setting.name);
        assert!(setting.doc.ends_with('.') && !setting.doc.contains('|'), "{}", setting.name);
    }
}

#[test]
fn what_was_given_is_told_as_it_was_given() {
    let given = [
        ("cleanup.policy", "delete,compact"),
        ("min.insync.replicas", "2"),
        ("retention.ms", "604800000"),
    ];
    let config = compose_from(&given).unwrap();
    assert_eq!(own(&config), given.map(|(name, text)| (name, text.to_owned())));
    assert_eq!(config.cleanup, Cleanup::BOTH);
    assert_eq!(config.partitions, 3);
    for (name, text) in given {
        assert_eq!(told(&config, name), text);
    }
    assert_eq!(told(&config, "segment.ms"), "604800000");
}

#[test]
fn every_setting_with_an_effect_reaches_the_log() {
    for (name, text) in [
        ("cleanup.policy", "compact"),
        ("delete.retention.ms", "5"),
        ("durability", "written"),
        ("max.compaction.lag.ms", "6"),
        ("max.message.bytes", "2000000"),
        ("message.timestamp.after.max.ms", "7"),
        ("message.timestamp.before.max.ms", "8"),
        ("message.timestamp.type", "LogAppendTime"),
        ("min.cleanable.dirty.ratio", "0.25"),
        ("min.compaction.lag.ms", "9"),
        ("retention.bytes", "1000000"),
        ("retention.ms", "-1"),
        ("segment.bytes", "1048576"),
        ("segment.ms", "10"),
    ] {
        let mut config = compose_from(&[(name, text)]).unwrap();
        config.other.clear();
        assert_eq!(told(&config, name), text);
        assert_ne!(config, TopicConfig { partitions: 3, ..TopicConfig::default() }, "{name}");
        assert!(find(name).unwrap().has_effect, "{name}");
    }
    let with_effect = TOPIC_SETTINGS.iter().filter(|setting| setting.has_effect).count();
    assert_eq!(with_effect, 14);
}

#[test]
fn a_topic_made_without_the_broker_owns_what_differs() {
    let config = TopicConfig { retention_ms: Some(5), ..TopicConfig::default() };
    assert!(!follows(&config));
    assert_eq!(own(&config), [("retention.ms", "5".to_owned())]);
}

#[test]
fn refusals_are_kafkas() {
    for (own, expected) in [
        (("nonsense", "1"), "Unknown topic config name: nonsense"),
        (
            ("remote.storage.enable", "true"),
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
        ),
        (
            ("retention.ms", "soon"),
            "Invalid value soon for configuration retention.ms: Not a number of type LONG",
        ),
        (
            ("max.message.bytes", "16777217"),
            "Invalid value 16777217 for configuration max.message.bytes: Value must be no more than 16777216",
        ),
    ] {
        assert_eq!(compose_from(&[own]).unwrap_err(), expected);
    }
    let lags = [("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")];
    assert_eq!(
        compose_from(&lags).unwrap_err(),
        "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)"
    );
}

proptest! {
    #[test]
    fn any_value_is_taken_or_refused(
        name in prop::sample::select(TOPIC_SETTINGS.iter().map(|s| s.name).collect::<Vec<_>>()),
        text in "[-0-9a-zA-Z,.: ]{0,24}",
    ) {
        if let Ok(config) = compose_from(&[(name, &text)]) {
            prop_assert_eq!(told(&config, name), text.trim());
            prop_assert!(config.check().is_ok());
        }
    }
}
