//! Keeping what is known of producers over a restart: snapshots beside the segments, and the batch headers after
//! the newest of them.
//!
//! A snapshot `<offset>.snapshot` holds the state after every record before that offset. It is written when a
//! segment is closed and at a clean stop. While the batches are there it is a help only: one that cannot be written or
//! read costs a longer reading of headers, never a duplicate. Therefore a segment is removed only once a snapshot
//! reaches past it. The same reading finds out which transactions were aborted after the snapshot.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use tidemill_world::{Disk, Entry, File, OpenHow};

use crate::aborted::Aborted;
use crate::aborted_files::AbortedFiles;
use crate::batch::{BatchHeader, EndMarker, HEADER_BYTES, MARKER_BYTES_MAX, header};
use crate::index::{OFFSET_ENTRY_BYTES, find_position};
use crate::limits::PRODUCER_SNAPSHOT_BYTES_MAX;
use crate::names::{Kind, segment_file, snapshot_offset};
use crate::producer_snapshot::{decode, encode};
use crate::producers::{Completed, Producers};
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
        Ok(Self::of(&disk.list(folder)?))
    }

    fn of(entries: &[Entry]) -> Self {
        let mut offsets: Vec<i64> =
            entries.iter().filter_map(|entry| snapshot_offset(&entry.name)).collect();
        offsets.sort_unstable();
        Self(offsets)
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

/// What the files of a partition say of its producers and transactions.
pub(crate) struct Loaded {
    pub(crate) producers: Producers,
    pub(crate) snapshots: Snapshots,
}

/// A partition whose producers are loaded: its segments hold all batches before `end`.
pub(crate) struct Loading<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) folder: &'a Path,
    pub(crate) segments: &'a [Arc<Segment>],
    pub(crate) end: i64,
    pub(crate) now_ms: i64,
    /// Whether a segment lost an index, so that its transaction index is not believed either.
    pub(crate) distrusts_index: bool,
}

impl Loading<'_> {
    /// Loads what is known of the producers, and makes the transaction indexes right.
    pub(crate) fn run(&self) -> io::Result<Loaded> {
        let entries = self.disk.list(self.folder)?;
        remove_unfinished(self.disk, self.folder, &entries)?;
        let snapshots = Snapshots::of(&entries);
        let (mut producers, from, snapshots) = self.load_snapshot(snapshots)?;
        let files = AbortedFiles::read(self.disk, self.folder, &entries, self.segments)?;
        let before = files.before(self.segments, from).filter(|_| !self.distrusts_index);
        let mut aborted = match before {
            Some(aborted) => aborted,
            None => self.replay(i64::MIN, from, &mut Producers::default())?,
        };
        aborted.append(&mut self.replay(from, self.end, &mut producers)?);
        files.settle(self.disk, self.folder, self.segments, &aborted)?;
        Ok(Loaded { producers, snapshots })
    }

    /// The newest snapshot that can be read, and its offset; those that cannot, or that lie past the end, are
    /// removed.
    fn load_snapshot(&self, found: Snapshots) -> io::Result<(Producers, i64, Snapshots)> {
        let Snapshots(mut offsets) = found;
        while let Some(offset) = offsets.last().copied() {
            if offset <= self.end {
                let path = segment_file(self.folder, offset, Kind::Snapshot);
                let read = self.disk.read_all(&path, PRODUCER_SNAPSHOT_BYTES_MAX);
                let read = read.map_err(|error| error.to_string());
                match read.and_then(|bytes| decode(&bytes).map_err(str::to_owned)) {
                    Ok(producers) => return Ok((producers, offset, Snapshots(offsets))),
                    Err(why) => {
                        let path = path.display();
                        tracing::warn!(
                            "{path} is not used: {why}; older state and batches are read"
                        );
                    }
                }
            }
            remove(self.disk, self.folder, offset);
            offsets.pop();
        }
        Ok((Producers::default(), i64::MIN, Snapshots::default()))
    }

    /// Takes in the batches from offset `from` up to `end`; returns the transactions that were aborted there.
    fn replay(&self, from: i64, end: i64, producers: &mut Producers) -> io::Result<Vec<Aborted>> {
        let mut aborted = Vec::new();
        if from >= end {
            return Ok(aborted);
        }
        let first = self.segments.partition_point(|segment| segment.base <= from);
        for segment in self.segments.get(first.saturating_sub(1)..).unwrap_or_default() {
            if segment.base < end {
                self.replay_segment(segment, from..end, producers, &mut aborted)?;
            }
        }
        // A transaction that began in a segment that is gone is not known to be open until its next batch. A search
        // must not stop early for that.
        let base = self.segments.first().map_or(0, |segment| segment.base);
        if base > 0 && from < base {
            aborted
                .iter_mut()
                .for_each(|entry| entry.stable_offset = entry.stable_offset.min(base));
        }
        Ok(aborted)
    }

    fn replay_segment(
        &self,
        segment: &Segment,
        offsets: Range<i64>,
        producers: &mut Producers,
        aborted: &mut Vec<Aborted>,
    ) -> io::Result<()> {
        let path = segment.path(Kind::Log);
        let file = self.disk.open(&path, OpenHow::Read)?;
        let mut headers =
            Headers { file: &*file, end: segment.published(), start: 0, window: vec![] };
        let mut at = position_near(segment, offsets.start)?;
        while at < headers.end {
            let Some(header) = headers.at(at)? else {
                let path = path.display();
                tracing::warn!("{path}: no batch at byte {at}; producers after it are not known");
                return Ok(());
            };
            if offsets.contains(&header.base_offset) && header.producer_id >= 0 {
                let completed = self.take_in(&headers, at, &header, producers)?;
                aborted.extend(completed.as_ref().and_then(Aborted::of));
                producers.commit();
            }
            at += header.bytes as u64;
        }
        Ok(())
    }

    fn take_in(
        &self,
        headers: &Headers<'_>,
        at: u64,
        header: &BatchHeader,
        producers: &mut Producers,
    ) -> io::Result<Option<Completed>> {
        if header.is_control() {
            let marker = headers.marker(at, header)?;
            return Ok(marker.and_then(|marker| {
                producers.note_marker(&marker, header.base_offset, self.now_ms)
            }));
        }
        if header.base_sequence >= 0 {
            producers.note(header, header.base_offset, self.now_ms);
        }
        Ok(None)
    }
}

/// Removes what a crash left of files that were to replace others: the next ones may have other names and would not
/// replace them.
fn remove_unfinished(disk: &dyn Disk, folder: &Path, entries: &[Entry]) -> io::Result<()> {
    let is_unfinished =
        |name: &str| name.ends_with(".snapshot.tmp") || name.ends_with(".txnindex.tmp");
    for entry in entries.iter().filter(|entry| is_unfinished(&entry.name)) {
        disk.remove_file(&folder.join(&entry.name))?;
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
