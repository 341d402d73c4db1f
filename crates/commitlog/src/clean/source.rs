//! The batches of one segment, in pieces.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tidemill_world::File;

use super::failure::Failure;
use crate::batch::{HEADER_BYTES, check, header};
use crate::core::Core;
use crate::error::Corruption;
use crate::limits::{APPEND_BYTES_MAX, CLEAN_PIECE_BYTES};
use crate::names::Kind;
use crate::segment::Segment;

/// Reads a closed segment from some position to its end.
pub(super) struct Source {
    pub(super) segment: Arc<Segment>,
    file: Arc<dyn File>,
    position: u64,
    end: u64,
}

impl Source {
    /// From the batch that holds `offset`, or a little before it.
    pub(super) fn open(core: &Core, segment: &Arc<Segment>, offset: i64) -> io::Result<Self> {
        let file = segment.file(core.files(), Kind::Log)?;
        let position = match offset > segment.base {
            true => segment.position_before(core.files(), offset)?,
            false => 0,
        };
        Ok(Self { segment: Arc::clone(segment), file, position, end: segment.published() })
    }

    /// The next whole batches, checked; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(None);
        }
        let mut piece = self.read(CLEAN_PIECE_BYTES.min(left))?;
        let first = header(&piece).map_err(|error| self.corrupt(0, error.to_string()))?;
        if first.bytes > left || first.bytes > APPEND_BYTES_MAX {
            return Err(self.corrupt(0, format!("a batch claims {} bytes", first.bytes)));
        }
        if first.bytes > piece.len() {
            piece = self.read(first.bytes)?;
        }
        let whole = self.check_batches(&piece)?;
        piece.truncate(whole);
        self.position += whole as u64;
        Ok(Some(piece.into()))
    }

    fn read(&self, bytes: usize) -> Result<Vec<u8>, Failure> {
        let mut piece = vec![0; bytes];
        let read = self.file.read_at(&mut piece, self.position)?;
        if read < bytes {
            return Err(self.corrupt(read, "the file ends before its batches do".into()));
        }
        Ok(piece)
    }

    /// Bytes of the whole batches at the front.
    fn check_batches(&self, piece: &[u8]) -> Result<usize, Failure> {
        let mut at = 0;
        while let Some(rest) = piece.get(at..).filter(|rest| rest.len() >= HEADER_BYTES) {
            let found = header(rest).map_err(|error| self.corrupt(at, error.to_string()))?;
            if found.bytes > rest.len() {
                break;
            }
            let checked = check(rest, found.bytes);
            checked.map_err(|error| self.corrupt(at, error.to_string()))?;
            at += found.bytes;
        }
        Ok(at)
    }

    fn corrupt(&self, at: usize, what: String) -> Failure {
        let (file, position) = (self.segment.path(Kind::Log), self.position + at as u64);
        Failure::Corrupt(Corruption { file, position, what })
    }
}
