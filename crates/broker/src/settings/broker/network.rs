//! Sockets, requests and their bounds.

use super::row::BrokerSetting;
use super::table::settings;

/// Said of what has no effect and needs no words of its own.
const KEPT: &str = "The network works in another way here; kept and told.";

/// These settings, by name.
pub(super) static NETWORK: &[BrokerSetting] = settings! {
    "advertised.listeners": List = None, Range::Any, Start, true,
        "The address told to clients. Without it they are told the one they reached.";
    "background.threads": Int = Some("10"), Range::AtLeast(1), Wide, false, KEPT;
    "client.quota.callback.class": Class = None, Range::Any, Start, false, KEPT;
    "config.providers": List = Some(""), Range::Any, Wide, false, KEPT;
    "connections.max.idle.ms": Long = Some("600000"), Range::Any, Start, true,
        "A connection that is silent for so long is closed. -1: never.";
    "delete.records.purgatory.purge.interval.requests": Int = Some("1"), Range::Any, Start, false, KEPT;
    "fetch.max.bytes": Int = Some("57671680"), Range::AtLeast(1_024), Start, true,
        "The largest answer to a fetch. One batch is given even if it is larger.";
    "fetch.purgatory.purge.interval.requests": Int = Some("1000"), Range::Any, Start, false, KEPT;
    "kafka.metrics.polling.interval.secs": Int = Some("10"), Range::AtLeast(1), Start, false, KEPT;
    "kafka.metrics.reporters": List = Some(""), Range::Any, Start, false, KEPT;
    "listener.security.protocol.map": String = Some("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"), Range::Any, Node, false,
        KEPT;
    "listeners": List = Some("PLAINTEXT://:9092"), Range::Any, Node, true,
        "Where to listen. One listener of the protocol PLAINTEXT is served; a listener for controllers is left out.";
    "max.connection.creation.rate": Int = Some("2147483647"), Range::AtLeast(0), Wide, false, KEPT;
    "max.connections": Int = Some("2147483647"), Range::AtLeast(0), Wide, true,
        "Connections at one time; further ones are closed. Kafka has no bound unless one is set; here it is 10000.";
    "max.connections.per.ip": Int = Some("2147483647"), Range::AtLeast(0), Wide, true,
        "Connections of one address at one time; further ones are closed.";
    "max.connections.per.ip.overrides": String = Some(""), Range::Any, Wide, true,
        "max.connections.per.ip of single addresses, as address:number with commas between.";
    "max.incremental.fetch.session.cache.slots": Int = Some("1000"), Range::AtLeast(0), Start, true,
        "Fetch sessions kept at one time.";
    "max.request.partition.size.limit": Int = Some("2000"), Range::AtLeast(1), Start, true,
        "Most partitions of one answer to DescribeTopicPartitions.";
    "metric.reporters": List = Some("org.apache.kafka.common.metrics.JmxReporter"), Range::Any, Wide, false, KEPT;
    "metrics.num.samples": Int = Some("2"), Range::AtLeast(1), Start, false, KEPT;
    "metrics.recording.level": String = Some("INFO"), Range::Any, Start, false, KEPT;
    "metrics.sample.window.ms": Long = Some("30000"), Range::AtLeast(1), Start, false, KEPT;
    "num.io.threads": Int = Some("8"), Range::AtLeast(1), Wide, false,
        "Threads for requests. Their number follows the machine here.";
    "num.network.threads": Int = Some("3"), Range::AtLeast(1), Wide, false,
        "Threads for the network. Their number follows the machine here.";
    "producer.purgatory.purge.interval.requests": Int = Some("1000"), Range::Any, Start, false, KEPT;
    "queued.max.request.bytes": Long = Some("-1"), Range::Any, Start, true,
        "Bytes of requests that are being read or wait for their answers, over all connections; no more is read while they are used up. -1 is 268435456 here.";
    "queued.max.requests": Int = Some("500"), Range::AtLeast(1), Start, false, KEPT;
    "quota.window.num": Int = Some("11"), Range::AtLeast(1), Start, false, KEPT;
    "quota.window.size.seconds": Int = Some("1"), Range::AtLeast(1), Start, false, KEPT;
    "request.timeout.ms": Int = Some("30000"), Range::Any, Start, false, KEPT;
    "socket.connection.setup.timeout.max.ms": Long = Some("30000"), Range::Any, Start, false, KEPT;
    "socket.connection.setup.timeout.ms": Long = Some("10000"), Range::Any, Start, false, KEPT;
    "socket.listen.backlog.size": Int = Some("50"), Range::AtLeast(1), Start, false, KEPT;
    "socket.receive.buffer.bytes": Int = Some("102400"), Range::Any, Start, false, KEPT;
    "socket.request.max.bytes": Int = Some("104857600"), Range::AtLeast(1), Start, true, "The largest request.";
    "socket.send.buffer.bytes": Int = Some("102400"), Range::Any, Start, false, KEPT;
    "telemetry.max.bytes": Int = Some("1048576"), Range::AtLeast(1), Start, false, KEPT;
    "tidemill.queued.max.response.bytes": Long = Some("268435456"), Range::AtLeast(1_048_576), Start, true,
        "Bytes of records in answers that are not written yet, over all connections. While they are used up, fetches are answered with one batch a partition at most; Kafka has no such setting.";
    "tidemill.request.receive.timeout.ms": Long = Some("30000"), Range::AtLeast(100), Start, true,
        "A request that has begun to arrive has so long to end, and a second more for each 64 KiB of it that came; then its connection is closed. Kafka has no such setting.";
};
