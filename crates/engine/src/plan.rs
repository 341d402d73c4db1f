//! From a checked topology to units on workers.
//!
//! # Fusing
//!
//! A bolt is fused behind its source, so that an emit is a call, when all of this holds:
//!
//! 1. it has exactly one input, which is not a feedback and not a dead-letter stream;
//! 2. neither it nor its source is blocking;
//! 3. either the grouping is shuffle, none or local-or-shuffle and both have as many tasks and executors (task `i`
//!    is fused to task `i`: a shuffle that is even before stays even), or both have one task and the
//!    grouping is neither direct nor custom.
//!
//! Which worker runs a unit is the business of `layout`.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidemill_world::{Wake, World};

use crate::context::{
    ComponentContext, DEAD_LETTER_STREAM, GroupingInfo, InputStream, OutputStream, TaskContext,
    TopologyContext,
};
use crate::control::Control;
use crate::epochs::Epochs;
use crate::grouping::{GroupingContext, GroupingMaker};
use crate::guarantee::Guarantee;
use crate::layout::{Layout, Placing};
use crate::nearness::Nearness;
use crate::queue::ring;
use crate::roots::{Ledger, SpoutLedger};
use crate::route::{Chooser, PartialKey, Route, RouteKind, Turn, position};
use crate::run::{OutEdge, Run};
use crate::spec::{ComponentSpec, InputDecl, Maker, StreamDecl, Topology};
use crate::spout_node::SpoutSpec;
use crate::state::{Door, Registry};
use crate::stats::{TaskEntry, TaskStats};
use crate::target::{NodeSpec, StreamSpec, TargetSpec};
use crate::tracker::Tracker;
use crate::tuple_ref::{TaskId, TupleMeta};
use crate::unit::{Head, Input, Unit};
use crate::worker::{Home, Inbox, Lodger};

/// A spout's table takes twice the roots that it is offered room for, so that a `next` that emits more than
/// it was offered seldom meets the slower backlog.
const OVERSHOOT: usize = 2;

struct Planner<'a> {
    topology: &'a Topology,
    world: &'a World,
    /// For each component: the component it is fused behind.
    fused: Vec<Option<usize>>,
    /// For each component: its tasks' numbers and statistics.
    tasks: Vec<Vec<TaskId>>,
    stats: Vec<Vec<Arc<TaskStats>>>,
    /// Where questions to each task wait.
    doors: Vec<Vec<Arc<Door>>>,
    layout: Arc<Layout>,
    shared: Vec<Arc<ComponentContext>>,
    context: Arc<TopologyContext>,
    /// The inputs of each head task, gathered while the emitting sides are planned.
    inputs: BTreeMap<(usize, usize), Vec<Input>>,
}

/// A topology that is ready to run.
pub(crate) struct Plan {
    pub(crate) control: Arc<Control>,
    pub(crate) layout: Arc<Layout>,
    pub(crate) lodgers: Vec<Lodger>,
}

/// Plans a topology onto `workers`, beginning with the one at `base`.
pub(crate) fn plan(
    topology: &Topology,
    world: &World,
    workers: &[Arc<Inbox>],
    base: usize,
    last_epoch: u64,
) -> Plan {
    let mut planner = Planner::new(topology, world, workers, base);
    let ledger = planner.ledger();
    let control = planner.control(last_epoch);
    let heads: Vec<(usize, usize)> = planner.heads().collect();
    let specs: Vec<_> =
        heads.iter().map(|(component, index)| planner.spec(*component, *index)).collect();
    let mut lodgers = Vec::new();
    let mut spouts = 0;
    for ((component, index), (node, dead_letters, edges)) in heads.into_iter().zip(specs) {
        let home = Arc::clone(planner.layout.home(component, index));
        let run = Run::new(Arc::clone(&control), world.clock_arc(), Arc::clone(&ledger), edges);
        let inputs = planner.inputs.remove(&(component, index)).unwrap_or_default();
        let head = planner.head(component, node, dead_letters, &mut spouts);
        let unit = Unit::new(head, inputs, run, home.unit.clone());
        lodgers.push(Lodger::new(unit, &home));
    }
    Plan { control, layout: planner.layout, lodgers }
}

type Spec = (NodeSpec, StreamSpec, Vec<OutEdge>);

impl<'a> Planner<'a> {
    fn new(topology: &'a Topology, world: &'a World, workers: &[Arc<Inbox>], base: usize) -> Self {
        let components = &topology.components;
        let fused: Vec<_> = (0..components.len()).map(|at| fused_behind(components, at)).collect();
        let mut next_task: TaskId = 1;
        let tasks: Vec<Vec<TaskId>> = components
            .iter()
            .map(|component| {
                let count = TaskId::try_from(component.tasks()).unwrap_or(TaskId::MAX);
                let tasks = (next_task..next_task.saturating_add(count)).collect();
                next_task += count;
                tasks
            })
            .collect();
        let stats = components
            .iter()
            .map(|component| (0..component.tasks()).map(|_| Arc::default()).collect())
            .collect();
        let doors = components
            .iter()
            .map(|component| (0..component.tasks()).map(|_| Arc::default()).collect())
            .collect();
        let context = Arc::new(topology_context(topology, &tasks));
        let shared = components.iter().map(|c| Arc::new(component_context(c, components)));
        let layout = Arc::new(Layout::new(placings(components, &fused), workers, base));
        Self {
            layout,
            shared: shared.collect(),
            topology,
            world,
            fused,
            tasks,
            stats,
            doors,
            context,
            inputs: BTreeMap::new(),
        }
    }

    /// Component and index of every task that heads a unit.
    fn heads(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let components = self.topology.components.iter().enumerate();
        components
            .filter(|(at, _)| self.fused[*at].is_none())
            .flat_map(|(at, component)| (0..component.tasks()).map(move |index| (at, index)))
    }

    fn ledger(&self) -> Ledger {
        let slots = self.topology.pending_max * OVERSHOOT;
        let spouts = self.heads().filter(|(at, _)| self.topology.components[*at].is_spout());
        let ledgers = spouts
            .map(|(at, index)| SpoutLedger::new(slots, self.layout.home(at, index).worker.clone()));
        ledgers.collect()
    }

    fn control(&self, last_epoch: u64) -> Arc<Control> {
        let entries = self.topology.components.iter().enumerate().flat_map(|(at, spec)| {
            (0..spec.tasks()).map(move |index| TaskEntry {
                component: spec.id.clone(),
                stats: Arc::clone(&self.stats[at][index]),
                door: (!spec.is_spout()).then(|| Arc::clone(&self.doors[at][index])),
                unit: self.layout.home(at, index).unit.clone(),
            })
        });
        let spouts = self.topology.components.iter().filter(|component| component.is_spout());
        let wakes = self.heads().map(|(at, index)| self.layout.home(at, index).worker.clone());
        let spouts = spouts.map(ComponentSpec::tasks).sum();
        let units = self.heads().count();
        let now = self.world.clock().now();
        let wakes: Vec<Wake> = wakes.collect();
        let name = self.topology.name.clone();
        let commits = self.topology.commits.as_ref();
        let epochs = commits.map(|commits| {
            Arc::new(Epochs::new(&name, commits, last_epoch, spouts, wakes.clone(), now))
        });
        Arc::new(Control::new(name, entries.collect(), spouts, units, wakes, epochs))
    }

    /// What the unit headed by this task is made of.
    fn spec(&mut self, component: usize, index: usize) -> Spec {
        let mut edges = Vec::new();
        let node = self.node(component, index, None, &mut edges);
        let dead_letters = StreamDecl::dead_letters();
        let dead_letters = self.stream(component, index, &dead_letters, &mut edges);
        (node, dead_letters, edges)
    }

    fn node(
        &mut self,
        component: usize,
        index: usize,
        source: Option<TupleMeta>,
        edges: &mut Vec<OutEdge>,
    ) -> NodeSpec {
        let spec = &self.topology.components[component];
        let context = TaskContext {
            topology: Arc::clone(&self.context),
            shared: Arc::clone(&self.shared[component]),
            task: self.tasks[component][index],
            index,
            wake: self.layout.home(component, index).unit.child(),
            clock: self.world.clock_arc(),
            states: Registry::new(self.topology.commits.as_ref()),
            seed: self.world.random().next_u64(),
        };
        let streams = spec.streams.iter();
        let streams = streams.map(|stream| self.stream(component, index, stream, edges)).collect();
        let stats = Arc::clone(&self.stats[component][index]);
        let door = Arc::clone(&self.doors[component][index]);
        NodeSpec { context, stats, door, tick: spec.tick, source, streams }
    }

    fn stream(
        &mut self,
        component: usize,
        index: usize,
        stream: &StreamDecl,
        edges: &mut Vec<OutEdge>,
    ) -> StreamSpec {
        let topology = self.topology;
        let from = &topology.components[component].id;
        let meta = TupleMeta {
            component: from.as_str().into(),
            stream: stream.name.as_str().into(),
            task: self.tasks[component][index],
            fields: Arc::clone(&stream.fields),
            input: 0,
        };
        let mut targets = Vec::new();
        for (at, target) in topology.components.iter().enumerate() {
            for (place, input) in target.inputs.iter().enumerate() {
                if input.component == *from && input.stream == stream.name {
                    let meta = TupleMeta { input: place, ..meta.clone() };
                    targets.push(self.target((component, index), at, input, &meta, edges));
                }
            }
        }
        StreamSpec {
            name: stream.name.clone(),
            arity: stream.fields.len(),
            direct: stream.direct,
            targets,
        }
    }

    fn target(
        &mut self,
        (from, index): (usize, usize),
        to: usize,
        input: &InputDecl,
        meta: &TupleMeta,
        edges: &mut Vec<OutEdge>,
    ) -> TargetSpec {
        if self.fused[to] == Some(from)
            && let Maker::Bolt(maker) = &self.topology.components[to].maker
        {
            let node = self.node(to, index, Some(meta.clone()), edges);
            return TargetSpec::Fused(Arc::clone(maker), Box::new(node));
        }
        let first_edge = edges.len();
        let home = Arc::clone(self.layout.home(from, index));
        for (position, stats) in self.stats[to].iter().enumerate() {
            let consumer = self.layout.home(to, position).worker.clone();
            let (producer, consumer) = ring(home.worker.clone(), consumer);
            stats.queues.lock().unwrap_or_else(|e| e.into_inner()).push(producer.gauge());
            edges.push(OutEdge::new(producer, input.feedback));
            let inputs = self.inputs.entry((to, position)).or_default();
            inputs.push(Input::new(consumer, meta.clone()));
        }
        let kind = self.route(&home, to, input, meta);
        TargetSpec::Queue(Route::new(kind, first_edge, self.tasks[to].clone()))
    }

    fn route(&self, home: &Home, to: usize, input: &InputDecl, meta: &TupleMeta) -> RouteKind {
        // Emitters begin at different tasks, or the first would get the first tuple of each.
        let begin = self.world.random().next_u64();
        match &input.grouping {
            GroupingInfo::Shuffle => {
                let all: Vec<usize> = (0..self.tasks[to].len()).collect();
                let next = position(begin, all.len());
                RouteKind::Turn(Turn::new(all, next))
            }
            GroupingInfo::LocalOrShuffle | GroupingInfo::None => {
                let others = (0..self.tasks[to].len())
                    .map(|task| Arc::clone(&self.layout.home(to, task).whereabouts));
                let near =
                    Nearness { own: Arc::clone(&home.whereabouts), others: others.collect() };
                RouteKind::Turn(Turn::near(near, begin))
            }
            GroupingInfo::All => RouteKind::All,
            GroupingInfo::Global => RouteKind::First,
            GroupingInfo::Direct => RouteKind::Direct,
            GroupingInfo::Fields(fields) => RouteKind::Fields(places(fields, meta)),
            GroupingInfo::PartialKey(fields) => {
                let partial = PartialKey::new(places(fields, meta), self.tasks[to].len());
                RouteKind::PartialKey(partial)
            }
            GroupingInfo::Custom => self.custom(to, input, meta),
        }
    }

    fn custom(&self, to: usize, input: &InputDecl, meta: &TupleMeta) -> RouteKind {
        let Some(GroupingMaker(make)) = &input.custom else { return RouteKind::All };
        let mut grouping = make();
        grouping.prepare(&GroupingContext {
            component: meta.component.to_string(),
            stream: meta.stream.to_string(),
            fields: Arc::clone(&meta.fields),
            tasks: self.tasks[to].clone(),
        });
        RouteKind::Custom(Chooser::new(grouping))
    }

    fn head(
        &self,
        component: usize,
        node: NodeSpec,
        dead_letters: StreamSpec,
        spouts: &mut u32,
    ) -> Head {
        match &self.topology.components[component].maker {
            Maker::Bolt(maker) => Head::Bolt(maker.make(node)),
            Maker::Spout(maker) => {
                let pending_max = self.topology.pending_max;
                let tracker = Tracker::new(
                    *spouts,
                    pending_max,
                    pending_max * OVERSHOOT,
                    self.topology.message_timeout,
                );
                *spouts += 1;
                let tracked = self.topology.guarantee != Guarantee::AtMostOnce;
                Head::Spout(maker.make(SpoutSpec { node, dead_letters, tracker, tracked }))
            }
        }
    }
}

/// The places of fields in a stream.
fn places(fields: &[String], meta: &TupleMeta) -> Vec<usize> {
    let place = |name| meta.fields.iter().position(|field| field == name);
    fields.iter().filter_map(place).collect()
}

/// The component that the one at `at` is fused behind, by the rule in the module's head.
fn fused_behind(components: &[ComponentSpec], at: usize) -> Option<usize> {
    let bolt = &components[at];
    let [input] = bolt.inputs.as_slice() else { return None };
    let source = components.iter().position(|component| component.id == input.component)?;
    let from = &components[source];
    if input.feedback || input.stream == DEAD_LETTER_STREAM || bolt.blocking || from.blocking {
        return None;
    }
    let fits = match input.grouping {
        GroupingInfo::Direct | GroupingInfo::Custom => false,
        GroupingInfo::Shuffle | GroupingInfo::None | GroupingInfo::LocalOrShuffle => {
            from.tasks() == bolt.tasks() && from.parallelism == bolt.parallelism
        }
        GroupingInfo::Fields(_)
        | GroupingInfo::PartialKey(_)
        | GroupingInfo::All
        | GroupingInfo::Global => from.tasks() == 1 && bolt.tasks() == 1,
    };
    fits.then_some(source)
}

/// What the layout is to know.
fn placings(components: &[ComponentSpec], fused: &[Option<usize>]) -> Vec<Placing> {
    let placing = |(component, fused): (&ComponentSpec, &Option<usize>)| Placing {
        id: component.id.clone(),
        tasks: component.tasks(),
        executors: component.parallelism,
        blocking: component.blocking,
        fused: *fused,
    };
    components.iter().zip(fused).map(placing).collect()
}

fn topology_context(topology: &Topology, tasks: &[Vec<TaskId>]) -> TopologyContext {
    let mut context = TopologyContext {
        name: topology.name.clone(),
        guarantee: topology.guarantee,
        ..Default::default()
    };
    for (component, tasks) in topology.components.iter().zip(tasks) {
        context.tasks.insert(component.id.clone(), tasks.clone());
        context.components.extend(tasks.iter().map(|task| (*task, component.id.clone())));
    }
    context
}

fn component_context(component: &ComponentSpec, all: &[ComponentSpec]) -> ComponentContext {
    let inputs = component.inputs.iter().filter_map(|input| {
        let from = all.iter().find(|other| other.id == input.component)?;
        Some(InputStream {
            component: input.component.clone(),
            stream: input.stream.clone(),
            fields: from.stream(&input.stream)?.fields,
            grouping: input.grouping.clone(),
        })
    });
    let outputs = component.streams.iter().map(|stream| OutputStream {
        stream: stream.name.clone(),
        fields: Arc::clone(&stream.fields),
        direct: stream.direct,
        targets: targets(component, &stream.name, all),
    });
    ComponentContext {
        id: component.id.clone(),
        config: component.config.clone(),
        inputs: inputs.collect(),
        outputs: outputs.collect(),
    }
}

fn targets(
    component: &ComponentSpec,
    stream: &str,
    all: &[ComponentSpec],
) -> Vec<(String, GroupingInfo)> {
    let mut targets = Vec::new();
    for target in all {
        for input in &target.inputs {
            if input.component == component.id && input.stream == stream {
                targets.push((target.id.clone(), input.grouping.clone()));
            }
        }
    }
    targets
}
