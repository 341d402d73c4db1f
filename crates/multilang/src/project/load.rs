//! Runs the loader in the project's interpreter and reads what it says.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::ProjectError;
use super::interpreter::{self, Interpreter};
use super::locate::Project;
use super::options::Options;

const LOADER: &str = include_str!("loader.py");

/// A topology as its project defines it, for one environment.
#[derive(Clone, Debug)]
pub struct TopologySpec {
    /// The topology's name.
    pub name: String,
    /// The Python class.
    pub class: String,
    /// The project it is from.
    pub project: Project,
    /// The interpreter that read it and that its components run with.
    pub python: Interpreter,
    /// Storm options, from the environment and the class.
    pub options: Options,
    /// Spouts and bolts, in the order they were written.
    pub components: Vec<ComponentSpec>,
    /// What the project wrote to standard error while it was read.
    pub notes: String,
}

/// Spout or bolt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComponentKind {
    /// Brings tuples in.
    Spout,
    /// Works on tuples.
    Bolt,
}

/// One component of a topology.
#[derive(Clone, Debug)]
pub struct ComponentSpec {
    /// Its name.
    pub id: String,
    /// Spout or bolt.
    pub kind: ComponentKind,
    /// The program that runs it, as the project names it.
    pub command: String,
    /// That program's argument.
    pub script: String,
    /// How many processes.
    pub parallelism: usize,
    /// Its own Storm options.
    pub config: Map<String, Value>,
    /// The streams it declares.
    pub outputs: Vec<StreamSpec>,
    /// The streams it reads.
    pub inputs: Vec<InputSpec>,
}

/// A declared stream.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StreamSpec {
    /// Its name.
    pub stream: String,
    /// Its fields.
    pub fields: Vec<String>,
    /// Whether the emitter names the receiving task.
    pub direct: bool,
}

/// A stream that a component reads.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct InputSpec {
    /// The component that emits it.
    pub component: String,
    /// Its name.
    pub stream: String,
    /// How it is spread over the reader's tasks.
    pub grouping: Grouping,
}

/// How a stream is spread over the tasks of a reader.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Grouping {
    /// Evenly.
    Shuffle,
    /// Equal values of these fields to the same task.
    Fields {
        /// The fields.
        fields: Vec<String>,
    },
    /// All of it to the lowest task.
    Global,
    /// A copy to each task.
    All,
    /// Nobody cares.
    None,
    /// The emitter says.
    Direct,
    /// Evenly, tasks near by first.
    LocalOrShuffle,
    /// A Java class with arguments.
    CustomObject,
    /// A serialized Java object.
    CustomSerialized,
}

#[derive(Deserialize)]
struct Loaded {
    #[serde(default)]
    python: Option<LoadedPython>,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Deserialize)]
struct LoadedPython {
    executable: String,
    scripts: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Outcome {
    Failed {
        error: String,
        message: String,
        traceback: String,
        #[serde(default)]
        missing: Option<String>,
    },
    Topology {
        class: String,
        config: Map<String, Value>,
        components: Vec<LoadedComponent>,
    },
}

#[derive(Deserialize)]
struct LoadedComponent {
    id: String,
    kind: ComponentKind,
    par: Parallelism,
    config: Map<String, Value>,
    outputs: Vec<StreamSpec>,
    inputs: Vec<InputSpec>,
    #[serde(default)]
    shell: Option<Shell>,
    #[serde(default)]
    jvm: Option<String>,
}

#[derive(Deserialize)]
struct Shell {
    command: String,
    script: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Parallelism {
    Fixed(usize),
    ByEnvironment(BTreeMap<String, usize>),
}

/// Reads the project's topology with its own Python. `python`: the interpreter, if the user names one;
/// `environment`: one of `config.json`, which may be omitted if there is only one.
///
/// # Errors
/// See [`ProjectError`]; nothing is left running.
pub fn load(
    project: &Project,
    python: Option<&Path>,
    environment: Option<&str>,
) -> Result<TopologySpec, ProjectError> {
    let environment = choose_environment(&project.config, environment)?;
    let program = interpreter::choose(python, std::env::var_os("VIRTUAL_ENV"), &project.root);
    let (loaded, notes) = run_loader(project, &program)?;
    let python = loaded.python.map_or_else(
        || Interpreter { executable: program.clone(), scripts: "".into(), version: String::new() },
        |python| Interpreter {
            executable: python.executable.into(),
            scripts: python.scripts.into(),
            version: python.version,
        },
    );
    let (class, config, components) = match loaded.outcome {
        Outcome::Topology { class, config, components } => (class, config, components),
        Outcome::Failed { error, message, traceback, missing } => {
            return Err(failure(project, &python, &error, message, traceback, missing));
        }
    };
    let (environment_name, environment) = environment;
    let mut options = Options::of_environment(&environment);
    options.extend(&config);
    let components =
        components.into_iter().map(|loaded| check(loaded, environment_name.as_deref()));
    Ok(TopologySpec {
        name: project.name.clone(),
        class,
        project: project.clone(),
        python,
        options,
        components: components.collect::<Result<_, _>>()?,
        notes,
    })
}

type Environment = (Option<String>, Map<String, Value>);

fn choose_environment(
    config: &Map<String, Value>,
    name: Option<&str>,
) -> Result<Environment, ProjectError> {
    let environments = config.get("envs").and_then(Value::as_object).cloned().unwrap_or_default();
    let named = |name: &str| environments.get(name).and_then(Value::as_object).cloned();
    if let Some(name) = name {
        let names = environments.keys().cloned().collect();
        let missing = || ProjectError::NoSuchEnvironment { name: name.to_owned(), names };
        return Ok((Some(name.to_owned()), named(name).ok_or_else(missing)?));
    }
    let only = environments.keys().next().filter(|_| environments.len() == 1);
    Ok((only.cloned(), only.and_then(|name| named(name)).unwrap_or_default()))
}

fn run_loader(project: &Project, program: &Path) -> Result<(Loaded, String), ProjectError> {
    let no_python = |reason: String| ProjectError::NoPython { program: program.to_owned(), reason };
    let output = Command::new(program)
        .args(["-c", LOADER])
        .args([project.source_dir(), project.file.clone()])
        .current_dir(&project.root)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| no_python(error.to_string()))?;
    let notes = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let loaded = serde_json::from_slice(&output.stdout).map_err(|error| {
        let last = notes.lines().last().unwrap_or_default();
        if output.stdout.is_empty() && !output.status.success() {
            return no_python(format!("{}: {last}", output.status));
        }
        ProjectError::Loader {
            python: program.display().to_string(),
            file: project.file.clone(),
            reason: format!("{error} ({}: {last})", output.status),
        }
    })?;
    Ok((loaded, notes))
}

fn failure(
    project: &Project,
    python: &Interpreter,
    kind: &str,
    message: String,
    traceback: String,
    missing: Option<String>,
) -> ProjectError {
    let python = python.executable.display().to_string();
    let file = project.file.clone();
    match kind {
        "streamparse" => ProjectError::NoStreamparse { python, message, traceback },
        "no_class" => ProjectError::NoClass { file },
        _ => {
            let hint = match missing {
                Some(module) if message.starts_with("ModuleNotFoundError") => format!(
                    "; install what it needs into {python}, or check that {} has {module}",
                    project.source_dir().display()
                ),
                _ => String::new(),
            };
            ProjectError::Import { file, message, hint, traceback }
        }
    }
}

fn check(
    loaded: LoadedComponent,
    environment: Option<&str>,
) -> Result<ComponentSpec, ProjectError> {
    let LoadedComponent { id, kind, par, config, outputs, inputs, shell, jvm } = loaded;
    let Some(shell) = shell else {
        return Err(ProjectError::Jvm { component: id, class: jvm.unwrap_or_default() });
    };
    let is_java = |input: &&InputSpec| {
        matches!(input.grouping, Grouping::CustomObject | Grouping::CustomSerialized)
    };
    if let Some(input) = inputs.iter().find(is_java) {
        let source_component = input.component.clone();
        return Err(ProjectError::CustomGrouping { component: id, source_component });
    }
    let parallelism = match par {
        Parallelism::Fixed(count) => count,
        Parallelism::ByEnvironment(by_name) => {
            let found = environment.and_then(|name| by_name.get(name).copied());
            let names = by_name.keys().cloned().collect();
            found.ok_or_else(|| ProjectError::Parallelism { component: id.clone(), names })?
        }
    };
    let Shell { command, script } = shell;
    Ok(ComponentSpec { id, kind, command, script, parallelism, config, outputs, inputs })
}
