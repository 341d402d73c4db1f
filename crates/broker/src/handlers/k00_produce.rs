//! Produce (key 0): appends batches as they are.
//!
//! Versions: 3-8 classic encoding, 9 flexible, 10 tells where the leader is (never needed here), 13 names topics
//! by id. From 12 on what a transaction writes comes into it by being written (KIP-890); before, it is asked whether the
//! partition was added. Batches are queued to the log in the order they came before the next request is read; the answer waits
//! for what `acks` asks: 1 for the write, -1 for what the topic's durability says. With 0 there is no answer,
//! and a failure closes the connection.

mod gate;

use std::time::Duration;

use bytes::Bytes;
use tidemill_commitlog::batch::Compression;
use tidemill_commitlog::{Acks, AppendError, AppendFuture, Partition, TopicInfo, batch};
use tidemill_wire::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use tidemill_wire::{ErrorCode, Text, Uuid};

use self::gate::Gate;
use crate::answer::Answer;
use crate::context::Call;
use crate::{errors, topics};

/// The first version that names topics by id.
const BY_ID: i16 = 13;
/// The first version whose clients know zstd (KIP-110).
const ZSTD: i16 = 7;
/// How long to wait before an append is tried again when the log's queue is full.
const BUSY_PAUSE: Duration = Duration::from_millis(1);
/// The longest such wait, whatever the client says; after it the client is told to try again.
const BUSY_WAIT_MAX: Duration = Duration::from_secs(30);

/// Queues every batch and answers when the log has.
pub(crate) async fn handle(call: &Call, request: ProduceRequest) -> Answer<ProduceResponse> {
    let acks = match request.acks {
        -1 => Ok(Acks::Synced),
        0 | 1 => Ok(Acks::Written),
        _ => Err(ErrorCode::InvalidRequiredAcks),
    };
    let gate = match acks {
        Ok(_) => Gate::of(call, &request).await,
        Err(_) => Gate::Open,
    };
    let patience = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let mut topics = Vec::with_capacity(request.topic_data.len());
    for topic in request.topic_data {
        topics.push(start_topic(call, &gate, acks, patience.min(BUSY_WAIT_MAX), topic).await);
    }
    // All is queued: the transaction may be ended now.
    drop(gate);
    if request.acks == 0 {
        return Answer::Silent(Box::pin(all_appended(topics)));
    }
    Answer::Later(Box::pin(answer(topics)))
}

struct StartedTopic {
    name: Text,
    id: Uuid,
    partitions: Vec<(i32, Started)>,
}

/// A batch on its way, or refused already.
enum Started {
    Queued(AppendFuture),
    Refused(ErrorCode, Option<String>),
}

async fn start_topic(
    call: &Call,
    gate: &Gate,
    acks: Result<Acks, ErrorCode>,
    patience: Duration,
    topic: TopicProduceData,
) -> StartedTopic {
    let by_id = call.version >= BY_ID;
    let found = acks.and_then(|acks| {
        let found = call.shared.find_topic(by_id, &topic.name, topic.topic_id)?;
        if topics::is_internal(&found.name) {
            return Err(ErrorCode::InvalidTopicException);
        }
        Ok((found, acks))
    });
    let mut partitions = Vec::with_capacity(topic.partition_data.len());
    for data in topic.partition_data {
        let index = data.index;
        let checked = found.as_ref().map_err(|error| *error).and_then(|found| {
            gate.check(call.version, &found.0.name, index)?;
            Ok(found)
        });
        let started = match checked {
            Ok((found, acks)) => start(call, found, *acks, patience, data).await,
            Err(error) => Started::Refused(error, None),
        };
        partitions.push((index, started));
    }
    StartedTopic { name: topic.name, id: topic.topic_id, partitions }
}

async fn start(
    call: &Call,
    topic: &TopicInfo,
    acks: Acks,
    patience: Duration,
    data: PartitionProduceData,
) -> Started {
    let Some(partition) = call.shared.log.partition(&topic.name, data.index) else {
        return Started::Refused(ErrorCode::UnknownTopicOrPartition, None);
    };
    let Some(batches) = data.records.map(tidemill_wire::Records::into_bytes) else {
        return Started::Refused(ErrorCode::InvalidRecord, Some("there are no records".into()));
    };
    if call.version < ZSTD && has_zstd(&batches) {
        return Started::Refused(ErrorCode::UnsupportedCompressionType, None);
    }
    Started::Queued(queue(call, &partition, batches, acks, patience).await)
}

fn has_zstd(batches: &[u8]) -> bool {
    let mut headers = batch::frames(batches).map_while(Result::ok);
    headers.any(|(header, _)| header.compression() == Ok(Compression::Zstd))
}

/// Queues an append. While the log's queue is full no further request of this connection is read: that is how
/// a producer is held back.
async fn queue(
    call: &Call,
    partition: &Partition,
    batches: Bytes,
    acks: Acks,
    patience: Duration,
) -> AppendFuture {
    let clock = call.shared.world.clock();
    let deadline = clock.now().after(patience);
    loop {
        let append = partition.append_async(batches.clone(), acks);
        let busy = matches!(append.try_get(), Some(Err(AppendError::Busy { .. })));
        if !busy || clock.now() >= deadline {
            return append;
        }
        clock.sleep(BUSY_PAUSE).await;
    }
}

async fn all_appended(topics: Vec<StartedTopic>) -> bool {
    for (_, started) in topics.into_iter().flat_map(|topic| topic.partitions) {
        let appended = match started {
            Started::Queued(append) => append.await.is_ok(),
            Started::Refused(..) => false,
        };
        if !appended {
            return false;
        }
    }
    true
}

async fn answer(topics: Vec<StartedTopic>) -> ProduceResponse {
    let mut responses = Vec::with_capacity(topics.len());
    for topic in topics {
        let mut partition_responses = Vec::with_capacity(topic.partitions.len());
        for (index, started) in topic.partitions {
            partition_responses.push(answer_partition(index, started).await);
        }
        let (name, topic_id) = (topic.name, topic.id);
        responses.push(TopicProduceResponse { name, topic_id, partition_responses });
    }
    ProduceResponse { responses, ..Default::default() }
}

async fn answer_partition(index: i32, started: Started) -> PartitionProduceResponse {
    let result = match started {
        Started::Refused(error, message) => Err((error, message, Vec::new())),
        Started::Queued(append) => append.await.map_err(|error| {
            (errors::append(&error), Some(error.to_string()), refused_records(&error))
        }),
    };
    match result {
        Ok(appended) => PartitionProduceResponse {
            index,
            base_offset: appended.base_offset,
            log_append_time_ms: appended.log_append_time_ms,
            log_start_offset: appended.log_start_offset,
            ..Default::default()
        },
        Err((error, message, record_errors)) => PartitionProduceResponse {
            index,
            error_code: error.code(),
            base_offset: -1,
            record_errors,
            error_message: message.map(Text::from),
            ..Default::default()
        },
    }
}

/// The records that made a batch be refused, so that a producer can send the others again (KIP-467).
fn refused_records(error: &AppendError) -> Vec<BatchIndexAndErrorMessage> {
    let AppendError::NoKey { records, .. } = error else { return Vec::new() };
    let why = Text::from_static("a compacted topic takes no record without a key");
    let told = |&batch_index| BatchIndexAndErrorMessage {
        batch_index,
        batch_index_error_message: Some(why.clone()),
    };
    records.places().iter().map(told).collect()
}
