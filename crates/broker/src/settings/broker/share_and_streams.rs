//! Share groups and streams groups, which are not served yet.

use super::row::BrokerSetting;
use super::table::settings;

/// Said of what has no effect and needs no words of its own.
const KEPT: &str = "There are no share groups and streams groups yet; kept and told.";

/// These settings, by name.
pub(super) static SHARE_AND_STREAMS: &[BrokerSetting] = settings! {
    "group.share.assignment.interval.ms": Int = Some("1000"), Range::AtLeast(0), Wide, false, KEPT;
    "group.share.assignors": List = Some("simple"), Range::Any, Start, false, KEPT;
    "group.share.delivery.count.limit": Int = Some("5"), Range::Between(2, 10), Start, false, KEPT;
    "group.share.heartbeat.interval.ms": Int = Some("5000"), Range::AtLeast(1), Start, false, KEPT;
    "group.share.max.assignment.interval.ms": Int = Some("15000"), Range::AtLeast(0), Start, false, KEPT;
    "group.share.max.delivery.count.limit": Int = Some("10"), Range::Between(5, 25), Start, false, KEPT;
    "group.share.max.heartbeat.interval.ms": Int = Some("15000"), Range::AtLeast(1), Start, false, KEPT;
    "group.share.max.partition.max.record.locks": Int = Some("4000"), Range::Between(2_000, 10_000), Start, false, KEPT;
    "group.share.max.record.lock.duration.ms": Int = Some("60000"), Range::Between(30_000, 3_600_000), Start, false,
        KEPT;
    "group.share.max.session.timeout.ms": Int = Some("60000"), Range::AtLeast(1), Start, false, KEPT;
    "group.share.max.share.sessions": Int = Some("2000"), Range::AtLeast(1), Start, false, KEPT;
    "group.share.max.size": Int = Some("200"), Range::Between(1, 1_000), Start, false, KEPT;
    "group.share.min.assignment.interval.ms": Int = Some("0"), Range::AtLeast(0), Start, false, KEPT;
    "group.share.min.delivery.count.limit": Int = Some("2"), Range::Between(2, 5), Start, false, KEPT;
    "group.share.min.heartbeat.interval.ms": Int = Some("5000"), Range::AtLeast(1), Start, false, KEPT;
    "group.share.min.partition.max.record.locks": Int = Some("100"), Range::Between(100, 2_000), Start, false, KEPT;
    "group.share.min.record.lock.duration.ms": Int = Some("15000"), Range::Between(1_000, 30_000), Start, false, KEPT;
    "group.share.min.session.timeout.ms": Int = Some("45000"), Range::AtLeast(1), Start, false, KEPT;
    "group.share.partition.max.record.locks": Int = Some("2000"), Range::Between(100, 10_000), Start, false, KEPT;
    "group.share.record.lock.duration.ms": Int = Some("30000"), Range::Between(1_000, 3_600_000), Start, false, KEPT;
    "group.share.session.timeout.ms": Int = Some("45000"), Range::AtLeast(1), Start, false, KEPT;
    "group.streams.assignment.interval.ms": Int = Some("1000"), Range::AtLeast(0), Wide, false, KEPT;
    "group.streams.heartbeat.interval.ms": Int = Some("5000"), Range::AtLeast(1), Start, false, KEPT;
    "group.streams.initial.rebalance.delay.ms": Int = Some("3000"), Range::AtLeast(0), Start, false, KEPT;
    "group.streams.max.assignment.interval.ms": Int = Some("15000"), Range::AtLeast(0), Start, false, KEPT;
    "group.streams.max.heartbeat.interval.ms": Int = Some("15000"), Range::AtLeast(1), Start, false, KEPT;
    "group.streams.max.session.timeout.ms": Int = Some("60000"), Range::AtLeast(1), Start, false, KEPT;
    "group.streams.max.size": Int = Some("2147483647"), Range::AtLeast(1), Start, false, KEPT;
    "group.streams.max.standby.replicas": Int = Some("2"), Range::AtLeast(0), Start, false, KEPT;
    "group.streams.min.assignment.interval.ms": Int = Some("0"), Range::AtLeast(0), Start, false, KEPT;
    "group.streams.min.heartbeat.interval.ms": Int = Some("5000"), Range::AtLeast(1), Start, false, KEPT;
    "group.streams.min.session.timeout.ms": Int = Some("45000"), Range::AtLeast(1), Start, false, KEPT;
    "group.streams.num.standby.replicas": Int = Some("0"), Range::AtLeast(0), Start, false, KEPT;
    "group.streams.session.timeout.ms": Int = Some("45000"), Range::AtLeast(1), Start, false, KEPT;
    "share.coordinator.append.linger.ms": Int = Some("-1"), Range::AtLeast(-1), Start, false, KEPT;
    "share.coordinator.cached.buffer.max.bytes": Int = Some("1048588"), Range::AtLeast(524_288), Wide, false, KEPT;
    "share.coordinator.load.buffer.size": Int = Some("5242880"), Range::AtLeast(1), Start, false, KEPT;
    "share.coordinator.snapshot.update.records.per.snapshot": Int = Some("500"), Range::Between(0, 500), Start, false,
        KEPT;
    "share.coordinator.state.topic.compression.codec": Int = Some("0"), Range::Any, Start, false, KEPT;
    "share.coordinator.state.topic.min.isr": Short = Some("2"), Range::AtLeast(1), Start, false, KEPT;
    "share.coordinator.state.topic.num.partitions": Int = Some("50"), Range::AtLeast(1), Start, false, KEPT;
    "share.coordinator.state.topic.replication.factor": Short = Some("3"), Range::AtLeast(1), Start, false, KEPT;
    "share.coordinator.state.topic.segment.bytes": Int = Some("104857600"), Range::AtLeast(1), Start, false, KEPT;
    "share.coordinator.threads": Int = Some("1"), Range::AtLeast(1), Start, false, KEPT;
    "share.coordinator.write.timeout.ms": Int = Some("5000"), Range::AtLeast(1), Start, false, KEPT;
    "share.fetch.purgatory.purge.interval.requests": Int = Some("1000"), Range::Any, Start, false, KEPT;
};
