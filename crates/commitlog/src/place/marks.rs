//! Indexes, snapshots and marks: what spares the next opening of a partition most of its reading.

use std::io;
use std::sync::PoisonError;

use tidemill_world::Disk;

use super::{Flushed, MarkPoint, PartitionWriter};
use crate::active::append_index;
use crate::checkpoint::Mark;
use crate::index::{ActiveIndex, IndexPoint};
use crate::names::Kind;

impl PartitionWriter {
    /// Writes what is new of the indexes to their files: all, or no more than there was at some point.
    pub(super) fn flush_index(
        &mut self,
        disk: &dyn Disk,
        sync: bool,
        end: Option<IndexPoint>,
    ) -> io::Result<()> {
        if sync {
            self.flush_aborted(disk)?;
        }
        let mut index = self.segment.index.write().unwrap_or_else(PoisonError::into_inner);
        let Some(index) = index.as_mut() else { return Ok(()) };
        if end.is_none() {
            index.push_time();
        }
        let (offsets, times) = index.until(end.unwrap_or(index.point()));
        let (offset_path, time_path) =
            (self.segment.path(Kind::OffsetIndex), self.segment.path(Kind::TimeIndex));
        append_index(disk, &offset_path, offsets, &mut self.flushed.offsets, sync)?;
        append_index(disk, &time_path, times, &mut self.flushed.times, sync)
    }

    /// Writes what is known of producers. Recovery believes the transaction index up to a snapshot, so the index goes
    /// to the disk first; if it cannot, the older snapshot and the batches after it are as good.
    pub(super) fn write_snapshot(&mut self, disk: &dyn Disk) {
        match self.flush_aborted(disk) {
            Ok(()) => self.snapshots.write(disk, &self.folder, self.next_offset, &self.producers),
            Err(error) => {
                let path = self.segment.path(Kind::TransactionIndex);
                tracing::warn!("{} cannot be written: {error}", path.display());
            }
        }
    }

    /// Writes the transaction index, durably; the folder is synced by what comes after.
    pub(super) fn flush_aborted(&mut self, disk: &dyn Disk) -> io::Result<()> {
        let index = self.segment.index.read().unwrap_or_else(PoisonError::into_inner);
        let Some(index) = index.as_ref() else { return Ok(()) };
        let flushed = &mut self.flushed.aborted;
        if flushed.0 == index.aborted.len() {
            return Ok(());
        }
        let path = self.segment.path(Kind::TransactionIndex);
        append_index(disk, &path, &index.aborted, flushed, true)
    }

    /// How far everything is synced, after writing the indexes up to there; `None` when that is not known to be
    /// further than last time. Call it only between rounds.
    pub(crate) fn mark(&mut self, disk: &dyn Disk, sync: bool) -> io::Result<Option<Mark>> {
        if self.position == self.synced_position {
            self.next_mark = None;
            self.flush_index(disk, sync, None)?;
            return Ok(Some(self.mark_at(self.next_offset, self.position)));
        }
        let reached = |point: &MarkPoint| point.position <= self.synced_position;
        let mark = match self.next_mark.take_if(|point| reached(point)) {
            Some(MarkPoint { offset, position, index }) => {
                self.flush_index(disk, sync, Some(index))?;
                Some(self.mark_at(offset, position))
            }
            None => None,
        };
        if self.next_mark.is_none() {
            self.next_mark = Some(self.mark_point());
        }
        Ok(mark)
    }

    fn mark_at(&self, offset: i64, position: u64) -> Mark {
        let Flushed { offsets, times, .. } = self.flushed;
        Mark {
            offset,
            segment: self.segment.base,
            position,
            offset_index: (offsets.0 as u64, offsets.1),
            time_index: (times.0 as u64, times.1),
        }
    }

    /// A mark of what is there now, good once it is all synced.
    fn mark_point(&self) -> MarkPoint {
        let mut index = self.segment.index.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = index.as_mut() {
            index.push_time();
        }
        let index = index.as_ref().map_or_else(|| ActiveIndex::new(0).point(), ActiveIndex::point);
        MarkPoint { offset: self.next_offset, position: self.position, index }
    }

    /// Whether the end of the partition is not marked yet.
    pub(crate) fn is_behind(&self, mark: Option<&Mark>) -> bool {
        mark.is_none_or(|mark| mark.offset != self.next_offset)
    }

    /// Sees to it that no batch before `offset` is needed to know the producers. Call it only between rounds.
    pub(crate) fn secure_producers(&mut self, disk: &dyn Disk, offset: i64) -> bool {
        if !self.snapshots.reach(offset) && !self.unsynced {
            self.write_snapshot(disk);
        }
        self.snapshots.reach(offset)
    }
}
