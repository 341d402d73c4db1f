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
use tidemill_world::{AlignedBuffer, BLOCK_BYTES, Disk, OpenHow};

use crate::aborted::Aborted;
use crate::active::{ActiveFile, create_log, into_owned, read_partial};
use crate::age::{SegmentAge, SegmentLimits};
use crate::backlog::{Backlog, Undo};
use crate::batch::{EndMarker, HEADER_BYTES, header, set_base_offset, set_leader_epoch};
use crate::checkpoint::{EpochStart, Mark, write_epochs};
use crate::index::{ActiveIndex, IndexPoint};
use crate::limits::ROUND_BYTES_MAX;
use crate::names::{Kind, LEADER_EPOCHS, segment_file};
use crate::producer_files::Snapshots;
use crate::producers::{Decision, Producers, SequenceError};
use crate::segment::Segment;

mod marks;
mod pending;
mod undo;

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
    pub(crate) fn of_write(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Broken(format!("write failed: {error}")),
        }
    }

    pub(crate) fn of_sync(error: &io::Error) -> Self {
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
    /// Bytes of the segment, in its file or pending.
    pub(crate) position: u64,
    /// Bytes of it that are in its file.
    in_file: u64,
    /// The last, partial block of those; `None` when it must be read.
    partial: Option<Vec<u8>>,
    /// What is in the write-ahead file only.
    backlog: Backlog,
    /// Bytes of the segment that are synced.
    pub(crate) synced_position: u64,
    pub(crate) next_offset: i64,
    epoch: i32,
    epochs: Vec<EpochStart>,
    unsynced: bool,
    /// The file may be longer than its batches.
    padded: bool,
    flushed: Flushed,
    next_mark: Option<MarkPoint>,
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

/// A place that will be marked.
#[derive(Clone, Copy, Debug)]
struct MarkPoint {
    offset: i64,
    position: u64,
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
            in_file: end.position,
            partial: None,
            backlog: Backlog::default(),
            synced_position: end.position,
            next_offset: end.next_offset,
            epoch: end.epoch,
            epochs: end.epochs,
            unsynced: false,
            padded: false,
            flushed: Flushed::default(),
            next_mark: None,
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
        self.know_age(tools.disk)?;
        self.begin_epoch(tools.disk)?;
        let bytes: usize = jobs.iter().map(|job| job.bytes.len()).sum();
        if self.in_file - self.synced_position + bytes as u64 > ROUND_BYTES_MAX as u64 {
            self.sync()?;
        }
        *undo = Some(self.begin(tools.buffer));
        let mut is_fresh = false;
        for at in 0..jobs.len() {
            let Some(job) = jobs.get_mut(at) else { break };
            if self.is_full_for(std::slice::from_ref(job), tools.now_ms) {
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
    fn is_full_for(&self, jobs: &[Pending], now_ms: i64) -> bool {
        let bytes: u64 = jobs.iter().map(|job| job.bytes.len() as u64).sum();
        let records: i64 = jobs.iter().map(|job| job.records).sum();
        let last = self.next_offset.saturating_add(records).saturating_sub(self.segment.base);
        let too_long = self.position.saturating_add(bytes) > self.limits.bytes;
        let age = |job: &Pending| self.age.at(&job.bytes, now_ms);
        let too_old = || jobs.iter().any(|job| age(job) > self.limits.ms);
        self.position > 0 && (too_long || last > i64::from(i32::MAX) || too_old())
    }

    /// Learns of a segment that was not begun here when its first batch was written.
    fn know_age(&mut self, disk: &dyn Disk) -> Result<(), Failure> {
        if self.position == 0 || self.age.first.is_some() {
            return Ok(());
        }
        let failed = |error: io::Error| Failure::of_write(&error);
        let file = disk.open(&self.segment.path(Kind::Log), OpenHow::Read).map_err(failed)?;
        let mut head = [0; HEADER_BYTES];
        file.read_at(&mut head, 0).map_err(failed)?;
        self.age.begin(&head);
        Ok(())
    }

    fn open(&mut self, disk: &dyn Disk) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::of_write(&error);
        self.give_up_flush();
        if self.file.is_none() {
            let path = self.segment.path(Kind::Log);
            self.file = Some(ActiveFile::open(disk, &path, self.in_file).map_err(failed)?);
        }
        if let (Some(file), None) = (&self.file, &self.partial) {
            let partial =
                if file.direct { read_partial(&*file.file, self.in_file) } else { Ok(vec![]) };
            self.partial = Some(partial.map_err(failed)?);
        }
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
        self.begin_write(buffer);
        self.producers.commit();
        self.undo_point()
    }

    fn begin_write(&mut self, buffer: &mut AlignedBuffer) {
        buffer.clear();
        if let (Some(file), Some(partial)) = (&mut self.file, &self.partial) {
            buffer.push(partial);
            file.at = self.in_file - partial.len() as u64;
        }
    }

    fn undo_point(&self) -> Undo {
        let index = self.segment.index.read().unwrap_or_else(PoisonError::into_inner);
        let index = index.as_ref().map_or_else(|| ActiveIndex::new(0).point(), ActiveIndex::point);
        Undo { position: self.position, next_offset: self.next_offset, index }
    }

    /// Patches one append and copies it into the buffer, writing that out whenever it is full.
    fn take(&mut self, tools: &mut Tools<'_>, job: &mut Pending) -> Result<(), Failure> {
        self.write_pending(tools)?;
        self.admit(job);
        self.copy(tools, &job.bytes)
    }

    /// Gives an append its offsets and the place behind what is there.
    fn admit(&mut self, job: &mut Pending) {
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
        self.position += job.bytes.len() as u64;
    }

    fn copy(&mut self, tools: &mut Tools<'_>, mut rest: &[u8]) -> Result<(), Failure> {
        loop {
            let pushed = tools.buffer.push(rest);
            rest = rest.get(pushed..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
            self.write_out(tools.buffer)?;
        }
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

    /// Writes what is left in the buffer, pending bytes before it; of a direct file with zeros up to the block's end.
    fn flush(&mut self, tools: &mut Tools<'_>) -> Result<(), Failure> {
        self.write_pending(tools)?;
        let Some(file) = &self.file else { return Err(not_open()) };
        let mut partial = Vec::new();
        if file.direct {
            let content = tools.buffer.as_slice();
            let whole = content.len() - content.len() % BLOCK_BYTES;
            partial.extend_from_slice(content.get(whole..).unwrap_or_default());
            tools.buffer.pad();
        }
        if !tools.buffer.is_empty() {
            self.write_out(tools.buffer)?;
        }
        self.partial = Some(partial);
        self.in_file = self.position;
        Ok(())
    }

    /// Makes what was written durable.
    pub(crate) fn sync(&mut self) -> Result<(), Failure> {
        if !self.unsynced {
            return Ok(());
        }
        let Some(file) = &self.file else { return Err(not_open()) };
        if let Err(error) = file.file.sync_data() {
            self.break_file();
            return Err(Failure::of_sync(&error));
        }
        self.unsynced = false;
        self.synced_position = self.in_file;
        self.segment.land(self.in_file);
        self.end_flush();
        Ok(())
    }

    /// Closes the segment and begins the next at the next offset. Everything written must be synced. When the
    /// disk is full the old segment goes on.
    fn roll(&mut self, disk: &dyn Disk, now_ms: i64) -> Result<(), Failure> {
        let write_failed = |error: io::Error| Failure::of_write(&error);
        self.flush_index(disk, true, None).map_err(write_failed)?;
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
        self.partial = Some(Vec::new());
        self.file = Some(next);
        self.age = SegmentAge::new(now_ms);
        self.position = 0;
        self.in_file = 0;
        self.synced_position = 0;
        self.flushed = Flushed::default();
        self.next_mark = None;
        Ok(())
    }

    /// Closes a segment that takes no more because of its age; a segment without batches stays.
    pub(crate) fn roll_now(&mut self, tools: &mut Tools<'_>) -> Result<(), Failure> {
        if self.position == 0 {
            return Ok(());
        }
        self.settle(tools)?;
        self.open(tools.disk)?;
        self.roll(tools.disk, tools.now_ms)
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

    /// Where each leader epoch began.
    pub(crate) fn epochs(&self) -> &[EpochStart] {
        &self.epochs
    }

    /// Whether the file is open.
    pub(crate) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Closes the file to free handles; the next round opens it again.
    pub(crate) fn close_file(&mut self) -> Result<(), Failure> {
        self.sync()?;
        self.file = None;
        Ok(())
    }

    /// Whether what was written must be synced whatever was promised: it was pending, or too much would be torn
    /// at once.
    pub(crate) fn must_sync(&self) -> bool {
        let unsynced = self.in_file.saturating_sub(self.synced_position);
        self.has_flushed() || unsynced > (ROUND_BYTES_MAX / 2) as u64
    }

    /// Lets readers see what is done; of a broken round only what was synced before.
    pub(crate) fn publish(&self, broken: bool) {
        let (end, in_file) = match broken {
            true => (self.synced_position, self.synced_position),
            false => (self.position, self.in_file),
        };
        self.segment.publish(end);
        self.segment.land(in_file);
    }

    /// Whether the partition is as a clean stop left it: thousands that nobody wrote to cost nothing at the end.
    pub(crate) fn is_finished(&self, mark: Option<&Mark>) -> bool {
        let end = (self.next_offset, self.segment.base, self.position);
        mark.is_some_and(|mark| (mark.offset, mark.segment, mark.position) == end)
            && self.snapshots.reach(self.next_offset)
            && self.position == self.synced_position
            && !self.padded
            && self.file.is_none()
    }

    /// Readies the partition for a clean stop: no zeros at the end, everything durable.
    pub(crate) fn finish(&mut self, tools: &mut Tools<'_>) -> Result<Option<Mark>, Failure> {
        self.settle(tools)?;
        if self.padded {
            self.open(tools.disk)?;
            self.trim()?;
        }
        self.file = None;
        self.write_snapshot(tools.disk);
        self.mark(tools.disk, true).map_err(|error| Failure::of_write(&error))
    }
}

fn not_open() -> Failure {
    Failure::Broken("the segment file is not open".into())
}
