//! Where the log and the engine meet.
//!
//! # Constraints
//!
//! * Neither side knows the other: the log hands out batches and wake-ups, the engine takes spouts and bolts. Only this
//!   crate knows both.
//! * Nothing is allocated or locked per record: a spout emits views into the batch as it was read, a sink
//!   packs the records of one input batch into one record batch.
//! * A record is committed when every tuple of it is acked or a dead letter, never before.
//!
//! # The story
//!
//! A [`LogSpout`] owns some partitions of a topic. Woken by the high watermark, it reads whole batches and
//! emits each record with a message id that rises with the offset. The engine tells how far everything is
//! done, and the spout turns that into an offset for each partition and keeps it with the group's others. A
//! [`LogSink`] is the other end: it gathers the tuples of a batch, appends them at once, and acks each when the log has it on the
//! disk.
//!
//! In an exactly-once topology neither writes by itself: at the end of an epoch they hand their offsets and batches to a
//! [`LogCommitter`], which appends them with the changes of states as one.

mod epochs;
mod murmur2;
mod sink;
mod spans;
mod spout;

pub use epochs::LogCommitter;
pub use murmur2::partition_of_key;
pub use sink::LogSink;
pub use spout::{LOG_FIELDS, LogSpout, Start};

/// The page about the engine, whose blocks of code are tests here, where log and engine are both known.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/engine.md")]
pub struct EnginePage;
