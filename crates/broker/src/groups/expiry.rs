//! Which offsets are let go because nobody has used them for long, by the rules of Kafka's `offsetExpirationCondition`
//! (KIP-211).
//!
//! | group | an offset goes, the retention after |
//! |---|---|
//! | classic, without members | it lost its last member |
//! | classic, of consumers, stable | its commit, if no member reads its topic |
//! | classic, in a rebalance or not of consumers | never |
//! | of the consumer protocol, with members or without | its commit, if no member reads its topic |
//! | none: commits without the group protocol | its commit |
//!
//! An offset that an open transaction is about to replace stays. A group without members that has no offsets left goes too.

use super::types::Life;

/// Whether an offset is to go that was committed at `commit_ms`. `limit_ms` is the retention before now; both are
/// milliseconds since 1970.
pub(crate) fn is_over(
    life: Life,
    is_read: impl FnOnce() -> bool,
    commit_ms: i64,
    limit_ms: i64,
) -> bool {
    match life {
        Life::Absent => commit_ms <= limit_ms,
        Life::Empty { since_ms } => since_ms <= limit_ms,
        Life::Reading => commit_ms <= limit_ms && !is_read(),
        Life::Busy => false,
    }
}

/// Whether a group in this state may itself go once it has no offsets.
pub(crate) fn may_go(life: Life) -> bool {
    matches!(life, Life::Empty { .. } | Life::Reading)
}
