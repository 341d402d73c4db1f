//! What a task is told about itself and its topology.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tidemill_world::{Clock, Wake};

use crate::guarantee::Guarantee;
use crate::state::{Place, Registry, StateError, StateHandle, StateValue};
use crate::tuple_ref::TaskId;
use crate::value::OwnedValue;

/// The name of the stream that components have unless they say otherwise.
pub const DEFAULT_STREAM: &str = "default";

/// The stream of every spout that carries roots which ran out of retries, with the fields
/// [`DEAD_LETTER_FIELDS`].
pub const DEAD_LETTER_STREAM: &str = "__dead_letter";

/// The fields of [`DEAD_LETTER_STREAM`]: message id, reason, attempts made, stream, the tuple's values.
pub const DEAD_LETTER_FIELDS: [&str; 5] = ["id", "reason", "attempts", "stream", "values"];

/// A stream of the component at hand, found by name with [`TaskContext::stream`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamIndex(pub(crate) usize);

impl StreamIndex {
    /// The stream named [`DEFAULT_STREAM`], if the component declares one.
    pub const DEFAULT: Self = Self(usize::MAX);
}

/// One stream that a task receives.
#[derive(Clone, Debug)]
pub struct InputStream {
    /// The component that emits it.
    pub component: String,
    /// The stream's name.
    pub stream: String,
    /// The stream's fields.
    pub fields: Arc<[String]>,
    /// How tuples find their task.
    pub grouping: GroupingInfo,
}

/// One stream that a task may emit on.
#[derive(Clone, Debug)]
pub struct OutputStream {
    /// The stream's name.
    pub stream: String,
    /// The stream's fields.
    pub fields: Arc<[String]>,
    /// Whether it takes direct emits only.
    pub direct: bool,
    /// The components that receive it.
    pub targets: Vec<(String, GroupingInfo)>,
}

/// How tuples of a stream find the task that receives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupingInfo {
    /// To the tasks in turn, but not to those whose queues are fuller than the others'.
    Shuffle,
    /// To the task that the named fields hash to.
    Fields(Vec<String>),
    /// To one of two tasks that the named fields hash to: the one that was sent less.
    PartialKey(Vec<String>),
    /// As the user's own code says.
    Custom,
    /// To every task.
    All,
    /// To the task with the lowest number.
    Global,
    /// No preference.
    None,
    /// To the task that the emitter names.
    Direct,
    /// To the tasks on the emitter's worker in turn, or to all if there are none.
    LocalOrShuffle,
}

/// What the tasks of one topology share.
#[derive(Debug, Default)]
pub(crate) struct TopologyContext {
    pub(crate) name: String,
    pub(crate) guarantee: Guarantee,
    pub(crate) tasks: BTreeMap<String, Vec<TaskId>>,
    pub(crate) components: BTreeMap<TaskId, String>,
}

/// What the tasks of one component share.
#[derive(Debug, Default)]
pub(crate) struct ComponentContext {
    pub(crate) id: String,
    pub(crate) config: BTreeMap<String, OwnedValue>,
    pub(crate) inputs: Vec<InputStream>,
    pub(crate) outputs: Vec<OutputStream>,
}

/// What a task is told about itself and its topology.
#[derive(Clone)]
pub struct TaskContext {
    pub(crate) topology: Arc<TopologyContext>,
    pub(crate) shared: Arc<ComponentContext>,
    pub(crate) task: TaskId,
    pub(crate) index: usize,
    pub(crate) wake: Wake,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) states: Registry,
    /// What the hashes of this task's states begin with, so that nobody can choose keys that collide.
    pub(crate) seed: u64,
}

impl TaskContext {
    /// The topology's name.
    pub fn topology(&self) -> &str {
        &self.topology.name
    }

    /// What the topology promises.
    pub fn guarantee(&self) -> Guarantee {
        self.topology.guarantee
    }

    /// The component's id.
    pub fn component(&self) -> &str {
        &self.shared.id
    }

    /// This task's number in the topology, from 1.
    pub fn task_id(&self) -> TaskId {
        self.task
    }

    /// This task's number among the tasks of its component, from 0.
    pub fn task_index(&self) -> usize {
        self.index
    }

    /// How many tasks this component has.
    pub fn parallelism(&self) -> usize {
        self.tasks_of(self.component()).len()
    }

    /// The tasks of a component in order; empty if there is no such component.
    pub fn tasks_of(&self, component: &str) -> &[TaskId] {
        self.topology.tasks.get(component).map_or(&[], Vec::as_slice)
    }

    /// Each task of the topology and its component.
    pub fn task_components(&self) -> &BTreeMap<TaskId, String> {
        &self.topology.components
    }

    /// The streams this component receives.
    pub fn inputs(&self) -> &[InputStream] {
        &self.shared.inputs
    }

    /// The streams this component declares, in the order of their [`StreamIndex`].
    pub fn outputs(&self) -> &[OutputStream] {
        &self.shared.outputs
    }

    /// The stream of that name; `None` if the component declares none.
    pub fn stream(&self, name: &str) -> Option<StreamIndex> {
        self.shared.outputs.iter().position(|output| output.stream == name).map(StreamIndex)
    }

    /// The topology's configuration with this component's own values over it.
    pub fn config(&self) -> &BTreeMap<String, OwnedValue> {
        &self.shared.config
    }

    /// Wakes the worker that runs this task, and has `poll` (bolts) or `next` (idle spouts) called. Keep
    /// clones where other threads finish work for this task.
    pub fn wake(&self) -> Wake {
        self.wake.clone()
    }

    /// Declares a keyed state of this bolt's task, or finds the one that an earlier instance of it left. Call it in
    /// `prepare` and keep the handle; [`Emitter::state`](crate::Emitter::state) gives the map. With a time-to-live
    /// a key that is not written for so long is gone.
    ///
    /// # Errors
    /// The name is declared twice, or was declared with other types; in exactly-once topologies also what the committer
    /// has cannot be read.
    pub fn keyed<K: StateValue + Hash + Eq, V: StateValue>(
        &self,
        name: &str,
        time_to_live: Option<Duration>,
    ) -> Result<StateHandle<K, V>, StateError> {
        let place = Place {
            component: self.component(),
            index: self.index,
            tasks: self.parallelism(),
            now: self.clock.now(),
            seed: self.seed,
        };
        self.states.keyed(name, time_to_live, &place)
    }

    /// The engine's clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The engine's clock, to keep.
    pub fn clock_arc(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskContext")
            .field("topology", &self.topology())
            .field("component", &self.component())
            .field("task", &self.task)
            .finish_non_exhaustive()
    }
}
