//! The files of the segment that is being written.

use std::io;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use tidemill_world::{BLOCK_BYTES, Disk, File, OpenHow};

/// The log file.
pub(crate) struct ActiveFile {
    pub(crate) file: Box<dyn File>,
    pub(crate) direct: bool,
    /// Where the first byte of the buffer goes.
    pub(crate) at: u64,
}

impl ActiveFile {
    /// Opens a log of `position` bytes to write on.
    pub(crate) fn open(disk: &dyn Disk, path: &Path, position: u64) -> io::Result<Self> {
        let file = disk.open(path, OpenHow::Direct)?;
        if file.len()? < position {
            let what = "the log file is shorter than what was written to it";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
        }
        let direct = file.is_direct();
        Ok(Self { file, direct, at: position })
    }
}

/// The bytes of a log's last, partial block, which a direct write must write again.
pub(crate) fn read_partial(file: &dyn File, position: u64) -> io::Result<Vec<u8>> {
    let block = BLOCK_BYTES as u64;
    let mut partial = vec![0; usize::try_from(position % block).unwrap_or(0)];
    match file.read_at(&mut partial, position - position % block)? {
        read if read == partial.len() => Ok(partial),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Makes the empty log of a new segment.
pub(crate) fn create_log(disk: &dyn Disk, path: &Path) -> io::Result<ActiveFile> {
    let file = ActiveFile::open(disk, path, 0)?;
    file.file.set_len(0)?;
    Ok(file)
}

/// Brings an index file up to `content`, of which `flushed` (bytes, and their checksum) is in it already.
pub(crate) fn append_index(
    disk: &dyn Disk,
    path: &Path,
    content: &[u8],
    flushed: &mut (usize, u32),
    sync: bool,
) -> io::Result<()> {
    if flushed.0 > content.len() {
        // Entries were taken back after they were written.
        *flushed = (0, 0);
    }
    let new = content.get(flushed.0..).unwrap_or_default();
    if new.is_empty() && !sync && flushed.0 > 0 {
        return Ok(());
    }
    let file = disk.open(path, OpenHow::Write)?;
    file.write_at(new, flushed.0 as u64)?;
    file.set_len(content.len() as u64)?;
    if sync {
        file.sync_data()?;
    }
    *flushed = (content.len(), crc32c::crc32c_append(flushed.1, new));
    Ok(())
}

/// Below this a copy is cheaper than what a slice of a larger piece of memory keeps alive.
const COPY_BELOW_BYTES: usize = 16 << 10;

/// The same bytes, ours alone to patch: without a copy when nobody else holds them and they are most of
/// their memory (the tail cache counts them by their length).
pub(crate) fn into_owned(bytes: Bytes) -> BytesMut {
    if bytes.len() < COPY_BELOW_BYTES {
        return BytesMut::from(&*bytes);
    }
    match bytes.try_into_mut() {
        Ok(owned) if owned.capacity() / 2 <= owned.len() => owned,
        Ok(wasteful) => BytesMut::from(&*wasteful),
        Err(shared) => BytesMut::from(&*shared),
    }
}
