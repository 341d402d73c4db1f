//! How far each partition is cleaned: `cleaner-offset-checkpoint`, in Kafka's format (a line of topic, partition and
//! the first offset that was not cleaned).
//!
//! It only says where to begin. A line too many or too few costs a longer pass and loses nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use tidemill_world::Disk;

use crate::checkpoint;
use crate::core::Core;
use crate::names::CLEANER_OFFSETS;

/// First dirty offset by topic name and partition.
pub(crate) type CleanMarks = BTreeMap<(String, i32), i64>;

/// Reads the file; one that cannot be understood is passed over, as if nothing were clean.
pub(crate) fn read_marks(disk: &dyn Disk, dir: &Path) -> io::Result<CleanMarks> {
    let path = dir.join(CLEANER_OFFSETS);
    let lines = match checkpoint::read(disk, &path) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            tracing::warn!("{} is passed over: {error}", path.display());
            return Ok(CleanMarks::new());
        }
        result => result?,
    };
    let parse = |line: &String| {
        let mut words = line.split(' ');
        let key = (words.next()?.to_owned(), words.next()?.parse().ok()?);
        Some((key, words.next()?.parse().ok()?))
    };
    Ok(lines.iter().filter_map(parse).collect())
}

/// Writes what all partitions say.
pub(crate) fn write_marks(core: &Core) -> io::Result<()> {
    let mut lines = Vec::new();
    for partition in core.partitions() {
        if let Some(offset) = partition.clean.first_dirty() {
            lines.push(format!("{} {} {offset}", partition.topic.name, partition.index));
        }
    }
    checkpoint::write(core.world.disk(), &core.config.dir.join(CLEANER_OFFSETS), &lines)
}
