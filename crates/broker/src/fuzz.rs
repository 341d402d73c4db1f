//! A door for the fuzz targets, which see only what is public; it is there under their flag alone.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, ReadBuf};

use crate::frames::Frames;
use crate::memory::Budget;

/// The largest frame taken, small enough for inputs to reach it.
const FRAME_BYTES_MAX: usize = 1 << 20;

/// Bytes that arrive a few at a time.
struct Pieces<'a> {
    left: &'a [u8],
    piece: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let count = self.piece.min(self.left.len()).min(buffer.remaining());
        let (now, later) = self.left.split_at(count);
        buffer.put_slice(now);
        self.left = later;
        Poll::Ready(Ok(()))
    }
}

/// Reads `stream`, which comes `piece` bytes at a time, as frames, to its end or to the first that is refused.
pub fn frames(stream: &[u8], piece: usize) {
    let mut frames = Frames::new(
        Pieces { left: stream, piece },
        FRAME_BYTES_MAX,
        Budget::new(FRAME_BYTES_MAX),
        Arc::default(),
    );
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let next = pin!(frames.next(|| true));
        match Future::poll(next, &mut context) {
            Poll::Ready(Ok(Some(_))) => {}
            Poll::Ready(Ok(None) | Err(_)) => return,
            Poll::Pending => return,
        }
    }
}

/// Reads a `server.properties` file.
pub fn properties(text: &str) {
    let _ = crate::settings::parse_properties(text);
}
