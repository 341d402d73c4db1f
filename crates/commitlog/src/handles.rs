//! A bounded number of open read handles over all segments.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tidemill_world::File;

use crate::limits::READ_HANDLES_MAX;
use crate::names::Kind;

/// Open files of segments, the least recently used closed first. A reader that holds one keeps it open, so a
/// segment that is deleted under a reader stays readable to it.
#[derive(Default)]
pub(crate) struct ReadHandles {
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    files: BTreeMap<(u64, u8), Handle>,
    tick: u64,
}

struct Handle {
    file: Arc<dyn File>,
    used: u64,
}

impl ReadHandles {
    /// The open file of segment `id`, opened by `open` if need be.
    pub(crate) fn get(
        &self,
        id: u64,
        kind: Kind,
        open: impl FnOnce() -> io::Result<Arc<dyn File>>,
    ) -> io::Result<Arc<dyn File>> {
        let key = (id, kind as u8);
        if let Some(file) = self.touch(key) {
            return Ok(file);
        }
        // Opened without the lock: another reader may open it too, and one of the two is dropped.
        let file = open()?;
        self.insert(key, Arc::clone(&file));
        Ok(file)
    }

    fn touch(&self, key: (u64, u8)) -> Option<Arc<dyn File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.tick += 1;
        let tick = open.tick;
        let handle = open.files.get_mut(&key)?;
        handle.used = tick;
        Some(Arc::clone(&handle.file))
    }

    fn insert(&self, key: (u64, u8), file: Arc<dyn File>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let used = open.tick;
        open.files.insert(key, Handle { file, used });
        while open.files.len() > READ_HANDLES_MAX {
            let oldest = open.files.iter().min_by_key(|(_, handle)| handle.used);
            let Some(oldest) = oldest.map(|(key, _)| *key) else { return };
            open.files.remove(&oldest);
        }
    }

    /// Closes the files of a segment that is gone.
    pub(crate) fn forget(&self, id: u64) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.files.retain(|(owner, _), _| *owner != id);
    }
}
