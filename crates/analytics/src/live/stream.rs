//! One tab.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use tokio::sync::{mpsc, watch};

use super::hub::{Key, Live, Sent, Shared};
use super::snapshot::{Look, Sort};
use super::window::Window;
use crate::clean::post_of;
use crate::form;
use crate::http::body::Body;
use crate::http::reply::{self, Reply, set};
use crate::http::server::Peer;
use crate::http::watch::Streaming;

/// How often a comment shows that the stream lives.
const COMMENT_EVERY: Duration = Duration::from_secs(15);

impl Live {
    /// Answers `GET /live/stream`.
    pub fn stream(&self, request: &Parts, peer: &Peer) -> Reply {
        let key = match read(request) {
            Ok(key) => key,
            Err(message) => return reply::error(StatusCode::BAD_REQUEST, &message),
        };
        if !self.shared.knows(&key.0.site) {
            let message = "site: no site of this name has sent a hit yet; see /live/sites";
            return reply::error(StatusCode::NOT_FOUND, message);
        }
        let Some(open) = Open::take(&self.shared) else {
            return reply::busy("all live streams are in use; try again in a while");
        };
        let states = self.shared.subscribe(&key);
        let (pieces, body) = mpsc::channel(1);
        tokio::spawn(tab(open, states, pieces));
        let streaming = Streaming::start(&peer.activity, &peer.seconds);
        let mut reply =
            reply::reply(StatusCode::OK, "text/event-stream", Body::Stream(body, Some(streaming)));
        set(reply.headers_mut(), CONTENT_TYPE, "text/event-stream; charset=utf-8");
        // A proxy that gathers answers would hold the states back.
        set(reply.headers_mut(), "x-accel-buffering", "no");
        reply
    }
}

/// An open stream, counted while it lives.
struct Open(Arc<Shared>);

impl Open {
    fn take(shared: &Arc<Shared>) -> Option<Self> {
        let open = Self(Arc::clone(shared));
        let before = shared.streams.fetch_add(1, Ordering::Relaxed);
        (before < shared.streams_max()).then_some(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sends states to one tab until it is gone or the server closes. A tab that does not take one in time gets
/// the newest when it does.
async fn tab(open: Open, mut states: watch::Receiver<Sent>, pieces: mpsc::Sender<Bytes>) {
    let mut closed = open.0.closed.clone();
    states.mark_changed();
    loop {
        let piece = tokio::select! {
            changed = states.changed() => match changed {
                Ok(()) => states.borrow_and_update().clone(),
                Err(_) => return,
            },
            () = open.0.clock.sleep(COMMENT_EVERY) => Bytes::from_static(b": ok\n\n"),
            () = pieces.closed() => return,
            _ = closed.changed() => return,
        };
        if !piece.is_empty() && pieces.send(piece).await.is_err() {
            return;
        }
    }
}

fn read(request: &Parts) -> Result<Key, String> {
    let query = request.uri.query().unwrap_or_default();
    let text = |name: &str| form::first(query, name).unwrap_or_default();
    let site = text("site").into_owned();
    if site.is_empty() {
        return Err("site: missing; see /live/sites for the names".to_owned());
    }
    let label = text("window");
    let window = if label.is_empty() { Some(Window::default()) } else { Window::by_label(&label) };
    let window = window.ok_or("window: use 15m, 1h, 4h, 24h, 7d, 30d or all")?;
    let sort =
        Sort::by_name(&text("sort")).ok_or("sort: use views, visitors or engaged_minutes")?;
    let post = match &*text("post") {
        "" => None,
        address => Some(post_of(address).ok_or("post: write the post's http(s) address")?),
    };
    Ok((Look { site, window, sort }, post))
}
