//! What every handler may use.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tidemill_commitlog::Log;
use tidemill_commitlog::offsets::GroupOffsets;
use tidemill_wire::{ApiKey, ErrorCode, Reader, Text};
use tidemill_world::{Moment, World};
use tokio::sync::Semaphore;

use crate::admin::Admin;
use crate::answer::{Later, Reply, RequestError};
use crate::config::BrokerConfig;
use crate::fetch_session::FetchSessions;
use crate::frames::Arriving;
use crate::groups::Groups;
use crate::memory::Budget;
use crate::transactions::Transactions;

/// The parts of one broker, shared by all connections.
pub(crate) struct Shared {
    pub(crate) log: Log,
    pub(crate) world: World,
    pub(crate) config: BrokerConfig,
    pub(crate) admin: Admin,
    pub(crate) groups: Arc<Groups>,
    pub(crate) offsets: GroupOffsets,
    /// Memory of requests that are being read or wait for their answers.
    pub(crate) requests: Arc<Budget>,
    /// Memory of answers that are not written yet.
    pub(crate) responses: Arc<Budget>,
    /// Turns of looking into batches by time.
    pub(crate) lookups: Semaphore,
    pub(crate) transactions: Arc<Transactions>,
    // A std mutex: held for a look-up, never across an await.
    pub(crate) sessions: Mutex<FetchSessions>,
    pub(crate) cluster_id: Text,
    /// Everything that is served.
    pub(crate) table: &'static [Row],
}

/// Handles a request whose header was read; the number is its correlation id.
pub(crate) type Start = fn(Call, Reader, i32) -> Later<Result<Reply, RequestError>>;

/// One API that is served.
pub(crate) struct Row {
    pub(crate) api: ApiKey,
    /// The oldest version that ApiVersions tells.
    pub(crate) told_from: i16,
    /// The oldest version that is handled.
    pub(crate) oldest: i16,
    /// The newest version.
    pub(crate) newest: i16,
    /// What a user should know, for the documentation.
    pub(crate) note: &'static str,
    pub(crate) start: Start,
}

/// Who is at the other end of a connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) peer: SocketAddr,
    /// The address of ours that the client reached.
    pub(crate) reached: SocketAddr,
    /// When it last sent a request or was answered, as [`Moment`] nanoseconds.
    active: AtomicU64,
    /// How far the request has come that is under way.
    pub(crate) arriving: Arc<Arriving>,
}

impl Client {
    /// A client that has just come.
    pub(crate) fn new(peer: SocketAddr, reached: SocketAddr, now: Moment) -> Self {
        Self { peer, reached, active: AtomicU64::new(now.0), arriving: Arc::default() }
    }

    /// Something was sent or received.
    pub(crate) fn touch(&self, now: Moment) {
        self.active.store(now.0, Ordering::Relaxed);
    }

    /// When something was last sent or received.
    pub(crate) fn last_active(&self) -> Moment {
        Moment(self.active.load(Ordering::Relaxed))
    }
}

/// One request: who asks, and how.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) client: Arc<Client>,
    pub(crate) version: i16,
    pub(crate) client_id: Option<Text>,
}

impl Call {
    /// Does work that may wait for the disk on a thread that may wait.
    ///
    /// # Errors
    /// The work panicked, which is a fault of ours.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> T + Send + 'static,
    ) -> Result<T, ErrorCode> {
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || work(&shared)).await;
        done.map_err(|_| ErrorCode::UnknownServerError)
    }

    /// The host and port by which this client finds this broker.
    pub(crate) fn address(&self) -> (Text, i32) {
        match &self.shared.config.advertised {
            Some(advertised) => (Text::from(advertised.host.as_str()), advertised.port.into()),
            None => {
                let reached = self.client.reached;
                (Text::from(reached.ip().to_canonical().to_string()), reached.port().into())
            }
        }
    }
}
