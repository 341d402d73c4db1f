//! What all clients of librdkafka share: settings, callbacks, refusals.

use std::time::Duration;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientContext, Statistics};

use crate::error::CliError;
use crate::nearest::nearest;
use crate::place::Place;

/// A question to the cluster that takes longer has no answer.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The settings that people use, to tell slips from wishes; librdkafka has hundreds.
const COMMON_SETTINGS: &[&str] = &[
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "batch.size",
    "batch.num.messages",
    "bootstrap.servers",
    "check.crcs",
    "client.id",
    "client.rack",
    "compression.codec",
    "compression.level",
    "compression.type",
    "debug",
    "enable.auto.commit",
    "enable.idempotence",
    "fetch.max.bytes",
    "fetch.min.bytes",
    "fetch.wait.max.ms",
    "group.instance.id",
    "group.protocol",
    "group.remote.assignor",
    "isolation.level",
    "linger.ms",
    "log_level",
    "max.poll.interval.ms",
    "message.max.bytes",
    "message.timeout.ms",
    "partition.assignment.strategy",
    "partitioner",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queue.buffering.max.ms",
    "request.timeout.ms",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "session.timeout.ms",
    "socket.timeout.ms",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.key.password",
    "statistics.interval.ms",
    "transactional.id",
];

/// The callbacks of a consumer.
pub(super) struct Context;

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        warn(&error, reason);
    }
}

impl ConsumerContext for Context {}

/// Passes on what went wrong and librdkafka works on by itself.
pub(super) fn warn(error: &KafkaError, reason: &str) {
    // `poll` returns the end of a partition too, and it is no error there.
    if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
        tracing::warn!(target: "librdkafka", %error, "{reason}");
    }
}

/// Passes a line of librdkafka on to the log.
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => tracing::error!(target: "librdkafka", "{facility} {message}"),
        RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", "{facility} {message}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "librdkafka", "{facility} {message}");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", "{facility} {message}"),
    }
}

/// The settings of every client: the brokers, then ours.
pub(super) fn config(place: &Place, ours: &[(&str, &str)]) -> Result<ClientConfig, CliError> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", place.bootstrap()?.join(","));
    config.set("client.id", "tidemill");
    for (name, value) in ours {
        config.set(*name, *value);
    }
    for (name, value) in &place.settings {
        config.set(name, value);
    }
    Ok(config)
}

/// Whether `-X` names the setting.
pub(super) fn is_set(place: &Place, wanted: &str) -> bool {
    place.settings.iter().any(|(name, _)| name == wanted)
}

/// The error of a client that could not be made.
pub(super) fn refused(error: KafkaError) -> CliError {
    let KafkaError::ClientConfig(_, why, name, _) = &error else {
        return CliError::failed("librdkafka does not start", error);
    };
    if name.is_empty() {
        return CliError::failed("librdkafka does not take the settings of -X", why);
    }
    let help = match nearest(name, COMMON_SETTINGS.iter().copied()).filter(|near| near != name) {
        Some(near) => format!("did you mean `-X {near}=…`?"),
        None => "librdkafka's CONFIGURATION.md lists its settings".to_owned(),
    };
    CliError::with_help(format!("-X {name}"), why, help)
}
