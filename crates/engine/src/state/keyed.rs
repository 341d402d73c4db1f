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
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    /// Not to be seen from then on; the last moment there is if it never expires.
    until: Moment,
}

/// Keys looked at for their expiry in one go, so that a batch never waits for all of them.
const EXPIRE_AT_ONCE: usize = 256;

impl<K: StateValue + Hash + Eq, V: StateValue> Keyed<K, V> {
    pub(super) fn new(ttl: Option<Duration>, now: Moment, seed: u64) -> Self {
        Self {
            entries: HashMap::with_hasher(foldhash::fast::FixedState::with_seed(seed)),
            ttl,
            now,
            expiries: VecDeque::new(),
        }
    }

    /// How many keys there are; some of them may have expired just now.
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
        let (now, until) = (self.now, self.until());
        match self.entries.get_mut(&key) {
            Some(entry) => {
                let before = std::mem::replace(&mut entry.value, value);
                let is_live = std::mem::replace(&mut entry.until, until) > now;
                is_live.then_some(before)
            }
            None => {
                if self.ttl.is_some() {
                    self.expiries.push_back((until, key.clone()));
                }
                self.entries.insert(key, Entry { value, until });
                None
            }
        }
    }

    /// Changes a key's value, which begins as its type's default. The key is copied only if it is new.
    pub fn update<Q, R>(&mut self, key: &Q, change: impl FnOnce(&mut V) -> R) -> R
    where
        Q: Hash + Equivalent<K> + ?Sized,
        for<'a> K: From<&'a Q>,
        V: Default,
    {
        let (now, until) = (self.now, self.until());
        if let Some(entry) = self.entries.get_mut(key) {
            if entry.until <= now {
                entry.value = V::default();
            }
            entry.until = until;
            return change(&mut entry.value);
        }
        let mut value = V::default();
        let result = change(&mut value);
        self.insert(K::from(key), value);
        result
    }

    /// Takes a key out.
    pub fn remove<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q) -> Option<V> {
        let entry = self.entries.remove(key)?;
        (entry.until > self.now).then_some(entry.value)
    }

    fn until(&self) -> Moment {
        self.ttl.map_or(Moment(u64::MAX), |ttl| self.now.after(ttl))
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
                Some(_) => drop(self.entries.remove(&key)),
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
