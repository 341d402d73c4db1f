//! Keeping what is known of producers over a restart: snapshots beside the segments, and the batch headers after
//! the newest of them.
//!
//! A snapshot `<offset>.snapshot` holds the state after every record before that offset. It is written when a
//! segment is closed and at a clean stop. While the batches are there it is a help only: one that cannot be written or
//! read costs a longer reading of headers, never a duplicate. Therefore a segment is removed only once a snapshot
//! reaches past it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tidemill_world::{Disk, File, OpenHow};

use crate::batch::{BatchHeader, EndMarker, HEADER_BYTES, MARKER_BYTES_MAX, header};
use crate::index::{OFFSET_ENTRY_BYTES, find_position};
use crate::limits::PRODUCER_SNAPSHOT_BYTES_MAX;
use crate::names::{Kind, segment_file, snapshot_offset};
use crate::producer_snapshot::{decode, encode};
use crate::producers::Producers;
use crate::segment::Segment;

/// So many snapshots are kept: the second is for when the newest cannot be read.
const SNAPSHOTS_KEPT: usize = 2;

/// Bytes read at once from a log whose headers are read: a page, so that small batches share a read and the
/// bodies of large ones are passed over.
const WINDOW_BYTES: usize = 4 << 10;

/// The snapshots of one partition, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Snapshots(Vec<i64>);

impl Snapshots {
    /// Writes the state at `offset` and removes what is too old. A failure is told and forgotten: the snapshots
    /// before are still right.
    pub(crate) fn write(
        &mut self,
        disk: &dyn Disk,
        folder: &Path,
        offset: i64,
        producers: &Producers,
    ) {
        if self.0.last() == Some(&offset) {
            return;
        }
        let path = segment_file(folder, offset, Kind::Snapshot);
        if let Err(error) = disk.replace(&path, &encode(producers)) {
            tracing::warn!("{} cannot be written: {error}", path.display());
            return;
        }
        self.0.push(offset);
        let old = self.0.len().saturating_sub(SNAPSHOTS_KEPT);
        for offset in self.0.drain(..old) {
            remove(disk, folder, offset);
        }
    }
}

impl Snapshots {
    /// Whether what lies before `offset` is not needed any more to know the producers.
    pub(crate) fn reach(&self, offset: i64) -> bool {
        self.0.last().is_some_and(|last| *last >= offset)
    }

    /// The snapshots that are there, read or not.
    pub(crate) fn list(disk: &dyn Disk, folder: &Path) -> io::Result<Self> {
        let entries = disk.list(folder)?;
        let mut offsets: Vec<i64> =
            entries.iter().filter_map(|entry| snapshot_offset(&entry.name)).collect();
        offsets.sort_unstable();
        Ok(Self(offsets))
    }
}

fn remove(disk: &dyn Disk, folder: &Path, offset: i64) {
    let path = segment_file(folder, offset, Kind::Snapshot);
    match disk.remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!("{} cannot be removed: {error}", path.display());
        }
        _ => {}
    }
}

/// What is known of the producers of a log that ends at `end`.
pub(crate) fn load(
    disk: &dyn Disk,
    folder: &Path,
    segments: &[Arc<Segment>],
    end: i64,
    now_ms: i64,
) -> io::Result<(Producers, Snapshots)> {
    let (mut producers, from, snapshots) = load_snapshot(disk, folder, end)?;
    let first = segments.partition_point(|segment| segment.base <= from).saturating_sub(1);
    for segment in segments.get(first..).unwrap_or_default() {
        if from < end {
            replay(disk, segment, from, now_ms, &mut producers)?;
        }
    }
    producers.commit();
    Ok((producers, snapshots))
}

/// The newest snapshot that can be read, and its offset; those that cannot, or that lie past the end, are
/// removed.
fn load_snapshot(
    disk: &dyn Disk,
    folder: &Path,
    end: i64,
) -> io::Result<(Producers, i64, Snapshots)> {
    remove_unfinished(disk, folder)?;
    let Snapshots(mut offsets) = Snapshots::list(disk, folder)?;
    while let Some(offset) = offsets.last().copied() {
        if offset <= end {
            let path = segment_file(folder, offset, Kind::Snapshot);
            let read = disk.read_all(&path, PRODUCER_SNAPSHOT_BYTES_MAX);
            let read = read.map_err(|error| error.to_string());
            match read.and_then(|bytes| decode(&bytes).map_err(str::to_owned)) {
                Ok(producers) => return Ok((producers, offset, Snapshots(offsets))),
                Err(why) => {
                    let path = path.display();
                    tracing::warn!("{path} is not used: {why}; older state and batches are read");
                }
            }
        }
        remove(disk, folder, offset);
        offsets.pop();
    }
    Ok((Producers::default(), i64::MIN, Snapshots::default()))
}

/// Removes what a crash left of a snapshot: the next one has another name and would not replace it.
fn remove_unfinished(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    for entry in disk.list(folder)?.iter().filter(|entry| entry.name.ends_with(".snapshot.tmp")) {
        disk.remove_file(&folder.join(&entry.name))?;
    }
    Ok(())
}

/// Takes in the batches of one segment from offset `from` on.
fn replay(
    disk: &dyn Disk,
    segment: &Segment,
    from: i64,
    now_ms: i64,
    producers: &mut Producers,
) -> io::Result<()> {
    let path = segment.path(Kind::Log);
    let file = disk.open(&path, OpenHow::Read)?;
    let mut headers = Headers { file: &*file, end: segment.published(), start: 0, window: vec![] };
    let mut at = position_near(segment, from)?;
    while at < headers.end {
        let Some(header) = headers.at(at)? else {
            let path = path.display();
            tracing::warn!("{path}: no batch at byte {at}; producers after it are not known");
            return Ok(());
        };
        if header.base_offset >= from && header.producer_id >= 0 {
            if header.is_control() {
                if let Some(marker) = headers.marker(at, &header)? {
                    producers.note_marker(&marker, header.base_offset, now_ms);
                }
            } else if header.base_sequence >= 0 {
                producers.note(&header, header.base_offset, now_ms);
            }
            producers.commit();
        }
        at += header.bytes as u64;
    }
    Ok(())
}

/// A place to begin reading from; exact enough for the segment that is written, the start for others.
fn position_near(segment: &Segment, from: i64) -> io::Result<u64> {
    let index = segment.index.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(index) = index.as_ref().filter(|_| from > segment.base) else { return Ok(0) };
    let (entries, _) = index.offsets.as_chunks::<OFFSET_ENTRY_BYTES>();
    // The entry of a batch that ends before `from`.
    find_position(entries.len() as u64, from - segment.base - 1, |at| {
        let entry = usize::try_from(at).ok().and_then(|at| entries.get(at));
        entry.copied().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    })
}

/// The batch headers of a log file.
struct Headers<'a> {
    file: &'a dyn File,
    /// Where the batches end.
    end: u64,
    start: u64,
    window: Vec<u8>,
}

impl Headers<'_> {
    /// The header at `position`, if there is one whose batch ends within the log.
    fn at(&mut self, position: u64) -> io::Result<Option<BatchHeader>> {
        let inside = position
            .checked_sub(self.start)
            .and_then(|at| usize::try_from(at).ok())
            .filter(|at| at.saturating_add(HEADER_BYTES) <= self.window.len());
        let at = match inside {
            Some(at) => at,
            None => {
                self.window.resize(WINDOW_BYTES, 0);
                let read = self.file.read_at(&mut self.window, position)?;
                self.window.truncate(read);
                self.start = position;
                0
            }
        };
        let found = header(self.window.get(at..).unwrap_or_default()).ok();
        Ok(found.filter(|header| header.bytes as u64 <= self.end.saturating_sub(position)))
    }

    /// The marker in the control batch at `position`, if it is one of a transaction.
    fn marker(&self, position: u64, header: &BatchHeader) -> io::Result<Option<EndMarker>> {
        if header.bytes > MARKER_BYTES_MAX {
            return Ok(None);
        }
        let mut batch = vec![0; header.bytes];
        let read = self.file.read_at(&mut batch, position)?;
        batch.truncate(read);
        Ok(EndMarker::read(&batch.into()))
    }
}
