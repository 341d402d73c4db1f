//! Records on their way in and out, whoever carries them.
//!
//! Two carriers stand behind [`Source`] and [`Sink`]: librdkafka (feature `kafka`), which reaches any Kafka with any security,
//! joins groups and does all that its settings name; and our own client, which needs no C and starts in a
//! millisecond. A command that names brokers, a group or a setting goes through librdkafka; one that asks the tidemill of
//! this machine, or says `--own-client`, goes through our own. See `docs/decisions/0006-two-clients.md`.

#[cfg(feature = "kafka")]
mod librdkafka;
mod own;

use std::time::Duration;

use crate::error::CliError;
use crate::place::Place;

/// A record that was read; its parts lie in the carrier's memory.
pub(crate) struct View<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Milliseconds since 1970; -1 if the record has none.
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: Vec<(&'a [u8], Option<&'a [u8]>)>,
}

/// Where reading begins in each partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Beginning,
    End,
    At(i64),
    /// So many records before the end.
    Last(i64),
    /// The first record that is not older than this, milliseconds since 1970.
    Since(i64),
}

/// What shall be read.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    /// One, or in a group any number.
    pub(crate) topics: Vec<String>,
    pub(crate) partition: Option<i32>,
    pub(crate) start: Start,
    /// Read records older than this only, and end then; milliseconds since 1970.
    pub(crate) until_ms: Option<i64>,
    /// End when everything that was there at the start is read.
    pub(crate) stop_at_end: bool,
    pub(crate) read_committed: bool,
    pub(crate) group: Option<String>,
}

/// What one [`Source::poll`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Polled {
    Some,
    /// Nothing is there now.
    Idle,
    /// There is nothing more to read.
    Finished,
}

/// Gives records.
pub(crate) trait Source {
    /// Gives what has come, or waits for it, at most about as long as told. `each` says whether it wants more; a record it was
    /// given counts as read.
    ///
    /// # Errors
    /// The cluster refused, or cannot be reached.
    fn poll(
        &mut self,
        wait: Duration,
        each: &mut dyn FnMut(&View<'_>) -> Result<bool, CliError>,
    ) -> Result<Polled, CliError>;

    /// Says that what was given so far is written out, so that the group need not read it again.
    ///
    /// # Errors
    /// The group did not take it.
    fn done(&mut self) -> Result<(), CliError> {
        Ok(())
    }

    /// Commits what is done and leaves the group.
    ///
    /// # Errors
    /// The group did not take it.
    fn close(self: Box<Self>) -> Result<(), CliError> {
        Ok(())
    }
}

/// A header's name and value.
pub(crate) type Header = (String, Option<Vec<u8>>);

/// A record to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// The key chooses the partition where this is `None`.
    pub(crate) partition: Option<i32>,
    /// Milliseconds since 1970; the time of writing if `None`.
    pub(crate) timestamp_ms: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<Header>,
}

/// How records are written.
#[derive(Debug, Clone)]
pub(crate) struct Writing {
    pub(crate) topic: String,
    /// 0, 1, or -1 for all.
    pub(crate) acks: i16,
    /// `none`, `gzip`, `snappy`, `lz4` or `zstd`.
    pub(crate) compression: String,
}

/// Takes records.
pub(crate) trait Sink {
    /// Takes a record; it may still be under way when this returns.
    ///
    /// # Errors
    /// This record, or one before it, was refused.
    fn send(&mut self, record: &Outgoing) -> Result<(), CliError>;

    /// Waits until all that was sent is answered, and returns how many records were.
    ///
    /// # Errors
    /// A record was refused.
    fn flush(&mut self) -> Result<u64, CliError>;

    /// Sends on what was gathered, because nothing more comes for a while.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    fn pause(&mut self) -> Result<(), CliError>;
}

/// Opens a source.
///
/// # Errors
/// There is no such cluster, topic or partition, or the carrier cannot do what is asked.
pub(crate) fn source(
    place: &Place,
    own: bool,
    reading: &Reading,
) -> Result<Box<dyn Source>, CliError> {
    #[cfg(feature = "kafka")]
    if !own && (reading.group.is_some() || place.needs_librdkafka()) {
        return librdkafka::source(place, reading);
    }
    refuse_settings(place, own)?;
    if reading.group.is_some() {
        return Err(needs_librdkafka("--group", own));
    }
    own::source(place, reading)
}

/// Opens a sink.
///
/// # Errors
/// There is no such cluster, or the carrier cannot do what is asked.
pub(crate) fn sink(place: &Place, own: bool, writing: Writing) -> Result<Box<dyn Sink>, CliError> {
    #[cfg(feature = "kafka")]
    if !own && place.needs_librdkafka() {
        return librdkafka::sink(place, writing);
    }
    refuse_settings(place, own)?;
    own::sink(place, writing)
}

fn refuse_settings(place: &Place, own: bool) -> Result<(), CliError> {
    if place.settings.is_empty() { Ok(()) } else { Err(needs_librdkafka("-X", own)) }
}

/// The error for what our own client does not do.
fn needs_librdkafka(what: &str, own: bool) -> CliError {
    let why = if own {
        "--own-client does without librdkafka".to_owned()
    } else {
        "this tidemill was built without the feature `kafka`".to_owned()
    };
    CliError::Usage(format!("{what} needs librdkafka, and {why}"))
}
