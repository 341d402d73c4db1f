//! Reads through a librdkafka consumer: partitions of its own choice, or those a group gives it.

mod assign;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};

use crate::error::CliError;
use crate::kafka::Client;
use crate::place::Place;
use crate::records::librdkafka::client::{Context, config, is_set, refused};
use crate::records::types::{Polled, Reading, Source, Start, View};

/// Records given in one poll, so that what is written out comes in pieces.
const RECORDS_A_POLL: usize = 10_000;
/// How long the broker holds a fetch that has nothing, when the end of the partition is waited for.
const FETCH_WAIT_AT_END_MS: &str = "50";

struct Librdkafka {
    consumer: BaseConsumer<Context>,
    progress: Progress,
}

/// What is read and what is still to come.
#[derive(Default)]
struct Progress {
    group: Option<String>,
    stop_at_end: bool,
    until_ms: Option<i64>,
    /// Outside a group: where each partition ends, if reading does. One that is read to its end is taken out.
    ends: Option<BTreeMap<i32, i64>>,
    /// In a group: partitions whose end was reached.
    ended: BTreeSet<i32>,
    /// In a group: the next offset of what was given and is not told done yet, by topic and partition.
    given: BTreeMap<String, BTreeMap<i32, i64>>,
}

/// Opens a source.
pub(crate) fn open(place: &Place, reading: &Reading) -> Result<Box<dyn Source>, CliError> {
    if !place.is_secured() {
        // The same questions as `topic describe` asks, for the same clear answers.
        let mut client = Client::connect(place)?;
        for topic in &reading.topics {
            client.topic(topic, false)?;
        }
    }
    let consumer = consumer(place, reading)?;
    let mut progress = Progress {
        group: reading.group.clone(),
        stop_at_end: reading.stop_at_end,
        until_ms: reading.until_ms,
        ..Progress::default()
    };
    match &reading.group {
        Some(group) => {
            let topics: Vec<&str> = reading.topics.iter().map(String::as_str).collect();
            let subscribed = consumer.subscribe(&topics);
            subscribed.map_err(|error| CliError::failed(format!("group `{group}`"), error))?;
        }
        None => progress.ends = assign::assign(&consumer, reading)?,
    }
    Ok(Box::new(Librdkafka { consumer, progress }))
}

fn consumer(place: &Place, reading: &Reading) -> Result<BaseConsumer<Context>, CliError> {
    let reset = if reading.start == Start::End { "latest" } else { "earliest" };
    let isolation = if reading.read_committed { "read_committed" } else { "read_uncommitted" };
    let mut ours = vec![
        ("auto.offset.reset", reset),
        ("isolation.level", isolation),
        ("enable.auto.offset.store", "false"),
        // Half-read lag is shown to whoever looks, so it is kept fresh.
        ("auto.commit.interval.ms", "1000"),
        ("enable.partition.eof", "true"),
        // librdkafka asks for a group's name even where there is no group.
        ("group.id", reading.group.as_deref().unwrap_or("tidemill")),
    ];
    if reading.group.is_none() {
        ours.push(("enable.auto.commit", "false"));
    }
    if reading.stop_at_end || reading.until_ms.is_some() {
        ours.push(("fetch.wait.max.ms", FETCH_WAIT_AT_END_MS));
    }
    let mut config = config(place, &ours)?;
    // The classic protocol gives a member that was killed 45 s; a person at a terminal comes back sooner.
    if !is_set(place, "session.timeout.ms") && !is_set(place, "group.protocol") {
        config.set("session.timeout.ms", "10000");
    }
    config.create_with_context(Context).map_err(refused)
}

impl Progress {
    /// Whether everything that was to be read is read.
    fn is_finished(&self, consumer: &BaseConsumer<Context>) -> bool {
        match &self.ends {
            Some(ends) => ends.is_empty(),
            None if self.stop_at_end && !self.ended.is_empty() => {
                let assigned = consumer.assignment().map_or(0, |list| list.count());
                assigned > 0 && self.ended.len() >= assigned
            }
            None => false,
        }
    }

    /// The end of a partition was reached.
    fn reached_end(&mut self, partition: i32) {
        match &mut self.ends {
            // Markers and records that were compacted away may stand between the last record and the end.
            Some(ends) => drop(ends.remove(&partition)),
            None => drop(self.ended.insert(partition)),
        }
    }

    /// Takes note of a record that has come, and says whether it is wanted.
    fn wants(&mut self, message: &BorrowedMessage<'_>) -> bool {
        let (partition, offset) = (message.partition(), message.offset());
        let timestamp = message.timestamp().to_millis().unwrap_or(-1);
        let late = self.until_ms.is_some_and(|until| timestamp >= until);
        let Some(ends) = &mut self.ends else {
            self.ended.remove(&partition);
            return !late;
        };
        let Some(end) = ends.get(&partition).copied() else { return false };
        if late || offset + 1 >= end {
            ends.remove(&partition);
        }
        !late && offset < end
    }

    /// Takes note of a record that was given.
    fn gave(&mut self, message: &BorrowedMessage<'_>) {
        if self.group.is_none() {
            return;
        }
        let next = message.offset() + 1;
        match self.given.get_mut(message.topic()) {
            Some(partitions) => drop(partitions.insert(message.partition(), next)),
            None => {
                let partitions = BTreeMap::from([(message.partition(), next)]);
                self.given.insert(message.topic().to_owned(), partitions);
            }
        }
    }
}

impl Source for Librdkafka {
    fn poll(
        &mut self,
        wait: Duration,
        each: &mut dyn FnMut(&View<'_>) -> Result<bool, CliError>,
    ) -> Result<Polled, CliError> {
        let Self { consumer, progress } = self;
        let mut polled = Polled::Idle;
        for at in 0..RECORDS_A_POLL {
            if progress.is_finished(consumer) {
                return Ok(Polled::Finished);
            }
            // Only the first is waited for; what is there already is taken along.
            let wait = if at == 0 { wait } else { Duration::ZERO };
            let message = match consumer.poll(wait) {
                None => return Ok(polled),
                Some(Ok(message)) => message,
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    progress.reached_end(partition);
                    continue;
                }
                Some(Err(error)) if is_passing(&error) => {
                    tracing::warn!(target: "librdkafka", %error, "going on");
                    continue;
                }
                Some(Err(error)) => return Err(CliError::failed("reading stopped", error)),
            };
            polled = Polled::Some;
            if !progress.wants(&message) {
                continue;
            }
            let more = each(&view(&message))?;
            progress.gave(&message);
            if !more {
                return Ok(Polled::Some);
            }
        }
        Ok(polled)
    }

    fn done(&mut self) -> Result<(), CliError> {
        for (topic, partitions) in std::mem::take(&mut self.progress.given) {
            for (partition, next) in partitions {
                // A partition that was taken away meanwhile belongs to another member, which reads it again.
                if let Err(error) = self.consumer.store_offset(&topic, partition, next - 1) {
                    tracing::debug!(target: "librdkafka", %error, "{topic} {partition} is not ours");
                }
            }
        }
        Ok(())
    }

    fn close(mut self: Box<Self>) -> Result<(), CliError> {
        self.done()?;
        let Some(group) = &self.progress.group else { return Ok(()) };
        match self.consumer.commit_consumer_state(CommitMode::Sync) {
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => Ok(()),
            Err(error) => Err(CliError::failed(format!("group `{group}`: offsets"), error)),
        }
    }
}

/// The record of a message.
fn view<'a>(message: &'a BorrowedMessage<'_>) -> View<'a> {
    let headers = message.headers().map(|headers| {
        headers.iter().map(|header| (header.key.as_bytes(), header.value)).collect()
    });
    View {
        topic: message.topic(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or(-1),
        key: message.key(),
        value: message.payload(),
        headers: headers.unwrap_or_default(),
    }
}

/// What librdkafka tells and gets over by itself.
fn is_passing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::NotCoordinator
        )
    )
}
