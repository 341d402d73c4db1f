//! The states of one task: declared by its component, found by its handles.

use std::any::Any;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidemill_world::Moment;

use super::keyed::{Change, Keyed};
use super::question::{StateEntry, Wanted};
use super::value::StateValue;
use crate::encode::KeyHasher;
use crate::epochs::{Commits, Committer, StateChanges};
use crate::route::position;

/// A state that cannot be declared. `prepare` should return it; the instance is then dropped and made anew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The component declares two states of that name.
    #[error("state {name} is declared twice; give one of them another name")]
    Twice {
        /// The name.
        name: String,
    },
    /// What was committed of it cannot be had.
    #[error("state {name} cannot be restored: {why}")]
    NotLoaded {
        /// The name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// An earlier instance of the component declared it with other types.
    #[error("state {name} was declared with other types before; use one type of key and of value")]
    OtherTypes {
        /// The name.
        name: String,
    },
}

/// A state of the component at hand; [`TaskContext::keyed`](crate::TaskContext::keyed) gives it.
pub struct StateHandle<K, V> {
    pub(crate) place: usize,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Clone for StateHandle<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for StateHandle<K, V> {}

impl<K, V> fmt::Debug for StateHandle<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateHandle({})", self.place)
    }
}

/// One state whatever its types.
trait AnyState: Any + Send {
    fn pass(&mut self, now: Moment);
    fn changes(&self) -> Vec<Change>;
    fn settle(&mut self);
    fn undo(&mut self);
    /// Adds a committed entry if it is this task's; `None` if it cannot be read.
    fn restore(&mut self, key: &[u8], value: &[u8], place: &Place<'_>) -> Option<()>;
    fn answer(&self, wanted: &Wanted, into: &mut Vec<StateEntry>);
}

impl<K: StateValue + Hash + Eq, V: StateValue> AnyState for Keyed<K, V> {
    fn pass(&mut self, now: Moment) {
        Self::pass(self, now);
    }

    fn changes(&self) -> Vec<Change> {
        Self::changes(self)
    }

    fn settle(&mut self) {
        Self::settle(self);
    }

    fn undo(&mut self) {
        Self::undo(self);
    }

    fn restore(&mut self, key: &[u8], value: &[u8], place: &Place<'_>) -> Option<()> {
        let key = K::from_bytes(key)?;
        let mut hasher = KeyHasher::new();
        let is_mine = place.tasks <= 1
            || !key.hash_as_fields(&mut hasher)
            || position(hasher.finish(), place.tasks) == place.index;
        if is_mine {
            Self::restore(self, key, V::from_bytes(value)?);
        }
        Some(())
    }

    fn answer(&self, wanted: &Wanted, into: &mut Vec<StateEntry>) {
        match wanted {
            Wanted::Key(bytes) => {
                let key = K::from_bytes(bytes);
                let value = key.as_ref().and_then(|key| self.get(key));
                into.extend(value.map(|value| (bytes.clone(), value.to_bytes())));
            }
            Wanted::All { entries_max } => {
                let room = entries_max.saturating_sub(into.len());
                let entries = self.iter().take(room);
                into.extend(entries.map(|(key, value)| (key.to_bytes(), value.to_bytes())));
            }
        }
    }
}

struct Named {
    name: String,
    state: Box<dyn AnyState>,
}

/// The states of one task.
#[derive(Default)]
pub(crate) struct Stores {
    list: Vec<Named>,
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list.iter().map(|named| &named.name)).finish()
    }
}

impl Stores {
    /// The state behind a handle of this task.
    #[inline]
    pub(crate) fn get<K: StateValue + Hash + Eq, V: StateValue>(
        &mut self,
        handle: StateHandle<K, V>,
    ) -> Option<&mut Keyed<K, V>> {
        let state: &mut dyn Any = &mut *self.list.get_mut(handle.place)?.state;
        state.downcast_mut()
    }

    /// The time is now so.
    pub(crate) fn pass(&mut self, now: Moment) {
        self.list.iter_mut().for_each(|named| named.state.pass(now));
    }

    /// What every state has touched in this epoch.
    pub(crate) fn changes(&self, component: &str) -> Vec<StateChanges> {
        let changes = |named: &Named| StateChanges {
            component: component.to_owned(),
            state: named.name.clone(),
            entries: named.state.changes(),
        };
        let all = self.list.iter().map(changes);
        all.filter(|changes| !changes.entries.is_empty()).collect()
    }

    /// What was touched stays.
    pub(crate) fn settle(&mut self) {
        self.list.iter_mut().for_each(|named| named.state.settle());
    }

    /// What was touched becomes what it was before.
    pub(crate) fn undo(&mut self) {
        self.list.iter_mut().for_each(|named| named.state.undo());
    }

    /// What the state of that name has of what is wanted; `None` if there is no such state.
    pub(crate) fn answer(&self, state: &str, wanted: &Wanted) -> Option<Vec<StateEntry>> {
        let named = self.list.iter().find(|named| named.name == state)?;
        let mut entries = Vec::new();
        named.state.answer(wanted, &mut entries);
        Some(entries)
    }
}

/// Where a component declares its states while it is prepared. The task's states are in here then.
#[derive(Clone)]
pub(crate) struct Registry {
    declaring: Arc<Mutex<Declaring>>,
    /// Where states come from in an exactly-once topology.
    committer: Option<Arc<dyn Committer>>,
}

/// The task that declares a state.
pub(crate) struct Place<'a> {
    pub(crate) component: &'a str,
    pub(crate) index: usize,
    pub(crate) tasks: usize,
    pub(crate) now: Moment,
    pub(crate) seed: u64,
}

#[derive(Debug, Default)]
struct Declaring {
    stores: Stores,
    /// The places declared by this instance.
    declared: Vec<usize>,
}

impl Registry {
    pub(crate) fn new(commits: Option<&Commits>) -> Self {
        let committer = commits.map(|commits| Arc::clone(&commits.committer));
        Self { declaring: Arc::default(), committer }
    }

    /// Lends the task's states to an instance that is about to be prepared.
    pub(crate) fn lend(&self, stores: Stores) {
        let mut declaring = self.declaring.lock().unwrap_or_else(PoisonError::into_inner);
        *declaring = Declaring { stores, declared: Vec::new() };
    }

    /// Takes them back.
    pub(crate) fn take(&self) -> Stores {
        std::mem::take(&mut *self.declaring.lock().unwrap_or_else(PoisonError::into_inner)).stores
    }

    /// Declares a state, or finds the one that an earlier instance declared.
    pub(crate) fn keyed<K: StateValue + Hash + Eq, V: StateValue>(
        &self,
        name: &str,
        ttl: Option<Duration>,
        place_of: &Place<'_>,
    ) -> Result<StateHandle<K, V>, StateError> {
        let mut declaring = self.declaring.lock().unwrap_or_else(PoisonError::into_inner);
        let list = &mut declaring.stores.list;
        let place = list.iter().position(|named| named.name == name).unwrap_or(list.len());
        if place == list.len() {
            let state = self.made::<K, V>(name, ttl, place_of)?;
            list.push(Named { name: name.to_owned(), state });
        }
        let handle = StateHandle { place, types: PhantomData };
        if declaring.declared.contains(&place) {
            return Err(StateError::Twice { name: name.to_owned() });
        }
        if declaring.stores.get(handle).is_none() {
            return Err(StateError::OtherTypes { name: name.to_owned() });
        }
        declaring.declared.push(place);
        Ok(handle)
    }

    /// A new state, with what was committed of it.
    fn made<K: StateValue + Hash + Eq, V: StateValue>(
        &self,
        name: &str,
        ttl: Option<Duration>,
        place: &Place<'_>,
    ) -> Result<Box<dyn AnyState>, StateError> {
        let recorded = self.committer.is_some();
        let mut state: Box<dyn AnyState> =
            Box::new(Keyed::<K, V>::new(ttl, recorded, place.now, place.seed));
        let Some(committer) = &self.committer else { return Ok(state) };
        let failed = |why: String| StateError::NotLoaded { name: name.to_owned(), why };
        let mut unread = 0u64;
        let mut take = |key: &[u8], value: &[u8]| {
            unread += u64::from(state.restore(key, value, place).is_none());
        };
        let loaded = committer.load(place.component, name, &mut take);
        loaded.map_err(|error| failed(error.to_string()))?;
        match unread {
            0 => Ok(state),
            _ => Err(failed(format!("{unread} entries are not of the types that it has now"))),
        }
    }
}
