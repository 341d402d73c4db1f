//! The bytes of a partition that are in the shared write-ahead file and not in its segment yet, and the jobs that move them.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tidemill_world::{AlignedBuffer, BLOCK_BYTES, Disk, File};

use crate::active::{ActiveFile, read_partial};
use crate::index::IndexPoint;
use crate::segment::Segment;

/// The oldest needed entry of a partition that needs none.
pub(crate) const SETTLED: u64 = u64::MAX;

/// Where a partition stood, to go back to.
#[derive(Debug)]
pub(crate) struct Undo {
    pub(crate) position: u64,
    pub(crate) next_offset: i64,
    pub(crate) index: IndexPoint,
}

/// The pending bytes, which follow one another and end where the partition does.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    pub(crate) chunks: VecDeque<Chunk>,
    /// To go back to if the entry is not written.
    pub(crate) staged: Option<Undo>,
    /// All chunks are in the buffer or the file, though not synced; the file ended here before.
    pub(crate) flushed_from: Option<u64>,
    /// A job is under way.
    pub(crate) is_away: bool,
    /// The last job found the disk full.
    pub(crate) is_stuck: bool,
    /// The last job failed otherwise; only reopening the partition tries again.
    pub(crate) is_broken: bool,
}

#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) bytes: Bytes,
    pub(crate) next_offset: i64,
    /// The entry that holds it.
    pub(crate) sequence: u64,
}

/// Where staged bytes belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: i64,
    pub(crate) position: u64,
}

/// Pending bytes of one partition on their way to its segment.
pub(crate) struct Job {
    pub(crate) path: PathBuf,
    pub(crate) segment: Arc<Segment>,
    pub(crate) at: u64,
    pub(crate) partial: Option<Vec<u8>>,
    pub(crate) chunks: Vec<Bytes>,
    pub(crate) next_offset: i64,
}

/// A job whose bytes are written, not synced.
pub(crate) struct JobDone {
    pub(crate) file: Box<dyn File>,
    pub(crate) partial: Vec<u8>,
    pub(crate) end: u64,
}

impl Job {
    /// Bytes to write.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum()
    }

    /// The offset after the last of them.
    pub(crate) fn next_offset(&self) -> i64 {
        self.next_offset
    }
}

/// Writes the bytes of a job; the caller syncs.
pub(crate) fn run_job(
    disk: &dyn Disk,
    buffer: &mut AlignedBuffer,
    job: &Job,
) -> io::Result<JobDone> {
    let ActiveFile { file, direct, .. } = ActiveFile::open(disk, &job.path, job.at)?;
    let mut at = job.at;
    buffer.clear();
    if direct {
        let partial = match &job.partial {
            Some(partial) => partial.clone(),
            None => read_partial(&*file, job.at)?,
        };
        at -= partial.len() as u64;
        buffer.push(&partial);
    }
    let mut end = job.at;
    for chunk in &job.chunks {
        let mut rest: &[u8] = chunk;
        end += rest.len() as u64;
        while !rest.is_empty() {
            let pushed = buffer.push(rest);
            rest = rest.get(pushed..).unwrap_or_default();
            if buffer.room() == 0 {
                file.write_at(buffer.as_slice(), at)?;
                at += buffer.len() as u64;
                buffer.clear();
            }
        }
    }
    let mut partial = Vec::new();
    if direct {
        let content = buffer.as_slice();
        let whole = content.len() - content.len() % BLOCK_BYTES;
        partial.extend_from_slice(content.get(whole..).unwrap_or_default());
        buffer.pad();
    }
    if !buffer.is_empty() {
        file.write_at(buffer.as_slice(), at)?;
    }
    Ok(JobDone { file, partial, end })
}
