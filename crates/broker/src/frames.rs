//! Frames from a stream: four bytes of length, then as many bytes.
//!
//! The length is bounded before it is believed, and memory grows with the bytes that arrive, never with the
//! length that was announced; it is taken from a budget that all connections share, and reading pauses while that is
//! used up. A small frame shares its memory with its neighbours; nothing is copied unless a frame does not fit
//! in what is left of the buffer. While nothing has come, nothing is held: an idle connection has no buffer.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::memory::{Budget, Hold};

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

/// How far the frame has come that is under way, for who looks whether it comes at all.
#[derive(Debug, Default)]
pub(crate) struct Arriving {
    /// The number of the frame, from 1; 0 while none is under way, or while we are the ones who do not read.
    frame: AtomicU64,
    /// Bytes of it that came.
    bytes: AtomicUsize,
}

impl Arriving {
    /// The number and the bytes of the frame under way.
    pub(crate) fn now(&self) -> Option<(u64, usize)> {
        let frame = self.frame.load(Ordering::Relaxed);
        (frame != 0).then(|| (frame, self.bytes.load(Ordering::Relaxed)))
    }
}

/// The frames of a stream.
pub(crate) struct Frames<R> {
    stream: R,
    buffer: BytesMut,
    bytes_max: usize,
    budget: Arc<Budget>,
    arriving: Arc<Arriving>,
    /// Frames that have come whole.
    whole: u64,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    /// Frames of at most `bytes_max` bytes, which take their memory from `budget`.
    pub(crate) fn new(
        stream: R,
        bytes_max: usize,
        budget: Arc<Budget>,
        arriving: Arc<Arriving>,
    ) -> Self {
        Self { stream, buffer: BytesMut::new(), bytes_max, budget, arriving, whole: 0 }
    }

    /// The next frame without its length, and the memory it takes; `None` when the stream has ended between frames.
    /// `may_pass` says whether it may go past the budget, alone, when that is used up.
    pub(crate) async fn next(
        &mut self,
        may_pass: impl Fn() -> bool,
    ) -> Result<Option<(Bytes, Hold)>, FrameError> {
        let mut hold = self.budget.hold();
        loop {
            let announced = self.announced()?;
            if let Some(length) = announced
                && self.buffer.len() - 4 >= length
            {
                self.arriving.frame.store(0, Ordering::Relaxed);
                let missing = length.saturating_sub(hold.bytes());
                if !hold.try_grow(missing) {
                    // A small request is here already, and each connection may have one in any case.
                    match missing <= READ_BYTES && may_pass() {
                        true => hold.grow_anyway(missing),
                        false => hold.grow(missing, &may_pass).await,
                    }
                }
                hold.shrink_to(length);
                self.whole += 1;
                self.buffer.advance(4);
                return Ok(Some((self.buffer.split_to(length).freeze(), hold)));
            }
            self.make_room(announced, &mut hold, &may_pass).await;
            if self.read().await? == 0 {
                return match self.buffer.len() {
                    0 => Ok(None),
                    have => Err(FrameError::Cut { have }),
                };
            }
        }
    }

    /// Reads what has come. While nothing comes and nothing is kept, there is no buffer.
    async fn read(&mut self) -> io::Result<usize> {
        if !self.buffer.is_empty() {
            self.arriving.bytes.store(self.buffer.len(), Ordering::Relaxed);
            self.arriving.frame.store(self.whole + 1, Ordering::Relaxed);
        }
        std::future::poll_fn(|context| {
            if self.buffer.capacity() == 0 {
                self.buffer.reserve(READ_BYTES);
            }
            let read = pin!(self.stream.read_buf(&mut self.buffer)).poll(context);
            if read.is_pending() && self.buffer.is_empty() {
                self.buffer = BytesMut::new();
            }
            match read {
                Poll::Ready(read) => Poll::Ready(read),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
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

    /// Makes room for the next read. The memory of a large frame is counted before it is there; a small one is counted
    /// when it is whole.
    async fn make_room(
        &mut self,
        announced: Option<usize>,
        hold: &mut Hold,
        may_pass: &impl Fn() -> bool,
    ) {
        let missing = announced.map_or(0, |length| (length + 4).saturating_sub(self.buffer.len()));
        if missing > READ_BYTES {
            // While there is much room a client is trusted with much; then with as much as it sent before.
            let trust = if self.budget.is_half_used() { READ_BYTES } else { TRUSTED_BYTES };
            let more = missing.min(trust.max(self.buffer.len()));
            let lacking = (self.buffer.len() + more).saturating_sub(hold.bytes());
            if !hold.try_grow(lacking) {
                // It is not the client that is slow now.
                self.arriving.frame.store(0, Ordering::Relaxed);
                hold.grow(lacking, may_pass).await;
            }
            self.buffer.reserve(more);
        } else if self.buffer.capacity() - self.buffer.len() < missing.max(ROOM_BYTES_MIN) {
            self.buffer.reserve(READ_BYTES);
        }
    }
}

#[cfg(test)]
mod tests;
