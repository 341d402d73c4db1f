//! Starting and stopping all of it.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tidemill_commitlog::{Acks, Log, Partition, TopicError};
use tidemill_engine::{BuildError, Engine, Running, SubmitError};
use tidemill_world::World;
use tokio::sync::watch;

use crate::api::Api;
use crate::collector::Collector;
use crate::config::AnalyticsConfig;
use crate::http::server::Server;
use crate::import::{Importer, Sources};
use crate::intake::{EVENTS, HITS, Intake, METADATA, ensure_topic};
use crate::live::{Importing, Live};
use crate::metrics::Metrics;
use crate::page;
use crate::pipeline::progress::Progress;
use crate::pipeline::written::Written;
use crate::pipeline::{Works, topology};
use crate::routes::Desk;
use crate::views::Views;
use crate::visitor::DayKeys;

/// How long what is under way may take when the analytics stop. What is not done then is done after the
/// next start: the log has it.
const DRAIN: Duration = Duration::from_secs(5);

/// Why the analytics did not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnalyticsError {
    /// A topic cannot be made.
    #[error("cannot prepare the topic {topic}: {source}")]
    Topic {
        /// The topic.
        topic: &'static str,
        /// Why.
        source: TopicError,
    },
    /// A topic has no first partition.
    #[error("the topic {0} has no partition 0; was it deleted just now?")]
    NoPartition(&'static str),
    /// The raw events cannot be read.
    #[error("cannot read the topic events: {0}")]
    Events(#[from] tidemill_commitlog::ReadError),
    /// The keys of the visitors cannot be read.
    #[error("cannot read the visitor keys in {folder}: {source}")]
    Keys {
        /// The folder.
        folder: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The topology was refused when it was built.
    #[error("the topology is wrong: {0}")]
    Build(#[from] BuildError),
    /// The engine does not run the topology.
    #[error("the topology was not started: {0}")]
    Submit(#[from] SubmitError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; take another port with --http")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// The running analytics.
pub struct Analytics {
    server: Server,
    running: Running,
    closing: watch::Sender<bool>,
    importer: Importer,
    importing: Importing,
    metadata: tidemill_commitlog::Appender,
    views: Arc<RwLock<Views>>,
    progress: Arc<Progress>,
    world: World,
}

impl std::fmt::Debug for Analytics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Analytics").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Analytics {
    /// Makes the topics, rebuilds the views from the log with a topology on this engine, and serves HTTP. Views
    /// are behind the log for a moment after the start; `/health` says by how much.
    ///
    /// # Errors
    /// A topic, the visitor keys, the engine or the address fail; nothing is left running.
    pub async fn start(
        log: Log,
        engine: &Engine,
        world: World,
        config: AnalyticsConfig,
    ) -> Result<Self, AnalyticsError> {
        let [hits, events, metadata] =
            [open(&log, HITS)?, open(&log, EVENTS)?, open(&log, METADATA)?];
        let keys = DayKeys::open(&world, &config.dir)
            .map_err(|source| AnalyticsError::Keys { folder: config.dir.clone(), source })?;
        let config = Arc::new(config);
        let mut views = Views::new(config.limits);
        views.start_at(0, hits.log_start_offset());
        let works = Works {
            log,
            views: Arc::new(RwLock::new(views)),
            sources: Sources::default(),
            progress: Arc::new(Progress::default()),
            written: Written::learn(&events)?,
            events,
            metrics: Arc::new(Metrics::default()),
        };
        let running = engine.submit(topology(&works)?)?;
        let parts = Parts { works, running, hits, metadata, keys: Arc::new(keys), config, world };
        let stop = parts.running.clone();
        let started = parts.serve().await;
        if started.is_err() {
            stop.kill(Duration::ZERO);
        }
        started
    }

    /// The address it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// The importer of access logs, for imports inside this process.
    pub fn importer(&self) -> &Importer {
        &self.importer
    }

    /// Which sites are being imported.
    pub fn importing(&self) -> &Importing {
        &self.importing
    }

    /// Where descriptions of sites and posts go.
    pub fn metadata(&self) -> &tidemill_commitlog::Appender {
        &self.metadata
    }

    /// How far the views have come.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// Looks at the views.
    pub fn with_views<T>(&self, look: impl FnOnce(&Views) -> T) -> T {
        look(&self.views.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the views have all hits that are in the log now; `false` if that takes longer than `patience`.
    pub async fn wait_caught_up(&self, patience: Duration) -> bool {
        let end = self.importer.intake.partition().high_watermark();
        self.progress.wait_hits(end, self.world.clock(), patience).await
    }

    /// Takes no more connections, ends live streams, lets the topology finish what is under way.
    pub async fn shutdown(self) {
        let _ = self.closing.send(true);
        self.server.shutdown().await;
        self.running.kill(DRAIN);
        let running = self.running.clone();
        // Waiting for the topology blocks, so it gets a thread that may block.
        let _ = tokio::task::spawn_blocking(move || running.wait_finished()).await;
    }
}

fn open(log: &Log, topic: &'static str) -> Result<Partition, AnalyticsError> {
    let partition =
        ensure_topic(log, topic).map_err(|source| AnalyticsError::Topic { topic, source })?;
    partition.ok_or(AnalyticsError::NoPartition(topic))
}

/// What the server is made of.
struct Parts {
    works: Works,
    running: Running,
    hits: Partition,
    metadata: Partition,
    keys: Arc<DayKeys>,
    config: Arc<AnalyticsConfig>,
    world: World,
}

impl Parts {
    async fn serve(self) -> Result<Analytics, AnalyticsError> {
        let Self { works, running, hits, metadata, keys, config, world } = self;
        let (closing, closed) = watch::channel(false);
        let clock = world.clock_arc();
        let importing = Importing::default();
        let importer = Importer {
            intake: Intake::new(&hits),
            keys: Arc::clone(&keys),
            sources: works.sources.clone(),
            metrics: Arc::clone(&works.metrics),
            clock: Arc::clone(&clock),
        };
        let live = Live::new(
            Arc::clone(&config),
            Arc::clone(&works.views),
            importing.clone(),
            Arc::clone(&clock),
            closed,
        );
        let metadata = metadata.appender(Acks::Synced);
        let desk = Desk {
            collector: Collector {
                config: Arc::clone(&config),
                intake: importer.intake.clone(),
                keys,
                metrics: Arc::clone(&works.metrics),
                clock: Arc::clone(&clock),
            },
            api: Api {
                config: Arc::clone(&config),
                views: Arc::clone(&works.views),
                metadata: metadata.clone(),
                progress: Arc::clone(&works.progress),
                metrics: works.metrics,
                clock: Arc::clone(&clock),
            },
            live: live.clone(),
            importer: importer.clone(),
            importing: importing.clone(),
            running: running.clone(),
        };
        let address = config.http;
        let server = Server::start(address, config.connections_max, clock, Arc::new(desk)).await;
        let server = server.map_err(|source| AnalyticsError::Listen { address, source })?;
        tokio::spawn(live.run());
        if !page::is_there() {
            tracing::warn!(
                "this program was built without the dashboard; the API answers all the same"
            );
        }
        let (views, progress) = (works.views, works.progress);
        Ok(Analytics {
            server,
            running,
            closing,
            importer,
            importing,
            metadata,
            views,
            progress,
            world,
        })
    }
}
