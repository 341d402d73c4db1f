//! The indexes of a closed segment against the batches that were found in its log.

use std::io;
use std::path::Path;

use tidemill_world::Disk;

use super::report::{Remedy, Report};
use crate::aborted::Aborted;
use crate::batch::BatchHeader;
use crate::index::{OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES, decode_offset, decode_time};
use crate::limits::INDEX_FILE_BYTES_MAX;
use crate::names::{Kind, segment_file};

/// The batches of one segment: position and last offset less the base, ascending; and the greatest timestamp.
pub(super) struct Found {
    base: i64,
    batches: Vec<(u32, u32)>,
    greatest_ms: i64,
}

impl Found {
    pub(super) fn new(base: i64) -> Self {
        Self { base, batches: Vec::new(), greatest_ms: i64::MIN }
    }

    pub(super) fn add(&mut self, header: &BatchHeader, position: u64) {
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        let last = u32::try_from(header.last_offset() - self.base).unwrap_or(u32::MAX);
        self.batches.push((position, last));
        self.greatest_ms = self.greatest_ms.max(header.max_timestamp_ms);
    }

    pub(super) fn batches(&self) -> u64 {
        self.batches.len() as u64
    }

    fn has(&self, position: u32, last: u32) -> bool {
        self.batches.binary_search(&(position, last)).is_ok()
    }

    fn last(&self) -> u32 {
        self.batches.last().map_or(0, |(_, last)| *last)
    }
}

/// The first byte of an index's content that is wrong, and what is wrong there.
type Check = fn(&[u8], &Found) -> Option<(usize, String)>;

/// Looks at the three indexes. One that is missing is built when the log is opened.
pub(super) fn check(
    disk: &dyn Disk,
    folder: &Path,
    found: &Found,
    report: &mut Report,
) -> io::Result<()> {
    let mut look = |kind, check: Check| {
        let path = segment_file(folder, found.base, kind);
        let content = match disk.read_all(&path, INDEX_FILE_BYTES_MAX) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if let Some((at, what)) = check(&content, found) {
            report.add(&path, at as u64, what, Remedy::SetAside);
        }
        Ok(())
    };
    look(Kind::OffsetIndex, check_offsets)?;
    look(Kind::TimeIndex, check_times)?;
    look(Kind::TransactionIndex, check_aborted)
}

fn check_offsets(content: &[u8], found: &Found) -> Option<(usize, String)> {
    let (entries, rest) = content.as_chunks::<OFFSET_ENTRY_BYTES>();
    for (at, entry) in entries.iter().enumerate() {
        let (last, position) = decode_offset(*entry);
        if !found.has(position, last) {
            let what = format!("no batch at byte {position} ends with relative offset {last}");
            return Some((at * OFFSET_ENTRY_BYTES, what));
        }
    }
    odd_bytes(content, rest)
}

fn check_times(content: &[u8], found: &Found) -> Option<(usize, String)> {
    let (entries, rest) = content.as_chunks::<TIME_ENTRY_BYTES>();
    let mut before = None;
    for (at, entry) in entries.iter().enumerate() {
        let (timestamp, offset) = decode_time(*entry);
        let rises = before.is_none_or(|(time, last)| timestamp > time && offset >= last);
        if !rises || offset > found.last() || timestamp > found.greatest_ms {
            let what = format!("the entry of timestamp {timestamp} does not fit the segment");
            return Some((at * TIME_ENTRY_BYTES, what));
        }
        before = Some((timestamp, offset));
    }
    odd_bytes(content, rest)
}

fn check_aborted(content: &[u8], found: &Found) -> Option<(usize, String)> {
    let (entries, rest) = content.as_chunks();
    for (at, entry) in entries.iter().enumerate() {
        let last = found.base.saturating_add(found.last().into());
        let fits = |aborted: Aborted| (found.base..=last).contains(&aborted.last_offset);
        if !Aborted::read(entry).is_some_and(fits) {
            return Some((at * entry.len(), "the entry is not of this segment".into()));
        }
    }
    odd_bytes(content, rest)
}

fn odd_bytes(content: &[u8], rest: &[u8]) -> Option<(usize, String)> {
    let what = || format!("{} bytes after the last whole entry", rest.len());
    (!rest.is_empty()).then(|| (content.len() - rest.len(), what()))
}
