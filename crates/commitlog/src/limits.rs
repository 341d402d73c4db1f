//! Every bound of the log in one place, each with its reason.
//!
//! Under `cfg(test)` the sizes shrink, so that every test rolls segments, splits rounds and fills queues.

/// Bytes of one append call. A round of one partition is at most this long, which is what recovery relies on
/// to tell a torn round from corruption, so it must not grow without need. Kafka's default batch
/// is 1 MiB.
#[cfg(not(test))]
pub const APPEND_BYTES_MAX: usize = 16 << 20;
/// Bytes of one append call (small, for tests).
#[cfg(test)]
pub const APPEND_BYTES_MAX: usize = 32 << 10;

/// How far behind a bad batch a good one may still belong to the same, torn round: a partition is synced
/// after at most this many bytes.
pub(crate) const ROUND_BYTES_MAX: usize = APPEND_BYTES_MAX;

/// Aligned memory that the writer reuses for every write. Larger writes are no faster on the disks measured.
#[cfg(not(test))]
pub(crate) const WRITE_BUFFER_BYTES: usize = 4 << 20;
#[cfg(test)]
pub(crate) const WRITE_BUFFER_BYTES: usize = 8 << 10;

/// Log bytes between two index entries: Kafka's `index.interval.bytes`.
#[cfg(not(test))]
pub(crate) const INDEX_INTERVAL_BYTES: u64 = 4096;
#[cfg(test)]
pub(crate) const INDEX_INTERVAL_BYTES: u64 = 256;

/// The largest segment: positions in an index are 31 bits, and a segment may pass its size by one append.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// The smallest segment that can be asked for; less would make a file a batch.
pub(crate) const SEGMENT_BYTES_MIN: u64 = 1 << 10;

/// Partitions of one topic: each is a folder with five files.
pub(crate) const PARTITIONS_MAX: i32 = 10_000;

/// Records of a refused append that are named one by one; a client needs one to find its mistake.
pub(crate) const REFUSED_RECORDS_MAX: usize = 1_000;

/// Settings of one topic that are kept without an effect: Kafka has about 30 topic settings.
pub(crate) const OTHER_SETTINGS_MAX: usize = 64;

/// Bytes of the name and value of one of them: lists of throttled replicas are the longest.
pub(crate) const OTHER_SETTING_BYTES_MAX: usize = 8 << 10;

/// Bytes that the cleaner reads and writes at once. Larger pieces are no faster.
#[cfg(not(test))]
pub(crate) const CLEAN_PIECE_BYTES: usize = 1 << 20;
#[cfg(test)]
pub(crate) const CLEAN_PIECE_BYTES: usize = 8 << 10;

/// Bytes of one read, whatever the caller asks for: one reader must not take the memory of all.
pub(crate) const READ_BYTES_MAX: usize = 64 << 20;

/// Read handles kept open over all partitions. Many systems allow 1,024 files a process; sockets
/// need the rest.
#[cfg(not(test))]
pub(crate) const READ_HANDLES_MAX: usize = 256;
#[cfg(test)]
pub(crate) const READ_HANDLES_MAX: usize = 3;

/// Write handles kept open over all partitions; each is two files when direct.
#[cfg(not(test))]
pub(crate) const WRITE_HANDLES_MAX: usize = 128;
#[cfg(test)]
pub(crate) const WRITE_HANDLES_MAX: usize = 2;

/// Producers that a partition remembers, 128 bytes each. More write to one partition at a time only by
/// mistake; the longest idle are forgotten first.
#[cfg(not(test))]
pub(crate) const PRODUCERS_MAX: usize = 16_384;
#[cfg(test)]
pub(crate) const PRODUCERS_MAX: usize = 32;

/// Transactions open at once in one partition. A producer with an open one is never forgotten, so this bounds what is
/// remembered beyond [`PRODUCERS_MAX`].
#[cfg(not(test))]
pub(crate) const OPEN_TRANSACTIONS_MAX: usize = 65_536;
#[cfg(test)]
pub(crate) const OPEN_TRANSACTIONS_MAX: usize = 40;

/// Bytes of a producer snapshot: [`PRODUCERS_MAX`] with five entries of 46 bytes are 3.8 MB; a file of Kafka's
/// may hold more producers.
pub(crate) const PRODUCER_SNAPSHOT_BYTES_MAX: u64 = 64 << 20;

/// Bytes of a small text file (checkpoints, metadata): 10,000 partitions with names of 249 characters fit.
pub(crate) const TEXT_FILE_BYTES_MAX: u64 = 16 << 20;

/// Bytes of an index file: a segment of [`SEGMENT_BYTES_MAX`] with one 12-byte entry per 256 bytes.
pub(crate) const INDEX_FILE_BYTES_MAX: u64 = 64 << 20;

/// Bytes that the records of one batch may take once decompressed. A batch on the wire is at most
/// [`APPEND_BYTES_MAX`]; honest data packs far less than this above it.
pub const DECOMPRESSED_BYTES_MAX: usize = 128 << 20;

/// Bytes an [`Appender`](crate::Appender) gathers before it says busy.
pub(crate) const APPENDER_BYTES_MAX: usize = 8 << 20;

/// Records of one batch that an [`Appender`](crate::Appender) gathers; bounds the answers to give at once.
pub(crate) const APPENDER_RECORDS_MAX: usize = 1 << 16;

/// The largest batch of a topic that does not say: Kafka's default.
#[cfg(not(test))]
pub(crate) const MESSAGE_BYTES_DEFAULT: u32 = 1_048_588;
#[cfg(test)]
pub(crate) const MESSAGE_BYTES_DEFAULT: u32 = 16 << 10;

/// A partition with more than this in a round goes straight to its segment (measured: decision 0005).
#[cfg(not(test))]
pub(crate) const SHARED_GROUP_BYTES_MAX: usize = 256 << 10;
#[cfg(test)]
pub(crate) const SHARED_GROUP_BYTES_MAX: usize = 4 << 10;

/// Fewer partitions than this in a round go straight to their segments.
pub(crate) const SHARED_FROM: usize = 2;

/// The smallest write-ahead file: the entry of a set of [`APPEND_BYTES_MAX`] fits beside what is on its way out.
pub(crate) const WAL_BYTES_MIN: u64 = 2 * APPEND_BYTES_MAX as u64;

/// The largest write-ahead file; all of it may be in memory.
pub(crate) const WAL_BYTES_MAX: u64 = 4 << 30;

/// Files that the write-back has open at once; they are synced in one pass.
#[cfg(not(test))]
pub(crate) const WRITE_BACK_FILES: usize = 128;
#[cfg(test)]
pub(crate) const WRITE_BACK_FILES: usize = 3;

/// Bytes that the write-back moves between two syncs; whoever waits for it does not wait for more.
pub(crate) const WRITE_BACK_BYTES: usize = 16 << 20;

/// Aligned memory that the write-back reuses.
#[cfg(not(test))]
pub(crate) const WRITE_BACK_BUFFER_BYTES: usize = 1 << 20;
#[cfg(test)]
pub(crate) const WRITE_BACK_BUFFER_BYTES: usize = 8 << 10;
