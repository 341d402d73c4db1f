//! `tidemill broker`: only the log and the Kafka protocol.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use tidemill_broker::{Broker, BrokerConfig};
use tidemill_world::World;

use crate::connection::{DATA_DEFAULT, KAFKA_DEFAULT, Running};
use crate::error::CliError;
use crate::house::{check_port, open_log, runtime, until_stopped};
use crate::output;

/// Arguments of `broker`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder of everything that is kept; made if it is not there
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT)]
    data: PathBuf,
    /// Where Kafka clients are served; port 0 takes a free one
    #[arg(long, alias = "kafka", value_name = "HOST:PORT", default_value = KAFKA_DEFAULT)]
    listen: SocketAddr,
}

/// Runs the command until it is interrupted.
pub(crate) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let world = World::real();
    let runtime = runtime()?;
    let result = runtime.block_on(serve(&world, arguments));
    // What still holds a socket is cut off; everything that counts is closed already.
    runtime.shutdown_background();
    result
}

async fn serve(world: &World, arguments: &Arguments) -> Result<(), CliError> {
    let (data, listen) = (&arguments.data, arguments.listen);
    check_port(listen, "--listen")?;
    let log = open_log(world, data)?;
    let started = Broker::start(log.clone(), world.clone(), BrokerConfig::new(listen)).await;
    let broker = started
        .map_err(|error| CliError::failed(format!("Kafka at {listen} cannot start"), error))?;
    let kafka = broker.local_addr().to_string();
    let running = Running { kafka: kafka.clone(), http: String::new() };
    if let Err(error) = running.announce(data) {
        tracing::warn!(%error, "other commands will not find this process by its data folder");
    }
    output::line(&format!("ready kafka={kafka} data={}", data.display()))?;
    eprintln!("try         echo hello | tidemill produce greetings");
    eprintln!("stop        Ctrl-C");
    let stopped = until_stopped().await;
    Running::withdraw(data);
    broker.shutdown().await;
    // The log's writer is waited for, which may block.
    match tokio::task::spawn_blocking(move || log.close()).await {
        Ok(Ok(())) => stopped,
        Ok(Err(error)) => Err(CliError::failed("the log was not closed cleanly", error)),
        Err(error) => Err(CliError::failed("the log did not end cleanly", error)),
    }
}
