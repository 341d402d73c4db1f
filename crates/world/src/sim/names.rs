//! Folders and names of the simulated disk, with the journal that makes them durable in order.
//!
//! A name that was made, moved or removed is durable once its folder is synced. Syncing a folder commits
//! the journal up to the last change in it, with all that came before, as journaling file systems do; a
//! crash keeps some prefix of the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// Number of a file's content.
pub(super) type Inode = u64;

/// One change of a name.
#[derive(Clone, Debug)]
enum Change {
    Folder(PathBuf),
    Link(PathBuf, Inode),
    Unlink(PathBuf),
    UnlinkTree(PathBuf),
    Rename(PathBuf, PathBuf),
}

/// The names as some point in time has them.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) folders: BTreeSet<PathBuf>,
    pub(super) files: BTreeMap<PathBuf, Inode>,
}

/// The names as a running process sees them, and as a crash would leave them.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) current: Tree,
    durable: Tree,
    journal: Vec<Change>,
}

impl Names {
    pub(super) fn add_folder(&mut self, path: &Path) {
        let missing: Vec<PathBuf> = path
            .ancestors()
            .filter(|folder| !self.current.folders.contains(*folder))
            .map(Path::to_path_buf)
            .collect();
        for folder in missing.into_iter().rev() {
            self.change(Change::Folder(folder));
        }
    }

    pub(super) fn link(&mut self, path: &Path, inode: Inode) -> io::Result<()> {
        let parent = path.parent().unwrap_or(Path::new(""));
        if !parent.as_os_str().is_empty() && !self.current.folders.contains(parent) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.change(Change::Link(path.to_path_buf(), inode));
        Ok(())
    }

    pub(super) fn unlink(&mut self, path: &Path) -> io::Result<()> {
        if !self.current.files.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.change(Change::Unlink(path.to_path_buf()));
        Ok(())
    }

    pub(super) fn unlink_tree(&mut self, path: &Path) -> io::Result<()> {
        if !self.current.folders.contains(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.change(Change::UnlinkTree(path.to_path_buf()));
        Ok(())
    }

    pub(super) fn rename(&mut self, source: &Path, target: &Path) -> io::Result<()> {
        let known =
            self.current.files.contains_key(source) || self.current.folders.contains(source);
        if !known {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.change(Change::Rename(source.to_path_buf(), target.to_path_buf()));
        Ok(())
    }

    /// Makes the journal durable up to its last change in `folder`.
    pub(super) fn sync(&mut self, folder: &Path) {
        let last = self.journal.iter().rposition(|change| change.touches(folder));
        if let Some(last) = last {
            self.commit(last + 1);
        }
    }

    /// How many changes are not durable.
    pub(super) fn pending(&self) -> usize {
        self.journal.len()
    }

    /// Keeps the first `kept` of the changes that are not durable and forgets the others.
    pub(super) fn crash(&mut self, kept: usize) {
        self.commit(kept.min(self.journal.len()));
        self.journal.clear();
        self.current = self.durable.clone();
    }

    fn commit(&mut self, count: usize) {
        for change in self.journal.drain(..count) {
            change.apply(&mut self.durable);
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.current);
        self.journal.push(change);
    }
}

impl Change {
    fn touches(&self, folder: &Path) -> bool {
        let inside = |path: &PathBuf| path.parent() == Some(folder);
        match self {
            Self::Folder(path)
            | Self::Link(path, _)
            | Self::Unlink(path)
            | Self::UnlinkTree(path) => inside(path),
            Self::Rename(source, target) => inside(source) || inside(target),
        }
    }

    fn apply(&self, tree: &mut Tree) {
        match self {
            Self::Folder(path) => {
                tree.folders.insert(path.clone());
            }
            Self::Link(path, inode) => {
                tree.files.insert(path.clone(), *inode);
            }
            Self::Unlink(path) => {
                tree.files.remove(path);
            }
            Self::UnlinkTree(path) => {
                tree.files.retain(|file, _| !file.starts_with(path));
                tree.folders.retain(|folder| !folder.starts_with(path));
            }
            Self::Rename(source, target) => tree.rename(source, target),
        }
    }
}

impl Tree {
    fn rename(&mut self, source: &Path, target: &Path) {
        if let Some(inode) = self.files.remove(source) {
            self.files.insert(target.to_path_buf(), inode);
            return;
        }
        let moved = |path: &PathBuf| path.strip_prefix(source).ok().map(|rest| join(target, rest));
        self.folders =
            self.folders.iter().map(|path| moved(path).unwrap_or(path.clone())).collect();
        self.files = std::mem::take(&mut self.files)
            .into_iter()
            .map(|(path, inode)| (moved(&path).unwrap_or(path), inode))
            .collect();
    }
}

/// `Path::join` with an empty rest would add a trailing slash.
fn join(target: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() { target.to_path_buf() } else { target.join(rest) }
}
