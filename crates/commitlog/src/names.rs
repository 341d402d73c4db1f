//! The names of folders and files, as Kafka spells them.

use std::path::{Path, PathBuf};

/// Held while a log is open.
pub(crate) const LOCK: &str = ".lock";
/// There after a clean stop, gone while the log is open.
pub(crate) const CLEAN_STOP: &str = ".kafka_cleanshutdown";
/// How far each partition is known to be synced, and where that is. Kafka's
/// `recovery-point-offset-checkpoint` with more columns, hence another name.
pub(crate) const SYNCED_MARKS: &str = "synced-up-to-checkpoint";
/// Log start offsets. Kafka's `log-start-offset-checkpoint` by topic id instead of name.
pub(crate) const LOG_STARTS: &str = "log-start-checkpoint";
/// How far each partition is cleaned (Kafka's format).
pub(crate) const CLEANER_OFFSETS: &str = "cleaner-offset-checkpoint";
/// What Kafka keeps of a data folder as a whole.
pub(crate) const KAFKA_META: &str = "meta.properties";
/// Log start offsets in Kafka's format, by topic name; left for Kafka at a clean stop.
pub(crate) const KAFKA_LOG_STARTS: &str = "log-start-offset-checkpoint";
/// How far partitions are synced in Kafka's format; left for Kafka at a clean stop.
pub(crate) const KAFKA_RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
/// The leader epoch of the log: rises with every unclean start.
pub(crate) const EPOCH: &str = "leader-epoch";
/// The first producer id that is not reserved.
pub(crate) const PRODUCER_IDS: &str = "producer-ids";
/// The folder with one file of settings per topic: the list of the topics there are.
pub(crate) const TOPICS: &str = ".topics";
/// The folder of the write-ahead file.
pub(crate) const WAL: &str = ".wal";
/// The write-ahead file.
pub(crate) const WAL_FILE: &str = "ring";
/// The leader epochs of one partition (Kafka's format).
pub(crate) const LEADER_EPOCHS: &str = "leader-epoch-checkpoint";
/// The topic id of one partition (Kafka's format).
pub(crate) const PARTITION_METADATA: &str = "partition.metadata";
/// How the name of a folder ends that is not yet a partition.
pub(crate) const CREATING: &str = ".creating";
/// How the name of a folder ends that is no longer a partition (Kafka's spelling).
pub(crate) const DELETED: &str = "-delete";

/// Which of a segment's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Log,
    OffsetIndex,
    TimeIndex,
    /// What is known of producers; its offset need not be a segment's base.
    Snapshot,
    /// The aborted transactions whose markers the segment holds.
    TransactionIndex,
}

impl Kind {
    /// The files that belong to one segment, the log last: while it is there the segment is.
    pub(crate) const OF_SEGMENT: [Self; 4] =
        [Self::OffsetIndex, Self::TimeIndex, Self::TransactionIndex, Self::Log];

    fn extension(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::OffsetIndex => "index",
            Self::TimeIndex => "timeindex",
            Self::Snapshot => "snapshot",
            Self::TransactionIndex => "txnindex",
        }
    }
}

/// The path of a segment's file: the base offset in twenty digits.
pub(crate) fn segment_file(folder: &Path, base: i64, kind: Kind) -> PathBuf {
    folder.join(format!("{base:020}.{}", kind.extension()))
}

/// How the name of a file ends that cleaning makes.
pub(crate) const CLEANED: &str = ".cleaned";
/// How the name of a file ends that is whole and takes the place of others.
pub(crate) const SWAP: &str = ".swap";

/// A segment's file under a passing name.
pub(crate) fn passing_file(folder: &Path, base: i64, kind: Kind, end: &str) -> PathBuf {
    let mut name = segment_file(folder, base, kind).into_os_string();
    name.push(end);
    name.into()
}

/// The base offset in the name of a `.log` file.
pub(crate) fn segment_base(file_name: &str) -> Option<i64> {
    offset_in(file_name.strip_suffix(".log")?)
}

/// The offset in the name of a `.snapshot` file.
pub(crate) fn snapshot_offset(file_name: &str) -> Option<i64> {
    offset_in(file_name.strip_suffix(".snapshot")?)
}

/// The base offset in the name of a `.txnindex` file.
pub(crate) fn transaction_index_base(file_name: &str) -> Option<i64> {
    offset_in(file_name.strip_suffix(".txnindex")?)
}

fn offset_in(digits: &str) -> Option<i64> {
    if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// `topic-partition`, the name of a partition and of its folder.
pub(crate) fn partition_folder(topic: &str, index: i32) -> String {
    format!("{topic}-{index}")
}

/// Topic and partition in the name of a folder.
pub(crate) fn parse_partition_folder(name: &str) -> Option<(&str, i32)> {
    let (topic, index) = name.rsplit_once('-')?;
    if topic.is_empty() || !index.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((topic, index.parse().ok()?))
}
