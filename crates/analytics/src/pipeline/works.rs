//! What the topology works on.

use std::sync::{Arc, RwLock};

use tidemill_commitlog::{Log, Partition};

use super::progress::Progress;
use super::written::Written;
use crate::import::Sources;
use crate::metrics::Metrics;
use crate::views::Views;

/// What the topology works on.
#[derive(Clone)]
pub struct Works {
    /// The log that it reads.
    pub log: Log,
    /// The partition that raw events go to.
    pub events: Partition,
    /// The answers.
    pub views: Arc<RwLock<Views>>,
    /// How far each import has come.
    pub sources: Sources,
    /// How far the views have come.
    pub progress: Arc<Progress>,
    /// What the topic `events` has already.
    pub written: Written,
    /// Counts.
    pub metrics: Arc<Metrics>,
}
