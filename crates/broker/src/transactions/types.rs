//! Names, numbers and bounds of transactions.

use std::sync::Arc;
use std::time::Duration;

/// Transactional ids that are remembered at one time. Each takes a few hundred bytes; programs use one for each
/// instance, old versions of Kafka Streams one for each task.
pub(crate) const IDS_MAX: usize = 100_000;
/// Bytes of a transactional id: what makes [`IDS_MAX`] of them a bounded number of bytes. Ids are names and numbers of
/// program instances.
pub(crate) const ID_BYTES_MAX: usize = 4_096;

/// No producer id.
pub(crate) const NO_ID: i64 = -1;
/// No epoch.
pub(crate) const NO_EPOCH: i16 = -1;

/// The protocol in which each transaction ends with a new epoch (KIP-890); the level of `transaction.version`.
pub(crate) const VERSION_2: i16 = 2;
/// The protocol of KIP-98, in which a producer keeps its epoch.
pub(crate) const VERSION_0: i16 = 0;

/// What the owner of the broker may set about transactions.
#[derive(Clone, Copy, Debug)]
pub struct TransactionLimits {
    /// The longest a producer may ask its transactions to stay open (`transaction.max.timeout.ms`).
    pub timeout_max: Duration,
    /// A transactional id that began no transaction for so long is forgotten (`transactional.id.expiration.ms`).
    pub id_expiration: Duration,
    /// How often such ids are looked for (`transaction.remove.expired.transaction.cleanup.interval.ms`).
    pub id_check_interval: Duration,
}

impl Default for TransactionLimits {
    fn default() -> Self {
        Self {
            timeout_max: Duration::from_secs(15 * 60),
            id_expiration: Duration::from_secs(7 * 24 * 3600),
            id_check_interval: Duration::from_secs(3600),
        }
    }
}

/// A producer's id with its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Producer {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
}

/// A partition of a topic.
pub(crate) type Place = (Arc<str>, i32);
