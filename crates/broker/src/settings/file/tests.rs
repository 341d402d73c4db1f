//! Whole files.

use std::time::Duration;

use proptest::prelude::*;
use tidemill_commitlog::Cleanup;

use super::*;
use crate::settings::{Range, told};

/// As Kafka's distribution has it, shortened.
const SAMPLE: &str = "\
# Licensed to nobody
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL
num.network.threads=3
socket.request.max.bytes=104857600
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
offsets.topic.replication.factor=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
";

fn parse(text: &str) -> ServerSettings {
    parse_properties(text).unwrap().0
}

fn refused(text: &str) -> String {
    parse_properties(text).unwrap_err().to_string()
}

#[test]
fn kafkas_own_file_is_understood() {
    let (settings, warnings) = parse_properties(SAMPLE).unwrap();
    assert_eq!(settings.broker.listen, "0.0.0.0:9092".parse().unwrap());
    let advertised = settings.broker.advertised.unwrap();
    assert_eq!((advertised.host.as_str(), advertised.port), ("localhost", 9092));
    assert_eq!(settings.broker.node_id, 1);
    assert_eq!(settings.log.dir, std::path::Path::new("/tmp/kraft-combined-logs"));
    assert_eq!(settings.log.segment_bytes, 1 << 30);
    assert!(warnings.iter().all(|warning| warning.text.contains("has no effect")), "{warnings:?}");
    assert!(warnings.iter().any(|warning| warning.line == 2));
}

#[test]
fn values_reach_their_fields() {
    let settings = parse(
        "broker.id=7\nnum.partitions=5\nlog.retention.minutes=2\nlog.cleanup.policy=compact,delete\n\
         message.max.bytes=2000\nmax.connections.per.ip=3\nmax.connections.per.ip.overrides=10.0.0.1:9,[::1]:2\n\
         connections.max.idle.ms=-1\nqueued.max.request.bytes=-1\nauto.create.topics.enable=FALSE\n\
         group.min.session.timeout.ms=1\nlog.segment.bytes=2097152\nlog.roll.hours=1\n\
         log.cleaner.enable=false\nlog.cleaner.backoff.ms=7\nlog.cleaner.dedupe.buffer.size=4800\n\
         tidemill.durability=written\ndelete.topic.enable=false\ntidemill.replication.strict=true",
    );
    let broker = settings.broker;
    assert_eq!((broker.node_id, broker.num_partitions), (7, 5));
    assert_eq!(broker.topic_defaults.retention_ms, Some(120_000));
    assert_eq!(broker.topic_defaults.cleanup, Cleanup::BOTH);
    assert_eq!(broker.topic_defaults.max_message_bytes, 2000);
    assert_eq!(broker.topic_defaults.segment_ms, 3_600_000);
    assert_eq!(broker.topic_defaults.durability, tidemill_commitlog::Durability::Written);
    assert_eq!(broker.connections_per_address_max, 3);
    assert_eq!(broker.connections_per_address[&"::1".parse().unwrap()], 2);
    assert!(broker.connection_idle_max > Duration::from_secs(1_000_000));
    assert_eq!(broker.request_memory_bytes_max, 256 << 20);
    assert!(
        !broker.auto_create_topics && !broker.delete_topics && broker.replication_factor_strict
    );
    assert_eq!(broker.groups.session_timeout_min, Duration::from_millis(1));
    assert_eq!(settings.log.segment_bytes, 2 << 20);
    let log = settings.log;
    assert_eq!(
        (log.cleaner_enabled, log.cleaner_check_ms, log.cleaner_memory_bytes),
        (false, 7, 4_800)
    );
}

#[test]
fn an_unknown_name_is_a_warning_with_the_nearest() {
    let (_, warnings) = parse_properties("\nlog.retention.hour=1\nmy.own.thing=2").unwrap();
    let texts: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "line 2: there is no setting log.retention.hour; did you mean log.retention.hours?",
            "line 3: there is no setting my.own.thing; it is left out",
        ]
    );
}

#[test]
fn an_impossible_value_is_an_error_with_its_line() {
    for (text, expected) in [
        (
            "#\nnum.partitions=0",
            "line 2: Invalid value 0 for configuration num.partitions: Value must be at least 1",
        ),
        (
            "log.segment.bytes=10",
            "line 1: Invalid value 10 for configuration log.segment.bytes: Value must be at least 1048576",
        ),
        (
            "listeners=9092",
            "line 1: Invalid value 9092 for configuration listeners: a listener is NAME://host:port",
        ),
        (
            "node.id=1\nbroker.id=2",
            "node.id is 1 and broker.id is 2; they are two names of one setting, name one of them",
        ),
        (
            "log.cleaner.min.compaction.lag.ms=9\nlog.cleaner.max.compaction.lag.ms=5",
            "topic setting min_compaction_lag_ms is invalid: must be at most max_compaction_lag_ms 5",
        ),
        (
            "max.connections.per.ip.overrides=x",
            "line 1: Invalid value x for configuration max.connections.per.ip.overrides: x is not address:number",
        ),
    ] {
        assert_eq!(refused(text), expected);
    }
    // A listener that wants TLS must not become one without.
    assert!(
        refused("listeners=SSL://:9093").contains("listener SSL is not of the protocol PLAINTEXT")
    );
    assert!(refused("advertised.listeners=PLAINTEXT://0.0.0.0:1").contains("cannot reach it"));
}

#[test]
fn a_host_name_is_listened_for_everywhere() {
    let (settings, warnings) = parse_properties("listeners=PLAINTEXT://kafka-1:7000").unwrap();
    assert_eq!(settings.broker.listen, "0.0.0.0:7000".parse().unwrap());
    assert!(warnings[0].text.contains("kafka-1 is not an address"));
}

#[test]
fn what_is_told_is_what_holds() {
    let text =
        "num.partitions=5\nmax.connections=77\nconnections.max.idle.ms=-1\nfetch.max.bytes=2048";
    let broker = parse(text).broker;
    for line in text.lines() {
        let (name, value) = line.split_once('=').unwrap();
        assert_eq!(told(&broker, name).as_deref(), Some(value));
    }
    assert_eq!(told(&broker, "num.io.threads"), None);
}

/// A value of a whole number that is in range and not the default.
fn other(setting: &broker::BrokerSetting) -> String {
    let Range::AtLeast(least) = setting.range else { return "7".to_owned() };
    (least + 7).to_string()
}

#[test]
fn whatever_groups_and_transactions_are_given_holds() {
    let (_, table) = broker::TABLES.iter().find(|(subject, _)| subject.contains("Groups")).unwrap();
    // Of these one has a single value here, and one is the log's.
    let aside = ["group.consumer.migration.policy", "producer.id.expiration.ms"];
    for setting in table.iter().filter(|one| one.has_effect && !aside.contains(&one.name)) {
        let text = format!("{}={}", setting.name, other(setting));
        let (settings, warnings) = parse_properties(&text).unwrap();
        assert_eq!(told(&settings.broker, setting.name), Some(other(setting)), "{text}");
        assert_eq!(warnings, [], "{text}");
    }
    assert_eq!(parse("producer.id.expiration.ms=7").log.producer_expiration_ms, 7);
}

#[test]
fn what_is_below_zero_is_none_at_all() {
    let broker = parse(
        "group.min.session.timeout.ms=-1\ngroup.initial.rebalance.delay.ms=-1\noffset.metadata.max.bytes=-1",
    )
    .broker;
    assert_eq!(broker.groups.session_timeout_min, Duration::ZERO);
    assert_eq!(broker.groups.initial_rebalance_delay, Duration::ZERO);
    assert_eq!(broker.offset_metadata_bytes_max, 0);
    let broker = parse("offset.metadata.max.bytes=2147483647").broker;
    assert_eq!(told(&broker, "offset.metadata.max.bytes").as_deref(), Some("32767"));
}

proptest! {
    #[test]
    fn any_file_is_read_or_refused(
        lines in prop::collection::vec((prop::sample::select(broker::all().map(|s| s.name).collect::<Vec<_>>()), "[-0-9a-zA-Z:/,.*=\\\\ ]{0,20}"), 0..20)
    ) {
        let text: String = lines.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        let _ = parse_properties(&text);
    }
}
