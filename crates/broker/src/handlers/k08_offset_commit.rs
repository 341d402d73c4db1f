//! OffsetCommit (key 8): how far a group has read, answered once that is on the disk.
//!
//! Versions: 2-4 have a retention time, which means nothing since Kafka 2.1; 6 leader epochs, 7 static
//! members, 8 flexible, 9 members of the consumer protocol, 10 topics by id.

use tidemill_commitlog::offsets::CommittedOffset;
use tidemill_wire::ErrorCode;
use tidemill_wire::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

use crate::answer::Answer;
use crate::context::Call;
use crate::errors;
use crate::groups::types::{CommitKind, CommitScope, Identity};
use crate::topics::wire_id;

/// The first version that names topics by id.
const BY_ID: i16 = 10;

/// Asks the group, then keeps the offsets.
pub(crate) async fn handle(
    call: &Call,
    request: OffsetCommitRequest,
) -> Answer<OffsetCommitResponse> {
    let who = Identity {
        member_id: request.member_id,
        instance_id: request.group_instance_id,
        generation: request.generation_id_or_member_epoch,
    };
    let kind = CommitKind::Plain { version: call.version };
    let allowed = match request.group_id.is_empty() {
        true => Err(ErrorCode::InvalidGroupId),
        false => call.shared.groups.commit(&request.group_id, &who, kind),
    };
    let mut keep = Vec::new();
    let mut response = OffsetCommitResponse::default();
    for topic in request.topics {
        response.topics.push(check(call, &allowed, topic, &mut keep));
    }
    if keep.is_empty() {
        return Answer::Now(response);
    }
    let keep: Vec<_> =
        keep.iter().map(|(name, index, offset)| (&**name, *index, offset.clone())).collect();
    let kept = call.shared.offsets.commit(&request.group_id, &keep);
    Answer::Later(Box::pin(async move {
        if let Err(error) = kept.await {
            tracing::warn!(%error, "offsets were not kept");
            refuse_all(&mut response, errors::append(&error));
        }
        response
    }))
}

type Keep = (String, i32, CommittedOffset);

fn check(
    call: &Call,
    allowed: &Result<CommitScope, ErrorCode>,
    topic: OffsetCommitRequestTopic,
    keep: &mut Vec<Keep>,
) -> OffsetCommitResponseTopic {
    let found = call.shared.find_topic(call.version >= BY_ID, &topic.name, topic.topic_id);
    let partitions = topic.partitions.into_iter().map(|asked| {
        let index = asked.partition_index;
        let checked = match (allowed, &found) {
            (Ok(scope), Ok(topic)) if index < topic.config.partitions && index >= 0 => scope
                .check(wire_id(topic), index)
                .and_then(|()| offset(call, asked))
                .map(|offset| keep.push((topic.name.to_string(), index, offset))),
            (Ok(_), Ok(_)) => Err(ErrorCode::UnknownTopicOrPartition),
            (Ok(_), Err(error)) | (Err(error), _) => Err(*error),
        };
        OffsetCommitResponsePartition {
            partition_index: index,
            error_code: checked.err().unwrap_or(ErrorCode::None).code(),
        }
    });
    OffsetCommitResponseTopic {
        partitions: partitions.collect(),
        name: topic.name,
        topic_id: topic.topic_id,
    }
}

fn offset(call: &Call, asked: OffsetCommitRequestPartition) -> Result<CommittedOffset, ErrorCode> {
    let metadata = asked.committed_metadata.unwrap_or_default();
    if metadata.len() > call.shared.config.offset_metadata_bytes_max {
        return Err(ErrorCode::OffsetMetadataTooLarge);
    }
    if asked.committed_offset < 0 {
        return Err(ErrorCode::InvalidCommitOffsetSize);
    }
    Ok(CommittedOffset {
        offset: asked.committed_offset,
        leader_epoch: asked.committed_leader_epoch,
        metadata: metadata.as_str().to_owned(),
    })
}

fn refuse_all(response: &mut OffsetCommitResponse, error: ErrorCode) {
    for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        if partition.error_code == 0 {
            partition.error_code = error.code();
        }
    }
}
