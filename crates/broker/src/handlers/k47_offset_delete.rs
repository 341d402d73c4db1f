//! OffsetDelete (key 47): offsets of single partitions go, of topics that no member reads (KIP-496).

use tidemill_commitlog::AppendFuture;
use tidemill_wire::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestTopic, OffsetDeleteResponse,
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::Call;
use crate::errors;

/// Deletes what may go, and answers once that is on the disk.
pub(crate) async fn handle(
    call: &Call,
    request: OffsetDeleteRequest,
) -> Answer<OffsetDeleteResponse> {
    let group = &request.group_id;
    if let Err(error) = check(call, group) {
        let error_code = error.code();
        return Answer::Now(OffsetDeleteResponse { error_code, ..Default::default() });
    }
    let mut gone = Vec::new();
    let topics = request.topics.into_iter().map(|asked| topic(call, group, asked, &mut gone));
    let mut response = OffsetDeleteResponse { topics: topics.collect(), ..Default::default() };
    let gone: Vec<(&str, i32)> = gone.iter().map(|(topic, index)| (&**topic, *index)).collect();
    let deleting: AppendFuture = call.shared.offsets.delete_offsets(group, &gone);
    Answer::Later(Box::pin(async move {
        if let Err(error) = deleting.await {
            response.error_code = errors::append(&error).code();
        }
        response
    }))
}

fn check(call: &Call, group: &Text) -> Result<(), ErrorCode> {
    let groups = &call.shared.groups;
    match () {
        () if group.is_empty() => Err(ErrorCode::InvalidGroupId),
        () if !groups.tells_topics(group) => Err(ErrorCode::NonEmptyGroup),
        () if !groups.is_known(group) && call.shared.offsets.fetch_all(group).is_empty() => {
            Err(ErrorCode::GroupIdNotFound)
        }
        () => Ok(()),
    }
}

fn topic(
    call: &Call,
    group: &Text,
    asked: OffsetDeleteRequestTopic,
    gone: &mut Vec<(Text, i32)>,
) -> OffsetDeleteResponseTopic {
    let name = asked.name;
    let there = call.shared.log.topic(&name);
    let is_read = call.shared.groups.is_subscribed(group, &name);
    let partitions = asked.partitions.into_iter().map(|asked| {
        let partition_index = asked.partition_index;
        let error =
            match &there {
                Some(topic) if (0..topic.config.partitions).contains(&partition_index) => {
                    if is_read { ErrorCode::GroupSubscribedToTopic } else { ErrorCode::None }
                }
                _ => ErrorCode::UnknownTopicOrPartition,
            };
        if error == ErrorCode::None
            && call.shared.offsets.fetch(group, &name, partition_index).is_some()
        {
            gone.push((name.clone(), partition_index));
        }
        OffsetDeleteResponsePartition { partition_index, error_code: error.code() }
    });
    OffsetDeleteResponseTopic { partitions: partitions.collect(), name }
}
