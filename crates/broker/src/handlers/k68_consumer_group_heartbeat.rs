//! ConsumerGroupHeartbeat (key 68): a member of the consumer protocol joins, says that it lives and what it has, and
//! hears what it shall have (KIP-848).
//!
//! Version 1 brings subscriptions by pattern, and members that choose their own ids.

use std::time::Duration;

use tidemill_commitlog::AppendFuture;
use tidemill_wire::consumer_group_heartbeat::{
    Assignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartition,
};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::Call;
use crate::groups::consumer::types::{Beaten, HeartbeatInput, Partitions, Refusal};

/// The first version in which a member chooses its own id.
const OWN_ID: i16 = 1;

/// Hands the heartbeat to its group, and answers once what it changed is on the disk.
pub(crate) async fn handle(
    call: &Call,
    request: ConsumerGroupHeartbeatRequest,
) -> Answer<ConsumerGroupHeartbeatResponse> {
    let group = request.group_id.clone();
    let (answer, kept) =
        call.shared.groups.consumer_heartbeat(&group, |fresh_id| input(call, request, fresh_id));
    let response = match answer {
        Ok(beaten) => accepted(beaten),
        Err(refusal) => refused(refusal),
    };
    match kept {
        None => Answer::Now(response),
        Some(kept) => Answer::Later(Box::pin(after(kept, response))),
    }
}

async fn after(
    kept: AppendFuture,
    response: ConsumerGroupHeartbeatResponse,
) -> ConsumerGroupHeartbeatResponse {
    match kept.await {
        Ok(_) => response,
        Err(error) => {
            tracing::warn!(%error, "a change of a consumer group was not kept");
            // The member comes again with the epoch it has.
            let message = "the change of the group could not be kept; see the server's log";
            refused(Refusal::new(ErrorCode::CoordinatorNotAvailable, message))
        }
    }
}

fn input(call: &Call, request: ConsumerGroupHeartbeatRequest, fresh_id: Text) -> HeartbeatInput {
    let owned = request
        .topic_partitions
        .map(|topics| topics.into_iter().map(|topic| (topic.topic_id, topic.partitions)).collect());
    HeartbeatInput {
        member_id: request.member_id,
        epoch: request.member_epoch,
        instance_id: request.instance_id,
        rack_id: request.rack_id,
        rebalance_timeout: u64::try_from(request.rebalance_timeout_ms)
            .ok()
            .map(Duration::from_millis),
        names: request.subscribed_topic_names,
        regex: request.subscribed_topic_regex,
        assignor: request.server_assignor,
        owned,
        client_id: call.client_id.clone().unwrap_or_default(),
        client_host: Text::from(format!("/{}", call.client.peer.ip().to_canonical())),
        may_lack_id: call.version < OWN_ID,
        fresh_id,
    }
}

fn accepted(beaten: Beaten) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse {
        member_id: Some(beaten.member_id),
        member_epoch: beaten.epoch,
        heartbeat_interval_ms: i32::try_from(beaten.interval.as_millis()).unwrap_or(i32::MAX),
        assignment: beaten.assignment.map(assignment),
        ..Default::default()
    }
}

fn assignment(partitions: Partitions) -> Assignment {
    let topic = |(topic_id, partitions): (_, std::collections::BTreeSet<i32>)| TopicPartition {
        topic_id,
        partitions: partitions.into_iter().collect(),
    };
    Assignment { topic_partitions: partitions.into_iter().map(topic).collect() }
}

fn refused(refusal: Refusal) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse {
        error_code: refusal.error.code(),
        error_message: Some(refusal.message),
        ..Default::default()
    }
}
