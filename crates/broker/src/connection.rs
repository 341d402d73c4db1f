//! One connection: a loop that reads and starts requests, and a loop that writes the answers in order.
//!
//! Both loops are one task. A request takes effect when it is read, so effects keep the order of requests; what
//! is left to wait for (a sync of the disk, a long poll) waits in a bounded queue. When the queue is full no more
//! is read, and the client feels it.
//!
//! Memory is counted on both ways. A request counts from its first bytes until its answer is made. An answer that is
//! ready counts until it is written; a connection whose client does not take its answers is not read from, and a
//! large answer (a fetch) is made only when those before it are written.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Buf, Bytes};
use thiserror::Error;
use tidemill_wire::header::RequestHeader;
use tidemill_wire::{DecodeError, EncodeError, Reader};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};

use crate::answer::{Reply, RequestError};
use crate::context::{Call, Client, Shared};
use crate::dispatch::dispatch;
use crate::frames::{FrameError, Frames};
use crate::memory::Hold;

/// Bytes of ready answers that are gathered into one write.
const WRITE_BYTES: usize = 256 << 10;

/// Bytes of ready answers of one connection beyond which no further request is read until some are written.
const READY_BYTES_MAX: usize = 1 << 20;

/// What both loops know of the answers under way.
#[derive(Debug, Default)]
struct Flow {
    /// Answers that are not made yet, or wait for one that is not.
    queued: AtomicUsize,
    /// Bytes of answers that are made and not written.
    ready_bytes: AtomicUsize,
    /// Some were written.
    written: Notify,
}

impl Flow {
    /// Waits until the client has taken enough of its answers for another request to be handled. A connection with
    /// nothing ready always goes on.
    async fn may_read(&self, shared: &Shared) {
        loop {
            let written = self.written.notified();
            let ready = self.ready_bytes.load(Ordering::Relaxed);
            if ready == 0 || (ready < READY_BYTES_MAX && !shared.responses.is_used_up()) {
                return;
            }
            written.await;
        }
    }
}

/// An answer in the queue.
struct Queued {
    reply: Reply,
    /// The memory of the request, until the answer is made.
    request: Option<Hold>,
    /// The memory of the answer, if that is made.
    response: Option<Hold>,
}

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
    let flow = Flow::default();
    let reading = read_requests(reader, replies, &shared, &client, &flow);
    let writing = write_replies(writer, queue, &shared, &client, &flow);
    tokio::pin!(writing);
    tokio::select! {
        // A client that is gone takes no answers, so what is queued is dropped with the writer.
        read = reading => read,
        written = &mut writing => written,
    }
}

async fn read_requests(
    reader: impl AsyncRead + Unpin,
    replies: mpsc::Sender<Queued>,
    shared: &Arc<Shared>,
    client: &Arc<Client>,
    flow: &Flow,
) -> Result<(), ConnectionError> {
    let (budget, arriving) = (Arc::clone(&shared.requests), Arc::clone(&client.arriving));
    let mut frames = Frames::new(reader, shared.config.request_bytes_max, budget, arriving);
    let is_quiet = || flow.queued.load(Ordering::Relaxed) == 0;
    while let Some((frame, hold)) = frames.next(is_quiet).await? {
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
        if replies.send(queued(reply, hold, shared, flow)).await.is_err() {
            return Ok(());
        }
        flow.may_read(shared).await;
    }
    Ok(())
}

/// Counts an answer: one that is made by its bytes, one that is not by its request's.
fn queued(reply: Reply, request: Hold, shared: &Arc<Shared>, flow: &Flow) -> Queued {
    flow.queued.fetch_add(1, Ordering::Relaxed);
    let Reply::Now(parts) = &reply else {
        return Queued { reply, request: Some(request), response: None };
    };
    let bytes = parts.iter().map(Bytes::len).sum();
    flow.ready_bytes.fetch_add(bytes, Ordering::Relaxed);
    Queued { reply, request: None, response: Some(shared.responses.take(bytes)) }
}

async fn write_replies(
    mut writer: impl AsyncWrite + Unpin,
    mut queue: mpsc::Receiver<Queued>,
    shared: &Arc<Shared>,
    client: &Arc<Client>,
    flow: &Flow,
) -> Result<(), ConnectionError> {
    let mut ready = Parts::default();
    loop {
        let next = match queue.try_recv() {
            Ok(next) if ready.bytes < WRITE_BYTES => Some(next),
            Ok(next) => {
                flush(&mut writer, &mut ready, flow).await?;
                Some(next)
            }
            Err(_) => None,
        };
        let reply = match next {
            Some(reply) => reply,
            None => {
                flush(&mut writer, &mut ready, flow).await?;
                client.touch(shared.world.clock().now());
                match queue.recv().await {
                    Some(reply) => reply,
                    None => return Ok(()),
                }
            }
        };
        let Queued { reply, request, response } = reply;
        match reply {
            Reply::Now(parts) => ready.counted += ready.add(parts, response),
            Reply::Later(later) => {
                // What is ready must not wait for what is not.
                flush(&mut writer, &mut ready, flow).await?;
                let (parts, response) = later.await?;
                let _ = ready.add(parts, response);
            }
            Reply::Silent(done) => {
                if !done.await {
                    return Err(ConnectionError::SilentFailure);
                }
            }
        }
        drop(request);
        flow.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn flush(
    writer: &mut (impl AsyncWrite + Unpin),
    parts: &mut Parts,
    flow: &Flow,
) -> Result<(), ConnectionError> {
    if parts.bytes == 0 {
        return Ok(());
    }
    writer.write_all_buf(parts).await.map_err(ConnectionError::Write)?;
    parts.holds.clear();
    flow.ready_bytes.fetch_sub(std::mem::take(&mut parts.counted), Ordering::Relaxed);
    flow.written.notify_one();
    Ok(())
}

/// Bytes in pieces, written without joining them.
#[derive(Debug, Default)]
struct Parts {
    pieces: VecDeque<Bytes>,
    bytes: usize,
    /// The memory of what is in it, until all of it is written.
    holds: Vec<Hold>,
    /// How many of the bytes [`Flow::ready_bytes`] counts.
    counted: usize,
}

impl Parts {
    /// Adds an answer and returns its bytes.
    fn add(&mut self, parts: Vec<Bytes>, hold: Option<Hold>) -> usize {
        let bytes = parts.iter().map(Bytes::len).sum::<usize>();
        self.bytes += bytes;
        self.pieces.extend(parts.into_iter().filter(|part| !part.is_empty()));
        self.holds.extend(hold);
        bytes
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
