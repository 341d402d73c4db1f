//! Counters of one thing in one span of time.

use hashbrown::HashMap;

use super::visitors::Visitors;
use crate::agent::Device;
use crate::referrer::Class;

/// A map with small keys that we chose ourselves.
pub(super) type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// The counters of a post, or of a whole site, in one span.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// Views by class of referrer.
    pub classes: [u32; 5],
    /// Views by device.
    pub devices: [u32; 3],
    /// Engaged milliseconds.
    pub engaged_ms: u64,
    /// Who viewed.
    pub visitors: Visitors,
}

impl Cell {
    /// Counts a view. Visitor 0 is somebody who asked not to be told apart.
    pub(super) fn view(&mut self, class: Class, device: Device, visitor: u64) {
        if let Some(count) = self.classes.get_mut(class as usize) {
            *count = count.saturating_add(1);
        }
        if let Some(count) = self.devices.get_mut(device as usize) {
            *count = count.saturating_add(1);
        }
        if visitor != 0 {
            self.visitors.add(visitor);
        }
    }
}

/// All cells of a span, of people or of machines.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    /// The site as a whole.
    pub total: Cell,
    /// Who viewed or sent heartbeats: who was there.
    pub active: Visitors,
    /// By post.
    pub posts: Map<u32, Cell>,
    /// Views by post and domain of the referrer; direct and internal ones have none.
    pub domains: Map<(u32, u32), u32>,
}

/// A span of time: people and machines apart.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    /// What people did.
    pub people: Cells,
    /// What machines did.
    pub bots: Cells,
}

/// Whether machines count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Bots {
    /// Only people.
    #[default]
    Exclude,
    /// Both.
    Include,
    /// Only machines.
    Only,
}

impl Bots {
    /// The choice with this name in a question.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "exclude" | "" => Some(Self::Exclude),
            "include" => Some(Self::Include),
            "only" => Some(Self::Only),
            _ => None,
        }
    }
}

impl Bucket {
    /// The cells that a question is about.
    pub fn cells(&self, bots: Bots) -> impl Iterator<Item = &Cells> {
        let people = (bots != Bots::Only).then_some(&self.people);
        let machines = (bots != Bots::Exclude).then_some(&self.bots);
        people.into_iter().chain(machines)
    }
}

/// Counters of several cells together, without visitors: those are joined only for what is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Views by class of referrer.
    pub classes: [u64; 5],
    /// Views by device.
    pub devices: [u64; 3],
    /// Engaged milliseconds.
    pub engaged_ms: u64,
    /// Views by counted network: Facebook, Twitter, LinkedIn, Pinterest.
    pub networks: [u64; 4],
}

impl Sum {
    /// Adds a cell.
    pub fn add(&mut self, cell: &Cell) {
        for (sum, count) in self.classes.iter_mut().zip(cell.classes) {
            *sum += u64::from(count);
        }
        for (sum, count) in self.devices.iter_mut().zip(cell.devices) {
            *sum += u64::from(count);
        }
        self.engaged_ms += cell.engaged_ms;
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        for (sum, count) in self.classes.iter_mut().zip(other.classes) {
            *sum += count;
        }
        for (sum, count) in self.devices.iter_mut().zip(other.devices) {
            *sum += count;
        }
        for (sum, count) in self.networks.iter_mut().zip(other.networks) {
            *sum += count;
        }
        self.engaged_ms += other.engaged_ms;
    }

    /// All views.
    pub fn views(&self) -> u64 {
        self.classes.iter().sum()
    }

    /// Views from this class of referrer.
    pub fn from_class(&self, class: Class) -> u64 {
        self.classes.get(class as usize).copied().unwrap_or(0)
    }

    /// Engaged time in minutes.
    pub fn engaged_minutes(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "below 2^53 for 285,000 years")]
        let ms = self.engaged_ms as f64;
        ms / 60_000.0
    }
}
