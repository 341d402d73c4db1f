//! What a heartbeat of the consumer protocol must be, whatever group it is for; the rules and words are those of Kafka's
//! `GroupCoordinatorService`.

use tidemill_wire::{ErrorCode, Text};

use super::assign::Assignor;
use super::types::{AWAY_EPOCH, HeartbeatInput, JOIN_EPOCH, LEAVE_EPOCH, Refusal};

/// Whether `input` may go to `group`.
///
/// # Errors
/// The rule that is broken.
pub(crate) fn check(group: &Text, input: &HeartbeatInput) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    let is_empty = |text: &Option<Text>| text.as_ref().is_some_and(|text| text.is_empty());
    let needs_id = !input.may_lack_id || input.epoch > JOIN_EPOCH || input.epoch == LEAVE_EPOCH;
    match input.epoch {
        _ if needs_id && input.member_id.is_empty() => invalid("MemberId can't be empty."),
        _ if group.is_empty() => invalid("GroupId can't be empty."),
        _ if is_empty(&input.instance_id) => invalid("InstanceId can't be empty."),
        _ if is_empty(&input.rack_id) => invalid("RackId can't be empty."),
        JOIN_EPOCH => check_join(input),
        AWAY_EPOCH if input.instance_id.is_none() => invalid("InstanceId can't be null."),
        ..AWAY_EPOCH => invalid("MemberEpoch is invalid."),
        _ => Ok(()),
    }?;
    check_assignor(input)
}

fn check_join(input: &HeartbeatInput) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    match input {
        HeartbeatInput { rebalance_timeout: None, .. } => {
            invalid("RebalanceTimeoutMs must be provided in first request.")
        }
        _ if input.owned.as_ref().is_none_or(|owned| !owned.is_empty()) => {
            invalid("TopicPartitions must be empty when (re-)joining.")
        }
        HeartbeatInput { names: None, regex: None, .. } => invalid(
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
        ),
        _ => Ok(()),
    }
}

fn check_assignor(input: &HeartbeatInput) -> Result<(), Refusal> {
    let Some(name) = &input.assignor else { return Ok(()) };
    if Assignor::named(name).is_some() {
        return Ok(());
    }
    let known = Assignor::ALL.map(Assignor::name).join(", ");
    let message = format!("ServerAssignor {name} is not supported. Supported assignors: {known}.");
    Err(Refusal::new(ErrorCode::UnsupportedAssignor, message))
}
