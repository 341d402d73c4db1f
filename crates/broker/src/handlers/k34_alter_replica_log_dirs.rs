//! AlterReplicaLogDirs (key 34): partitions moved between data folders. There is one folder.
//!
//! Version 2 is flexible.

use std::collections::BTreeMap;
use std::path::Path;

use tidemill_wire::alter_replica_log_dirs::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse,
};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::Call;

/// Says of each partition whether it is, and so stays, in the folder named.
pub(crate) async fn handle(
    call: &Call,
    request: AlterReplicaLogDirsRequest,
) -> Answer<AlterReplicaLogDirsResponse> {
    let log = &call.shared.log;
    // A topic comes once in the answer, also if its partitions go to several folders.
    let mut topics: BTreeMap<Text, Vec<AlterReplicaLogDirPartitionResult>> = BTreeMap::new();
    for dir in &request.dirs {
        let is_ours = Path::new(&*dir.path) == log.dir();
        for topic in &dir.topics {
            let partitions = topics.entry(topic.name.clone()).or_default();
            for index in &topic.partitions {
                let error = match log.partition(&topic.name, *index) {
                    _ if !is_ours => ErrorCode::LogDirNotFound,
                    Some(_) => ErrorCode::None,
                    None => ErrorCode::UnknownTopicOrPartition,
                };
                partitions.push(AlterReplicaLogDirPartitionResult {
                    partition_index: *index,
                    error_code: error.code(),
                });
            }
        }
    }
    let results = topics
        .into_iter()
        .map(|(topic_name, partitions)| AlterReplicaLogDirTopicResult { topic_name, partitions });
    Answer::Now(AlterReplicaLogDirsResponse { results: results.collect(), ..Default::default() })
}
