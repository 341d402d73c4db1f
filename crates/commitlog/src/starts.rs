//! The durable log start offsets, where they are not simply the first segment's base.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::PoisonError;

use tidemill_world::Disk;

use crate::checkpoint::{self, PartitionKey, malformed};
use crate::config::TopicId;
use crate::core::Core;
use crate::names::LOG_STARTS;
use crate::state::PartitionState;

/// Raises the log start of one partition, durably before anybody sees it.
pub(crate) fn write_starts(core: &Core, raised: &PartitionState, start: i64) -> io::Result<()> {
    let _turn = core.starts_turn.lock().unwrap_or_else(PoisonError::into_inner);
    if start <= raised.log_start_offset() {
        return Ok(());
    }
    let mut lines = Vec::new();
    for partition in core.partitions() {
        let is_raised = partition.number == raised.number;
        let start = if is_raised { start } else { partition.log_start_offset() };
        if start > 0 {
            lines.push(format!("{} {} {start}", partition.topic.id, partition.index));
        }
    }
    checkpoint::write(core.world.disk(), &core.config.dir.join(LOG_STARTS), &lines)?;
    raised.set_log_start_offset(start);
    Ok(())
}

/// Log start by topic and partition.
pub(crate) type Starts = BTreeMap<PartitionKey, i64>;

/// Reads what [`write_starts`] wrote.
pub(crate) fn read_starts(disk: &dyn Disk, path: &Path) -> io::Result<Starts> {
    let parse = |line: &String| {
        let mut words = line.split(' ');
        let key = (TopicId::parse(words.next()?)?, words.next()?.parse().ok()?);
        Some((key, words.next()?.parse().ok()?))
    };
    let starts: Option<Starts> = checkpoint::read(disk, path)?.iter().map(parse).collect();
    starts.ok_or_else(|| malformed("a line is not a topic id, a partition and an offset"))
}
