//! The answers: counters that the topology writes and the API reads.
//!
//! # Constraints
//!
//! * A view is a function of the log: the same hits give the same views, whatever came twice, late or
//!   out of order on the way, and however often the log is read anew from its start.
//! * Everything is bounded: sites, posts a site, domains a site, how long fine buckets stay.
//! * Machines are counted in cells of their own; a question says whether it wants them.
//!
//! # Layout
//!
//! [`visitors`] exact sets and sketches, [`cell`] counters, [`levels`] time in minutes, hours and days, [`site`] all of
//! one site, `limits` bounds, [`offsets`] what was counted, `recent` which heartbeats came, [`query`] questions.
//!
//! # The story
//!
//! The bolt of views takes the lock once for each batch of facts and calls [`Views::apply`]; a question takes it to read.

pub mod cell;
pub mod levels;
mod limits;
pub mod offsets;
pub mod query;
mod recent;
pub mod site;
#[cfg(test)]
mod tests;
pub mod visitors;

use crate::enrich::Fact;
use crate::hit::Action;
use crate::metadata::{Origin, PostMeta};
use cell::Map;
pub use limits::Limits;
use offsets::Offsets;
use recent::Recent;
use site::{ENGAGED_S_MAX, Site};

/// Hits from before 1970 or after 2100 count nowhere: a wrong clock must not push out what is kept.
const AT_MS_MAX: i64 = 4_102_444_800_000;

/// What became of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was counted.
    Counted,
    /// Its offset had been counted before.
    Again,
    /// A copy of a heartbeat that was counted.
    Copy,
    /// A heartbeat that claims more than a heartbeat can.
    TooEngaged,
    /// It counts nowhere: no page, no countable action, an impossible time, or a site beyond the bound.
    Nowhere,
}

/// All views.
#[derive(Debug, Default)]
pub struct Views {
    limits: Limits,
    sites: Map<Box<str>, Site>,
    offsets: Map<i64, Offsets>,
    heartbeats: Recent,
}

impl Views {
    /// Views of nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Counts a fact, once.
    pub fn apply(&mut self, fact: &Fact<'_>) -> Applied {
        if !self.offsets.entry(fact.partition).or_default().note(fact.offset) {
            return Applied::Again;
        }
        let countable = fact.action != Action::Other && !fact.post.is_empty();
        if !countable || !(0..AT_MS_MAX).contains(&fact.at_ms) {
            return Applied::Nowhere;
        }
        if fact.action == Action::Heartbeat {
            if !(0.0..=ENGAGED_S_MAX).contains(&fact.engaged_s) {
                return Applied::TooEngaged;
            }
            if !self.heartbeats.note(fact.heartbeat) {
                return Applied::Copy;
            }
        }
        let limits = self.limits;
        let Some(site) = self.site_mut(&fact.site) else { return Applied::Nowhere };
        if !fact.metadata.is_empty()
            && let Ok((post, meta)) =
                PostMeta::parse(&fact.metadata, Origin::Beacon, Some(&fact.post))
        {
            site.describe(&post, meta, limits);
        }
        site.count(fact, limits);
        Applied::Counted
    }

    /// Takes what a publisher said about a post.
    pub fn describe(&mut self, site: &str, post: &str, meta: PostMeta) {
        let limits = self.limits;
        if let Some(site) = self.site_mut(site) {
            site.describe(post, meta, limits);
        }
    }

    /// Takes what a site is called.
    pub fn name_site(&mut self, site: &str, title: &str) {
        if let Some(site) = self.site_mut(site) {
            title.clone_into(&mut site.title);
        }
    }

    fn site_mut(&mut self, name: &str) -> Option<&mut Site> {
        if !self.sites.contains_key(name) {
            if self.sites.len() >= self.limits.sites_max || !crate::hit::is_site_name(name) {
                return None;
            }
            self.sites.insert(name.into(), Site::default());
        }
        self.sites.get_mut(name)
    }

    /// A site.
    pub fn site(&self, name: &str) -> Option<&Site> {
        self.sites.get(name)
    }

    /// All sites, in the order of their names.
    pub fn sites(&self) -> Vec<(&str, &Site)> {
        let mut all: Vec<_> = self.sites.iter().map(|(name, site)| (&**name, site)).collect();
        all.sort_unstable_by_key(|(name, _)| *name);
        all
    }

    /// Takes all offsets of a partition below this one as counted: they are no longer in the log.
    pub fn start_at(&mut self, partition: i64, offset: i64) {
        self.offsets.entry(partition).or_default().start_at(offset);
    }

    /// All hits of the partition below this offset have been counted.
    pub fn next_offset(&self, partition: i64) -> i64 {
        self.offsets.get(&partition).map_or(0, Offsets::next)
    }
}
