//! The table of topic settings: names, types, ranges and defaults are Kafka 4.3's, the words are ours.

use super::{Scale, TopicSetting};
use crate::settings::kinds::{Kind, Range};

const SAME: Scale = Scale::Same;
const POLICIES: &[&str] = &["compact", "delete"];
const TIMESTAMPS: &[&str] = &["CreateTime", "LogAppendTime"];
const COMPRESSIONS: &[&str] = &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];
const DURABILITIES: &[&str] = &["synced", "written"];

/// Rows of `name: type = default, range, [the broker's names], whether it has an effect, words`.
macro_rules! settings {
    ($($name:literal: $kind:ident = $default:literal, $range:expr,
       [$(($synonym:literal, $scale:expr)),*], $effect:literal, $doc:literal;)*) => {
        &[$(TopicSetting {
            name: $name,
            kind: Kind::$kind,
            default: $default,
            range: $range,
            synonyms: &[$(($synonym, $scale)),*],
            has_effect: $effect,
            doc: $doc,
        }),*]
    };
}

/// All settings of a topic, by name.
pub static TOPIC_SETTINGS: &[TopicSetting] = settings! {
    "cleanup.policy": List = "delete", Range::OneOf(POLICIES), [("log.cleanup.policy", SAME)], true,
        "What becomes of old records: delete removes whole segments by age and size, compact keeps the last record of each key, both together do both. An empty list keeps everything.";
    "compression.gzip.level": Int = "-1", Range::BetweenOr(1, 9, -1), [("compression.gzip.level", SAME)], false,
        "Effort of gzip, if the broker compressed. It never does: batches stay as the producer sent them.";
    "compression.lz4.level": Int = "9", Range::Between(1, 17), [("compression.lz4.level", SAME)], false,
        "Effort of LZ4, if the broker compressed. It never does.";
    "compression.type": String = "producer", Range::OneOf(COMPRESSIONS), [("compression.type", SAME)], false,
        "Codec the log should be kept in. Batches always stay as the producer sent them, which is what `producer` means.";
    "compression.zstd.level": Int = "3", Range::Between(-131_072, 22), [("compression.zstd.level", SAME)], false,
        "Effort of Zstandard, if the broker compressed. It never does.";
    "delete.retention.ms": Long = "86400000", Range::AtLeast(0), [("log.cleaner.delete.retention.ms", SAME)], true,
        "How long a record without a value stays in a compacted topic, so that a reader that begins at the start learns of the deletion.";
    "durability": String = "synced", Range::OneOf(DURABILITIES), [("tidemill.durability", SAME)], true,
        "What acks=all waits for; Kafka has no such setting. synced: the bytes are on the disk. written: they are written and synced soon after, which survives a crash of the broker but not of the machine.";
    "file.delete.delay.ms": Long = "60000", Range::AtLeast(0), [("log.segment.delete.delay.ms", SAME)], false,
        "Delay before the file of a removed segment goes. Here it goes at once; readers that have it open read on.";
    "flush.messages": Long = "9223372036854775807", Range::AtLeast(1), [("log.flush.interval.messages", SAME)], false,
        "Records between two syncs. Here every append is synced; see durability.";
    "flush.ms": Long = "9223372036854775807", Range::AtLeast(0), [("log.flush.interval.ms", SAME), ("log.flush.scheduler.interval.ms", SAME)], false,
        "Time between two syncs. Here every append is synced; see durability.";
    "follower.replication.throttled.replicas": List = "", Range::Replicas, [], false,
        "Followers that copy slowly. There is one copy.";
    "index.interval.bytes": Int = "4096", Range::AtLeast(0), [("log.index.interval.bytes", SAME)], false,
        "Bytes of log between two index entries: 4096 here, whatever this says.";
    "leader.replication.throttled.replicas": List = "", Range::Replicas, [], false,
        "Leaders that are copied slowly. There is one copy.";
    "local.retention.bytes": Long = "-2", Range::AtLeast(-2), [("log.local.retention.bytes", SAME)], false,
        "What stays on the local disk of a topic in tiered storage, which is not served.";
    "local.retention.ms": Long = "-2", Range::AtLeast(-2), [("log.local.retention.ms", SAME)], false,
        "How long records stay on the local disk of a topic in tiered storage, which is not served.";
    "max.compaction.lag.ms": Long = "9223372036854775807", Range::AtLeast(1), [("log.cleaner.max.compaction.lag.ms", SAME)], true,
        "A record older than this is compacted however little else there is to clean.";
    "max.message.bytes": Int = "1048588", Range::AtLeast(0), [("message.max.bytes", SAME)], true,
        "The largest batch that is accepted, as it arrives, compressed or not. At most 16777216 here.";
    "message.timestamp.after.max.ms": Long = "3600000", Range::AtLeast(0), [("log.message.timestamp.after.max.ms", SAME)], true,
        "How far a producer's timestamps may be ahead of the broker's clock.";
    "message.timestamp.before.max.ms": Long = "9223372036854775807", Range::AtLeast(0), [("log.message.timestamp.before.max.ms", SAME)], true,
        "How far a producer's timestamps may be behind the broker's clock.";
    "message.timestamp.type": String = "CreateTime", Range::OneOf(TIMESTAMPS), [("log.message.timestamp.type", SAME)], true,
        "Whose time a record carries: its producer's (CreateTime) or the broker's at the append (LogAppendTime).";
    "min.cleanable.dirty.ratio": Double = "0.5", Range::Between(0, 1), [("log.cleaner.min.cleanable.ratio", SAME)], true,
        "How large a part of a compacted partition must be new before it is cleaned again.";
    "min.compaction.lag.ms": Long = "0", Range::AtLeast(0), [("log.cleaner.min.compaction.lag.ms", SAME)], true,
        "How long a record stays before it may be compacted away.";
    "min.insync.replicas": Int = "1", Range::AtLeast(1), [("min.insync.replicas", SAME)], false,
        "Copies that must have a record before acks=all is answered. There is one copy, on the disk.";
    "preallocate": Boolean = "false", Range::Any, [("log.preallocate", SAME)], false,
        "Whether a segment's file is made at full size.";
    "remote.log.copy.disable": Boolean = "false", Range::Any, [], false,
        "Stops copying to tiered storage, which is not served.";
    "remote.log.delete.on.disable": Boolean = "false", Range::Any, [], false,
        "Deletes what is in tiered storage, which is not served.";
    "remote.storage.enable": Boolean = "false", Range::Any, [], false,
        "Tiered storage, which is not served: true is refused.";
    "retention.bytes": Long = "-1", Range::Any, [("log.retention.bytes", SAME)], true,
        "The oldest segments of a partition go while it is larger than this. -1: no bound.";
    "retention.ms": Long = "604800000", Range::AtLeast(-1), [("log.retention.ms", SAME), ("log.retention.minutes", Scale::Minutes), ("log.retention.hours", Scale::Hours)], true,
        "Segments whose newest record is older go. -1: they stay.";
    "segment.bytes": Int = "1073741824", Range::AtLeast(1_048_576), [("log.segment.bytes", SAME)], true,
        "The size at which a segment is closed. Retention and compaction work on closed segments. At most 1073741824 here.";
    "segment.index.bytes": Int = "10485760", Range::AtLeast(4), [("log.index.size.max.bytes", SAME)], false,
        "Room kept for an index. Indexes grow as they need here.";
    "segment.jitter.ms": Long = "0", Range::AtLeast(0), [("log.roll.jitter.ms", SAME), ("log.roll.jitter.hours", Scale::Hours)], false,
        "Spreads the closing of segments in time.";
    "segment.ms": Long = "604800000", Range::AtLeast(1), [("log.roll.ms", SAME), ("log.roll.hours", Scale::Hours)], true,
        "The age at which a segment is closed, so that retention and compaction reach its records.";
    "unclean.leader.election.enable": Boolean = "false", Range::Any, [("unclean.leader.election.enable", SAME)], false,
        "Whether a copy that is behind may lead. There is one copy.";
};
