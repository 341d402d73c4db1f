//! From the bytes of a child's standard output to whole messages, and back.
//!
//! # Constraints
//!
//! * A message is JSON text followed by a line `end` (Storm's multilang protocol). Real children also
//!   write things that are no message: a stray `print()`, a progress bar without a newline, the
//!   `E_BOLTFAILED__…` line that old clients send on purpose. None of it may cost a message that is whole.
//! * Nothing is trusted: a frame is bounded in bytes and in depth, and a search for the message in the
//!   midst of other text tries a bounded number of places.
//! * No I/O and no clock: bytes go in, [`Frame`]s come out.
//!
//! # The story
//!
//! Lines without a `{` are other text and leave at once as [`Frame::Text`]. From the first line with a `{` on, lines
//! gather in a block until the line `end`. Nearly always the block is one line of JSON and parses as it
//! is. If not, the block is searched for a message that reaches to its end; what stands before
//! it is text.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest message taken from a child. Large enough for a document with pictures in it, small enough
/// that a hundred children that write without a newline do not take the machine down.
pub const FRAME_BYTES_MAX: usize = 32 << 20;

/// Of text that is no message, this much of a line is kept for the log.
pub const TEXT_BYTES_MAX: usize = 8 << 10;

/// Places in a block where a message is looked for when it does not begin the block. Stray text
/// rarely has more than a few braces; more tries would let a hostile child buy our time cheaply.
const SEARCH_PLACES_MAX: usize = 16;

/// One piece of a child's output.
#[derive(Debug, PartialEq)]
pub enum Frame<T> {
    /// A whole message.
    Message(T),
    /// A line that is no message, without its newline, cut to [`TEXT_BYTES_MAX`].
    Text(String),
    /// Framed like a message, but it cannot be read. The decoder has passed it and may go on; what the
    /// message said is lost, so whoever depends on it must start the child afresh.
    Broken(BrokenFrame),
}

/// Why a frame that looks like a message could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokenFrame {
    /// More than [`FRAME_BYTES_MAX`] without an `end`; all of it was dropped.
    #[error(
        "message of {bytes} bytes is larger than the limit of {limit}; split the tuple into smaller ones"
    )]
    TooLarge {
        /// Bytes seen.
        bytes: usize,
        /// The limit in force.
        limit: usize,
    },
    /// A JSON object that begins like a command and does not parse, followed by `end`.
    #[error("message is not valid JSON ({reason}): {text}")]
    NotJson {
        /// What the parser found.
        reason: String,
        /// How the message begins.
        text: String,
    },
}

/// Cuts a child's output into [`Frame`]s.
#[derive(Debug)]
pub struct FrameDecoder {
    limit: usize,
    /// The line whose end has not come yet.
    line: Vec<u8>,
    /// Whole lines from the first with a `{` on, newlines between them.
    block: Vec<u8>,
    /// Bytes dropped of a line that outgrew the limit; zero when none does.
    dropped: usize,
}

impl Default for FrameDecoder {
    fn default() -> Self {
        Self::new(FRAME_BYTES_MAX)
    }
}

impl FrameDecoder {
    /// A decoder that takes messages of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, line: Vec::new(), block: Vec::new(), dropped: 0 }
    }

    /// Takes the next bytes and hands each frame that they complete to `sink`.
    pub fn push<T: DeserializeOwned>(&mut self, bytes: &[u8], sink: &mut impl FnMut(Frame<T>)) {
        let mut rest = bytes;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let (head, tail) = rest.split_at(at);
            rest = tail.get(1..).unwrap_or_default();
            if self.line.is_empty() && self.dropped == 0 && at <= self.limit {
                self.take_line(head, sink);
            } else {
                self.grow_line(head);
                self.finish_line(sink);
            }
        }
        self.grow_line(rest);
    }

    /// The output has ended: what is left is text.
    pub fn finish<T: DeserializeOwned>(&mut self, sink: &mut impl FnMut(Frame<T>)) {
        if !self.line.is_empty() || self.dropped > 0 {
            self.finish_line(sink);
        }
        let block = std::mem::take(&mut self.block);
        text_lines(&block, sink);
    }

    fn grow_line(&mut self, bytes: &[u8]) {
        let room = self.limit.saturating_sub(self.line.len());
        let kept = bytes.len().min(room);
        self.line.extend_from_slice(bytes.get(..kept).unwrap_or_default());
        self.dropped += bytes.len() - kept;
    }

    fn finish_line<T: DeserializeOwned>(&mut self, sink: &mut impl FnMut(Frame<T>)) {
        let mut line = std::mem::take(&mut self.line);
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            self.give_up(line.len() + dropped, &line, sink);
        } else {
            self.take_line(&line, sink);
        }
        // A line that came in pieces is common (a pipe holds 64 KiB): keep its memory unless it is large.
        if line.capacity() <= 1 << 20 {
            line.clear();
            self.line = line;
        }
    }

    fn take_line<T: DeserializeOwned>(&mut self, line: &[u8], sink: &mut impl FnMut(Frame<T>)) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line == b"end" {
            if !self.block.is_empty() {
                let mut block = std::mem::take(&mut self.block);
                read_block(&block, sink);
                block.clear();
                self.block = block;
            }
        } else if self.block.is_empty() && memchr::memchr(b'{', line).is_none() {
            text_lines(line, sink);
        } else {
            if self.block.len() + line.len() > self.limit {
                let block = std::mem::take(&mut self.block);
                self.give_up(block.len(), &block, sink);
            }
            if !self.block.is_empty() {
                self.block.push(b'\n');
            }
            self.block.extend_from_slice(line);
        }
    }

    /// Drops `bytes` of output that begin with `start`.
    fn give_up<T>(&mut self, bytes: usize, start: &[u8], sink: &mut impl FnMut(Frame<T>)) {
        if looks_like_message(start) {
            sink(Frame::Broken(BrokenFrame::TooLarge { bytes, limit: self.limit }));
        } else {
            let kept = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
            sink(Frame::Text(format!("{} (cut; {bytes} bytes)", lossy(kept))));
        }
    }
}

/// Whether text begins like something that a multilang client meant as a message.
fn looks_like_message(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let Some(inside) = text.strip_prefix(b"{") else { return false };
    let inside = inside.trim_ascii_start();
    inside.starts_with(b"\"command\"") || inside.starts_with(b"\"pid\"")
}

/// A block that was closed by `end`: a message, perhaps after other text.
fn read_block<T: DeserializeOwned>(block: &[u8], sink: &mut impl FnMut(Frame<T>)) {
    let error = match serde_json::from_slice(block) {
        Ok(message) => return sink(Frame::Message(message)),
        Err(error) => error,
    };
    if let Some((at, message)) = search_block(block) {
        text_lines(block.get(..at).unwrap_or_default(), sink);
        return sink(Frame::Message(message));
    }
    if looks_like_message(block) {
        let reason = error.to_string();
        sink(Frame::Broken(BrokenFrame::NotJson { reason, text: lossy(block) }));
    } else {
        text_lines(block, sink);
    }
}

/// Looks for a message that reaches to the end of the block: first in its last line, then from the
/// beginning of earlier lines (a message may be printed over several).
fn search_block<T: DeserializeOwned>(block: &[u8]) -> Option<(usize, T)> {
    let last = memchr::memrchr(b'\n', block).map_or(0, |at| at + 1);
    let in_last_line = memchr::memchr_iter(b'{', block.get(last..)?).map(|at| last + at);
    let at_line_starts = memchr::memchr_iter(b'\n', block).map(|at| at + 1).filter(|&at| {
        block.get(at..).is_some_and(|line| line.trim_ascii_start().starts_with(b"{"))
    });
    in_last_line
        .take(SEARCH_PLACES_MAX)
        .chain(at_line_starts.take(SEARCH_PLACES_MAX))
        .find_map(|at| Some((at, serde_json::from_slice(block.get(at..)?).ok()?)))
}

fn text_lines<T>(text: &[u8], sink: &mut impl FnMut(Frame<T>)) {
    for line in text.split(|&byte| byte == b'\n') {
        if !line.trim_ascii().is_empty() {
            sink(Frame::Text(lossy(line)));
        }
    }
}

/// Text for a log: valid UTF-8 and not longer than [`TEXT_BYTES_MAX`].
pub(crate) fn lossy(bytes: &[u8]) -> String {
    let kept = bytes.get(..TEXT_BYTES_MAX).unwrap_or(bytes);
    let mut text = String::from_utf8_lossy(kept.trim_ascii_end()).into_owned();
    if kept.len() < bytes.len() {
        text.push('…');
    }
    text
}

/// Appends `message` as one frame.
pub fn encode(message: &impl Serialize, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let start = out.len();
    let written = serde_json::to_writer(&mut *out, message);
    if written.is_err() {
        out.truncate(start);
        return written;
    }
    out.extend_from_slice(b"\nend\n");
    Ok(())
}

#[cfg(test)]
mod tests;
