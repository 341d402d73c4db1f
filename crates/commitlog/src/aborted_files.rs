//! Making the transaction indexes right when a partition is opened.
//!
//! An entry is synced before a producer snapshot that reaches past its marker is written (`place.rs`). So the files are
//! believed up to the snapshot that the producers were loaded from, and what the batches after it say takes the place
//! of the rest. A file that is damaged before that, or whose segment lost another index, has its entries built anew
//! from all the batches there are.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use tidemill_world::{Disk, Entry};

use crate::aborted::{Aborted, Summary};
use crate::limits::INDEX_FILE_BYTES_MAX;
use crate::names::{Kind, segment_file, transaction_index_base};
use crate::segment::Segment;

/// The entries of all segments of a partition, each with the content of its file.
pub(crate) struct AbortedFiles {
    files: Vec<Option<Vec<u8>>>,
}

impl AbortedFiles {
    /// Reads the indexes that are there. Those of segments that are gone are removed: the next segment of that name
    /// must not inherit them.
    pub(crate) fn read(
        disk: &dyn Disk,
        folder: &Path,
        entries: &[Entry],
        segments: &[Arc<Segment>],
    ) -> io::Result<Self> {
        let mut files = vec![None; segments.len()];
        for base in entries.iter().filter_map(|entry| transaction_index_base(&entry.name)) {
            let at = segments.binary_search_by_key(&base, |segment| segment.base);
            let Some((at, segment)) = at.ok().and_then(|at| Some((at, segments.get(at)?))) else {
                disk.remove_file(&segment_file(folder, base, Kind::TransactionIndex))?;
                continue;
            };
            let path = segment.path(Kind::TransactionIndex);
            let content = match disk.read_all(&path, INDEX_FILE_BYTES_MAX) {
                Ok(content) => content,
                // Longer than any right one.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => vec![0],
                Err(error) => return Err(error),
            };
            if let Some(slot) = files.get_mut(at) {
                *slot = Some(content);
            }
        }
        Ok(Self { files })
    }

    /// The entries of all files whose marker lies before `end`; `None` when a file cannot be believed.
    pub(crate) fn before(&self, segments: &[Arc<Segment>], end: i64) -> Option<Vec<Aborted>> {
        let mut all = Vec::new();
        for (at, segment) in segments.iter().enumerate() {
            let Some(Some(content)) = self.files.get(at) else { continue };
            let next_base = segments.get(at + 1).map_or(i64::MAX, |next| next.base);
            let entries = read_entries(content, segment.base..next_base, end)?;
            all.extend(entries.iter().filter(|aborted| aborted.last_offset < end));
        }
        Some(all)
    }

    /// Gives every segment its part of `all`, which are in order, and makes the files say the same, durably.
    pub(crate) fn settle(
        &self,
        disk: &dyn Disk,
        folder: &Path,
        segments: &[Arc<Segment>],
        all: &[Aborted],
    ) -> io::Result<()> {
        let mut is_changed = false;
        for (at, segment) in segments.iter().enumerate() {
            let next_base = segments.get(at + 1).map_or(i64::MAX, |next| next.base);
            let start = all.partition_point(|aborted| aborted.last_offset < segment.base);
            let end = all.partition_point(|aborted| aborted.last_offset < next_base);
            let mut content = Vec::new();
            let own = all.get(start..end).unwrap_or_default();
            own.iter().for_each(|aborted| aborted.push_to(&mut content));
            let file = self.files.get(at).and_then(Option::as_deref);
            if file.unwrap_or_default() != content || (content.is_empty() && file.is_some()) {
                is_changed |= content.is_empty();
                write(disk, segment, &content)?;
            }
            hand_over(segment, content);
        }
        if is_changed {
            disk.sync_dir(folder)?;
        }
        Ok(())
    }
}

/// The entries of a file, whose markers must lie in the segment and in order. What a crash left of a write that was not
/// synced may be anything, but only behind all entries whose marker lies before `end`.
fn read_entries(content: &[u8], mut offsets: Range<i64>, end: i64) -> Option<Vec<Aborted>> {
    let (entries, rest) = content.as_chunks();
    let mut found = Vec::with_capacity(entries.len());
    let is_next = |offsets: &Range<i64>, entry| {
        Aborted::read(entry).filter(|aborted| offsets.contains(&aborted.last_offset))
    };
    for entry in entries {
        let Some(aborted) = is_next(&offsets, entry) else { break };
        offsets.start = aborted.last_offset.saturating_add(1);
        found.push(aborted);
    }
    let torn = entries.get(found.len()..).unwrap_or_default();
    if torn.is_empty() && rest.is_empty() {
        return Some(found);
    }
    let is_before = |entry| Aborted::read(entry).is_some_and(|aborted| aborted.last_offset < end);
    let may_be_torn = offsets.end > end && !torn.iter().any(is_before);
    may_be_torn.then_some(found)
}

fn write(disk: &dyn Disk, segment: &Segment, content: &[u8]) -> io::Result<()> {
    let path = segment.path(Kind::TransactionIndex);
    if content.is_empty() { disk.remove_file(&path) } else { disk.replace(&path, content) }
}

fn hand_over(segment: &Segment, content: Vec<u8>) {
    let mut index = segment.index.write().unwrap_or_else(PoisonError::into_inner);
    match index.as_mut() {
        Some(active) => active.aborted = content,
        None => segment.set_aborted(Summary::of(&content)),
    }
}

#[cfg(test)]
mod tests;
