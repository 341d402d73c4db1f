//! Picks what to clean, and cleans it; the thread that does.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidemill_world::{Driver, Moment, Step};

use super::failure::Failure;
use super::job::{Closed, Job};
use super::marks::write_marks;
use super::plan::{Facts, Plan, is_before, plan};
use crate::batch::{HEADER_BYTES, header};
use crate::config::TopicConfig;
use crate::core::Core;
use crate::names::Kind;
use crate::segment::Segment;
use crate::state::{Condition, PartitionState};

/// A plain value that is stepped.
pub(crate) struct Cleaner {
    core: Arc<Core>,
    job: Option<Job>,
    /// When to look again.
    due: Moment,
    /// Partitions that cannot be cleaned: a segment is corrupt, and the log says so once.
    uncleanable: BTreeSet<u64>,
    is_stopped: bool,
}

impl Cleaner {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let due =
            core.world.clock().now().after(Duration::from_millis(core.config.cleaner_check_ms));
        Self { core, job: None, due, uncleanable: BTreeSet::new(), is_stopped: false }
    }

    /// Ends it for good; what is half made is removed.
    pub(crate) fn stop(&mut self) {
        self.is_stopped = true;
        if let Some(job) = self.job.take() {
            job.abandon();
        }
    }

    /// One piece of work.
    pub(crate) fn step(&mut self) -> Step {
        if self.core.queue.is_closed() {
            self.stop();
        }
        if self.is_stopped {
            return Step::Done;
        }
        let now = self.core.world.clock().now();
        if now < self.due && self.job.as_ref().is_none_or(Job::is_naming) {
            return Step::Until(self.due);
        }
        if let Some(job) = self.job.take() {
            self.step_job(job);
            return Step::Again;
        }
        match self.pick() {
            Some(job) => {
                self.job = Some(job);
                Step::Again
            }
            None => {
                self.wait();
                Step::Until(self.due)
            }
        }
    }

    fn wait(&mut self) {
        let pause = Duration::from_millis(self.core.config.cleaner_check_ms.max(1));
        self.due = self.core.world.clock().now().after(pause);
    }

    fn step_job(&mut self, mut job: Job) {
        match job.step() {
            Ok(None) => self.job = Some(job),
            Ok(Some(cleaned_to)) => self.finish(&job.partition, cleaned_to),
            Err(failure) => self.fail(job, failure),
        }
    }

    fn finish(&self, partition: &PartitionState, cleaned_to: i64) {
        tracing::debug!("{} is cleaned up to {cleaned_to}", partition.name);
        partition.clean.set_first_dirty(cleaned_to);
        if let Err(error) = write_marks(&self.core) {
            tracing::warn!("{} is cleaned, but that cannot be noted: {error}", partition.name);
        }
    }

    fn fail(&mut self, job: Job, failure: Failure) {
        let partition = Arc::clone(&job.partition);
        match failure {
            Failure::Outdated => {}
            Failure::Io(error) => {
                tracing::warn!("{} cannot be cleaned now: {error}", partition.name);
                self.wait();
            }
            Failure::Corrupt(corruption) => {
                tracing::error!("{} cannot be cleaned: {corruption}", partition.name);
                self.uncleanable.insert(partition.number);
            }
        }
        if job.is_naming() {
            self.job = Some(job);
        } else {
            job.abandon();
        }
    }

    /// The partition that needs it most.
    fn pick(&mut self) -> Option<Job> {
        let mut best: Option<(Plan, Arc<PartitionState>, Vec<Closed>)> = None;
        let partitions = self.core.partitions();
        self.uncleanable.retain(|number| partitions.iter().any(|one| one.number == *number));
        for partition in partitions {
            let config = &partition.topic.info().config;
            if !config.cleanup.compact || self.uncleanable.contains(&partition.number) {
                continue;
            }
            match self.consider(&partition, config) {
                Ok(Some((plan, closed))) => {
                    if best.as_ref().is_none_or(|(known, ..)| is_before(&plan, known)) {
                        best = Some((plan, partition, closed));
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::warn!("{} cannot be looked at: {error}", partition.name),
            }
        }
        let (plan, partition, closed) = best?;
        let name = Arc::clone(&partition.name);
        match Job::new(&self.core, partition, plan, closed) {
            Ok(job) => Some(job),
            Err(failure) => {
                tracing::warn!("{name} cannot be cleaned now: {failure:?}");
                None
            }
        }
    }

    fn consider(
        &self,
        partition: &PartitionState,
        config: &TopicConfig,
    ) -> io::Result<Option<(Plan, Vec<Closed>)>> {
        if !matches!(partition.condition(), Condition::Open) {
            return Ok(None);
        }
        let closed = self.closed(partition, config)?;
        let facts: Vec<Facts> = closed.iter().map(|one| one.facts).collect();
        let now_ms = self.core.world.clock().wall_ms();
        let (cleaned_to, start) = (partition.clean.first_dirty(), partition.log_start_offset());
        let found = plan(&facts, cleaned_to, start, config, now_ms);
        Ok(found.map(|plan| (plan, closed)))
    }

    /// The segments that may be cleaned: closed, stable, and before the durable mark, from which recovery reads.
    fn closed(&self, partition: &PartitionState, config: &TopicConfig) -> io::Result<Vec<Closed>> {
        let segments = partition.segments.read().unwrap_or_else(PoisonError::into_inner).clone();
        let end = partition.last_stable_offset().min(partition.clean.durable_mark());
        let mut closed = Vec::new();
        for pair in segments.windows(2) {
            let [segment, next] = pair else { break };
            if next.base > end {
                break;
            }
            let first_ms = match config.max_compaction_lag_ms < i64::MAX.unsigned_abs() {
                true => self.first_timestamp(segment)?,
                false => None,
            };
            let facts = Facts {
                base: segment.base,
                end: next.base,
                bytes: segment.published(),
                greatest_ms: segment.greatest_timestamp(self.core.files())?,
                first_ms,
            };
            closed.push(Closed { segment: Arc::clone(segment), facts });
        }
        Ok(closed)
    }

    fn first_timestamp(&self, segment: &Segment) -> io::Result<Option<i64>> {
        let file = segment.file(self.core.files(), Kind::Log)?;
        let mut head = [0; HEADER_BYTES];
        file.read_at(&mut head, 0)?;
        Ok(header(&head).ok().map(|header| header.max_timestamp_ms))
    }
}

/// Steps the cleaner on a thread.
pub(crate) struct CleanerDriver(pub(crate) Arc<Mutex<Cleaner>>);

impl Driver for CleanerDriver {
    fn step(&mut self) -> Step {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).step()
    }
}
