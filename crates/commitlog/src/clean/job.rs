//! One cleaning of one partition, step by step.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::failure::Failure;
use super::filter::{Filter, Kept, LastOfProducer};
use super::hash::HashKey;
use super::keys::KeyMap;
use super::plan::{Facts, Plan, groups};
use super::source::Source;
use super::swap::{Swapped, Unfinished, swap};
use super::target::{Target, discard};
use super::transactions::Transactions;
use crate::batch::{BatchHeader, EndMarker, frames, header, records};
use crate::core::Core;
use crate::read::aborted_in;
use crate::segment::Segment;
use crate::state::{Condition, PartitionState};

/// A segment and what is known of it.
#[derive(Clone)]
pub(super) struct Closed {
    pub(super) segment: Arc<Segment>,
    pub(super) facts: Facts,
}

/// See the module.
pub(super) struct Job {
    core: Arc<Core>,
    pub(super) partition: Arc<PartitionState>,
    plan: Plan,
    /// When the pass began, by the log's clock.
    now_ms: i64,
    closed: Vec<Closed>,
    keys: KeyMap,
    transactions: Transactions,
    phase: Phase,
}

enum Phase {
    /// Fills the map of keys from the segment at this place on.
    Map { at: usize, source: Option<Source> },
    /// Copies group by group.
    Copy { groups: VecDeque<Vec<Closed>>, copying: Option<Box<Copying>> },
    /// A group is copied and must get its names.
    Name { groups: VecDeque<Vec<Closed>>, unfinished: Unfinished },
}

/// A group on its way into one segment.
struct Copying {
    sources: Vec<Arc<Segment>>,
    at: usize,
    source: Option<Source>,
    target: Target,
    end_offset: i64,
    producers: BTreeMap<i64, LastOfProducer>,
    /// Whether anything differs from the one source.
    is_changed: bool,
}

impl Job {
    /// A pass over `closed`, of which those up to the plan's limit are touched.
    pub(super) fn new(
        core: &Arc<Core>,
        partition: Arc<PartitionState>,
        plan: Plan,
        closed: Vec<Closed>,
    ) -> Result<Self, Failure> {
        let mut secret = [0; 16];
        core.world.random().fill(&mut secret);
        let [k0, k1] = [0, 8].map(|at| {
            let bytes = secret.get(at..).and_then(|rest| rest.first_chunk()).copied();
            u64::from_le_bytes(bytes.unwrap_or_default())
        });
        let records = u64::try_from(plan.limit.saturating_sub(plan.first_dirty)).unwrap_or(0);
        let keys = KeyMap::new(records, core.config.cleaner_memory_bytes, HashKey(k0, k1));
        let at = closed.partition_point(|one| one.facts.end <= plan.first_dirty);
        let from = closed.get(at).map_or(plan.first_dirty, |one| one.facts.base);
        let aborted = aborted_in(core, &partition, from..plan.limit)?;
        Ok(Self {
            now_ms: core.world.clock().wall_ms(),
            core: Arc::clone(core),
            partition,
            plan,
            closed,
            keys,
            transactions: Transactions::new(aborted),
            phase: Phase::Map { at, source: None },
        })
    }

    /// One piece of work; when all is done, the offset up to which the partition is clean.
    pub(super) fn step(&mut self) -> Result<Option<i64>, Failure> {
        self.check_current()?;
        let phase = std::mem::replace(&mut self.phase, Phase::Map { at: usize::MAX, source: None });
        match phase {
            Phase::Map { at, source } => self.map(at, source)?,
            Phase::Copy { groups, copying: Some(copying) } => self.copy(groups, copying)?,
            Phase::Copy { mut groups, copying: None } => {
                let Some(group) = groups.pop_front() else { return Ok(Some(self.keys.latest + 1)) };
                let copying = Some(Box::new(self.begin_group(&group)?));
                self.phase = Phase::Copy { groups, copying };
            }
            Phase::Name { groups, unfinished } => {
                if let Err(error) = unfinished.finish(&self.core, &self.partition) {
                    self.phase = Phase::Name { groups, unfinished };
                    return Err(error.into());
                }
                self.phase = Phase::Copy { groups, copying: None };
            }
        }
        Ok(None)
    }

    /// Whether files still have their passing names, so that the job must be stepped on after an error.
    pub(super) fn is_naming(&self) -> bool {
        matches!(self.phase, Phase::Name { .. })
    }

    fn check_current(&self) -> Result<(), Failure> {
        let is_open = matches!(self.partition.condition(), Condition::Open);
        let is_current = is_open && self.partition.topic.info().config.cleanup.compact;
        if is_current || self.is_naming() { Ok(()) } else { Err(Failure::Outdated) }
    }

    fn map(&mut self, at: usize, source: Option<Source>) -> Result<(), Failure> {
        let Some(closed) = self.closed.get(at).filter(|one| one.facts.base < self.plan.limit)
        else {
            return self.begin_copy();
        };
        let mut source = match source {
            Some(source) => source,
            None => Source::open(&self.core, &closed.segment, self.plan.first_dirty)?,
        };
        let end = closed.facts.end;
        match source.next()? {
            Some(batches) => {
                if !self.map_batches(&batches) {
                    return self.begin_copy();
                }
                self.phase = Phase::Map { at, source: Some(source) };
            }
            None => {
                self.keys.latest = self.keys.latest.max(end - 1);
                self.phase = Phase::Map { at: at + 1, source: None };
            }
        }
        Ok(())
    }

    /// `false` when the map is full.
    fn map_batches(&mut self, batches: &Bytes) -> bool {
        for (header, batch) in frames(batches).map_while(Result::ok) {
            let batch = batches.slice_ref(batch);
            let has_data = if header.is_control() {
                let commit = EndMarker::read(&batch).map(|marker| marker.commit);
                self.transactions.marker(&header, commit);
                false
            } else {
                !self.transactions.batch(&header)
            };
            if has_data && !self.map_records(&batch) {
                return false;
            }
            if header.last_offset() >= self.plan.first_dirty {
                self.keys.latest = header.last_offset();
            }
        }
        true
    }

    fn map_records(&mut self, batch: &Bytes) -> bool {
        // What cannot be read is kept, and says nothing of keys.
        let Ok(opened) = records(batch) else { return true };
        for record in opened.iter().map_while(Result::ok) {
            if record.offset < self.plan.first_dirty {
                continue;
            }
            if record.key.is_some_and(|key| !self.keys.insert(key, record.offset)) {
                return false;
            }
            self.keys.latest = self.keys.latest.max(record.offset);
        }
        true
    }

    fn begin_copy(&mut self) -> Result<(), Failure> {
        let end = self.keys.latest + 1;
        let touched: Vec<Closed> =
            self.closed.iter().filter(|one| one.facts.base < end).cloned().collect();
        let facts: Vec<Facts> = touched.iter().map(|one| one.facts).collect();
        let config = &self.partition.topic.info().config;
        let bytes_max = self.core.segment_limits(config).bytes;
        let ranges = groups(&facts, bytes_max).into_iter();
        let groups = ranges.filter_map(|range| touched.get(range).map(<[Closed]>::to_vec));
        let (from, to) = match (facts.first(), facts.last()) {
            (Some(first), Some(last)) => (first.base, last.end),
            _ => (0, 0),
        };
        let aborted = aborted_in(&self.core, &self.partition, from..to)?;
        self.transactions = Transactions::new(aborted);
        self.phase = Phase::Copy { groups: groups.collect(), copying: None };
        Ok(())
    }

    fn begin_group(&self, group: &[Closed]) -> Result<Copying, Failure> {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            return Err(Failure::Outdated);
        };
        let disk = self.core.world.disk();
        Ok(Copying {
            sources: group.iter().map(|one| Arc::clone(&one.segment)).collect(),
            at: 0,
            source: None,
            target: Target::create(disk, &self.partition.folder, first.facts.base)?,
            end_offset: last.facts.end,
            producers: last_of_producers(&self.partition),
            is_changed: group.len() > 1,
        })
    }

    fn copy(
        &mut self,
        groups: VecDeque<Vec<Closed>>,
        mut copying: Box<Copying>,
    ) -> Result<(), Failure> {
        let base = copying.target.base;
        let result = self.copy_piece(&mut copying);
        match result {
            Ok(true) => {
                self.phase = Phase::Copy { groups, copying: Some(copying) };
                Ok(())
            }
            Ok(false) => {
                if let Some(unfinished) = self.end_group(*copying)? {
                    self.phase = Phase::Name { groups, unfinished };
                } else {
                    discard(self.core.world.disk(), &self.partition.folder, base);
                    self.phase = Phase::Copy { groups, copying: None };
                }
                Ok(())
            }
            Err(failure) => {
                discard(self.core.world.disk(), &self.partition.folder, base);
                Err(failure)
            }
        }
    }

    /// `false` when all sources are copied.
    fn copy_piece(&mut self, copying: &mut Copying) -> Result<bool, Failure> {
        let Some(segment) = copying.sources.get(copying.at) else { return Ok(false) };
        if copying.source.is_none() {
            copying.source = Some(Source::open(&self.core, segment, segment.base)?);
        }
        let batches = match &mut copying.source {
            Some(source) => source.next()?,
            None => None,
        };
        let Some(batches) = batches else {
            copying.source = None;
            copying.at += 1;
            return Ok(true);
        };
        for (header, batch) in frames(&batches).map_while(Result::ok) {
            self.copy_batch(copying, &header, &batches.slice_ref(batch))?;
        }
        Ok(true)
    }

    fn copy_batch(
        &mut self,
        copying: &mut Copying,
        found: &BatchHeader,
        batch: &Bytes,
    ) -> Result<(), Failure> {
        let filter = Filter {
            keys: &self.keys,
            now_ms: self.now_ms,
            delete_retention_ms: self.partition.topic.info().config.delete_retention_ms,
            producers: &copying.producers,
            end_offset: copying.end_offset,
        };
        match filter.judge(&mut self.transactions, found, batch) {
            Kept::Whole => copying.target.push(found, batch)?,
            Kept::Changed(bytes) => {
                copying.is_changed = true;
                // It was assembled just now.
                if let Ok(changed) = header(&bytes) {
                    copying.target.push(&changed, &bytes)?;
                }
            }
            Kept::Nothing => copying.is_changed = true,
        }
        Ok(())
    }

    /// Puts the copy in its place; `None` if there is no need to, because nothing changed.
    fn end_group(&mut self, copying: Copying) -> Result<Option<Unfinished>, Failure> {
        let aborted = self.transactions.take_kept();
        if !copying.is_changed {
            return Ok(None);
        }
        let disk = self.core.world.disk();
        let segment = copying.target.finish(disk, &aborted)?;
        match swap(&self.core, &self.partition, &copying.sources, segment)? {
            Swapped::Done(unfinished) => Ok(Some(unfinished)),
            Swapped::Outdated => Err(Failure::Outdated),
        }
    }

    /// Removes what is half made.
    pub(super) fn abandon(self) {
        if let Phase::Copy { copying: Some(copying), .. } = self.phase {
            let base = copying.target.base;
            drop(copying);
            discard(self.core.world.disk(), &self.partition.folder, base);
        }
    }
}

/// What each producer wrote last that is still known.
fn last_of_producers(partition: &PartitionState) -> BTreeMap<i64, LastOfProducer> {
    let guard = partition.writer();
    let Some(writer) = guard.as_ref() else { return BTreeMap::new() };
    let known = writer.producers.known();
    known
        .map(|(id, producer)| {
            let last_offset = producer.batches().last().map(|batch| batch.last_offset);
            (id, LastOfProducer { epoch: producer.epoch, last_offset })
        })
        .collect()
}
