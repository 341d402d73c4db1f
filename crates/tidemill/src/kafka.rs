//! The few Kafka requests that the command line sends, one at a time over one connection.
//!
//! Any Kafka of version 4 answers these versions. The client names topics by name, so that errors can.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use bytes::Bytes;
use tidemill_wire::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use tidemill_wire::delete_topics::DeleteTopicsRequest;
use tidemill_wire::fetch::{FetchPartition, FetchRequest, FetchTopic, PartitionData};
use tidemill_wire::header::ResponseHeader;
use tidemill_wire::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use tidemill_wire::message::encode_request;
use tidemill_wire::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponseTopic};
use tidemill_wire::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use tidemill_wire::{ErrorCode, Message, Reader, Request, Text};

use crate::connection::not_running;
use crate::error::CliError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longer than any wait a request asks for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A frame longer than this is no answer to what we asked.
const FRAME_BYTES_MAX: usize = 128 << 20;
/// How long the broker may hold a fetch that has nothing to give.
const FETCH_WAIT_MS: i32 = 500;
const FETCH_BYTES_MAX: i32 = 8 << 20;
const TIMEOUT_MS: i32 = 10_000;

/// Where a partition starts and ends, as ListOffsets names it.
pub(crate) const EARLIEST: i64 = -2;
pub(crate) const LATEST: i64 = -1;

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    address: String,
    correlation_id: i32,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// Nobody answers there.
    pub(crate) fn connect(address: &str) -> Result<Self, CliError> {
        let failed = |error: std::io::Error| not_running(address, &error);
        let resolved = address.to_socket_addrs().map_err(failed)?.next();
        let socket = resolved.ok_or_else(|| {
            CliError::Usage(format!("`{address}` is no address; give HOST:PORT, as 127.0.0.1:9092"))
        })?;
        let stream = TcpStream::connect_timeout(&socket, CONNECT_TIMEOUT).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(failed)?;
        Ok(Self { stream, address: address.to_owned(), correlation_id: 0 })
    }

    fn call<R: Request>(&mut self, request: &R, version: i16) -> Result<R::Response, CliError> {
        self.correlation_id = self.correlation_id.wrapping_add(1);
        let client_id = Text::from("tidemill");
        let parts = encode_request(request, version, self.correlation_id, Some(&client_id))
            .map_err(|error| CliError::failed(R::NAME, error))?;
        let frame = self
            .exchange(&parts)
            .map_err(|error| CliError::failed(format!("{}: {}", self.address, R::NAME), error))?;
        let mut reader = Reader::new(frame);
        let decoded = ResponseHeader::decode(&mut reader, R::API, version)
            .and_then(|_| R::Response::decode(&mut reader, version));
        decoded.map_err(|error| CliError::failed(format!("the answer of {}", self.address), error))
    }

    fn exchange(&mut self, parts: &[Bytes]) -> std::io::Result<Bytes> {
        self.stream.write_all(&parts.concat())?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > FRAME_BYTES_MAX {
            let what = format!("announces {length} bytes; is this a Kafka port?");
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, what));
        }
        let mut frame = vec![0; length];
        self.stream.read_exact(&mut frame)?;
        Ok(frame.into())
    }

    /// All topics, or those named; `create` lets asking create them.
    pub(crate) fn topics(
        &mut self,
        names: Option<&[String]>,
        create: bool,
    ) -> Result<Vec<MetadataResponseTopic>, CliError> {
        let named = |name: &String| MetadataRequestTopic {
            name: Some(Text::from(name.as_str())),
            ..Default::default()
        };
        let request = MetadataRequest {
            topics: names.map(|names| names.iter().map(named).collect()),
            allow_auto_topic_creation: create,
            ..Default::default()
        };
        Ok(self.call(&request, 12)?.topics)
    }

    /// One topic that must be there.
    pub(crate) fn topic(
        &mut self,
        name: &str,
        create: bool,
    ) -> Result<MetadataResponseTopic, CliError> {
        let topics = self.topics(Some(&[name.to_owned()]), create)?;
        let topic = topics.into_iter().next().ok_or_else(|| CliError::failed(name, "no answer"))?;
        check(topic.error_code, None, &format!("topic `{name}`"))?;
        Ok(topic)
    }

    /// Creates a topic and returns how many partitions it has.
    pub(crate) fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        configs: &[(String, String)],
    ) -> Result<i32, CliError> {
        let config = |(name, value): &(String, String)| CreatableTopicConfig {
            name: Text::from(name.as_str()),
            value: Some(Text::from(value.as_str())),
        };
        let topic = CreatableTopic {
            name: Text::from(name),
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.iter().map(config).collect(),
            ..Default::default()
        };
        let request = CreateTopicsRequest {
            topics: vec![topic],
            timeout_ms: TIMEOUT_MS,
            ..Default::default()
        };
        let response = self.call(&request, 7)?;
        for result in &response.topics {
            check(result.error_code, result.error_message.as_ref(), &format!("topic `{name}`"))?;
        }
        Ok(response.topics.first().map_or(partitions, |result| result.num_partitions))
    }

    /// Deletes a topic.
    pub(crate) fn delete_topic(&mut self, name: &str) -> Result<(), CliError> {
        let request = DeleteTopicsRequest {
            topic_names: vec![Text::from(name)],
            timeout_ms: TIMEOUT_MS,
            ..Default::default()
        };
        for result in &self.call(&request, 5)?.responses {
            check(result.error_code, result.error_message.as_ref(), &format!("topic `{name}`"))?;
        }
        Ok(())
    }

    /// Appends a batch and returns its first offset, once it is on the disk.
    pub(crate) fn produce(
        &mut self,
        topic: &str,
        partition: i32,
        records: Bytes,
    ) -> Result<i64, CliError> {
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: TIMEOUT_MS,
            topic_data: vec![TopicProduceData {
                name: Text::from(topic),
                partition_data: vec![PartitionProduceData {
                    index: partition,
                    records: Some(records.into()),
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let response = self.call(&request, 9)?;
        let results = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        let what = format!("topic `{topic}` partition {partition}");
        let mut base = None;
        for result in results {
            check(result.error_code, result.error_message.as_ref(), &what)?;
            base = Some(result.base_offset);
        }
        base.ok_or_else(|| CliError::failed(what, "the answer names no partition"))
    }

    /// The offset at a time, [`EARLIEST`] or [`LATEST`].
    pub(crate) fn offset(
        &mut self,
        topic: &str,
        partition: i32,
        timestamp: i64,
    ) -> Result<i64, CliError> {
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: vec![ListOffsetsTopic {
                name: Text::from(topic),
                partitions: vec![ListOffsetsPartition {
                    partition_index: partition,
                    current_leader_epoch: -1,
                    timestamp,
                }],
            }],
            ..Default::default()
        };
        let response = self.call(&request, 6)?;
        let what = format!("topic `{topic}` partition {partition}");
        let result = response.topics.iter().flat_map(|topic| &topic.partitions).next();
        let result = result.ok_or_else(|| CliError::failed(&what, "no answer"))?;
        check(result.error_code, None, &what)?;
        Ok(result.offset)
    }

    /// Batches of several partitions from the offsets given; waits a little when there are none.
    pub(crate) fn fetch(
        &mut self,
        topic: &str,
        offsets: &[(i32, i64)],
    ) -> Result<Vec<PartitionData>, CliError> {
        let partition = |(partition, offset): &(i32, i64)| FetchPartition {
            partition: *partition,
            fetch_offset: *offset,
            partition_max_bytes: FETCH_BYTES_MAX,
            ..Default::default()
        };
        let request = FetchRequest {
            replica_id: -1,
            max_wait_ms: FETCH_WAIT_MS,
            min_bytes: 1,
            max_bytes: FETCH_BYTES_MAX,
            session_epoch: -1,
            topics: vec![FetchTopic {
                topic: Text::from(topic),
                partitions: offsets.iter().map(partition).collect(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let response = self.call(&request, 12)?;
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

/// Turns an error of the broker into words.
fn check(code: i16, message: Option<&Text>, what: &str) -> Result<(), CliError> {
    if code == 0 {
        return Ok(());
    }
    let known =
        ErrorCode::from_code(code).map_or_else(|| format!("error {code}"), |c| c.to_string());
    let why = message.map_or(known, |message| message.to_string());
    if code == ErrorCode::UnknownTopicOrPartition.code() {
        return Err(CliError::with_help(what, why, "`tidemill topic list` shows what is there"));
    }
    Err(CliError::failed(what, why))
}
