//! JoinGroup (key 11): a member asks to be in the next generation; the answer waits until that begins.
//!
//! Versions: 1 rebalance timeout, 4 member id first (KIP-394), 5 static members, 6 flexible, 7 protocol type and
//! null for no protocol, 8 a reason, 9 a leader may skip its assignment (KIP-814).

use std::time::Duration;

use bytes::Bytes;
use tidemill_wire::join_group::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::Call;
use crate::groups::types::{JoinInput, JoinRefused, Joined};

/// The first version that wants a member id given out before a member counts.
const KNOWN_ID: i16 = 4;
/// The first version in which there may be no protocol.
const NULL_PROTOCOL: i16 = 7;
/// The first version in which a leader may skip its assignment.
const SKIP: i16 = 9;

/// Hands the join to its group.
pub(crate) async fn handle(call: &Call, request: JoinGroupRequest) -> Answer<JoinGroupResponse> {
    let version = call.version;
    let client_id = call.client_id.clone().unwrap_or_default();
    let session = millis(request.session_timeout_ms);
    // Version 0 has one timeout for both.
    let rebalance = match request.rebalance_timeout_ms {
        -1 => session,
        ms => millis(ms),
    };
    let client_host = Text::from(format!("/{}", call.client.peer.ip().to_canonical()));
    let protocols: Vec<(Text, Bytes)> =
        request.protocols.into_iter().map(|one| (one.name, one.metadata)).collect();
    let answer =
        call.shared.groups.join(&request.group_id, &client_id, |ticket, fresh_id| JoinInput {
            ticket,
            member_id: request.member_id,
            instance_id: request.group_instance_id,
            client_id: client_id.clone(),
            client_host,
            session_timeout: session,
            rebalance_timeout: rebalance,
            protocol_type: request.protocol_type,
            protocols,
            needs_known_id: version >= KNOWN_ID,
            can_skip_assignment: version >= SKIP,
            fresh_id,
        });
    Answer::Later(Box::pin(async move {
        match answer.await {
            Ok(Ok(joined)) => accepted(joined),
            Ok(Err(reason)) => refused(reason, version),
            // The broker is going down; the client looks for the coordinator again.
            Err(_) => {
                let (error, member_id) = (ErrorCode::NotCoordinator, Text::default());
                refused(JoinRefused { error, member_id }, version)
            }
        }
    }))
}

fn millis(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

fn accepted(joined: Joined) -> JoinGroupResponse {
    let members = joined.members.into_iter().map(|member| JoinGroupResponseMember {
        member_id: member.member_id,
        group_instance_id: member.instance_id,
        metadata: member.metadata,
    });
    JoinGroupResponse {
        generation_id: joined.generation,
        protocol_type: joined.protocol_type,
        protocol_name: Some(joined.protocol.unwrap_or_default()),
        leader: joined.leader,
        skip_assignment: joined.skip_assignment,
        member_id: joined.member_id,
        members: members.collect(),
        ..Default::default()
    }
}

fn refused(reason: JoinRefused, version: i16) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: reason.error.code(),
        protocol_name: (version < NULL_PROTOCOL).then(Text::default),
        member_id: reason.member_id,
        ..Default::default()
    }
}
