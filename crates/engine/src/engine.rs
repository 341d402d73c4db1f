//! The engine: workers that run any number of topologies, and handles on those that run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_world::{Clock, DriverHandle, Waiting, World};

use crate::control::{Control, State};
use crate::error::{RebalanceError, SubmitError};
use crate::layout::Layout;
use crate::plan::plan;
use crate::spec::Topology;
use crate::state::{Answer, QueryError, StateValue, Wanted};
use crate::stats::TopologyStats;
use crate::worker::{Inbox, Lodger, Worker};

/// How an engine runs.
#[derive(Clone, Debug, Default)]
pub struct EngineConfig {
    /// Cooperative worker threads; one per core unless set.
    pub workers: Option<usize>,
}

/// An engine that could not start. Threads that were started have been told to end.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// `workers` is zero or above [`WORKERS_MAX`].
    #[error("workers is {workers}; use 1 to {WORKERS_MAX}")]
    Workers {
        /// The number asked for.
        workers: usize,
    },
    /// The operating system refused a thread.
    #[error("cannot start a worker thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// More workers than any machine this is meant for has cores.
pub const WORKERS_MAX: usize = 1024;

/// Runs topologies on a fixed number of workers. Dropping it ends them all without draining.
pub struct Engine(Arc<Shared>);

/// What an engine and the handles of its topologies share.
struct Shared {
    world: World,
    workers: Vec<Arc<Inbox>>,
    handles: Mutex<Vec<DriverHandle>>,
    state: Mutex<Topologies>,
}

#[derive(Default)]
struct Topologies {
    running: Vec<Known>,
    next_worker: usize,
    shut_down: bool,
}

/// A topology that was submitted.
#[derive(Clone)]
struct Known {
    control: Arc<Control>,
    layout: Arc<Layout>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, Topologies> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a worker.
    fn spawn(&self, name: &str, inbox: &Arc<Inbox>) -> std::io::Result<()> {
        let driver = Box::new(Worker::new(Arc::clone(inbox)));
        let (wake, clock) = (inbox.wake.clone(), self.world.clock_arc());
        let threads = self.world.threads();
        let handle = threads.spawn(name, Waiting::SpinThenPark, wake, clock, driver)?;
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        handles.push(handle);
        Ok(())
    }
}

impl Engine {
    /// Starts the workers.
    ///
    /// # Errors
    /// The number of workers is out of range, or a thread was refused.
    #[expect(clippy::needless_pass_by_value, reason = "it may come to own more than numbers")]
    pub fn start(world: World, config: EngineConfig) -> Result<Self, StartError> {
        let workers = config.workers.unwrap_or_else(|| world.threads().cores().min(WORKERS_MAX));
        if workers == 0 || workers > WORKERS_MAX {
            return Err(StartError::Workers { workers });
        }
        let workers = (0..workers).map(|_| Arc::default()).collect();
        let (handles, state) = (Mutex::default(), Mutex::default());
        let engine = Self(Arc::new(Shared { world, workers, handles, state }));
        for (index, inbox) in engine.0.workers.iter().enumerate() {
            engine.0.spawn(&format!("engine-{index}"), inbox)?;
        }
        Ok(engine)
    }

    /// Runs a topology; its spouts are active at once.
    ///
    /// # Errors
    /// Nothing was started: a topology of that name runs already, the engine is shut down, or a thread for
    /// a blocking component was refused.
    pub fn submit(&self, topology: Topology) -> Result<Running, SubmitError> {
        let shared = &self.0;
        let mut state = shared.state();
        state.running.retain(|known| !known.control.is_finished());
        if state.shut_down {
            return Err(SubmitError::ShutDown);
        }
        if state.running.iter().any(|known| known.control.name == topology.name) {
            return Err(SubmitError::AlreadyRunning { name: topology.name });
        }
        let base = state.next_worker;
        state.next_worker = (base + 1) % shared.workers.len().max(1);
        let last_epoch = last_epoch(&topology)?;
        let plan = plan(&topology, &shared.world, &shared.workers, base, last_epoch);
        let known = Known { control: plan.control, layout: plan.layout };
        self.launch(&known, plan.lodgers)?;
        state.running.push(known.clone());
        Ok(self.running(known))
    }

    fn running(&self, known: Known) -> Running {
        let Known { control, layout } = known;
        let (clock, shared) = (self.0.world.clock_arc(), Arc::clone(&self.0));
        Running { control, layout, clock, shared }
    }

    /// Hands the units to their workers, after starting the workers that are only for some of them.
    fn launch(&self, known: &Known, lodgers: Vec<Lodger>) -> Result<(), SubmitError> {
        let own = known.layout.own();
        for (component, inbox) in &own {
            if let Err(source) = self.0.spawn(&own_name(&known.control.name, component), inbox) {
                own.iter().for_each(|(_, inbox)| inbox.stop());
                let component = component.clone();
                return Err(SubmitError::Thread { component, source });
            }
        }
        lodgers.into_iter().for_each(Lodger::settle);
        own.iter().for_each(|(_, inbox)| inbox.stop());
        Ok(())
    }

    /// The topologies that run.
    pub fn topologies(&self) -> Vec<Running> {
        let state = self.0.state();
        let running = state.running.iter().filter(|known| !known.control.is_finished());
        running.map(|known| self.running(known.clone())).collect()
    }

    /// Ends all topologies without draining, and the workers; waits until they have ended (in a
    /// simulation, where nothing runs by itself, it returns at once).
    pub fn shutdown(&self) {
        self.stop();
        let handles =
            std::mem::take(&mut *self.0.handles.lock().unwrap_or_else(PoisonError::into_inner));
        for handle in handles {
            handle.join();
        }
    }

    fn stop(&self) {
        let mut state = self.0.state();
        state.shut_down = true;
        state.running.iter().for_each(|known| known.control.close());
        self.0.workers.iter().for_each(|inbox| inbox.stop());
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The name of a worker that is only for one executor.
fn own_name(topology: &str, component: &str) -> String {
    format!("{topology}-{component}")
}

/// The epoch that an exactly-once topology committed last.
fn last_epoch(topology: &Topology) -> Result<u64, SubmitError> {
    let Some(commits) = &topology.commits else { return Ok(0) };
    commits.committer.last_epoch().map_err(|source| {
        let name = topology.name.clone();
        SubmitError::Committer { name, why: source.to_string() }
    })
}

/// Whether a topology's spouts emit, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Spouts emit.
    Active,
    /// Spouts do not emit; what is under way goes on.
    Inactive,
    /// Killed, or all spouts have finished: what is under way may finish.
    Draining,
    /// Ended.
    Finished,
}

/// A handle on a running topology. Dropping it changes nothing.
#[derive(Clone)]
pub struct Running {
    control: Arc<Control>,
    layout: Arc<Layout>,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
}

impl Running {
    /// The topology's name.
    pub fn name(&self) -> &str {
        &self.control.name
    }

    /// Lets the spouts emit again.
    pub fn activate(&self) {
        self.control.set_active(true);
    }

    /// Stops the spouts from emitting; what is under way goes on, replays included.
    pub fn deactivate(&self) {
        self.control.set_active(false);
    }

    /// Stops the spouts and ends the topology once everything under way is done, at the latest after
    /// `drain`. Returns at once; see [`wait_finished`](Running::wait_finished).
    pub fn kill(&self, drain: Duration) {
        self.control.kill(self.clock.now(), drain);
    }

    /// Spreads the tasks of some components over another number of executors, while the topology runs: Storm's
    /// `rebalance`. Tasks stay as many as they are, and each moves with its state, its queues and all that it
    /// holds, so that nothing is lost, sent twice or waits. Returns when all is arranged; each task moves at the end of the call
    /// that it is in. Components that are fused move together: naming one names them all.
    ///
    /// # Errors
    /// Nothing was changed: an unknown component, a number that is zero or above its tasks, two numbers for one fused
    /// chain, a thread that was refused, or the topology has ended.
    pub fn rebalance(&self, changes: &[(String, usize)]) -> Result<(), RebalanceError> {
        // Held throughout: workers do not stop meanwhile.
        let state = self.shared.state();
        if state.shut_down || self.control.state() == State::Closing {
            return Err(RebalanceError::Ended { name: self.control.name.clone() });
        }
        let name = &self.control.name;
        self.layout.rebalance(changes, |id, inbox| self.shared.spawn(&own_name(name, id), inbox))
    }

    /// How many executors a component has at present; `None` if there is no such component.
    pub fn executors(&self, component: &str) -> Option<usize> {
        self.layout.executors(component)
    }

    /// Blocks until the topology has ended: killed, or all its spouts finished and their roots done. Not for
    /// a simulation, where nothing runs while one waits; look at [`status`](Running::status) there.
    pub fn wait_finished(&self) {
        self.control.wait_finished();
    }

    /// What the topology is doing.
    pub fn status(&self) -> Status {
        if self.control.is_finished() {
            return Status::Finished;
        }
        match self.control.state() {
            State::Active => Status::Active,
            State::Inactive => Status::Inactive,
            State::Draining | State::Closing => Status::Draining,
        }
    }

    /// Asks every task of a bolt for the value of one key of a state, while the topology runs on: none, or one entry for
    /// each task that has the key. Grouped by that key only one has.
    ///
    /// # Errors
    /// There is no such component, or it is a spout.
    pub fn ask_key(
        &self,
        component: &str,
        state: &str,
        key: &impl StateValue,
    ) -> Result<Answer, QueryError> {
        self.ask(component, state, &Wanted::Key(key.to_bytes()))
    }

    /// Asks every task of a bolt for all keys and values of a state, `entries_max` of them at most. Each task answers
    /// between two batches; there is no moment that all answers are of.
    ///
    /// # Errors
    /// There is no such component, or it is a spout.
    pub fn ask_all(
        &self,
        component: &str,
        state: &str,
        entries_max: usize,
    ) -> Result<Answer, QueryError> {
        self.ask(component, state, &Wanted::All { entries_max })
    }

    fn ask(&self, component: &str, state: &str, wanted: &Wanted) -> Result<Answer, QueryError> {
        let tasks = &self.control.tasks;
        let asked: Vec<_> = tasks.iter().filter(|task| task.component == component).collect();
        if asked.is_empty() {
            let mut known: Vec<&str> = tasks.iter().map(|task| task.component.as_str()).collect();
            known.dedup();
            let (component, known) = (component.to_owned(), known.join(", "));
            return Err(QueryError::UnknownComponent { component, known });
        }
        let (answer, questions) = Answer::new(component, state, wanted, asked.len());
        for (task, question) in asked.into_iter().zip(questions) {
            let Some(door) = &task.door else {
                let (component, state) = (component.to_owned(), state.to_owned());
                return Err(QueryError::UnknownState { component, state });
            };
            door.knock(question);
            task.unit.notify();
        }
        Ok(answer)
    }

    /// Counters and latencies since the topology started.
    pub fn stats(&self) -> TopologyStats {
        TopologyStats::gather(&self.control.tasks)
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("name", &self.name())
            .field("status", &self.status())
            .finish()
    }
}
