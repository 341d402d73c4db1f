//! A broker over a folder, for trying clients against: `serve --data DIR [--listen HOST:PORT]`. Prints
//! `kafka=HOST:PORT` once it listens, and ends on Ctrl-C.

#![allow(clippy::print_stdout, reason = "the address is this program's output")]

use std::error::Error;
use std::net::SocketAddr;

use tidemill_broker::{Broker, BrokerConfig};
use tidemill_commitlog::{Log, LogConfig};
use tidemill_world::World;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let filter =
        tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let (data, listen) = arguments()?;
    let world = World::real();
    let log = Log::open(world.clone(), LogConfig::new(data))?;
    let broker = Broker::start(log.clone(), world, BrokerConfig::new(listen)).await?;
    println!("kafka={}", broker.local_addr());
    tokio::signal::ctrl_c().await?;
    broker.shutdown().await;
    tokio::task::spawn_blocking(move || log.close()).await??;
    Ok(())
}

fn arguments() -> Result<(String, SocketAddr), Box<dyn Error>> {
    let (mut data, mut listen) = (None, "127.0.0.1:0".to_owned());
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("each option takes a value")?;
        match name.as_str() {
            "--data" => data = Some(value),
            "--listen" => listen = value,
            _ => return Err(format!("there is no option {name}").into()),
        }
    }
    let data = data.ok_or("usage: serve --data DIR [--listen HOST:PORT]")?;
    Ok((data, listen.parse().map_err(|_| format!("{listen} is not HOST:PORT"))?))
}
