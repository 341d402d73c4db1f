//! What carriers and commands say to each other: records, what shall be read or written, and the two traits.

use std::time::Duration;

use crate::error::CliError;

/// A record that was read; its parts lie in the carrier's memory.
pub(crate) struct View<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Milliseconds since 1970; -1 if the record has none.
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: Vec<(&'a [u8], Option<&'a [u8]>)>,
}

/// Where reading begins in each partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Beginning,
    End,
    At(i64),
    /// So many records before the end.
    Last(i64),
    /// The first record that is not older than this, milliseconds since 1970.
    Since(i64),
}

/// What shall be read.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    /// One, or in a group any number.
    pub(crate) topics: Vec<String>,
    pub(crate) partition: Option<i32>,
    pub(crate) start: Start,
    /// Read records older than this only, and end then; milliseconds since 1970.
    pub(crate) until_ms: Option<i64>,
    /// End when everything that was there at the start is read.
    pub(crate) stop_at_end: bool,
    pub(crate) read_committed: bool,
    pub(crate) group: Option<String>,
}

/// What one [`Source::poll`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Polled {
    Some,
    /// Nothing is there now.
    Idle,
    /// There is nothing more to read.
    Finished,
}

/// Gives records.
pub(crate) trait Source {
    /// Gives what has come, or waits for it, at most about as long as told. `each` says whether it wants more; a record it was
    /// given counts as read.
    ///
    /// # Errors
    /// The cluster refused, or cannot be reached.
    fn poll(
        &mut self,
        wait: Duration,
        each: &mut dyn FnMut(&View<'_>) -> Result<bool, CliError>,
    ) -> Result<Polled, CliError>;

    /// Says that what was given so far is written out, so that the group need not read it again.
    ///
    /// # Errors
    /// The group did not take it.
    fn done(&mut self) -> Result<(), CliError> {
        Ok(())
    }

    /// Commits what is done and leaves the group.
    ///
    /// # Errors
    /// The group did not take it.
    fn close(self: Box<Self>) -> Result<(), CliError> {
        Ok(())
    }
}

/// A header's name and value.
pub(crate) type Header = (String, Option<Vec<u8>>);

/// A record to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// The key chooses the partition where this is `None`.
    pub(crate) partition: Option<i32>,
    /// Milliseconds since 1970; the time of writing if `None`.
    pub(crate) timestamp_ms: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<Header>,
}

/// How records are written.
#[derive(Debug, Clone)]
pub(crate) struct Writing {
    pub(crate) topic: String,
    /// 0, 1, or -1 for all.
    pub(crate) acks: i16,
    /// `none`, `gzip`, `snappy`, `lz4` or `zstd`.
    pub(crate) compression: String,
}

/// Takes records.
pub(crate) trait Sink {
    /// Takes a record; it may still be under way when this returns.
    ///
    /// # Errors
    /// This record, or one before it, was refused.
    fn send(&mut self, record: &Outgoing) -> Result<(), CliError>;

    /// Waits until all that was sent is answered, and returns how many records were.
    ///
    /// # Errors
    /// A record was refused.
    fn flush(&mut self) -> Result<u64, CliError>;

    /// Sends on what was gathered, because nothing more comes for a while.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    fn pause(&mut self) -> Result<(), CliError>;
}
