//! Files, folders, and memory that may go past the page cache.
//!
//! # Constraints
//!
//! * [`OpenHow::Direct`] asks for writes past the page cache (`O_DIRECT`). Such a file takes offsets,
//!   lengths and memory in whole [`BLOCK_BYTES`]; [`AlignedBuffer`] is memory that fits. Where the file system
//!   refuses, the same call gives a buffered file, and [`File::is_direct`] says which it is.
//! * Nothing is durable before [`File::sync_data`] returns; a new, renamed or removed name is not
//!   durable before [`Disk::sync_dir`] of its folder returns. The simulated disk holds callers to that.
//! * After a failed sync the pages may be clean *and* lost. The door reports it; whoever wrote must not
//!   go on with that file.

use std::io;
use std::path::Path;

mod real;

pub use real::RealDisk;

/// The unit of direct input and output. 4 KiB fits every disk in use.
pub const BLOCK_BYTES: usize = 4096;

/// How to open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenHow {
    /// An existing file, to read.
    Read,
    /// A file to read and write through the page cache; made if it is not there.
    Write,
    /// A file to read and write past the page cache where possible; made if it is not there.
    Direct,
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name inside its folder.
    pub name: String,
    /// Its length in bytes; 0 for a folder.
    pub bytes: u64,
    /// Whether it is a folder.
    pub is_dir: bool,
}

/// What the volume under a folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Its size in bytes.
    pub total_bytes: u64,
    /// What this process may still write, bytes.
    pub usable_bytes: u64,
}

/// The door to the disk. All paths are used as given; all calls block.
pub trait Disk: Send + Sync {
    /// Opens a file. [`OpenHow::Read`] of a missing file is [`io::ErrorKind::NotFound`].
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn File>>;

    /// Makes a folder and those above it.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Lists a folder, sorted by name.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;

    /// Whether something is there.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Renames, replacing what is at `target`.
    fn rename(&self, source: &Path, target: &Path) -> io::Result<()>;

    /// Removes one file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder and all in it.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in this folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes what was written to all of `files` durable; `folder` is any folder of their file system. Many files are
    /// synced in one pass where the system has one, which then also waits for whatever other programs have
    /// written to that file system.
    ///
    /// # Errors
    /// As [`File::sync_data`], and it is not known of which of them.
    fn sync_many(&self, folder: &Path, files: &[&dyn File]) -> io::Result<()> {
        let _ = folder;
        files.iter().try_for_each(|file| file.sync_data())
    }

    /// Takes the lock at `path` for this process, or says [`io::ErrorKind::WouldBlock`] if another holds it.
    /// It is given back when the value is dropped and when the process dies.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;

    /// The size of the volume that holds `path`, and what is free of it.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] where that is not known.
    fn space(&self, path: &Path) -> io::Result<Space> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Reads a whole small file.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when it is longer than `bytes_max`.
    fn read_all(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        let file = self.open(path, OpenHow::Read)?;
        let bytes = file.len()?;
        if bytes > bytes_max {
            let what = format!("{} has {bytes} bytes, at most {bytes_max} fit", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let mut content = vec![0; usize::try_from(bytes).unwrap_or(0)];
        let read = file.read_at(&mut content, 0)?;
        content.truncate(read);
        Ok(content)
    }

    /// Replaces a small file whole, so that after a crash either the old or the new content is there: writes
    /// `path` + `.tmp`, syncs, renames, syncs the folder.
    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".tmp");
        let temporary = path.with_file_name(name);
        let file = self.open(&temporary, OpenHow::Write)?;
        file.set_len(0)?;
        file.write_at(content, 0)?;
        file.sync_data()?;
        self.rename(&temporary, path)?;
        match path.parent() {
            Some(folder) => self.sync_dir(folder),
            None => Ok(()),
        }
    }
}

/// An open file. Reads may go on beside one writer.
pub trait File: Send + Sync {
    /// Fills `buffer` from `offset`; returns fewer bytes only at the end of the file. Any offset and
    /// length will do, also on a direct file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Adds the `bytes` from `offset` on to the end of `buffer`, fewer only at the end of the file. Memory that
    /// is to be read into is not filled with zeros first, which is an eighth of what a long read costs.
    fn read_more(&self, buffer: &mut Vec<u8>, bytes: usize, offset: u64) -> io::Result<usize> {
        let start = buffer.len();
        buffer.resize(start + bytes, 0);
        let read = self.read_at(&mut buffer[start..], offset)?;
        buffer.truncate(start + read);
        Ok(read)
    }

    /// Writes all of `bytes` at `offset`. On a direct file the offset, the length and the memory must be
    /// multiples of [`BLOCK_BYTES`]. After an error any part may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes what was written durable, with the length of the file.
    fn sync_data(&self) -> io::Result<()>;

    /// Cuts or lengthens (with zeros) the file.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// The length of the file in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Whether writes go past the page cache and must be aligned.
    fn is_direct(&self) -> bool;
}

/// A held lock; dropping it gives it back.
pub trait Lock: Send + Sync {}

/// Memory that is reused, starts at a multiple of [`BLOCK_BYTES`] and never moves.
#[derive(Debug)]
pub struct AlignedBuffer {
    memory: Vec<u8>,
    start: usize,
    capacity: usize,
    len: usize,
}

impl AlignedBuffer {
    /// A buffer for at least `capacity` bytes, rounded up to whole blocks.
    pub fn with_capacity(capacity: usize) -> Self {
        let capacity = capacity.next_multiple_of(BLOCK_BYTES).max(BLOCK_BYTES);
        let memory = vec![0; capacity + BLOCK_BYTES];
        // The vector is never grown, so its memory stays where it is.
        let start = memory.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        Self { memory, start, capacity, len: 0 }
    }

    /// How many bytes fit in all.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many bytes more fit.
    pub fn room(&self) -> usize {
        self.capacity - self.len
    }

    /// How many bytes are in it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets the content; the memory stays.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Copies in as many of `bytes` as fit and returns how many that were.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room());
        let at = self.start + self.len;
        self.memory[at..at + taken].copy_from_slice(&bytes[..taken]);
        self.len += taken;
        taken
    }

    /// Adds zeros up to the next whole block and returns how many were added.
    pub fn pad(&mut self) -> usize {
        let padded = self.len.next_multiple_of(BLOCK_BYTES);
        let added = padded - self.len;
        let at = self.start + self.len;
        self.memory[at..at + added].fill(0);
        self.len = padded;
        added
    }

    /// The content.
    pub fn as_slice(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.len]
    }
}
