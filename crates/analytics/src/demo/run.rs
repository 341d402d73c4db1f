//! Filling the past, and going on.

use std::borrow::Cow;
use std::time::Duration;

use tidemill_commitlog::batch::{self, BatchBuilder};
use tidemill_commitlog::{AppendError, Appender};
use tidemill_world::World;
use tokio::sync::watch;

use super::newsroom::{Post, READ_FOR_MS, SLOT_MS};
use super::traffic::{Generated, Traffic};
use crate::hit::{Received, Via};
use crate::intake::{BATCH_BYTES_MAX, Intake, push};
use crate::metadata::Record;
use crate::period::HOUR_MS;
use crate::service::Analytics;

/// How often the present is caught up with.
const STEP: Duration = Duration::from_millis(200);
/// How long the start waits for the views to know what an earlier run has stored.
const PATIENCE: Duration = Duration::from_secs(120);
/// A pause this long (the machine slept) is not filled.
const CATCH_UP_MS_MAX: i64 = 60_000;

/// What the demo is told.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// The site.
    pub site: String,
    /// What it is called.
    pub title: String,
    /// What everything is drawn from.
    pub seed: u64,
    /// How many hours of the past are filled, if the next bound allows.
    pub hours_back: u32,
    /// At most this many hits of the past are made; the past is shortened to fit.
    pub hits_back_max: u32,
    /// Hits a second at the busiest time.
    pub peak_per_s: f64,
}

impl Default for DemoOptions {
    /// "The Daily Tide", nine hours back with at most 100,000 hits, some eight hits a second and more in bursts.
    fn default() -> Self {
        Self {
            site: "newsroom".to_owned(),
            title: "The Daily Tide".to_owned(),
            seed: 1_884,
            hours_back: 9,
            hits_back_max: 100_000,
            peak_per_s: 8.0,
        }
    }
}

/// Why the demo stopped or did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The log takes no more.
    #[error("the demo cannot store its hits: {0}")]
    Append(#[from] AppendError),
    /// The thread that makes hits was ended.
    #[error("the demo's generator was ended")]
    Ended,
}

/// A running demo. It stops when this is dropped.
#[derive(Debug)]
pub struct Demo {
    /// Hits that were made of the past.
    pub hits_back: u64,
    _running: watch::Sender<()>,
}

impl Demo {
    /// Fills the past up to now, or from where an earlier run ended, and goes on until the answer is dropped.
    ///
    /// # Errors
    /// The log takes no more.
    pub async fn start(
        analytics: &Analytics,
        world: &World,
        options: DemoOptions,
    ) -> Result<Self, DemoError> {
        analytics.wait_caught_up(PATIENCE).await;
        let now_ms = world.clock().wall_ms();
        let back_ms = i64::from(options.hours_back) * HOUR_MS;
        let known_ms = analytics
            .with_views(|views| views.site(&options.site).map_or(i64::MIN, |site| site.last_ms));
        let from_ms = known_ms.saturating_add(1).clamp(now_ms - back_ms, now_ms);
        let mut traffic =
            Traffic::new(&options.site, options.seed, from_ms, now_ms, options.peak_per_s);
        // Room is left for the hits that chance adds.
        let from_ms = traffic.start_for(options.hits_back_max / 10 * 9, now_ms);
        traffic.skip_to(from_ms);
        let newsroom = Newsroom {
            intake: analytics.importer().intake.clone(),
            metadata: analytics.metadata().clone(),
            metrics: std::sync::Arc::clone(&analytics.importer().metrics),
            traffic,
            told_slot: (from_ms - READ_FOR_MS).div_euclid(SLOT_MS) - 1,
            options,
        };
        newsroom.name_site(now_ms).await?;
        let filled = tokio::task::spawn_blocking(move || newsroom.fill(now_ms)).await;
        let (newsroom, hits_back) = filled.map_err(|_| DemoError::Ended)??;
        let (running, stopped) = watch::channel(());
        tokio::spawn(newsroom.go_on(world.clone(), now_ms, stopped));
        Ok(Self { hits_back, _running: running })
    }
}

struct Newsroom {
    intake: Intake,
    metadata: Appender,
    metrics: std::sync::Arc<crate::metrics::Metrics>,
    traffic: Traffic,
    /// The last slot whose post was described.
    told_slot: i64,
    options: DemoOptions,
}

impl Newsroom {
    async fn name_site(&self, now_ms: i64) -> Result<(), DemoError> {
        let site = Cow::Borrowed(self.options.site.as_str());
        let record =
            Record { apikey: site, site_title: Some(self.options.title.clone()), metadata: None };
        self.describe(&record, now_ms).await
    }

    async fn describe(&self, record: &Record<'_>, now_ms: i64) -> Result<(), DemoError> {
        // A record of texts and numbers is always JSON.
        let value = serde_json::to_vec(record).unwrap_or_default();
        let record = batch::Record {
            timestamp_ms: now_ms,
            key: Some(self.options.site.as_bytes()),
            value: Some(&value),
            headers: &[],
        };
        self.metadata.append(record).await?;
        Ok(())
    }

    /// The posts published since last time, as records of metadata.
    fn news(&mut self, now_ms: i64) -> Vec<Post> {
        let last = now_ms.div_euclid(SLOT_MS);
        let from = self.told_slot + 1;
        let mut published = Vec::new();
        for slot in from..=last {
            let post = Post::of(self.options.seed, slot);
            if post.published_ms > now_ms {
                break;
            }
            self.told_slot = slot;
            published.push(post);
        }
        published
    }

    /// Fills the past. Blocks.
    fn fill(mut self, now_ms: i64) -> Result<(Self, u64), DemoError> {
        self.describe_past(now_ms)?;
        let mut writer =
            Writer::new(&self.intake, &self.options.site, u64::from(self.options.hits_back_max));
        let mut failed = None;
        self.traffic.advance(now_ms, |hit| {
            if failed.is_none() {
                failed = writer.take(hit).err();
            }
        });
        let stored = match failed {
            Some(error) => Err(error),
            None => writer.finish(),
        };
        let hits = stored?;
        self.metrics.hits_demo.add(hits);
        Ok((self, hits))
    }

    fn describe_past(&mut self, now_ms: i64) -> Result<(), DemoError> {
        let mut builder = BatchBuilder::new(BATCH_BYTES_MAX);
        for post in self.news(now_ms) {
            let site = Cow::Borrowed(self.options.site.as_str());
            let record = Record { apikey: site, site_title: None, metadata: Some(post.metadata()) };
            let value = serde_json::to_vec(&record).unwrap_or_default();
            let record = batch::Record {
                timestamp_ms: post.published_ms,
                key: Some(self.options.site.as_bytes()),
                value: Some(&value),
                headers: &[],
            };
            // Some seventy posts of half a kilobyte are far below the bound.
            builder.push(&record).map_err(AppendError::from)?;
        }
        if !builder.is_empty() {
            self.metadata
                .partition()
                .append_wait(builder.finish(), tidemill_commitlog::Acks::Synced)?;
        }
        Ok(())
    }

    /// Goes on in the present until nobody holds the demo.
    async fn go_on(mut self, world: World, from_ms: i64, mut stopped: watch::Receiver<()>) {
        let mut at_ms = from_ms;
        loop {
            tokio::select! {
                () = world.clock().sleep(STEP) => {}
                _ = stopped.changed() => return,
            }
            let now_ms = world.clock().wall_ms();
            if now_ms - at_ms > CATCH_UP_MS_MAX {
                self.traffic.skip_to(now_ms - CATCH_UP_MS_MAX);
            }
            if let Err(error) = self.step(now_ms).await {
                tracing::warn!(%error, "the demo goes on without these hits");
            }
            at_ms = now_ms;
        }
    }

    async fn step(&mut self, now_ms: i64) -> Result<(), DemoError> {
        for post in self.news(now_ms) {
            let site = Cow::Borrowed(self.options.site.as_str());
            let record = Record { apikey: site, site_title: None, metadata: Some(post.metadata()) };
            self.describe(&record, now_ms).await?;
        }
        let (mut builder, mut scratch, mut hits) =
            (BatchBuilder::new(BATCH_BYTES_MAX), Vec::new(), 0);
        let site = &self.options.site;
        self.traffic.advance(now_ms, |hit| {
            // A step's hits are far below the bound of a batch; what would not fit is left out.
            hits += u64::from(push(&mut builder, &received(hit), site, hit.at_ms, &mut scratch));
        });
        if hits > 0 {
            self.intake.append_batch(builder.finish()).await?;
            self.metrics.hits_demo.add(hits);
        }
        Ok(())
    }
}

fn received(hit: &Generated) -> Received<'_> {
    Received {
        form: &hit.form,
        via: Via::Demo,
        user_agent: hit.user_agent,
        referer: "",
        visitor: Some(u128::from(hit.visitor)),
        network: None,
        source: None,
    }
}

/// Writes hits of the past in large batches.
struct Writer<'a> {
    intake: &'a Intake,
    site: &'a str,
    left: u64,
    stored: u64,
    builder: BatchBuilder,
    scratch: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn new(intake: &'a Intake, site: &'a str, hits_max: u64) -> Self {
        let builder = BatchBuilder::new(BATCH_BYTES_MAX);
        Self { intake, site, left: hits_max, stored: 0, builder, scratch: Vec::new() }
    }

    fn take(&mut self, hit: &Generated) -> Result<(), AppendError> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        let received = received(hit);
        if !push(&mut self.builder, &received, self.site, hit.at_ms, &mut self.scratch) {
            self.store()?;
            push(&mut self.builder, &received, self.site, hit.at_ms, &mut self.scratch);
        }
        Ok(())
    }

    fn store(&mut self) -> Result<(), AppendError> {
        if !self.builder.is_empty() {
            self.stored += self.builder.len() as u64;
            self.intake.append_wait(self.builder.finish())?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<u64, AppendError> {
        self.store()?;
        Ok(self.stored)
    }
}
