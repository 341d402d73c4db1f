//! `tidemill up`: everything in one process.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use tidemill_analytics::AnalyticsConfig;
use tidemill_world::World;

use crate::connection::{DATA_DEFAULT, HTTP_DEFAULT};
use crate::demo;
use crate::error::CliError;
use crate::house::{House, Plan, runtime, until_stopped};
use crate::output;
use crate::server_settings;
use crate::sites;

/// Arguments of `up`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Bring up two sites: a sample access log, and a newsroom that is generated as you watch
    #[arg(long)]
    demo: bool,
    /// Folder of everything that is kept; made if it is not there
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT)]
    data: PathBuf,
    /// Where Kafka clients are served; port 0 takes a free one [default: listeners, or 127.0.0.1:9092]
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<SocketAddr>,
    /// Kafka's server.properties for the log and its clients
    #[arg(long, value_name = "FILE")]
    kafka_config: Option<PathBuf>,
    /// Where the beacon, the API and the dashboard are served; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = HTTP_DEFAULT)]
    http: SocketAddr,
    /// Titles, secrets and allowed hosts of sites, in JSON; other sites need no entry
    #[arg(long, value_name = "FILE")]
    sites: Option<PathBuf>,
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
    let mut analytics = AnalyticsConfig::new(&arguments.data);
    analytics.http = arguments.http;
    if let Some(file) = &arguments.sites {
        analytics.sites = sites::read(file)?;
    }
    if arguments.demo {
        analytics.sites.extend(demo::sites());
    }
    let mut settings = server_settings::read(arguments.kafka_config.as_deref(), &[])?;
    settings.broker.listen = server_settings::listen(arguments.kafka, &settings);
    if server_settings::log_folder(&settings).is_some() {
        eprintln!("warning: log.dirs is left out; `up` keeps everything in --data");
    }
    settings.log.dir = arguments.data.join("log");
    let (log, kafka) = (settings.log, Some(settings.broker));
    let plan = Plan { data: arguments.data.clone(), log, kafka, analytics };
    let house = House::start(world, plan).await?;
    let (kafka, http, data) = (house.kafka(), house.http(), arguments.data.display());
    output::line(&format!("ready kafka={kafka} http={http} data={data}"))?;
    next_steps(&http, arguments.demo);
    let stopped = tokio::select! {
        stopped = until_stopped() => stopped,
        error = demo::run(world, &house.analytics), if arguments.demo => {
            // The house stands without its demo.
            eprintln!("{error}");
            until_stopped().await
        }
    };
    house.shutdown().await?;
    stopped
}

/// What a person may want to do now.
fn next_steps(http: &str, demo: bool) {
    eprintln!("dashboard   {http}/");
    if demo {
        eprintln!(
            "rankings    tidemill analytics posts --site {} --period-start 4h",
            demo::NEWSROOM
        );
    } else {
        eprintln!("count       tidemill import access-log FILE --site NAME");
        eprintln!(
            "or a page   <img src=\"{http}/plogger/?idsite=NAME&url=PAGE&urlref=&action=pageview&rand=1\">"
        );
    }
    eprintln!("stop        Ctrl-C");
}
