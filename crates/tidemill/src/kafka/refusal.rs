//! A broker's error codes in words, with the next step where there is one.

use tidemill_wire::{ErrorCode, Text};

use crate::error::CliError;

/// Turns an error of the broker into words.
pub(super) fn check(code: i16, message: Option<&Text>, what: &str) -> Result<(), CliError> {
    if code == 0 {
        return Ok(());
    }
    let known = ErrorCode::from_code(code);
    let words = known.map_or_else(|| format!("error {code}"), |code| code.to_string());
    // Apache Kafka says the same in its own words, or more.
    let why = message.filter(|text| !text.is_empty()).map_or(words, |message| message.to_string());
    match known.and_then(advice) {
        Some(help) => Err(CliError::with_help(what, why, help)),
        None => Err(CliError::failed(what, why)),
    }
}

fn advice(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::UnknownTopicOrPartition => "`tidemill topic list` shows what is there",
        ErrorCode::GroupIdNotFound => "`tidemill group list` shows what is there",
        ErrorCode::NonEmptyGroup
        | ErrorCode::UnknownMemberId
        | ErrorCode::GroupSubscribedToTopic => {
            "stop its members first; `tidemill group describe GROUP` names them"
        }
        ErrorCode::TopicAlreadyExists => {
            "`tidemill topic describe TOPIC` shows it; `tidemill topic alter TOPIC` changes it"
        }
        ErrorCode::InvalidPartitions => {
            "the number of partitions can be raised, never lowered; a new topic needs at least one"
        }
        _ => return None,
    })
}
