//! What the writer does between rounds: marks, retention, the clean stop.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::Writer;
use crate::checkpoint;
use crate::config::TopicConfig;
use crate::error::CloseError;
use crate::names::{CLEAN_STOP, KAFKA_LOG_STARTS, KAFKA_RECOVERY_POINTS, SYNCED_MARKS};
use crate::place::Tools;
use crate::recovery::remove_segment;
use crate::segment::Segment;
use crate::starts::write_starts;
use crate::state::{Condition, PartitionState};

/// The content of the clean-stop mark, as Kafka writes it.
const CLEAN_STOP_CONTENT: &[u8] = br#"{"version":0,"brokerEpoch":-1}"#;

impl Writer {
    /// Does what is due.
    pub(super) fn keep_house(&mut self) {
        let now = self.core.world.clock().now();
        if !self.dirty.is_empty() || self.core.wal.ring().is_unsynced() {
            let due = now.after(Duration::from_millis(self.core.config.mark_every_ms));
            self.mark_due.get_or_insert(due);
        }
        if self.mark_due.is_some_and(|due| due <= now) {
            self.mark_due = None;
            self.mark();
        }
        let asked = self.core.take_retention_request();
        if asked || self.retention_due <= now {
            self.retention_due =
                now.after(Duration::from_millis(self.core.config.retention_check_ms));
            self.retain();
        }
    }

    /// Writes the marks of the partitions that were written to, as far as they are synced, and sees to it that they
    /// are further next time.
    fn mark(&mut self) {
        self.sync_shared();
        let sequence = self.core.wal.ring().next_sequence();
        self.core.write_back.ask(sequence);
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.retain(|partition| self.mark_partition(partition));
        self.dirty = dirty;
        if let Err(error) = self.write_marks() {
            tracing::warn!("synced marks cannot be written: {error}");
        }
    }

    /// Makes durable what was promised as written only.
    fn sync_shared(&self) {
        let mut ring = self.core.wal.ring();
        if ring.is_unsynced()
            && let Err(error) = ring.sync()
        {
            // It is in memory all the same, and on its way to the segments.
            tracing::error!("sync of the write-ahead file failed: {error}");
        }
    }

    /// Brings a partition's mark up to now, or to where it is synced; whether that is not its end.
    fn mark_partition(&self, partition: &PartitionState) -> bool {
        let mut guard = partition.writer();
        let Some(writer) = guard.as_mut() else { return false };
        writer.is_dirty = false;
        if partition.check_append().is_err() {
            return false;
        }
        if let Err(failure) = writer.sync() {
            self.core.fence_if_broken(partition, &failure);
            return false;
        }
        let mut mark = partition.mark.lock().unwrap_or_else(PoisonError::into_inner);
        match writer.mark(self.core.world.disk(), false) {
            Ok(further) => *mark = further.or(mark.take()),
            // The old mark still holds; only more would be scanned.
            Err(error) => {
                tracing::warn!("index of {} cannot be written: {error}", partition.name);
            }
        }
        writer.is_dirty = writer.is_behind(mark.as_ref());
        writer.is_dirty
    }

    fn write_marks(&self) -> io::Result<()> {
        let (mut lines, mut marked) = (Vec::new(), Vec::new());
        for partition in self.core.partitions() {
            if let Some(mark) = &*partition.mark.lock().unwrap_or_else(PoisonError::into_inner) {
                lines.push(mark.line(partition.topic.id, partition.index));
                marked.push((Arc::clone(&partition), mark.segment));
            }
        }
        checkpoint::write(self.core.world.disk(), &self.path(SYNCED_MARKS), &lines)?;
        // What lies before them is not scanned any more, and may be cleaned.
        marked.iter().for_each(|(partition, segment)| partition.clean.set_durable_mark(*segment));
        Ok(())
    }

    /// What Kafka needs to go on with the folder: how far each partition is synced, and where it starts.
    fn write_kafkas_marks(&self) -> io::Result<()> {
        let (mut points, mut starts) = (Vec::new(), Vec::new());
        for partition in self.core.partitions() {
            let (topic, index) = (&partition.topic.name, partition.index);
            points.push(format!("{topic} {index} {}", partition.high_watermark()));
            starts.push(format!("{topic} {index} {}", partition.log_start_offset()));
        }
        let disk = self.core.world.disk();
        checkpoint::write(disk, &self.path(KAFKA_RECOVERY_POINTS), &points)?;
        checkpoint::write(disk, &self.path(KAFKA_LOG_STARTS), &starts)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.core.config.dir.join(name)
    }

    /// Removes segments that are too old or too many.
    fn retain(&mut self) {
        // A snapshot of producers must not be ahead of what is durable.
        self.sync_shared();
        for partition in self.core.partitions() {
            if partition.check_append().is_err() {
                continue;
            }
            self.expire_producers(&partition);
            if let Err(error) = self.retain_partition(&partition) {
                tracing::warn!("old segments of {} cannot be removed: {error}", partition.name);
            }
        }
    }

    fn expire_producers(&self, partition: &PartitionState) {
        let (now_ms, config) = (self.core.world.clock().wall_ms(), &self.core.config);
        if let Some(writer) = partition.writer().as_mut() {
            writer.producers.expire(now_ms, config.producer_expiration_ms());
        }
    }

    fn retain_partition(&mut self, partition: &Arc<PartitionState>) -> io::Result<()> {
        if self.has_expired(partition)? {
            self.roll_expired(partition);
        }
        let _turn = partition.clean.files_turn();
        if partition.clean.is_swap_pending() {
            return Ok(());
        }
        let segments = partition.segments.read().unwrap_or_else(PoisonError::into_inner).clone();
        let count = self.removable(partition, &segments)?;
        let Some(first_kept) = segments.get(count).filter(|_| count > 0) else { return Ok(()) };
        let disk = self.core.world.disk();
        let mut guard = partition.writer();
        let secured = guard.as_mut().map(|writer| writer.secure_producers(disk, first_kept.base));
        drop(guard);
        if secured != Some(true) {
            return Err(io::Error::other("no producer snapshot reaches past them"));
        }
        let start = partition.log_start_offset().max(first_kept.base);
        write_starts(&self.core, partition, start)?;
        partition
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|segment| segment.base >= first_kept.base);
        for segment in segments.iter().take(count) {
            self.core.handles.forget(segment.id);
            remove_segment(self.core.world.disk(), &partition.folder, segment.base)?;
        }
        Ok(())
    }

    /// Whether even the newest record is too old, so that the segment being written must go too.
    fn has_expired(&self, partition: &PartitionState) -> io::Result<bool> {
        let last =
            partition.segments.read().unwrap_or_else(PoisonError::into_inner).last().cloned();
        match last {
            Some(last) if last.published() > 0 => {
                self.is_expired(&partition.topic.info().config, &last)
            }
            _ => Ok(false),
        }
    }

    fn is_expired(&self, config: &TopicConfig, segment: &Segment) -> io::Result<bool> {
        let Some(retention_ms) = config.retention_ms.filter(|_| config.cleanup.delete) else {
            return Ok(false);
        };
        let limit = self.core.world.clock().wall_ms().saturating_sub(retention_ms);
        let greatest = segment.greatest_timestamp(self.core.files())?;
        // What has no timestamps has no age.
        Ok(greatest.is_some_and(|greatest| greatest >= 0 && greatest < limit))
    }

    fn roll_expired(&mut self, partition: &Arc<PartitionState>) {
        self.sync_shared();
        let (disk, now_ms) = (self.core.world.disk(), self.core.world.clock().wall_ms());
        let mut guard = self.core.writer_alone(partition);
        let Some(writer) = guard.as_mut() else { return };
        let was_open = writer.is_open();
        let result = writer.roll_now(&mut Tools { disk, buffer: &mut self.buffer, now_ms });
        for (segment, bytes) in writer.closed.drain(..) {
            segment.publish(bytes);
            segment.land(bytes);
        }
        let mut begun = std::mem::take(&mut writer.begun);
        partition.segments.write().unwrap_or_else(PoisonError::into_inner).append(&mut begun);
        if !was_open && writer.is_open() {
            self.open.push(Arc::clone(partition));
        }
        if !writer.is_dirty {
            writer.is_dirty = true;
            self.dirty.push(Arc::clone(partition));
        }
        let landed = writer.landed_offset();
        self.core.note_landed(partition, guard, landed);
        if let Err(failure) = result {
            self.core.fence_if_broken(partition, &failure);
        }
    }

    /// How many of the oldest segments may go; never the last.
    fn removable(
        &self,
        partition: &PartitionState,
        segments: &[Arc<Segment>],
    ) -> io::Result<usize> {
        let config = &partition.topic.info().config;
        let start = partition.log_start_offset();
        let mut bytes: u64 = segments.iter().map(|segment| segment.published()).sum();
        let bytes_max =
            config.retention_bytes.filter(|_| config.cleanup.delete).unwrap_or(u64::MAX);
        let mut count = 0;
        for pair in segments.windows(2) {
            let [segment, next] = pair else { break };
            let left = bytes.saturating_sub(segment.published());
            let goes =
                next.base <= start || left >= bytes_max || self.is_expired(config, segment)?;
            if !goes {
                break;
            }
            bytes = left;
            count += 1;
        }
        Ok(count)
    }

    /// The clean stop: files cut to their content, indexes and marks written, the mark left.
    pub(super) fn finish(&mut self) {
        self.sync_shared();
        self.core.write_back.close();
        let mut failed = None;
        for partition in self.core.partitions() {
            if let Err(why) = self.finish_partition(&partition) {
                failed.get_or_insert(why);
            }
            partition.stop(Condition::Closed);
        }
        if let Err(error) = self.write_kafkas_marks() {
            // They are for Kafka only, which would scan more.
            tracing::warn!("checkpoints for Kafka cannot be written: {error}");
        }
        let marked = self.write_marks().map_err(|error| error.to_string());
        failed = failed.or(marked.err()).or(self.reset_shared().err());
        let result = match failed {
            Some(why) => Err(CloseError::Unclean { why }),
            None => self
                .core
                .world
                .disk()
                .replace(&self.path(CLEAN_STOP), CLEAN_STOP_CONTENT)
                .map_err(|error| CloseError::Unclean { why: error.to_string() }),
        };
        self.finished = Some(result);
        self.dirty.clear();
        self.open.clear();
        self.lock = None;
    }

    /// After a clean stop the write-ahead file holds nothing.
    fn reset_shared(&self) -> Result<(), String> {
        match self.core.wal.ring().reset() {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err("the write-ahead file still holds what could not be written back".into())
            }
            Err(error) => Err(format!("the write-ahead file cannot be reset: {error}")),
        }
    }

    fn finish_partition(&mut self, partition: &PartitionState) -> Result<(), String> {
        partition.check_append().map_err(|error| error.to_string())?;
        let (disk, now_ms) = (self.core.world.disk(), self.core.world.clock().wall_ms());
        let mut guard = self.core.writer_alone(partition);
        let Some(writer) = guard.as_mut() else { return Ok(()) };
        if writer
            .is_finished(partition.mark.lock().unwrap_or_else(PoisonError::into_inner).as_ref())
        {
            return Ok(());
        }
        let mark = writer
            .finish(&mut Tools { disk, buffer: &mut self.buffer, now_ms })
            .map_err(|failure| format!("{}: {failure:?}", partition.name))?;
        *partition.mark.lock().unwrap_or_else(PoisonError::into_inner) = mark;
        let landed = writer.landed_offset();
        self.core.note_landed(partition, guard, landed);
        Ok(())
    }

    /// Gives everything up after a panic: no appends are taken, those under way are answered.
    pub(super) fn abandon(&mut self) {
        tracing::error!("the writer of the log panicked; the log is closed");
        self.core.queue.close();
        self.core.write_back.abandon();
        self.taken.clear();
        self.late.clear();
        self.core.queue.take(&mut self.taken);
        self.taken.clear();
        self.core.partitions().iter().for_each(|partition| partition.stop(Condition::Closed));
        let why = "the writer panicked".to_owned();
        self.finished = Some(Err(CloseError::Unclean { why }));
        self.lock = None;
    }
}
