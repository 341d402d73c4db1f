//! Which Python a project runs with.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// An interpreter, and how its own commands are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// The interpreter, as it calls itself.
    pub executable: PathBuf,
    /// Where its packages put their commands (`streamparse_run`).
    pub scripts: PathBuf,
    /// "3.11.7"
    pub version: String,
}

/// The interpreter to start: the one given, else the active virtualenv's, else that of a virtualenv `.venv` or
/// `venv` in the project, else `python3`.
pub fn choose(given: Option<&Path>, active: Option<OsString>, root: &Path) -> PathBuf {
    if let Some(given) = given {
        return given.to_owned();
    }
    let active = active.filter(|path| !path.is_empty()).map(PathBuf::from);
    let own = [".venv", "venv"].map(|name| root.join(name));
    let candidates = active.into_iter().chain(own).map(|env| env.join("bin/python"));
    candidates.into_iter().find(|python| python.is_file()).unwrap_or_else(|| "python3".into())
}

impl Interpreter {
    /// Variables for the children: what activating the interpreter's virtualenv would set, over the given `PATH`.
    pub fn env(&self, path: Option<&OsStr>) -> Vec<(OsString, OsString)> {
        let mut folders = vec![self.scripts.clone()];
        folders.extend(path.into_iter().flat_map(std::env::split_paths));
        let mut env = Vec::new();
        if let Ok(joined) = std::env::join_paths(folders) {
            env.push(("PATH".into(), joined));
        }
        if let Some(home) = self.scripts.parent().filter(|home| home.join("pyvenv.cfg").is_file()) {
            env.push(("VIRTUAL_ENV".into(), home.into()));
        }
        env
    }

    /// The program and arguments that run `script` with `command`, as Storm would in `cwd`.
    pub fn command(&self, command: &str, script: &str, cwd: &Path) -> (OsString, Vec<OsString>) {
        if command == "streamparse_run" {
            // One argument that streamparse_run splits itself. Frames are always JSON here,
            // whatever `serializer` the project names: its classes see no difference.
            let argument = OsString::from(format!("-s json {script}"));
            let runner = self.scripts.join(command);
            return if runner.is_file() {
                (runner.into(), vec![argument])
            } else {
                let module = ["-m", "streamparse.run"].map(OsString::from);
                (self.executable.clone().into(), [&module[..], &[argument]].concat())
            };
        }
        let args = if script.is_empty() { vec![] } else { vec![script.into()] };
        (self.resolve(command, cwd), args)
    }

    fn resolve(&self, command: &str, cwd: &Path) -> OsString {
        let own = self.scripts.join(command);
        if command.contains('/') {
            cwd.join(command).into()
        } else if own.is_file() {
            own.into()
        } else {
            command.into()
        }
    }
}
