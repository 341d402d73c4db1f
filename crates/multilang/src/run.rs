//! Runs a project here, from reading it to its totals: what `tidemill run` does.
//!
//! # The story
//!
//! The project's own Python describes its topology; the engine runs it with a child process for each task; log lines
//! and news of children go to the caller as they come. After the given time, or when told to stop, the spouts
//! stop, what is under way is worked off, the children end, and the counts are returned. A component whose
//! first child does not come up ends the run with the reason: a project that cannot work should say so at
//! once and not retry for ever.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tidemill_engine::{
    Engine, EngineConfig, Running, StartError, Status, SubmitError, TopologyStats,
};
use tidemill_world::{Wake, World};

use crate::child::{Heartbeats, LogLine, SyncPolicy};
use crate::project::topology::{Surroundings, TopologyError, topology};
use crate::project::{ComponentKind, Project, ProjectError, TopologySpec, load};
use crate::shell::{ChildChange, ChildNews};

/// How to run a project.
#[derive(Clone, Default)]
pub struct RunOptions {
    /// The topology, if the project has several.
    pub name: Option<String>,
    /// How long, counted from when every child is up; `None` until it is told to stop or ends by itself.
    pub duration: Option<Duration>,
    /// The interpreter; `None` for the project's own.
    pub python: Option<PathBuf>,
    /// The environment of `config.json`, if it has several.
    pub environment: Option<String>,
    /// Storm options over all others.
    pub options: Map<String, Value>,
    /// Heartbeats of bolts.
    pub heartbeats: Heartbeats,
    /// Which commands spouts answer.
    pub sync: SyncPolicy,
    /// How long tuples under way may take after the spouts have stopped; `None` for [`DRAIN`].
    pub drain: Option<Duration>,
    /// Tells it to stop before its time.
    pub stop: Stop,
}

/// Time for tuples under way once the spouts have stopped.
pub const DRAIN: Duration = Duration::from_secs(10);

/// Tells a run to stop: drained at the first call, at once at the second.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<StopState>);

#[derive(Debug, Default)]
struct StopState {
    asked: AtomicBool,
    at_once: AtomicBool,
    wake: Wake,
}

impl Stop {
    /// Stops; may be called from any thread and more than once.
    pub fn stop(&self) {
        if self.0.asked.swap(true, Ordering::AcqRel) {
            self.0.at_once.store(true, Ordering::Release);
        }
        self.0.wake.notify();
    }

    fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::Acquire)
    }

    fn is_at_once(&self) -> bool {
        self.0.at_once.load(Ordering::Acquire)
    }
}

/// What a run tells while it goes on.
#[derive(Clone, Debug)]
pub enum RunEvent {
    /// The project has been read; its components are about to start.
    Loaded(Arc<TopologySpec>),
    /// A log line of a component.
    Log(LogLine),
    /// A child has started or is lost.
    Child(ChildNews),
    /// The spouts stop; what is under way is worked off.
    Draining,
}

/// Hears what a run tells. Called on many threads; must be short.
pub type OnEvent = Arc<dyn Fn(RunEvent) + Send + Sync>;

/// Counts of a run.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// The components, in the project's order.
    pub components: Vec<ComponentTotals>,
    /// Roots that were neither acked nor failed when the run ended.
    pub unfinished: u64,
}

/// Counts of one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentTotals {
    /// Its name.
    pub id: String,
    /// Spout or bolt.
    pub kind: ComponentKind,
    /// How many processes.
    pub tasks: usize,
    /// Tuples emitted.
    pub emitted: u64,
    /// Tuples executed.
    pub executed: u64,
    /// Tuples acked (bolts), roots completed (spouts).
    pub acked: u64,
    /// Tuples failed.
    pub failed: u64,
}

impl Totals {
    /// The counts of one component.
    pub fn component(&self, id: &str) -> Option<&ComponentTotals> {
        self.components.iter().find(|component| component.id == id)
    }
}

/// Why a run did not come about or ended early. No child is left.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The project cannot be run.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// No topology can be made of it.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The directory for process ids cannot be made.
    #[error(
        "cannot make directory {path}: {source}; check the space and rights there, or set TMPDIR"
    )]
    PidDir {
        /// The directory.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The engine does not start.
    #[error("the engine does not start: {0}")]
    Start(#[from] StartError),
    /// The engine does not take the topology.
    #[error("the engine does not take the topology: {0}")]
    Submit(#[from] SubmitError),
    /// A component does not come up.
    #[error("component {component} does not start: {reason}")]
    Component {
        /// The component.
        component: String,
        /// The last that is known of it.
        reason: String,
    },
}

/// Runs the project at `path` and returns its counts. Blocks until it is over.
///
/// # Errors
/// See [`RunError`].
pub fn run(
    world: &World,
    path: &Path,
    options: &RunOptions,
    on_event: &OnEvent,
) -> Result<Totals, RunError> {
    let project = Project::find(path, options.name.as_deref())?;
    let mut spec = load(&project, options.python.as_deref(), options.environment.as_deref())?;
    spec.options.extend(&options.options);
    let spec = Arc::new(spec);
    on_event(RunEvent::Loaded(Arc::clone(&spec)));
    let pid_dir = PidDir::make(world)?;
    let tasks = spec.components.iter().map(|component| component.parallelism).sum();
    let starts = Arc::new(Starts::new(options.stop.0.wake.clone(), tasks));
    let surroundings = surroundings(world, &pid_dir, options, on_event, &starts);
    let topology = topology(&spec, &surroundings)?;
    let engine = Engine::start(world.clone(), EngineConfig::default())?;
    let running = engine.submit(topology)?;
    let outcome = wait(world, &running, options, &starts);
    if outcome.is_ok() {
        on_event(RunEvent::Draining);
    }
    end(&running, options, outcome.is_ok());
    let totals = totals(&spec, &running.stats());
    engine.shutdown();
    outcome.map(|()| totals)
}

fn surroundings(
    world: &World,
    pid_dir: &PidDir,
    options: &RunOptions,
    on_event: &OnEvent,
    starts: &Arc<Starts>,
) -> Surroundings {
    let (logs, news, starts) = (Arc::clone(on_event), Arc::clone(on_event), Arc::clone(starts));
    Surroundings {
        world: world.clone(),
        pid_dir: pid_dir.0.clone(),
        heartbeats: options.heartbeats,
        sync: options.sync,
        logs: Arc::new(move |line| logs(RunEvent::Log(line))),
        watch: Arc::new(move |change: &ChildNews| {
            starts.hear(change);
            news(RunEvent::Child(change.clone()));
        }),
    }
}

/// Waits for the end of the time, the word to stop, the topology's own end, or a component that fails to start.
fn wait(
    world: &World,
    running: &Running,
    options: &RunOptions,
    starts: &Starts,
) -> Result<(), RunError> {
    /// A look at the topology, which ends without waking anybody here.
    const LOOK_EVERY: Duration = Duration::from_millis(200);
    let mut all_up = None;
    loop {
        if let Some((component, reason)) = starts.failure() {
            return Err(RunError::Component { component, reason });
        }
        let now = world.clock().now();
        all_up = all_up.or_else(|| starts.all_up().then_some(now));
        let left = match (options.duration, all_up) {
            (Some(duration), Some(begun)) => duration.saturating_sub(now.since(begun)),
            _ => LOOK_EVERY,
        };
        if options.stop.is_asked() || left.is_zero() || running.status() == Status::Finished {
            return Ok(());
        }
        options.stop.0.wake.wait(Some(left.min(LOOK_EVERY)));
    }
}

fn end(running: &Running, options: &RunOptions, drained: bool) {
    let drain = if drained { options.drain.unwrap_or(DRAIN) } else { Duration::ZERO };
    running.kill(drain);
    while running.status() != Status::Finished {
        if options.stop.is_at_once() {
            running.kill(Duration::ZERO);
            break;
        }
        options.stop.0.wake.wait(Some(Duration::from_millis(20)));
    }
    running.wait_finished();
}

fn totals(spec: &TopologySpec, stats: &TopologyStats) -> Totals {
    let of = |component: &crate::project::ComponentSpec| {
        let counted = stats.component(&component.id)?;
        Some(ComponentTotals {
            id: component.id.clone(),
            kind: component.kind,
            tasks: counted.tasks,
            emitted: counted.emitted,
            executed: counted.executed,
            acked: counted.acked,
            failed: counted.failed,
        })
    };
    let components = spec.components.iter().filter_map(of).collect();
    Totals { components, unfinished: stats.pending() }
}

/// Which components have come up, and the first that did not.
struct Starts {
    state: Mutex<StartsState>,
    wake: Wake,
    tasks: usize,
}

#[derive(Default)]
struct StartsState {
    /// Components that have come up.
    up: BTreeSet<Arc<str>>,
    /// Tasks that have.
    tasks_up: BTreeSet<i64>,
    failed: Option<(String, String)>,
}

impl Starts {
    fn new(wake: Wake, tasks: usize) -> Self {
        Self { state: Mutex::default(), wake, tasks }
    }

    /// Whether every task has had a child.
    fn all_up(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.tasks_up.len() >= self.tasks
    }

    fn hear(&self, news: &ChildNews) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &news.what {
            ChildChange::Started(_) => {
                state.up.insert(Arc::clone(&news.component));
                state.tasks_up.insert(news.task);
                if state.tasks_up.len() == self.tasks {
                    self.wake.notify();
                }
            }
            ChildChange::Lost { reason, was_up: false } if !state.up.contains(&news.component) => {
                state.failed.get_or_insert((news.component.to_string(), reason.clone()));
                self.wake.notify();
            }
            ChildChange::Lost { .. } => {}
        }
    }

    fn failure(&self) -> Option<(String, String)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failed.clone()
    }
}

/// The directory in which children leave their process ids; removed with this value.
struct PidDir(PathBuf);

impl PidDir {
    fn make(world: &World) -> Result<Self, RunError> {
        let name = format!("tidemill-pids-{:016x}", world.random().next_u64());
        let path = std::env::temp_dir().join(name);
        let made = std::fs::create_dir(&path);
        made.map_err(|source| RunError::PidDir { path: path.clone(), source })?;
        Ok(Self(path))
    }
}

impl Drop for PidDir {
    fn drop(&mut self) {
        // What cannot be removed from a directory for temporary files harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
