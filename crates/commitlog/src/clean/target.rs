//! The files of a segment while it is made: `<base>.log.cleaned` and its indexes beside it.

use std::io;
use std::path::{Path, PathBuf};

use tidemill_world::{AlignedBuffer, Disk, File, OpenHow};

use crate::aborted::{Aborted, Summary};
use crate::batch::BatchHeader;
use crate::index::ActiveIndex;
use crate::limits::CLEAN_PIECE_BYTES;
use crate::names::{CLEANED, Kind, passing_file};
use crate::segment::Segment;

/// Written past the page cache where that can be: what is copied will hardly be read soon.
pub(super) struct Target {
    folder: PathBuf,
    pub(super) base: i64,
    file: Box<dyn File>,
    buffer: AlignedBuffer,
    /// Where the buffer goes.
    at: u64,
    /// Bytes of batches.
    pub(super) position: u64,
    index: ActiveIndex,
}

impl Target {
    pub(super) fn create(disk: &dyn Disk, folder: &Path, base: i64) -> io::Result<Self> {
        let path = passing_file(folder, base, Kind::Log, CLEANED);
        let file = disk.open(&path, OpenHow::Direct)?;
        file.set_len(0)?;
        Ok(Self {
            folder: folder.to_owned(),
            base,
            file,
            buffer: AlignedBuffer::with_capacity(CLEAN_PIECE_BYTES),
            at: 0,
            position: 0,
            index: ActiveIndex::new(base),
        })
    }

    /// Adds one batch.
    pub(super) fn push(&mut self, header: &BatchHeader, batch: &[u8]) -> io::Result<()> {
        self.index.add(header, self.position);
        let mut rest = batch;
        while !rest.is_empty() {
            let pushed = self.buffer.push(rest);
            rest = rest.get(pushed..).unwrap_or_default();
            if self.buffer.room() == 0 {
                self.write_out()?;
            }
        }
        self.position += batch.len() as u64;
        Ok(())
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.file.write_at(self.buffer.as_slice(), self.at)?;
        self.at += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Makes all of it durable, under its first names, and returns it as it is once it was renamed.
    pub(super) fn finish(mut self, disk: &dyn Disk, aborted: &[Aborted]) -> io::Result<Segment> {
        if self.file.is_direct() {
            self.buffer.pad();
        }
        if !self.buffer.is_empty() {
            self.write_out()?;
        }
        self.file.set_len(self.position)?;
        self.file.sync_data()?;
        self.index.push_time();
        self.write_index(disk, Kind::OffsetIndex, &self.index.offsets)?;
        self.write_index(disk, Kind::TimeIndex, &self.index.times)?;
        let mut entries = Vec::new();
        aborted.iter().for_each(|one| one.push_to(&mut entries));
        if !entries.is_empty() {
            self.write_index(disk, Kind::TransactionIndex, &entries)?;
        }
        let segment = Segment::passing(&self.folder, self.base, self.position);
        segment.set_aborted(Summary::of(&entries));
        Ok(segment)
    }

    fn write_index(&self, disk: &dyn Disk, kind: Kind, content: &[u8]) -> io::Result<()> {
        let file =
            disk.open(&passing_file(&self.folder, self.base, kind, CLEANED), OpenHow::Write)?;
        file.set_len(0)?;
        file.write_at(content, 0)?;
        file.sync_data()
    }
}

/// Removes what is left of a segment that was not finished.
pub(super) fn discard(disk: &dyn Disk, folder: &Path, base: i64) {
    for kind in Kind::OF_SEGMENT {
        let path = passing_file(folder, base, kind, CLEANED);
        match disk.remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                // The next open removes it.
                tracing::warn!("{} cannot be removed: {error}", path.display());
            }
            _ => {}
        }
    }
}
