//! Settings there and back.

use super::*;

fn applied(name: &str, value: &str) -> Result<TopicConfig, String> {
    let mut config = TopicConfig::default();
    apply(&mut config, name, value).map(|_| config)
}

#[test]
fn settings_come_out_as_they_went_in() {
    for (name, value) in [
        ("cleanup.policy", "compact"),
        ("cleanup.policy", "compact,delete"),
        ("delete.retention.ms", "5"),
        ("durability", "written"),
        ("max.compaction.lag.ms", "6"),
        ("message.timestamp.after.max.ms", "7"),
        ("message.timestamp.before.max.ms", "8"),
        ("min.cleanable.dirty.ratio", "0.25"),
        ("min.compaction.lag.ms", "9"),
        ("segment.ms", "10"),
        ("max.message.bytes", "2000000"),
        ("message.timestamp.type", "LogAppendTime"),
        ("retention.bytes", "1000000"),
        ("retention.bytes", "-1"),
        ("retention.ms", "60000"),
        ("retention.ms", "-1"),
        ("segment.bytes", "1048576"),
    ] {
        let described = describe(&applied(name, value).unwrap());
        assert!(described.contains(&(name, value.to_owned())), "{name}={value}: {described:?}");
    }
}

#[test]
fn impossible_values_and_unknown_names_are_refused_in_words() {
    let error = |name, value| applied(name, value).unwrap_err();
    assert_eq!(error("retention.ms", "soon"), "retention.ms must be a number in range, not soon");
    assert_eq!(error("retention.bytes", "-2"), "retention.bytes must be -1 or more, not -2");
    assert_eq!(error("cleanup.policy", "x"), "cleanup.policy must be delete or compact, not x");
    assert_eq!(error("retention.hours", "1"), "there is no setting retention.hours");
}

#[test]
fn settings_without_a_meaning_here_change_nothing() {
    let mut config = TopicConfig::default();
    assert_eq!(apply(&mut config, "min.insync.replicas", "2"), Ok(false));
    assert_eq!(config, TopicConfig::default());
}
