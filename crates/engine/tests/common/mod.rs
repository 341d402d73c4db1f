//! A simulated engine, and components made of closures.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tidemill_engine::{
    BoltOutput, ComponentError, Done, DynBolt, DynSpout, Engine, EngineConfig, FailReason,
    MessageId, Next, OwnedValue, Retries, RetryPolicy, Running, SpoutOutput, Status, TaskContext,
    Topology, TopologyBuilder, TupleRef,
};
use tidemill_world::sim::Simulation;

/// An engine whose workers are stepped in an order drawn from a seed.
pub struct Lab {
    pub simulation: Simulation,
    pub engine: Engine,
}

/// More steps than any of these tests needs before it rests.
const STEPS_MAX: usize = 10_000_000;

/// How far the clock is turned when nobody has anything to do.
const TURN: Duration = Duration::from_millis(2);

impl Lab {
    pub fn new(seed: u64, workers: usize) -> Self {
        let simulation = Simulation::new(seed);
        let config = EngineConfig { workers: Some(workers) };
        let engine = Engine::start(simulation.world(), config).unwrap();
        Self { simulation, engine }
    }

    pub fn submit(&self, topology: Topology) -> Running {
        self.engine.submit(topology).unwrap()
    }

    /// Lets everything run until it waits for time or for others.
    pub fn settle(&self) {
        let steps = self.simulation.run_until_idle(STEPS_MAX);
        assert!(steps < STEPS_MAX, "the engine never comes to rest");
    }

    /// Lets a time pass, in small turns.
    pub fn pass(&self, duration: Duration) {
        let end = self.simulation.world().clock().now().after(duration);
        self.settle();
        while self.simulation.world().clock().now() < end {
            self.simulation.clock().advance(TURN);
            self.settle();
        }
    }

    /// Runs until the topology has ended, at most for `limit`.
    pub fn finish(&self, running: &Running, limit: Duration) {
        let end = self.simulation.world().clock().now().after(limit);
        self.settle();
        while running.status() != Status::Finished {
            let now = self.simulation.world().clock().now();
            assert!(now < end, "not finished in time: {:#?}", running.stats());
            self.simulation.clock().advance(TURN);
            self.settle();
        }
    }
}

/// What happened, in order, shared by all components of a test.
#[derive(Debug)]
pub struct Log<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Log<T> {
    pub fn add(&self, event: T) {
        self.lock().push(event);
    }

    pub fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut self.lock())
    }

    pub fn len(&self) -> usize {
        self.lock().len()
    }
}

/// What a [`ListSpout`] was told.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    Acked(MessageId),
    Failed(MessageId, FailReason),
    Commit(MessageId),
    Activated,
    Deactivated,
    Closed,
}

/// Emits rows on the default stream, one a call, with their place as id.
pub struct ListSpout {
    pub rows: VecDeque<Vec<OwnedValue>>,
    pub next_id: MessageId,
    pub told: Log<Told>,
    pub retries: Retries,
    pub finish: bool,
}

impl ListSpout {
    pub fn new(rows: impl IntoIterator<Item = Vec<OwnedValue>>, told: &Log<Told>) -> Self {
        Self {
            rows: rows.into_iter().collect(),
            next_id: 0,
            told: told.clone(),
            retries: quick_retries(3),
            finish: true,
        }
    }

    /// The numbers below `count`, each in a row of its own.
    pub fn numbers(count: i64, told: &Log<Told>) -> Self {
        Self::new((0..count).map(|number| vec![number.into()]), told)
    }
}

/// Retries by the engine that tests need not wait for.
pub fn quick_retries(limit: u32) -> Retries {
    Retries::Engine(RetryPolicy {
        limit,
        backoff_first: Duration::from_millis(5),
        backoff_max: Duration::from_millis(50),
    })
}

impl DynSpout for ListSpout {
    fn next(&mut self, out: &mut SpoutOutput<'_>) -> Result<Next, ComponentError> {
        let Some(row) = self.rows.pop_front() else {
            return Ok(if self.finish { Next::Finished } else { Next::Idle });
        };
        out.emit(self.next_id, &OwnedValue::as_values(&row))?;
        self.next_id += 1;
        Ok(Next::More)
    }
    fn ack(&mut self, id: MessageId) {
        self.told.add(Told::Acked(id));
    }
    fn fail(&mut self, id: MessageId, reason: &FailReason) {
        self.told.add(Told::Failed(id, reason.clone()));
    }
    fn commit(&mut self, low_water: MessageId) -> Result<(), ComponentError> {
        self.told.add(Told::Commit(low_water));
        Ok(())
    }
    fn retries(&self) -> Retries {
        self.retries
    }
    fn activate(&mut self) {
        self.told.add(Told::Activated);
    }
    fn deactivate(&mut self) {
        self.told.add(Told::Deactivated);
    }
    fn close(&mut self) {
        self.told.add(Told::Closed);
    }
}

type Execute =
    Box<dyn FnMut(&TupleRef<'_>, &mut BoltOutput<'_>) -> Result<Done, ComponentError> + Send>;
type Prepare = Box<dyn FnMut(&TaskContext) -> Result<(), ComponentError> + Send>;
type Call = Box<dyn FnMut(&mut BoltOutput<'_>) -> Result<(), ComponentError> + Send>;

/// A bolt of closures.
pub struct FnBolt {
    execute: Execute,
    prepare: Prepare,
    end_of_batch: Call,
    poll: Call,
    tick: Call,
}

impl FnBolt {
    pub fn new(
        execute: impl FnMut(&TupleRef<'_>, &mut BoltOutput<'_>) -> Result<Done, ComponentError>
        + Send
        + 'static,
    ) -> Self {
        Self {
            execute: Box::new(execute),
            prepare: Box::new(|_| Ok(())),
            end_of_batch: Box::new(|_| Ok(())),
            poll: Box::new(|_| Ok(())),
            tick: Box::new(|_| Ok(())),
        }
    }

    pub fn on_prepare(
        mut self,
        act: impl FnMut(&TaskContext) -> Result<(), ComponentError> + Send + 'static,
    ) -> Self {
        self.prepare = Box::new(act);
        self
    }

    pub fn on_end_of_batch(
        mut self,
        act: impl FnMut(&mut BoltOutput<'_>) -> Result<(), ComponentError> + Send + 'static,
    ) -> Self {
        self.end_of_batch = Box::new(act);
        self
    }

    pub fn on_poll(
        mut self,
        act: impl FnMut(&mut BoltOutput<'_>) -> Result<(), ComponentError> + Send + 'static,
    ) -> Self {
        self.poll = Box::new(act);
        self
    }

    pub fn on_tick(
        mut self,
        act: impl FnMut(&mut BoltOutput<'_>) -> Result<(), ComponentError> + Send + 'static,
    ) -> Self {
        self.tick = Box::new(act);
        self
    }
}

impl DynBolt for FnBolt {
    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        (self.prepare)(context)
    }
    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        out: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        (self.execute)(tuple, out)
    }
    fn end_of_batch(&mut self, out: &mut BoltOutput<'_>) -> Result<(), ComponentError> {
        (self.end_of_batch)(out)
    }
    fn poll(&mut self, out: &mut BoltOutput<'_>) -> Result<(), ComponentError> {
        (self.poll)(out)
    }
    fn tick(&mut self, out: &mut BoltOutput<'_>) -> Result<(), ComponentError> {
        (self.tick)(out)
    }
}

/// A bolt that logs the first field, a number, and who received it.
pub fn collector(log: &Log<(i64, u32)>) -> FnBolt {
    let log = log.clone();
    let task = Arc::new(Mutex::new(0));
    let mine = Arc::clone(&task);
    FnBolt::new(move |tuple, _| {
        let number = tuple.get(0).as_i64().ok_or("not a number")?;
        log.add((number, *task.lock().unwrap()));
        Ok(Done::Ack)
    })
    .on_prepare(move |context| {
        *mine.lock().unwrap() = context.task_id();
        Ok(())
    })
}

/// Panics without the hook that prints it.
pub fn panic_on_purpose() -> ! {
    std::panic::resume_unwind(Box::new(ON_PURPOSE))
}

/// The text of panics caused on purpose.
pub const ON_PURPOSE: &str = "on purpose";

/// The roots a spout was told are done.
pub fn acked(told: &Log<Told>) -> Vec<MessageId> {
    let told = told.lock();
    told.iter()
        .filter_map(|event| if let Told::Acked(id) = event { Some(*id) } else { None })
        .collect()
}

/// The roots a spout was told have failed, and why.
pub fn failed(told: &Log<Told>) -> Vec<(MessageId, FailReason)> {
    let told = told.lock();
    let failed = told.iter().filter_map(|event| match event {
        Told::Failed(id, reason) => Some((*id, reason.clone())),
        _ => None,
    });
    failed.collect()
}

/// A spout of numbers and one bolt behind it, fused or not.
pub fn simple(
    told: &Log<Told>,
    count: i64,
    fused: bool,
    bolt: impl Fn() -> FnBolt + Send + Sync + 'static,
) -> TopologyBuilder {
    let mut builder = TopologyBuilder::new("t");
    let told = told.clone();
    builder.dyn_spout("s", move || ListSpout::numbers(count, &told)).output(&["n"]);
    builder.dyn_bolt("b", bolt).shuffle("s").parallelism(if fused { 1 } else { 2 });
    builder
}
