//! Declaring a topology: components, streams, groupings.
//!
//! Typed components are declared with the types doing the checking: `.shuffle(&words)` compiles only if the
//! bolt takes what the handle carries. Dynamic components name components and streams; what they
//! name is checked by [`TopologyBuilder::build`].

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::bolt_node;
use crate::check::{BuildError, check};
use crate::component::{Bolt, DynBolt, DynSpout, Spout};
use crate::context::{DEAD_LETTER_STREAM, DEFAULT_STREAM, GroupingInfo};
use crate::epochs::{Commits, Committer};
use crate::grouping::{CustomGrouping, GroupingMaker};
use crate::guarantee::Guarantee;
use crate::spec::{ComponentSpec, InputDecl, Maker, StreamDecl, Topology};
use crate::spout_node;
use crate::target::Dynamic;
use crate::tuple::Tuple;
use crate::value::OwnedValue;
use crate::window::{DynWindowBolt, DynWindowed, Join, WindowBolt, Windowed, Windows};

/// Storm's default: long enough for any bolt that still lives.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);
/// Roots in flight per spout task. At a million roots a second this is eight milliseconds of work: enough to
/// hide a synced append, little enough that memory and latency stay flat.
const PENDING_MAX: usize = 8192;

crate::tuple! {
    /// A root that ran out of retries, as [`StreamHandle::dead_letters`] carries it.
    pub struct DeadLetter {
        /// The root's message id.
        id: i64,
        /// Why its last attempt failed.
        reason: str,
        /// How many attempts were made.
        attempts: i64,
        /// The stream it was emitted on.
        stream: str,
        /// Its fields, a list.
        values: crate::tuple::AnyValue
    }
}

/// A stream of a typed component, with the type of its tuples.
pub struct StreamHandle<T> {
    component: String,
    stream: String,
    tuples: PhantomData<fn() -> T>,
}

impl<T> StreamHandle<T> {
    fn new(component: &str, stream: &str) -> Self {
        Self { component: component.to_owned(), stream: stream.to_owned(), tuples: PhantomData }
    }

    /// The dead letters of the spout that emits this stream.
    pub fn dead_letters(&self) -> StreamHandle<DeadLetter> {
        StreamHandle::new(&self.component, DEAD_LETTER_STREAM)
    }
}

impl<T> Clone for StreamHandle<T> {
    fn clone(&self) -> Self {
        Self::new(&self.component, &self.stream)
    }
}

/// What a bolt that takes `In` may subscribe to: a handle of that type, or, checked when the topology
/// is built, a component's name (its default stream) or a component's and a stream's name.
pub trait Source<In: ?Sized> {
    /// The component and the stream.
    fn names(&self) -> (String, String);
}

impl<T: Tuple> Source<T> for &StreamHandle<T> {
    fn names(&self) -> (String, String) {
        (self.component.clone(), self.stream.clone())
    }
}

impl<T: Tuple> Source<Dynamic> for &StreamHandle<T> {
    fn names(&self) -> (String, String) {
        (self.component.clone(), self.stream.clone())
    }
}

impl<In: ?Sized> Source<In> for &str {
    fn names(&self) -> (String, String) {
        ((*self).to_owned(), DEFAULT_STREAM.to_owned())
    }
}

impl<In: ?Sized> Source<In> for &String {
    fn names(&self) -> (String, String) {
        ((*self).clone(), DEFAULT_STREAM.to_owned())
    }
}

impl<In: ?Sized> Source<In> for (&str, &str) {
    fn names(&self) -> (String, String) {
        (self.0.to_owned(), self.1.to_owned())
    }
}

/// Collects the components of one topology and checks them.
pub struct TopologyBuilder {
    name: String,
    components: Vec<ComponentSpec>,
    config: BTreeMap<String, OwnedValue>,
    guarantee: Guarantee,
    commits: Option<Commits>,
    message_timeout: Duration,
    pending_max: usize,
}

impl TopologyBuilder {
    /// An empty topology of that name.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            components: Vec::new(),
            config: BTreeMap::new(),
            guarantee: Guarantee::default(),
            commits: None,
            message_timeout: MESSAGE_TIMEOUT,
            pending_max: PENDING_MAX,
        }
    }

    /// Declares a typed spout; `factory` makes one instance per task, and again after a panic.
    pub fn spout<S: Spout>(
        &mut self,
        id: &str,
        factory: impl Fn() -> S + Send + Sync + 'static,
    ) -> SpoutDeclarer<'_, S::Out> {
        let maker = Maker::Spout(spout_node::typed(factory));
        SpoutDeclarer { spec: self.declare_typed::<S::Out>(id, maker), tuples: PhantomData }
    }

    /// Declares a typed bolt; `factory` makes one instance per task, and again after a panic.
    pub fn bolt<B: Bolt>(
        &mut self,
        id: &str,
        factory: impl Fn() -> B + Send + Sync + 'static,
    ) -> BoltDeclarer<'_, B::In, B::Out> {
        let maker = Maker::Bolt(bolt_node::typed(factory));
        let spec = self.declare_typed::<B::Out>(id, maker);
        spec.takes = Some((B::In::FIELDS, B::In::KINDS));
        BoltDeclarer { spec, tuples: PhantomData }
    }

    /// Declares a dynamic spout; `factory` makes one instance per task, and again after a panic.
    pub fn dyn_spout<S: DynSpout + 'static>(
        &mut self,
        id: &str,
        factory: impl Fn() -> S + Send + Sync + 'static,
    ) -> DynSpoutDeclarer<'_> {
        let maker = Maker::Spout(spout_node::dynamic(move || Box::new(factory())));
        DynSpoutDeclarer { spec: self.declare(id, maker) }
    }

    /// Declares a dynamic bolt; `factory` makes one instance per task, and again after a panic.
    pub fn dyn_bolt<B: DynBolt + 'static>(
        &mut self,
        id: &str,
        factory: impl Fn() -> B + Send + Sync + 'static,
    ) -> DynBoltDeclarer<'_> {
        let maker = Maker::Bolt(bolt_node::dynamic(move || Box::new(factory())));
        DynBoltDeclarer { spec: self.declare(id, maker) }
    }

    /// Declares a typed window bolt; `factory` makes one instance per task, and again after a panic.
    pub fn windowed<W: WindowBolt>(
        &mut self,
        id: &str,
        windows: Windows,
        factory: impl Fn() -> W + Send + Sync + 'static,
    ) -> BoltDeclarer<'_, W::In, W::Out> {
        let declarer = self.bolt(id, move || Windowed::new(factory(), windows));
        declarer.spec.windows = Some(windows);
        declarer.tick(windows.tick())
    }

    /// Declares a dynamic window bolt; `factory` makes one instance per task, and again after a panic.
    pub fn dyn_windowed<W: DynWindowBolt + 'static>(
        &mut self,
        id: &str,
        windows: Windows,
        factory: impl Fn() -> W + Send + Sync + 'static,
    ) -> DynBoltDeclarer<'_> {
        let declarer = self.dyn_bolt(id, move || DynWindowed::new(factory(), windows));
        declarer.spec.windows = Some(windows);
        declarer.tick(windows.tick())
    }

    /// Declares a join over windows. Its default stream has the selected fields. Group each input by the field it is
    /// joined on if it has several tasks.
    pub fn join(&mut self, id: &str, windows: Windows, join: Join) -> DynBoltDeclarer<'_> {
        let fields: Vec<String> = join.fields().into_iter().map(str::to_owned).collect();
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        self.dyn_windowed(id, windows, move || join.clone()).output(&fields)
    }

    fn declare(&mut self, id: &str, maker: Maker) -> &mut ComponentSpec {
        let index = self.components.len();
        self.components.push(ComponentSpec::new(id, maker));
        &mut self.components[index]
    }

    fn declare_typed<T: Tuple>(&mut self, id: &str, maker: Maker) -> &mut ComponentSpec {
        let spec = self.declare(id, maker);
        if !T::FIELDS.is_empty() {
            let kinds = T::KINDS.to_vec();
            spec.streams.push(StreamDecl::new(DEFAULT_STREAM, T::FIELDS, kinds, false));
        }
        spec
    }

    /// Sets a value in every component's configuration.
    pub fn config(&mut self, key: &str, value: impl Into<OwnedValue>) -> &mut Self {
        self.config.insert(key.to_owned(), value.into());
        self
    }

    /// What the topology promises; at-least-once unless set.
    pub fn guarantee(&mut self, guarantee: Guarantee) -> &mut Self {
        self.guarantee = guarantee;
        self
    }

    /// Commits what the topology does in epochs of about `interval`, each of them once: see
    /// [`Guarantee::ExactlyOnce`]. Its spouts and sinks must be such that take part in commits.
    pub fn exactly_once(&mut self, committer: impl Committer, interval: Duration) -> &mut Self {
        self.guarantee = Guarantee::ExactlyOnce;
        self.commits = Some(Commits { committer: Arc::new(committer), interval });
        self
    }

    /// How long bolts may hold all that is left of a root without anything moving before it is replayed;
    /// 30 seconds unless set. Tuples in queues do not time out.
    pub fn message_timeout(&mut self, timeout: Duration) -> &mut Self {
        self.message_timeout = timeout;
        self
    }

    /// The most roots in flight per spout task; 8192 unless set. There is seldom a need to set it: queues
    /// are bounded anyway.
    pub fn max_pending(&mut self, roots: usize) -> &mut Self {
        self.pending_max = roots;
        self
    }

    /// Checks everything that was declared.
    ///
    /// # Errors
    /// The first thing that is wrong, with the component's name and what to change.
    pub fn build(self) -> Result<Topology, BuildError> {
        let mut topology = Topology {
            name: self.name,
            components: self.components,
            guarantee: self.guarantee,
            commits: self.commits,
            message_timeout: self.message_timeout,
            pending_max: self.pending_max,
        };
        check(&topology)?;
        for component in &mut topology.components {
            let mut config = self.config.clone();
            config.append(&mut component.config);
            component.config = config;
        }
        Ok(topology)
    }
}

macro_rules! common_methods {
    () => {
        /// How many executors run the component's tasks, and how many tasks there are unless [`tasks`](Self::tasks)
        /// says otherwise; one unless set. [`Running::rebalance`](crate::Running::rebalance) changes the executors
        /// of a topology that runs.
        pub fn parallelism(self, executors: usize) -> Self {
            self.spec.parallelism = executors;
            self
        }

        /// The number of tasks, which stays as it is: the most executors that the component may ever have. Each has its own
        /// instance of the component and its own keys.
        pub fn tasks(self, tasks: usize) -> Self {
            self.spec.tasks = Some(tasks);
            self
        }

        /// Sets a value in this component's configuration.
        pub fn config(self, key: &str, value: impl Into<OwnedValue>) -> Self {
            self.spec.config.insert(key.to_owned(), value.into());
            self
        }

        /// Gives each executor a thread of its own, because its calls may block.
        pub fn blocking(self) -> Self {
            self.spec.blocking = true;
            self
        }
    };
}

macro_rules! stream_methods {
    () => {
        /// Declares the default stream.
        pub fn output(self, fields: &[&str]) -> Self {
            self.stream(DEFAULT_STREAM, fields)
        }

        /// Declares a stream.
        pub fn stream(self, name: &str, fields: &[&str]) -> Self {
            self.spec.streams.push(StreamDecl::dynamic(name, fields, false));
            self
        }

        /// Declares a stream that takes direct emits only.
        pub fn direct_stream(self, name: &str, fields: &[&str]) -> Self {
            self.spec.streams.push(StreamDecl::dynamic(name, fields, true));
            self
        }
    };
}

macro_rules! input_methods {
    ($input:ty) => {
        /// To the tasks in turn, but not to those whose queues are fuller than the others'.
        pub fn shuffle(self, from: impl Source<$input>) -> Self {
            self.input(from.names(), GroupingInfo::Shuffle)
        }

        /// To the task that the named fields hash to: equal fields meet in one task.
        pub fn fields(self, from: impl Source<$input>, fields: &[&str]) -> Self {
            let fields = fields.iter().map(|field| (*field).to_owned()).collect();
            self.input(from.names(), GroupingInfo::Fields(fields))
        }

        /// To one of two tasks that the named fields hash to, the one that was sent less: a key that has much of the
        /// stream does not overload one task, and each task knows a part of a key at most.
        pub fn partial_key(self, from: impl Source<$input>, fields: &[&str]) -> Self {
            let fields = fields.iter().map(|field| (*field).to_owned()).collect();
            self.input(from.names(), GroupingInfo::PartialKey(fields))
        }

        /// To the tasks that the user's grouping chooses; `factory` makes one instance per emitting task.
        pub fn custom<G: CustomGrouping + 'static>(
            self,
            from: impl Source<$input>,
            factory: impl Fn() -> G + Send + Sync + 'static,
        ) -> Self {
            let this = self.input(from.names(), GroupingInfo::Custom);
            if let Some(input) = this.spec.inputs.last_mut() {
                input.custom = Some(GroupingMaker(Arc::new(move || Box::new(factory()))));
            }
            this
        }

        /// To every task.
        pub fn all(self, from: impl Source<$input>) -> Self {
            self.input(from.names(), GroupingInfo::All)
        }

        /// To the task with the lowest number.
        pub fn global(self, from: impl Source<$input>) -> Self {
            self.input(from.names(), GroupingInfo::Global)
        }

        /// To any task; the engine chooses what is cheapest.
        pub fn none(self, from: impl Source<$input>) -> Self {
            self.input(from.names(), GroupingInfo::None)
        }

        /// To the task that the emitter names; for direct streams only.
        pub fn direct(self, from: impl Source<$input>) -> Self {
            self.input(from.names(), GroupingInfo::Direct)
        }

        /// To the tasks on the emitter's worker in turn, or to all if there are none.
        pub fn local_or_shuffle(self, from: impl Source<$input>) -> Self {
            self.input(from.names(), GroupingInfo::LocalOrShuffle)
        }

        /// Lets the input declared last close a cycle: what is emitted over it never waits for room, so
        /// that the cycle cannot lock up. Its memory is bounded only by the roots in flight and by what
        /// the cycle makes of each.
        pub fn feedback(self) -> Self {
            match self.spec.inputs.last_mut() {
                Some(input) => input.feedback = true,
                None => self.spec.feedback_of_nothing = true,
            }
            self
        }

        fn input(self, (component, stream): (String, String), grouping: GroupingInfo) -> Self {
            let (custom, feedback) = (None, false);
            self.spec.inputs.push(InputDecl { component, stream, grouping, custom, feedback });
            self
        }

        /// Calls `tick` at this interval.
        pub fn tick(self, interval: Duration) -> Self {
            self.spec.tick = Some(interval);
            self
        }
    };
}

/// Declares a typed spout.
pub struct SpoutDeclarer<'a, T: Tuple> {
    spec: &'a mut ComponentSpec,
    tuples: PhantomData<fn() -> T>,
}

impl<T: Tuple> SpoutDeclarer<'_, T> {
    common_methods!();

    /// The spout's stream, for bolts to subscribe to.
    pub fn handle(self) -> StreamHandle<T> {
        StreamHandle::new(&self.spec.id, DEFAULT_STREAM)
    }
}

/// Declares a typed bolt.
pub struct BoltDeclarer<'a, In: Tuple, Out: Tuple> {
    spec: &'a mut ComponentSpec,
    tuples: PhantomData<fn(In) -> Out>,
}

impl<In: Tuple, Out: Tuple> BoltDeclarer<'_, In, Out> {
    common_methods!();
    input_methods!(In);

    /// The bolt's stream, for other bolts to subscribe to.
    pub fn handle(self) -> StreamHandle<Out> {
        StreamHandle::new(&self.spec.id, DEFAULT_STREAM)
    }
}

/// Declares a dynamic spout.
pub struct DynSpoutDeclarer<'a> {
    spec: &'a mut ComponentSpec,
}

impl DynSpoutDeclarer<'_> {
    common_methods!();
    stream_methods!();
}

/// Declares a dynamic bolt.
pub struct DynBoltDeclarer<'a> {
    spec: &'a mut ComponentSpec,
}

impl DynBoltDeclarer<'_> {
    common_methods!();
    stream_methods!();
    input_methods!(Dynamic);
}

#[cfg(test)]
mod tests;
