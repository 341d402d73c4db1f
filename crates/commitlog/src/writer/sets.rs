//! Appends to several partitions that are done all or not at all.
//!
//! All parts of a set fall into one round, and all of them into its one entry in the write-ahead file. Whether a part would be
//! refused is found out before anything is written.

use std::collections::BTreeMap;

use super::{Group, Writer, refused_order};
use crate::error::AppendError;
use crate::limits::APPEND_BYTES_MAX;
use crate::place::{Failure, PartitionWriter};
use crate::producers::Decision;
use crate::queue::Submit;

/// The sets that are refused, each with the reason.
pub(super) type Refused = BTreeMap<u64, AppendError>;

impl Writer {
    /// Leaves to the next round what would make the entry of a round with sets too long. A set is not parted.
    pub(super) fn limit_sets(&mut self) {
        if self.taken.iter().all(|submit| submit.set.is_none()) {
            return;
        }
        let (mut bytes, mut count) = (0, 0);
        for unit in self.taken.chunk_by(|a, b| a.set.is_some() && a.set == b.set) {
            bytes += unit.iter().map(|submit| submit.bytes.len()).sum::<usize>();
            if bytes > APPEND_BYTES_MAX && count > 0 {
                break;
            }
            count += unit.len();
        }
        let mut rest = self.taken.split_off(count);
        rest.append(&mut self.late);
        self.late = rest;
    }

    /// Refuses every part of the sets of which one part would be refused. Without them others may be refused too, so
    /// this is repeated until none is.
    pub(super) fn refuse_sets(&mut self) {
        while self.taken.iter().any(|submit| submit.set.is_some()) {
            let refused = self.refused_sets();
            if refused.is_empty() {
                return;
            }
            self.drop_sets(&refused);
        }
    }

    /// Answers all parts of these sets and takes them out of the round.
    pub(super) fn drop_sets(&mut self, refused: &Refused) {
        self.taken.retain_mut(|submit| {
            let Some(error) = submit.set.and_then(|set| refused.get(&set)) else { return true };
            submit.answer(Err(error.clone()));
            false
        });
    }

    /// The sets with a part that would be refused if the round went as it is, with the reason.
    fn refused_sets(&self) -> Refused {
        let mut refused = Refused::new();
        for same in self.taken.chunk_by(|a, b| a.partition.number == b.partition.number) {
            let now_ms = self.core.world.clock().wall_ms();
            let mut guard = same.first().map(|submit| submit.partition.writer());
            let mut writer = guard.as_mut().and_then(|guard| guard.as_mut());
            if let Some(writer) = &mut writer {
                writer.producers.commit();
            }
            let mut next_offset = writer.as_ref().map_or(0, |writer| writer.next_offset);
            for submit in same {
                let writer = writer.as_deref_mut();
                let decided = preview(submit, writer, &mut next_offset, now_ms);
                if let (Some(set), Err(error)) = (submit.set, decided) {
                    refused.entry(set).or_insert(error);
                }
            }
            if let Some(writer) = writer {
                writer.producers.rewind(writer.next_offset);
            }
        }
        refused
    }

    /// Readies the partitions of sets, so that nothing but the entry itself can fail; the sets for which that failed.
    pub(super) fn ready_sets(&mut self, groups: &[Group]) -> Refused {
        let mut refused = Refused::new();
        for group in groups.iter().filter(|group| group.has_set) {
            let Err(failure) = self.ready(group) else { continue };
            let error = match failure {
                Some(failure) => {
                    self.core.fence_if_broken(&group.partition, &failure);
                    self.error_of(&group.partition, &failure)
                }
                None => group.partition.check_append().err().unwrap_or(AppendError::Closed),
            };
            self.refuse_parts(group, &error, &mut refused);
        }
        refused
    }

    fn ready(&mut self, group: &Group) -> Result<(), Option<Failure>> {
        self.fill_pendings(group, usize::MAX);
        let mut jobs = std::mem::take(&mut self.pendings);
        let limits = self.core.segment_limits(&group.partition.topic.info().config);
        let ready = self.with_writer(group, |writer, tools| {
            writer.limits = limits;
            if writer.is_stuck() {
                writer.settle(tools)?;
            }
            writer.ready_stage(tools, &jobs)
        });
        let submits = self.taken.iter_mut().skip(group.start);
        submits.zip(jobs.drain(..)).for_each(|(submit, job)| submit.bytes = job.bytes);
        self.pendings = jobs;
        // A segment that was begun is there, whatever becomes of the set.
        self.publish_segments(group);
        ready.ok_or(None)?.map_err(Some)
    }

    /// Every set has this error that has a part in the group.
    pub(super) fn refuse_parts(&self, group: &Group, error: &AppendError, refused: &mut Refused) {
        let submits = self.taken.iter().skip(group.start).take(group.count);
        for set in submits.filter_map(|submit| submit.set) {
            refused.entry(set).or_insert_with(|| error.clone());
        }
    }
}

/// What would be decided on an append of which the first record gets `next_offset`.
fn preview(
    submit: &Submit,
    writer: Option<&mut PartitionWriter>,
    next_offset: &mut i64,
    now_ms: i64,
) -> Result<(), AppendError> {
    submit.partition.check_append()?;
    let producers = &mut writer.ok_or(AppendError::Closed)?.producers;
    let decision = match &submit.marker {
        Some(marker) => producers.end(marker, *next_offset, now_ms).map(|_| Decision::Append),
        None => producers.decide(&submit.bytes, *next_offset, now_ms),
    };
    let new = match decision.map_err(|error| refused_order(&submit.partition, error))? {
        Decision::Append => submit.records,
        Decision::AppendRest { records, .. } => submit.records - records,
        Decision::Duplicate { .. } => 0,
    };
    *next_offset += new;
    Ok(())
}
