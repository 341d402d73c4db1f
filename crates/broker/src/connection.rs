//! One connection: a loop that reads and starts requests, and a loop that writes the answers in order.
//!
//! Both loops are one task. A request takes effect when it is read, so effects keep the order of requests; what
//! is left to wait for (a sync of the disk, a long poll) waits in a bounded queue. When the queue is full no more
//! is read, and the client feels it.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use thiserror::Error;
use tidemill_wire::header::RequestHeader;
use tidemill_wire::{DecodeError, EncodeError, Reader};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::answer::{Reply, RequestError};
use crate::context::{Call, Client, Shared};
use crate::dispatch::dispatch;
use crate::frames::{FrameError, Frames};

/// Bytes of ready answers that are gathered into one write.
const WRITE_BYTES: usize = 256 << 10;

/// Why a connection was closed by us.
#[derive(Debug, Error)]
pub(crate) enum ConnectionError {
    /// No further frame can be read.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame does not begin with a request header.
    #[error(transparent)]
    Header(#[from] DecodeError),
    /// A request was not handled.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// An answer cannot be expressed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The socket failed while writing.
    #[error("the socket failed: {0}")]
    Write(#[source] std::io::Error),
    /// A produce without acknowledgement failed.
    #[error("a produce with acks=0 failed")]
    SilentFailure,
}

/// Serves one connection until the client goes or must go.
///
/// # Errors
/// The client sent what cannot be handled, or the socket failed.
pub(crate) async fn serve(
    reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin,
    shared: Arc<Shared>,
    client: Arc<Client>,
) -> Result<(), ConnectionError> {
    let (replies, queue) = mpsc::channel(shared.config.in_flight_max.max(1));
    let reading = read_requests(reader, replies, &shared, &client);
    let writing = write_replies(writer, queue, &shared, &client);
    tokio::pin!(writing);
    tokio::select! {
        // A client that is gone takes no answers, so what is queued is dropped with the writer.
        read = reading => read,
        written = &mut writing => written,
    }
}

async fn read_requests(
    reader: impl AsyncRead + Unpin,
    replies: mpsc::Sender<Reply>,
    shared: &Arc<Shared>,
    client: &Arc<Client>,
) -> Result<(), ConnectionError> {
    let mut frames = Frames::new(reader, shared.config.request_bytes_max);
    while let Some(frame) = frames.next().await? {
        client.touch(shared.world.clock().now());
        let mut reader = Reader::new(frame);
        let header = RequestHeader::decode(&mut reader)?;
        let call = Call {
            shared: Arc::clone(shared),
            client: Arc::clone(client),
            version: header.api_version,
            client_id: header.client_id,
        };
        let reply = dispatch(header.api_key, header.correlation_id, call, reader).await?;
        if replies.send(reply).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

async fn write_replies(
    mut writer: impl AsyncWrite + Unpin,
    mut queue: mpsc::Receiver<Reply>,
    shared: &Arc<Shared>,
    client: &Arc<Client>,
) -> Result<(), ConnectionError> {
    let mut ready = Parts::default();
    loop {
        let next = match queue.try_recv() {
            Ok(next) if ready.bytes < WRITE_BYTES => Some(next),
            Ok(next) => {
                flush(&mut writer, &mut ready).await?;
                Some(next)
            }
            Err(_) => None,
        };
        let reply = match next {
            Some(reply) => reply,
            None => {
                flush(&mut writer, &mut ready).await?;
                client.touch(shared.world.clock().now());
                match queue.recv().await {
                    Some(reply) => reply,
                    None => return Ok(()),
                }
            }
        };
        match reply {
            Reply::Now(parts) => ready.add(parts),
            Reply::Later(later) => {
                // What is ready must not wait for what is not.
                flush(&mut writer, &mut ready).await?;
                ready.add(later.await?);
            }
            Reply::Silent(done) => {
                if !done.await {
                    return Err(ConnectionError::SilentFailure);
                }
            }
        }
    }
}

async fn flush(
    writer: &mut (impl AsyncWrite + Unpin),
    parts: &mut Parts,
) -> Result<(), ConnectionError> {
    writer.write_all_buf(parts).await.map_err(ConnectionError::Write)
}

/// Bytes in pieces, written without joining them.
#[derive(Debug, Default)]
struct Parts {
    pieces: VecDeque<Bytes>,
    bytes: usize,
}

impl Parts {
    fn add(&mut self, parts: Vec<Bytes>) {
        self.bytes += parts.iter().map(Bytes::len).sum::<usize>();
        self.pieces.extend(parts.into_iter().filter(|part| !part.is_empty()));
    }
}

impl Buf for Parts {
    fn remaining(&self) -> usize {
        self.bytes
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map_or(&[], |piece| piece)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let filled = slices.len().min(self.pieces.len());
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece);
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        self.bytes = self.bytes.saturating_sub(count);
        while let Some(first) = self.pieces.front_mut() {
            if count < first.len() {
                first.advance(count);
                return;
            }
            count -= first.len();
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
