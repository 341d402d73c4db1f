//! Transactions: the coordinator that knows each transactional id, and ends its transactions whole.
//!
//! # Constraints
//!
//! * Everything but [`driver`], [`ending`] and [`store`] is a plain value: requests and `now` go in, decisions come out. No
//!   log, clock, lock or random source is inside, so a test can step it.
//! * A decision counts when the log has it. A change of a transactional id is in the log before anybody is
//!   told, and until then the id takes no other.
//! * A transaction is ended by one group commit: the coordinator's own record and a marker for each partition go to the
//!   disk as one, so no reader and no crash ever sees half of it. Only where a partition cannot take
//!   its marker is it done in Kafka's two steps: the decision first, then the markers, one by one, until
//!   each is written.
//! * Transactional ids and their bytes are bounded ([`types`]); a transaction names only partitions that exist.
//!
//! # Layout
//!
//! [`types`] names and bounds, [`change`] what comes out of a request, [`metadata`] one transactional id and its steps, [`codec`] its record,
//! [`coordinator`] all ids, [`requests`] what each request may do, [`store`] the topic `__transaction_state`,
//! [`driver`] the side with the log, the clock and the waiting, [`ending`] how changes get into the log.
//!
//! # The story
//!
//! A producer begins (`init`) and gets an epoch that fences the one before. Partitions come into its transaction when it
//! names them, or, under KIP-890, when it first writes to them; what it writes is *admitted* only while
//! the transaction is open and holds the partition. Its end is decided, written and told at once. A transaction that
//! stays open for too long is aborted, and one that a crash left half-told is told to the end at the next start.

pub(crate) mod change;
pub(crate) mod codec;
pub(crate) mod coordinator;
pub(crate) mod driver;
mod ending;
pub(crate) mod metadata;
pub(crate) mod requests;
pub(crate) mod store;
pub(crate) mod types;

#[cfg(test)]
mod tests;

pub(crate) use driver::Transactions;
pub(crate) use store::TRANSACTIONS_TOPIC;
pub use types::TransactionLimits;
