//! Fetch (key 1): whole batches from an offset on.
//!
//! Versions: 4-6 classic, 7 sessions, 9 leader epochs, 10 zstd, 12 flexible, 13 topics by id. The first batch
//! may begin before the offset asked for, and it is given even if it is larger than every limit (KIP-74).
//! When there is less than `min_bytes`, the answer waits for the partitions to grow, never longer than `max_wait`.
//!
//! A reader of committed transactions gets what lies before the last stable offset, with a list of the aborted
//! transactions among it, and waits for that offset to move (KIP-98). A reader that names the epoch of the last record
//! it has is told where its log and ours part, if they do (KIP-595).

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tidemill_commitlog::Changed;
use tidemill_wire::fetch::{
    AbortedTransaction, EpochEndOffset, FetchRequest, FetchResponse, FetchableTopicResponse,
    PartitionData,
};
use tidemill_wire::{ErrorCode, Records};

use self::reading::{Found, How, Place, read_all};
use crate::answer::Answer;
use crate::context::{Call, Shared};
use crate::fetch_session::{Plan, Told, TopicKey, Wanted};
use crate::memory::Hold;

mod reading;

/// The first version that names topics by id.
const BY_ID: i16 = 13;
/// The longest a request may wait, whatever it says: Kafka's default for a whole request.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// The first version whose clients know zstd (KIP-110).
const ZSTD: i16 = 10;
/// Bytes of one answer that are read even when all memory for answers is used up, so that every reader goes on.
const FETCH_BYTES_MIN: usize = 64 << 10;
/// The isolation level that wants committed transactions only.
const READ_COMMITTED: i8 = 1;

/// Begins the fetch in the order of requests; the rest is done when the answers before it are written.
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
        how: How {
            committed: request.isolation_level == READ_COMMITTED,
            zstd: call.version >= ZSTD,
        },
    };
    // Read when it can be written: a client that asks much and takes nothing must not fill the memory.
    Answer::Held(Box::pin(fetch.answer(wait.min(WAIT_MAX))))
}

struct Fetch {
    shared: Arc<Shared>,
    plan: Plan,
    /// One for each partition of the plan.
    places: Vec<Place>,
    bytes_max: usize,
    bytes_min: usize,
    how: How,
}

type Read = Result<Found, ErrorCode>;

impl Fetch {
    async fn answer(self, wait: Duration) -> (FetchResponse, Hold) {
        let (reads, hold) = self.read().await;
        if wait.is_zero() || self.is_enough(&reads) {
            return (self.respond(reads), hold);
        }
        self.wait(reads, hold, wait).await
    }

    /// Reads as much as is asked for and may be held until it is written; tells what it came to.
    async fn read(&self) -> (Vec<Read>, Hold) {
        let asked =
            self.places.iter().fold(0usize, |sum, place| sum.saturating_add(place.bytes_max));
        let wanted = asked.min(self.bytes_max).min(self.shared.config.fetch_bytes_max);
        let mut hold = self.shared.responses.take_up_to(wanted, FETCH_BYTES_MIN);
        let reads = self.read_at_most(hold.bytes()).await;
        let bytes = reads.iter().flatten().map(|read| read.bytes).sum();
        if bytes > hold.bytes() {
            // The first batch may be larger than every limit (KIP-74), and counts all the same.
            hold = self.shared.responses.take(bytes);
        }
        hold.shrink_to(bytes);
        (reads, hold)
    }

    async fn read_at_most(&self, bytes_max: usize) -> Vec<Read> {
        if !self.places.iter().any(Place::is_far) {
            return read_all(&self.places, self.how, bytes_max);
        }
        let (places, how) = (self.places.clone(), self.how);
        let read = tokio::task::spawn_blocking(move || read_all(&places, how, bytes_max)).await;
        read.unwrap_or_else(|_| vec![Err(ErrorCode::UnknownServerError); self.places.len()])
    }

    /// Whether the answer can go: enough bytes, or something the client must know at once.
    fn is_enough(&self, reads: &[Read]) -> bool {
        let mut bytes = 0;
        for read in reads {
            match read {
                Ok(read) if read.diverging.is_some() => return true,
                Ok(read) => bytes += read.bytes,
                Err(_) => return true,
            }
        }
        bytes >= self.bytes_min
    }

    async fn wait(self, reads: Vec<Read>, hold: Hold, wait: Duration) -> (FetchResponse, Hold) {
        let clock = self.shared.world.clock_arc();
        let deadline = clock.now().after(wait);
        let mut sleep = clock.sleep_until(deadline);
        let mut latest = (reads, hold);
        loop {
            let mut grown = self.growth(&latest.0);
            let timed_out = std::future::poll_fn(|context| {
                if sleep.as_mut().poll(context).is_ready() {
                    return Poll::Ready(true);
                }
                let any = grown.iter_mut().any(|one| Pin::new(one).poll(context).is_ready());
                if any { Poll::Ready(false) } else { Poll::Pending }
            })
            .await;
            drop(grown);
            latest = self.read().await;
            if timed_out || self.is_enough(&latest.0) {
                let (reads, hold) = latest;
                return (self.respond(reads), hold);
            }
        }
    }

    /// One future for each partition, ready when it has more than was read.
    fn growth(&self, reads: &[Read]) -> Vec<Changed> {
        let pairs = self.places.iter().zip(reads);
        pairs
            .filter_map(|(place, read)| match (&place.partition, read) {
                // Ready once the end that the reader sees is past what it was.
                (Ok(partition), Ok(read)) if self.how.committed => {
                    Some(partition.changed_stable(read.last_stable_offset))
                }
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
            last_stable_offset: -1,
            aborted_transactions: self.how.committed.then(Vec::new),
            records: Some(Records::default()),
            ..Default::default()
        };
        match (read, &place.partition) {
            (Ok(read), _) => {
                data.high_watermark = read.high_watermark;
                data.last_stable_offset = read.last_stable_offset;
                data.log_start_offset = read.log_start_offset;
                data.records = Some(read.records);
                if self.how.committed {
                    data.aborted_transactions = Some(read.aborted.iter().map(aborted).collect());
                }
                if let Some((epoch, end_offset)) = read.diverging {
                    data.diverging_epoch = EpochEndOffset { epoch, end_offset };
                }
            }
            (Err(error), partition) => {
                data.error_code = error.code();
                if let (ErrorCode::OffsetOutOfRange, Ok(partition)) = (error, partition) {
                    data.high_watermark = partition.high_watermark();
                    data.last_stable_offset = partition.last_stable_offset();
                    data.log_start_offset = partition.log_start_offset();
                }
            }
        }
        data
    }
}

fn aborted(transaction: &tidemill_commitlog::AbortedTransaction) -> AbortedTransaction {
    let tidemill_commitlog::AbortedTransaction { producer_id, first_offset } = *transaction;
    AbortedTransaction { producer_id, first_offset }
}

fn has_records(data: &PartitionData) -> bool {
    data.records.as_ref().is_some_and(|records| !records.is_empty())
}

/// Whether a session's client does not know this yet.
fn is_news(wanted: &Wanted, data: &PartitionData) -> bool {
    let told = Some((data.high_watermark, data.log_start_offset));
    let diverges = data.diverging_epoch != EpochEndOffset::default();
    has_records(data) || data.error_code != 0 || diverges || wanted.told != told
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
