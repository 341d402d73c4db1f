//! A disk in memory that keeps what a real one keeps.
//!
//! # Constraints
//!
//! * What was synced stays. Of what was not, a crash keeps each write whole, in part (in pieces of
//!   `SECTOR_BYTES`) or not at all, in any combination: writes are thus lost, torn and reordered.
//! * A grown length may reach the disk before its data: the gap reads as zeros.
//! * After a failed sync the writes before it are gone for good, though they can still be read until the crash,
//!   and the next sync succeeds: the worst that real systems do.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::names::{Inode, Names};
use crate::disk::{BLOCK_BYTES, Disk, Entry, File, Lock, OpenHow, Space};
use crate::random::SeededRandom;

/// The piece that is written whole or not at all.
const SECTOR_BYTES: usize = 512;

/// A disk in memory; see the module.
#[derive(Debug)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    random: SeededRandom,
    names: Names,
    contents: BTreeMap<Inode, Content>,
    next_inode: Inode,
    locks: Vec<PathBuf>,
    /// Counts crashes; files and locks opened before the last one are dead.
    life: u64,
    bytes_max: u64,
    /// Changes left until the machine dies by itself.
    changes_left: Option<u64>,
    down: bool,
    write_fault: Option<String>,
    sync_fault: Option<String>,
}

#[derive(Debug, Default)]
struct Content {
    current: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Debug)]
enum Pending {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

impl SimDisk {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: SeededRandom::new(seed),
            names: Names::default(),
            contents: BTreeMap::new(),
            next_inode: 0,
            locks: Vec::new(),
            life: 0,
            bytes_max: u64::MAX,
            changes_left: None,
            down: false,
            write_fault: None,
            sync_fault: None,
        })))
    }

    /// Power is lost and comes back: see the module for what is kept. Open files and locks are dead.
    pub fn crash(&self) {
        self.state().crash();
    }

    /// The machine dies at the `changes`-th change of the disk from now (a write, sync or name): that call fails
    /// and so do all others until [`crash`](Self::crash) is called, which brings the machine back.
    pub fn die_after(&self, changes: u64) {
        self.state().changes_left = Some(changes);
    }

    /// Whether the machine has died of [`die_after`](Self::die_after).
    pub fn is_down(&self) -> bool {
        self.state().down
    }

    /// From now on all files together hold at most this many bytes.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().bytes_max = bytes;
    }

    /// How many bytes all files hold together.
    pub fn used_bytes(&self) -> u64 {
        self.state().used()
    }

    /// The next write to a file whose path contains `part` fails, having written some of its bytes.
    pub fn fail_next_write(&self, part: &str) {
        self.state().write_fault = Some(part.to_owned());
    }

    /// The next sync of a file whose path contains `part` fails, and what it should have made durable is lost.
    pub fn fail_next_sync(&self, part: &str) {
        self.state().sync_fault = Some(part.to_owned());
    }

    /// Turns one bit of what is stored; does nothing past the end of the file.
    pub fn flip_bit(&self, path: &Path, byte: usize, bit: u8) {
        let mut state = self.state();
        if let Some(content) = state.content(path) {
            let mask = 1 << (bit & 7);
            if let Some(stored) = content.current.get_mut(byte) {
                *stored ^= mask;
            }
            if let Some(stored) = content.durable.get_mut(byte) {
                *stored ^= mask;
            }
        }
    }

    /// What a file holds as the running process sees it; empty if it is not there.
    pub fn bytes(&self, path: &Path) -> Vec<u8> {
        self.state().content(path).map(|content| content.current.clone()).unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn down() -> io::Error {
    io::Error::other("the simulated machine is down")
}

impl State {
    fn content(&mut self, path: &Path) -> Option<&mut Content> {
        let inode = *self.names.current.files.get(path)?;
        self.contents.get_mut(&inode)
    }

    fn used(&self) -> u64 {
        let inodes = self.names.current.files.values();
        inodes.filter_map(|inode| self.contents.get(inode)).map(|c| c.current.len() as u64).sum()
    }

    /// Counts one change of the disk; says whether the machine lives to make it.
    fn change(&mut self) -> io::Result<()> {
        if self.down {
            return Err(down());
        }
        if let Some(left) = &mut self.changes_left {
            if *left == 0 {
                self.down = true;
                return Err(down());
            }
            *left -= 1;
        }
        Ok(())
    }

    fn alive(&self) -> io::Result<()> {
        if self.down { Err(down()) } else { Ok(()) }
    }

    fn crash(&mut self) {
        let kept = self.random.below(self.names.pending() as u64 + 1);
        self.names.crash(usize::try_from(kept).unwrap_or(0));
        for content in self.contents.values_mut() {
            content.crash(&mut self.random);
        }
        let names = &self.names.current;
        self.contents.retain(|inode, _| names.files.values().any(|named| named == inode));
        self.locks.clear();
        self.life += 1;
        self.down = false;
        self.changes_left = None;
        self.write_fault = None;
        self.sync_fault = None;
    }
}

impl Content {
    fn crash(&mut self, random: &mut SeededRandom) {
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                Pending::SetLen(bytes) if random.below(2) == 0 => self.durable.resize(bytes, 0),
                Pending::SetLen(_) => {}
                Pending::Write { offset, bytes } => match random.below(4) {
                    0 => {}
                    1 => tear(&mut self.durable, offset, &bytes, random),
                    2 => {
                        let length = self.durable.len().max(offset + bytes.len());
                        self.durable.resize(length, 0);
                    }
                    _ => put(&mut self.durable, offset, &bytes),
                },
            }
        }
        self.current.clone_from(&self.durable);
    }

    /// Only what was written since the last sync: what a failed one lost stays lost.
    fn sync(&mut self) {
        for pending in self.pending.drain(..) {
            match pending {
                Pending::SetLen(bytes) => self.durable.resize(bytes, 0),
                Pending::Write { offset, bytes } => put(&mut self.durable, offset, &bytes),
            }
        }
    }
}

/// Writes each sector of `bytes` or not, as the seed says.
fn tear(stored: &mut Vec<u8>, offset: usize, bytes: &[u8], random: &mut SeededRandom) {
    let mut at = 0;
    while at < bytes.len() {
        let sector_end = (offset + at + 1).next_multiple_of(SECTOR_BYTES) - offset;
        let end = sector_end.min(bytes.len());
        if random.below(2) == 0 {
            put(stored, offset + at, &bytes[at..end]);
        }
        at = end;
    }
}

fn put(stored: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if stored.len() < end {
        stored.resize(end, 0);
    }
    stored[offset..end].copy_from_slice(bytes);
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        state.alive()?;
        let inode = match state.names.current.files.get(path) {
            Some(inode) => *inode,
            None if how == OpenHow::Read => return Err(io::ErrorKind::NotFound.into()),
            None => {
                state.change()?;
                let inode = state.next_inode;
                state.names.link(path, inode)?;
                state.next_inode += 1;
                state.contents.insert(inode, Content::default());
                inode
            }
        };
        let file = SimFile {
            state: Arc::clone(&self.0),
            path: path.to_path_buf(),
            inode,
            life: state.life,
            direct: how == OpenHow::Direct,
        };
        Ok(Box::new(file))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        state.names.add_folder(path);
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let state = self.state();
        state.alive()?;
        let tree = &state.names.current;
        if !tree.folders.contains(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = |other: &Path| other.parent() == Some(path);
        let name =
            |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folders = tree.folders.iter().filter(|folder| inside(folder));
        let folders = folders.map(|folder| Entry { name: name(folder), bytes: 0, is_dir: true });
        let files = tree.files.iter().filter(|(file, _)| inside(file)).map(|(file, inode)| Entry {
            name: name(file),
            bytes: state.contents.get(inode).map_or(0, |content| content.current.len() as u64),
            is_dir: false,
        });
        let mut entries: Vec<Entry> = folders.chain(files).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn space(&self, _: &Path) -> io::Result<Space> {
        let state = self.state();
        state.alive()?;
        let usable_bytes = state.bytes_max.saturating_sub(state.used());
        Ok(Space { total_bytes: state.bytes_max, usable_bytes })
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let state = self.state();
        state.alive()?;
        let tree = &state.names.current;
        Ok(tree.files.contains_key(path) || tree.folders.contains(path))
    }

    fn rename(&self, source: &Path, target: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        state.names.rename(source, target)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        state.names.unlink(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        state.names.unlink_tree(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        state.names.sync(path);
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let mut state = self.state();
        state.alive()?;
        if state.locks.iter().any(|held| held == path) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.locks.push(path.to_path_buf());
        let life = state.life;
        Ok(Box::new(SimLock { state: Arc::clone(&self.0), path: path.to_path_buf(), life }))
    }
}

struct SimLock {
    state: Arc<Mutex<State>>,
    path: PathBuf,
    life: u64,
}

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if state.life == self.life {
            state.locks.retain(|held| *held != self.path);
        }
    }
}

struct SimFile {
    state: Arc<Mutex<State>>,
    path: PathBuf,
    inode: Inode,
    life: u64,
    direct: bool,
}

impl SimFile {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = lock(&self.state);
        state.alive()?;
        if state.life == self.life { Ok(state) } else { Err(down()) }
    }

    fn matches(&self, fault: Option<&String>) -> bool {
        fault.is_some_and(|part| self.path.to_string_lossy().contains(part.as_str()))
    }

    fn store(&self, state: &mut State, bytes: &[u8], offset: usize) {
        let Some(content) = state.contents.get_mut(&self.inode) else { return };
        put(&mut content.current, offset, bytes);
        content.pending.push(Pending::Write { offset, bytes: bytes.to_vec() });
    }
}

impl File for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.state()?;
        let Some(content) = state.contents.get(&self.inode) else { return Ok(0) };
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.current.len());
        let rest = &content.current[start..];
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.state()?;
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        let aligned = bytes.len().is_multiple_of(BLOCK_BYTES)
            && offset.is_multiple_of(BLOCK_BYTES)
            && bytes.as_ptr().addr().is_multiple_of(BLOCK_BYTES);
        if self.direct && !aligned {
            let what = "a direct write must be a whole number of aligned blocks";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let some = usize::try_from(state.random.below(bytes.len() as u64 + 1)).unwrap_or(0);
        if let Err(error) = state.change() {
            self.store(&mut state, &bytes[..some], offset);
            return Err(error);
        }
        if self.matches(state.write_fault.as_ref()) {
            state.write_fault = None;
            self.store(&mut state, &bytes[..some], offset);
            return Err(io::Error::other("simulated write error"));
        }
        let length = state.contents.get(&self.inode).map_or(0, |content| content.current.len());
        let grown = (offset + bytes.len()).saturating_sub(length) as u64;
        if grown > 0 && state.used() + grown > state.bytes_max {
            let fits = usize::try_from(state.bytes_max.saturating_sub(state.used())).unwrap_or(0);
            let fits = (length + fits).saturating_sub(offset).min(bytes.len());
            self.store(&mut state, &bytes[..fits], offset);
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.store(&mut state, bytes, offset);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state()?;
        state.change()?;
        let fails = self.matches(state.sync_fault.as_ref());
        if fails {
            state.sync_fault = None;
        }
        let Some(content) = state.contents.get_mut(&self.inode) else { return Ok(()) };
        if fails {
            content.pending.clear();
            return Err(io::Error::other("simulated sync error"));
        }
        content.sync();
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.state()?;
        state.change()?;
        let bytes = usize::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
        if let Some(content) = state.contents.get_mut(&self.inode) {
            content.current.resize(bytes, 0);
            content.pending.push(Pending::SetLen(bytes));
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let state = self.state()?;
        Ok(state.contents.get(&self.inode).map_or(0, |content| content.current.len() as u64))
    }

    fn is_direct(&self) -> bool {
        self.direct
    }
}
