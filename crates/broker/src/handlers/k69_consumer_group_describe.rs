//! ConsumerGroupDescribe (key 69): epochs, members and assignments of groups of the consumer protocol (KIP-848).
//!
//! Version 1 tells which protocol a member speaks.

use tidemill_wire::consumer_group_describe::{
    Assignment, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribedGroup,
    Member, TargetAssignment, TopicPartition, TopicPartitions,
};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::Call;
use crate::groups::consumer::types::{ConsumerMemberView, ConsumerView, Partitions};

/// The number of a member that speaks the consumer protocol.
const CONSUMER: i8 = 1;

/// Describes each group.
pub(crate) async fn handle(
    call: &Call,
    request: ConsumerGroupDescribeRequest,
) -> Answer<ConsumerGroupDescribeResponse> {
    let groups = request.group_ids.into_iter().map(|group_id| {
        match call.shared.groups.consumer_view(&group_id) {
            Some(view) => described(call, group_id, view),
            None => absent(call, group_id),
        }
    });
    Answer::Now(ConsumerGroupDescribeResponse { groups: groups.collect(), ..Default::default() })
}

fn described(call: &Call, group_id: Text, view: ConsumerView) -> DescribedGroup {
    let members = view.members.into_iter().map(|one| member(call, one));
    DescribedGroup {
        group_id,
        group_state: Text::from_static(view.state),
        group_epoch: view.epoch,
        assignment_epoch: view.target_epoch,
        assignor_name: Text::from_static(view.assignor),
        members: members.collect(),
        ..Default::default()
    }
}

fn member(call: &Call, view: ConsumerMemberView) -> Member {
    let assigned = named(call, view.assigned).map(|(topic_id, topic_name, partitions)| {
        TopicPartitions { topic_id, topic_name, partitions }
    });
    let target = named(call, view.target).map(|(topic_id, topic_name, partitions)| {
        TopicPartition { topic_id, topic_name, partitions }
    });
    Member {
        member_id: view.member_id,
        instance_id: view.instance_id,
        rack_id: view.rack_id,
        member_epoch: view.epoch,
        client_id: view.client_id,
        client_host: view.client_host,
        subscribed_topic_names: view.names,
        subscribed_topic_regex: view.regex,
        assignment: Assignment { topic_partitions: assigned.collect() },
        target_assignment: TargetAssignment { topic_partitions: target.collect() },
        member_type: CONSUMER,
    }
}

/// Partitions with the names of their topics; a topic that is gone has none and is left out, as in Kafka.
fn named(
    call: &Call,
    partitions: Partitions,
) -> impl Iterator<Item = (tidemill_wire::Uuid, Text, Vec<i32>)> {
    partitions.into_iter().filter_map(|(id, partitions)| {
        let topic = call.shared.find_topic(true, "", id).ok()?;
        Some((id, Text::from(&*topic.name), partitions.into_iter().collect()))
    })
}

fn absent(call: &Call, group_id: Text) -> DescribedGroup {
    let is_classic = call.shared.groups.is_known(&group_id)
        || !call.shared.offsets.fetch_all(&group_id).is_empty();
    let what = if is_classic { "is not a consumer group" } else { "not found" };
    DescribedGroup {
        error_code: ErrorCode::GroupIdNotFound.code(),
        error_message: Some(Text::from(format!("Group {group_id} {what}."))),
        group_state: Text::from_static("Dead"),
        group_id,
        ..Default::default()
    }
}
