//! Fetches batches from each leader in turn and gives their records.
//!
//! What a reader of committed records must not see (markers, and what belongs to transactions that were given up)
//! is left out here, as every Kafka client does it: the broker names the aborted transactions that reach into
//! what it sends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidemill_commitlog::batch::{BatchError, BatchHeader, frames, records};
use tidemill_wire::fetch::{AbortedTransaction, PartitionData};

use crate::error::CliError;
use crate::kafka::{Client, EARLIEST, LATEST, Listed, TopicPartition};
use crate::place::Place;
use crate::records::types::{Polled, Reading, Source, Start, View};

/// How far one partition is.
struct Position {
    partition: i32,
    leader: i32,
    next: i64,
    /// Where reading ends if it does.
    end: i64,
}

struct Own {
    client: Client,
    topic: String,
    positions: Vec<Position>,
    ends: bool,
    read_committed: bool,
    until_ms: Option<i64>,
}

/// Opens a source for one topic.
pub(crate) fn open(place: &Place, reading: &Reading) -> Result<Box<dyn Source>, CliError> {
    let [topic] = &reading.topics[..] else {
        return Err(CliError::Usage("several topics can be read in a group only; give -g".into()));
    };
    let mut client = Client::connect(place)?;
    let positions = positions(&mut client, topic, reading)?;
    Ok(Box::new(Own {
        client,
        topic: topic.clone(),
        positions,
        ends: reading.stop_at_end || reading.until_ms.is_some(),
        read_committed: reading.read_committed,
        until_ms: reading.until_ms,
    }))
}

fn positions(
    client: &mut Client,
    name: &str,
    reading: &Reading,
) -> Result<Vec<Position>, CliError> {
    let mut topic = client.topic(name, false)?;
    let count = topic.partitions.len();
    let wanted = |partition: i32| reading.partition.is_none_or(|wanted| wanted == partition);
    topic.partitions.retain(|partition| wanted(partition.partition_index));
    if topic.partitions.is_empty() {
        let why = format!("it has {count} partitions, counted from 0");
        return Err(CliError::failed(format!("topic `{name}`"), why));
    }
    let topics = [topic];
    let starts = client.offsets(&topics, EARLIEST, reading.read_committed)?;
    let ends = client.offsets(&topics, LATEST, reading.read_committed)?;
    let since = match reading.start {
        Start::Since(ms) => client.offsets(&topics, ms, reading.read_committed)?,
        _ => BTreeMap::new(),
    };
    let at = |found: &BTreeMap<TopicPartition, Listed>, partition: i32| {
        found.get(&(name.to_owned(), partition)).map_or(-1, |listed| listed.offset)
    };
    let [topic] = topics;
    let position = |partition: i32, leader: i32| {
        let (start, end) = (at(&starts, partition).max(0), at(&ends, partition).max(0));
        let next = match reading.start {
            Start::Beginning => start,
            Start::End => end,
            Start::At(offset) => offset,
            Start::Last(count) => end.saturating_sub(count).max(start),
            // -1: no record is as young.
            Start::Since(_) => Some(at(&since, partition)).filter(|at| *at >= 0).unwrap_or(end),
        };
        if !(start..=end).contains(&next) {
            let what = format!("topic `{name}` partition {partition}");
            let why = format!("it has offsets {start} to {end}, not {next}");
            return Err(CliError::failed(what, why));
        }
        Ok(Position { partition, leader, next, end })
    };
    topic.partitions.iter().map(|p| position(p.partition_index, p.leader_id)).collect()
}

impl Source for Own {
    fn poll(
        &mut self,
        wait: Duration,
        each: &mut dyn FnMut(&View<'_>) -> Result<bool, CliError>,
    ) -> Result<Polled, CliError> {
        if self.ends {
            self.positions.retain(|position| position.next < position.end);
            if self.positions.is_empty() {
                return Ok(Polled::Finished);
            }
        }
        let mut by_leader: BTreeMap<i32, Vec<(i32, i64)>> = BTreeMap::new();
        for position in &self.positions {
            let wanted = (position.partition, position.next);
            by_leader.entry(position.leader).or_default().push(wanted);
        }
        let share = wait / u32::try_from(by_leader.len()).unwrap_or(u32::MAX).max(1);
        let mut polled = Polled::Idle;
        for (leader, offsets) in by_leader {
            let topic = self.topic.clone();
            let fetched =
                self.client.fetch(leader, &topic, &offsets, share, self.read_committed)?;
            for data in fetched {
                let place = self.positions.iter().position(|p| p.partition == data.partition_index);
                let Some(place) = place else { continue };
                let (given, more) = self.take(place, data, each)?;
                if given {
                    polled = Polled::Some;
                }
                if !more {
                    return Ok(Polled::Some);
                }
            }
        }
        Ok(polled)
    }
}

impl Own {
    /// Gives the records of fetched batches from the next one on. Returns whether anything moved, and whether more is wanted.
    fn take(
        &mut self,
        place: usize,
        data: PartitionData,
        each: &mut dyn FnMut(&View<'_>) -> Result<bool, CliError>,
    ) -> Result<(bool, bool), CliError> {
        let mut aborted = Aborted::new(data.aborted_transactions.unwrap_or_default());
        let bytes = data.records.unwrap_or_default().into_bytes();
        let (mut given, topic, until) = (false, self.topic.as_str(), self.until_ms);
        let position = &mut self.positions[place];
        let (partition, from) = (position.partition, position.next);
        let broken = |error: BatchError| {
            CliError::failed(format!("partition {partition} from offset {from}"), error)
        };
        for frame in frames(&bytes) {
            let (header, frame) = frame.map_err(broken)?;
            let hidden = header.is_control() || (self.read_committed && aborted.hides(&header));
            if header.is_control() {
                aborted.ended(&header);
            }
            if hidden {
                position.next = position.next.max(header.last_offset() + 1);
                given = true;
                continue;
            }
            let batch = records(&bytes.slice_ref(frame)).map_err(broken)?;
            for record in &batch {
                let record = record.map_err(broken)?;
                if record.offset < position.next {
                    continue;
                }
                if until.is_some_and(|until| record.timestamp_ms >= until) {
                    // The rest of the partition is younger still, but for what came out of order.
                    position.next = position.end.max(record.offset);
                    return Ok((true, true));
                }
                if self.ends && record.offset >= position.end {
                    position.next = record.offset;
                    return Ok((true, true));
                }
                position.next = record.offset + 1;
                given = true;
                let view = View {
                    topic,
                    partition,
                    offset: record.offset,
                    timestamp_ms: record.timestamp_ms,
                    key: record.key,
                    value: record.value,
                    headers: record.headers().collect(),
                };
                if !each(&view)? {
                    return Ok((true, false));
                }
            }
            // The last records of a batch may have been compacted away.
            position.next = position.next.max(header.last_offset() + 1);
        }
        Ok((given, true))
    }
}

/// The given-up transactions that reach into one answer.
struct Aborted {
    /// By first offset, the lowest last.
    waiting: Vec<AbortedTransaction>,
    /// Producers whose transaction began and has not ended yet.
    open: BTreeSet<i64>,
}

impl Aborted {
    fn new(mut waiting: Vec<AbortedTransaction>) -> Self {
        waiting.sort_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
        Self { waiting, open: BTreeSet::new() }
    }

    /// Whether the batch belongs to one of them.
    fn hides(&mut self, header: &BatchHeader) -> bool {
        while let Some(next) =
            self.waiting.pop_if(|transaction| transaction.first_offset <= header.last_offset())
        {
            self.open.insert(next.producer_id);
        }
        header.is_transactional() && self.open.contains(&header.producer_id)
    }

    /// A marker ends the producer's transaction.
    fn ended(&mut self, header: &BatchHeader) {
        self.open.remove(&header.producer_id);
    }
}
