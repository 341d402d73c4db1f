//! How far the views have come, for those who wait for it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tidemill_world::Clock;
use tokio::sync::Notify;

/// The offsets below which everything is in the views.
#[derive(Debug, Default)]
pub struct Progress {
    hits: AtomicI64,
    metadata: AtomicI64,
    moved: Notify,
}

impl Progress {
    /// Notes how far the views are, after each batch.
    pub fn advance(&self, hits: i64, metadata: i64) {
        self.hits.store(hits, Ordering::Release);
        self.metadata.store(metadata, Ordering::Release);
        self.moved.notify_waiters();
    }

    /// All hits below this offset are in the views.
    pub fn hits(&self) -> i64 {
        self.hits.load(Ordering::Acquire)
    }

    /// All metadata below this offset is in the views.
    pub fn metadata(&self) -> i64 {
        self.metadata.load(Ordering::Acquire)
    }

    /// Waits until all hits below `offset` are in the views; `false` if that takes longer than `patience`.
    pub async fn wait_hits(&self, offset: i64, clock: &dyn Clock, patience: Duration) -> bool {
        self.wait(|| self.hits() >= offset, clock, patience).await
    }

    /// The same for metadata.
    pub async fn wait_metadata(&self, offset: i64, clock: &dyn Clock, patience: Duration) -> bool {
        self.wait(|| self.metadata() >= offset, clock, patience).await
    }

    async fn wait(&self, there: impl Fn() -> bool, clock: &dyn Clock, patience: Duration) -> bool {
        let mut deadline = clock.sleep(patience);
        loop {
            // Registered before the look, so that no move is missed between the two.
            let moved = self.moved.notified();
            let mut moved = std::pin::pin!(moved);
            moved.as_mut().enable();
            if there() {
                return true;
            }
            tokio::select! {
                () = moved => {}
                () = &mut deadline => return there(),
            }
        }
    }
}
