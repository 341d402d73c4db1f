//! `POST /v1/import?site=…`: an access log over HTTP.
//!
//! The body may be of any length; it goes through a bounded channel to a thread that imports it. The answer is JSON, one
//! object a line: `{"progress":{…}}` while it comes in, and `{"report":{…}}` or `{"error":"…"}` at the end.

use std::io::{self, Read};
use std::time::Duration;

use bytes::{Buf, Bytes};
use hyper::StatusCode;
use hyper::body::Incoming;
use serde_json::json;
use tidemill_world::Clock;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::report::ImportReport;
use super::run::{ImportOptions, Importer, access_log};
use crate::http::body::Body;
use crate::http::reply::{Reply, reply};
use crate::http::request::{BodyError, piece};
use crate::http::server::Peer;
use crate::http::watch::Streaming;

#[cfg(test)]
mod tests;

/// Pieces of a body between the connection and the import; a piece has at most some 64 KiB.
const PIECES: usize = 16;
/// Lines of the answer that wait for the client; progress that does not fit is left out.
const LINES: usize = 4;
/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Imports a body. `held` is dropped when the import is over.
pub fn upload(
    importer: Importer,
    options: ImportOptions,
    body: Incoming,
    peer: &Peer,
    held: impl Send + 'static,
) -> Reply {
    let (pieces, source) = mpsc::channel(PIECES);
    let (lines, answer) = mpsc::channel(LINES);
    let clock = std::sync::Arc::clone(&importer.clock);
    tokio::spawn(async move { receive(body, pieces, &*clock).await });
    tokio::task::spawn_blocking(move || {
        run(&importer, &options, Pieces { source, piece: Bytes::new() }, &lines);
        drop(held);
    });
    let streaming = Streaming::start(&peer.activity, &peer.seconds);
    reply(StatusCode::OK, "application/x-ndjson", Body::Stream(answer, Some(streaming)))
}

/// Hands the pieces of a body on; the import that takes them sets the pace.
async fn receive(mut body: Incoming, pieces: Sender<Result<Bytes, BodyError>>, clock: &dyn Clock) {
    loop {
        let next = match piece(&mut body, clock).await {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        let ends = next.is_err();
        if pieces.send(next).await.is_err() || ends {
            return;
        }
    }
}

fn run(importer: &Importer, options: &ImportOptions, input: Pieces, lines: &Sender<Bytes>) {
    let mut told = importer.clock.now();
    let mut progress = |report: &ImportReport| {
        let now = importer.clock.now();
        if now.since(told) >= PROGRESS_EVERY {
            told = now;
            // A client that sends before it reads does not take progress; that must not stop the import.
            let _ = lines.try_send(line(&json!({"progress": report})));
        }
    };
    let last = match access_log(importer, options, input, None, &mut progress) {
        Ok(report) => line(&json!({"report": report})),
        Err(error) => line(&json!({"error": error.to_string()})),
    };
    // A client that is gone does not hear it.
    let _ = lines.blocking_send(last);
}

fn line(value: &serde_json::Value) -> Bytes {
    Bytes::from(format!("{value}\n"))
}

/// Reads pieces as a stream. It gives what is there and waits only if nothing is.
struct Pieces {
    source: Receiver<Result<Bytes, BodyError>>,
    piece: Bytes,
}

impl Pieces {
    fn take(&mut self, next: Option<Result<Bytes, BodyError>>) -> io::Result<bool> {
        match next {
            None => Ok(false),
            Some(Ok(bytes)) => {
                self.piece = bytes;
                Ok(true)
            }
            Some(Err(error)) => {
                Err(io::Error::new(io::ErrorKind::ConnectionAborted, error.to_string()))
            }
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
            if self.piece.is_empty() {
                let next = if filled == 0 {
                    self.source.blocking_recv()
                } else {
                    match self.source.try_recv() {
                        Ok(next) => Some(next),
                        Err(_) => break,
                    }
                };
                if !self.take(next)? {
                    break;
                }
                continue;
            }
            let count = room.len().min(self.piece.len());
            self.piece.copy_to_slice(room.get_mut(..count).unwrap_or_default());
            filled += count;
        }
        Ok(filled)
    }
}
