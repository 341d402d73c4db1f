//! The small durable text files: a version, a count, then a line per entry, as Kafka writes them.
//!
//! All are replaced whole ([`Disk::replace`]), so a crash leaves the old or the new content. A file that
//! is not there is an empty one; a file that cannot be understood is an error, never a guess.

use std::io;
use std::path::Path;

use tidemill_world::Disk;

use crate::config::TopicId;
use crate::limits::TEXT_FILE_BYTES_MAX;

/// Writes `version`, the number of `lines` and the lines.
pub(crate) fn write(disk: &dyn Disk, path: &Path, lines: &[String]) -> io::Result<()> {
    let mut text = format!("0\n{}\n", lines.len());
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    disk.replace(path, text.as_bytes())
}

/// The lines of a file that [`write`] wrote; none if it is not there.
pub(crate) fn read(disk: &dyn Disk, path: &Path) -> io::Result<Vec<String>> {
    let Some(text) = read_text(disk, path)? else { return Ok(Vec::new()) };
    let mut lines = text.lines();
    if lines.next() != Some("0") {
        return Err(malformed("its version is not 0"));
    }
    let count = lines.next().and_then(|count| count.trim().parse::<usize>().ok());
    let lines: Vec<String> = lines.map(str::to_owned).collect();
    if count != Some(lines.len()) {
        return Err(malformed("its number of lines is not what its second line says"));
    }
    Ok(lines)
}

/// A whole text file, or `None` if it is not there.
pub(crate) fn read_text(disk: &dyn Disk, path: &Path) -> io::Result<Option<String>> {
    match disk.read_all(path, TEXT_FILE_BYTES_MAX) {
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| malformed("it is not text")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// An error that says what in a file cannot be understood.
pub(crate) fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// Where a leader epoch began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EpochStart {
    pub(crate) epoch: i32,
    pub(crate) offset: i64,
}

/// Writes a partition's `leader-epoch-checkpoint`.
pub(crate) fn write_epochs(disk: &dyn Disk, path: &Path, epochs: &[EpochStart]) -> io::Result<()> {
    let lines: Vec<String> =
        epochs.iter().map(|start| format!("{} {}", start.epoch, start.offset)).collect();
    write(disk, path, &lines)
}

/// Reads a partition's `leader-epoch-checkpoint`.
pub(crate) fn read_epochs(disk: &dyn Disk, path: &Path) -> io::Result<Vec<EpochStart>> {
    let parse = |line: &String| {
        let (epoch, offset) = line.split_once(' ')?;
        Some(EpochStart { epoch: epoch.parse().ok()?, offset: offset.parse().ok()? })
    };
    let lines = read(disk, path)?;
    let epochs: Option<Vec<EpochStart>> = lines.iter().map(parse).collect();
    epochs.ok_or_else(|| malformed("a line is not an epoch and an offset"))
}

/// The content of a partition's `partition.metadata`.
pub(crate) fn partition_metadata(id: TopicId) -> String {
    format!("version: 0\ntopic_id: {id}\n")
}

/// The topic id in a `partition.metadata`.
pub(crate) fn parse_partition_metadata(text: &str) -> Option<TopicId> {
    text.lines().find_map(|line| TopicId::parse(line.strip_prefix("topic_id: ")?.trim()))
}

/// A partition in a checkpoint file: by its topic's id, so that a topic made anew under an old name inherits
/// nothing.
pub(crate) type PartitionKey = (TopicId, i32);

/// How far a partition is known to be synced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The offset after the last synced record.
    pub(crate) offset: i64,
    /// Base offset of the segment where that is.
    pub(crate) segment: i64,
    /// Bytes of that segment's log that are synced.
    pub(crate) position: u64,
    /// Bytes of its offset index and their CRC-32C: they are written but not synced.
    pub(crate) offset_index: (u64, u32),
    /// Bytes of its time index and their CRC-32C.
    pub(crate) time_index: (u64, u32),
}

impl Mark {
    /// One line of [`SYNCED_MARKS`](crate::names::SYNCED_MARKS).
    pub(crate) fn line(&self, topic: TopicId, partition: i32) -> String {
        let Self { offset, segment, position, offset_index, time_index } = self;
        format!(
            "{topic} {partition} {offset} {segment} {position} {} {} {} {}",
            offset_index.0, offset_index.1, time_index.0, time_index.1
        )
    }

    /// Reads one line back.
    pub(crate) fn parse(line: &str) -> Option<(PartitionKey, Self)> {
        let mut words = line.split(' ');
        let key = (TopicId::parse(words.next()?)?, words.next()?.parse().ok()?);
        let mark = Self {
            offset: words.next()?.parse().ok()?,
            segment: words.next()?.parse().ok()?,
            position: words.next()?.parse().ok()?,
            offset_index: (words.next()?.parse().ok()?, words.next()?.parse().ok()?),
            time_index: (words.next()?.parse().ok()?, words.next()?.parse().ok()?),
        };
        words.next().is_none().then_some((key, mark))
    }
}
