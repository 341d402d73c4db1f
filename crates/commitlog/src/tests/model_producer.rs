//! The producer of the model: it numbers its batches, has five of them on the way at most, and sends them again until
//! they are confirmed, as clients of Kafka do.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{Answer, batch, of_producer, submit, take};
use crate::{Acks, Log, Partition};

/// What clients have on the way at most (`max.in.flight.requests.per.connection`).
const IN_FLIGHT_MAX: usize = 5;
/// Marks the ids of its batches.
const PRODUCED: u64 = 1 << 40;
/// The first sequence: soon they begin again at 0.
const FIRST_SEQUENCE: i32 = i32::MAX - 6;

/// Whether the batch of this id is one of the producer's.
pub(super) fn is_produced(id: u64) -> bool {
    id & PRODUCED != 0
}

/// A batch that was sent, maybe more than once.
struct Produced {
    id: u64,
    bytes: Bytes,
    answers: Vec<Answer>,
}

impl Produced {
    /// The offset that was told; the same whenever it was.
    fn confirmed(&self) -> Option<i64> {
        let answers = self.answers.iter().filter_map(take).filter_map(Result::ok);
        let offsets: BTreeSet<i64> = answers.map(|appended| appended.base_offset).collect();
        assert!(offsets.len() < 2, "batch {} was told the offsets {offsets:?}", self.id);
        offsets.first().copied()
    }
}

#[derive(Default)]
pub(super) struct ModelProducer {
    /// Its id, once it was given one.
    id: Option<i64>,
    given: BTreeSet<i64>,
    next_sequence: i32,
    sent: Vec<Produced>,
    next_id: u64,
}

impl ModelProducer {
    /// The topic was made anew: the producer starts over with another id.
    pub(super) fn forget_topic(&mut self) {
        self.id = None;
        self.sent.clear();
    }

    /// Sends a new batch if it may.
    pub(super) fn produce(&mut self, log: &Log, partition: &Partition, records: u32, bytes: usize) {
        let Some(id) = self.id.or_else(|| self.start(log)) else { return };
        // No batch overtakes an older one that has to be sent again by more than what may be on the way.
        let waiting = self.sent.iter().skip_while(|batch| batch.confirmed().is_some()).count();
        // Of an unknown producer any sequence is taken, so the first batch must be there before the next goes.
        let is_known = self.sent.first().is_none_or(|batch| batch.confirmed().is_some());
        if waiting >= IN_FLIGHT_MAX || !is_known {
            return;
        }
        self.next_id += 1;
        let number = PRODUCED | self.next_id;
        let bytes = of_producer(&batch(number, records, bytes), id, 0, self.next_sequence);
        let next = (i64::from(self.next_sequence) + i64::from(records)) % (1 << 31);
        self.next_sequence = i32::try_from(next).unwrap();
        let answers = vec![submit(partition, bytes.clone(), Acks::Synced)];
        self.sent.push(Produced { id: number, bytes, answers });
    }

    fn start(&mut self, log: &Log) -> Option<i64> {
        let id = log.allocate_producer_id().ok()?;
        assert!(self.given.insert(id), "producer id {id} was given twice");
        self.id = Some(id);
        self.next_sequence = FIRST_SEQUENCE;
        self.id
    }

    /// Sends again what is not confirmed, in order.
    pub(super) fn retry(&mut self, partition: &Partition) {
        for batch in self.sent.iter_mut().filter(|batch| batch.confirmed().is_none()) {
            batch.answers.push(submit(partition, batch.bytes.clone(), Acks::Synced));
        }
    }

    /// What was confirmed is where it was told, once.
    pub(super) fn check(&self, start: i64, found: &[(i64, u64, u32)]) {
        for batch in &self.sent {
            let there: Vec<i64> =
                found.iter().filter(|found| found.1 == batch.id).map(|found| found.0).collect();
            assert!(there.len() < 2, "batch {} is there twice: {there:?}", batch.id);
            if let Some(offset) = batch.confirmed().filter(|offset| *offset >= start) {
                assert_eq!(there, [offset], "batch {} was confirmed", batch.id);
            }
        }
    }

    /// Retries get through in the end.
    pub(super) fn check_all_confirmed(&self) {
        for batch in &self.sent {
            let last = batch.answers.last().and_then(take);
            assert!(batch.confirmed().is_some(), "batch {}: {last:?}", batch.id);
        }
    }
}
