//! Sessions: the tuples of one key that follow one another without a longer gap.
//!
//! A plain value like [`Buffer`](super::buffer::Buffer). A tuple that comes late enough to lie between two sessions
//! joins them. A session is due once time has come a gap past its last tuple.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::buffer::Entry;

/// The open sessions of one task.
#[derive(Debug)]
pub(crate) struct Sessions<T> {
    gap_ms: i64,
    open: BTreeMap<u64, Session<T>>,
    by_key: BTreeMap<Box<[u8]>, Vec<u64>>,
    /// When each session is due.
    deadlines: BTreeSet<(i64, u64)>,
    next_id: u64,
    reached: Option<i64>,
}

/// One session: its entries in the order of their times.
#[derive(Debug)]
pub(crate) struct Session<T> {
    pub(crate) key: Box<[u8]>,
    pub(crate) entries: VecDeque<Entry<T>>,
}

impl<T> Session<T> {
    fn first_ms(&self) -> i64 {
        self.entries.front().map_or(i64::MAX, |entry| entry.at_ms)
    }

    /// The time of its last tuple.
    pub(crate) fn last_ms(&self) -> i64 {
        self.entries.back().map_or(i64::MIN, |entry| entry.at_ms)
    }

    fn insert(&mut self, entry: Entry<T>) {
        let place = self.entries.partition_point(|other| other.at_ms <= entry.at_ms);
        self.entries.insert(place, entry);
    }
}

impl<T> Sessions<T> {
    /// No session; a session ends `gap_ms` after its last tuple.
    pub(crate) fn new(gap_ms: i64) -> Self {
        Self {
            gap_ms,
            open: BTreeMap::new(),
            by_key: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            next_id: 0,
            reached: None,
        }
    }

    /// The entries of all open sessions.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry<T>> {
        self.open.values().flat_map(|session| &session.entries)
    }

    /// Takes a tuple of `key`.
    pub(crate) fn add(&mut self, key: &[u8], at_ms: i64, item: T) {
        let entry = Entry { at_ms, item, seen: false };
        let mut joined = self.take_near(key, at_ms);
        let mut session =
            joined.pop().unwrap_or_else(|| Session { key: key.into(), entries: VecDeque::new() });
        // There are two at most, one on each side.
        joined.into_iter().flat_map(|other| other.entries).for_each(|other| session.insert(other));
        session.insert(entry);
        self.put(session);
    }

    /// Takes out the sessions of `key` that a tuple at `at_ms` belongs to.
    fn take_near(&mut self, key: &[u8], at_ms: i64) -> Vec<Session<T>> {
        let Some(ids) = self.by_key.get_mut(key) else { return Vec::new() };
        let (open, gap_ms) = (&self.open, self.gap_ms);
        let is_near = |id: &mut u64| {
            open.get(id).is_some_and(|session| {
                // The end of a gap is already outside.
                at_ms < session.last_ms().saturating_add(gap_ms)
                    && at_ms > session.first_ms().saturating_sub(gap_ms)
            })
        };
        let near: Vec<u64> = ids.extract_if(.., is_near).collect();
        near.into_iter().filter_map(|id| self.close(id)).collect()
    }

    fn close(&mut self, id: u64) -> Option<Session<T>> {
        let session = self.open.remove(&id)?;
        self.deadlines.remove(&(session.last_ms().saturating_add(self.gap_ms), id));
        Some(session)
    }

    fn put(&mut self, session: Session<T>) {
        let id = self.next_id;
        self.next_id += 1;
        self.deadlines.insert((session.last_ms().saturating_add(self.gap_ms), id));
        match self.by_key.get_mut(&*session.key) {
            Some(ids) => ids.push(id),
            None => drop(self.by_key.insert(session.key.clone(), vec![id])),
        }
        self.open.insert(id, session);
    }

    /// The time has come to `at_ms`.
    pub(crate) fn reach(&mut self, at_ms: i64) {
        self.reached = self.reached.max(Some(at_ms));
    }

    /// The next session that has ended, taken out.
    pub(crate) fn due(&mut self) -> Option<Session<T>> {
        let (deadline, id) = *self.deadlines.first()?;
        if self.reached.is_none_or(|reached| deadline > reached) {
            return None;
        }
        let session = self.close(id)?;
        if let Some(ids) = self.by_key.get_mut(&*session.key) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_key.remove(&*session.key);
            }
        }
        Some(session)
    }
}

#[cfg(test)]
mod tests;
