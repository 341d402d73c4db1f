//! What a topology must fulfil before it may run, and how each violation is told.
//!
//! # Cycles
//!
//! Every queue is bounded, so a cycle of queues could fill up and wait for itself. A cycle is therefore
//! refused unless one of its inputs is declared `.feedback()`: over that one nothing ever waits.

use std::collections::{BTreeMap, BTreeSet};

use crate::context::GroupingInfo;
use crate::guarantee::Guarantee;
use crate::spec::{ComponentSpec, InputDecl, StreamDecl, Topology};
use crate::tuple::Kind;
use crate::window::Holding;

/// Tasks of one topology: their numbers travel as `u32`, and each pair of linked tasks has a ring.
pub const TASKS_MAX: usize = 4096;

/// A topology that cannot run. Each message names the component and what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it all, and each field is named in them")]
pub enum BuildError {
    #[error("the topology has no name; give TopologyBuilder::new one")]
    EmptyName,
    #[error("a component has an empty id; give it a name")]
    EmptyId,
    #[error("{setting} is zero; use a longer time")]
    ZeroTime { setting: Box<str> },
    #[error("component id {id} is reserved; ids must not start with __")]
    ReservedId { id: Box<str> },
    #[error("component {id} is declared twice; give one of them another id")]
    DuplicateComponent { id: Box<str> },
    #[error("the topology has no spout; declare one with .spout or .dyn_spout")]
    NoSpout,
    #[error("component {component} has parallelism 0; use at least 1")]
    ZeroParallelism { component: Box<str> },
    #[error(
        "component {component} has parallelism {executors} but {tasks} tasks; use at least as many tasks"
    )]
    FewTasks { component: Box<str>, executors: usize, tasks: usize },
    #[error("the topology has {tasks} tasks; the limit is {TASKS_MAX}, lower some parallelism")]
    TooManyTasks { tasks: usize },
    #[error(
        "exactly-once needs a committer; ask for it with .exactly_once(committer, interval) instead of .guarantee"
    )]
    NoCommitter,
    #[error(
        "the windows of {component} hold their tuples until they expire, which no epoch can wait for; use Holding::NotAtAll"
    )]
    WindowHoldsEpochs { component: Box<str> },
    #[error("the windows of {component} have a {setting} that {why}")]
    Windows { component: Box<str>, setting: &'static str, why: &'static str },
    #[error(
        "the windows of {component} are {length} tuples long and hold them until they expire, but max_pending is {roots}; raise it, or use Holding::NotAtAll"
    )]
    WindowOverPending { component: Box<str>, length: usize, roots: usize },
    #[error("max_pending is {roots}; use 1 to {limit}")]
    PendingOutOfRange { roots: usize, limit: usize },
    #[error("component {component} declares a stream without a name; give it one")]
    EmptyStream { component: Box<str> },
    #[error("stream {stream} of {component} declares a field without a name; give it one")]
    EmptyField { component: Box<str>, stream: Box<str> },
    #[error("component {component} declares stream {stream} twice; rename one")]
    DuplicateStream { component: Box<str>, stream: Box<str> },
    #[error(
        "component {component} declares reserved stream {stream}; names must not start with __"
    )]
    ReservedStream { component: Box<str>, stream: Box<str> },
    #[error("stream {stream} of {component} declares field {field} twice; rename one")]
    DuplicateField { component: Box<str>, stream: Box<str>, field: Box<str> },
    #[error(
        "bolt {component} declares .feedback() before any input; put it after the grouping it is meant for"
    )]
    FeedbackOfNothing { component: Box<str> },
    #[error("bolt {component} has neither input nor tick; subscribe it with a grouping")]
    NoInput { component: Box<str> },
    #[error("bolt {component} subscribes to unknown component {from}; known are: {known}")]
    UnknownComponent { component: Box<str>, from: Box<str>, known: Box<str> },
    #[error("bolt {component} subscribes to unknown stream {stream} of {from}; known are: {known}")]
    UnknownStream { component: Box<str>, from: Box<str>, stream: Box<str>, known: Box<str> },
    #[error("bolt {component} subscribes to stream {stream} of {from} twice; drop one grouping")]
    DuplicateInput { component: Box<str>, from: Box<str>, stream: Box<str> },
    #[error(
        "bolt {component} groups by field {field}, which stream {stream} of {from} lacks; its fields are: {known}"
    )]
    UnknownField {
        component: Box<str>,
        from: Box<str>,
        stream: Box<str>,
        field: Box<str>,
        known: Box<str>,
    },
    #[error("bolt {component} groups {from} by no fields; name some, or use .global")]
    NoFields { component: Box<str>, from: Box<str> },
    #[error(
        "bolt {component} uses direct grouping on stream {stream} of {from}, which is not direct; declare it with .direct_stream, or use another grouping"
    )]
    DirectOnPlain { component: Box<str>, from: Box<str>, stream: Box<str> },
    #[error(
        "bolt {component} uses {grouping} grouping on direct stream {stream} of {from}; use .direct, or declare the stream with .stream"
    )]
    PlainOnDirect { component: Box<str>, from: Box<str>, stream: Box<str>, grouping: &'static str },
    #[error(
        "bolt {component} takes ({takes}), but stream {stream} of {from} carries ({carries}); change one of them"
    )]
    TypeMismatch {
        component: Box<str>,
        from: Box<str>,
        stream: Box<str>,
        takes: Box<str>,
        carries: Box<str>,
    },
    #[error(
        "components {path} form a cycle, whose bounded queues could lock up; break it, or declare one of its inputs with .feedback()"
    )]
    Cycle { path: Box<str> },
}

/// The largest `max_pending`: slots are numbered by 32 bits and each costs about a hundred bytes.
pub(crate) const PENDING_LIMIT: usize = 1 << 20;

/// Finds the first thing that is wrong.
pub(crate) fn check(topology: &Topology) -> Result<(), BuildError> {
    if topology.name.is_empty() {
        return Err(BuildError::EmptyName);
    }
    check_ids(&topology.components)?;
    check_sizes(topology)?;
    check_times(topology)?;
    if topology.guarantee == Guarantee::ExactlyOnce && topology.commits.is_none() {
        return Err(BuildError::NoCommitter);
    }
    for component in &topology.components {
        check_streams(component)?;
        check_windows(component, topology)?;
    }
    for component in &topology.components {
        check_inputs(component, &topology.components)?;
    }
    check_cycles(&topology.components)
}

fn check_ids(components: &[ComponentSpec]) -> Result<(), BuildError> {
    let mut seen = BTreeSet::new();
    for ComponentSpec { id, .. } in components {
        if id.is_empty() {
            return Err(BuildError::EmptyId);
        }
        if id.starts_with("__") {
            return Err(BuildError::ReservedId { id: id.as_str().into() });
        }
        if !seen.insert(id) {
            return Err(BuildError::DuplicateComponent { id: id.as_str().into() });
        }
    }
    if !components.iter().any(ComponentSpec::is_spout) {
        return Err(BuildError::NoSpout);
    }
    Ok(())
}

fn check_windows(component: &ComponentSpec, topology: &Topology) -> Result<(), BuildError> {
    let Some(windows) = &component.windows else { return Ok(()) };
    let id = || component.id.as_str().into();
    if let Some((setting, why)) = windows.fault() {
        return Err(BuildError::Windows { component: id(), setting, why });
    }
    if topology.guarantee == Guarantee::ExactlyOnce && windows.holding == Holding::UntilExpired {
        return Err(BuildError::WindowHoldsEpochs { component: id() });
    }
    let roots = topology.pending_max;
    let tracked = topology.guarantee == Guarantee::AtLeastOnce;
    match windows.held_at_least() {
        // Its spouts would stop before the first window is full.
        Some(length) if tracked && length > roots => {
            Err(BuildError::WindowOverPending { component: id(), length, roots })
        }
        _ => Ok(()),
    }
}

fn check_sizes(topology: &Topology) -> Result<(), BuildError> {
    for component in &topology.components {
        if component.parallelism == 0 {
            return Err(BuildError::ZeroParallelism { component: component.id.as_str().into() });
        }
        let (executors, tasks) = (component.parallelism, component.tasks());
        if tasks < executors {
            let component = component.id.as_str().into();
            return Err(BuildError::FewTasks { component, executors, tasks });
        }
    }
    let counts = topology.components.iter().map(ComponentSpec::tasks);
    let tasks = counts.fold(0usize, usize::saturating_add);
    if tasks > TASKS_MAX {
        return Err(BuildError::TooManyTasks { tasks });
    }
    let roots = topology.pending_max;
    if roots == 0 || roots > PENDING_LIMIT {
        return Err(BuildError::PendingOutOfRange { roots, limit: PENDING_LIMIT });
    }
    Ok(())
}

/// A time of zero would have its task do nothing else.
fn check_times(topology: &Topology) -> Result<(), BuildError> {
    let zero = |setting: String| Err(BuildError::ZeroTime { setting: setting.into() });
    if topology.message_timeout.is_zero() {
        return zero("message_timeout".to_owned());
    }
    if topology.commits.as_ref().is_some_and(|commits| commits.interval.is_zero()) {
        return zero("the interval of exactly_once".to_owned());
    }
    let ticking = |component: &&ComponentSpec| component.tick.is_some_and(|tick| tick.is_zero());
    match topology.components.iter().find(ticking) {
        Some(component) => zero(format!("the tick of component {}", component.id)),
        None => Ok(()),
    }
}

fn check_streams(component: &ComponentSpec) -> Result<(), BuildError> {
    let mut names = BTreeSet::new();
    for stream in &component.streams {
        let (component, name): (Box<str>, Box<str>) =
            (component.id.as_str().into(), stream.name.as_str().into());
        if name.is_empty() {
            return Err(BuildError::EmptyStream { component });
        }
        if name.starts_with("__") {
            return Err(BuildError::ReservedStream { component, stream: name });
        }
        if stream.fields.iter().any(String::is_empty) {
            return Err(BuildError::EmptyField { component, stream: name });
        }
        if !names.insert(&stream.name) {
            return Err(BuildError::DuplicateStream { component, stream: name });
        }
        let mut fields = BTreeSet::new();
        if let Some(field) = stream.fields.iter().find(|field| !fields.insert(*field)) {
            let field = field.as_str().into();
            return Err(BuildError::DuplicateField { component, stream: name, field });
        }
    }
    Ok(())
}

fn check_inputs(component: &ComponentSpec, all: &[ComponentSpec]) -> Result<(), BuildError> {
    if component.feedback_of_nothing {
        return Err(BuildError::FeedbackOfNothing { component: component.id.as_str().into() });
    }
    if !component.is_spout() && component.inputs.is_empty() && component.tick.is_none() {
        return Err(BuildError::NoInput { component: component.id.as_str().into() });
    }
    let mut seen = BTreeSet::new();
    for input in &component.inputs {
        if !seen.insert((&input.component, &input.stream)) {
            return Err(BuildError::DuplicateInput {
                component: component.id.as_str().into(),
                from: input.component.as_str().into(),
                stream: input.stream.as_str().into(),
            });
        }
        let stream = find_stream(component, input, all)?;
        check_grouping(component, input, &stream)?;
        check_types(component, input, &stream)?;
    }
    Ok(())
}

fn find_stream(
    component: &ComponentSpec,
    input: &InputDecl,
    all: &[ComponentSpec],
) -> Result<StreamDecl, BuildError> {
    let from = all.iter().find(|other| other.id == input.component);
    let from = from.ok_or_else(|| BuildError::UnknownComponent {
        component: component.id.as_str().into(),
        from: input.component.as_str().into(),
        known: list(all.iter().map(|other| &other.id)),
    })?;
    from.stream(&input.stream).ok_or_else(|| BuildError::UnknownStream {
        component: component.id.as_str().into(),
        from: input.component.as_str().into(),
        stream: input.stream.as_str().into(),
        known: list(from.streams.iter().map(|stream| &stream.name)),
    })
}

fn check_grouping(
    component: &ComponentSpec,
    input: &InputDecl,
    stream: &StreamDecl,
) -> Result<(), BuildError> {
    let id = component.id.as_str().into();
    let (from, name) = (input.component.as_str().into(), input.stream.as_str().into());
    if let GroupingInfo::Fields(fields) | GroupingInfo::PartialKey(fields) = &input.grouping {
        if fields.is_empty() {
            return Err(BuildError::NoFields { component: id, from });
        }
        if let Some(field) = fields.iter().find(|field| !stream.fields.contains(field)) {
            let (field, known) = (field.as_str().into(), list(stream.fields.iter()));
            return Err(BuildError::UnknownField {
                component: id,
                from,
                stream: name,
                field,
                known,
            });
        }
    }
    match (&input.grouping, stream.direct) {
        (GroupingInfo::Direct, false) => {
            Err(BuildError::DirectOnPlain { component: id, from, stream: name })
        }
        (GroupingInfo::Direct, true) | (_, false) => Ok(()),
        (grouping, true) => Err(BuildError::PlainOnDirect {
            component: id,
            from,
            stream: name,
            grouping: grouping_name(grouping),
        }),
    }
}

fn grouping_name(grouping: &GroupingInfo) -> &'static str {
    match grouping {
        GroupingInfo::Shuffle => "shuffle",
        GroupingInfo::Fields(_) => "fields",
        GroupingInfo::PartialKey(_) => "partial-key",
        GroupingInfo::Custom => "custom",
        GroupingInfo::All => "all",
        GroupingInfo::Global => "global",
        GroupingInfo::None => "none",
        GroupingInfo::Direct => "direct",
        GroupingInfo::LocalOrShuffle => "local-or-shuffle",
    }
}

/// A typed bolt reads fields by position, so names and order must agree; a field of type `any` on
/// either side is checked tuple by tuple.
fn check_types(
    component: &ComponentSpec,
    input: &InputDecl,
    stream: &StreamDecl,
) -> Result<(), BuildError> {
    let Some((fields, kinds)) = component.takes else { return Ok(()) };
    let names_fit = stream.fields.iter().eq(fields);
    let kinds_fit = kinds
        .iter()
        .zip(&stream.kinds)
        .all(|(takes, carries)| takes == carries || *takes == Kind::Any || *carries == Kind::Any);
    if names_fit && kinds_fit {
        return Ok(());
    }
    let carried: Vec<&str> = stream.fields.iter().map(String::as_str).collect();
    Err(BuildError::TypeMismatch {
        component: component.id.as_str().into(),
        from: input.component.as_str().into(),
        stream: input.stream.as_str().into(),
        takes: describe(fields, kinds).into(),
        carries: describe(&carried, &stream.kinds).into(),
    })
}

fn describe(fields: &[&str], kinds: &[Kind]) -> String {
    let fields = fields.iter().zip(kinds).map(|(field, kind)| format!("{field}: {kind}"));
    fields.collect::<Vec<_>>().join(", ")
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> Box<str> {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() { "none".into() } else { names.join(", ").into() }
}

/// Looks for a cycle of inputs none of which is a feedback.
fn check_cycles(components: &[ComponentSpec]) -> Result<(), BuildError> {
    let sources: BTreeMap<&str, Vec<&str>> = components
        .iter()
        .map(|component| {
            let waiting = component.inputs.iter().filter(|input| !input.feedback);
            (component.id.as_str(), waiting.map(|input| input.component.as_str()).collect())
        })
        .collect();
    let mut done = BTreeSet::new();
    for component in components {
        let mut path = Vec::new();
        visit(&component.id, &sources, &mut done, &mut path)?;
    }
    Ok(())
}

fn visit<'a>(
    id: &'a str,
    sources: &BTreeMap<&'a str, Vec<&'a str>>,
    done: &mut BTreeSet<&'a str>,
    path: &mut Vec<&'a str>,
) -> Result<(), BuildError> {
    if done.contains(id) {
        return Ok(());
    }
    if let Some(start) = path.iter().position(|seen| *seen == id) {
        // The path runs against the stream; told the way the tuples go.
        let mut cycle: Vec<&str> = path[start..].to_vec();
        cycle.push(id);
        cycle.reverse();
        return Err(BuildError::Cycle { path: cycle.join(" -> ").into() });
    }
    path.push(id);
    for source in sources.get(id).into_iter().flatten() {
        visit(source, sources, done, path)?;
    }
    path.pop();
    done.insert(id);
    Ok(())
}
