//! Taking back what a round did to a partition.

use std::io;
use std::sync::PoisonError;

use tidemill_world::{AlignedBuffer, BLOCK_BYTES};

use super::{Failure, PartitionWriter, Tools};
use crate::backlog::Undo;

impl PartitionWriter {
    /// Takes back a round that found the disk full: the file ends where it ended before.
    pub(super) fn rewind(&mut self, tools: &mut Tools<'_>, undo: &Undo) -> Failure {
        self.forget_since(undo);
        match self.cut_back(tools.buffer) {
            Ok(()) => Failure::Full,
            Err(error) => Failure::Broken(format!("a full disk, and taking back failed: {error}")),
        }
    }

    /// Takes back what was decided on and noted since `undo`.
    pub(super) fn forget_since(&mut self, undo: &Undo) {
        self.position = undo.position;
        self.next_offset = undo.next_offset;
        self.producers.rewind(undo.next_offset);
        if let Some(index) =
            self.segment.index.write().unwrap_or_else(PoisonError::into_inner).as_mut()
        {
            index.rewind(undo.index);
        }
    }

    fn cut_back(&mut self, buffer: &mut AlignedBuffer) -> io::Result<()> {
        self.give_up_flush();
        self.begin_write(buffer);
        let Some(file) = &mut self.file else { return Ok(()) };
        if !file.direct {
            file.file.set_len(self.in_file)?;
        } else {
            file.file.set_len(self.in_file.next_multiple_of(BLOCK_BYTES as u64))?;
            if !buffer.is_empty() {
                buffer.pad();
                file.file.write_at(buffer.as_slice(), file.at)?;
            }
        }
        file.file.sync_data()?;
        self.unsynced = false;
        self.synced_position = self.in_file;
        Ok(())
    }
}
