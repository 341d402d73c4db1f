//! One segment as readers see it: a log file and the two ways to find a place in it.
//!
//! `published` is how many bytes may be read; it grows when the writer has synced. Bytes that are in the write-ahead file
//! only are published and have not `landed`: readers find them in the tail. The file may be longer (zeros, or
//! bytes of a round under way), and its length means nothing. While the segment is being written its
//! index is in memory, afterwards in its files.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use tidemill_world::{Disk, File, OpenHow};

use crate::aborted::{Aborted, Search, Summary};
use crate::handles::ReadHandles;
use crate::index::{
    ActiveIndex, OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES, decode_time, find_position, find_time,
};
use crate::names::{Kind, SWAP, passing_file, segment_file};

/// Makes handles of different segments different, also when a topic is made anew under the same name.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// "Not known yet" for the greatest timestamp.
const UNKNOWN: i64 = i64::MIN;

#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) id: u64,
    pub(crate) base: i64,
    folder: PathBuf,
    /// It was cleaned, and its files may still have their passing names.
    is_passing: AtomicBool,
    /// Another segment has taken its place: its files may no longer be opened by their names.
    is_replaced: AtomicBool,
    published: AtomicU64,
    landed: AtomicU64,
    greatest_timestamp: AtomicI64,
    /// What a closed segment's transaction index has.
    aborted: OnceLock<Summary>,
    /// There while the segment is being written.
    pub(crate) index: RwLock<Option<ActiveIndex>>,
}

/// How to reach the files of segments.
#[derive(Clone, Copy)]
pub(crate) struct Files<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) handles: &'a ReadHandles,
}

impl Segment {
    pub(crate) fn new(
        folder: &Path,
        base: i64,
        published: u64,
        index: Option<ActiveIndex>,
    ) -> Self {
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            base,
            folder: folder.to_owned(),
            is_passing: AtomicBool::new(false),
            is_replaced: AtomicBool::new(false),
            published: AtomicU64::new(published),
            landed: AtomicU64::new(published),
            greatest_timestamp: AtomicI64::new(UNKNOWN),
            aborted: OnceLock::new(),
            index: RwLock::new(index),
        }
    }

    /// A closed segment that cleaning has made; its files still have their passing names.
    pub(crate) fn passing(folder: &Path, base: i64, bytes: u64) -> Self {
        let segment = Self::new(folder, base, bytes, None);
        segment.is_passing.store(true, Ordering::Release);
        segment
    }

    /// The files have their names for good.
    pub(crate) fn set_named(&self) {
        self.is_passing.store(false, Ordering::Release);
    }

    /// Another segment is in the list in its place; its names change from here on.
    pub(crate) fn set_replaced(&self) {
        self.is_replaced.store(true, Ordering::Release);
    }

    /// Whether a reader must look its offset up again.
    pub(crate) fn is_replaced(&self) -> bool {
        self.is_replaced.load(Ordering::Acquire)
    }

    pub(crate) fn path(&self, kind: Kind) -> PathBuf {
        segment_file(&self.folder, self.base, kind)
    }

    /// Bytes that may be read.
    pub(crate) fn published(&self) -> u64 {
        self.published.load(Ordering::Acquire)
    }

    /// Lets readers see so many bytes; what they have seen stays.
    pub(crate) fn publish(&self, bytes: u64) {
        self.published.fetch_max(bytes, Ordering::AcqRel);
    }

    /// So many bytes are in the file.
    pub(crate) fn land(&self, bytes: u64) {
        self.landed.fetch_max(bytes, Ordering::AcqRel);
    }

    /// Bytes that may be read from the file.
    pub(crate) fn readable(&self) -> u64 {
        self.published().min(self.landed.load(Ordering::Acquire))
    }

    /// The segment takes no more batches: its indexes are on the disk.
    pub(crate) fn close_index(&self) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = index.take() {
            self.set_aborted(Summary::of(&index.aborted));
        }
    }

    /// Adds to the transaction index of the segment that is being written.
    pub(crate) fn push_aborted(&self, aborted: &Aborted) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = index.as_mut() {
            aborted.push_to(&mut index.aborted);
        }
    }

    /// Tells a closed segment what its transaction index has.
    pub(crate) fn set_aborted(&self, summary: Summary) {
        // It is closed once.
        let _ = self.aborted.set(summary);
    }

    /// Whether the transaction index may have something for these offsets.
    pub(crate) fn may_have_aborted(&self, offsets: &Range<i64>) -> bool {
        self.aborted.get().is_none_or(|summary| summary.may_overlap(offsets))
    }

    /// Looks for aborted transactions whose markers are in this segment.
    pub(crate) fn search_aborted(&self, files: Files<'_>, search: &mut Search) -> io::Result<()> {
        if let Some(index) = &*self.index.read().unwrap_or_else(PoisonError::into_inner) {
            search.look_in(&index.aborted);
            return Ok(());
        }
        match self.aborted.get() {
            Some(summary) if summary.entries > 0 => {
                let file = self.file(files, Kind::TransactionIndex)?;
                search.look_in_file(&*file, summary.entries)
            }
            _ => Ok(()),
        }
    }

    /// An open file of the segment. Fails with [`is_replaced`](Self::is_replaced) set when the file under its name may
    /// be that of another segment.
    pub(crate) fn file(&self, files: Files<'_>, kind: Kind) -> io::Result<Arc<dyn File>> {
        let file = files.handles.get(self.id, kind, || self.open(files.disk, kind));
        // Told before the first name changes, so that what was opened before it was told is ours.
        if self.is_replaced() {
            files.handles.forget(self.id);
            return Err(io::Error::other("the segment was replaced"));
        }
        file
    }

    fn open(&self, disk: &dyn Disk, kind: Kind) -> io::Result<Arc<dyn File>> {
        if self.is_passing.load(Ordering::Acquire) {
            let passing = passing_file(&self.folder, self.base, kind, SWAP);
            match disk.open(&passing, OpenHow::Read) {
                // It has its name by now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => return Ok(Arc::from(result?)),
            }
        }
        Ok(Arc::from(disk.open(&self.path(kind), OpenHow::Read)?))
    }

    /// A position from which scanning forward meets the batch that holds `offset`.
    pub(crate) fn position_before(&self, files: Files<'_>, offset: i64) -> io::Result<u64> {
        let relative = offset.saturating_sub(self.base);
        if let Some(index) = &*self.index.read().unwrap_or_else(PoisonError::into_inner) {
            let (entries, _) = index.offsets.as_chunks::<OFFSET_ENTRY_BYTES>();
            return find_position(entries.len() as u64, relative, |at| nth(entries, at));
        }
        let (file, count) = self.index_file(files, Kind::OffsetIndex, OFFSET_ENTRY_BYTES)?;
        let position = find_position(count, relative, |at| entry_of(&*file, at))?;
        // An index that points outside its log is no help; the start always is.
        Ok(if position < self.readable() { position } else { 0 })
    }

    /// An offset from which scanning forward meets the first batch with a timestamp of at least this.
    pub(crate) fn offset_before(&self, files: Files<'_>, timestamp_ms: i64) -> io::Result<i64> {
        let found = if let Some(index) = &*self.index.read().unwrap_or_else(PoisonError::into_inner)
        {
            let (entries, _) = index.times.as_chunks::<TIME_ENTRY_BYTES>();
            find_time(entries.len() as u64, timestamp_ms, |at| nth(entries, at))?
        } else {
            let (file, count) = self.index_file(files, Kind::TimeIndex, TIME_ENTRY_BYTES)?;
            find_time(count, timestamp_ms, |at| entry_of(&*file, at))?
        };
        Ok(self.base.saturating_add(found.unwrap_or(0).into()))
    }

    /// The greatest timestamp of the segment, if any batch has one.
    pub(crate) fn greatest_timestamp(&self, files: Files<'_>) -> io::Result<Option<i64>> {
        if let Some(index) = &*self.index.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(index.greatest.map(|(timestamp, _)| timestamp));
        }
        let known = self.greatest_timestamp.load(Ordering::Relaxed);
        if known != UNKNOWN {
            return Ok(Some(known));
        }
        let (file, count) = self.index_file(files, Kind::TimeIndex, TIME_ENTRY_BYTES)?;
        let Some(last) = count.checked_sub(1) else { return Ok(None) };
        let (timestamp, _) = decode_time(entry_of(&*file, last)?);
        self.greatest_timestamp.store(timestamp, Ordering::Relaxed);
        Ok(Some(timestamp))
    }

    fn index_file(
        &self,
        files: Files<'_>,
        kind: Kind,
        entry_bytes: usize,
    ) -> io::Result<(Arc<dyn File>, u64)> {
        let file = self.file(files, kind)?;
        let count = file.len()? / entry_bytes as u64;
        Ok((file, count))
    }
}

fn nth<const N: usize>(entries: &[[u8; N]], at: u64) -> io::Result<[u8; N]> {
    let entry = usize::try_from(at).ok().and_then(|at| entries.get(at));
    entry.copied().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn entry_of<const N: usize>(file: &dyn File, at: u64) -> io::Result<[u8; N]> {
    let mut entry = [0; N];
    match file.read_at(&mut entry, at * N as u64)? {
        read if read == N => Ok(entry),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
