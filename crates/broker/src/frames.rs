//! Frames from a stream: four bytes of length, then as many bytes.
//!
//! The length is bounded before it is believed, and memory grows with the bytes that arrive, never with the
//! length that was announced. A small frame shares its memory with its neighbours; nothing is copied
//! unless a frame does not fit in what is left of the buffer.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Room made for a read when no large frame is under way: many small requests, few bytes for an idle connection.
const READ_BYTES: usize = 16 << 10;
/// When less room than this is left, more is made.
const ROOM_BYTES_MIN: usize = 2 << 10;
/// A frame announced to be larger than this must have sent half of what memory it takes.
const TRUSTED_BYTES: usize = 1 << 20;

/// Why there is no further frame. The connection must be closed.
#[derive(Debug, Error)]
pub(crate) enum FrameError {
    /// A length below zero.
    #[error("a frame of {0} bytes was announced")]
    Negative(i32),
    /// A length above the limit.
    #[error("a frame of {announced} bytes was announced, the limit is {limit} (request_bytes_max)")]
    TooLarge {
        /// What was announced.
        announced: usize,
        /// What is allowed.
        limit: usize,
    },
    /// The stream ended inside a frame.
    #[error("the connection ended inside a frame, after {have} bytes")]
    Cut {
        /// Bytes of it that came.
        have: usize,
    },
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Io(#[from] io::Error),
}

/// The frames of a stream.
pub(crate) struct Frames<R> {
    stream: R,
    buffer: BytesMut,
    bytes_max: usize,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    /// Frames of at most `bytes_max` bytes.
    pub(crate) fn new(stream: R, bytes_max: usize) -> Self {
        Self { stream, buffer: BytesMut::new(), bytes_max }
    }

    /// The next frame without its length; `None` when the stream has ended between frames.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, FrameError> {
        loop {
            let announced = self.announced()?;
            if let Some(length) = announced
                && self.buffer.len() - 4 >= length
            {
                self.buffer.advance(4);
                return Ok(Some(self.buffer.split_to(length).freeze()));
            }
            self.make_room(announced);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return match self.buffer.len() {
                    0 => Ok(None),
                    have => Err(FrameError::Cut { have }),
                };
            }
        }
    }

    fn announced(&self) -> Result<Option<usize>, FrameError> {
        let Some(head) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let length = i32::from_be_bytes(*head);
        let Ok(announced) = usize::try_from(length) else {
            return Err(FrameError::Negative(length));
        };
        if announced > self.bytes_max {
            return Err(FrameError::TooLarge { announced, limit: self.bytes_max });
        }
        Ok(Some(announced))
    }

    fn make_room(&mut self, announced: Option<usize>) {
        let missing = announced.map_or(0, |length| (length + 4).saturating_sub(self.buffer.len()));
        if missing > READ_BYTES {
            self.buffer.reserve(missing.min(TRUSTED_BYTES.max(self.buffer.len())));
        } else if self.buffer.capacity() - self.buffer.len() < missing.max(ROOM_BYTES_MIN) {
            self.buffer.reserve(READ_BYTES);
        }
    }
}

#[cfg(test)]
mod tests;
