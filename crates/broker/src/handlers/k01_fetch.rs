//! Fetch (key 1): whole batches from an offset on.
//!
//! Versions: 4-6 classic, 7 sessions, 9 leader epochs, 10 zstd, 12 flexible, 13 topics by id. The first batch
//! may begin before the offset asked for, and it is given even if it is larger than every limit (KIP-74).
//! When there is less than `min_bytes`, the answer waits for the partitions to grow, never longer than `max_wait`.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tidemill_commitlog::{Changed, Partition, ReadBatches};
use tidemill_wire::fetch::{FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData};
use tidemill_wire::{ErrorCode, Records};

use crate::answer::Answer;
use crate::context::{Call, Shared};
use crate::errors;
use crate::fetch_session::{Plan, Told, TopicKey, Wanted};

/// The first version that names topics by id.
const BY_ID: i16 = 13;
/// The longest a request may wait, whatever it says: Kafka's default for a whole request.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// A reader this many records behind the end is read for on a thread that may wait for the disk; a nearer one
/// is most likely served from memory, where the hand-over would cost more than the read.
const NEAR_RECORDS: i64 = 10_000;
/// The isolation level that wants committed transactions only.
const READ_COMMITTED: i8 = 1;

/// Answers at once if there is enough, else later.
pub(crate) async fn handle(call: &Call, request: FetchRequest) -> Answer<FetchResponse> {
    let shared = &call.shared;
    let by_id = call.version >= BY_ID;
    let now = shared.world.clock().now();
    let fresh_id = || i32::try_from(shared.world.random().next_u64() >> 33).unwrap_or(0);
    let plan = shared
        .sessions
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .begin(&request, by_id, fresh_id, now);
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => {
            let error_code = error.code();
            return Answer::Now(FetchResponse { error_code, ..Default::default() });
        }
    };
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let fetch = Fetch {
        shared: Arc::clone(shared),
        places: plan.wanted.iter().map(|wanted| Place::find(shared, wanted)).collect(),
        plan,
        bytes_max: usize::try_from(request.max_bytes).unwrap_or(0),
        bytes_min: usize::try_from(request.min_bytes).unwrap_or(0),
        read_committed: request.isolation_level == READ_COMMITTED,
    };
    let reads = fetch.read().await;
    if wait.is_zero() || fetch.is_enough(&reads) {
        return Answer::Now(fetch.respond(reads));
    }
    Answer::Later(Box::pin(fetch.wait(reads, wait.min(WAIT_MAX))))
}

struct Fetch {
    shared: Arc<Shared>,
    plan: Plan,
    /// One for each partition of the plan.
    places: Vec<Place>,
    bytes_max: usize,
    bytes_min: usize,
    read_committed: bool,
}

/// Where to read.
#[derive(Clone)]
struct Place {
    partition: Result<Partition, ErrorCode>,
    offset: i64,
    bytes_max: usize,
}

/// What was read of one place.
#[derive(Clone, Debug)]
struct Found {
    records: Records,
    bytes: usize,
    high_watermark: i64,
    log_start_offset: i64,
}

impl From<ReadBatches> for Found {
    fn from(read: ReadBatches) -> Self {
        Self {
            records: Records::from(read.chunks()),
            bytes: read.bytes(),
            high_watermark: read.high_watermark,
            log_start_offset: read.log_start_offset,
        }
    }
}

type Read = Result<Found, ErrorCode>;

impl Place {
    fn find(shared: &Shared, wanted: &Wanted) -> Self {
        Self {
            partition: find(shared, wanted),
            offset: wanted.offset,
            bytes_max: usize::try_from(wanted.bytes_max).unwrap_or(0),
        }
    }

    fn is_far(&self) -> bool {
        let behind = |partition: &Partition| partition.high_watermark().saturating_sub(self.offset);
        self.partition.as_ref().is_ok_and(|partition| behind(partition) > NEAR_RECORDS)
    }
}

fn find(shared: &Shared, wanted: &Wanted) -> Result<Partition, ErrorCode> {
    let topic = match &wanted.topic {
        TopicKey::Name(name) => shared.find_topic(false, name, tidemill_wire::Uuid::ZERO)?,
        TopicKey::Id(id) => shared.find_topic(true, "", *id)?,
    };
    let partition = shared
        .log
        .partition(&topic.name, wanted.partition)
        .ok_or(ErrorCode::UnknownTopicOrPartition)?;
    // KIP-320: a client that believes in another epoch must look again before it reads on.
    match wanted.leader_epoch {
        -1 => Ok(partition),
        epoch if epoch < partition.leader_epoch() => Err(ErrorCode::FencedLeaderEpoch),
        epoch if epoch > partition.leader_epoch() => Err(ErrorCode::UnknownLeaderEpoch),
        _ => Ok(partition),
    }
}

/// Reads all places in order, within the bytes of the whole answer.
fn read_all(places: &[Place], bytes_max: usize) -> Vec<Read> {
    let mut left = bytes_max;
    let mut first = true;
    places
        .iter()
        .map(|place| {
            let partition = place.partition.as_ref().map_err(|error| *error)?;
            // Nothing more fits, but offsets are still checked and told.
            let bytes_max = if left == 0 && !first { 0 } else { place.bytes_max.min(left) };
            let mut read: Found = partition
                .read(place.offset, bytes_max)
                .map_err(|error| errors::read(&error))?
                .into();
            // The log gives a batch even if it is too large; only the first of an answer may be.
            if read.bytes > bytes_max && !first {
                (read.records, read.bytes) = (Records::default(), 0);
            }
            left = left.saturating_sub(read.bytes);
            first &= read.bytes == 0;
            Ok(read)
        })
        .collect()
}

impl Fetch {
    async fn read(&self) -> Vec<Read> {
        let bytes_max = self.bytes_max.min(self.shared.config.fetch_bytes_max);
        if !self.places.iter().any(Place::is_far) {
            return read_all(&self.places, bytes_max);
        }
        let places = self.places.clone();
        let read = tokio::task::spawn_blocking(move || read_all(&places, bytes_max)).await;
        read.unwrap_or_else(|_| vec![Err(ErrorCode::UnknownServerError); self.places.len()])
    }

    /// Whether the answer can go: enough bytes, or something the client must know at once.
    fn is_enough(&self, reads: &[Read]) -> bool {
        let mut bytes = 0;
        for read in reads {
            match read {
                Ok(read) => bytes += read.bytes,
                Err(_) => return true,
            }
        }
        bytes >= self.bytes_min
    }

    async fn wait(self, mut reads: Vec<Read>, wait: Duration) -> FetchResponse {
        let clock = self.shared.world.clock_arc();
        let deadline = clock.now().after(wait);
        let mut sleep = clock.sleep_until(deadline);
        loop {
            let mut grown = self.growth(&reads);
            let timed_out = std::future::poll_fn(|context| {
                if sleep.as_mut().poll(context).is_ready() {
                    return Poll::Ready(true);
                }
                let any = grown.iter_mut().any(|one| Pin::new(one).poll(context).is_ready());
                if any { Poll::Ready(false) } else { Poll::Pending }
            })
            .await;
            drop(grown);
            reads = self.read().await;
            if timed_out || self.is_enough(&reads) {
                return self.respond(reads);
            }
        }
    }

    /// One future for each partition, ready when it has more than was read.
    fn growth(&self, reads: &[Read]) -> Vec<Changed> {
        let pairs = self.places.iter().zip(reads);
        pairs
            .filter_map(|(place, read)| match (&place.partition, read) {
                // Ready once the high watermark is past what it was.
                (Ok(partition), Ok(read)) => Some(partition.changed(read.high_watermark)),
                _ => None,
            })
            .collect()
    }

    fn respond(self, reads: Vec<Read>) -> FetchResponse {
        let mut response = FetchResponse { session_id: self.plan.session_id, ..Default::default() };
        let mut told = Vec::new();
        for ((wanted, place), read) in self.plan.wanted.iter().zip(&self.places).zip(reads) {
            let data = self.partition(wanted, place, read);
            if self.plan.session_id != 0 {
                told.push(Told {
                    topic: wanted.topic.clone(),
                    partition: wanted.partition,
                    high_watermark: data.high_watermark,
                    log_start_offset: data.log_start_offset,
                    had_records: has_records(&data),
                });
            }
            if !self.plan.incremental || is_news(wanted, &data) {
                add(&mut response.responses, &wanted.topic, data);
            }
        }
        self.shared
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .finish(self.plan.session_id, told.into_iter());
        response
    }

    fn partition(&self, wanted: &Wanted, place: &Place, read: Read) -> PartitionData {
        let mut data = PartitionData {
            partition_index: wanted.partition,
            high_watermark: -1,
            // Nobody writes transactions yet, so nothing was aborted.
            aborted_transactions: self.read_committed.then(Vec::new),
            records: Some(Records::default()),
            ..Default::default()
        };
        match (read, &place.partition) {
            (Ok(read), _) => {
                data.high_watermark = read.high_watermark;
                data.log_start_offset = read.log_start_offset;
                data.records = Some(read.records);
            }
            (Err(error), partition) => {
                data.error_code = error.code();
                if let (ErrorCode::OffsetOutOfRange, Ok(partition)) = (error, partition) {
                    data.high_watermark = partition.high_watermark();
                    data.log_start_offset = partition.log_start_offset();
                }
            }
        }
        data.last_stable_offset = data.high_watermark;
        data
    }
}

fn has_records(data: &PartitionData) -> bool {
    data.records.as_ref().is_some_and(|records| !records.is_empty())
}

/// Whether a session's client does not know this yet.
fn is_news(wanted: &Wanted, data: &PartitionData) -> bool {
    let told = Some((data.high_watermark, data.log_start_offset));
    has_records(data) || data.error_code != 0 || wanted.told != told
}

/// Adds a partition to the last topic if it is the same one. A topic may come twice; clients allow that.
fn add(topics: &mut Vec<FetchableTopicResponse>, key: &TopicKey, data: PartitionData) {
    let (name, id) = match key {
        TopicKey::Name(name) => (name.clone(), tidemill_wire::Uuid::ZERO),
        TopicKey::Id(id) => (tidemill_wire::Text::default(), *id),
    };
    match topics.last_mut() {
        Some(last) if last.topic == name && last.topic_id == id => last.partitions.push(data),
        _ => topics.push(FetchableTopicResponse {
            topic: name,
            topic_id: id,
            partitions: vec![data],
        }),
    }
}
