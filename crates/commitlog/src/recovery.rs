//! Finding a partition's end when it is opened.
//!
//! # The rules
//!
//! * What lies before the durable mark was synced and is believed. After a clean stop the mark is the end.
//! * What lies past it is scanned: length, checksum and order of every batch. Zeros at the end are the
//!   padding of direct writes and are cut.
//! * Bytes that are no batch are a **torn round** when nothing good follows further away than a round is long:
//!   they are cut, and nobody was ever told that they were there.
//! * They are **corruption** when a good batch follows further away, or in a later segment: it was written after
//!   these bytes were synced. The same when a file is shorter than its mark. Then nothing is cut, the partition
//!   is stopped, and the message says where to look.
//! * The last round may be there and yet not synced: it is written once more and synced before it counts.
//! * After an unclean stop the log's leader epoch rises, so that clients find out what was cut (KIP-320). One
//!   epoch serves all partitions: it is one small durable write, however many there are.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidemill_world::{Disk, File, OpenHow};

use crate::age::SegmentLimits;
use crate::batch::{HEADER_BYTES, header};
use crate::checkpoint::{EpochStart, Mark, read_epochs};
use crate::clean::finish_swaps;
use crate::error::Corruption;
use crate::index::{ActiveIndex, OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES, decode_offset};
use crate::limits::{INDEX_FILE_BYTES_MAX, INDEX_INTERVAL_BYTES, ROUND_BYTES_MAX};
use crate::names::{Kind, LEADER_EPOCHS, segment_base, segment_file};
use crate::place::{OpenedEnd, PartitionWriter};
use crate::producer_files::{Loaded, Loading, Snapshots};
use crate::scan::{Scan, find_batch, scan};
use crate::segment::Segment;
use crate::state::{Condition, Opened};

/// What is known of a partition before its files are looked at.
pub(crate) struct Recovery<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) folder: &'a Path,
    pub(crate) limits: SegmentLimits,
    pub(crate) mark: Option<&'a Mark>,
    /// How far the write-ahead file went, all of which must be there.
    pub(crate) redone: Option<Redone>,
    pub(crate) log_start: Option<i64>,
    /// Before this the log was compacted. Ours leaves no gap between segments, Kafka's may.
    pub(crate) cleaned_to: i64,
    /// The log's leader epoch, which rose if it was not stopped cleanly.
    pub(crate) epoch: i32,
    /// The log's wall clock, and how long an idle producer is remembered, milliseconds.
    pub(crate) now_ms: i64,
    pub(crate) producer_expiration_ms: i64,
}

/// The end of what the write-ahead file held of a partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Redone {
    pub(crate) segment: i64,
    pub(crate) end: u64,
}

/// A segment file that was looked at.
struct Scanned {
    base: i64,
    scan: Scan,
    index: ActiveIndex,
}

/// Why the scan stopped for good.
enum Stop {
    Io(io::Error),
    Corrupt(Corruption),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Recovery<'_> {
    /// Opens the partition; a corrupt one is opened as stopped.
    pub(crate) fn run(&self) -> io::Result<Opened> {
        match self.recover() {
            Ok(opened) => Ok(opened),
            Err(Stop::Io(error)) => Err(error),
            Err(Stop::Corrupt(corruption)) => {
                tracing::error!("{corruption}");
                let start = self.log_start.unwrap_or(0);
                Ok(Opened {
                    segments: Vec::new(),
                    writer: None,
                    log_start_offset: start,
                    high_watermark: start,
                    last_stable_offset: start,
                    leader_epoch: self.epoch,
                    condition: Condition::Corrupt(Arc::new(corruption)),
                })
            }
        }
    }

    fn recover(&self) -> Result<Opened, Stop> {
        finish_swaps(self.disk, self.folder)?.map_err(Stop::Corrupt)?;
        let mut bases = self.segment_bases()?;
        if bases.is_empty() {
            bases.push(self.create_first(self.log_start.unwrap_or(0))?);
        }
        let (mut before, scanned) = self.scan_from_mark(&bases)?;
        let scanned = self.settle(scanned)?;
        let Some((last, closed)) = scanned.split_last() else {
            return Err(io::Error::other("a partition has no segment").into());
        };
        let mut has_rebuilt = false;
        for base in &before {
            has_rebuilt |= self.check_index(*base)?;
        }
        for segment in closed {
            self.write_index(segment)?;
        }
        before.extend(closed.iter().map(|segment| segment.base));
        Ok(self.opened(&before, last, has_rebuilt)?)
    }

    /// The bases of the segments, ascending; those wholly before the log's start are removed on the way (a
    /// retention that was cut short), unless they are needed to know the producers.
    fn segment_bases(&self) -> io::Result<Vec<i64>> {
        let entries = self.disk.list(self.folder)?;
        let mut bases: Vec<i64> =
            entries.iter().filter_map(|entry| segment_base(&entry.name)).collect();
        bases.sort_unstable();
        let start = self.log_start.unwrap_or(0);
        let snapshots = Snapshots::list(self.disk, self.folder)?;
        while let [first, second, ..] = bases.as_slice()
            && *second <= start
            && snapshots.reach(*second)
        {
            remove_segment(self.disk, self.folder, *first)?;
            bases.remove(0);
        }
        Ok(bases)
    }

    fn create_first(&self, base: i64) -> io::Result<i64> {
        let path = segment_file(self.folder, base, Kind::Log);
        self.disk.open(&path, OpenHow::Write)?.sync_data()?;
        self.disk.sync_dir(self.folder)?;
        Ok(base)
    }

    /// Splits the segments at the mark and scans those from it on.
    fn scan_from_mark(&self, bases: &[i64]) -> Result<(Vec<i64>, Vec<Scanned>), Stop> {
        let marked = self.mark.map_or(i64::MIN, |mark| mark.segment);
        if let (Some(mark), Some(last)) = (self.mark, bases.last())
            && marked > *last
        {
            return Err(self.lost(mark, "the file is missing, though it was synced"));
        }
        if let (Some(redone), Some(last)) = (self.redone, bases.last())
            && redone.segment > *last
        {
            let mark = Mark { segment: redone.segment, ..Mark::default() };
            return Err(self.lost(&mark, "the file is missing, though it was written to"));
        }
        let first = bases.partition_point(|base| *base < marked);
        let (before, after) = bases.split_at(first);
        let mut scanned = Vec::new();
        for base in after {
            let mark = self.mark.filter(|mark| mark.segment == *base);
            scanned.push(self.scan_segment(*base, mark)?);
        }
        Ok((before.to_vec(), scanned))
    }

    fn lost(&self, mark: &Mark, what: &str) -> Stop {
        Stop::Corrupt(Corruption {
            file: segment_file(self.folder, mark.segment, Kind::Log),
            position: mark.position,
            what: what.to_owned(),
        })
    }

    fn scan_segment(&self, base: i64, mark: Option<&Mark>) -> Result<Scanned, Stop> {
        let path = segment_file(self.folder, base, Kind::Log);
        let file = self.disk.open(&path, OpenHow::Read)?;
        let bytes = file.len()?;
        if let Some(mark) = mark.filter(|mark| mark.position > bytes) {
            let what = format!("the file has {bytes} bytes, but more were synced");
            return Err(Stop::Corrupt(Corruption {
                file: path,
                position: mark.position.min(bytes),
                what,
            }));
        }
        let resumed = mark.and_then(|mark| Some((mark, self.load_index(mark)?)));
        let (position, next_offset, mut index) = match resumed {
            Some((mark, index)) => (mark.position, mark.offset, index),
            None => (0, base, ActiveIndex::new(base)),
        };
        let found = scan(&*file, position, next_offset, &mut index)?;
        if let Some(mark) = mark.filter(|mark| mark.position > found.end) {
            // The index had to be built anew, and a batch before the mark is wrong.
            let what = found.bad.unwrap_or_else(|| format!("zeros before byte {}", mark.position));
            return Err(Stop::Corrupt(Corruption { file: path, position: found.end, what }));
        }
        let redone = self.redone.filter(|redone| redone.segment == base);
        if let Some(redone) = redone.filter(|redone| redone.end > found.end) {
            let bad = found.bad.as_deref().unwrap_or("batches are missing");
            let what =
                format!("{bad}, but {} bytes were synced in the write-ahead file", redone.end);
            return Err(Stop::Corrupt(Corruption { file: path, position: found.end, what }));
        }
        Ok(Scanned { base, scan: found, index })
    }

    /// The index up to the mark, if its files are what they were when the mark was made.
    fn load_index(&self, mark: &Mark) -> Option<ActiveIndex> {
        let offsets = self.load_prefix(mark, Kind::OffsetIndex, mark.offset_index)?;
        let times = self.load_prefix(mark, Kind::TimeIndex, mark.time_index)?;
        Some(ActiveIndex::resume(mark.segment, offsets, times, mark.position))
    }

    fn load_prefix(&self, mark: &Mark, kind: Kind, (bytes, crc): (u64, u32)) -> Option<Vec<u8>> {
        if bytes == 0 {
            return Some(Vec::new());
        }
        let path = segment_file(self.folder, mark.segment, kind);
        let mut content = self.disk.read_all(&path, INDEX_FILE_BYTES_MAX).ok()?;
        content.truncate(usize::try_from(bytes).ok()?);
        let same = content.len() as u64 == bytes && crc32c::crc32c(&content) == crc;
        same.then_some(content)
    }

    /// Decides on the first bad place: cuts a torn round, stops at corruption. Afterwards the last of the
    /// returned segments ends the partition.
    fn settle(&self, mut scanned: Vec<Scanned>) -> Result<Vec<Scanned>, Stop> {
        let broken = |at: usize, segments: &[Scanned]| {
            let Some(segment) = segments.get(at) else { return false };
            let next = segments.get(at + 1);
            let next_offset = segment.scan.next_offset;
            let is_gap = |base: i64| base > next_offset && base > self.cleaned_to;
            segment.scan.bad.is_some()
                || next.is_some_and(|next| next.base < next_offset || is_gap(next.base))
        };
        let first_broken = (0..scanned.len()).find(|at| broken(*at, &scanned));
        if let Some(at) = first_broken {
            self.refuse_corruption(at, &scanned)?;
            for later in scanned.drain(at + 1..) {
                remove_segment(self.disk, self.folder, later.base)?;
            }
        }
        let closed = scanned.len().saturating_sub(1);
        for (at, segment) in scanned.iter().enumerate() {
            self.cut(segment, at < closed)?;
        }
        if let Some(last) = scanned.last() {
            self.confirm(last)?;
        }
        Ok(scanned)
    }

    /// Writes what may be an unsynced round once more and syncs it, before anybody reads it: after a sync that
    /// failed the bytes can still be read although they will never reach the disk by themselves.
    fn confirm(&self, last: &Scanned) -> io::Result<()> {
        let marked = self.mark.filter(|mark| mark.segment == last.base).map_or(0, |m| m.position);
        let end = last.scan.end;
        let start = marked.max(end.saturating_sub(ROUND_BYTES_MAX as u64));
        if start >= end {
            return Ok(());
        }
        let path = segment_file(self.folder, last.base, Kind::Log);
        let file = self.disk.open(&path, OpenHow::Write)?;
        let mut round = vec![0; usize::try_from(end - start).unwrap_or(0)];
        let read = file.read_at(&mut round, start)?;
        round.truncate(read);
        file.write_at(&round, start)?;
        file.sync_data()
    }

    fn refuse_corruption(&self, at: usize, scanned: &[Scanned]) -> Result<(), Stop> {
        let Some(segment) = scanned.get(at) else { return Ok(()) };
        let Scan { end, next_offset, bad } = &segment.scan;
        let file = segment_file(self.folder, segment.base, Kind::Log);
        let corrupt = |why: String| {
            let bad = bad.clone().unwrap_or_else(|| "batches are missing at the end".into());
            let what = format!("{bad}, but {why}, so these bytes were synced before");
            Stop::Corrupt(Corruption { file: file.clone(), position: *end, what })
        };
        let log = self.disk.open(&file, OpenHow::Read)?;
        let beyond = end.saturating_add(ROUND_BYTES_MAX as u64);
        if let Some((position, found)) = find_batch(&*log, beyond, *next_offset)? {
            let offset = found.base_offset;
            return Err(corrupt(format!(
                "the batch of offset {offset} at byte {position} is whole"
            )));
        }
        for later in scanned.get(at + 1..).unwrap_or_default() {
            let path = segment_file(self.folder, later.base, Kind::Log);
            let log = self.disk.open(&path, OpenHow::Read)?;
            if let Some((_, found)) = find_batch(&*log, 0, *next_offset)? {
                let (offset, path) = (found.base_offset, path.display());
                return Err(corrupt(format!("the batch of offset {offset} in {path} is whole")));
            }
        }
        Ok(())
    }

    /// Makes the file end where its good batches end. A closed one is made to even if it does, because the
    /// sync of its cutting may have failed.
    fn cut(&self, segment: &Scanned, is_closed: bool) -> io::Result<()> {
        let path = segment_file(self.folder, segment.base, Kind::Log);
        let file = self.disk.open(&path, OpenHow::Write)?;
        let bytes = file.len()?;
        if bytes == segment.scan.end && !is_closed {
            return Ok(());
        }
        if let Some(bad) = &segment.scan.bad {
            let cut = bytes - segment.scan.end;
            let end = segment.scan.end;
            tracing::warn!(
                "{}: torn at byte {end} ({bad}); cut {cut} bytes that were never confirmed",
                path.display()
            );
        }
        file.set_len(segment.scan.end)?;
        file.sync_data()
    }

    /// Builds the index files of a closed segment anew if they are missing or plainly short; whether it had to.
    fn check_index(&self, base: i64) -> io::Result<bool> {
        if self.has_index(base)? {
            return Ok(false);
        }
        let file = self.disk.open(&segment_file(self.folder, base, Kind::Log), OpenHow::Read)?;
        let mut index = ActiveIndex::new(base);
        let scan = scan(&*file, 0, base, &mut index)?;
        self.write_index(&Scanned { base, scan, index })?;
        Ok(true)
    }

    fn has_index(&self, base: i64) -> io::Result<bool> {
        let log = self.disk.open(&segment_file(self.folder, base, Kind::Log), OpenHow::Read)?;
        let bytes = log.len()?;
        let Some(offsets) = self.open_index(base, Kind::OffsetIndex, OFFSET_ENTRY_BYTES)? else {
            return Ok(false);
        };
        let Some(times) = self.open_index(base, Kind::TimeIndex, TIME_ENTRY_BYTES)? else {
            return Ok(false);
        };
        let has_times = bytes == 0 || times.len()? > 0;
        Ok(has_times && reaches_end(&*offsets, &*log, bytes)?)
    }

    fn open_index(&self, base: i64, kind: Kind, entry: usize) -> io::Result<Option<Box<dyn File>>> {
        match self.disk.open(&segment_file(self.folder, base, kind), OpenHow::Read) {
            Ok(file) => Ok(file.len()?.is_multiple_of(entry as u64).then_some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write_index(&self, segment: &Scanned) -> io::Result<()> {
        let mut index = segment.index.clone();
        index.push_time();
        for (kind, content) in
            [(Kind::OffsetIndex, &index.offsets), (Kind::TimeIndex, &index.times)]
        {
            let file =
                self.disk.open(&segment_file(self.folder, segment.base, kind), OpenHow::Write)?;
            file.set_len(0)?;
            file.write_at(content, 0)?;
            file.sync_data()?;
        }
        self.disk.sync_dir(self.folder)
    }

    fn opened(&self, before: &[i64], last: &Scanned, distrusts_index: bool) -> io::Result<Opened> {
        let start = self.log_start.unwrap_or(0);
        if last.scan.next_offset < start {
            return self.start_over(before, last.base, start);
        }
        let mut segments: Vec<Arc<Segment>> = Vec::new();
        for base in before {
            let path = segment_file(self.folder, *base, Kind::Log);
            let bytes = self.disk.open(&path, OpenHow::Read)?.len()?;
            segments.push(Arc::new(Segment::new(self.folder, *base, bytes, None)));
        }
        let index = Some(last.index.clone());
        let active = Arc::new(Segment::new(self.folder, last.base, last.scan.end, index));
        segments.push(Arc::clone(&active));
        let first = segments.first().map_or(start, |segment| segment.base);
        let (epoch, epochs) = self.epochs(last.scan.next_offset)?;
        let loading = Loading {
            disk: self.disk,
            folder: self.folder,
            segments: &segments,
            end: last.scan.next_offset,
            now_ms: self.now_ms,
            distrusts_index,
        };
        let Loaded { mut producers, snapshots } = loading.run()?;
        producers.expire(self.now_ms, self.producer_expiration_ms);
        let last_stable_offset = producers.stable_before(last.scan.next_offset);
        let writer = PartitionWriter::new(OpenedEnd {
            folder: self.folder.to_owned(),
            limits: self.limits,
            now_ms: self.now_ms,
            segment: active,
            position: last.scan.end,
            next_offset: last.scan.next_offset,
            epoch,
            epochs,
            producers,
            snapshots,
        });
        Ok(Opened {
            segments,
            writer: Some(writer),
            log_start_offset: start.max(first),
            high_watermark: last.scan.next_offset,
            last_stable_offset,
            leader_epoch: epoch,
            condition: Condition::Open,
        })
    }

    /// All that is left was deleted by raising the log's start: the partition goes on from there.
    fn start_over(&self, before: &[i64], last: i64, start: i64) -> io::Result<Opened> {
        for base in before.iter().chain([&last]) {
            remove_segment(self.disk, self.folder, *base)?;
        }
        let base = self.create_first(start)?;
        let scan = Scan { end: 0, next_offset: base, bad: None };
        self.opened(&[], &Scanned { base, scan, index: ActiveIndex::new(base) }, false)
    }

    fn epochs(&self, end: i64) -> io::Result<(i32, Vec<EpochStart>)> {
        let mut epochs = read_epochs(self.disk, &self.folder.join(LEADER_EPOCHS))?;
        // An epoch whose every batch was cut never was.
        let last = epochs.last().map(|start| start.epoch);
        while epochs.len() > 1 && epochs.last().is_some_and(|start| start.offset > end) {
            epochs.pop();
        }
        Ok((self.epoch.max(last.unwrap_or(0)), epochs))
    }
}

/// Whether the last entry of an offset index is as near to the log's end as the interval demands.
fn reaches_end(offsets: &dyn File, log: &dyn File, log_bytes: u64) -> io::Result<bool> {
    let entries = offsets.len()? / OFFSET_ENTRY_BYTES as u64;
    let mut indexed = 0;
    if let Some(last) = entries.checked_sub(1) {
        let mut entry = [0; OFFSET_ENTRY_BYTES];
        offsets.read_at(&mut entry, last * OFFSET_ENTRY_BYTES as u64)?;
        indexed = u64::from(decode_offset(entry).1);
    }
    let mut at = indexed;
    while at < log_bytes {
        // A batch that begins so far behind the last entry would have one of its own.
        if at - indexed > INDEX_INTERVAL_BYTES {
            return Ok(false);
        }
        let mut head = [0; HEADER_BYTES];
        log.read_at(&mut head, at)?;
        match header(&head) {
            Ok(header) => at += header.bytes as u64,
            Err(_) => return Ok(false),
        }
    }
    Ok(at == log_bytes)
}

/// Removes the files of a segment, the log last: while it is there the segment is.
pub(crate) fn remove_segment(disk: &dyn Disk, folder: &Path, base: i64) -> io::Result<()> {
    let [offsets, times] = [Kind::OffsetIndex, Kind::TimeIndex];
    for kind in [offsets, times, Kind::TransactionIndex, Kind::Snapshot, Kind::Log] {
        let path: PathBuf = segment_file(folder, base, kind);
        match disk.remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
