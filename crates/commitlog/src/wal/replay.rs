//! What the write-ahead file holds after an unclean stop.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use bytes::Bytes;
use tidemill_world::{BLOCK_BYTES, Disk, File, OpenHow};

use super::entry::{ENTRY_HEAD_BYTES, EntryHead, FILE_HEAD_BYTES, FileHead, Part, parts};
use crate::checkpoint::PartitionKey;
use crate::names::{WAL, WAL_FILE};

/// Bytes read at once.
const WINDOW_BYTES: usize = 1 << 20;
const BLOCK: u64 = BLOCK_BYTES as u64;

/// The bytes to write again, by partition, in the order in which they were written.
#[derive(Debug, Default)]
pub(crate) struct Replay(pub(crate) BTreeMap<PartitionKey, Vec<Part>>);

/// Reads the file of the log in `dir`. An error of kind `InvalidData` says what is corrupt.
pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> io::Result<Replay> {
    let path = dir.join(WAL).join(WAL_FILE);
    let file = match disk.open(&path, OpenHow::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Replay::default()),
        Err(error) => return Err(error),
    };
    let mut head = [0; FILE_HEAD_BYTES];
    file.read_at(&mut head, 0)?;
    // The file gets its name after its first block is synced, and that is written again in one sector.
    let head = FileHead::decode(&head).ok_or_else(|| corrupt("its first block is damaged"))?;
    let entries = find(&*file, head)?;
    let live = live(&entries)?;
    confirm(disk, &path, &live)?;
    let mut replay = Replay::default();
    for entry in live {
        for part in entry.read(&*file)? {
            replay.0.entry(part.key).or_default().push(part);
        }
    }
    Ok(replay)
}

fn corrupt(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// A whole entry.
struct Found {
    head: EntryHead,
    start: u64,
}

impl Found {
    fn read(&self, file: &dyn File) -> io::Result<Vec<Part>> {
        let mut body = vec![0; usize::try_from(self.head.body_bytes).unwrap_or(0)];
        file.read_at(&mut body, self.start + ENTRY_HEAD_BYTES as u64)?;
        let body = Bytes::from(body);
        let parts = parts(&body, self.head.parts).filter(|_| self.head.has(&body));
        parts.ok_or_else(|| corrupt(&format!("entry {} changed", self.head.sequence)))
    }
}

impl EntryHead {
    fn has(&self, body: &[u8]) -> bool {
        crc32c::crc32c(body) == self.body_crc
    }
}

/// All entries that are whole, by sequence.
fn find(file: &dyn File, head: FileHead) -> io::Result<BTreeMap<u64, Found>> {
    let mut entries = BTreeMap::new();
    let end = file.len()?.min(head.bytes);
    let mut window = Window { file, start: 0, bytes: Vec::new() };
    let mut at = BLOCK;
    while at < end {
        let found = EntryHead::decode(window.at(at, ENTRY_HEAD_BYTES)?, head.salt);
        let found = found.filter(|entry| EntryHead::span(entry.body_bytes) <= end - at);
        match found {
            Some(entry) if window.is_whole(at, &entry)? => {
                let span = EntryHead::span(entry.body_bytes);
                entries.insert(entry.sequence, Found { head: entry, start: at });
                at += span;
            }
            _ => at += BLOCK,
        }
    }
    Ok(entries)
}

/// Those whose bytes may be missing in the segments, in order.
fn live(entries: &BTreeMap<u64, Found>) -> io::Result<Vec<&Found>> {
    let Some((newest, last)) = entries.last_key_value() else { return Ok(Vec::new()) };
    let mut live = Vec::new();
    for sequence in last.head.settled_before..=*newest {
        if let Some(entry) = entries.get(&sequence) {
            live.push(entry);
            continue;
        }
        let later = entries.range(sequence..).map(|(_, entry)| entry.head);
        if let Some(proof) = later.clone().find(|head| head.synced_before > sequence) {
            let later = proof.sequence;
            return Err(corrupt(&format!(
                "entry {sequence} is damaged, though it was synced before entry {later}"
            )));
        }
        let count = later.count();
        tracing::warn!(
            "the write-ahead file is torn at entry {sequence}; {count} more are dropped"
        );
        break;
    }
    Ok(live)
}

/// Writes those entries once more that may not be synced, and syncs them before any of their bytes are used: after a sync
/// that failed they can still be read, and a crash half-way would leave some of their parts in the segments and the
/// entry nowhere.
fn confirm(disk: &dyn Disk, path: &Path, live: &[&Found]) -> io::Result<()> {
    let Some(last) = live.last() else { return Ok(()) };
    let file = disk.open(path, OpenHow::Write)?;
    for entry in live.iter().filter(|entry| entry.head.sequence >= last.head.synced_before) {
        let span = EntryHead::span(entry.head.body_bytes);
        let mut bytes = vec![0; usize::try_from(span).unwrap_or(0)];
        let read = file.read_at(&mut bytes, entry.start)?;
        bytes.truncate(read);
        file.write_at(&bytes, entry.start)?;
    }
    file.sync_data()
}

/// A part of the file in memory that moves forward.
struct Window<'a> {
    file: &'a dyn File,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    fn at(&mut self, position: u64, needed: usize) -> io::Result<&[u8]> {
        let inside = position.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        let at = match inside.filter(|at| at + needed <= self.bytes.len()) {
            Some(at) => at,
            None => {
                self.bytes.resize(WINDOW_BYTES, 0);
                let read = self.file.read_at(&mut self.bytes, position)?;
                self.bytes.truncate(read);
                self.start = position;
                0
            }
        };
        Ok(self.bytes.get(at..).unwrap_or_default())
    }

    fn is_whole(&mut self, position: u64, head: &EntryHead) -> io::Result<bool> {
        let mut at = position + ENTRY_HEAD_BYTES as u64;
        let end = at + head.body_bytes;
        let mut crc = 0;
        while at < end {
            let bytes = self.at(at, 1)?;
            let take = bytes.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
            if take == 0 {
                return Ok(false);
            }
            crc = crc32c::crc32c_append(crc, bytes.get(..take).unwrap_or_default());
            at += take as u64;
        }
        Ok(crc == head.body_crc)
    }
}
