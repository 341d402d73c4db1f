//! Writes through a librdkafka producer.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientContext, Statistics};

use crate::error::CliError;
use crate::interrupt::interrupted;
use crate::kafka::Client;
use crate::place::Place;
use crate::records::librdkafka::client::{ANSWER_TIMEOUT, config, is_set, log, refused, warn};
use crate::records::types::{Outgoing, Sink, Writing};

/// Answers are taken in after so many records.
const RECORDS_A_POLL: u64 = 1_000;
/// How long is waited at a time when the queue is full or at the end.
const WAIT: Duration = Duration::from_millis(100);

/// What became of the records.
#[derive(Default)]
struct Answers {
    written: AtomicU64,
    refused: Mutex<Option<KafkaError>>,
}

impl ClientContext for Answers {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        warn(&error, reason);
    }
}

impl ProducerContext for Answers {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => drop(self.written.fetch_add(1, Ordering::Relaxed)),
            Err((error, _)) => {
                let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
                refused.get_or_insert_with(|| error.clone());
            }
        }
    }
}

struct Librdkafka {
    producer: BaseProducer<Answers>,
    topic: String,
    sent: u64,
}

/// Opens a sink; the topic is made if the broker makes topics that are asked for.
pub(crate) fn open(place: &Place, writing: Writing) -> Result<Box<dyn Sink>, CliError> {
    if !place.is_secured() {
        Client::connect(place)?;
    }
    let acks = writing.acks.to_string();
    let mut ours = vec![
        ("acks", acks.as_str()),
        ("compression.type", writing.compression.as_str()),
        // Java's clients put a key into the same partition.
        ("partitioner", "murmur2_random"),
    ];
    if writing.acks == -1 {
        // What is sent again after a lost answer is then kept once, in order.
        ours.push(("enable.idempotence", "true"));
    }
    let mut config = config(place, &ours)?;
    if is_set(place, "acks") || is_set(place, "request.required.acks") {
        config.remove("enable.idempotence");
        for (name, value) in place.settings.iter().filter(|(name, _)| name == "enable.idempotence")
        {
            config.set(name, value);
        }
    }
    let producer: BaseProducer<Answers> =
        config.create_with_context(Answers::default()).map_err(refused)?;
    // Also tells whether the cluster can be reached at all.
    let asked = producer.client().fetch_metadata(Some(&writing.topic), ANSWER_TIMEOUT);
    asked.map_err(|error| CliError::failed(format!("topic `{}`", writing.topic), error))?;
    Ok(Box::new(Librdkafka { producer, topic: writing.topic, sent: 0 }))
}

impl Librdkafka {
    /// The first refusal, if there was one.
    fn check(&self) -> Result<(), CliError> {
        let refused = &self.producer.context().refused;
        let Some(error) = refused.lock().unwrap_or_else(PoisonError::into_inner).clone() else {
            return Ok(());
        };
        let written = self.producer.context().written.load(Ordering::Relaxed);
        let what = format!("topic `{}`: a record was refused after {written}", self.topic);
        Err(CliError::failed(what, error))
    }
}

impl Sink for Librdkafka {
    fn send(&mut self, record: &Outgoing) -> Result<(), CliError> {
        let mut message = BaseRecord::<[u8], [u8]>::to(&self.topic);
        if let Some(partition) = record.partition {
            message = message.partition(partition);
        }
        if let Some(timestamp_ms) = record.timestamp_ms {
            message = message.timestamp(timestamp_ms);
        }
        if let Some(key) = &record.key {
            message = message.key(key);
        }
        if let Some(value) = &record.value {
            message = message.payload(value);
        }
        if !record.headers.is_empty() {
            let empty = OwnedHeaders::new_with_capacity(record.headers.len());
            let headers = record.headers.iter().fold(empty, |headers, (name, value)| {
                headers.insert(Header { key: name, value: value.as_ref() })
            });
            message = message.headers(headers);
        }
        self.sent += 1;
        if self.sent.is_multiple_of(RECORDS_A_POLL) {
            self.producer.poll(Duration::ZERO);
            self.check()?;
        }
        loop {
            match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    message = again;
                    self.producer.poll(WAIT);
                    self.check()?;
                }
                Err((error, _)) => {
                    return Err(CliError::failed(format!("topic `{}`", self.topic), error));
                }
            }
        }
    }

    fn flush(&mut self) -> Result<u64, CliError> {
        while self.producer.in_flight_count() > 0 {
            // The second Ctrl-C ends the process; the first waits for what is under way.
            let _ = self.producer.flush(WAIT);
            self.check()?;
            if interrupted() && self.producer.context().written.load(Ordering::Relaxed) == 0 {
                break;
            }
        }
        self.producer.poll(Duration::ZERO);
        self.check()?;
        Ok(self.producer.context().written.load(Ordering::Relaxed))
    }

    fn pause(&mut self) -> Result<(), CliError> {
        // It sends by itself after linger.ms.
        self.producer.poll(Duration::ZERO);
        self.check()
    }
}
