//! Groups, offsets, producers and transactions.

use super::row::BrokerSetting;
use super::table::settings;

/// Said of what has no effect and needs no words of its own.
const KEPT: &str = "Not used so far; kept and told.";

/// Said of the bounds of what a single group may be given, which has no effect itself.
const BOUND: &str = "It bounds a setting of single groups, which is kept and told.";

/// These settings, by name.
pub(super) static COORDINATORS: &[BrokerSetting] = settings! {
    "add.partitions.to.txn.retry.backoff.max.ms": Int = Some("100"), Range::AtLeast(0), Start, false, KEPT;
    "add.partitions.to.txn.retry.backoff.ms": Int = Some("20"), Range::AtLeast(1), Start, false, KEPT;
    "group.consumer.assignment.interval.ms": Int = Some("1000"), Range::AtLeast(0), Wide, false, KEPT;
    "group.consumer.assignors": List = Some("uniform,range"), Range::Any, Start, false, KEPT;
    "group.consumer.heartbeat.interval.ms": Int = Some("5000"), Range::AtLeast(1), Start, true,
        "How often members of the consumer protocol are told to come.";
    "group.consumer.max.assignment.interval.ms": Int = Some("15000"), Range::AtLeast(0), Start, false, KEPT;
    "group.consumer.max.heartbeat.interval.ms": Int = Some("15000"), Range::AtLeast(1), Start, false, BOUND;
    "group.consumer.max.session.timeout.ms": Int = Some("60000"), Range::AtLeast(1), Start, false, BOUND;
    "group.consumer.max.size": Int = Some("2147483647"), Range::AtLeast(1), Start, true,
        "Members of one group (consumer protocol). Here at most 10000 unless it is set.";
    "group.consumer.migration.policy": String = Some("bidirectional"), Range::Any, Start, true,
        "Always `disabled` here: members of the two protocols do not mix in a group, and an empty one takes either.";
    "group.consumer.min.assignment.interval.ms": Int = Some("0"), Range::AtLeast(0), Start, false, KEPT;
    "group.consumer.min.heartbeat.interval.ms": Int = Some("5000"), Range::AtLeast(1), Start, false, BOUND;
    "group.consumer.min.session.timeout.ms": Int = Some("45000"), Range::AtLeast(1), Start, false, BOUND;
    "group.consumer.session.timeout.ms": Int = Some("45000"), Range::AtLeast(1), Start, true,
        "How long a member of the consumer protocol may be silent.";
    "group.coordinator.append.linger.ms": Int = Some("-1"), Range::AtLeast(-1), Start, false, KEPT;
    "group.coordinator.background.threads": Int = Some("2"), Range::AtLeast(1), Start, false, KEPT;
    "group.coordinator.cached.buffer.max.bytes": Int = Some("1048588"), Range::AtLeast(524_288), Wide, false, KEPT;
    "group.coordinator.rebalance.protocols": List = Some("classic,consumer,streams"), Range::OneOf(&["consumer", "classic", "share", "streams"]), Start, false,
        KEPT;
    "group.coordinator.threads": Int = Some("4"), Range::AtLeast(1), Start, false, KEPT;
    "group.initial.rebalance.delay.ms": Int = Some("3000"), Range::Any, Start, true,
        "How long the first rebalance of an empty group waits for more members. 0 here unless it is set.";
    "group.max.session.timeout.ms": Int = Some("1800000"), Range::Any, Start, true,
        "The longest session timeout of a member (classic protocol).";
    "group.max.size": Int = Some("2147483647"), Range::AtLeast(1), Start, true,
        "Members of one group (classic protocol). Here at most 10000 unless it is set.";
    "group.min.session.timeout.ms": Int = Some("6000"), Range::Any, Start, true,
        "The shortest session timeout of a member (classic protocol).";
    "offset.metadata.max.bytes": Int = Some("4096"), Range::Any, Start, true,
        "The longest text beside a committed offset. At most 32767 here.";
    "offsets.commit.timeout.ms": Int = Some("5000"), Range::AtLeast(1), Start, false, KEPT;
    "offsets.load.buffer.size": Int = Some("5242880"), Range::AtLeast(1), Start, false, KEPT;
    "offsets.retention.check.interval.ms": Long = Some("600000"), Range::AtLeast(1), Start, true,
        "How often it is looked for offsets that nobody uses any more.";
    "offsets.retention.minutes": Int = Some("10080"), Range::AtLeast(1), Start, true,
        "How long offsets are kept after a group lost its last member; those of topics that a group does not read, and those committed without the group protocol, after their commit.";
    "offsets.topic.compression.codec": Int = Some("0"), Range::Any, Start, false, KEPT;
    "offsets.topic.num.partitions": Int = Some("50"), Range::AtLeast(1), Start, false, KEPT;
    "offsets.topic.replication.factor": Short = Some("3"), Range::AtLeast(1), Start, false, KEPT;
    "offsets.topic.segment.bytes": Int = Some("104857600"), Range::AtLeast(1), Start, false, KEPT;
    "producer.id.expiration.ms": Int = Some("86400000"), Range::AtLeast(1), Start, true,
        "A producer that appends nothing for so long is forgotten.";
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": Int = Some("10000"), Range::AtLeast(1), Start, false,
        "A transaction is aborted as soon as its time is over.";
    "transaction.max.timeout.ms": Int = Some("900000"), Range::AtLeast(1), Start, true,
        "The longest a producer may ask its transactions to stay open.";
    "transaction.partition.verification.enable": Boolean = Some("true"), Range::Any, Wide, false, KEPT;
    "transaction.remove.expired.transaction.cleanup.interval.ms": Int = Some("3600000"), Range::AtLeast(1), Start, true,
        "How often it is looked for transactional ids that nobody uses any more.";
    "transaction.state.log.load.buffer.size": Int = Some("5242880"), Range::AtLeast(1), Start, false, KEPT;
    "transaction.state.log.min.isr": Int = Some("2"), Range::AtLeast(1), Start, false, KEPT;
    "transaction.state.log.num.partitions": Int = Some("50"), Range::AtLeast(1), Start, false, KEPT;
    "transaction.state.log.replication.factor": Short = Some("3"), Range::AtLeast(1), Start, false, KEPT;
    "transaction.state.log.segment.bytes": Int = Some("104857600"), Range::AtLeast(1), Start, false, KEPT;
    "transaction.two.phase.commit.enable": Boolean = Some("false"), Range::Any, Start, false, KEPT;
    "transactional.id.expiration.ms": Int = Some("604800000"), Range::AtLeast(1), Start, true,
        "A transactional id that begins no transaction for so long is forgotten.";
};
