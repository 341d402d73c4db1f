//! The leader epoch of a log: one number for all its partitions, durable before anybody sees it.
//!
//! There is no election on one machine; the epoch rises when the log was not stopped cleanly, or a partition was
//! reopened after a failure, because then records that a client saw may be gone (KIP-320). It never goes back:
//! clients ignore metadata whose epoch is older than what they know.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tidemill_world::Disk;

use crate::checkpoint::{self, malformed};
use crate::names::EPOCH;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct LeaderEpoch(Mutex<i32>);

impl LeaderEpoch {
    pub(crate) fn get(&self) -> i32 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what the disk says.
    pub(crate) fn load(&self, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        let lines = checkpoint::read(disk, &dir.join(EPOCH))?;
        let epoch = match lines.first() {
            None => 0,
            Some(line) => line.parse().map_err(|_| malformed("its line is not an epoch"))?,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = epoch;
        Ok(())
    }

    /// Raises it past `known`, durably, and returns it.
    pub(crate) fn raise(&self, disk: &dyn Disk, dir: &Path, known: i32) -> io::Result<i32> {
        let mut epoch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let raised = known.max(*epoch).saturating_add(1);
        checkpoint::write(disk, &dir.join(EPOCH), &[raised.to_string()])?;
        *epoch = raised;
        Ok(raised)
    }
}
