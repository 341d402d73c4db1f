//! The small answers that components give, and the retry policy.

use std::time::Duration;

use tidemill_world::Moment;

/// The spout's own name for a root. The ids of a spout that commits rise.
pub type MessageId = u64;

/// What a spout has to say after `next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Call again as soon as there is room.
    More,
    /// Call again after the task's [`wake`](crate::TaskContext::wake) was notified, or after an ack or a failure.
    Idle,
    /// As `Idle`, but no later than this moment.
    IdleUntil(Moment),
    /// Never call again. When all spouts have finished and all roots are done, the topology ends.
    Finished,
}

/// What a bolt has to say about the tuple it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// The tuple is done, apart from what was emitted for it and what was deferred.
    Ack,
    /// The tuple's root is to be replayed.
    Fail,
    /// The tuple will be acked or failed later, by the anchor that `defer` gave. Without such an anchor
    /// the tuple is never acked, and its root times out.
    Defer,
}

/// Who emits a failed root again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retries {
    /// The engine keeps a copy of the root and emits it again.
    Engine(RetryPolicy),
    /// The engine calls `fail` and forgets the root: Storm's contract.
    Spout,
}

impl Default for Retries {
    fn default() -> Self {
        Retries::Engine(RetryPolicy::default())
    }
}

/// When the engine emits a failed root again, and when it gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Replays before the root becomes a dead letter.
    pub limit: u32,
    /// Wait before the first replay; each following one waits twice as long.
    pub backoff_first: Duration,
    /// The longest wait.
    pub backoff_max: Duration,
}

impl Default for RetryPolicy {
    /// Sixteen replays over about a minute: longer than most restarts of a database, short enough that a
    /// tuple nobody can digest does not hold the commit point for hours.
    fn default() -> Self {
        Self {
            limit: 16,
            backoff_first: Duration::from_millis(10),
            backoff_max: Duration::from_secs(10),
        }
    }
}

impl RetryPolicy {
    /// The wait before the replay after the given number of failed attempts, from 1.
    pub fn backoff(&self, attempts: u32) -> Duration {
        let factor = 1u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        self.backoff_first.saturating_mul(factor).min(self.backoff_max)
    }
}
