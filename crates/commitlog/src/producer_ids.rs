//! Giving out producer ids, each once in the life of a log.
//!
//! Ids are reserved in blocks: the first id of the next block is on the disk before an id of this one is given, so
//! that a crash loses at most a block of ids, of which there are enough.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tidemill_world::Disk;

use crate::checkpoint::{self, malformed};
use crate::names::PRODUCER_IDS;

/// Ids of one durable write: Kafka's number.
const BLOCK_IDS: i64 = 1_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct ProducerIds(Mutex<Block>);

#[derive(Debug, Default)]
struct Block {
    next: i64,
    /// The first id that is not reserved, as on the disk.
    end: i64,
}

impl ProducerIds {
    /// Takes over what the disk says.
    pub(crate) fn load(&self, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        let lines = checkpoint::read(disk, &dir.join(PRODUCER_IDS))?;
        let end = match lines.first() {
            None => 0,
            Some(line) => {
                let id = line.parse().ok().filter(|id| *id >= 0);
                id.ok_or_else(|| malformed("its line is not a producer id"))?
            }
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Block { next: end, end };
        Ok(())
    }

    /// An id that nobody was given before.
    pub(crate) fn allocate(&self, disk: &dyn Disk, dir: &Path) -> io::Result<i64> {
        let mut block = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if block.next == block.end {
            let end = block.end.checked_add(BLOCK_IDS);
            let end = end.ok_or_else(|| io::Error::other("every producer id was given"))?;
            checkpoint::write(disk, &dir.join(PRODUCER_IDS), &[end.to_string()])?;
            block.end = end;
        }
        let id = block.next;
        block.next += 1;
        Ok(id)
    }

    /// Gives only ids after `id` from now on.
    pub(crate) fn skip_past(&self, disk: &dyn Disk, dir: &Path, id: i64) -> io::Result<()> {
        let mut block = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next =
            id.checked_add(1).ok_or_else(|| io::Error::other("every producer id was given"))?;
        if next > block.next {
            checkpoint::write(disk, &dir.join(PRODUCER_IDS), &[next.to_string()])?;
            *block = Block { next, end: next };
        }
        Ok(())
    }

    /// Whether this id may have been given.
    pub(crate) fn is_given(&self, id: i64) -> bool {
        let block = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (0..block.next).contains(&id)
    }
}
