//! The analytics alone, for trying things by hand: `analytics FOLDER [PORT] [demo] [SITE=ACCESS_LOG]`.
//!
//! `demo` runs the newsroom that does not exist; an access log comes in within half a minute.

use std::net::SocketAddr;
use std::time::Duration;

use tidemill_analytics::demo::{Demo, DemoOptions, paced_import};
use tidemill_analytics::import::ImportOptions;
use tidemill_analytics::{Analytics, AnalyticsConfig};
use tidemill_commitlog::{Log, LogConfig};
use tidemill_engine::{Engine, EngineConfig};
use tidemill_world::World;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("say which folder to use")?;
    let rest: Vec<String> = arguments.collect();
    let port = rest.iter().find_map(|word| word.parse().ok()).unwrap_or(8080);
    let world = World::real();
    let log = Log::open(world.clone(), LogConfig::new(format!("{folder}/log")))?;
    let engine = Engine::start(world.clone(), EngineConfig { workers: Some(1) })?;
    let http = SocketAddr::from(([127, 0, 0, 1], port));
    let config = AnalyticsConfig { http, ..AnalyticsConfig::new(&folder) };
    let started = world.clock().now();
    let analytics = Analytics::start(log.clone(), &engine, world.clone(), config).await?;
    eprintln!("listening on http://{}", analytics.local_addr());
    analytics.wait_caught_up(Duration::from_secs(600)).await;
    eprintln!("views are up to date after {:?}", world.clock().now().since(started));
    let demo = if rest.iter().any(|word| word == "demo") {
        let demo = Demo::start(&analytics, &world, DemoOptions::default()).await?;
        eprintln!("the demo made {} hits of the past", demo.hits_back);
        Some(demo)
    } else {
        None
    };
    for (site, path) in rest.iter().filter_map(|word| word.split_once('=')) {
        let file = std::fs::File::open(path)?;
        let bytes = file.metadata()?.len();
        let options = ImportOptions { site: site.to_owned(), ..ImportOptions::default() };
        let report =
            paced_import(&analytics, options, file, bytes, Duration::from_secs(25)).await?;
        eprintln!("{report:?}");
    }
    tokio::signal::ctrl_c().await?;
    drop(demo);
    analytics.shutdown().await;
    engine.shutdown();
    log.close()?;
    Ok(())
}
