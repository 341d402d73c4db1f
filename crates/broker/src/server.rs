//! The broker as a whole: listens, bounds connections, closes idle ones, ends.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use thiserror::Error;
use tidemill_commitlog::Log;
use tidemill_commitlog::offsets::{GroupOffsets, OFFSETS_TOPIC};
use tidemill_wire::Text;
use tidemill_world::{Moment, World};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{AbortHandle, Id, JoinError, JoinHandle, JoinSet};

use crate::admin::Admin;
use crate::config::BrokerConfig;
use crate::connection;
use crate::context::{Client, Row, Shared};
use crate::dispatch::TABLE;
use crate::fetch_session::FetchSessions;
use crate::groups::Groups;
use crate::memory::Budget;
use crate::transactions::{TransactionLimits, Transactions};

/// How long to wait when the system refuses a connection (too many open files), so that the loop does not burn.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Requests that look into batches by time at one time: each may unpack one batch, of up to 128 MiB.
const LOOKUPS_MAX: usize = 2;

/// Why a broker does not start. Nothing is left running.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened at.
    #[error("cannot listen at {address}: {source}; is another broker running there?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The groups' offsets cannot be read from the log.
    #[error("cannot open the offsets of consumer groups: {0}")]
    Offsets(String),
    /// What was changed while the broker ran before cannot be read.
    #[error("cannot read the settings in {path}: {source}", path = path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The transactional ids cannot be read from the log.
    #[error("cannot open the transactions: {0}")]
    Transactions(String),
}

/// A running broker. Dropping it ends it like [`shutdown`](Broker::shutdown), without waiting.
#[derive(Debug)]
pub struct Broker {
    local_addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    accepting: JoinHandle<()>,
    groups: JoinHandle<()>,
    transactions: JoinHandle<()>,
}

impl Broker {
    /// Starts to serve `log`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(log: Log, world: World, config: BrokerConfig) -> Result<Self, StartError> {
        Self::start_with(log, world, config, TABLE).await
    }

    /// Starts with a table of one's own.
    async fn start_with(
        log: Log,
        world: World,
        config: BrokerConfig,
        table: &'static [Row],
    ) -> Result<Self, StartError> {
        let address = config.listen;
        let listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let local_addr = listener.local_addr().map_err(listen)?;
        let shared = share(log, world, config, table).await?;
        let groups = tokio::spawn(Arc::clone(&shared.groups).run());
        let transactions = tokio::spawn(Arc::clone(&shared.transactions).run());
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, shared, stopped));
        tracing::info!(%local_addr, "broker listens");
        Ok(Self { local_addr, stop: Some(stop), accepting, groups, transactions })
    }

    /// Where the broker listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Closes all connections and ends. Appends that were queued to the log are still done; close the log after
    /// this.
    pub async fn shutdown(mut self) {
        drop(self.stop.take());
        if (&mut self.accepting).await.is_err() {
            tracing::error!("the accepting task panicked");
        }
        self.groups.abort();
        self.transactions.abort();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // The accepting task ends when `stop` is dropped and takes the connections with it.
        self.groups.abort();
        self.transactions.abort();
    }
}

async fn share(
    log: Log,
    world: World,
    config: BrokerConfig,
    table: &'static [Row],
) -> Result<Arc<Shared>, StartError> {
    let opening = log.clone();
    let offsets = tokio::task::spawn_blocking(move || GroupOffsets::open(&opening)).await;
    let offsets = match offsets {
        Ok(Ok(offsets)) => offsets,
        Ok(Err(error)) => return Err(StartError::Offsets(error.to_string())),
        Err(error) => return Err(StartError::Offsets(error.to_string())),
    };
    let (opening, settings) = (log.clone(), config.clone());
    let admin = tokio::task::spawn_blocking(move || Admin::open(&opening, &settings)).await;
    let admin = match admin {
        Ok(Ok(admin)) => admin,
        Ok(Err((path, source))) => return Err(StartError::Settings { path, source }),
        Err(error) => {
            let (path, source) = (log.dir().to_owned(), io::Error::other(error));
            return Err(StartError::Settings { path, source });
        }
    };
    let transactions = open_transactions(&log, &world, &offsets, config.transactions).await?;
    let cluster_id = match &config.cluster_id {
        Some(id) => Text::from(id.as_str()),
        None => {
            log.topic(OFFSETS_TOPIC).map(|topic| topic.id.to_string()).unwrap_or_default().into()
        }
    };
    Ok(Arc::new(Shared {
        groups: Groups::open(world.clone(), config.groups, log.clone(), offsets.clone()),
        requests: Budget::new(config.request_memory_bytes_max),
        responses: Budget::new(config.response_memory_bytes_max),
        lookups: Semaphore::new(LOOKUPS_MAX),
        sessions: Mutex::new(FetchSessions::new(config.fetch_sessions_max)),
        admin,
        offsets,
        transactions,
        log,
        world,
        config,
        cluster_id,
        table,
    }))
}

async fn open_transactions(
    log: &Log,
    world: &World,
    offsets: &GroupOffsets,
    limits: TransactionLimits,
) -> Result<Arc<Transactions>, StartError> {
    let (log, world, offsets) = (log.clone(), world.clone(), offsets.clone());
    let opening =
        tokio::task::spawn_blocking(move || Transactions::open(&log, &world, &offsets, limits));
    match opening.await {
        Ok(Ok(transactions)) => Ok(transactions),
        Ok(Err(error)) => Err(StartError::Transactions(error.to_string())),
        Err(error) => Err(StartError::Transactions(error.to_string())),
    }
}

/// A request this large has a second more to arrive; a client slower than this a second is closed.
const FRAME_BYTES_A_SECOND: usize = 64 << 10;

/// One connection.
struct Guest {
    client: Arc<Client>,
    task: AbortHandle,
    /// The request that was under way at the last look, and since when it was seen.
    arriving: Option<(u64, Moment)>,
}

impl Guest {
    /// Whether the connection must be closed, and why.
    fn is_over(&mut self, now: Moment, config: &BrokerConfig) -> Option<&'static str> {
        if now.since(self.client.last_active()) >= config.connection_idle_max {
            return Some("idle connection closed");
        }
        let Some((frame, bytes)) = self.client.arriving.now() else {
            self.arriving = None;
            return None;
        };
        let since = match self.arriving {
            Some((seen, since)) if seen == frame => since,
            _ => now,
        };
        self.arriving = Some((frame, since));
        let seconds = u64::try_from(bytes / FRAME_BYTES_A_SECOND).unwrap_or(0);
        let patience = config.frame_grace.saturating_add(Duration::from_secs(seconds));
        (now.since(since) >= patience).then_some("connection closed: its request does not end")
    }
}

/// The connections that are open.
struct Open {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    clients: HashMap<Id, Guest>,
    /// How many of them come from one address.
    by_address: HashMap<IpAddr, usize>,
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let clock = shared.world.clock_arc();
    // A connection may be idle for a quarter longer than was set; looking more often costs more.
    let shortest = shared.config.connection_idle_max.min(shared.config.frame_grace);
    let look_every = (shortest / 4).max(Duration::from_millis(10));
    let mut look = clock.sleep(look_every);
    let mut open =
        Open { shared, tasks: JoinSet::new(), clients: HashMap::new(), by_address: HashMap::new() };
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => open.add(socket, peer),
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    clock.sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = open.tasks.join_next_with_id() => open.forget(ended),
            () = &mut look => {
                open.close_idle();
                look = clock.sleep(look_every);
            }
        }
    }
    open.tasks.shutdown().await;
}

impl Open {
    fn add(&mut self, socket: TcpStream, peer: SocketAddr) {
        if let Some((limit, which)) = self.is_full(peer.ip().to_canonical()) {
            tracing::warn!(%peer, limit, "connection refused: {which} is reached");
            return;
        }
        let reached = match socket.set_nodelay(true).and_then(|()| socket.local_addr()) {
            Ok(reached) => reached,
            Err(error) => {
                tracing::debug!(%peer, %error, "connection gone before it was served");
                return;
            }
        };
        let client = Arc::new(Client::new(peer, reached, self.shared.world.clock().now()));
        let serving = serve(socket, Arc::clone(&self.shared), Arc::clone(&client));
        let handle = self.tasks.spawn(serving);
        *self.by_address.entry(peer.ip().to_canonical()).or_default() += 1;
        self.clients.insert(handle.id(), Guest { client, task: handle, arriving: None });
    }

    /// The limit that one more connection of this address would pass.
    fn is_full(&self, address: IpAddr) -> Option<(usize, &'static str)> {
        let live = self.shared.admin.live();
        if self.clients.len() >= live.connections_max {
            return Some((live.connections_max, "max.connections"));
        }
        let own = live.connections_per_address.get(&address).copied();
        let limit = own.unwrap_or(live.connections_per_address_max);
        let open = self.by_address.get(&address).copied().unwrap_or(0);
        (open >= limit).then_some((limit, "max.connections.per.ip"))
    }

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) {
        let (id, panicked) = match ended {
            Ok((id, ())) => (id, false),
            Err(error) => (error.id(), error.is_panic()),
        };
        let Some(guest) = self.clients.remove(&id) else { return };
        let peer = guest.client.peer;
        let address = peer.ip().to_canonical();
        let left = self.by_address.get(&address).copied().unwrap_or(0).saturating_sub(1);
        match left {
            0 => drop(self.by_address.remove(&address)),
            left => drop(self.by_address.insert(address, left)),
        }
        if panicked {
            tracing::error!(%peer, "a handler panicked; its connection was closed, the others go on");
        }
    }

    fn close_idle(&mut self) {
        let now = self.shared.world.clock().now();
        for guest in self.clients.values_mut() {
            if let Some(why) = guest.is_over(now, &self.shared.config) {
                tracing::debug!(peer = %guest.client.peer, "{why}");
                guest.task.abort();
            }
        }
    }
}

async fn serve(mut socket: TcpStream, shared: Arc<Shared>, client: Arc<Client>) {
    let peer = client.peer;
    let (reader, writer) = socket.split();
    match connection::serve(reader, writer, shared, client).await {
        Ok(()) => tracing::debug!(%peer, "connection closed by the client"),
        Err(error) => tracing::warn!(%peer, %error, "connection closed"),
    }
}

#[cfg(test)]
mod tests;
