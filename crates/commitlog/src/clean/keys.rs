//! From each key to the last offset that has it, in a fixed piece of memory.
//!
//! Keys are kept as 128-bit hashes, 24 bytes with their offset, in open addressing at most nine tenths full
//! (Kafka's `SkimpyOffsetMap`, `log.cleaner.io.buffer.load.factor`). When the map is full the rest of the log waits
//! for the next pass.

use super::hash::{Hash, HashKey};

/// See the module.
pub(super) struct KeyMap {
    slots: Vec<Slot>,
    used: usize,
    used_max: usize,
    key: HashKey,
    /// Every record up to this offset is in the map; -1 at first.
    pub(super) latest: i64,
}

#[derive(Clone, Copy)]
struct Slot {
    hash: Hash,
    /// -1 is empty.
    offset: i64,
}

const SLOT_BYTES: usize = size_of::<Slot>();
const EMPTY: Slot = Slot { hash: [0; 2], offset: -1 };

impl KeyMap {
    /// A map for `records` keys, or as many as fit in `bytes_max`, but at least one.
    pub(super) fn new(records: u64, bytes_max: usize, key: HashKey) -> Self {
        let wanted = usize::try_from(records.saturating_mul(10) / 9).unwrap_or(usize::MAX);
        let slots = wanted.saturating_add(2).min((bytes_max / SLOT_BYTES).max(2));
        let used_max = (slots - slots / 10).min(slots - 1);
        Self { slots: vec![EMPTY; slots], used: 0, used_max, key, latest: -1 }
    }

    /// Notes that `key` is at `offset`, which is greater than any before; `false` when there is no room.
    pub(super) fn insert(&mut self, key: &[u8], offset: i64) -> bool {
        let hash = self.key.hash(key);
        let is_full = self.used >= self.used_max;
        let at = self.find(hash);
        let Some(slot) = self.slots.get_mut(at) else { return false };
        if slot.offset < 0 {
            if is_full {
                return false;
            }
            self.used += 1;
        }
        *slot = Slot { hash, offset };
        true
    }

    /// The last offset of `key`, if it is in the map.
    pub(super) fn get(&self, key: &[u8]) -> Option<i64> {
        let slot = self.slots.get(self.find(self.key.hash(key)))?;
        (slot.offset >= 0).then_some(slot.offset)
    }

    /// The slot of a hash, or the empty one where it belongs. One slot is always empty.
    fn find(&self, hash: Hash) -> usize {
        let count = self.slots.len();
        let mut at = usize::try_from(hash[0] % count as u64).unwrap_or(0);
        while self.slots.get(at).is_some_and(|slot| slot.offset >= 0 && slot.hash != hash) {
            at = if at + 1 == count { 0 } else { at + 1 };
        }
        at
    }
}

#[cfg(test)]
mod tests;
