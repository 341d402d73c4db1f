//! What a partition knows of the producers that write to it, so that a batch sent twice is kept once and so that a
//! transaction is seen whole or not at all (KIP-98).
//!
//! # The rules
//!
//! * A batch carries producer id, epoch and the sequence of its first record. Nothing is asked of a batch
//!   without a producer id.
//! * An exact repeat of one of the last [`BATCHES_KEPT`](entry::BATCHES_KEPT) batches is a duplicate: it is answered with the offset it
//!   has, and not appended. Clients keep at most five requests on the way, so a retry is always among them.
//! * Otherwise the sequence must follow the last one (0 follows `i32::MAX`); a newer epoch begins at 0; an older
//!   epoch is fenced.
//! * Of a producer of which nothing is known any sequence is taken, as Kafka does since 2.5 (KIP-360): its state may have
//!   expired.
//! * The first transactional batch opens a transaction. While it is open the producer may write nothing else. A
//!   marker ends it, and is refused when a newer coordinator has written one, or when its epoch is too old: below the
//!   producer's, and under the protocol that ends each transaction with a new epoch (KIP-890) also the same,
//!   because then it is a late one that would end the next transaction.
//! * A marker with a new epoch forgets the sequences: the producer begins at 0, and what it sent in the old epoch is
//!   fenced. A marker with the same epoch keeps them, so that a repeat across it is still a duplicate.
//!
//! # What is kept
//!
//! A plain value: batch headers and `now` go in, a decision comes out. What was decided since the last
//! [`commit`](Producers::commit) can be taken back, because a full disk takes back a whole round. Producers are
//! forgotten when they were idle too long, and the longest idle go first when there are too many, but never one with
//! an open transaction. Idleness is counted by the log's clock, not by the timestamps of records, which may be
//! years old.
//!
//! A transaction stays *unstable* from its first batch until its marker can be read: what readers of committed
//! transactions get ends before the first unstable one.

use std::collections::BTreeMap;

use crate::batch::{BatchHeader, EndMarker, frames};
use crate::limits::{OPEN_TRANSACTIONS_MAX, PRODUCERS_MAX};

mod entry;

pub(crate) use entry::{Producer, Written};

/// Changes for which memory is kept between rounds.
const UNDO_KEPT: usize = 1_024;

/// Why a batch or marker is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SequenceError {
    /// It has a producer id, but no epoch or sequence.
    Missing { producer_id: i64 },
    /// A newer epoch of the producer has written.
    Fenced { producer_id: i64, epoch: i16, current: i16 },
    /// Records before it are missing, or it is older than what is remembered.
    OutOfOrder { producer_id: i64, expected: i32, found: i32 },
    /// It does not fit the producer's transaction.
    Transaction { producer_id: i64, why: &'static str },
    /// A newer coordinator has written a marker.
    Coordinator { producer_id: i64, epoch: i32, current: i32 },
}

/// What is to be done with an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Append it.
    Append,
    /// Append what follows the first `bytes`, which hold `records` records and are there already, from
    /// `base_offset` on. Only an append of several batches that a crash cut in two comes back like this.
    AppendRest { bytes: usize, records: i64, base_offset: i64 },
    /// All of it is there already, from `base_offset` on.
    Duplicate { base_offset: i64 },
}

/// A transaction that a marker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Completed {
    pub(crate) producer_id: i64,
    /// Its first record.
    pub(crate) first_offset: i64,
    /// Its marker.
    pub(crate) last_offset: i64,
    /// Where the first transaction began that was open then; else the offset after the marker.
    pub(crate) stable_offset: i64,
    pub(crate) commit: bool,
}

/// The producers of one partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Producers {
    known: BTreeMap<i64, Producer>,
    /// The open transactions: first offset and producer.
    open: BTreeMap<i64, i64>,
    /// First and last offset of transactions whose marker cannot be read yet, by the latter.
    unstable: Vec<(i64, i64)>,
    /// What was there before each change since the last commit.
    undo: Vec<(i64, Option<Producer>)>,
}

impl Producers {
    /// Decides on the batches of one append whose first new record gets `next_offset`, and notes them if they
    /// are to be appended. A refusal changes nothing.
    pub(crate) fn decide(
        &mut self,
        batches: &[u8],
        next_offset: i64,
        now_ms: i64,
    ) -> Result<Decision, SequenceError> {
        let point = self.undo.len();
        let result = self.decide_each(batches, next_offset, now_ms);
        if result.is_err() {
            self.rewind_to(point);
        }
        result
    }

    fn decide_each(
        &mut self,
        batches: &[u8],
        next_offset: i64,
        now_ms: i64,
    ) -> Result<Decision, SequenceError> {
        let mut offset = next_offset;
        // Bytes, records and first offset of the duplicates at the front.
        let (mut bytes, mut records, mut known_from) = (0, 0, None);
        for (header, _) in frames(batches).map_while(Result::ok) {
            match self.judge(&header)? {
                Some(base_offset) if offset == next_offset => {
                    known_from.get_or_insert(base_offset);
                    bytes += header.bytes;
                    records += i64::from(header.record_count);
                }
                // Behind something new nothing can be old.
                Some(_) => return Err(self.out_of_order(&header)),
                None => {
                    if header.producer_id >= 0 {
                        self.note(&header, offset, now_ms);
                    }
                    offset += i64::from(header.record_count);
                }
            }
        }
        Ok(match known_from {
            None => Decision::Append,
            Some(base_offset) if offset == next_offset => Decision::Duplicate { base_offset },
            Some(base_offset) => Decision::AppendRest { bytes, records, base_offset },
        })
    }

    /// The offset of a batch that is there already; `None` for one that may be appended.
    fn judge(&self, header: &BatchHeader) -> Result<Option<i64>, SequenceError> {
        let BatchHeader { producer_id, producer_epoch: epoch, base_sequence, .. } = *header;
        if producer_id < 0 {
            return Ok(None);
        }
        if epoch < 0 || base_sequence < 0 {
            return Err(SequenceError::Missing { producer_id });
        }
        if let Some(producer) = self.known.get(&producer_id) {
            let current = producer.epoch;
            if epoch < current {
                return Err(SequenceError::Fenced { producer_id, epoch, current });
            }
            if epoch == current
                && let Some(batch) = producer.batches().iter().find(|b| b.is_repeated_by(header))
            {
                return Ok(Some(batch.base_offset()));
            }
            if base_sequence != producer.expected(epoch) {
                return Err(self.out_of_order(header));
            }
        }
        self.judge_transaction(header).map(|()| None)
    }

    /// A producer writes nothing beside its transaction (Kafka's `ProducerAppendInfo`).
    fn judge_transaction(&self, header: &BatchHeader) -> Result<(), SequenceError> {
        let producer_id = header.producer_id;
        let is_open =
            self.known.get(&producer_id).is_some_and(|producer| producer.open_since.is_some());
        let why = if is_open && !header.is_transactional() {
            "its transaction is open, and the batch is not part of one"
        } else if !is_open && header.is_transactional() && self.open.len() >= OPEN_TRANSACTIONS_MAX
        {
            "too many transactions are open in the partition"
        } else {
            return Ok(());
        };
        Err(SequenceError::Transaction { producer_id, why })
    }

    fn out_of_order(&self, header: &BatchHeader) -> SequenceError {
        let BatchHeader { producer_id, producer_epoch, base_sequence: found, .. } = *header;
        let producer = self.known.get(&producer_id);
        let expected = producer.map_or(0, |producer| producer.expected(producer_epoch));
        SequenceError::OutOfOrder { producer_id, expected, found }
    }

    /// Decides on a marker that gets `offset`, and notes it if it is to be appended; returns the transaction that it
    /// ends, if one is open. A refusal changes nothing.
    pub(crate) fn end(
        &mut self,
        marker: &EndMarker,
        offset: i64,
        now_ms: i64,
    ) -> Result<Option<Completed>, SequenceError> {
        self.judge_marker(marker)?;
        Ok(self.note_marker(marker, offset, now_ms))
    }

    fn judge_marker(&self, marker: &EndMarker) -> Result<(), SequenceError> {
        let EndMarker { producer_id, producer_epoch: epoch, coordinator_epoch, .. } = *marker;
        let Some(producer) = self.known.get(&producer_id) else { return Ok(()) };
        let current = producer.epoch;
        // The same marker again, after it ended the transaction, does no harm. The last epoch cannot rise: then the
        // next one has another producer id.
        let is_repeat = producer.open_since.is_none() || epoch == i16::MAX;
        let is_late = marker.transaction_version >= 2 && epoch == current && !is_repeat;
        if epoch < current || is_late {
            return Err(SequenceError::Fenced { producer_id, epoch, current });
        }
        let current = producer.coordinator_epoch;
        if coordinator_epoch < current {
            return Err(SequenceError::Coordinator {
                producer_id,
                epoch: coordinator_epoch,
                current,
            });
        }
        Ok(())
    }

    /// Takes in a batch that is in the log; its order was decided when it was appended.
    pub(crate) fn note(&mut self, header: &BatchHeader, base_offset: i64, now_ms: i64) {
        let epoch = header.producer_epoch;
        let mut producer = self.at_work(header.producer_id, epoch, now_ms);
        producer.push(Written::of(header, base_offset));
        if header.is_transactional() {
            producer.open_since.get_or_insert(base_offset);
        }
        self.change(header.producer_id, Some(producer));
    }

    /// Takes in a marker that is in the log.
    pub(crate) fn note_marker(
        &mut self,
        marker: &EndMarker,
        offset: i64,
        now_ms: i64,
    ) -> Option<Completed> {
        let producer_id = marker.producer_id;
        let mut producer = self.at_work(producer_id, marker.producer_epoch, now_ms);
        let began = producer.open_since.take();
        producer.coordinator_epoch = marker.coordinator_epoch;
        self.change(producer_id, Some(producer));
        let first_offset = began?;
        self.unstable.push((first_offset, offset));
        let next_offset = offset.saturating_add(1);
        let stable_offset = self.open.first_key_value().map_or(next_offset, |(first, _)| *first);
        let commit = marker.commit;
        Some(Completed { producer_id, first_offset, last_offset: offset, stable_offset, commit })
    }

    /// The producer as it is now, or a new one, in `epoch`.
    fn at_work(&mut self, id: i64, epoch: i16, now_ms: i64) -> Producer {
        let known = self.known.get(&id).copied();
        if known.is_none() && self.known.len() >= PRODUCERS_MAX {
            self.forget_longest_idle();
        }
        let mut producer = known.unwrap_or_else(|| Producer::new(epoch, now_ms));
        producer.set_epoch(epoch);
        producer.at_ms = now_ms;
        producer
    }

    /// Takes in a producer as a snapshot has it.
    pub(crate) fn restore(&mut self, id: i64, producer: Producer) {
        self.put(id, Some(producer));
    }

    /// Puts another state in the place of a producer's and remembers the old one.
    fn change(&mut self, id: i64, after: Option<Producer>) {
        let before = self.put(id, after);
        self.undo.push((id, before));
    }

    fn put(&mut self, id: i64, after: Option<Producer>) -> Option<Producer> {
        let began = after.as_ref().and_then(|producer| producer.open_since);
        let before = match after {
            Some(producer) => self.known.insert(id, producer),
            None => self.known.remove(&id),
        };
        let had = before.as_ref().and_then(|producer| producer.open_since);
        if had != began {
            had.map(|first| self.open.remove(&first));
            began.map(|first| self.open.insert(first, id));
        }
        before
    }

    /// Makes room for more than one, so that a flood of new producers does not search for each.
    fn forget_longest_idle(&mut self) {
        let idle = self.known.iter().filter(|(_, producer)| producer.open_since.is_none());
        let mut idle: Vec<(i64, i64)> = idle.map(|(id, producer)| (producer.at_ms, *id)).collect();
        idle.sort_unstable();
        for (_, id) in idle.into_iter().take(PRODUCERS_MAX / 16 + 1) {
            self.change(id, None);
        }
    }

    /// Forgets producers that appended nothing for so long.
    pub(crate) fn expire(&mut self, now_ms: i64, idle_ms: i64) {
        let limit = now_ms.saturating_sub(idle_ms);
        self.known.retain(|_, producer| producer.open_since.is_some() || producer.at_ms > limit);
    }

    /// What was decided so far stays.
    pub(crate) fn commit(&mut self) {
        self.undo.clear();
        self.undo.shrink_to(UNDO_KEPT);
    }

    /// Takes back what was decided since the last commit; the log ends at `next_offset` again.
    pub(crate) fn rewind(&mut self, next_offset: i64) {
        self.rewind_to(0);
        self.unstable.retain(|(_, last)| *last < next_offset);
    }

    fn rewind_to(&mut self, point: usize) {
        for at in (point..self.undo.len()).rev() {
            if let Some((id, before)) = self.undo.get(at).copied() {
                self.put(id, before);
            }
        }
        self.undo.truncate(point);
    }

    /// Where readers of committed transactions stop when all can be read before `high_watermark`: at the first record
    /// of a transaction that is open, or whose marker cannot be read yet (KIP-98's last stable offset).
    pub(crate) fn stable_before(&mut self, high_watermark: i64) -> i64 {
        self.unstable.retain(|(_, last)| *last >= high_watermark);
        let open = self.open.first_key_value().map(|(first, _)| *first);
        let unstable = self.unstable.iter().map(|(first, _)| *first).min();
        let first = open.into_iter().chain(unstable).min();
        first.map_or(high_watermark, |first| first.min(high_watermark))
    }

    /// Every producer that is remembered, by id.
    pub(crate) fn known(&self) -> impl Iterator<Item = (i64, &Producer)> {
        self.known.iter().map(|(id, producer)| (*id, producer))
    }
}

#[cfg(test)]
mod tests;
