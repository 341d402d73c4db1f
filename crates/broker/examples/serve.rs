//! A broker over a folder, for trying clients against: `serve --data DIR [--listen HOST:PORT] [--partitions N]
//! [--consumer-heartbeat-ms N] [--consumer-session-ms N]`. Prints `kafka=HOST:PORT` once it listens, and ends on Ctrl-C
//! or SIGTERM. The partitions are for topics whose creator does not say.

#![allow(clippy::print_stdout, reason = "the address is this program's output")]

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use tidemill_broker::{Broker, BrokerConfig};
use tidemill_commitlog::{Log, LogConfig};
use tidemill_world::World;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let filter =
        tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let (data, config) = arguments()?;
    let world = World::real();
    let log = Log::open(world.clone(), LogConfig::new(data))?;
    let broker = Broker::start(log.clone(), world, config).await?;
    println!("kafka={}", broker.local_addr());
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    broker.shutdown().await;
    tokio::task::spawn_blocking(move || log.close()).await??;
    Ok(())
}

fn arguments() -> Result<(String, BrokerConfig), Box<dyn Error>> {
    let mut data = None;
    let mut config = BrokerConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("each option takes a value")?;
        let millis = || value.parse().map(Duration::from_millis);
        match name.as_str() {
            "--data" => data = Some(value),
            "--listen" => {
                config.listen = value.parse().map_err(|_| format!("{value} is not HOST:PORT"))?;
            }
            "--partitions" => config.num_partitions = value.parse()?,
            "--consumer-heartbeat-ms" => config.groups.consumer_heartbeat_interval = millis()?,
            "--consumer-session-ms" => config.groups.consumer_session_timeout = millis()?,
            _ => return Err(format!("there is no option {name}").into()),
        }
    }
    let usage = "usage: serve --data DIR [--listen HOST:PORT] [--partitions N]";
    Ok((data.ok_or(usage)?, config))
}
