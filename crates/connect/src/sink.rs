//! The log sink: tuples as records of a topic.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tidemill_commitlog::batch::{BatchBuilder, BatchError, Record};
use tidemill_commitlog::{Acks, AppendError, Appended, Log, Partition};
use tidemill_engine::{
    Anchor, BoltOutput, CommitPart, ComponentError, Done, DynBolt, Guarantee, TaskContext, TupleRef,
};
use tidemill_world::{Clock, Wake};

use crate::epochs::LogPart;
use crate::murmur2::murmur2;

/// Writes tuples with the fields `value` and, if they are there, `key` and `timestamp` (milliseconds since 1970) to a topic of the
/// embedded log. A tuple is acked when its record is as durable as the topic asks, and fails (so that its
/// root is replayed) when the log refuses it.
///
/// A key chooses the partition as Kafka's clients do; records without one go to the partitions in
/// turn, a batch each.
///
/// In an exactly-once topology a tuple is acked when it is gathered, and its record is appended with its epoch by a
/// [`LogCommitter`](crate::LogCommitter).
pub struct LogSink {
    log: Log,
    topic: Arc<str>,
    state: Option<State>,
}

/// What a prepared sink has.
struct State {
    fields: Fields,
    lanes: Vec<Lane>,
    /// The lane of records without a key.
    turn: usize,
    answers: Arc<Answers>,
    waiting: Vec<(u64, Vec<Anchor>)>,
    next_append: u64,
    clock: Arc<dyn Clock>,
    /// Records wait for the end of the epoch.
    is_exactly_once: bool,
    /// Bytes that wait for it.
    epoch_bytes: usize,
}

/// Bytes gathered after which an epoch should end: with those of other sinks it must fit into one append.
const EPOCH_BYTES: usize = 4 << 20;

/// Where the record's parts are in a tuple.
#[derive(Clone, Copy)]
struct Fields {
    key: Option<usize>,
    value: usize,
    timestamp: Option<usize>,
}

/// The batch that is being gathered for one partition.
struct Lane {
    partition: Partition,
    builder: BatchBuilder,
    anchors: Vec<Anchor>,
    /// Full batches of this epoch.
    finished: Vec<Bytes>,
}

/// What the log's writer has answered; it calls from its own thread.
struct Answers {
    answered: Mutex<Vec<(u64, Result<Appended, AppendError>)>>,
    wake: Wake,
}

impl LogSink {
    /// A sink for a topic; the topic must be there when the topology starts.
    pub fn new(log: Log, topic: &str) -> Self {
        Self { log, topic: topic.into(), state: None }
    }
}

impl Fields {
    fn of(context: &TaskContext) -> Result<Self, String> {
        let mut found: Option<(Self, &str)> = None;
        for input in context.inputs() {
            let at = |name: &str| input.fields.iter().position(|field| field == name);
            let value = at("value").ok_or_else(|| {
                format!("{} emits no field `value` on stream {}", input.component, input.stream)
            })?;
            let fields = Self { key: at("key"), value, timestamp: at("timestamp") };
            match found {
                Some((other, from)) if other.parts() != fields.parts() => {
                    return Err(format!(
                        "{from} and {} have their fields in different places",
                        input.component
                    ));
                }
                _ => found = Some((fields, &input.component)),
            }
        }
        found
            .map(|(fields, _)| fields)
            .ok_or_else(|| "nothing is connected to this sink".to_owned())
    }

    fn parts(self) -> (Option<usize>, usize, Option<usize>) {
        (self.key, self.value, self.timestamp)
    }
}

impl State {
    fn gather(
        &mut self,
        tuple: &TupleRef<'_>,
        out: &mut BoltOutput<'_>,
    ) -> Result<(), ComponentError> {
        let value = tuple.get(self.fields.value);
        let key = self.fields.key.map(|at| tuple.get(at));
        let timestamp = self.fields.timestamp.and_then(|at| tuple.get(at).as_i64());
        let record = Record {
            timestamp_ms: timestamp.unwrap_or_else(|| self.clock.wall_ms()),
            key: key.and_then(|key| key.as_bytes()),
            value: value.as_bytes(),
            headers: &[],
        };
        let at = self.lane_of(record.key);
        let Some(lane) = self.lanes.get_mut(at) else {
            return Err("the topic has no partition".into());
        };
        match lane.builder.push(&record) {
            Err(BatchError::Full { .. }) if !lane.builder.is_empty() => {
                if self.is_exactly_once {
                    lane.finished.push(lane.builder.finish());
                } else {
                    self.send(at);
                }
                self.lanes[at].builder.push(&record)?;
            }
            pushed => pushed?,
        }
        if self.is_exactly_once {
            self.epoch_bytes += record.value.map_or(0, <[u8]>::len);
            if self.epoch_bytes >= EPOCH_BYTES {
                out.end_epoch();
            }
        } else {
            self.lanes[at].anchors.push(out.defer());
        }
        Ok(())
    }

    /// The batches of this epoch.
    fn take_epoch(&mut self) -> Vec<(Partition, Bytes)> {
        self.epoch_bytes = 0;
        let mut batches = Vec::new();
        for lane in &mut self.lanes {
            if !lane.builder.is_empty() {
                lane.finished.push(lane.builder.finish());
            }
            let finished = lane.finished.drain(..);
            batches.extend(finished.map(|batch| (lane.partition.clone(), batch)));
        }
        batches
    }

    fn lane_of(&self, key: Option<&[u8]>) -> usize {
        match key {
            // The sign bit is dropped, as Kafka's clients do.
            Some(key) => (murmur2(key) & 0x7fff_ffff) as usize % self.lanes.len().max(1),
            None => self.turn % self.lanes.len().max(1),
        }
    }

    fn send(&mut self, at: usize) {
        let lane = &mut self.lanes[at];
        if lane.builder.is_empty() {
            return;
        }
        let number = self.next_append;
        self.next_append += 1;
        self.waiting.push((number, std::mem::take(&mut lane.anchors)));
        let answers = Arc::clone(&self.answers);
        lane.partition.append(lane.builder.finish(), Acks::Synced, move |result| {
            let answered = &answers.answered;
            answered.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
            answers.wake.notify();
        });
    }

    fn settle(&mut self, out: &mut BoltOutput<'_>) {
        let mut answered = self.answers.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = std::mem::take(&mut *answered);
        drop(answered);
        for (number, result) in answers {
            let Some(at) = self.waiting.iter().position(|(other, _)| *other == number) else {
                continue;
            };
            let (_, anchors) = self.waiting.remove(at);
            match result {
                Ok(_) => anchors.into_iter().for_each(|anchor| out.ack(anchor)),
                Err(error) => {
                    let reason = error.to_string();
                    anchors.into_iter().for_each(|anchor| out.fail(anchor, &reason));
                }
            }
        }
    }
}

impl DynBolt for LogSink {
    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        let topic = self.log.topic(&self.topic);
        let topic =
            topic.ok_or_else(|| format!("topic {} does not exist; create it first", self.topic))?;
        let batch_bytes = usize::try_from(topic.config.max_message_bytes).unwrap_or(usize::MAX);
        let partitions =
            (0..topic.config.partitions).filter_map(|at| self.log.partition(&self.topic, at));
        let lane = |partition| Lane {
            partition,
            builder: BatchBuilder::new(batch_bytes),
            anchors: Vec::new(),
            finished: Vec::new(),
        };
        self.state = Some(State {
            fields: Fields::of(context)?,
            lanes: partitions.map(lane).collect(),
            turn: context.task_index(),
            answers: Arc::new(Answers { answered: Mutex::default(), wake: context.wake() }),
            waiting: Vec::new(),
            next_append: 0,
            clock: context.clock_arc(),
            is_exactly_once: context.guarantee() == Guarantee::ExactlyOnce,
            epoch_bytes: 0,
        });
        Ok(())
    }

    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        out: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        let state = self.state.as_mut().ok_or("the sink is not prepared")?;
        state.gather(tuple, out)?;
        Ok(if state.is_exactly_once { Done::Ack } else { Done::Defer })
    }

    fn end_of_batch(&mut self, _out: &mut BoltOutput<'_>) -> Result<(), ComponentError> {
        if let Some(state) = self.state.as_mut().filter(|state| !state.is_exactly_once) {
            (0..state.lanes.len()).for_each(|at| state.send(at));
            state.turn = state.turn.wrapping_add(1);
        }
        Ok(())
    }

    fn poll(&mut self, out: &mut BoltOutput<'_>) -> Result<(), ComponentError> {
        if let Some(state) = &mut self.state {
            state.settle(out);
        }
        Ok(())
    }

    fn commit_part(&mut self, _: u64) -> Result<Option<CommitPart>, ComponentError> {
        let state = self.state.as_mut().ok_or("the sink is not prepared")?;
        let batches = state.take_epoch();
        Ok((!batches.is_empty()).then(|| Box::new(LogPart::Batches(batches)) as CommitPart))
    }

    fn taken_back(&mut self) -> Result<(), ComponentError> {
        if let Some(state) = &mut self.state {
            state.take_epoch();
        }
        Ok(())
    }
}
