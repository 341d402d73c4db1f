//! DescribeLogDirs (key 35): the data folder, what partitions take of it, and what is free.
//!
//! Version 2 is flexible, 3 has an error of the whole, 4 tells the volume (KIP-827), 5 whether the folder takes
//! new partitions.

use std::collections::{BTreeMap, BTreeSet};

use tidemill_wire::Text;
use tidemill_wire::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeLogDirsResult, DescribeLogDirsTopic,
};

use crate::answer::Answer;
use crate::context::{Call, Shared};

/// Asks the disk on a thread that may wait.
pub(crate) async fn handle(
    call: &Call,
    request: DescribeLogDirsRequest,
) -> Answer<DescribeLogDirsResponse> {
    let results = match call.blocking(move |shared| describe(shared, &request)).await {
        Ok(result) => vec![result],
        Err(error) => {
            return Answer::Now(DescribeLogDirsResponse {
                error_code: error.code(),
                ..Default::default()
            });
        }
    };
    Answer::Now(DescribeLogDirsResponse { results, ..Default::default() })
}

fn describe(shared: &Shared, request: &DescribeLogDirsRequest) -> DescribeLogDirsResult {
    let dir = shared.log.dir();
    let space = shared.world.disk().space(dir).ok();
    let bytes = |bytes: Option<u64>| bytes.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX));
    let topics = wanted(shared, request).into_iter().filter_map(|(name, partitions)| {
        let partitions: Vec<_> =
            partitions.into_iter().filter_map(|index| size(shared, &name, index)).collect();
        (!partitions.is_empty()).then_some(DescribeLogDirsTopic { name, partitions })
    });
    DescribeLogDirsResult {
        log_dir: Text::from(dir.to_string_lossy().into_owned()),
        topics: topics.collect(),
        total_bytes: bytes(space.map(|space| space.total_bytes)),
        usable_bytes: bytes(space.map(|space| space.usable_bytes)),
        ..Default::default()
    }
}

/// The partitions asked for, each once.
fn wanted(shared: &Shared, request: &DescribeLogDirsRequest) -> BTreeMap<Text, BTreeSet<i32>> {
    let mut wanted: BTreeMap<Text, BTreeSet<i32>> = BTreeMap::new();
    match &request.topics {
        Some(topics) => {
            for topic in topics {
                wanted.entry(topic.topic.clone()).or_default().extend(&topic.partitions);
            }
        }
        None => {
            for topic in shared.log.topics() {
                let name = Text::from(&*topic.name);
                wanted.insert(name, (0..topic.config.partitions).collect());
            }
        }
    }
    wanted
}

fn size(shared: &Shared, topic: &str, index: i32) -> Option<DescribeLogDirsPartition> {
    let partition = shared.log.partition(topic, index)?;
    Some(DescribeLogDirsPartition {
        partition_index: index,
        partition_size: i64::try_from(partition.size_bytes()).unwrap_or(i64::MAX),
        ..Default::default()
    })
}
