//! One map of keyed state.

use std::collections::VecDeque;
use std::hash::Hash;
use std::time::Duration;

use hashbrown::{Equivalent, HashMap};
use tidemill_world::Moment;

use super::value::StateValue;

/// A map of keyed state, with a time-to-live if asked for. A counter is a map to `i64`, a list one to a `Vec`, a single
/// value a map from `()`.
#[derive(Debug)]
pub struct Keyed<K, V> {
    entries: HashMap<K, Entry<V>, foldhash::fast::FixedState>,
    ttl: Option<Duration>,
    now: Moment,
    /// When each key may expire, in the order they came here. A key that was written again is looked at once more a
    /// time-to-live later at most: it is hidden at once, and takes memory for that long.
    expiries: VecDeque<(Moment, K)>,
    /// What each key was before this epoch first touched it; `None` while nothing is recorded.
    touched: Option<Touched<K, V>>,
    /// Rises with each epoch.
    epoch: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    /// Not to be seen from then on; the last moment there is if it never expires, the first if it was taken out.
    until: Moment,
    /// The epoch that touched it last.
    epoch: u64,
}

/// A value and when it expires.
#[derive(Debug)]
struct Before<V> {
    value: V,
    until: Moment,
}

/// Keys and what they were.
type Touched<K, V> = Vec<(K, Option<Before<V>>)>;

/// A key and what it is now, as bytes.
pub(super) type Change = (Vec<u8>, Option<Vec<u8>>);

/// Keys looked at for their expiry in one go, so that a batch never waits for all of them.
const EXPIRE_AT_ONCE: usize = 256;
const GONE: Moment = Moment(0);

impl<K: StateValue + Hash + Eq, V: StateValue> Keyed<K, V> {
    pub(super) fn new(ttl: Option<Duration>, recorded: bool, now: Moment, seed: u64) -> Self {
        Self {
            entries: HashMap::with_hasher(foldhash::fast::FixedState::with_seed(seed)),
            ttl,
            now,
            expiries: VecDeque::new(),
            touched: recorded.then(Vec::new),
            epoch: 1,
        }
    }

    /// How many keys there are; some of them may be gone just now.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of a key.
    pub fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<&V> {
        let entry = self.entries.get(key)?;
        (entry.until > self.now).then_some(&entry.value)
    }

    /// All keys and values, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let live = self.entries.iter().filter(|(_, entry)| entry.until > self.now);
        live.map(|(key, entry)| (key, &entry.value))
    }

    /// Sets a key's value and returns the one before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let (now, until, epoch) = (self.now, self.until(), self.epoch);
        let Some(entry) = self.entries.get_mut(&key) else {
            self.add(key, value, until);
            return None;
        };
        touch(&mut self.touched, &key, entry, epoch);
        let before = std::mem::replace(&mut entry.value, value);
        let until_before = std::mem::replace(&mut entry.until, until);
        if until_before == GONE && self.ttl.is_some() {
            self.expiries.push_back((until, key));
        }
        (until_before > now).then_some(before)
    }

    /// Changes a key's value, which begins as its type's default. The key is copied only if it is new.
    pub fn update<Q, R>(&mut self, key: &Q, change: impl FnOnce(&mut V) -> R) -> R
    where
        Q: Hash + Equivalent<K> + ?Sized,
        for<'a> K: From<&'a Q>,
        V: Default,
    {
        let (now, until, epoch) = (self.now, self.until(), self.epoch);
        if let Some(entry) = self.entries.get_mut(key) {
            if self.touched.is_some() && entry.epoch != epoch {
                touch(&mut self.touched, &K::from(key), entry, epoch);
            }
            if entry.until <= now {
                entry.value = V::default();
            }
            if std::mem::replace(&mut entry.until, until) == GONE && self.ttl.is_some() {
                self.expiries.push_back((until, K::from(key)));
            }
            return change(&mut entry.value);
        }
        let mut value = V::default();
        let result = change(&mut value);
        self.add(K::from(key), value, until);
        result
    }

    /// Takes a key out.
    pub fn remove<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q) -> Option<V> {
        if self.touched.is_none() {
            let entry = self.entries.remove(key)?;
            return (entry.until > self.now).then_some(entry.value);
        }
        // It stays as a mark until the epoch is over.
        let (key, mut entry) = self.entries.remove_entry(key)?;
        touch(&mut self.touched, &key, &mut entry, self.epoch);
        let until = std::mem::replace(&mut entry.until, GONE);
        let value = (until > self.now).then(|| entry.value.clone());
        self.entries.insert(key, entry);
        value
    }

    fn until(&self) -> Moment {
        self.ttl.map_or(Moment(u64::MAX), |ttl| self.now.after(ttl))
    }

    /// Adds a key that is not there.
    fn add(&mut self, key: K, value: V, until: Moment) {
        if let Some(touched) = &mut self.touched {
            touched.push((key.clone(), None));
        }
        if self.ttl.is_some() {
            self.expiries.push_back((until, key.clone()));
        }
        self.entries.insert(key, Entry { value, until, epoch: self.epoch });
    }

    /// Adds what was committed before.
    pub(super) fn restore(&mut self, key: K, value: V) {
        let until = self.until();
        if self.ttl.is_some() {
            self.expiries.push_back((until, key.clone()));
        }
        self.entries.insert(key, Entry { value, until, epoch: 0 });
    }

    /// The time is now so; some of what has expired goes.
    pub(super) fn pass(&mut self, now: Moment) {
        self.now = now;
        for _ in 0..EXPIRE_AT_ONCE {
            if self.expiries.front().is_none_or(|(until, _)| *until > now) {
                return;
            }
            let Some((_, key)) = self.expiries.pop_front() else { return };
            // A key that was written again since waits for its new time.
            match self.entries.get(&key).map(|entry| entry.until) {
                Some(until) if until > now => self.expiries.push_back((until, key)),
                Some(_) => drop(self.remove(&key)),
                None => {}
            }
        }
    }

    // Epochs.

    /// Every key that was touched in this epoch, and what it is now.
    pub(super) fn changes(&self) -> Vec<Change> {
        let touched = self.touched.iter().flatten();
        let change = |(key, _): &(K, _)| (key.to_bytes(), self.get(key).map(V::to_bytes));
        touched.map(change).collect()
    }

    /// What was touched stays.
    pub(super) fn settle(&mut self) {
        self.epoch += 1;
        for (key, _) in self.touched.iter_mut().flat_map(|touched| touched.drain(..)) {
            if self.entries.get(&key).is_some_and(|entry| entry.until == GONE) {
                self.entries.remove(&key);
            }
        }
    }

    /// What was touched becomes what it was before.
    pub(super) fn undo(&mut self) {
        self.epoch += 1;
        for (key, before) in self.touched.iter_mut().flat_map(|touched| touched.drain(..)) {
            match before {
                None => drop(self.entries.remove(&key)),
                Some(Before { value, until }) => {
                    if self.ttl.is_some() {
                        self.expiries.push_back((until, key.clone()));
                    }
                    self.entries.insert(key, Entry { value, until, epoch: 0 });
                }
            }
        }
    }
}

/// Records what a key was before an epoch first touched it.
#[inline]
fn touch<K: Clone, V: Clone>(
    touched: &mut Option<Touched<K, V>>,
    key: &K,
    entry: &mut Entry<V>,
    epoch: u64,
) {
    if let Some(touched) = touched
        && entry.epoch != epoch
    {
        entry.epoch = epoch;
        let before = Before { value: entry.value.clone(), until: entry.until };
        touched.push((key.clone(), Some(before)));
    }
}

#[cfg(test)]
mod tests;
