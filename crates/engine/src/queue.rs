//! Bounded rings of batches from one task to another.
//!
//! One producer and one consumer, each perhaps on a thread of its own. Whole batches pass, a few thousand a second
//! per million tuples, so a slot is an uncontended mutex around the batch: the counters keep the two sides out
//! of the same slot, and no unsafe code is needed. Emptied batches return by a second ring of the same kind.
//! A producer that finds the ring full marks itself as waiting, and the consumer's next pop wakes it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};

use tidemill_world::Wake;

use crate::batch::Batch;

/// Batches that may wait between two tasks. Enough to ride out one turn of the other side, few enough that
/// a slow consumer is felt by the spout within milliseconds.
pub(crate) const RING_BATCHES: usize = 8;

/// A fixed ring; `tail - head` slots are occupied.
#[derive(Debug, Default)]
struct Ring {
    slots: [Mutex<Option<Box<Batch>>>; RING_BATCHES],
    head: AtomicUsize,
    tail: AtomicUsize,
}

impl Ring {
    fn len(&self) -> usize {
        let head = self.head.load(Ordering::Acquire);
        self.tail.load(Ordering::Acquire).wrapping_sub(head)
    }

    fn push(&self, batch: Box<Batch>) -> Result<(), Box<Batch>> {
        let tail = self.tail.load(Ordering::Relaxed);
        if tail.wrapping_sub(self.head.load(Ordering::Acquire)) >= RING_BATCHES {
            return Err(batch);
        }
        let slot = &self.slots[tail % RING_BATCHES];
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(batch);
        self.tail.store(tail.wrapping_add(1), Ordering::Release);
        Ok(())
    }

    fn pop(&self) -> Option<Box<Batch>> {
        let head = self.head.load(Ordering::Relaxed);
        if head == self.tail.load(Ordering::Acquire) {
            return None;
        }
        let slot = &self.slots[head % RING_BATCHES];
        let batch = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.head.store(head.wrapping_add(1), Ordering::Release);
        batch
    }
}

#[derive(Debug)]
struct Shared {
    full: Ring,
    empty: Ring,
    waiting: AtomicBool,
    producer: Wake,
    consumer: Wake,
}

/// The end of a ring that batches go into.
#[derive(Debug)]
pub(crate) struct Producer(Arc<Shared>);

/// The end of a ring that batches come out of.
#[derive(Debug)]
pub(crate) struct Consumer(Arc<Shared>);

/// Sees how full a ring is, for statistics.
#[derive(Clone, Debug)]
pub(crate) struct Gauge(Arc<Shared>);

/// A ring between two tasks; the wakes are those of their workers.
pub(crate) fn ring(producer: Wake, consumer: Wake) -> (Producer, Consumer) {
    let shared = Arc::new(Shared {
        full: Ring::default(),
        empty: Ring::default(),
        waiting: AtomicBool::new(false),
        producer,
        consumer,
    });
    (Producer(Arc::clone(&shared)), Consumer(shared))
}

impl Producer {
    /// Publishes a batch and wakes the consumer. When the ring is full the batch comes back, and the
    /// producer is woken once there is room.
    pub(crate) fn push(&self, batch: Box<Batch>) -> Result<(), Box<Batch>> {
        let shared = &*self.0;
        if let Err(batch) = shared.full.push(batch) {
            shared.waiting.store(true, Ordering::Relaxed);
            // Pairs with the fence in `pop`: either the consumer sees the mark, or we see its room.
            fence(Ordering::SeqCst);
            shared.full.push(batch)?;
            shared.waiting.store(false, Ordering::Relaxed);
        }
        shared.consumer.notify();
        Ok(())
    }

    /// Whether the consumer has taken all that was published.
    pub(crate) fn is_drained(&self) -> bool {
        self.0.full.len() == 0
    }

    /// Batches that wait for the consumer.
    pub(crate) fn depth(&self) -> usize {
        self.0.full.len()
    }

    /// An empty batch, with used memory if one has come back.
    pub(crate) fn fresh(&self) -> Box<Batch> {
        self.0.empty.pop().unwrap_or_default()
    }

    pub(crate) fn gauge(&self) -> Gauge {
        Gauge(Arc::clone(&self.0))
    }
}

impl Consumer {
    /// The oldest batch, if there is one.
    pub(crate) fn pop(&self) -> Option<Box<Batch>> {
        let batch = self.0.full.pop()?;
        fence(Ordering::SeqCst);
        if self.0.waiting.load(Ordering::Relaxed) && self.0.waiting.swap(false, Ordering::Relaxed) {
            self.0.producer.notify();
        }
        Some(batch)
    }

    /// Gives an emptied batch back to the producer.
    pub(crate) fn give_back(&self, mut batch: Box<Batch>) {
        batch.clear();
        // When the ring of empties is full there are more batches than the edge needs: drop it.
        drop(self.0.empty.push(batch));
    }
}

impl Gauge {
    /// Batches that wait in the ring.
    pub(crate) fn depth(&self) -> usize {
        self.0.full.len()
    }
}

#[cfg(test)]
mod tests;
