//! Records on their way in and out, whoever carries them.
//!
//! Two carriers stand behind [`Source`] and [`Sink`]: librdkafka (feature `kafka`), which reaches any Kafka with any security,
//! joins groups and does all that its settings name; and our own client, which needs no C and starts in a
//! millisecond. A command that names brokers, a group or a setting goes through librdkafka; one that asks the tidemill of
//! this machine, or says `--own-client`, goes through our own. See `docs/decisions/0006-two-clients.md`.

#[cfg(feature = "kafka")]
mod librdkafka;
mod own;
mod types;

pub(crate) use types::{Header, Outgoing, Polled, Reading, Sink, Source, Start, View, Writing};

use crate::error::CliError;
use crate::place::Place;

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
