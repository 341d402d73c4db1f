//! The shared write-ahead file: where the appends of a round go that touches many partitions with little.
//!
//! # What it is
//!
//! One file, written once when it is made, so that writing it again changes no metadata and is quick. It is used
//! round and round. An entry holds what one round wrote for any number of partitions, as *physical redo records*:
//! topic id, partition, segment, byte position, the very bytes. One write and one sync make all of it durable, and
//! an entry is replayed whole or not at all, which is what makes an append to several partitions atomic.
//!
//! # What must hold
//!
//! 1. Bytes in here that are not in their segment yet are *pending*: kept in memory and served from there.
//! 2. An entry may be overwritten once its bytes are synced in their segments **and** a later, synced entry says so
//!    (`settled before`). Otherwise recovery would miss an entry that it has to believe in.
//! 3. A partition's pending bytes are all of its end, without a gap: whatever writes its segment directly writes them
//!    first. A segment is closed only after that, so that an entry never concerns any but a partition's last segment:
//!    closed segments may be removed or rewritten without asking.
//! 4. After a failed write or sync nothing is known of the entry. Nothing more is written until everything else is
//!    settled and the file is begun anew under another salt; until then the partitions concerned are not reopened.
//!
//! # Recovery
//!
//! All entries that are whole are collected and ordered by sequence. Those from the newest one's `settled before` on count.
//! A gap is a round that was torn, and nothing behind it was confirmed, unless a later entry says that it
//! was written after the missing one was synced: that is corruption, and is reported ([`replay`]).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidemill_world::{AlignedBuffer, BLOCK_BYTES, Disk, File, OpenHow, World};

use crate::backlog::SETTLED;
use crate::names::{WAL, WAL_FILE};
use crate::state::PartitionState;

mod entry;
pub(crate) mod replay;
mod space;

pub(crate) use entry::{Draft, PART_HEAD_BYTES, Part};
use entry::{EntryHead, FileHead};
use space::Space;

/// The write-ahead file of a log, shared between the writer and the write-back.
pub(crate) struct Wal {
    ring: Mutex<Ring>,
}

pub(crate) struct Ring {
    world: World,
    dir: PathBuf,
    /// Bytes that the file should have.
    bytes: u64,
    /// There once it was needed.
    file: Option<Box<dyn File>>,
    salt: u64,
    space: Space,
    next_sequence: u64,
    /// Entries below this are synced.
    synced_before: u64,
    /// What the last entry said is settled, and what a synced one did.
    settled_said: u64,
    settled_synced: u64,
    /// Partitions with pending bytes, and maybe some without.
    unsettled: Vec<Arc<PartitionState>>,
    is_broken: bool,
}

impl Wal {
    pub(crate) fn new(world: World, dir: &Path, bytes: u64) -> Self {
        let ring = Ring {
            world,
            dir: dir.join(WAL),
            bytes: bytes.next_multiple_of(BLOCK_BYTES as u64),
            file: None,
            salt: 0,
            space: Space::new(0),
            next_sequence: 1,
            synced_before: 1,
            settled_said: 1,
            settled_synced: 1,
            unsettled: Vec::new(),
            is_broken: false,
        };
        Self { ring: Mutex::new(ring) }
    }

    /// Never taken while a partition's writer is held.
    pub(crate) fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    /// Whether entries can be written.
    pub(crate) fn is_ready(&self) -> bool {
        self.file.is_some() && !self.is_broken
    }

    /// Whether the file must be made or begun anew before anything can be written.
    pub(crate) fn is_missing(&self) -> bool {
        self.file.is_none()
    }

    /// Whether a write or sync failed and nobody knows what the file says.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Whether an entry with such a body fits now.
    pub(crate) fn has_room(&self, body_bytes: u64) -> bool {
        self.is_ready() && self.space.place(EntryHead::span(body_bytes)).is_some()
    }

    /// Whether an entry with such a body would fit if the file were empty.
    pub(crate) fn could_hold(&self, body_bytes: u64) -> bool {
        Space::new(self.bytes).place(EntryHead::span(body_bytes)).is_some()
    }

    /// Whether so much is used that it is time to write back.
    pub(crate) fn is_half_full(&self) -> bool {
        self.space.used() > self.bytes / 2
    }

    /// The sequence that the next entry gets.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Writes one entry, not synced. There must be room.
    pub(crate) fn write(&mut self, draft: &Draft, buffer: &mut AlignedBuffer) -> io::Result<u64> {
        let span = EntryHead::span(draft.bytes());
        let start = self.space.place(span).ok_or(io::ErrorKind::StorageFull)?;
        self.write_at(draft, buffer, start, span)
    }

    fn write_at(
        &mut self,
        draft: &Draft,
        buffer: &mut AlignedBuffer,
        start: u64,
        span: u64,
    ) -> io::Result<u64> {
        let sequence = self.next_sequence;
        let head = EntryHead {
            salt: self.salt,
            sequence,
            synced_before: self.synced_before,
            settled_before: self.settled_before(),
            body_bytes: draft.bytes(),
            parts: draft.parts(),
            body_crc: draft.crc(),
        };
        self.next_sequence += 1;
        self.space.take(sequence, start, span);
        self.settled_said = head.settled_before;
        let written = self.copy(&head, draft, buffer, start);
        self.is_broken |= written.is_err();
        written.map(|()| sequence)
    }

    fn copy(
        &self,
        head: &EntryHead,
        draft: &Draft,
        buffer: &mut AlignedBuffer,
        mut at: u64,
    ) -> io::Result<()> {
        let Some(file) = &self.file else { return Err(io::ErrorKind::NotFound.into()) };
        buffer.clear();
        for mut piece in std::iter::once(&head.encode()[..]).chain(draft.pieces()) {
            loop {
                let pushed = buffer.push(piece);
                piece = piece.get(pushed..).unwrap_or_default();
                if piece.is_empty() {
                    break;
                }
                file.write_at(buffer.as_slice(), at)?;
                at += buffer.len() as u64;
                buffer.clear();
            }
        }
        buffer.pad();
        file.write_at(buffer.as_slice(), at)
    }

    /// Whether anything was written since the last sync.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.synced_before < self.next_sequence && self.is_ready()
    }

    /// Makes all entries durable and frees what they say is settled.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        if let Err(error) = file.sync_data() {
            self.is_broken = true;
            return Err(error);
        }
        self.synced_before = self.next_sequence;
        self.settled_synced = self.settled_said;
        self.space.free_before(self.settled_synced);
        Ok(())
    }

    /// Notes that a partition has pending bytes.
    pub(crate) fn note_unsettled(&mut self, partition: Arc<PartitionState>) {
        self.unsettled.push(partition);
    }

    /// Entries below this are settled.
    fn settled_before(&mut self) -> u64 {
        self.unsettled.retain(|partition| partition.wal_from() != SETTLED);
        let oldest = self.unsettled.iter().map(|partition| partition.wal_from()).min();
        oldest.unwrap_or(self.next_sequence)
    }

    /// Partitions with pending bytes, those with the oldest first, and the sequence below which entries are synced:
    /// what is not synced here is synced now, so that a torn write of a segment can be made good.
    ///
    /// # Errors
    /// That sync failed.
    pub(crate) fn unsettled(&mut self) -> io::Result<(Vec<Arc<PartitionState>>, u64)> {
        if self.is_unsynced() {
            self.sync()?;
        }
        // After a failed sync the bytes are in memory only: then a segment is the better place.
        let synced = if self.is_broken { u64::MAX } else { self.synced_before };
        self.unsettled.retain(|partition| partition.wal_from() != SETTLED);
        self.unsettled.sort_by_cached_key(|partition| (partition.wal_from(), partition.number));
        self.unsettled.dedup_by_key(|partition| partition.number);
        Ok((self.unsettled.clone(), synced))
    }

    /// Frees the entries that are settled by writing one that says so; `false` when there is none.
    pub(crate) fn free(&mut self, buffer: &mut AlignedBuffer) -> io::Result<bool> {
        if !self.is_ready() || self.settled_before() <= self.settled_synced {
            return Ok(false);
        }
        let span = BLOCK_BYTES as u64;
        let Some(start) = self.space.place_last(span) else { return Ok(false) };
        self.write_at(&Draft::default(), buffer, start, span)?;
        self.sync()?;
        Ok(true)
    }

    /// Takes the file into use, empty.
    pub(crate) fn install(&mut self, file: Box<dyn File>, salt: u64) {
        self.file = Some(file);
        self.begin_anew(salt);
    }

    fn begin_anew(&mut self, salt: u64) {
        self.salt = salt;
        self.space = Space::new(self.bytes);
        self.synced_before = self.next_sequence;
        self.settled_said = self.next_sequence;
        self.settled_synced = self.next_sequence;
        self.is_broken = false;
    }

    /// Forgets every entry, durably. All must be settled; does nothing if something is pending, or the file was never
    /// used.
    pub(crate) fn reset(&mut self) -> io::Result<bool> {
        if self.settled_before() < self.next_sequence {
            return Ok(false);
        }
        let Some(file) = &self.file else { return Ok(true) };
        let salt = new_salt(&self.world);
        write_head(&**file, FileHead { salt, bytes: self.bytes })?;
        self.begin_anew(salt);
        Ok(true)
    }

    /// After recovery: what was in the file is in the segments.
    ///
    /// # Errors
    /// The disk refused; the entries may be replayed once more.
    pub(crate) fn forget(&self) -> io::Result<()> {
        let path = self.dir.join(WAL_FILE);
        let disk = self.world.disk();
        if !disk.exists(&path)? {
            return Ok(());
        }
        let file = disk.open(&path, OpenHow::Direct)?;
        let head = FileHead { salt: new_salt(&self.world), bytes: file.len()? };
        write_head(&*file, head)
    }

    /// What is needed to make the file without holding the ring.
    pub(crate) fn site(&self) -> Site {
        Site { world: self.world.clone(), dir: self.dir.clone(), bytes: self.bytes }
    }
}

/// Where the file is, and how long.
pub(crate) struct Site {
    world: World,
    dir: PathBuf,
    bytes: u64,
}

/// Bytes of zeros that are written at once while the file is made.
const FILL_BYTES: usize = 1 << 20;

impl Site {
    /// Opens the file, which holds nothing that counts, or makes it.
    pub(crate) fn make(&self) -> io::Result<(Box<dyn File>, u64)> {
        let disk = self.world.disk();
        let head = FileHead { salt: new_salt(&self.world), bytes: self.bytes };
        let path = self.dir.join(WAL_FILE);
        if disk.exists(&path)? {
            let file = disk.open(&path, OpenHow::Direct)?;
            if file.len()? == self.bytes {
                write_head(&*file, head)?;
                return Ok((file, head.salt));
            }
        }
        let fresh = self.dir.join(format!("{WAL_FILE}.tmp"));
        self.fill(disk, &fresh, head).inspect_err(|_| {
            // What it took may be what others lack; if this fails too the next attempt writes over it.
            drop(disk.remove_file(&fresh));
        })?;
        disk.rename(&fresh, &path)?;
        disk.sync_dir(&self.dir)?;
        Ok((disk.open(&path, OpenHow::Direct)?, head.salt))
    }

    fn fill(&self, disk: &dyn Disk, path: &Path, head: FileHead) -> io::Result<()> {
        disk.create_dir_all(&self.dir)?;
        if let Some(parent) = self.dir.parent() {
            disk.sync_dir(parent)?;
        }
        let file = disk.open(path, OpenHow::Direct)?;
        file.set_len(0)?;
        let mut zeros = AlignedBuffer::with_capacity(FILL_BYTES);
        let mut at = 0;
        while at < self.bytes {
            zeros.clear();
            let left = usize::try_from(self.bytes - at).unwrap_or(usize::MAX);
            zeros.push(&vec![0; left.min(FILL_BYTES)]);
            file.write_at(zeros.as_slice(), at)?;
            at += zeros.len() as u64;
        }
        file.sync_data()?;
        write_head(&*file, head)
    }
}

fn write_head(file: &dyn File, head: FileHead) -> io::Result<()> {
    let mut block = AlignedBuffer::with_capacity(BLOCK_BYTES);
    block.push(&head.encode());
    block.pad();
    file.write_at(block.as_slice(), 0)?;
    file.sync_data()
}

fn new_salt(world: &World) -> u64 {
    let mut salt = [0; 8];
    world.random().fill(&mut salt);
    u64::from_be_bytes(salt)
}
