//! The two sites of `up --demo`: a real access log, and a newsroom that does not exist.

use std::time::Duration;

use tidemill_analytics::demo::{Demo, DemoOptions, paced_import};
use tidemill_analytics::import::ImportOptions;
use tidemill_analytics::{Analytics, SiteConfig};
use tidemill_world::World;

use crate::error::CliError;

/// The generated site.
pub(crate) const NEWSROOM: &str = "newsroom";
/// The site of the sample log.
const BLOG: &str = "blog";
/// 10,000 lines of a real log, see `examples/data/README.md`.
const SAMPLE: &[u8] = include_bytes!("../../../examples/data/access.log.gz");
/// How long the sample takes to come in, so that its numbers can be seen to move.
const SAMPLE_TAKES: Duration = Duration::from_secs(25);

/// What the dashboard calls the sample's site; the newsroom names itself.
pub(crate) fn sites() -> Vec<SiteConfig> {
    let title = "A blog in May 2015 (sample log)".to_owned();
    vec![SiteConfig { id: BLOG.to_owned(), title, ..SiteConfig::default() }]
}

/// Fills both sites and keeps the newsroom going until this future is dropped; returns only to say what went wrong.
pub(crate) async fn run(world: &World, analytics: &Analytics) -> CliError {
    let newsroom = async {
        let started = Demo::start(analytics, world, DemoOptions::default()).await;
        started.map_err(|error| CliError::failed("the demo's newsroom stopped", error))
    };
    let sample = async {
        let options = ImportOptions { site: BLOG.to_owned(), ..ImportOptions::default() };
        let bytes = SAMPLE.len() as u64;
        let imported = paced_import(analytics, options, SAMPLE, bytes, SAMPLE_TAKES).await;
        imported.map_err(|error| CliError::failed("the demo's sample log stopped", error))
    };
    match tokio::try_join!(newsroom, sample) {
        // The newsroom lives as long as the value.
        Ok((_newsroom, _report)) => std::future::pending().await,
        Err(error) => error,
    }
}
