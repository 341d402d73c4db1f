//! Batches to and from leaders, for our own carrier.

use std::time::Duration;

use bytes::Bytes;
use tidemill_wire::Text;
use tidemill_wire::fetch::{FetchPartition, FetchRequest, FetchTopic, PartitionData};
use tidemill_wire::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};

use super::refusal::check;
use super::{Client, TIMEOUT_MS};
use crate::error::CliError;

/// The newest versions that name topics by name.
const FETCH: i16 = 12;
const PRODUCE: i16 = 12;
const FETCH_BYTES_MAX: i32 = 8 << 20;

impl Client {
    /// Appends batches and returns the first offset, once as many have it as `acks` asks for. With `acks` 0 nothing is
    /// answered, so that our own client never asks for it.
    ///
    /// # Errors
    /// The leader refused them.
    pub(crate) fn produce(
        &mut self,
        leader: i32,
        (topic, partition): (&str, i32),
        acks: i16,
        records: Bytes,
    ) -> Result<i64, CliError> {
        let data = PartitionProduceData { index: partition, records: Some(records.into()) };
        let request = ProduceRequest {
            acks,
            timeout_ms: TIMEOUT_MS,
            topic_data: vec![TopicProduceData {
                name: Text::from(topic),
                partition_data: vec![data],
                ..Default::default()
            }],
            ..Default::default()
        };
        let response = self.broker(leader)?.call(&request, PRODUCE)?;
        let what = format!("topic `{topic}` partition {partition}");
        let results = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        let mut base = None;
        for result in results {
            check(result.error_code, result.error_message.as_ref(), &what)?;
            base = Some(result.base_offset);
        }
        base.ok_or_else(|| CliError::failed(what, "the answer names no partition"))
    }

    /// Batches of partitions of one leader from the offsets given; waits a little when there are none.
    ///
    /// # Errors
    /// The leader refused one of them.
    pub(crate) fn fetch(
        &mut self,
        leader: i32,
        topic: &str,
        offsets: &[(i32, i64)],
        wait: Duration,
        read_committed: bool,
    ) -> Result<Vec<PartitionData>, CliError> {
        let partition = |(partition, offset): &(i32, i64)| FetchPartition {
            partition: *partition,
            fetch_offset: *offset,
            partition_max_bytes: FETCH_BYTES_MAX,
            ..Default::default()
        };
        let request = FetchRequest {
            replica_id: -1,
            max_wait_ms: i32::try_from(wait.as_millis()).unwrap_or(i32::MAX),
            min_bytes: 1,
            max_bytes: FETCH_BYTES_MAX,
            isolation_level: i8::from(read_committed),
            session_epoch: -1,
            topics: vec![FetchTopic {
                topic: Text::from(topic),
                partitions: offsets.iter().map(partition).collect(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let response = self.broker(leader)?.call(&request, FETCH)?;
        check(response.error_code, None, topic)?;
        let partitions: Vec<PartitionData> =
            response.responses.into_iter().flat_map(|topic| topic.partitions).collect();
        for partition in &partitions {
            let what = format!("topic `{topic}` partition {}", partition.partition_index);
            check(partition.error_code, None, &what)?;
        }
        Ok(partitions)
    }
}
