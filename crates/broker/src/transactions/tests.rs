//! The coordinator without a log: each step and each refusal, and a model of random requests.

mod codec;
mod model;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use tidemill_wire::ErrorCode;

use super::change::{Change, Decision};
use super::coordinator::{Coordinator, Outcome};
use super::metadata::{Metadata, State};
use super::requests::Asking;
use super::types::{NO_ID, Place, Producer, TransactionLimits, VERSION_0, VERSION_2};

/// The first producer id that tests give out.
const FIRST_ID: i64 = 1_000;

/// A coordinator whose log takes every change at once.
struct Bench {
    core: Coordinator,
    now_ms: i64,
    next_id: i64,
    /// Every change that was written.
    log: Vec<Change>,
}

impl Bench {
    fn new() -> Self {
        let core = Coordinator::new(TransactionLimits::default(), BTreeMap::new());
        Self { core, now_ms: 1_000_000, next_id: FIRST_ID, log: Vec::new() }
    }

    /// Asks until there is an answer, writing what must be written.
    fn decide<T>(
        &mut self,
        mut step: impl FnMut(&mut Coordinator, Option<i64>, i64) -> Decision<T>,
    ) -> Result<T, ErrorCode> {
        let mut fresh = None;
        loop {
            match step(&mut self.core, fresh, self.now_ms) {
                Decision::Answer(answer) => return answer,
                Decision::Later => return Err(ErrorCode::ConcurrentTransactions),
                Decision::NeedsId => {
                    fresh = Some(self.next_id);
                    self.next_id += 1;
                }
                Decision::Write(change, answer) => {
                    self.written(*change);
                    return Ok(answer);
                }
                Decision::WriteFirst(change) => self.written(*change),
            }
        }
    }

    fn written(&mut self, change: Change) {
        self.core.finish(&change, Outcome::Written);
        self.log.push(change);
    }

    fn init(&mut self, expected: Option<Producer>) -> Result<Producer, ErrorCode> {
        self.decide(|core, fresh, now| core.init("t", 60_000, expected, fresh, now))
    }

    fn add(&mut self, producer: Producer, index: i32) -> Result<(), ErrorCode> {
        self.decide(|core, _, now| core.add(old(producer, now), &[place(index)]))
    }

    fn admit(&mut self, producer: Producer, version: i16, index: i32) -> Result<bool, ErrorCode> {
        let admitted = self.decide(|core, _, now_ms| {
            core.admit(Asking { id: "t", producer, version, now_ms }, &[place(index)])
        })?;
        self.core.leave("t");
        Ok(admitted.outside.is_empty())
    }

    fn end(
        &mut self,
        producer: Producer,
        version: i16,
        commit: bool,
    ) -> Result<Producer, ErrorCode> {
        self.decide(|core, fresh, now_ms| {
            core.end(Asking { id: "t", producer, version, now_ms }, commit, fresh)
        })
    }

    fn state(&self) -> State {
        self.metadata().state
    }

    fn metadata(&self) -> &Metadata {
        self.core.metadata("t").expect("the id is known")
    }

    /// Puts the id in a state of which only the decision is in the log.
    fn prepare(&mut self, producer: Producer, version: i16, commit: bool) {
        let asking = Asking { id: "t", producer, version, now_ms: self.now_ms };
        match self.core.end(asking, commit, Some(self.next_id)) {
            Decision::Write(change, _) => self.core.finish(&change, Outcome::Prepared),
            other => panic!("{other:?}"),
        }
    }

    /// Gives the producer the epoch, as if so many transactions had been.
    fn at_epoch(&mut self, epoch: i16) -> Producer {
        let producer = self.init(None).unwrap();
        let metadata = self.metadata().clone();
        let producer = Producer { epoch, ..producer };
        let limits = TransactionLimits::default();
        let loaded = [(Arc::from("t"), Metadata { producer, ..metadata })].into();
        self.core = Coordinator::new(limits, loaded);
        producer
    }
}

fn place(index: i32) -> Place {
    ("topic".into(), index)
}

fn old(producer: Producer, now_ms: i64) -> Asking<'static> {
    Asking { id: "t", producer, version: VERSION_0, now_ms }
}

fn raised(producer: Producer) -> Producer {
    Producer { epoch: producer.epoch + 1, ..producer }
}
