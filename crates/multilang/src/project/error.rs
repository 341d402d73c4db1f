//! Why a project cannot be run: what happened, why, and what to do next.

use std::path::PathBuf;

/// Why a project cannot be run. Nothing has been started.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// No such file or directory.
    #[error(
        "{path} does not exist; give the folder of a streamparse project, or one of its topology files"
    )]
    NotFound {
        /// The path given.
        path: PathBuf,
    },
    /// A folder that is no project.
    #[error(
        "{path} is no streamparse project: it has neither a config.json nor a folder topologies; \
         go to the project's folder, or name the topology file itself"
    )]
    NoProject {
        /// The folder.
        path: PathBuf,
    },
    /// `config.json` cannot be used.
    #[error("{path} cannot be read: {reason}; correct the file")]
    BadConfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The project has no topology.
    #[error("{path} has no topology file (*.py){hint}")]
    NoTopologies {
        /// The folder searched.
        path: PathBuf,
        /// What else is there.
        hint: &'static str,
    },
    /// More than one topology, and none chosen.
    #[error("the project has several topologies; choose one with -n NAME: {}", .names.join(", "))]
    Ambiguous {
        /// What there is.
        names: Vec<String>,
    },
    /// The chosen topology is not there.
    #[error("the project has no topology {name}; it has: {}", .names.join(", "))]
    NoSuchTopology {
        /// The name given.
        name: String,
        /// What there is.
        names: Vec<String>,
    },
    /// The chosen environment is not there.
    #[error("config.json has no environment {name}; it has: {}", .names.join(", "))]
    NoSuchEnvironment {
        /// The name given.
        name: String,
        /// What there is.
        names: Vec<String>,
    },
    /// No Python.
    #[error(
        "cannot start Python ({program}): {reason}; name one with --python PATH, or make a virtualenv .venv in the project"
    )]
    NoPython {
        /// What was tried.
        program: PathBuf,
        /// What happened.
        reason: String,
    },
    /// Python runs, but streamparse does not.
    #[error(
        "streamparse cannot be imported by {python}: {message}; install it there: \
         {python} -m pip install streamparse"
    )]
    NoStreamparse {
        /// The interpreter.
        python: String,
        /// Python's last word.
        message: String,
        /// All of it.
        traceback: String,
    },
    /// The topology module cannot be imported.
    #[error("{file} cannot be imported: {message}{hint}")]
    Import {
        /// The topology file.
        file: PathBuf,
        /// The last line of the traceback.
        message: String,
        /// What to do about a missing module.
        hint: String,
        /// All of it.
        traceback: String,
    },
    /// The module has no topology class.
    #[error("{file} defines no topology: a class that derives from streamparse.Topology is needed")]
    NoClass {
        /// The topology file.
        file: PathBuf,
    },
    /// The loader said something that it never should.
    #[error("{python} did not describe {file}: {reason}")]
    Loader {
        /// The interpreter.
        python: String,
        /// The topology file.
        file: PathBuf,
        /// What came instead.
        reason: String,
    },
    /// A component needs a JVM.
    #[error(
        "component {component} is written for the JVM ({class}), which this program does not have; \
         replace it by a Python or shell component, or run this topology on Apache Storm"
    )]
    Jvm {
        /// The component.
        component: String,
        /// Its class.
        class: String,
    },
    /// A grouping that is a Java class.
    #[error(
        "{component} reads {source_component} by a grouping that is a Java class; \
         use Grouping.fields or Grouping.DIRECT instead"
    )]
    CustomGrouping {
        /// The reading component.
        component: String,
        /// The component read.
        source_component: String,
    },
    /// Parallelism by environment, and no environment that it names.
    #[error("par of {component} depends on the environment; choose one with -e: {}", .names.join(", "))]
    Parallelism {
        /// The component.
        component: String,
        /// The environments that it names.
        names: Vec<String>,
    },
    /// A Storm option with a value that it cannot have.
    #[error("option {name}: {reason}")]
    BadOption {
        /// The option.
        name: String,
        /// What it must be.
        reason: String,
    },
}
