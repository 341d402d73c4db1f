//! Compaction: of the records of a key only the last is kept (KIP-58, KIP-354, KIP-534; Kafka's `LogCleaner`).
//!
//! # The rules
//!
//! * Offsets never change. What is left of a log may have gaps, and whoever folds it into a map of its keys gets
//!   the map that the whole log gives, at every cut from the cleaned offset on.
//! * The segment that is being written is never cleaned, nor anything from the last stable offset on, nor what is younger
//!   than `min_compaction_lag_ms`. A partition is cleaned once its dirty part is large enough, or too old
//!   (`max_compaction_lag_ms`).
//! * A record without a value deletes its key. It stays for `delete_retention_ms` after the pass that found it to be
//!   the last of its key: that pass writes the horizon into the batch. Markers of transactions stay until
//!   nothing of their transaction is left, and then as long. Records of aborted transactions go at once.
//! * The last batch of a producer stays, empty if need be, for its sequence. So does the batch before the end of what
//!   is merged, so that each segment still ends where the next begins: recovery may go on taking a gap between two
//!   segments for a loss.
//! * A batch whose records cannot be read is kept as it is.
//!
//! # The story of a cleaning
//!
//! `plan` picks the partition. `job` walks its dirty part and fills the map of keys (`keys`), as far as it has room.
//! Then it copies the log, from the start to where the map ends, group by group of small neighbouring segments:
//! `source` reads batches, `filter` decides with the help of `transactions`, `target` writes `*.cleaned`.
//! `swap` puts the copy in the place of its sources so that a crash at any point leaves one or the other, and readers
//! never notice. All of it is done in small steps on a thread of its own, or by a simulator.

mod cleaner;
mod failure;
mod filter;
mod hash;
mod job;
mod keys;
mod marks;
mod plan;
mod source;
mod swap;
mod target;
mod transactions;

pub(crate) use cleaner::{Cleaner, CleanerDriver};
pub(crate) use marks::{CleanMarks, read_marks, write_marks};
pub(crate) use swap::finish_swaps;
