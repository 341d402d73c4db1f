//! A stream of lines of bounded length, unpacked if it is gzip.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use memchr::memchr;

#[cfg(test)]
mod tests;

/// The longest line; servers cut requests at 8 KiB to 32 KiB.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024;
/// Bytes asked for at once; what comes is handed on before more is asked for.
const READ_BYTES: usize = 256 * 1024;
/// How a gzip file starts.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A stream of lines.
pub(super) struct Lines<'a> {
    input: Box<dyn Read + 'a>,
    held: Vec<u8>,
    /// Where in `held` the next line starts.
    at: usize,
    /// A line that was too long is being passed over.
    passing: bool,
    ended: bool,
    /// Bytes read, unpacked.
    pub(super) bytes: u64,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'b> {
    /// A line without its end.
    Line(&'b [u8]),
    /// A line that is too long; this is its start.
    TooLong(&'b [u8]),
    /// No whole line is here; asking on may block.
    Dry,
    /// There is no more.
    End,
}

impl<'a> Lines<'a> {
    /// The lines of a stream; a gzip stream is unpacked.
    pub(super) fn new(mut input: impl Read + 'a) -> io::Result<Self> {
        let mut start = Vec::with_capacity(2);
        (&mut input).take(2).read_to_end(&mut start)?;
        let whole = io::Cursor::new(start.clone()).chain(input);
        let input: Box<dyn Read + 'a> = if start == GZIP {
            Box::new(MultiGzDecoder::new(BufReader::with_capacity(READ_BYTES, whole)))
        } else {
            Box::new(whole)
        };
        Ok(Self { input, held: Vec::new(), at: 0, passing: false, ended: false, bytes: 0 })
    }

    /// Reads once and so makes more lines; may block. Without it `next` soon says [`Next::Dry`].
    pub(super) fn fill(&mut self) -> io::Result<()> {
        self.held.drain(..self.at);
        self.at = 0;
        let kept = self.held.len();
        self.held.resize(kept + READ_BYTES, 0);
        let read = loop {
            match self.input.read(self.held.get_mut(kept..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.held.truncate(kept + *read.as_ref().unwrap_or(&0));
        self.bytes += read? as u64;
        self.ended = self.held.len() == kept;
        Ok(())
    }

    /// At least this many bytes from the start, or all there are. Of a log that is still `growing`, its first
    /// line will do: nobody knows when more comes.
    pub(super) fn start(&mut self, bytes: usize, growing: bool) -> io::Result<&[u8]> {
        let is_enough = |held: &[u8]| held.len() >= bytes || (growing && held.contains(&b'\n'));
        while !is_enough(&self.held) && !self.ended {
            self.fill()?;
        }
        Ok(self.held.get(..bytes.min(self.held.len())).unwrap_or_default())
    }

    /// The next line of what has been read.
    pub(super) fn next(&mut self) -> Next<'_> {
        loop {
            let rest = self.held.get(self.at..).unwrap_or_default();
            let (from, bytes, whole) = match memchr(b'\n', rest) {
                Some(end) => (self.at, end, true),
                None if self.ended && rest.is_empty() => return Next::End,
                None if self.ended => (self.at, rest.len(), true),
                None if rest.len() > LINE_BYTES_MAX => (self.at, rest.len(), false),
                None => return Next::Dry,
            };
            self.at = (from + bytes + usize::from(whole)).min(self.held.len());
            let passed = std::mem::replace(&mut self.passing, !whole);
            if passed {
                // The rest of a line that was told of when it grew too long.
                if whole { continue } else { return Next::Dry }
            }
            let line = self.held.get(from..from + bytes).unwrap_or_default();
            if line.len() > LINE_BYTES_MAX {
                return Next::TooLong(line.get(..LINE_BYTES_MAX).unwrap_or_default());
            }
            return Next::Line(line.strip_suffix(b"\r").unwrap_or(line));
        }
    }
}
