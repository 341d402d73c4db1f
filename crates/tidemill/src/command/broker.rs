//! `tidemill broker`: only the log and the Kafka protocol.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use tidemill_broker::Broker;
use tidemill_broker::settings::ServerSettings;
use tidemill_world::World;

use crate::connection::{DATA_DEFAULT, Running};
use crate::error::CliError;
use crate::house::{check_port, open_log, runtime, until_stopped};
use crate::output;
use crate::place::pair;
use crate::server_settings;

/// Arguments of `broker`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Kafka's server.properties; what it does not say has Kafka's defaults
    #[arg(value_name = "server.properties")]
    file: Option<PathBuf>,
    /// A setting in place of the file's; may be given again
    #[arg(long = "override", value_name = "NAME=VALUE", value_parser = pair)]
    overrides: Vec<(String, String)>,
    /// Folder of everything that is kept, made if it is not there [default: log.dirs, or ./tidemill-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where Kafka clients are served; port 0 takes a free one [default: listeners, or 127.0.0.1:9092]
    #[arg(long, alias = "kafka", value_name = "HOST:PORT")]
    listen: Option<SocketAddr>,
}

/// Runs the command until it is interrupted.
pub(crate) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let settings = server_settings::read(arguments.file.as_deref(), &arguments.overrides)?;
    let world = World::real();
    let runtime = runtime()?;
    let result = runtime.block_on(serve(&world, arguments, settings));
    // What still holds a socket is cut off; everything that counts is closed already.
    runtime.shutdown_background();
    result
}

async fn serve(
    world: &World,
    arguments: &Arguments,
    mut settings: ServerSettings,
) -> Result<(), CliError> {
    let listen = server_settings::listen(arguments.listen, &settings);
    settings.broker.listen = listen;
    // `log.dirs` is the folder of the log itself, as in Kafka.
    let data = match (&arguments.data, server_settings::log_folder(&settings)) {
        (None, Some(folder)) => folder,
        (given, _) => {
            let data = given.clone().unwrap_or_else(|| PathBuf::from(DATA_DEFAULT));
            settings.log.dir = data.join("log");
            data
        }
    };
    check_port(listen, "--listen")?;
    let log = open_log(world, &data, settings.log)?;
    let started = Broker::start(log.clone(), world.clone(), settings.broker).await;
    let broker = started
        .map_err(|error| CliError::failed(format!("Kafka at {listen} cannot start"), error))?;
    let kafka = broker.local_addr().to_string();
    let running = Running { kafka: kafka.clone(), http: String::new() };
    if let Err(error) = running.announce(&data) {
        tracing::warn!(%error, "other commands will not find this process by its data folder");
    }
    output::line(&format!("ready kafka={kafka} data={}", data.display()))?;
    eprintln!("try         echo hello | tidemill produce greetings");
    eprintln!("stop        Ctrl-C");
    let stopped = until_stopped().await;
    Running::withdraw(&data);
    broker.shutdown().await;
    // The log's writer is waited for, which may block.
    match tokio::task::spawn_blocking(move || log.close()).await {
        Ok(Ok(())) => stopped,
        Ok(Err(error)) => Err(CliError::failed("the log was not closed cleanly", error)),
        Err(error) => Err(CliError::failed("the log did not end cleanly", error)),
    }
}
