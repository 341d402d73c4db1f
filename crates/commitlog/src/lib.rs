//! An embeddable log with the semantics and the on-disk layout of Apache Kafka.
//!
//! # Constraints
//!
//! * A log is a folder. A topic has partitions, a partition is a folder `topic-N` of segments of at most 1 GiB,
//!   in Kafka's own bytes: record batches v2, offset index, time index, producer snapshots, leader epochs.
//! * Batches are opaque: length, header and CRC-32C are checked, base offset and leader epoch are patched, and what the
//!   producer sent is what lies on the disk and what a consumer gets.
//! * One writer takes all appends, in rounds: one write and one sync per partition with much, and one for all
//!   that have little. An append is answered when its promise holds ([`Acks`], [`Durability`]).
//! * Every queue, buffer and count is bounded (`limits.rs`); each error says what was consumed and
//!   whether the caller may go on.
//! * No clock, disk, thread or randomness but through `tidemill_world`, so that a simulator can step all
//!   of it from a seed.
//!
//! # Layout
//!
//! ```text
//! <dir>/.lock                              held while the log is open
//! <dir>/.kafka_cleanshutdown               there after a clean stop
//! <dir>/synced-up-to-checkpoint            how far each partition is synced: recovery scans from there
//! <dir>/log-start-checkpoint               log start offsets
//! <dir>/cleaner-offset-checkpoint          how far compacted partitions are cleaned
//! <dir>/leader-epoch                       rises with every unclean start
//! <dir>/producer-ids                       the first producer id that is not reserved
//! <dir>/.wal/ring                          the shared write-ahead file: what many partitions got at once
//! <dir>/.topics/<topic id>.topic           a topic's name and settings: what makes it exist
//! <dir>/<topic>-<N>/partition.metadata     topic id
//! <dir>/<topic>-<N>/leader-epoch-checkpoint
//! <dir>/<topic>-<N>/<base offset>.log      batches; ends in zeros while it is written
//! <dir>/<topic>-<N>/<base offset>.index    8-byte entries, one per 4 KiB of log
//! <dir>/<topic>-<N>/<base offset>.timeindex  12-byte entries
//! <dir>/<topic>-<N>/<base offset>.txnindex  34-byte entries, one for each aborted transaction
//! <dir>/<topic>-<N>/<offset>.snapshot      what is known of producers before that offset
//! ```
//!
//! A clean stop leaves Kafka's `recovery-point-offset-checkpoint` and `log-start-offset-checkpoint` too, for the way back
//! to Kafka: it takes the folder once `.topics` is moved elsewhere. A folder that Kafka wrote is taken over when it is
//! opened (`adopt.rs`).
//!
//! Beside these lie, for a moment, `*.cleaned` and `*.swap`: what compaction puts in the place of segments.
//!
//! # The story
//!
//! [`Log::open`] takes the lock and recovers each partition. [`Partition::append`] checks a batch on
//! the caller's thread and queues it; the writer takes all that is queued, writes, syncs, publishes and answers.
//! [`Partition::read`] serves from the tail cache, or finds its place through the offset index and reads
//! the file. A cleaner of its own compacts the topics that ask for it (`clean.rs`). [`Log::close`] leaves files that end where their batches end, and a mark that says so.
//!
//! ```no_run
//! use tidemill_commitlog::{Acks, Log, LogConfig, TopicConfig, batch::{BatchBuilder, Record, records}};
//! use tidemill_world::World;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let log = Log::open(World::real(), LogConfig::new("data"))?;
//! log.ensure_topic("greetings", TopicConfig::default())?;
//! let partition = log.partition("greetings", 0).ok_or("no such partition")?;
//! let mut builder = BatchBuilder::new(1 << 20);
//! builder.push(&Record { value: Some(b"hello"), ..Record::default() })?;
//! let appended = partition.append_wait(builder.finish(), Acks::Synced)?;
//! for batch in partition.read(appended.base_offset, 1 << 20)?.batches() {
//!     for record in &records(&batch)? {
//!         assert_eq!(record?.value, Some(&b"hello"[..]));
//!     }
//! }
//! log.close()?;
//! # Ok(())
//! # }
//! ```

pub mod batch;
pub mod check;
mod config;
mod error;
mod limits;

mod committed;
mod log;
mod partition;
mod read;

mod admission;
mod appender;
pub mod offsets;
mod outcome;
mod transactions;

mod core;
mod notify;
mod queue;
mod state;
mod tail;

mod producer_files;
mod producer_ids;
mod producer_snapshot;
mod producers;

mod aborted;
mod aborted_files;
mod active;
mod age;
mod backlog;
mod place;
mod wal;
mod write_back;
mod writer;

mod adopt;
mod clean;
mod opening;
mod recovery;
mod scan;

mod checkpoint;
mod clean_state;
mod epoch;
mod handles;
mod index;
mod names;
mod segment;
mod starts;
mod topic_config;
mod topic_file;
mod topics;

#[cfg(test)]
mod tests;

pub use appender::Appender;
pub use batch::EndMarker;
pub use config::{
    Acks, Cleanup, Durability, LogConfig, TimestampType, TopicConfig, TopicId, TopicInfo,
};
pub use error::{
    AppendError, CloseError, Corruption, OpenError, ProducerIdError, ReadError, RefusedRecords,
    ReopenError, TopicError,
};
pub use limits::{APPEND_BYTES_MAX, DECOMPRESSED_BYTES_MAX};
pub use log::Log;
pub use outcome::{AppendFuture, Appended};
pub use partition::{Changed, Partition, Subscription};
pub use read::{AbortedTransaction, ReadBatches};
pub use transactions::{Part, ProducerInfo};
