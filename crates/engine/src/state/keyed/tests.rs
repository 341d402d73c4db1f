//! A map with a time-to-live against a plain one.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Action {
    Insert(u8, i64),
    Add(u8, i64),
    Remove(u8),
    Pass(u64),
    Settle,
    Undo,
}

fn action() -> impl Strategy<Value = Action> {
    let key = 0u8..6;
    prop_oneof![
        (key.clone(), any::<i64>()).prop_map(|(key, value)| Action::Insert(key, value)),
        (key.clone(), -9i64..9).prop_map(|(key, more)| Action::Add(key, more)),
        key.prop_map(Action::Remove),
        (0u64..8).prop_map(Action::Pass),
        Just(Action::Settle),
        Just(Action::Undo),
    ]
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key(u8);

impl From<&u8> for Key {
    fn from(key: &u8) -> Self {
        Self(*key)
    }
}

impl Equivalent<Key> for u8 {
    fn equivalent(&self, key: &Key) -> bool {
        *self == key.0
    }
}

impl StateValue for Key {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        u8::read(bytes).map(Self)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_a_map_whose_entries_expire(
        actions in proptest::collection::vec(action(), 0..80), ttl in proptest::option::of(1u64..12),
        recorded: bool,
    ) {
        let mut keyed: Keyed<Key, i64> = Keyed::new(ttl.map(Duration::from_nanos), recorded, Moment(1), 7);
        let mut model: BTreeMap<u8, (i64, u64)> = BTreeMap::new();
        let mut now = 1;
        let mut committed = model.clone();
        for action in actions {
            let until = ttl.map_or(u64::MAX, |ttl| now + ttl);
            match action {
                Action::Insert(key, value) => {
                    let before = model.insert(key, (value, until)).map(|(value, _)| value);
                    prop_assert_eq!(keyed.insert(Key(key), value), before);
                }
                Action::Add(key, more) => {
                    let entry = model.entry(key).or_insert((0, until));
                    *entry = (entry.0.wrapping_add(more), until);
                    let sum = keyed.update(&key, |sum| {
                        *sum = sum.wrapping_add(more);
                        *sum
                    });
                    prop_assert_eq!(sum, entry.0);
                }
                Action::Remove(key) => {
                    prop_assert_eq!(keyed.remove(&key), model.remove(&key).map(|(value, _)| value));
                }
                Action::Settle | Action::Undo if !recorded => {}
                Action::Settle => {
                    for (key, value) in keyed.changes() {
                        let now = model.get(&key[0]).map(|(value, _)| value.to_bytes());
                        prop_assert_eq!(value, now, "a change is what the key is now");
                    }
                    keyed.settle();
                    committed.clone_from(&model);
                }
                Action::Undo => {
                    keyed.undo();
                    model.clone_from(&committed);
                    model.retain(|_, (_, until)| *until > now);
                }
                Action::Pass(time) => {
                    now += time;
                    keyed.pass(Moment(now));
                    model.retain(|_, (_, until)| *until > now);
                }
            }
            if !recorded {
                prop_assert_eq!(keyed.changes(), vec![]);
            }
            let found: BTreeMap<u8, i64> = keyed.iter().map(|(key, value)| (key.0, *value)).collect();
            let wanted = model.iter().map(|(key, (value, _))| (*key, *value)).collect();
            prop_assert_eq!(found, wanted);
            prop_assert!(keyed.len() >= model.len());
        }
        if let Some(ttl) = ttl {
            keyed.pass(Moment(now + ttl));
            keyed.pass(Moment(now + 2 * ttl));
            keyed.settle();
            prop_assert_eq!((keyed.len(), keyed.expiries.len()), (0, 0), "it takes no memory for ever");
        }
    }
}
