//! The aborted transactions of one segment, in the bytes of Kafka's transaction index (`.txnindex`, KIP-98).
//!
//! ```text
//! entries of 34 bytes: version i16 (0) | producer id i64 | first offset i64 | last offset i64 | last stable offset i64
//! ```
//!
//! An entry is in the index of the segment that holds the marker, which is the last offset, so entries lie in the order
//! of their last offsets. The last stable offset is the one right after the marker: no transaction of a later entry
//! begins before it, which is where a search may stop.
//!
//! The entries of the segment that is being written are in memory. Those of closed segments are searched in their files;
//! of each of these only a [`Summary`] is kept, so that a read opens no file that has nothing for it.

use std::io;
use std::ops::Range;

use tidemill_world::File;

use crate::producers::Completed;

/// Bytes of one entry.
pub(crate) const ABORTED_ENTRY_BYTES: usize = 34;
const VERSION: i16 = 0;
/// Entries read at once from a file.
const ENTRIES_AT_ONCE: usize = 256;

/// One aborted transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aborted {
    pub(crate) producer_id: i64,
    pub(crate) first_offset: i64,
    /// Its marker.
    pub(crate) last_offset: i64,
    pub(crate) stable_offset: i64,
}

impl Aborted {
    /// The entry of a transaction, unless it was committed.
    pub(crate) fn of(completed: &Completed) -> Option<Self> {
        let Completed { producer_id, first_offset, last_offset, stable_offset, commit } =
            *completed;
        (!commit).then_some(Self { producer_id, first_offset, last_offset, stable_offset })
    }

    pub(crate) fn push_to(&self, entries: &mut Vec<u8>) {
        entries.extend_from_slice(&VERSION.to_be_bytes());
        entries.extend_from_slice(&self.producer_id.to_be_bytes());
        entries.extend_from_slice(&self.first_offset.to_be_bytes());
        entries.extend_from_slice(&self.last_offset.to_be_bytes());
        entries.extend_from_slice(&self.stable_offset.to_be_bytes());
    }

    /// `None` when the bytes cannot be an entry.
    pub(crate) fn read(entry: &[u8; ABORTED_ENTRY_BYTES]) -> Option<Self> {
        let (version, rest) = entry.split_first_chunk()?;
        let (producer_id, rest) = rest.split_first_chunk()?;
        let (first_offset, rest) = rest.split_first_chunk()?;
        let (last_offset, rest) = rest.split_first_chunk()?;
        let (stable_offset, _) = rest.split_first_chunk()?;
        let aborted = Self {
            producer_id: i64::from_be_bytes(*producer_id),
            first_offset: i64::from_be_bytes(*first_offset),
            last_offset: i64::from_be_bytes(*last_offset),
            stable_offset: i64::from_be_bytes(*stable_offset),
        };
        let is_sound = i16::from_be_bytes(*version) >= VERSION
            && aborted.producer_id >= 0
            && aborted.first_offset >= 0
            && aborted.first_offset < aborted.last_offset
            && aborted.stable_offset <= aborted.last_offset.saturating_add(1);
        is_sound.then_some(aborted)
    }
}

/// What is remembered of the index of a closed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) entries: u64,
    first_offset_min: i64,
    last_offset_max: i64,
}

impl Summary {
    pub(crate) fn of(entries: &[u8]) -> Self {
        let (entries, _) = entries.as_chunks();
        let mut summary =
            Self { entries: 0, first_offset_min: i64::MAX, last_offset_max: i64::MIN };
        for aborted in entries.iter().map_while(Aborted::read) {
            summary.entries += 1;
            summary.first_offset_min = summary.first_offset_min.min(aborted.first_offset);
            summary.last_offset_max = summary.last_offset_max.max(aborted.last_offset);
        }
        summary
    }

    /// Whether some entry may overlap these offsets.
    pub(crate) fn may_overlap(&self, offsets: &Range<i64>) -> bool {
        self.last_offset_max >= offsets.start && self.first_offset_min < offsets.end
    }
}

/// The aborted transactions that overlap some offsets, found segment by segment.
#[derive(Debug)]
pub(crate) struct Search {
    offsets: Range<i64>,
    pub(crate) found: Vec<Aborted>,
    /// No later entry can overlap.
    pub(crate) is_complete: bool,
}

impl Search {
    pub(crate) fn new(offsets: Range<i64>) -> Self {
        Self { offsets, found: Vec::new(), is_complete: false }
    }

    /// Looks through entries that lie in memory.
    pub(crate) fn look_in(&mut self, entries: &[u8]) {
        let (entries, _) = entries.as_chunks();
        let start = entries.partition_point(|entry| {
            Aborted::read(entry).is_some_and(|aborted| aborted.last_offset < self.offsets.start)
        });
        self.look_at(entries.get(start..).unwrap_or_default());
    }

    /// Looks through the first `count` entries of an index file.
    pub(crate) fn look_in_file(&mut self, file: &dyn File, count: u64) -> io::Result<()> {
        let mut at = self.first_in_file(file, count)?;
        let mut piece = vec![0; ABORTED_ENTRY_BYTES * ENTRIES_AT_ONCE];
        while at < count && !self.is_complete {
            let wanted = usize::try_from(count - at).unwrap_or(usize::MAX).min(ENTRIES_AT_ONCE);
            let target = piece.get_mut(..wanted * ABORTED_ENTRY_BYTES).unwrap_or_default();
            if file.read_at(target, at * ABORTED_ENTRY_BYTES as u64)? < target.len() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.look_at(target.as_chunks().0);
            at += wanted as u64;
        }
        Ok(())
    }

    /// The first entry that ends at or after the beginning of the offsets.
    fn first_in_file(&self, file: &dyn File, count: u64) -> io::Result<u64> {
        let (mut below, mut above) = (0, count);
        while below < above {
            let middle = below + (above - below) / 2;
            let mut entry = [0; ABORTED_ENTRY_BYTES];
            if file.read_at(&mut entry, middle * ABORTED_ENTRY_BYTES as u64)? < entry.len() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let aborted = Aborted::read(&entry).ok_or_else(malformed)?;
            if aborted.last_offset < self.offsets.start {
                below = middle + 1;
            } else {
                above = middle;
            }
        }
        Ok(below)
    }

    fn look_at(&mut self, entries: &[[u8; ABORTED_ENTRY_BYTES]]) {
        for aborted in entries.iter().map_while(Aborted::read) {
            if aborted.first_offset < self.offsets.end {
                self.found.push(aborted);
            }
            if aborted.stable_offset >= self.offsets.end {
                self.is_complete = true;
                return;
            }
        }
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "an entry of the transaction index is malformed")
}

#[cfg(test)]
mod tests;
