//! What a partition has in the shared write-ahead file and not in its segment yet.
//!
//! A round first *stages* its appends: they get offsets and places, and nothing is written. Once the entry that holds them
//! is written (and synced, where that was promised) they are *accepted*: pending. A *job* then writes all
//! that is pending to the segment, on another thread and without holding the partition; what is accepted
//! meanwhile is left to the next job. A round that goes straight to the segment writes what is pending before its
//! own, so it must not begin while a job is away.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tidemill_world::{Disk, OpenHow};

use super::{Failure, PartitionWriter, Pending, Tools};
use crate::backlog::{Chunk, Job, JobDone, Place, SETTLED};
use crate::names::Kind;

impl PartitionWriter {
    /// Begins a new segment if these appends, which are staged next, need one. No job may be away then.
    pub(crate) fn ready_stage(
        &mut self,
        tools: &mut Tools<'_>,
        jobs: &[Pending],
    ) -> Result<(), Failure> {
        self.know_age(tools.disk)?;
        self.begin_epoch(tools.disk)?;
        // What an entry continues must be durable, or the entry would be of no use after a crash.
        self.sync()?;
        if self.is_full_for(jobs, tools.now_ms) { self.roll_now(tools) } else { Ok(()) }
    }

    /// Decides on the appends and gives them offsets and places.
    pub(crate) fn stage(&mut self, now_ms: i64, jobs: &mut [Pending]) -> Place {
        self.producers.commit();
        self.backlog.staged = Some(self.undo_point());
        let place = Place { segment: self.segment.base, position: self.position };
        for job in jobs {
            if self.is_to_append(job, now_ms) {
                self.admit(job);
            }
        }
        place
    }

    /// Takes back what was staged.
    pub(crate) fn unstage(&mut self) {
        if let Some(undo) = self.backlog.staged.take() {
            self.forget_since(&undo);
        }
    }

    /// What was staged is in entry `sequence`: the bytes of each append and the offset after it.
    pub(crate) fn accept(&mut self, staged: impl Iterator<Item = (Bytes, i64)>, sequence: u64) {
        self.backlog.staged = None;
        self.backlog.chunks.extend(staged.map(|(bytes, next_offset)| Chunk {
            bytes,
            next_offset,
            sequence,
        }));
    }

    /// The oldest entry that is still needed.
    pub(crate) fn wal_from(&self) -> u64 {
        self.backlog.chunks.front().map_or(SETTLED, |chunk| chunk.sequence)
    }

    /// Whether a job is under way.
    pub(crate) fn is_away(&self) -> bool {
        self.backlog.is_away
    }

    /// Whether pending bytes could not be written because the disk was full.
    pub(crate) fn is_stuck(&self) -> bool {
        self.backlog.is_stuck
    }

    /// The offset up to which everything is in the segments.
    pub(crate) fn landed_offset(&self) -> i64 {
        let staged = self.backlog.staged.as_ref().map_or(self.next_offset, |undo| undo.next_offset);
        match self.backlog.chunks.front() {
            Some(chunk) => {
                crate::batch::header(&chunk.bytes).map_or(0, |header| header.base_offset)
            }
            None => staged,
        }
    }

    /// Writes all that is pending and makes everything durable. No job may be away.
    pub(crate) fn settle(&mut self, tools: &mut Tools<'_>) -> Result<(), Failure> {
        if !self.backlog.chunks.is_empty() {
            self.open(tools.disk)?;
            self.begin_write(tools.buffer);
            self.flush(tools)?;
        }
        self.sync()
    }

    /// The same for a partition that is stopped: writes the very bytes and nothing else, because what follows them in
    /// the file may have been seen by readers.
    pub(crate) fn settle_exactly(&mut self, disk: &dyn Disk) -> io::Result<()> {
        let file = disk.open(&self.segment.path(Kind::Log), OpenHow::Write)?;
        let mut at = self.in_file;
        for chunk in &self.backlog.chunks {
            file.write_at(&chunk.bytes, at)?;
            at += chunk.bytes.len() as u64;
        }
        file.sync_data()?;
        self.backlog.chunks.clear();
        self.in_file = at;
        self.synced_position = at;
        self.partial = None;
        self.segment.land(at);
        Ok(())
    }

    /// Puts what is pending into the buffer, before anything else.
    pub(super) fn write_pending(&mut self, tools: &mut Tools<'_>) -> Result<(), Failure> {
        if self.backlog.flushed_from.is_some() || self.backlog.chunks.is_empty() {
            return Ok(());
        }
        let chunks: Vec<Bytes> = self.chunks();
        for bytes in chunks {
            self.copy(tools, &bytes)?;
        }
        self.backlog.flushed_from = Some(self.in_file);
        Ok(())
    }

    fn chunks(&self) -> Vec<Bytes> {
        self.backlog.chunks.iter().map(|chunk| chunk.bytes.clone()).collect()
    }

    /// Whether pending bytes are written and not synced.
    pub(super) fn has_flushed(&self) -> bool {
        self.backlog.flushed_from.is_some()
    }

    /// The bytes that were flushed are synced.
    pub(super) fn end_flush(&mut self) {
        if self.backlog.flushed_from.take().is_some_and(|from| from < self.in_file) {
            self.backlog.chunks.clear();
            self.backlog.is_stuck = false;
        }
    }

    /// Nothing is known of the bytes that were flushed: they are pending as before.
    pub(super) fn give_up_flush(&mut self) {
        let from = self.backlog.flushed_from.take();
        if let Some(from) = from.filter(|from| *from != self.in_file) {
            self.in_file = from;
            self.partial = None;
        }
    }

    /// Nothing is known of the file: only reopening writes to it again.
    pub(super) fn break_file(&mut self) {
        self.give_up_flush();
        self.backlog.is_broken = true;
    }

    /// What is pending in entries below `synced`, to be written to the segment; `None` if there is nothing, or it is on
    /// its way.
    pub(crate) fn begin_job(&mut self, synced: u64) -> Option<Job> {
        if self.backlog.is_away || self.backlog.is_broken {
            return None;
        }
        let due = self.backlog.chunks.partition_point(|chunk| chunk.sequence < synced);
        let next_offset = self.backlog.chunks.get(due.checked_sub(1)?)?.next_offset;
        self.backlog.is_away = true;
        let chunks = self.backlog.chunks.range(..due).map(|chunk| chunk.bytes.clone()).collect();
        Some(Job {
            path: self.segment.path(Kind::Log),
            segment: Arc::clone(&self.segment),
            at: self.in_file,
            partial: self.partial.clone(),
            chunks,
            next_offset,
        })
    }

    /// The job is done and synced, or what became of it.
    pub(crate) fn end_job(&mut self, job: &Job, done: Result<JobDone, Failure>) {
        self.backlog.is_away = false;
        match done {
            Ok(done) => {
                self.backlog.chunks.drain(..job.chunks.len().min(self.backlog.chunks.len()));
                self.backlog.is_stuck = false;
                self.padded |= done.file.is_direct();
                self.partial = Some(done.partial);
                self.in_file = done.end;
                self.synced_position = done.end;
                job.segment.land(done.end);
            }
            Err(Failure::Full) => self.backlog.is_stuck = true,
            Err(Failure::Broken(_)) => self.backlog.is_broken = true,
        }
    }
}
