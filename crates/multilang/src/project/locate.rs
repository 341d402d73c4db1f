//! Where a project is, and which of its topologies is meant.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::error::ProjectError;

/// A streamparse project and one topology in it.
#[derive(Clone, Debug)]
pub struct Project {
    /// The project's folder.
    pub root: PathBuf,
    /// The topology's name: that of its file.
    pub name: String,
    /// The file that defines it.
    pub file: PathBuf,
    /// `config.json`; empty if there is none.
    pub config: Map<String, Value>,
}

impl Project {
    /// Finds the project at `path` (its folder, or a topology file in it) and the topology `name` in it,
    /// which may be omitted if there is only one.
    ///
    /// # Errors
    /// There is no project there, or no such topology, or it is not clear which.
    pub fn find(path: &Path, name: Option<&str>) -> Result<Self, ProjectError> {
        let path = std::fs::canonicalize(path)
            .map_err(|_| ProjectError::NotFound { path: path.to_owned() })?;
        if path.is_file() { Self::of_file(&path, name) } else { Self::of_folder(&path, name) }
    }

    fn of_file(file: &Path, name: Option<&str>) -> Result<Self, ProjectError> {
        let root = project_root(file);
        let config = read_config(&root)?;
        let name = name.map_or_else(|| stem(file), str::to_owned);
        Ok(Self { root, name, file: file.to_owned(), config })
    }

    fn of_folder(root: &Path, name: Option<&str>) -> Result<Self, ProjectError> {
        let has_config = root.join("config.json").is_file();
        let config = read_config(root)?;
        let specs = config.get("topology_specs").and_then(Value::as_str).unwrap_or("topologies");
        let folder = root.join(specs);
        if !has_config && !folder.is_dir() {
            return Err(ProjectError::NoProject { path: root.to_owned() });
        }
        let file = choose(&folder, name)?;
        Ok(Self { root: root.to_owned(), name: stem(&file), file, config })
    }

    /// The folder of the components, which is also where they run.
    pub fn source_dir(&self) -> PathBuf {
        let src = self.root.join("src");
        if src.is_dir() { src } else { self.root.clone() }
    }
}

/// The nearest folder above the file with a `config.json`; else the folder above `topologies`.
fn project_root(file: &Path) -> PathBuf {
    let with_config = file.ancestors().skip(1).find(|dir| dir.join("config.json").is_file());
    let parent = file.parent().unwrap_or(file);
    let fallback = match parent.file_name() {
        Some(name) if name == "topologies" => parent.parent().unwrap_or(parent),
        _ => parent,
    };
    with_config.unwrap_or(fallback).to_owned()
}

fn read_config(root: &Path) -> Result<Map<String, Value>, ProjectError> {
    let path = root.join("config.json");
    let bad = |reason: String| ProjectError::BadConfig { path: path.clone(), reason };
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(error) => return Err(bad(error.to_string())),
    };
    serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))
}

fn choose(folder: &Path, name: Option<&str>) -> Result<PathBuf, ProjectError> {
    let mut files = files_with(folder, "py");
    files.retain(|file| !stem(file).starts_with('_'));
    let names = || files.iter().map(|file| stem(file)).collect();
    if let Some(name) = name {
        let found = files.iter().find(|file| stem(file) == name);
        let missing = || ProjectError::NoSuchTopology { name: name.to_owned(), names: names() };
        return found.cloned().ok_or_else(missing);
    }
    match &files[..] {
        [] => Err(ProjectError::NoTopologies {
            path: folder.to_owned(),
            hint: if files_with(folder, "clj").is_empty() {
                "; write one, or start with a new project"
            } else {
                ", only Clojure ones of streamparse 1 and 2; rewrite them as a Python class Topology"
            },
        }),
        [file] => Ok(file.clone()),
        _ => Err(ProjectError::Ambiguous { names: names() }),
    }
}

fn files_with(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let mut files: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    files
}

fn stem(file: &Path) -> String {
    file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
