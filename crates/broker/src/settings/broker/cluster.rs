//! Brokers and controllers among themselves: there is one, so nearly all is only kept.

use super::row::BrokerSetting;
use super::table::settings;

/// Said of what has no effect and needs no words of its own.
const KEPT: &str = "There are no other brokers or controllers; kept and told.";

/// These settings, by name.
pub(super) static CLUSTER: &[BrokerSetting] = settings! {
    "alter.log.dirs.replication.quota.window.num": Int = Some("11"), Range::AtLeast(1), Start, false, KEPT;
    "alter.log.dirs.replication.quota.window.size.seconds": Int = Some("1"), Range::AtLeast(1), Start, false, KEPT;
    "auto.leader.rebalance.enable": Boolean = Some("true"), Range::Any, Start, false, KEPT;
    "broker.heartbeat.interval.ms": Int = Some("2000"), Range::Any, Start, false, KEPT;
    "broker.id": Int = Some("-1"), Range::Any, Start, true, "The older name of node.id.";
    "broker.rack": String = None, Range::Any, Start, false, KEPT;
    "broker.session.timeout.ms": Int = Some("9000"), Range::Any, Start, false, KEPT;
    "controlled.shutdown.enable": Boolean = Some("true"), Range::Any, Start, false, KEPT;
    "controller.listener.names": List = None, Range::Any, Start, false, KEPT;
    "controller.quorum.append.linger.ms": Int = Some("25"), Range::AtLeast(0), Start, false, KEPT;
    "controller.quorum.auto.join.enable": Boolean = Some("false"), Range::Any, Start, false, KEPT;
    "controller.quorum.bootstrap.servers": List = Some(""), Range::Any, Start, false, KEPT;
    "controller.quorum.election.backoff.max.ms": Int = Some("1000"), Range::AtLeast(0), Start, false, KEPT;
    "controller.quorum.election.timeout.ms": Int = Some("1000"), Range::AtLeast(0), Start, false, KEPT;
    "controller.quorum.fetch.max.bytes": Int = Some("1048576"), Range::AtLeast(1), Start, false, KEPT;
    "controller.quorum.fetch.snapshot.max.bytes": Int = Some("1048576"), Range::AtLeast(1), Start, false, KEPT;
    "controller.quorum.fetch.timeout.ms": Int = Some("2000"), Range::AtLeast(0), Start, false, KEPT;
    "controller.quorum.request.timeout.ms": Int = Some("2000"), Range::AtLeast(0), Start, false, KEPT;
    "controller.quorum.retry.backoff.ms": Int = Some("20"), Range::AtLeast(0), Start, false, KEPT;
    "controller.quorum.voters": List = Some(""), Range::Any, Start, false, KEPT;
    "controller.quota.window.num": Int = Some("11"), Range::AtLeast(1), Start, false, KEPT;
    "controller.quota.window.size.seconds": Int = Some("1"), Range::AtLeast(1), Start, false, KEPT;
    "controller.socket.timeout.ms": Int = Some("30000"), Range::Any, Start, false, KEPT;
    "cordoned.log.dirs": List = Some(""), Range::Any, Node, false, KEPT;
    "default.replication.factor": Int = Some("1"), Range::Any, Start, false,
        "Replicas of topics whose creator does not say. There is one copy; see tidemill.replication.strict.";
    "early.start.listeners": List = None, Range::Any, Start, false, KEPT;
    "follower.replication.throttled.rate": Long = Some("9223372036854775807"), Range::AtLeast(0), Wide, false, KEPT;
    "initial.broker.registration.timeout.ms": Int = Some("60000"), Range::Any, Start, false, KEPT;
    "inter.broker.listener.name": String = None, Range::Any, Start, false, KEPT;
    "leader.imbalance.check.interval.seconds": Long = Some("300"), Range::AtLeast(1), Start, false, KEPT;
    "leader.replication.throttled.rate": Long = Some("9223372036854775807"), Range::AtLeast(0), Wide, false, KEPT;
    "metadata.log.dir": String = None, Range::Any, Start, false, KEPT;
    "metadata.log.max.record.bytes.between.snapshots": Long = Some("20971520"), Range::AtLeast(1), Start, false, KEPT;
    "metadata.log.max.snapshot.interval.ms": Long = Some("3600000"), Range::AtLeast(0), Start, false, KEPT;
    "metadata.log.segment.bytes": Int = Some("1073741824"), Range::AtLeast(8_388_608), Start, false, KEPT;
    "metadata.log.segment.ms": Long = Some("604800000"), Range::Any, Start, false, KEPT;
    "metadata.max.idle.interval.ms": Int = Some("500"), Range::AtLeast(0), Start, false, KEPT;
    "metadata.max.retention.bytes": Long = Some("104857600"), Range::Any, Start, false, KEPT;
    "metadata.max.retention.ms": Long = Some("604800000"), Range::Any, Start, false, KEPT;
    "min.insync.replicas": Int = Some("1"), Range::AtLeast(1), Wide, false, KEPT;
    "node.id": Int = None, Range::AtLeast(0), Start, true, "The number of this broker.";
    "num.replica.alter.log.dirs.threads": Int = None, Range::Any, Start, false, KEPT;
    "num.replica.fetchers": Int = Some("1"), Range::AtLeast(1), Wide, false, KEPT;
    "process.roles": List = None, Range::OneOf(&["broker", "controller"]), Start, false,
        "Broker, controller or both. There is no separate controller here.";
    "replica.alter.log.dirs.io.max.bytes.per.second": Long = Some("9223372036854775807"), Range::AtLeast(0), Wide, false,
        KEPT;
    "replica.fetch.backoff.ms": Int = Some("1000"), Range::AtLeast(0), Start, false, KEPT;
    "replica.fetch.max.bytes": Int = Some("1048576"), Range::AtLeast(0), Start, false, KEPT;
    "replica.fetch.min.bytes": Int = Some("1"), Range::Any, Start, false, KEPT;
    "replica.fetch.response.max.bytes": Int = Some("10485760"), Range::AtLeast(0), Start, false, KEPT;
    "replica.fetch.wait.max.ms": Int = Some("500"), Range::Any, Start, false, KEPT;
    "replica.high.watermark.checkpoint.interval.ms": Long = Some("5000"), Range::Any, Start, false, KEPT;
    "replica.lag.time.max.ms": Long = Some("30000"), Range::Any, Start, false, KEPT;
    "replica.selector.class": String = None, Range::Any, Start, false, KEPT;
    "replica.socket.receive.buffer.bytes": Int = Some("65536"), Range::Any, Start, false, KEPT;
    "replica.socket.timeout.ms": Int = Some("30000"), Range::Any, Start, false, KEPT;
    "replication.quota.window.num": Int = Some("11"), Range::AtLeast(1), Start, false, KEPT;
    "replication.quota.window.size.seconds": Int = Some("1"), Range::AtLeast(1), Start, false, KEPT;
    "tidemill.replication.strict": Boolean = Some("false"), Range::Any, Start, true,
        "Whether a replication factor above 1 is refused, as Kafka with one broker refuses it. Otherwise it is taken, answered as 1 and logged, so that a program written for three brokers runs; Kafka has no such setting.";
    "unclean.leader.election.enable": Boolean = Some("false"), Range::Any, Wide, false, KEPT;
};
