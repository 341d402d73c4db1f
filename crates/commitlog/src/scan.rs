//! Reading a segment file batch by batch when nothing but its bytes is known.

use std::io;

use tidemill_world::File;

use crate::batch::{BatchHeader, HEADER_BYTES, check, header};
use crate::index::ActiveIndex;
use crate::limits::APPEND_BYTES_MAX;

/// Bytes read at once. Larger reads are no faster.
const WINDOW_BYTES: usize = 1 << 20;

/// How far a segment file holds good batches.
#[derive(Debug)]
pub(crate) struct Scan {
    /// Bytes of good batches.
    pub(crate) end: u64,
    /// The offset after the last of them.
    pub(crate) next_offset: i64,
    /// What is wrong with the bytes at `end`; `None` if only zeros, or nothing, follow.
    pub(crate) bad: Option<String>,
}

/// Scans `file` from `position`, where the batch with `next_offset` or a later one should begin, and tells
/// `index` of each good batch.
pub(crate) fn scan(
    file: &dyn File,
    position: u64,
    next_offset: i64,
    index: &mut ActiveIndex,
) -> io::Result<Scan> {
    scan_each(file, position, next_offset, index, |_, _| ())
}

/// [`scan`], telling `each` of every good batch and where it begins.
pub(crate) fn scan_each(
    file: &dyn File,
    position: u64,
    next_offset: i64,
    index: &mut ActiveIndex,
    mut each: impl FnMut(&BatchHeader, u64),
) -> io::Result<Scan> {
    let mut window = Window::new(file)?;
    let mut scan = Scan { end: position, next_offset, bad: None };
    while scan.end < window.file_bytes {
        match window.batch(scan.end, scan.next_offset)? {
            Ok(header) => {
                index.add(&header, scan.end);
                each(&header, scan.end);
                scan.end += header.bytes as u64;
                scan.next_offset = header.last_offset() + 1;
            }
            Err(what) => {
                let zeros = window.is_zero_from(scan.end)?;
                scan.bad = (!zeros).then_some(what);
                break;
            }
        }
    }
    Ok(scan)
}

/// The first good batch at or after `position` whose offset is at least `offset_min`.
pub(crate) fn find_batch(
    file: &dyn File,
    position: u64,
    offset_min: i64,
) -> io::Result<Option<(u64, BatchHeader)>> {
    /// Where the magic byte lies in a batch.
    const MAGIC_AT: u64 = 16;
    let mut window = Window::new(file)?;
    let mut at = position;
    while at + (HEADER_BYTES as u64) <= window.file_bytes {
        let bytes = window.at(at + MAGIC_AT, 1)?;
        let Some(skip) = bytes.iter().position(|&byte| byte == 2) else {
            at += bytes.len().max(1) as u64;
            continue;
        };
        at += skip as u64;
        if let Ok(header) = window.batch(at, offset_min)? {
            return Ok(Some((at, header)));
        }
        at += 1;
    }
    Ok(None)
}

/// A part of a file in memory that moves forward.
struct Window<'a> {
    file: &'a dyn File,
    file_bytes: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    fn new(file: &'a dyn File) -> io::Result<Self> {
        Ok(Self { file, file_bytes: file.len()?, start: 0, bytes: Vec::new() })
    }

    /// The bytes from `position` on: at least `needed` of them unless the file ends before.
    fn at(&mut self, position: u64, needed: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(self.file_bytes.saturating_sub(position)).unwrap_or(usize::MAX);
        let needed = needed.min(left);
        let inside = self.offset_of(position).filter(|at| at + needed <= self.bytes.len());
        let at = match inside {
            Some(at) => at,
            None => {
                self.bytes.resize(WINDOW_BYTES.min(left).max(needed), 0);
                let read = self.file.read_at(&mut self.bytes, position)?;
                self.bytes.truncate(read);
                self.start = position;
                0
            }
        };
        Ok(self.bytes.get(at..).unwrap_or_default())
    }

    fn offset_of(&self, position: u64) -> Option<usize> {
        let at = usize::try_from(position.checked_sub(self.start)?).ok()?;
        (at < self.bytes.len()).then_some(at)
    }

    /// The batch at `position` if it is whole and right, else what is wrong with it.
    fn batch(&mut self, position: u64, offset_min: i64) -> io::Result<Result<BatchHeader, String>> {
        let file_bytes = self.file_bytes;
        let needed = match header(self.at(position, HEADER_BYTES)?) {
            Ok(header) if header.bytes as u64 > file_bytes - position => {
                let what = format!("a batch of {} bytes reaches past the file's end", header.bytes);
                return Ok(Err(what));
            }
            Ok(header) if header.bytes > APPEND_BYTES_MAX => {
                return Ok(Err(format!("a batch claims {} bytes", header.bytes)));
            }
            Ok(header) => header.bytes,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let checked = check(self.at(position, needed)?, APPEND_BYTES_MAX);
        Ok(match checked {
            Ok(header) if header.base_offset < offset_min || header.last_offset_delta < 0 => {
                Err(format!("a batch has offset {} where {offset_min} is due", header.base_offset))
            }
            Ok(header) => Ok(header),
            Err(error) => Err(error.to_string()),
        })
    }

    fn is_zero_from(&mut self, position: u64) -> io::Result<bool> {
        let mut at = position;
        while at < self.file_bytes {
            let bytes = self.at(at, 1)?;
            if bytes.is_empty() || bytes.iter().any(|&byte| byte != 0) {
                return Ok(bytes.is_empty());
            }
            at += bytes.len() as u64;
        }
        Ok(true)
    }
}
