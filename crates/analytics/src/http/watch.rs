//! What a connection is doing, so that one sweep a second finds the ones that hang.
//!
//! A connection is idle, reading a head, being served, or streaming. The state is two atomics that the connection
//! writes as bytes move; the sweep compares them with the seconds that have gone by.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

#[cfg(test)]
mod tests;

/// A kept-alive connection may be silent this long; browsers close theirs after a minute or two.
const IDLE_S_MAX: u32 = 75;
/// A head must be there whole after this long.
const HEAD_S_MAX: u32 = 10;
/// A client that takes nothing of what is sent to it is let go after this long.
const BLOCKED_S_MAX: u32 = 30;

const IDLE: u8 = 0;
const READING: u8 = 1;
const SERVING: u8 = 2;
const STREAMING: u8 = 3;

/// What a connection is doing and since when.
#[derive(Debug, Default)]
pub struct Activity {
    phase: AtomicU8,
    since_s: AtomicU32,
    /// Since when a write has been waiting, plus one; 0 if none is.
    blocked_s: AtomicU32,
}

/// Seconds since the server started, turned by the sweep.
pub type Seconds = Arc<AtomicU32>;

impl Activity {
    fn enter(&self, phase: u8, now_s: u32) {
        self.since_s.store(now_s, Ordering::Relaxed);
        self.phase.store(phase, Ordering::Relaxed);
    }

    /// A request is being answered; how long that takes is up to whoever answers.
    pub fn serving(&self, now_s: u32) {
        self.enter(SERVING, now_s);
    }

    /// The answer's head is made; what remains is to send it.
    pub fn served(&self, now_s: u32) {
        if self.phase.load(Ordering::Relaxed) != STREAMING {
            self.enter(IDLE, now_s);
        }
    }

    /// Whether the connection hangs.
    pub fn hangs(&self, now_s: u32) -> bool {
        let for_s = now_s.saturating_sub(self.since_s.load(Ordering::Relaxed));
        let blocked = match self.blocked_s.load(Ordering::Relaxed) {
            0 => 0,
            since => now_s.saturating_sub(since - 1),
        };
        let late = match self.phase.load(Ordering::Relaxed) {
            IDLE => for_s > IDLE_S_MAX,
            READING => for_s > HEAD_S_MAX,
            _ => false,
        };
        late || blocked > BLOCKED_S_MAX
    }
}

/// Held by an answer that goes on for long; the connection is idle again when it is dropped.
#[derive(Debug)]
pub struct Streaming {
    activity: Arc<Activity>,
    seconds: Seconds,
}

impl Streaming {
    /// From now on the connection streams.
    pub fn start(activity: &Arc<Activity>, seconds: &Seconds) -> Self {
        activity.enter(STREAMING, seconds.load(Ordering::Relaxed));
        Self { activity: Arc::clone(activity), seconds: Arc::clone(seconds) }
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.activity.enter(IDLE, self.seconds.load(Ordering::Relaxed));
    }
}

/// What is read away of a refused request: more than any honest client sends before it looks at the answer.
const DISCARD_BYTES_MAX: usize = 4 << 20;
/// How much of that at a time.
const SCRAP_BYTES: usize = 8 << 10;

/// A connection that notes what it does.
#[derive(Debug)]
pub struct Watched {
    stream: TcpStream,
    activity: Arc<Activity>,
    seconds: Seconds,
    /// Bytes read away after our half was closed.
    discarded: usize,
}

impl Watched {
    /// Watches a connection.
    pub fn new(stream: TcpStream, activity: Arc<Activity>, seconds: Seconds) -> Self {
        activity.enter(IDLE, seconds.load(Ordering::Relaxed));
        Self { stream, activity, seconds, discarded: 0 }
    }

    fn note_write(&self, written: &Poll<io::Result<usize>>) {
        let now_s = self.seconds.load(Ordering::Relaxed);
        match written {
            Poll::Pending => {
                let _ = self.activity.blocked_s.compare_exchange(
                    0,
                    now_s.saturating_add(1),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
            }
            Poll::Ready(_) => self.activity.blocked_s.store(0, Ordering::Relaxed),
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before && self.activity.phase.load(Ordering::Relaxed) == IDLE {
            self.activity.enter(READING, self.seconds.load(Ordering::Relaxed));
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note_write(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.note_write(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Closes our half, then reads on what the client is still sending: closing with unread bytes would reset
    /// the connection, and the client would never see why it was refused.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        let mut scrap = [0; SCRAP_BYTES];
        while self.discarded < DISCARD_BYTES_MAX {
            let mut buffer = ReadBuf::new(&mut scrap);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                // In the middle of a head, more is coming; else there is nothing to wait for.
                Poll::Pending if self.activity.phase.load(Ordering::Relaxed) == READING => {
                    return Poll::Pending;
                }
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.discarded += buffer.filled().len();
                }
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}
