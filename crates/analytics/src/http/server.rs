//! The loop that accepts connections and the sweep that ends the ones that hang.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tidemill_world::Clock;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::task::AbortHandle;

use super::reply::Reply;
use super::watch::{Activity, Seconds, Watched};

/// Bytes of a request's line and headers; hyper answers 431 beyond it. Our own bound on the query
/// is smaller and says more.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long open connections may go on after the server was told to stop.
const CLOSING_MAX: Duration = Duration::from_secs(3);
/// What a client is told when there is no room for its connection.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Type: text/plain\r\n\
Content-Length: 47\r\nConnection: close\r\n\r\nall connections are in use; try again in a while";

/// What a request comes with besides itself.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The address at the other end of the connection.
    pub address: IpAddr,
    /// What the connection is doing.
    pub activity: Arc<Activity>,
    /// The server's seconds.
    pub seconds: Seconds,
    /// How many connections are open.
    pub connections: Arc<AtomicU32>,
}

/// Answers requests.
pub trait Service: Send + Sync + 'static {
    /// Answers one request.
    fn call(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Reply> + Send;
}

/// A running server. It stops taking connections when it is dropped.
pub struct Server {
    local_addr: SocketAddr,
    closing: Sender<bool>,
    connections: Arc<Connections>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Connections {
    next: AtomicU64,
    count: Arc<AtomicU32>,
    open: Mutex<BTreeMap<u64, Open>>,
}

/// A connection; its task is missing for the moment between being listed and being started.
#[derive(Debug)]
struct Open {
    activity: Arc<Activity>,
    task: Option<AbortHandle>,
}

impl Connections {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connections of which this is true. No task is ended under the lock, which it takes
    /// itself to leave the list.
    fn end(&self, which: impl Fn(&Activity) -> bool) {
        let ended = |open: &Open| which(&open.activity).then(|| open.task.clone()).flatten();
        let tasks: Vec<AbortHandle> = self.lock().values().filter_map(ended).collect();
        tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Server {
    /// Listens and answers with `service`, at most `connections_max` connections at a time.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start<S: Service>(
        address: SocketAddr,
        connections_max: usize,
        clock: Arc<dyn Clock>,
        service: Arc<S>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let local_addr = listener.local_addr()?;
        let (closing, closed) = channel(false);
        let connections = Arc::new(Connections::default());
        let seconds: Seconds = Arc::new(AtomicU32::new(0));
        let sweep = sweep(
            Arc::clone(&clock),
            Arc::clone(&seconds),
            Arc::clone(&connections),
            closed.clone(),
        );
        tokio::spawn(sweep);
        let accept = Accept {
            connections_max,
            connections: Arc::clone(&connections),
            seconds,
            closed,
            service,
        };
        tokio::spawn(accept.run(listener, Arc::clone(&clock)));
        Ok(Self { local_addr, closing, connections, clock })
    }

    /// The address it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Open connections.
    pub fn connections(&self) -> usize {
        self.connections.lock().len()
    }

    /// Takes no more connections, lets requests under way come to their end for a few seconds, then
    /// ends all.
    pub async fn shutdown(&self) {
        let _ = self.closing.send(true);
        let deadline = self.clock.now().after(CLOSING_MAX);
        while !self.connections.lock().is_empty() && self.clock.now() < deadline {
            self.clock.sleep(Duration::from_millis(5)).await;
        }
        self.connections.end(|_| true);
    }
}

/// Turns the server's seconds and ends the connections that hang.
async fn sweep(
    clock: Arc<dyn Clock>,
    seconds: Seconds,
    connections: Arc<Connections>,
    mut closed: Receiver<bool>,
) {
    loop {
        tokio::select! {
            () = clock.sleep(Duration::from_secs(1)) => {}
            // Also when the server is dropped.
            _ = closed.changed() => return,
        }
        let now_s = seconds.fetch_add(1, Ordering::Relaxed) + 1;
        connections.end(|activity| activity.hangs(now_s));
    }
}

/// What the accepting loop knows.
struct Accept<S> {
    connections_max: usize,
    connections: Arc<Connections>,
    seconds: Seconds,
    closed: Receiver<bool>,
    service: Arc<S>,
}

impl<S: Service> Accept<S> {
    async fn run(mut self, listener: TcpListener, clock: Arc<dyn Clock>) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = self.closed.changed() => return,
            };
            match accepted {
                Ok((stream, peer)) => self.take(stream, peer),
                Err(error) => {
                    // Most often: no file descriptors left. Waiting lets some be given back.
                    tracing::warn!(%error, "cannot accept a connection");
                    clock.sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream, peer: SocketAddr) {
        if self.connections.lock().len() >= self.connections_max {
            let _ = stream.try_write(FULL);
            return;
        }
        let _ = stream.set_nodelay(true);
        let activity = Arc::new(Activity::default());
        let peer = Peer {
            address: peer.ip(),
            activity: Arc::clone(&activity),
            seconds: Arc::clone(&self.seconds),
            connections: Arc::clone(&self.connections.count),
        };
        let number = self.connections.next.fetch_add(1, Ordering::Relaxed);
        let leave = Leave { number, connections: Arc::clone(&self.connections) };
        let serve = serve(stream, peer, Arc::clone(&self.service), self.closed.clone());
        self.connections.count.fetch_add(1, Ordering::Relaxed);
        self.connections.lock().insert(number, Open { activity, task: None });
        let task = tokio::spawn(async move {
            let _leave = leave;
            serve.await;
        });
        if let Some(open) = self.connections.lock().get_mut(&number) {
            open.task = Some(task.abort_handle());
        }
    }
}

/// Takes a connection off the list when its task ends or is ended.
struct Leave {
    number: u64,
    connections: Arc<Connections>,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.number);
        self.connections.count.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve<S: Service>(
    stream: TcpStream,
    peer: Peer,
    service: Arc<S>,
    mut closed: Receiver<bool>,
) {
    let watched = Watched::new(stream, Arc::clone(&peer.activity), Arc::clone(&peer.seconds));
    let answer = service_fn(move |request| {
        let (service, peer) = (Arc::clone(&service), peer.clone());
        async move {
            peer.activity.serving(peer.seconds.load(Ordering::Relaxed));
            let reply = service.call(request, peer.clone()).await;
            peer.activity.served(peer.seconds.load(Ordering::Relaxed));
            Ok::<_, std::convert::Infallible>(reply)
        }
    });
    let mut builder = http1::Builder::new();
    // Not `pipeline_flush`: it would keep the refusal of an overlong head in memory for ever.
    builder.max_buf_size(HEAD_BYTES_MAX);
    let connection = builder.serve_connection(TokioIo::new(watched), answer);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = closed.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
