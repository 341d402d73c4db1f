//! How the coordinator's changes, and the ends of transactions, get into the log.
//!
//! An end is one append to `__transaction_state` and to every partition of the transaction: all or nothing. If that is
//! refused because one partition is out of order, the decision is written alone, and each partition is told
//! by itself until all know it; then that is written down.

use std::sync::Arc;
use std::time::Duration;

use tidemill_commitlog::offsets::OFFSETS_TOPIC;
use tidemill_commitlog::{AppendError, EndMarker, Part, Partition};
use tokio::sync::oneshot;

use super::change::{Change, Ending};
use super::coordinator::Outcome;
use super::driver::Transactions;
use super::metadata::{Metadata, State};
use super::types::Place;
use crate::answer::Later;

/// How long to wait before an append is tried again when the log's queue is full, and how often that is done.
const BUSY_PAUSE: Duration = Duration::from_millis(1);
const BUSY_TRIES: usize = 10_000;
/// How long to wait before a partition is told again that could not take its marker.
const TELL_PAUSE: Duration = Duration::from_secs(1);

impl Transactions {
    pub(super) async fn write_state(&self, change: &Change) -> Result<(), AppendError> {
        let batch = self.store.batch(change, self.now_ms())?;
        let state = (self.store.partition.clone(), Part::Batches(batch));
        self.append_all(|| vec![state.clone()]).await
    }

    /// Writes the end of a transaction as one, or, where a partition cannot take its marker, the decision alone.
    pub(super) async fn write_end(
        &self,
        change: &Change,
        ending: &Ending,
    ) -> Result<Outcome, AppendError> {
        let batch = self.store.batch(change, self.now_ms())?;
        let state = (self.store.partition.clone(), Part::Batches(batch));
        let marker = self.marker(&ending.prepared);
        let parts = || {
            let markers = self.partitions(&ending.prepared);
            let markers = markers.map(|(_, partition)| (partition, Part::Marker(marker)));
            std::iter::once(state.clone()).chain(markers).collect()
        };
        match self.append_all(parts).await {
            Ok(()) => {
                self.end_offsets(&ending.prepared);
                Ok(Outcome::Written)
            }
            Err(error) if needs_two_steps(&error) && self.store.partition.check().is_ok() => {
                tracing::warn!(
                    transactional_id = &*change.id,
                    "a transaction is ended step by step, because a partition takes no marker: {error}"
                );
                let prepared = self.store.record(&change.id, Some(&ending.prepared), self.now_ms());
                let state = (self.store.partition.clone(), Part::Batches(prepared?));
                self.append_all(|| vec![state.clone()]).await.map(|()| Outcome::Prepared)
            }
            Err(error) => Err(error),
        }
    }

    /// Appends what `parts` gives, again while the log's queue is full, and when a topic was deleted meanwhile.
    async fn append_all(
        &self,
        parts: impl Fn() -> Vec<(Partition, Part)>,
    ) -> Result<(), AppendError> {
        let mut tries = 0;
        loop {
            let (done, answer) = oneshot::channel();
            self.log.append_all(parts(), move |result| drop(done.send(result)));
            match answer.await.unwrap_or(Err(AppendError::Closed)) {
                Ok(_) => return Ok(()),
                Err(AppendError::Busy { .. }) if tries < BUSY_TRIES => {
                    self.world.clock().sleep(BUSY_PAUSE).await;
                }
                Err(AppendError::Deleted { .. }) if tries < BUSY_TRIES => {}
                Err(error) => return Err(error),
            }
            tries += 1;
        }
    }

    /// What every partition of a transaction is told.
    fn marker(&self, prepared: &Metadata) -> EndMarker {
        EndMarker {
            producer_id: prepared.producer.id,
            producer_epoch: prepared.producer.epoch,
            coordinator_epoch: self.store.coordinator_epoch(),
            commit: prepared.state == State::PrepareCommit,
            transaction_version: i8::try_from(prepared.client_version).unwrap_or(0),
        }
    }

    /// The partitions of a transaction that are still there. One of a topic that was deleted needs no marker.
    fn partitions<'a>(
        &'a self,
        prepared: &'a Metadata,
    ) -> impl Iterator<Item = (&'a Place, Partition)> {
        let places = prepared.partitions.iter();
        places.filter_map(|place| Some((place, self.log.partition(&place.0, place.1)?)))
    }

    /// The marker is in the log: the offsets that waited for it count, or are dropped.
    fn end_offsets(&self, prepared: &Metadata) {
        if prepared.partitions.iter().any(|(topic, _)| **topic == *OFFSETS_TOPIC) {
            let commit = prepared.state == State::PrepareCommit;
            self.offsets.end_transaction(prepared.producer.id, commit);
        }
    }

    /// Tells the partitions of a transaction its decision, until each knows it.
    ///
    /// Boxed, because the change that completes it is carried like any other, which may come here again.
    pub(super) fn tell(self: Arc<Self>, id: Arc<str>) -> Later<()> {
        Box::pin(async move {
            if let Some(prepared) = self.view(&id).filter(|found| found.state.is_prepared()) {
                self.tell_all(&id, prepared).await;
            }
        })
    }

    async fn tell_all(self: &Arc<Self>, id: &str, mut left: Metadata) {
        loop {
            self.tell_once(id, &mut left).await;
            if left.partitions.is_empty() {
                let change = self.core().complete(id, self.now_ms());
                let Some(change) = change else { return };
                if self.write(change).await.is_ok() {
                    return;
                }
            }
            if self.check().is_err() {
                return;
            }
            self.world.clock().sleep(TELL_PAUSE).await;
        }
    }

    /// Writes the markers that are left, and takes those away that need not be written again.
    async fn tell_once(&self, id: &str, left: &mut Metadata) {
        let marker = self.marker(left);
        let places: Vec<Place> = left.partitions.iter().cloned().collect();
        let mut answers = Vec::with_capacity(places.len());
        for place in places {
            let Some(partition) = self.log.partition(&place.0, place.1) else {
                left.partitions.remove(&place);
                continue;
            };
            let (done, answer) = oneshot::channel();
            partition.end_transaction(marker, move |result| drop(done.send(result)));
            answers.push((place, answer));
        }
        for (place, answer) in answers {
            match answer.await.unwrap_or(Err(AppendError::Closed)) {
                Ok(_) => self.told(&place, marker),
                Err(AppendError::Deleted { .. }) => {}
                Err(
                    error @ (AppendError::ProducerFenced { .. }
                    | AppendError::CoordinatorFenced { .. }),
                ) => {
                    tracing::warn!(transactional_id = id, "a newer marker was written: {error}");
                }
                Err(_) => continue,
            }
            left.partitions.remove(&place);
        }
    }

    fn told(&self, place: &Place, marker: EndMarker) {
        if *place.0 == *OFFSETS_TOPIC {
            self.offsets.end_transaction(marker.producer_id, marker.commit);
        }
    }
}

/// Whether one partition stands in the way of all, which two steps get around.
fn needs_two_steps(error: &AppendError) -> bool {
    !matches!(error, AppendError::Busy { .. } | AppendError::Closed | AppendError::DiskFull { .. })
}
