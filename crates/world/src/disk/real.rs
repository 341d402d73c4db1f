//! The machine's disk.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};

use super::{BLOCK_BYTES, Disk, Entry, File, Lock, OpenHow};

/// The machine's disk.
#[derive(Debug)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn File>> {
        match how {
            OpenHow::Read => {
                let file = fs::File::open(path)?;
                Ok(Box::new(RealFile { buffered: file, direct: None }))
            }
            OpenHow::Write => Ok(Box::new(RealFile { buffered: writable(path)?, direct: None })),
            OpenHow::Direct => {
                let buffered = writable(path)?;
                let direct = open_direct(path);
                Ok(Box::new(RealFile { buffered, direct }))
            }
        }
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Removed between the listing and the look: it is not there.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let is_dir = metadata.is_dir();
            entries.push(Entry { name, bytes: if is_dir { 0 } else { metadata.len() }, is_dir });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn rename(&self, source: &Path, target: &Path) -> io::Result<()> {
        fs::rename(source, target)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let file = writable(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Box::new(RealLock { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(io::ErrorKind::WouldBlock.into()),
            Err(errno) => Err(errno.into()),
        }
    }
}

fn writable(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// A second handle that goes past the page cache, if the file system has such a thing.
#[cfg(target_os = "linux")]
fn open_direct(path: &Path) -> Option<fs::File> {
    let flags = i32::try_from(OFlags::DIRECT.bits()).ok()?;
    OpenOptions::new().write(true).custom_flags(flags).open(path).ok()
}

#[cfg(not(target_os = "linux"))]
fn open_direct(_path: &Path) -> Option<fs::File> {
    None
}

/// Reads go through the page cache, which the kernel keeps true to direct writes.
struct RealFile {
    buffered: fs::File,
    direct: Option<fs::File>,
}

impl File for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.buffered.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let Some(direct) = &self.direct else {
            return self.buffered.write_all_at(bytes, offset);
        };
        let aligned = bytes.len().is_multiple_of(BLOCK_BYTES)
            && offset.is_multiple_of(BLOCK_BYTES as u64)
            && bytes.as_ptr().addr().is_multiple_of(BLOCK_BYTES);
        if !aligned {
            let what = "a direct write must be a whole number of aligned blocks";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        direct.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.direct.as_ref().unwrap_or(&self.buffered).sync_data()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.buffered.set_len(bytes)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.buffered.metadata()?.len())
    }

    fn is_direct(&self) -> bool {
        self.direct.is_some()
    }
}

struct RealLock {
    /// The lock belongs to the open file and ends with it.
    _file: fs::File,
}

impl Lock for RealLock {}
