//! Putting the appends of one round into the segment of one partition.
//!
//! # How bytes reach the file
//!
//! The batches of a round are copied once into aligned memory that all partitions share, their base offset and
//! leader epoch patched before, and written in large aligned pieces. A direct file takes whole blocks only:
//! the last partial block is kept in memory and written again, longer, with the next round, so the
//! file ends in zeros. A buffered file is written byte for byte.
//!
//! # What may fail
//!
//! A full disk refuses the appends of this round: what was half written is cut off again and the partition goes
//! on. Any other failed write, and every failed sync, breaks the partition: nothing is known of the file
//! any more, and only recovery may go on with it.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use tidemill_world::{AlignedBuffer, BLOCK_BYTES, Disk};

use crate::aborted::Aborted;
use crate::active::{ActiveFile, append_index, create_log, into_owned};
use crate::age::{SegmentAge, SegmentLimits};
use crate::batch::{EndMarker, HEADER_BYTES, header, set_base_offset, set_leader_epoch};
use crate::checkpoint::{EpochStart, Mark, write_epochs};
use crate::index::{ActiveIndex, IndexPoint};
use crate::names::{Kind, LEADER_EPOCHS, segment_file};
use crate::producer_files::Snapshots;
use crate::producers::{Decision, Producers, SequenceError};
use crate::segment::Segment;

/// One append on its way into the file.
#[derive(Debug)]
pub(crate) struct Pending {
    /// Checked batches; patched while they are placed.
    pub(crate) bytes: Bytes,
    /// Offsets that they take.
    pub(crate) records: i64,
    /// The first of them, once placed.
    pub(crate) base_offset: i64,
    /// The offset to answer, -1 before it is known: another when the append, or its beginning, was there before.
    pub(crate) first_offset: i64,
    /// Whether any batch has a producer id.
    pub(crate) has_producer: bool,
    /// What `bytes` say when they are the end of a transaction.
    pub(crate) marker: Option<EndMarker>,
    /// Why it was left out; the others go on.
    pub(crate) refused: Option<SequenceError>,
}

/// What became of the appends of one round.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    /// So many of them were written.
    pub(crate) written: usize,
    /// So many of those are synced already, because a segment was closed behind them.
    pub(crate) settled: usize,
    /// Why the rest were not.
    pub(crate) failure: Option<Failure>,
}

/// Why a write did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No room on the disk; the file is as it was before.
    Full,
    /// The file cannot be trusted any more.
    Broken(String),
}

impl Failure {
    fn of_write(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Broken(format!("write failed: {error}")),
        }
    }

    fn of_sync(error: &io::Error) -> Self {
        Self::Broken(format!("sync failed: {error}"))
    }
}

/// What the writer lends to a partition for one round.
pub(crate) struct Tools<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) buffer: &'a mut AlignedBuffer,
    /// The log's wall clock, milliseconds.
    pub(crate) now_ms: i64,
}

/// The end of one partition: the segment that is being written and all that only the writer knows of it.
pub(crate) struct PartitionWriter {
    folder: PathBuf,
    /// As the topic says now.
    pub(crate) limits: SegmentLimits,
    pub(crate) segment: Arc<Segment>,
    age: SegmentAge,
    file: Option<ActiveFile>,
    /// Bytes of the segment that are written.
    pub(crate) position: u64,
    /// Bytes of the segment that are synced.
    pub(crate) synced_position: u64,
    pub(crate) next_offset: i64,
    epoch: i32,
    epochs: Vec<EpochStart>,
    unsynced: bool,
    /// The file may be longer than `position`.
    padded: bool,
    flushed: Flushed,
    pub(crate) producers: Producers,
    snapshots: Snapshots,
    /// Segments begun since the last publication.
    pub(crate) begun: Vec<Arc<Segment>>,
    /// Segments closed since the last publication, with their final length.
    pub(crate) closed: Vec<(Arc<Segment>, u64)>,
    /// The round that last used the open file.
    pub(crate) used_round: u64,
    /// Whether the writer keeps it in its list of partitions whose mark is behind.
    pub(crate) is_dirty: bool,
}

/// How much of the indexes is in their files, with the checksum of that.
#[derive(Clone, Copy, Debug, Default)]
struct Flushed {
    offsets: (usize, u32),
    times: (usize, u32),
    aborted: (usize, u32),
}

struct Undo {
    position: u64,
    next_offset: i64,
    index: IndexPoint,
}

/// What a partition's end looks like when it is opened.
pub(crate) struct OpenedEnd {
    pub(crate) folder: PathBuf,
    pub(crate) limits: SegmentLimits,
    /// The log's wall clock, milliseconds.
    pub(crate) now_ms: i64,
    pub(crate) segment: Arc<Segment>,
    pub(crate) position: u64,
    pub(crate) next_offset: i64,
    pub(crate) epoch: i32,
    pub(crate) epochs: Vec<EpochStart>,
    pub(crate) producers: Producers,
    pub(crate) snapshots: Snapshots,
}

impl PartitionWriter {
    pub(crate) fn new(end: OpenedEnd) -> Self {
        Self {
            folder: end.folder,
            limits: end.limits,
            segment: end.segment,
            age: SegmentAge::new(end.now_ms),
            file: None,
            position: end.position,
            synced_position: end.position,
            next_offset: end.next_offset,
            epoch: end.epoch,
            epochs: end.epochs,
            unsynced: false,
            padded: false,
            flushed: Flushed::default(),
            producers: end.producers,
            snapshots: end.snapshots,
            begun: Vec::new(),
            closed: Vec::new(),
            used_round: 0,
            is_dirty: false,
        }
    }

    /// Writes `jobs` one after another. Not synced when it returns, except where a segment was closed.
    pub(crate) fn place(&mut self, tools: &mut Tools<'_>, jobs: &mut [Pending]) -> Placed {
        let mut placed = Placed::default();
        let mut undo = None;
        let result = self.place_all(tools, jobs, &mut placed, &mut undo);
        let Err(failure) = result else {
            placed.written = jobs.len();
            return placed;
        };
        placed.written = placed.settled;
        placed.failure = Some(match (&failure, undo) {
            (Failure::Full, Some(undo)) => self.rewind(tools, &undo),
            _ => failure,
        });
        placed
    }

    fn place_all(
        &mut self,
        tools: &mut Tools<'_>,
        jobs: &mut [Pending],
        placed: &mut Placed,
        undo: &mut Option<Undo>,
    ) -> Result<(), Failure> {
        self.open(tools.disk)?;
        self.know_age()?;
        self.begin_epoch(tools.disk)?;
        *undo = Some(self.begin(tools.buffer));
        let mut is_fresh = false;
        for at in 0..jobs.len() {
            let Some(job) = jobs.get_mut(at) else { break };
            if self.is_full_for(job, tools.now_ms) {
                self.flush(tools)?;
                is_fresh = false;
                *undo = None;
                self.sync()?;
                placed.settled = at;
                self.roll(tools.disk, tools.now_ms)?;
                *undo = Some(self.begin(tools.buffer));
            }
            if self.is_to_append(job, tools.now_ms) {
                is_fresh = true;
                self.take(tools, job)?;
            }
        }
        // A round of nothing but repeats writes nothing.
        if is_fresh { self.flush(tools) } else { Ok(()) }
    }

    /// Decides on the order of producers. What was there before, or is refused, is left without bytes.
    fn is_to_append(&mut self, job: &mut Pending, now_ms: i64) -> bool {
        if !job.has_producer {
            return true;
        }
        let offset = self.next_offset;
        let decision = match &job.marker {
            Some(marker) => self.end_transaction(marker, now_ms),
            None => self.producers.decide(&job.bytes, offset, now_ms),
        };
        match decision {
            Ok(Decision::Append) => return true,
            Ok(Decision::AppendRest { bytes, records, base_offset }) => {
                job.bytes = job.bytes.slice(bytes.min(job.bytes.len())..);
                job.records -= records;
                job.first_offset = base_offset;
                return true;
            }
            Ok(Decision::Duplicate { base_offset }) => {
                job.base_offset = base_offset;
                job.first_offset = base_offset;
            }
            Err(error) => job.refused = Some(error),
        }
        job.bytes = Bytes::new();
        false
    }

    /// Decides on a marker; a transaction that it aborts goes into the segment's index.
    fn end_transaction(
        &mut self,
        marker: &EndMarker,
        now_ms: i64,
    ) -> Result<Decision, SequenceError> {
        let completed = self.producers.end(marker, self.next_offset, now_ms)?;
        if let Some(aborted) = completed.as_ref().and_then(Aborted::of) {
            self.segment.push_aborted(&aborted);
        }
        Ok(Decision::Append)
    }

    /// Whether the next segment must begin before this append.
    fn is_full_for(&self, job: &Pending, now_ms: i64) -> bool {
        let bytes = u64::try_from(job.bytes.len()).unwrap_or(u64::MAX);
        let last = self.next_offset.saturating_add(job.records).saturating_sub(self.segment.base);
        let too_long = self.position.saturating_add(bytes) > self.limits.bytes;
        let too_old = || self.age.at(&job.bytes, now_ms) > self.limits.ms;
        self.position > 0 && (too_long || last > i64::from(i32::MAX) || too_old())
    }

    /// Learns of a segment that was not begun here when its first batch was written.
    fn know_age(&mut self) -> Result<(), Failure> {
        if self.position == 0 || self.age.first.is_some() {
            return Ok(());
        }
        let Some(file) = &self.file else { return Err(not_open()) };
        let mut head = [0; HEADER_BYTES];
        file.file.read_at(&mut head, 0).map_err(|error| Failure::of_write(&error))?;
        self.age.begin(&head);
        Ok(())
    }

    fn open(&mut self, disk: &dyn Disk) -> Result<(), Failure> {
        if self.file.is_some() {
            return Ok(());
        }
        let path = self.segment.path(Kind::Log);
        let opened = ActiveFile::open(disk, &path, self.position);
        self.file = Some(opened.map_err(|error| Failure::of_write(&error))?);
        Ok(())
    }

    /// The first write of a new epoch is preceded by its durable entry (KIP-101, KIP-320).
    fn begin_epoch(&mut self, disk: &dyn Disk) -> Result<(), Failure> {
        if self.epochs.last().is_some_and(|last| last.epoch >= self.epoch) {
            return Ok(());
        }
        let mut epochs = self.epochs.clone();
        epochs.push(EpochStart { epoch: self.epoch, offset: self.next_offset });
        write_epochs(disk, &self.folder.join(LEADER_EPOCHS), &epochs)
            .map_err(|error| Failure::of_write(&error))?;
        self.epochs = epochs;
        Ok(())
    }

    /// Readies the buffer: it begins with the partial block that is written again.
    fn begin(&mut self, buffer: &mut AlignedBuffer) -> Undo {
        buffer.clear();
        self.producers.commit();
        if let Some(file) = &mut self.file {
            file.at = self.position;
            if file.direct {
                buffer.push(&file.partial);
                file.at -= file.partial.len() as u64;
            }
        }
        let index = self.segment.index.read().unwrap_or_else(PoisonError::into_inner);
        let index = index.as_ref().map_or_else(|| ActiveIndex::new(0).point(), ActiveIndex::point);
        Undo { position: self.position, next_offset: self.next_offset, index }
    }

    /// Patches one append and copies it into the buffer, writing that out whenever it is full.
    fn take(&mut self, tools: &mut Tools<'_>, job: &mut Pending) -> Result<(), Failure> {
        job.base_offset = self.next_offset;
        if job.first_offset < 0 {
            job.first_offset = self.next_offset;
        }
        if self.position == 0 {
            self.age.begin(&job.bytes);
        }
        let mut bytes = into_owned(std::mem::take(&mut job.bytes));
        self.patch(&mut bytes);
        job.bytes = bytes.freeze();
        let mut rest: &[u8] = &job.bytes;
        loop {
            let pushed = tools.buffer.push(rest);
            rest = rest.get(pushed..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            self.write_out(tools.buffer)?;
        }
        self.position += job.bytes.len() as u64;
        Ok(())
    }

    /// Gives every batch its offset and epoch and tells the index. The batches were checked before.
    fn patch(&mut self, bytes: &mut [u8]) {
        let mut index = self.segment.index.write().unwrap_or_else(PoisonError::into_inner);
        let mut at = 0;
        while let Some(batch) = bytes.get_mut(at..)
            && let Ok(mut header) = header(batch)
        {
            set_base_offset(batch, self.next_offset);
            set_leader_epoch(batch, self.epoch);
            header.base_offset = self.next_offset;
            if let Some(index) = index.as_mut() {
                index.add(&header, self.position + at as u64);
            }
            self.next_offset = header.last_offset() + 1;
            at += header.bytes;
        }
    }

    /// Writes the whole buffer, which ends at a block's end.
    fn write_out(&mut self, buffer: &mut AlignedBuffer) -> Result<(), Failure> {
        let Some(file) = &mut self.file else { return Err(not_open()) };
        self.unsynced = true;
        self.padded |= file.direct;
        file.file
            .write_at(buffer.as_slice(), file.at)
            .map_err(|error| Failure::of_write(&error))?;
        file.at += buffer.len() as u64;
        buffer.clear();
        Ok(())
    }

    /// Writes what is left in the buffer; of a direct file with zeros up to the block's end.
    fn flush(&mut self, tools: &mut Tools<'_>) -> Result<(), Failure> {
        let Some(file) = &self.file else { return Err(not_open()) };
        if !file.direct {
            return if tools.buffer.is_empty() { Ok(()) } else { self.write_out(tools.buffer) };
        }
        let content = tools.buffer.as_slice();
        let whole = content.len() - content.len() % BLOCK_BYTES;
        let partial = content.get(whole..).unwrap_or_default().to_vec();
        tools.buffer.pad();
        if !tools.buffer.is_empty() {
            self.write_out(tools.buffer)?;
        }
        if let Some(file) = &mut self.file {
            file.partial = partial;
        }
        Ok(())
    }

    /// Makes what was written durable.
    pub(crate) fn sync(&mut self) -> Result<(), Failure> {
        if !self.unsynced {
            return Ok(());
        }
        let Some(file) = &self.file else { return Err(not_open()) };
        file.file.sync_data().map_err(|error| Failure::of_sync(&error))?;
        self.unsynced = false;
        self.synced_position = self.position;
        Ok(())
    }

    /// Closes the segment and begins the next at the next offset. Everything written must be synced. When the
    /// disk is full the old segment goes on.
    fn roll(&mut self, disk: &dyn Disk, now_ms: i64) -> Result<(), Failure> {
        let write_failed = |error: io::Error| Failure::of_write(&error);
        self.flush_index(disk, true).map_err(write_failed)?;
        let base = self.next_offset;
        let path = segment_file(&self.folder, base, Kind::Log);
        self.write_snapshot(disk);
        let next = create_log(disk, &path).map_err(write_failed)?;
        disk.sync_dir(&self.folder).map_err(|error| Failure::of_sync(&error))?;
        self.trim()?;
        let index = Some(ActiveIndex::new(base));
        let segment = Arc::new(Segment::new(&self.folder, base, 0, index));
        let old = std::mem::replace(&mut self.segment, Arc::clone(&segment));
        old.close_index();
        self.closed.push((old, self.position));
        self.begun.push(segment);
        self.file = Some(next);
        self.age = SegmentAge::new(now_ms);
        self.position = 0;
        self.synced_position = 0;
        self.flushed = Flushed::default();
        Ok(())
    }

    /// Closes a segment that takes no more because of its age; a segment without batches stays.
    pub(crate) fn roll_now(&mut self, disk: &dyn Disk, now_ms: i64) -> Result<(), Failure> {
        if self.position == 0 {
            return Ok(());
        }
        self.open(disk)?;
        self.sync()?;
        self.roll(disk, now_ms)
    }

    /// Cuts the zeros off the end of the file, durably.
    fn trim(&mut self) -> Result<(), Failure> {
        let Some(file) = &self.file else { return Err(not_open()) };
        let failed = |error: io::Error| Failure::of_sync(&error);
        if self.padded {
            file.file.set_len(self.position).map_err(failed)?;
            file.file.sync_data().map_err(failed)?;
            self.padded = false;
        }
        Ok(())
    }

    /// Takes back a round that found the disk full: the file ends where it ended before.
    fn rewind(&mut self, tools: &mut Tools<'_>, undo: &Undo) -> Failure {
        self.position = undo.position;
        self.next_offset = undo.next_offset;
        self.producers.rewind(undo.next_offset);
        if let Some(index) =
            self.segment.index.write().unwrap_or_else(PoisonError::into_inner).as_mut()
        {
            index.rewind(undo.index);
        }
        match self.cut_back(tools.buffer) {
            Ok(()) => Failure::Full,
            Err(error) => Failure::Broken(format!("a full disk, and taking back failed: {error}")),
        }
    }

    fn cut_back(&mut self, buffer: &mut AlignedBuffer) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        if !file.direct {
            file.file.set_len(self.position)?;
            file.file.sync_data()?;
            self.unsynced = false;
            return Ok(());
        }
        file.file.set_len(self.position.next_multiple_of(BLOCK_BYTES as u64))?;
        if !file.partial.is_empty() {
            buffer.clear();
            buffer.push(&file.partial);
            buffer.pad();
            file.file.write_at(buffer.as_slice(), self.position - file.partial.len() as u64)?;
        }
        file.file.sync_data()?;
        self.unsynced = false;
        Ok(())
    }

    /// Writes what is new of the indexes to their files; the transaction index only where it is synced, because
    /// recovery does not go by a mark there.
    fn flush_index(&mut self, disk: &dyn Disk, sync: bool) -> io::Result<()> {
        if sync {
            self.flush_aborted(disk)?;
        }
        let mut index = self.segment.index.write().unwrap_or_else(PoisonError::into_inner);
        let Some(index) = index.as_mut() else { return Ok(()) };
        index.push_time();
        let (offsets, times) = (Kind::OffsetIndex, Kind::TimeIndex);
        let flushed = &mut self.flushed;
        append_index(
            disk,
            &self.segment.path(offsets),
            &index.offsets,
            &mut flushed.offsets,
            sync,
        )?;
        append_index(disk, &self.segment.path(times), &index.times, &mut flushed.times, sync)
    }

    /// Writes what is known of producers. Recovery believes the transaction index up to a snapshot, so the index goes
    /// to the disk first; if it cannot, the older snapshot and the batches after it are as good.
    fn write_snapshot(&mut self, disk: &dyn Disk) {
        match self.flush_aborted(disk) {
            Ok(()) => self.snapshots.write(disk, &self.folder, self.next_offset, &self.producers),
            Err(error) => {
                let path = self.segment.path(Kind::TransactionIndex);
                tracing::warn!("{} cannot be written: {error}", path.display());
            }
        }
    }

    /// Writes the transaction index, durably; the folder is synced by what comes after.
    fn flush_aborted(&mut self, disk: &dyn Disk) -> io::Result<()> {
        let index = self.segment.index.read().unwrap_or_else(PoisonError::into_inner);
        let Some(index) = index.as_ref() else { return Ok(()) };
        let flushed = &mut self.flushed.aborted;
        if flushed.0 == index.aborted.len() {
            return Ok(());
        }
        let path = self.segment.path(Kind::TransactionIndex);
        append_index(disk, &path, &index.aborted, flushed, true)
    }

    /// How far everything is synced, after writing the indexes up to there. Call it only between rounds.
    pub(crate) fn mark(&mut self, disk: &dyn Disk, sync: bool) -> io::Result<Mark> {
        self.flush_index(disk, sync)?;
        let Flushed { offsets, times, .. } = self.flushed;
        Ok(Mark {
            offset: self.next_offset,
            segment: self.segment.base,
            position: self.position,
            offset_index: (offsets.0 as u64, offsets.1),
            time_index: (times.0 as u64, times.1),
        })
    }

    /// Sees to it that no batch before `offset` is needed to know the producers. Call it only between rounds.
    pub(crate) fn secure_producers(&mut self, disk: &dyn Disk, offset: i64) -> bool {
        if !self.snapshots.reach(offset) && !self.unsynced {
            self.write_snapshot(disk);
        }
        self.snapshots.reach(offset)
    }

    /// Where each leader epoch began.
    pub(crate) fn epochs(&self) -> &[EpochStart] {
        &self.epochs
    }

    /// Whether the file is open.
    pub(crate) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Closes the file to free handles; the next round opens it again. Nothing may be unsynced.
    pub(crate) fn close_file(&mut self) {
        if !self.unsynced {
            self.file = None;
        }
    }

    /// Readies the partition for a clean stop: no zeros at the end, everything durable.
    pub(crate) fn finish(&mut self, disk: &dyn Disk) -> Result<Mark, Failure> {
        if self.padded || self.unsynced {
            self.open(disk)?;
            self.sync()?;
            self.trim()?;
        }
        self.file = None;
        self.write_snapshot(disk);
        self.mark(disk, true).map_err(|error| Failure::of_write(&error))
    }
}

fn not_open() -> Failure {
    Failure::Broken("the segment file is not open".into())
}
