//! The map against a plain one.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn the_last_offset_of_each_key_is_found(
        keys in prop::collection::vec(0..40u8, 0..200),
        bytes in 0..1_000usize,
    ) {
        let mut map = KeyMap::new(keys.len() as u64, bytes, HashKey(1, 2));
        let mut model = BTreeMap::new();
        for (offset, key) in (0..).zip(&keys) {
            let fits = map.insert(&[*key], offset);
            prop_assert_eq!(fits, model.contains_key(key) || model.len() < map.used_max);
            if fits {
                model.insert(*key, offset);
            }
        }
        for key in 0..40 {
            prop_assert_eq!(map.get(&[key]), model.get(&key).copied());
        }
        prop_assert!(map.slots.len() * SLOT_BYTES <= bytes.max(2 * SLOT_BYTES));
        prop_assert!(map.used_max >= 1 && map.used < map.slots.len());
    }
}
