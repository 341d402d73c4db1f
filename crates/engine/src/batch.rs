//! Packed batches: the unit that travels between tasks.
//!
//! One arena holds the bytes of all tuples, one list their ends, and one list the roots, written as runs: the
//! tuples that a spout tuple's tree sends over one edge mostly stand together, so a run is one root and a
//! count. A tuple anchored to several roots keeps the first in its run and the others in a side list.
//! An emptied batch keeps its memory and goes back to its producer.

use crate::encode::TupleWriter;
use crate::roots::RootId;

/// Tuples in a batch before it counts as full. Measured: from 256 on, the hand-over costs less than the
/// tuples; more only adds latency and cache misses. Tests cross batches all the time.
pub(crate) const BATCH_TUPLES: usize = if cfg!(test) { 4 } else { 512 };
/// Bytes in a batch before it counts as full: with the ring's length it bounds what an edge may hold.
pub(crate) const BATCH_BYTES: usize = 32 * 1024;
/// A batch that one huge tuple blew up gives its memory back instead of keeping it for ever.
const KEEP_BYTES: usize = 4 * BATCH_BYTES;

/// Neighbouring tuples with the same roots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RootRun {
    pub(crate) root: RootId,
    /// The index of the first tuple after the run.
    pub(crate) end: u32,
    extra_start: u32,
    extra_len: u32,
}

/// Tuples of one stream from one task to another.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    runs: Vec<RootRun>,
    extras: Vec<RootId>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.ends.len() >= BATCH_TUPLES || self.bytes.len() >= BATCH_BYTES
    }

    /// Appends one tuple that belongs to `root` and `extras`.
    #[inline]
    pub(crate) fn push(
        &mut self,
        root: RootId,
        extras: &[RootId],
        encode: impl FnOnce(&mut TupleWriter<'_>),
    ) {
        encode(&mut TupleWriter(&mut self.bytes));
        // Full at 32 KiB and at most one tuple of 1 GiB more: the end fits.
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
        let end = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        match self.runs.last_mut() {
            Some(last) if last.root == root && last.extra_len == 0 && extras.is_empty() => {
                last.end = end;
            }
            _ => self.push_run(root, extras, end),
        }
    }

    fn push_run(&mut self, root: RootId, extras: &[RootId], end: u32) {
        let extra_start = u32::try_from(self.extras.len()).unwrap_or(u32::MAX);
        let extra_len = u32::try_from(extras.len()).unwrap_or(u32::MAX);
        self.extras.extend_from_slice(extras);
        self.runs.push(RootRun { root, end, extra_start, extra_len });
    }

    /// The bytes of the tuple at `index`.
    #[inline]
    pub(crate) fn tuple(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.bytes[start..self.ends[index] as usize]
    }

    pub(crate) fn runs(&self) -> &[RootRun] {
        &self.runs
    }

    /// The roots of a run beyond the first.
    pub(crate) fn extras(&self, run: &RootRun) -> &[RootId] {
        let start = run.extra_start as usize;
        &self.extras[start..start + run.extra_len as usize]
    }

    /// Empties the batch and keeps its memory, unless it is unusually large.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.runs.clear();
        self.extras.clear();
        if self.bytes.capacity() > KEEP_BYTES {
            self.bytes.shrink_to(BATCH_BYTES);
        }
    }
}

#[cfg(test)]
mod tests;
