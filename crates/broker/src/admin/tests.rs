//! Changes, in force and over a restart.

use tidemill_commitlog::{Log, LogConfig};
use tidemill_world::sim::Simulation;

use super::changes::Operation;
use super::*;

fn config() -> BrokerConfig {
    BrokerConfig::new("127.0.0.1:0".parse().unwrap())
}

fn open(simulation: &Simulation) -> (Log, Admin) {
    let log = Log::open(simulation.world(), LogConfig::new("log")).unwrap();
    let admin = Admin::open(&log, &config()).unwrap();
    (log, admin)
}

fn set(name: &str, value: &str) -> Vec<Change> {
    vec![Change { name: name.into(), operation: Operation::Set, value: Some(value.into()) }]
}

fn delete(name: &str) -> Vec<Change> {
    vec![Change { name: name.into(), operation: Operation::Delete, value: None }]
}

fn retention(log: &Log, topic: &str) -> Option<i64> {
    log.topic(topic).unwrap().config.retention_ms
}

#[test]
fn topics_follow_the_broker_in_what_they_were_not_given() {
    let simulation = Simulation::new(1);
    let (log, admin) = open(&simulation);
    let following = admin.new_topic(1, std::iter::empty()).unwrap();
    log.create_topic("following", following).unwrap();
    let own = admin.new_topic(1, [("retention.ms", "5")].into_iter()).unwrap();
    log.create_topic("own", own).unwrap();
    log.create_topic("embedded", TopicConfig::default()).unwrap();
    admin.alter_broker("", &set("log.retention.ms", "77"), false).unwrap();
    assert_eq!(retention(&log, "following"), Some(77));
    assert_eq!(retention(&log, "own"), Some(5));
    assert_eq!(retention(&log, "embedded"), Some(604_800_000));
    // This broker's own value goes before the one of all.
    admin.alter_broker("0", &set("log.retention.ms", "78"), false).unwrap();
    assert_eq!(retention(&log, "following"), Some(78));
    admin.alter_topic("own", &delete("retention.ms"), false).unwrap();
    assert_eq!(retention(&log, "own"), Some(78));
    admin.alter_broker("0", &delete("log.retention.ms"), false).unwrap();
    admin.alter_broker("", &delete("log.retention.ms"), false).unwrap();
    assert_eq!(retention(&log, "following"), Some(604_800_000));
}

#[test]
fn a_topic_follows_another_file_from_the_next_start() {
    let simulation = Simulation::new(1);
    let (log, admin) = open(&simulation);
    log.create_topic("t", admin.new_topic(1, std::iter::empty()).unwrap()).unwrap();
    let defaults = TopicConfig { retention_ms: Some(9), ..TopicConfig::default() };
    let changed = BrokerConfig { topic_defaults: defaults, ..config() };
    Admin::open(&log, &changed).unwrap();
    assert_eq!(retention(&log, "t"), Some(9));
}

#[test]
fn changes_outlive_the_process() {
    let simulation = Simulation::new(1);
    let (log, admin) = open(&simulation);
    admin.alter_broker("0", &set("max.connections", "7"), false).unwrap();
    admin.alter_group("g", &set("consumer.session.timeout.ms", "50000"), false).unwrap();
    let entity = [("user".to_owned(), None)].into();
    let quota = [("producer_byte_rate".to_owned(), Some(5.0))].into();
    admin.alter_quotas(&entity, &quota, false).unwrap();
    drop((admin, log));
    simulation.run_until_idle(10_000);
    simulation.crash();
    let (_log, admin) = open(&simulation);
    assert_eq!(admin.live().connections_max, 7);
    assert_eq!(admin.groups_with_settings(), ["g"]);
    assert_eq!(admin.quotas(&BTreeMap::new(), false).unwrap().len(), 1);
}

#[test]
fn a_check_alone_changes_nothing() {
    let simulation = Simulation::new(1);
    let (log, admin) = open(&simulation);
    log.create_topic("t", admin.new_topic(1, std::iter::empty()).unwrap()).unwrap();
    admin.alter_topic("t", &set("retention.ms", "1"), true).unwrap();
    admin.alter_broker("0", &set("max.connections", "7"), true).unwrap();
    assert_eq!(retention(&log, "t"), Some(604_800_000));
    assert_eq!(admin.live().connections_max, 10_000);
}

#[test]
fn a_failing_disk_changes_nothing() {
    let simulation = Simulation::new(1);
    let (_log, admin) = open(&simulation);
    simulation.disk().fail_next_sync("broker-settings");
    let failed = admin.alter_broker("0", &set("max.connections", "7"), false).unwrap_err();
    assert_eq!(failed.error, ErrorCode::KafkaStorageError);
    assert_eq!(admin.live().connections_max, 10_000);
    admin.alter_broker("0", &set("max.connections", "8"), false).unwrap();
    assert_eq!(admin.live().connections_max, 8);
}

#[test]
fn refusals_of_the_broker_are_kafkas() {
    let simulation = Simulation::new(1);
    let (_log, admin) = open(&simulation);
    for (resource, name, value, expected) in [
        ("0", "num.partitions", "3", "Cannot update these configs dynamically: [num.partitions]"),
        ("0", "listeners", "x", "Cannot update these configs dynamically: [listeners]"),
        (
            "",
            "listeners",
            "x",
            "Cannot update these configs at default cluster level, broker id must be specified: [listeners]",
        ),
        (
            "0",
            "ssl.keystore.location",
            "x",
            "These security configs can be dynamically updated only per-listener using the listener prefix: [ssl.keystore.location]",
        ),
        (
            "0",
            "max.connections",
            "x",
            "Invalid value x for configuration max.connections: Not a number of type INT",
        ),
        (
            "7",
            "max.connections",
            "1",
            "Unexpected broker id, expected 0 or empty string, but received 7",
        ),
        ("x", "max.connections", "1", "Broker id must be an integer, but it is: x"),
    ] {
        let refused = admin.alter_broker(resource, &set(name, value), false).unwrap_err();
        assert_eq!((refused.error, &*refused.message), (ErrorCode::InvalidRequest, expected));
    }
}

#[test]
fn groups_are_bounded_by_the_broker() {
    let simulation = Simulation::new(1);
    let (_log, admin) = open(&simulation);
    for (name, value, expected) in [
        (
            "consumer.session.timeout.ms",
            "5",
            "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
        ),
        (
            "consumer.session.timeout.ms",
            "999999",
            "consumer.session.timeout.ms must be less than or equal to group.consumer.max.session.timeout.ms",
        ),
        ("x", "5", "Unknown group config name: x"),
    ] {
        let refused = admin.alter_group("g", &set(name, value), false).unwrap_err();
        assert_eq!((refused.error, &*refused.message), (ErrorCode::InvalidConfig, expected));
    }
}
