//! The bolt that writes the views: it gathers a batch, takes the lock once, and acks when all is in.

use std::sync::{Arc, PoisonError, RwLock};

use tidemill_engine::{Anchor, BoltOutput, ComponentError, Done, DynBolt, TupleRef};

use super::fact::read;
use super::progress::Progress;
use super::works::Works;
use crate::enrich::Fact;
use crate::metadata::{Origin, PostMeta, Record};
use crate::metrics::Metrics;
use crate::views::offsets::Offsets;
use crate::views::{Applied, Views};

/// Writes facts and metadata into the views.
pub(super) struct ViewsBolt {
    views: Arc<RwLock<Views>>,
    progress: Arc<Progress>,
    metrics: Arc<Metrics>,
    /// What came in this batch; the hits in flight bound it.
    gathered: Vec<Item>,
    anchors: Vec<Anchor>,
    /// Metadata that is in the views.
    described: Offsets,
}

enum Item {
    Fact(Fact<'static>),
    Post { site: String, post: String, meta: Box<PostMeta> },
    Site { site: String, title: String },
}

impl ViewsBolt {
    pub(super) fn new(works: &Works) -> Self {
        Self {
            views: Arc::clone(&works.views),
            progress: Arc::clone(&works.progress),
            metrics: Arc::clone(&works.metrics),
            gathered: Vec::new(),
            anchors: Vec::new(),
            described: Offsets::default(),
        }
    }

    /// Reads a record of the topic `metadata`: what it says of a post, of a site, or of both.
    fn describe(&mut self, value: &[u8]) {
        let Ok(record) = serde_json::from_slice::<Record<'_>>(value) else {
            self.metrics.unreadable.add(1);
            return;
        };
        let site = record.apikey.into_owned();
        if let Some(metadata) = record.metadata
            && let Ok((post, meta)) = PostMeta::parse(&metadata.to_string(), Origin::Api, None)
        {
            self.gathered.push(Item::Post { site: site.clone(), post, meta: Box::new(meta) });
        }
        if let Some(title) = record.site_title {
            self.gathered.push(Item::Site { site, title });
        }
    }

    fn apply(&mut self) {
        let mut views = self.views.write().unwrap_or_else(PoisonError::into_inner);
        for item in self.gathered.drain(..) {
            match item {
                Item::Fact(fact) => count(&self.metrics, views.apply(&fact), fact.bot),
                Item::Post { site, post, meta } => views.describe(&site, &post, *meta),
                Item::Site { site, title } => views.name_site(&site, &title),
            }
        }
        let hits = views.next_offset(0);
        drop(views);
        self.progress.advance(hits, self.described.next());
    }
}

fn count(metrics: &Metrics, applied: Applied, bot: bool) {
    match applied {
        Applied::Counted => {
            metrics.counted.add(1);
            metrics.counted_bots.add(u64::from(bot));
        }
        Applied::Again => metrics.again.add(1),
        Applied::Copy | Applied::TooEngaged => metrics.heartbeats_refused.add(1),
        Applied::Nowhere => metrics.nowhere.add(1),
    }
}

impl DynBolt for ViewsBolt {
    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        out: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        if tuple.component() == "metadata" {
            // The fields of a log spout: key, value, timestamp, partition, offset.
            self.describe(tuple.get(1).as_bytes().unwrap_or_default());
            self.described.note(tuple.get(4).as_i64().unwrap_or(0));
        } else {
            self.gathered.push(Item::Fact(read(tuple).into_owned()));
        }
        self.anchors.push(out.defer());
        Ok(Done::Defer)
    }

    fn end_of_batch(&mut self, out: &mut BoltOutput<'_>) -> Result<(), ComponentError> {
        if self.anchors.is_empty() {
            return Ok(());
        }
        self.apply();
        self.anchors.drain(..).for_each(|anchor| out.ack(anchor));
        Ok(())
    }
}
