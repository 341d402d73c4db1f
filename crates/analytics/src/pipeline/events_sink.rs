//! The bolt that writes raw events to their topic.
//!
//! One append a batch of tuples; the tuples are acked when the log has answered. If the log refuses, the sink keeps what it
//! has and tries again every second: the number of hits in flight bounds what it keeps, and the full chain stops the spout.
//! An event need not be synced: one that a crash takes away is made again from its hit.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tidemill_commitlog::batch::{BatchBuilder, Compression, Record};
use tidemill_commitlog::{Acks, AppendError, Partition};
use tidemill_engine::{Anchor, BoltOutput, ComponentError, Done, DynBolt, TaskContext, TupleRef};
use tidemill_world::Wake;

use super::works::Works;
use super::written::{OFFSET_HEADER, PARTITION_HEADER};
use crate::intake::BATCH_BYTES_MAX;
use crate::metrics::Metrics;

/// How often a refused append is tried again.
pub(super) const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Writes raw events.
pub(super) struct EventsSink {
    events: Partition,
    metrics: Arc<Metrics>,
    wake: Wake,
    builder: BatchBuilder,
    anchors: Vec<Anchor>,
    /// Batches that are not written, in order; the first may be under way.
    waiting: VecDeque<Batch>,
    under_way: bool,
    answer: Arc<Mutex<Option<Result<(), AppendError>>>>,
}

struct Batch {
    bytes: Bytes,
    anchors: Vec<Anchor>,
}

impl EventsSink {
    pub(super) fn new(works: &Works) -> Self {
        Self {
            events: works.events.clone(),
            metrics: Arc::clone(&works.metrics),
            wake: Wake::new(),
            // An event is a kilobyte of field names that all others have too.
            builder: BatchBuilder::new(BATCH_BYTES_MAX).compression(Compression::Lz4),
            anchors: Vec::new(),
            waiting: VecDeque::new(),
            under_way: false,
            answer: Arc::default(),
        }
    }

    fn seal(&mut self) {
        if !self.builder.is_empty() {
            let batch =
                Batch { bytes: self.builder.finish(), anchors: std::mem::take(&mut self.anchors) };
            self.waiting.push_back(batch);
        }
    }

    /// Appends the first waiting batch, unless one is under way: batches are written in order.
    fn send(&mut self) {
        if self.under_way {
            return;
        }
        if let Some(batch) = self.waiting.front() {
            self.under_way = true;
            let (answer, wake) = (Arc::clone(&self.answer), self.wake.clone());
            self.events.append(batch.bytes.clone(), Acks::Written, move |result| {
                *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(result.map(|_| ()));
                wake.notify();
            });
        }
    }

    fn take_answer(&mut self, out: &mut BoltOutput<'_>) {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        match answer {
            None => {}
            Some(Ok(())) => {
                self.under_way = false;
                if let Some(batch) = self.waiting.pop_front() {
                    self.metrics.events.add(batch.anchors.len() as u64);
                    batch.anchors.into_iter().for_each(|anchor| out.ack(anchor));
                }
                self.send();
            }
            Some(Err(error)) => {
                self.under_way = false;
                out.report_error(error);
            }
        }
    }
}

impl DynBolt for EventsSink {
    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        self.wake = context.wake();
        Ok(())
    }

    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        out: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        let number = |at: usize| tuple.get(at).as_i64().unwrap_or(0);
        let (partition, offset) = (number(3).to_string(), number(4).to_string());
        let headers =
            [(PARTITION_HEADER, partition.as_bytes()), (OFFSET_HEADER, offset.as_bytes())];
        let record = Record {
            timestamp_ms: number(2),
            key: tuple.get(1).as_str().map(str::as_bytes),
            value: tuple.get(0).as_bytes(),
            headers: &headers,
        };
        if self.builder.push(&record).is_err() {
            self.seal();
            self.builder.push(&record)?;
        }
        self.anchors.push(out.defer());
        Ok(Done::Defer)
    }

    fn end_of_batch(&mut self, _: &mut BoltOutput<'_>) -> Result<(), ComponentError> {
        self.seal();
        self.send();
        Ok(())
    }

    fn poll(&mut self, out: &mut BoltOutput<'_>) -> Result<(), ComponentError> {
        self.take_answer(out);
        Ok(())
    }

    fn tick(&mut self, out: &mut BoltOutput<'_>) -> Result<(), ComponentError> {
        self.take_answer(out);
        self.send();
        Ok(())
    }
}
