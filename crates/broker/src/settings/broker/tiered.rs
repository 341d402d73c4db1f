//! Tiered storage, which is not served.

use super::row::BrokerSetting;
use super::table::settings;

/// Said of what has no effect and needs no words of its own.
const KEPT: &str = "There is no tiered storage; kept and told.";

/// These settings, by name.
pub(super) static TIERED: &[BrokerSetting] = settings! {
    "follower.fetch.last.tiered.offset.enable": Boolean = Some("false"), Range::Any, Wide, false, KEPT;
    "log.local.retention.bytes": Long = Some("-2"), Range::AtLeast(-2), Wide, false, KEPT;
    "log.local.retention.ms": Long = Some("-2"), Range::AtLeast(-2), Wide, false, KEPT;
    "remote.fetch.max.wait.ms": Int = Some("500"), Range::AtLeast(1), Wide, false, KEPT;
    "remote.list.offsets.request.timeout.ms": Long = Some("30000"), Range::AtLeast(1), Wide, false, KEPT;
    "remote.log.index.file.cache.total.size.bytes": Long = Some("1073741824"), Range::AtLeast(1), Wide, false, KEPT;
    "remote.log.manager.copier.thread.pool.size": Int = Some("10"), Range::AtLeast(1), Wide, false, KEPT;
    "remote.log.manager.copy.max.bytes.per.second": Long = Some("9223372036854775807"), Range::AtLeast(1), Wide, false,
        KEPT;
    "remote.log.manager.copy.quota.window.num": Int = Some("11"), Range::AtLeast(1), Start, false, KEPT;
    "remote.log.manager.copy.quota.window.size.seconds": Int = Some("1"), Range::AtLeast(1), Start, false, KEPT;
    "remote.log.manager.expiration.thread.pool.size": Int = Some("10"), Range::AtLeast(1), Wide, false, KEPT;
    "remote.log.manager.fetch.max.bytes.per.second": Long = Some("9223372036854775807"), Range::AtLeast(1), Wide, false,
        KEPT;
    "remote.log.manager.fetch.quota.window.num": Int = Some("11"), Range::AtLeast(1), Start, false, KEPT;
    "remote.log.manager.fetch.quota.window.size.seconds": Int = Some("1"), Range::AtLeast(1), Start, false, KEPT;
    "remote.log.manager.follower.thread.pool.size": Int = Some("2"), Range::AtLeast(1), Wide, false, KEPT;
    "remote.log.manager.task.interval.ms": Long = Some("30000"), Range::AtLeast(1), Start, false, KEPT;
    "remote.log.manager.thread.pool.size": Int = Some("2"), Range::AtLeast(1), Start, false, KEPT;
    "remote.log.metadata.custom.metadata.max.bytes": Int = Some("128"), Range::AtLeast(0), Start, false, KEPT;
    "remote.log.metadata.manager.class.name": String = Some("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager"), Range::Any, Start, false,
        KEPT;
    "remote.log.metadata.manager.class.path": String = None, Range::Any, Start, false, KEPT;
    "remote.log.metadata.manager.impl.prefix": String = Some("rlmm.config."), Range::Any, Start, false, KEPT;
    "remote.log.metadata.manager.listener.name": String = None, Range::Any, Start, false, KEPT;
    "remote.log.reader.max.pending.tasks": Int = Some("100"), Range::AtLeast(1), Start, false, KEPT;
    "remote.log.reader.threads": Int = Some("10"), Range::AtLeast(1), Wide, false, KEPT;
    "remote.log.storage.manager.class.name": String = None, Range::Any, Start, false, KEPT;
    "remote.log.storage.manager.class.path": String = None, Range::Any, Start, false, KEPT;
    "remote.log.storage.manager.impl.prefix": String = Some("rsm.config."), Range::Any, Start, false, KEPT;
    "remote.log.storage.system.enable": Boolean = Some("false"), Range::Any, Start, false, KEPT;
};
