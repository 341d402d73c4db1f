//! CreatePartitions (key 37): more partitions for a topic (KIP-195).
//!
//! Version 2 is flexible.

use std::collections::BTreeMap;

use tidemill_wire::ErrorCode;
use tidemill_wire::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult,
};

use super::resources;
use crate::answer::Answer;
use crate::context::{Call, Shared};
use crate::errors::{self, Failure};

/// Raises the number of partitions of each topic.
pub(crate) async fn handle(
    call: &Call,
    request: CreatePartitionsRequest,
) -> Answer<CreatePartitionsResponse> {
    let done = call.blocking(move |shared| {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        request.topics.iter().for_each(|topic| *times.entry(&topic.name).or_default() += 1);
        let all = request.topics.iter();
        all.map(|topic| {
            let result = match times.get(&*topic.name) {
                Some(1) => create(shared, topic, request.validate_only),
                _ => Err(Failure::new(ErrorCode::InvalidRequest, "Duplicate topic name.")),
            };
            let (error_code, error_message) = errors::told(result);
            CreatePartitionsTopicResult { name: topic.name.clone(), error_code, error_message }
        })
        .collect()
    });
    let results = done.await.unwrap_or_default();
    Answer::Now(CreatePartitionsResponse { results, ..Default::default() })
}

fn create(
    shared: &Shared,
    topic: &CreatePartitionsTopic,
    validate_only: bool,
) -> Result<(), Failure> {
    let found = shared.log.topic(&topic.name).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let refuse = |error, why: String| Err(Failure::new(error, why));
    let (now, total) = (found.config.partitions, topic.count);
    if total == now {
        return refuse(
            ErrorCode::InvalidPartitions,
            format!("Topic already has {now} partition(s)."),
        );
    }
    if total < now {
        let name = &topic.name;
        let why = format!(
            "The topic {name} currently has {now} partition(s); {total} would not be an increase."
        );
        return refuse(ErrorCode::InvalidPartitions, why);
    }
    if let Some(assignments) = &topic.assignments {
        let added = total - now;
        if usize::try_from(added) != Ok(assignments.len()) {
            let why = format!(
                "Attempted to add {added} additional partition(s), but only {} assignment(s) were specified.",
                assignments.len()
            );
            return refuse(ErrorCode::InvalidReplicaAssignment, why);
        }
        for assignment in assignments {
            resources::check_replicas(&assignment.broker_ids, shared.config.node_id)?;
        }
    }
    if validate_only {
        let mut config = found.config;
        config.partitions = total;
        return Ok(config.check()?);
    }
    shared.log.add_partitions(&topic.name, total)?;
    tracing::info!(topic = %topic.name, partitions = total, "partitions were added");
    Ok(())
}
