//! Keeps the lines of an access log that are not understood, as they pass by on their way to the server.
//!
//! The server counts and shows them; the file is written here, so that any number of them fits and nothing has to
//! come back over the network.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use flate2::write::MultiGzDecoder;
use tidemill_analytics::import::line::Line;

use crate::error::CliError;

#[cfg(test)]
mod tests;

/// How a gzip file starts.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// A longer line is not understood, and only its start is kept: the importer's own bound.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Takes the bytes of a log, packed or not, and writes the lines that are not understood.
pub(crate) struct Rejects {
    state: State,
}

enum State {
    /// The first bytes decide whether the log is packed.
    Start(Vec<u8>, Lines),
    Plain(Lines),
    Packed(Box<MultiGzDecoder<Lines>>),
    /// Between two of the others.
    Moving,
}

impl Rejects {
    /// Keeps the lines in a new file.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(crate) fn create(path: &Path) -> Result<Self, CliError> {
        let file = File::create(path)
            .map_err(|error| CliError::failed(format!("rejects {}", path.display()), error))?;
        Ok(Self::to(Box::new(io::BufWriter::new(file))))
    }

    fn to(out: Box<dyn Write>) -> Self {
        let lines = Lines { out, line: Vec::new(), too_long: false };
        Self { state: State::Start(Vec::new(), lines) }
    }

    /// Looks at the next bytes of the log.
    ///
    /// # Errors
    /// The log is packed and broken, or the file takes no more.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.state {
            State::Plain(lines) => lines.write_all(bytes),
            State::Packed(decoder) => decoder.write_all(bytes),
            State::Moving => Ok(()),
            State::Start(start, _) => {
                start.extend_from_slice(bytes);
                if start.len() < GZIP.len() { Ok(()) } else { self.begin() }
            }
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        let State::Start(start, lines) = std::mem::replace(&mut self.state, State::Moving) else {
            return Ok(());
        };
        self.state = if start.starts_with(&GZIP) {
            State::Packed(Box::new(MultiGzDecoder::new(lines)))
        } else {
            State::Plain(lines)
        };
        self.pass(&start)
    }

    /// The log has ended.
    ///
    /// # Errors
    /// As [`pass`](Self::pass).
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if matches!(self.state, State::Start(..)) {
            self.begin()?;
        }
        match self.state {
            State::Plain(lines) => lines.end(),
            State::Packed(decoder) => decoder.finish()?.end(),
            State::Start(..) | State::Moving => Ok(()),
        }
    }
}

/// Cuts the unpacked log into lines.
struct Lines {
    out: Box<dyn Write>,
    line: Vec<u8>,
    too_long: bool,
}

impl Lines {
    fn end_line(&mut self) -> io::Result<()> {
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        let blank = line.iter().all(u8::is_ascii_whitespace);
        let understood = std::str::from_utf8(line).is_ok_and(|text| Line::parse(text).is_ok());
        if self.too_long || !(blank || understood) {
            self.out.write_all(line)?;
            self.out.write_all(b"\n")?;
        }
        self.line.clear();
        self.too_long = false;
        Ok(())
    }

    fn end(mut self) -> io::Result<()> {
        self.end_line()?;
        self.out.flush()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for (at, part) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if at > 0 {
                self.end_line()?;
            }
            let room = LINE_BYTES_MAX - self.line.len();
            self.too_long |= part.len() > room;
            self.line.extend_from_slice(&part[..part.len().min(room)]);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
