//! From a project's description to a topology of the engine.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tidemill_engine::{BuildError, Guarantee, Topology, TopologyBuilder};
use tidemill_world::World;

use super::error::ProjectError;
use super::load::{ComponentKind, ComponentSpec, Grouping, InputSpec, TopologySpec};
use super::options::{
    ACKERS, MAX_SPOUT_PENDING, MESSAGE_TIMEOUT_SECS, Options, SHELLBOLT_MAX_PENDING,
    SUBPROCESS_TIMEOUT_SECS, TICK_SECS, WORKER_TIMEOUT_SECS,
};
use crate::child::{ChildSpec, Heartbeats, LogSink, Policy, SyncPolicy};
use crate::shell::{MAX_PENDING, ShellBolt, ShellConfig, ShellSpout, Watch};

/// Storm's own default.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// What a topology of child processes is built with.
#[derive(Clone)]
pub struct Surroundings {
    /// Threads and time.
    pub world: World,
    /// A directory (made if it is not there) for the files that children name after their process ids.
    pub pid_dir: PathBuf,
    /// Heartbeats of bolts.
    pub heartbeats: Heartbeats,
    /// Which commands spouts answer.
    pub sync: SyncPolicy,
    /// Takes log lines.
    pub logs: LogSink,
    /// Hears of the lives of children.
    pub watch: Watch,
}

/// Why no topology could be made of a project.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// An option has a value that it cannot have.
    #[error(transparent)]
    Option(#[from] ProjectError),
    /// The engine refuses the topology.
    #[error("topology {name} cannot be built: {source}")]
    Build {
        /// The topology's name.
        name: String,
        /// What is wrong with it.
        source: Box<BuildError>,
    },
}

/// Makes a topology of the engine of `spec`, each component a [`ShellSpout`] or [`ShellBolt`].
///
/// # Errors
/// An option or the topology itself is wrong; nothing was started.
pub fn topology(
    spec: &TopologySpec,
    surroundings: &Surroundings,
) -> Result<Topology, TopologyError> {
    let options = &spec.options;
    let timeout = options.seconds(MESSAGE_TIMEOUT_SECS)?.unwrap_or(MESSAGE_TIMEOUT);
    let mut builder = TopologyBuilder::new(&spec.name);
    builder.message_timeout(timeout);
    if let Some(pending) = options.count(MAX_SPOUT_PENDING)?.filter(|&pending| pending > 0) {
        builder.max_pending(usize::try_from(pending).unwrap_or(usize::MAX));
    }
    if options.count(ACKERS)? == Some(0) {
        builder.guarantee(Guarantee::AtMostOnce);
    }
    for component in &spec.components {
        let config = Arc::new(shell_config(spec, component, surroundings, timeout)?);
        match component.kind {
            ComponentKind::Spout => spout(&mut builder, component, config),
            ComponentKind::Bolt => bolt(&mut builder, component, config)?,
        }
    }
    builder.build().map_err(|source| {
        let source = Box::new(source);
        TopologyError::Build { name: spec.name.clone(), source }
    })
}

/// The options that hold for a component: its own over those of the topology.
fn options_of(spec: &TopologySpec, component: &ComponentSpec) -> Options {
    let mut options = spec.options.clone();
    options.extend(&component.config);
    options
}

fn shell_config(
    spec: &TopologySpec,
    component: &ComponentSpec,
    surroundings: &Surroundings,
    message_timeout: Duration,
) -> Result<ShellConfig, ProjectError> {
    let options = options_of(spec, component);
    let timeout = match options.seconds(SUBPROCESS_TIMEOUT_SECS)? {
        Some(timeout) => Some(timeout),
        None => options.seconds(WORKER_TIMEOUT_SECS)?,
    };
    let default = Policy::default();
    let timeout = timeout.unwrap_or(default.timeout);
    let policy = Policy { heartbeats: surroundings.heartbeats, timeout, ..default };
    let max_pending = options.count(SHELLBOLT_MAX_PENDING)?.filter(|&pending| pending > 0);
    let max_pending = max_pending.and_then(|pending| usize::try_from(pending).ok());
    let Surroundings { world, pid_dir, sync, logs, watch, .. } = surroundings.clone();
    Ok(ShellConfig {
        world,
        spec: child_spec(spec, component),
        policy,
        sync,
        conf: conf(spec, options),
        pid_dir,
        max_pending: max_pending.unwrap_or(MAX_PENDING),
        message_timeout,
        logs,
        watch,
    })
}

fn child_spec(spec: &TopologySpec, component: &ComponentSpec) -> ChildSpec {
    let cwd = spec.project.source_dir();
    let (program, args) = spec.python.command(&component.command, &component.script, &cwd);
    let env: Vec<(OsString, OsString)> = spec.python.env(std::env::var_os("PATH").as_deref());
    ChildSpec { program, args, cwd, env }
}

/// What the children are told: the options, and the names that clients look for.
fn conf(spec: &TopologySpec, options: Options) -> Map<String, Value> {
    let debug = options.is_true("topology.debug");
    let mut conf = options.0;
    conf.insert("topology.name".to_owned(), Value::from(spec.name.as_str()));
    conf.entry("topology.debug").or_insert(Value::Bool(false));
    if debug {
        conf.insert("pystorm.log.level".to_owned(), Value::from("debug"));
    }
    conf
}

fn spout(builder: &mut TopologyBuilder, component: &ComponentSpec, config: Arc<ShellConfig>) {
    let factory = move || ShellSpout::new(Arc::clone(&config));
    let mut declared = builder.dyn_spout(&component.id, factory).parallelism(component.parallelism);
    for output in &component.outputs {
        let fields: Vec<&str> = output.fields.iter().map(String::as_str).collect();
        declared = if output.direct {
            declared.direct_stream(&output.stream, &fields)
        } else {
            declared.stream(&output.stream, &fields)
        };
    }
}

fn bolt(
    builder: &mut TopologyBuilder,
    component: &ComponentSpec,
    config: Arc<ShellConfig>,
) -> Result<(), ProjectError> {
    let own = Options(config.conf.clone());
    let tick = own.seconds(TICK_SECS)?;
    let tick_secs = tick.map_or(0, |tick| tick.as_secs());
    let factory = move || ShellBolt::new(Arc::clone(&config), tick_secs);
    let mut declared =
        builder.dyn_bolt(&component.id, factory).parallelism(component.parallelism).blocking();
    if let Some(tick) = tick {
        declared = declared.tick(tick);
    }
    for output in &component.outputs {
        let fields: Vec<&str> = output.fields.iter().map(String::as_str).collect();
        declared = if output.direct {
            declared.direct_stream(&output.stream, &fields)
        } else {
            declared.stream(&output.stream, &fields)
        };
    }
    for InputSpec { component, stream, grouping } in &component.inputs {
        let from = (component.as_str(), stream.as_str());
        declared = match grouping {
            Grouping::Fields { fields } => {
                let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
                declared.fields(from, &fields)
            }
            Grouping::Global => declared.global(from),
            Grouping::All => declared.all(from),
            Grouping::None => declared.none(from),
            Grouping::Direct => declared.direct(from),
            Grouping::LocalOrShuffle => declared.local_or_shuffle(from),
            // Java groupings were refused when the project was read.
            Grouping::Shuffle | Grouping::CustomObject | Grouping::CustomSerialized => {
                declared.shuffle(from)
            }
        };
    }
    Ok(())
}
