//! The log: what topics follow, and where it is.

use super::row::BrokerSetting;
use super::table::settings;

/// Said of what has no effect and needs no words of its own.
const KEPT: &str = "Kafka's files and threads work in another way; kept and told.";

/// These settings, by name.
pub(super) static LOG: &[BrokerSetting] = settings! {
    "alter.config.policy.class.name": Class = None, Range::Any, Start, false, KEPT;
    "auto.create.topics.enable": Boolean = Some("true"), Range::Any, Start, true,
        "Whether asking for a topic that is not there makes it.";
    "compression.gzip.level": Int = Some("-1"), Range::BetweenOr(1, 9, -1), Wide, false, KEPT;
    "compression.lz4.level": Int = Some("9"), Range::Between(1, 17), Wide, false, KEPT;
    "compression.type": String = Some("producer"), Range::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), Wide, false,
        KEPT;
    "compression.zstd.level": Int = Some("3"), Range::Between(-131_072, 22), Wide, false, KEPT;
    "create.topic.policy.class.name": Class = None, Range::Any, Start, false, KEPT;
    "delete.topic.enable": Boolean = Some("true"), Range::Any, Start, true, "Whether topics may be deleted.";
    "log.cleaner.backoff.ms": Long = Some("15000"), Range::AtLeast(0), Start, true,
        "How often it is looked whether a compacted topic needs cleaning.";
    "log.cleaner.dedupe.buffer.size": Long = Some("134217728"), Range::AtLeast(0), Start, true,
        "Memory for the keys of a pass of cleaning, 24 bytes each. What has no room waits for the next pass.";
    "log.cleaner.delete.retention.ms": Long = Some("86400000"), Range::AtLeast(0), Wide, true,
        "delete.retention.ms of topics that do not say.";
    "log.cleaner.enable": Boolean = Some("true"), Range::Any, Start, true, "Whether compacted topics are cleaned.";
    "log.cleaner.io.buffer.load.factor": Double = Some("0.9"), Range::Any, Wide, false, KEPT;
    "log.cleaner.io.buffer.size": Int = Some("524288"), Range::AtLeast(0), Wide, false, KEPT;
    "log.cleaner.io.max.bytes.per.second": Double = Some("1.7976931348623157E308"), Range::Any, Wide, false, KEPT;
    "log.cleaner.max.compaction.lag.ms": Long = Some("9223372036854775807"), Range::AtLeast(1), Wide, true,
        "max.compaction.lag.ms of topics that do not say.";
    "log.cleaner.min.cleanable.ratio": Double = Some("0.5"), Range::Between(0, 1), Wide, true,
        "min.cleanable.dirty.ratio of topics that do not say.";
    "log.cleaner.min.compaction.lag.ms": Long = Some("0"), Range::AtLeast(0), Wide, true,
        "min.compaction.lag.ms of topics that do not say.";
    "log.cleaner.threads": Int = Some("1"), Range::AtLeast(0), Wide, false, KEPT;
    "log.cleanup.policy": List = Some("delete"), Range::OneOf(&["compact", "delete"]), Wide, true,
        "cleanup.policy of topics that do not say.";
    "log.dir": List = Some("/tmp/kafka-logs"), Range::Any, Start, true,
        "The folder that holds everything, if log.dirs is not set.";
    "log.dir.failure.timeout.ms": Long = Some("30000"), Range::AtLeast(1), Start, false, KEPT;
    "log.dirs": List = None, Range::Any, Start, true,
        "The folder that holds everything. Only the first of several is used.";
    "log.flush.interval.messages": Long = Some("9223372036854775807"), Range::AtLeast(1), Wide, false,
        "Records between two syncs. Here every append is synced; see tidemill.durability.";
    "log.flush.interval.ms": Long = None, Range::Any, Wide, false,
        "Time between two syncs. Here every append is synced; see tidemill.durability.";
    "log.flush.offset.checkpoint.interval.ms": Int = Some("60000"), Range::AtLeast(0), Start, false, KEPT;
    "log.flush.scheduler.interval.ms": Long = Some("9223372036854775807"), Range::Any, Start, false, KEPT;
    "log.flush.start.offset.checkpoint.interval.ms": Int = Some("60000"), Range::AtLeast(0), Start, false, KEPT;
    "log.index.interval.bytes": Int = Some("4096"), Range::AtLeast(0), Wide, false, KEPT;
    "log.index.size.max.bytes": Int = Some("10485760"), Range::AtLeast(4), Wide, false, KEPT;
    "log.message.timestamp.after.max.ms": Long = Some("3600000"), Range::AtLeast(0), Wide, true,
        "message.timestamp.after.max.ms of topics that do not say.";
    "log.message.timestamp.before.max.ms": Long = Some("9223372036854775807"), Range::AtLeast(0), Wide, true,
        "message.timestamp.before.max.ms of topics that do not say.";
    "log.message.timestamp.type": String = Some("CreateTime"), Range::OneOf(&["CreateTime", "LogAppendTime"]), Wide, true,
        "message.timestamp.type of topics that do not say.";
    "log.preallocate": Boolean = Some("false"), Range::Any, Wide, false, KEPT;
    "log.retention.bytes": Long = Some("-1"), Range::Any, Wide, true, "retention.bytes of topics that do not say.";
    "log.retention.check.interval.ms": Long = Some("300000"), Range::AtLeast(1), Start, true,
        "How often old segments are looked for.";
    "log.retention.hours": Int = Some("168"), Range::Any, Start, true,
        "retention.ms of topics that do not say, in hours; log.retention.minutes and log.retention.ms go before it.";
    "log.retention.minutes": Int = None, Range::Any, Start, true,
        "retention.ms of topics that do not say, in minutes; log.retention.ms goes before it.";
    "log.retention.ms": Long = None, Range::Any, Wide, true, "retention.ms of topics that do not say.";
    "log.roll.hours": Int = Some("168"), Range::AtLeast(1), Start, true,
        "segment.ms of topics that do not say, in hours; log.roll.ms goes before it.";
    "log.roll.jitter.hours": Int = Some("0"), Range::AtLeast(0), Start, false, KEPT;
    "log.roll.jitter.ms": Long = None, Range::Any, Wide, false, KEPT;
    "log.roll.ms": Long = None, Range::Any, Wide, true, "segment.ms of topics that do not say.";
    "log.segment.bytes": Int = Some("1073741824"), Range::AtLeast(1_048_576), Wide, true,
        "segment.bytes of topics that do not say.";
    "log.segment.delete.delay.ms": Long = Some("60000"), Range::AtLeast(0), Wide, false, KEPT;
    "message.max.bytes": Int = Some("1048588"), Range::AtLeast(0), Wide, true,
        "max.message.bytes of topics that do not say. At most 16777216 here.";
    "num.partitions": Int = Some("1"), Range::AtLeast(1), Start, true,
        "Partitions of topics whose creator does not say.";
    "num.recovery.threads.per.data.dir": Int = Some("2"), Range::AtLeast(1), Wide, false, KEPT;
    "tidemill.durability": String = Some("synced"), Range::OneOf(&["synced", "written"]), Wide, true,
        "durability of topics that do not say; Kafka has no such setting.";
};
