//! What settings belong to, as requests number it, and a few answers that several handlers share.

use tidemill_wire::ErrorCode;

use crate::errors::Failure;

/// A topic.
pub(crate) const TOPIC: i8 = 2;
/// A broker; without a name all brokers.
pub(crate) const BROKER: i8 = 4;
/// The loggers of a broker.
pub(crate) const BROKER_LOGGER: i8 = 8;
/// Subscriptions to metrics of clients (KIP-714), which are not collected here.
pub(crate) const CLIENT_METRICS: i8 = 16;
/// A group (KIP-848).
pub(crate) const GROUP: i8 = 32;

/// The only logger whose level is known.
pub(crate) const ROOT_LOGGER: &str = "root";

/// What anybody may do with a topic where nobody has fewer rights, as bits: read, write, create, delete, alter, describe,
/// describe and alter settings.
pub(crate) const TOPIC_RIGHTS: i32 =
    1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11;
/// The same for the cluster: create, alter, describe, act as a broker, describe and alter settings, write idempotently.
pub(crate) const CLUSTER_RIGHTS: i32 =
    1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;

/// "Nobody asked for the rights."
pub(crate) const RIGHTS_NOT_ASKED: i32 = i32::MIN;

/// Whether a partition may be held by these brokers, of which there is one.
///
/// # Errors
/// `INVALID_REPLICA_ASSIGNMENT`, in Kafka's words.
pub(crate) fn check_replicas(brokers: &[i32], me: i32) -> Result<(), Failure> {
    let refuse = |why: String| Err(Failure::new(ErrorCode::InvalidReplicaAssignment, why));
    let head = "The manual partition assignment includes";
    match brokers {
        [] => refuse(format!("{head} an empty replica list.")),
        [one] if *one == me => Ok(()),
        _ => match brokers.iter().find(|id| **id != me) {
            Some(other) => {
                refuse(format!("{head} broker {other}, but no such broker is registered."))
            }
            None => refuse(format!("{head} the broker {me} more than once.")),
        },
    }
}
