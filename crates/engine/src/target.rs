//! Where an emitted tuple goes: into a fused bolt as a call, or over a route into batches.
//!
//! A typed component knows the type of what it emits. When the bolt fused behind it takes that type, the
//! target is a [`Sink`] of it and the borrowed tuple is handed over as it is; else the fields pass
//! as dynamic values, without being written anywhere.

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::time::Duration;

use tidemill_world::Moment;

use crate::batch::Batch;
use crate::context::{DEFAULT_STREAM, StreamIndex, TaskContext};
use crate::epochs::{EpochStep, Parts};
use crate::route::{Picked, Route};
use crate::run::Run;
use crate::state::Door;
use crate::stats::TaskStats;
use crate::tracker::To;
use crate::tuple::{Tuple, TupleReader};
use crate::tuple_ref::{Repr, TaskId, TupleMeta, TupleRef};

/// What a bolt receives: a typed tuple, or [`Dynamic`] ones.
pub(crate) trait Input: 'static {
    type Ref<'a>: Copy;
    fn read<'a>(tuple: TupleRef<'a>) -> Option<Self::Ref<'a>>;
}

impl<T: Tuple> Input for T {
    type Ref<'a> = <T as Tuple>::Ref<'a>;
    #[inline]
    fn read<'a>(tuple: TupleRef<'a>) -> Option<<T as Tuple>::Ref<'a>> {
        match tuple.repr {
            Repr::Encoded(bytes) => T::decode(&mut TupleReader::encoded(bytes)),
            Repr::Values(values) => T::decode(&mut TupleReader::values(values)),
        }
    }
}

/// The input of a bolt that takes any tuple.
#[derive(Debug)]
pub struct Dynamic;

impl Input for Dynamic {
    type Ref<'a> = TupleRef<'a>;
    #[inline]
    fn read<'a>(tuple: TupleRef<'a>) -> Option<TupleRef<'a>> {
        Some(tuple)
    }
}

/// A bolt task and all that is fused behind it.
pub(crate) trait BoltTask: Send {
    fn task_id(&self) -> TaskId;
    /// Makes the instance and those behind it.
    fn start(&mut self, run: &mut Run);
    /// Executes a tuple of the one task this one is fused to.
    fn push(&mut self, repr: Repr<'_>, run: &mut Run);
    /// Executes tuples `from..to` of a batch until the unit stalls; returns how many.
    fn execute(
        &mut self,
        batch: &Batch,
        from: usize,
        to: usize,
        meta: &TupleMeta,
        run: &mut Run,
    ) -> usize;
    fn end_of_batch(&mut self, run: &mut Run);
    /// Polls the tasks whose wake was notified.
    fn woken(&mut self, run: &mut Run);
    /// Ticks the tasks that are due; returns when the next one is.
    fn tick(&mut self, run: &mut Run) -> Option<Moment>;
    /// Does its part of the end of an epoch.
    fn epoch(&mut self, step: EpochStep, run: &mut Run, parts: &mut Parts);
    fn close(&mut self, run: &mut Run);
}

/// A bolt task that takes `T` as it is.
pub(crate) trait Sink<T: Input>: BoltTask {
    fn push_ref(&mut self, tuple: T::Ref<'_>, run: &mut Run);
}

/// What a bolt's node is made of, planned before any component exists.
pub(crate) struct NodeSpec {
    pub(crate) context: TaskContext,
    pub(crate) stats: Arc<TaskStats>,
    pub(crate) door: Arc<Door>,
    pub(crate) tick: Option<Duration>,
    /// The one source of tuples, if the task is fused behind another.
    pub(crate) source: Option<TupleMeta>,
    pub(crate) streams: Vec<StreamSpec>,
}

pub(crate) struct StreamSpec {
    pub(crate) name: String,
    pub(crate) arity: usize,
    pub(crate) direct: bool,
    pub(crate) targets: Vec<TargetSpec>,
}

pub(crate) enum TargetSpec {
    Fused(Arc<dyn BoltMaker>, Box<NodeSpec>),
    Queue(Route),
}

/// Makes the nodes of one bolt component.
pub(crate) trait BoltMaker: Send + Sync {
    /// The tuple type it takes; `None` for dynamic bolts.
    fn input(&self) -> Option<TypeId>;
    fn make(&self, spec: NodeSpec) -> Box<dyn BoltTask>;
    /// The same node as a `Box<dyn Sink<In>>`, for the caller who knows `In`.
    fn make_sink(&self, spec: NodeSpec) -> Box<dyn Any>;
    /// The same component, struck by a test's trouble.
    #[cfg(feature = "testing")]
    fn troubled(&self, trouble: Arc<dyn crate::trouble::Trouble>) -> Arc<dyn BoltMaker>;
}

/// The outputs of a component: what is fused behind it, reached for its lifecycle.
pub(crate) trait Outputs: Send {
    fn build(streams: Vec<StreamSpec>) -> Self;
    fn each_fused(&mut self, act: &mut dyn FnMut(&mut dyn BoltTask));
    /// Emits a tuple again from its written form.
    fn push_again(&mut self, to: To, bytes: &[u8], run: &mut Run) -> u64;
}

enum Target<T: Tuple> {
    Sink(Box<dyn Sink<T>>),
    Fused(Box<dyn BoltTask>),
    Queue(Route),
}

/// The outputs of a typed component: its one stream.
pub(crate) struct Targets<T: Tuple> {
    list: Vec<Target<T>>,
}

impl<T: Tuple> Targets<T> {
    /// Hands one tuple to every target; returns how many tasks received it.
    #[inline]
    pub(crate) fn push(&mut self, tuple: T::Ref<'_>, run: &mut Run) -> u64 {
        let mut delivered = 0;
        for target in &mut self.list {
            delivered += match target {
                Target::Sink(sink) => {
                    sink.push_ref(tuple, run);
                    1
                }
                Target::Fused(task) => {
                    T::with_values(tuple, |values| task.push(Repr::Values(values), run));
                    1
                }
                Target::Queue(route) => send_typed::<T>(route, tuple, run),
            };
        }
        delivered
    }
}

fn send_typed<T: Tuple>(route: &mut Route, tuple: T::Ref<'_>, run: &mut Run) -> u64 {
    let picked = if route.is_custom() {
        T::with_values(tuple, |values| route.choose(values))
    } else {
        route.balance(|edge| run.depth(edge));
        route.pick(None, |field, hasher| T::hash_field(tuple, field, hasher))
    };
    match picked {
        Picked::One(position) => {
            run.append(route.first_edge + position, |writer| T::encode(tuple, writer));
            1
        }
        Picked::Chosen => {
            for position in &route.chosen {
                run.append(route.first_edge + position, |writer| T::encode(tuple, writer));
            }
            route.chosen.len() as u64
        }
        Picked::All => {
            for edge in route.first_edge..route.first_edge + route.tasks.len() {
                run.append(edge, |writer| T::encode(tuple, writer));
            }
            route.tasks.len() as u64
        }
        Picked::Nobody => 0,
    }
}

impl<T: Tuple> Target<T> {
    fn build(spec: TargetSpec) -> Self {
        match spec {
            TargetSpec::Queue(route) => Target::Queue(route),
            TargetSpec::Fused(maker, node) if maker.input() == Some(TypeId::of::<T>()) => {
                match maker.make_sink(*node).downcast::<Box<dyn Sink<T>>>() {
                    Ok(sink) => Target::Sink(*sink),
                    // The maker said it takes `T`, so its sink is one of `T`.
                    Err(_) => unreachable!("a bolt's maker and its sink disagree on the type"),
                }
            }
            TargetSpec::Fused(maker, node) => Target::Fused(maker.make(*node)),
        }
    }
}

impl<T: Tuple> Outputs for Targets<T> {
    fn build(streams: Vec<StreamSpec>) -> Self {
        let targets = streams.into_iter().next().map(|stream| stream.targets).unwrap_or_default();
        Self { list: targets.into_iter().map(Target::build).collect() }
    }

    fn each_fused(&mut self, act: &mut dyn FnMut(&mut dyn BoltTask)) {
        for target in &mut self.list {
            match target {
                Target::Sink(sink) => act(&mut **sink),
                Target::Fused(task) => act(&mut **task),
                Target::Queue(_) => {}
            }
        }
    }

    fn push_again(&mut self, _: To, bytes: &[u8], run: &mut Run) -> u64 {
        let tuple = T::decode(&mut TupleReader::encoded(bytes));
        tuple.map_or(0, |tuple| self.push(tuple, run))
    }
}

enum AnyTarget {
    Fused(Box<dyn BoltTask>),
    Queue(Route),
}

/// One stream of a dynamic component.
pub(crate) struct AnyStream {
    pub(crate) name: String,
    pub(crate) arity: usize,
    pub(crate) direct: bool,
    targets: Vec<AnyTarget>,
}

/// The outputs of a dynamic component.
pub(crate) struct AnyStreams {
    pub(crate) list: Vec<AnyStream>,
    /// Where the stream named `default` stands in the list; past its end if there is none.
    default: usize,
}

impl AnyStreams {
    /// The place of a stream in the list; it may be past the end.
    #[inline]
    pub(crate) fn place(&self, index: StreamIndex) -> usize {
        if index == StreamIndex::DEFAULT { self.default } else { index.0 }
    }
}

impl AnyStream {
    /// Hands one tuple to every target; returns how many tasks received it, and names them if asked.
    pub(crate) fn push(
        &mut self,
        direct: Option<TaskId>,
        repr: Repr<'_>,
        run: &mut Run,
        mut receivers: Option<&mut Vec<TaskId>>,
    ) -> u64 {
        let mut delivered = 0;
        for target in &mut self.targets {
            match target {
                AnyTarget::Fused(task) => {
                    if let Some(receivers) = &mut receivers {
                        receivers.push(task.task_id());
                    }
                    task.push(repr, run);
                    delivered += 1;
                }
                AnyTarget::Queue(route) => {
                    delivered += send(route, direct, repr, run, receivers.as_deref_mut());
                }
            }
        }
        delivered
    }

    pub(crate) fn has_targets(&self) -> bool {
        !self.targets.is_empty()
    }

    /// Whether a direct emit may name `task`.
    pub(crate) fn takes_direct(&self, task: TaskId) -> bool {
        self.targets.iter().any(|target| match target {
            AnyTarget::Queue(route) => route.is_direct() && route.tasks.contains(&task),
            AnyTarget::Fused(_) => false,
        })
    }
}

fn send(
    route: &mut Route,
    direct: Option<TaskId>,
    repr: Repr<'_>,
    run: &mut Run,
    mut receivers: Option<&mut Vec<TaskId>>,
) -> u64 {
    let picked = pick(route, direct, repr, run);
    let mut give = |position: usize| {
        run.append(route.first_edge + position, |writer| repr.encode(writer));
        if let (Some(receivers), Some(task)) = (&mut receivers, route.tasks.get(position)) {
            receivers.push(*task);
        }
    };
    match picked {
        Picked::One(position) => {
            give(position);
            1
        }
        Picked::Chosen => {
            route.chosen.iter().for_each(|position| give(*position));
            route.chosen.len() as u64
        }
        Picked::All => {
            (0..route.tasks.len()).for_each(give);
            route.tasks.len() as u64
        }
        Picked::Nobody => 0,
    }
}

fn pick(route: &mut Route, direct: Option<TaskId>, repr: Repr<'_>, run: &Run) -> Picked {
    if route.is_custom() {
        return match repr {
            Repr::Values(values) => route.choose(values),
            Repr::Encoded(_) => route.choose(&repr.values().collect::<Vec<_>>()),
        };
    }
    route.balance(|edge| run.depth(edge));
    route.pick(direct, |field, hasher| {
        if let Some(value) = repr.get(field) {
            hasher.value(value);
        }
    })
}

impl Outputs for AnyStreams {
    fn build(streams: Vec<StreamSpec>) -> Self {
        let list = streams.into_iter().map(|stream| AnyStream {
            name: stream.name,
            arity: stream.arity,
            direct: stream.direct,
            targets: stream.targets.into_iter().map(build_any).collect(),
        });
        let list: Vec<AnyStream> = list.collect();
        let default = list.iter().position(|stream| stream.name == DEFAULT_STREAM);
        Self { default: default.unwrap_or(list.len()), list }
    }

    fn each_fused(&mut self, act: &mut dyn FnMut(&mut dyn BoltTask)) {
        for stream in &mut self.list {
            for target in &mut stream.targets {
                if let AnyTarget::Fused(task) = target {
                    act(&mut **task);
                }
            }
        }
    }

    fn push_again(&mut self, to: To, bytes: &[u8], run: &mut Run) -> u64 {
        let stream = self.list.get_mut(to.stream as usize);
        stream.map_or(0, |stream| stream.push(to.direct(), Repr::Encoded(bytes), run, None))
    }
}

fn build_any(spec: TargetSpec) -> AnyTarget {
    match spec {
        TargetSpec::Queue(route) => AnyTarget::Queue(route),
        TargetSpec::Fused(maker, node) => AnyTarget::Fused(maker.make(*node)),
    }
}
