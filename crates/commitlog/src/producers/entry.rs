//! One producer, as a partition knows it: its last batches and its open transaction.

use crate::batch::BatchHeader;

/// Batches of a producer that are recognised when they come again: what Kafka keeps, and what its clients have on
/// the way at most.
pub(crate) const BATCHES_KEPT: usize = 5;

/// A batch that was appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) last_sequence: i32,
    pub(crate) last_offset: i64,
    /// Records of the batch less one.
    pub(crate) offset_delta: i32,
}

impl Written {
    pub(super) fn of(header: &BatchHeader, base_offset: i64) -> Self {
        Self {
            last_sequence: sequence_after(header.base_sequence, header.last_offset_delta),
            last_offset: base_offset.saturating_add(header.last_offset_delta.into()),
            offset_delta: header.last_offset_delta,
        }
    }

    pub(super) fn base_offset(&self) -> i64 {
        self.last_offset.saturating_sub(self.offset_delta.into())
    }

    /// Whether this batch has the same sequences.
    pub(super) fn is_repeated_by(&self, header: &BatchHeader) -> bool {
        self.offset_delta == header.last_offset_delta
            && self.last_sequence == sequence_after(header.base_sequence, header.last_offset_delta)
    }
}

/// The sequence `count` records after `sequence`; it goes on from 0 after `i32::MAX`.
fn sequence_after(sequence: i32, count: i32) -> i32 {
    let sum = (i64::from(sequence) + i64::from(count)) % (i64::from(i32::MAX) + 1);
    i32::try_from(sum).unwrap_or(0)
}

/// One producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Producer {
    pub(crate) epoch: i16,
    /// That of its last marker, -1 before the first.
    pub(crate) coordinator_epoch: i32,
    /// The first offset of its open transaction.
    pub(crate) open_since: Option<i64>,
    /// When it last wrote, or a marker was written for it, by the log's clock.
    pub(crate) at_ms: i64,
    /// So many of `batches` are there; the oldest comes first.
    kept: usize,
    batches: [Written; BATCHES_KEPT],
}

impl Producer {
    /// A producer of which only the epoch is known.
    pub(crate) fn new(epoch: i16, at_ms: i64) -> Self {
        let batches = [Written::default(); BATCHES_KEPT];
        Self { epoch, coordinator_epoch: -1, open_since: None, at_ms, kept: 0, batches }
    }

    /// Goes over to another epoch, whose sequences begin anew.
    pub(super) fn set_epoch(&mut self, epoch: i16) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.kept = 0;
        }
    }

    pub(crate) fn push(&mut self, batch: Written) {
        if self.kept == BATCHES_KEPT {
            self.batches.rotate_left(1);
            self.kept -= 1;
        }
        if let Some(slot) = self.batches.get_mut(self.kept) {
            *slot = batch;
            self.kept += 1;
        }
    }

    /// Those that are remembered, the oldest first. None after a marker that raised the epoch.
    pub(crate) fn batches(&self) -> &[Written] {
        self.batches.get(..self.kept).unwrap_or_default()
    }

    /// The sequence of the last record, -1 if none is known.
    pub(crate) fn last_sequence(&self) -> i32 {
        self.batches().last().map_or(-1, |last| last.last_sequence)
    }

    /// The sequence that must come next in `epoch`.
    pub(super) fn expected(&self, epoch: i16) -> i32 {
        match self.batches().last() {
            Some(last) if epoch == self.epoch => sequence_after(last.last_sequence, 1),
            _ => 0,
        }
    }
}
