//! Which groups have commits on their way to the log: what is about to be replaced must not expire.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::kept::Change;

/// Commits that are queued and not answered, by group.
#[derive(Debug, Default)]
pub(super) struct UnderWay(Mutex<BTreeMap<String, u32>>);

impl UnderWay {
    fn counts(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what commits an offset; returns the group, to be handed to [`done`](Self::done).
    pub(super) fn begin(&self, changes: &[Change]) -> Option<String> {
        let group = changes.iter().find_map(|change| match change {
            Change::Offset(key, Some(_)) => Some(&key.group),
            Change::Offset(_, None) | Change::Record(..) => None,
        })?;
        *self.counts().entry(group.clone()).or_default() += 1;
        Some(group.clone())
    }

    /// A commit was answered, and is in the map if it is in the log.
    pub(super) fn done(&self, group: Option<&String>) {
        let Some(group) = group else { return };
        let mut counts = self.counts();
        if let Some(count) = counts.get_mut(group) {
            *count -= 1;
            if *count == 0 {
                counts.remove(group);
            }
        }
    }

    pub(super) fn has(&self, group: &str) -> bool {
        self.counts().contains_key(group)
    }
}
