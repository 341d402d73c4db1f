//! Settings come back from their text; old texts open; wrong ones do not.

use super::*;

const OLD: &str = "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA\nname: t\npartitions: 2\n\
    retention_ms: none\nretention_bytes: 5000000\nsegment_bytes: none\nmax_message_bytes: 1000\n\
    durability: written\ncompact: true\ntimestamps: log-append\n";

#[test]
fn a_file_of_an_earlier_version_opens_with_defaults() {
    let info = parse(OLD).unwrap();
    let expected = TopicConfig {
        partitions: 2,
        retention_ms: None,
        retention_bytes: Some(5_000_000),
        max_message_bytes: 1000,
        durability: Durability::Written,
        cleanup: Cleanup::COMPACT,
        timestamp_type: TimestampType::LogAppendTime,
        ..TopicConfig::default()
    };
    assert_eq!(info.config, expected);
    assert_eq!(parse(&OLD.replace("true", "false")).unwrap().config.cleanup, Cleanup::DELETE);
}

#[test]
fn what_is_written_is_read() {
    let other = [("min.insync.replicas", "1"), ("flush.ms", "a: b: c"), ("preallocate", "")];
    let config = TopicConfig {
        segment_ms: 5,
        cleanup: Cleanup::BOTH,
        delete_retention_ms: 0,
        min_cleanable_dirty_ratio: 0.1 + 0.2,
        min_compaction_lag_ms: 7,
        max_compaction_lag_ms: 8,
        timestamp_before_max_ms: 9,
        timestamp_after_max_ms: 10,
        other: other.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..TopicConfig::default()
    };
    for cleanup in [Cleanup::BOTH, Cleanup { delete: false, compact: false }] {
        let config = TopicConfig { cleanup, ..config.clone() };
        let info = TopicInfo { name: "t".into(), id: TopicId([7; 16]), config };
        assert_eq!(parse(&encode(&info)), Some(info));
    }
}

#[test]
fn a_wrong_line_is_an_error_and_not_a_default() {
    let text = encode(&parse(OLD).unwrap());
    for line in text.lines() {
        let (name, _) = line.split_once(": ").unwrap();
        let wrong = text.replace(line, &format!("{name}: a\u{7}b"));
        let refused = parse(&wrong).is_none();
        assert!(refused || name == "name", "{name}");
    }
    assert!(parse(&text.replace("segment_ms: 604800000", "segment_ms: 0")).is_none(), "its range");
}
