//! The parts of a running Tidemill, put together and taken apart in the right order.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tidemill_analytics::{Analytics, AnalyticsConfig};
use tidemill_broker::{Broker, BrokerConfig};
use tidemill_commitlog::{Log, LogConfig, OpenError};
use tidemill_engine::{Engine, EngineConfig};
use tidemill_world::World;

use crate::connection::Running;
use crate::error::CliError;

/// How long tuples under way may take at the end. Everything is replayed from the log at the next start, so
/// waiting longer would gain nothing.
const DRAIN: Duration = Duration::from_millis(800);

/// What to put together.
pub(crate) struct Plan {
    /// Folder of the log and all else that is kept.
    pub(crate) data: PathBuf,
    /// How the log is kept; its folder is one of `data`.
    pub(crate) log: LogConfig,
    /// Where and how Kafka clients are served; nowhere if `None`.
    pub(crate) kafka: Option<BrokerConfig>,
    /// Where HTTP is served, and what of the analytics is set.
    pub(crate) analytics: AnalyticsConfig,
}

/// A running Tidemill.
pub(crate) struct House {
    pub(crate) analytics: Analytics,
    log: Log,
    engine: Engine,
    broker: Option<Broker>,
    data: PathBuf,
}

impl House {
    /// Opens the log, then starts the engine, the analytics and the broker. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// What is in use or broken, and what to do. Nothing is left running.
    pub(crate) async fn start(world: &World, plan: Plan) -> Result<Self, CliError> {
        if let Some(kafka) = &plan.kafka {
            check_port(kafka.listen, "--kafka")?;
        }
        check_port(plan.analytics.http, "--http")?;
        let log = open_log(world, &plan.data, plan.log)?;
        let engine = Engine::start(world.clone(), EngineConfig::default())
            .map_err(|error| CliError::failed("the engine cannot start", error))?;
        let http = plan.analytics.http;
        let analytics = Analytics::start(log.clone(), &engine, world.clone(), plan.analytics)
            .await
            .map_err(|error| CliError::failed(format!("HTTP at {http} cannot start"), error))?;
        let broker = match plan.kafka {
            None => None,
            Some(config) => {
                let kafka = config.listen;
                let broker = Broker::start(log.clone(), world.clone(), config).await;
                let failed = |e| CliError::failed(format!("Kafka at {kafka} cannot start"), e);
                Some(broker.map_err(failed)?)
            }
        };
        let house = Self { analytics, log, engine, broker, data: plan.data };
        let running = Running { kafka: house.kafka(), http: house.http() };
        if let Err(error) = running.announce(&house.data) {
            tracing::warn!(%error, "other commands will not find this process by its data folder");
        }
        Ok(house)
    }

    /// Address of the Kafka listener; empty if there is none.
    pub(crate) fn kafka(&self) -> String {
        self.broker.as_ref().map(|broker| broker.local_addr().to_string()).unwrap_or_default()
    }

    /// Base URL of the HTTP listener.
    pub(crate) fn http(&self) -> String {
        format!("http://{}", self.analytics.local_addr())
    }

    /// Takes no more, lets the engine work off what is under way, and closes the log.
    pub(crate) async fn shutdown(self) -> Result<(), CliError> {
        Running::withdraw(&self.data);
        if let Some(broker) = self.broker {
            broker.shutdown().await;
        }
        self.analytics.shutdown().await;
        // The engine's threads and the log's writer are waited for, which may block.
        let (engine, log) = (self.engine, self.log);
        let closed = tokio::task::spawn_blocking(move || {
            for topology in engine.topologies() {
                topology.kill(DRAIN);
                topology.wait_finished();
            }
            engine.shutdown();
            log.close()
        });
        match closed.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(CliError::failed("the log was not closed cleanly", error)),
            Err(error) => Err(CliError::failed("the engine did not end cleanly", error)),
        }
    }
}

/// Says which flag to change when a port is taken; the listeners proper would say it after the log is
/// open.
pub(crate) fn check_port(address: SocketAddr, flag: &str) -> Result<(), CliError> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) => {
            let why = match error.kind() {
                io::ErrorKind::AddrInUse => "the port is in use".to_owned(),
                _ => error.to_string(),
            };
            let help = format!("choose another with {flag} HOST:PORT; port 0 takes a free one");
            Err(CliError::with_help(format!("cannot listen at {address}"), why, help))
        }
    }
}

/// Opens the log of a data folder.
pub(crate) fn open_log(world: &World, data: &Path, config: LogConfig) -> Result<Log, CliError> {
    Log::open(world.clone(), config).map_err(|error| match error {
        OpenError::Locked { .. } => CliError::with_help(
            format!("data folder {} is in use", data.display()),
            "another tidemill has it open",
            "stop that one, or choose another folder with --data DIR",
        ),
        other => CliError::failed(format!("data folder {}", data.display()), other),
    })
}

/// A runtime for sockets.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed("cannot start threads", error))
}

/// Waits for an interrupt or a request to end; from then on another one ends the process at once.
pub(crate) async fn until_stopped() -> Result<(), CliError> {
    let stopped = interrupted().await;
    eprintln!("stopping; interrupt once more to stop at once");
    tokio::spawn(async {
        interrupted().await.ok();
        std::process::exit(130);
    });
    stopped
}

/// Waits for an interrupt or a request to end.
async fn interrupted() -> Result<(), CliError> {
    let failed = |error: io::Error| CliError::failed("cannot listen for signals", error);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result.map_err(failed),
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(failed)
}
