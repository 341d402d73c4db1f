//! The part of a round that goes to the shared write-ahead file.
//!
//! The partitions *stage* their appends, which gives them offsets and places; one entry with all of it is written and, unless
//! every one of the topics promises the write only, synced; then the bytes are *accepted* as pending and published. They are
//! moved to the segments by the write-back. Without room for the entry the writer helps the write-back, and where that
//! gets nowhere either (a full disk) the partitions are written one by one.

use super::sets::Refused;
use super::{Group, Way, Writer};
use crate::backlog::Place;
use crate::limits::{SHARED_FROM, SHARED_GROUP_BYTES_MAX};
use crate::place::Failure;
use crate::queue::Submit;
use crate::wal::PART_HEAD_BYTES;

impl Writer {
    /// The partitions of the round, each with the way it goes. Sets that cannot be done are refused here.
    pub(super) fn choose(&mut self) -> Vec<Group> {
        loop {
            self.refuse_sets();
            let mut groups = self.groups();
            let mut refused = self.choose_ways(&mut groups);
            if refused.is_empty() {
                refused = self.ready_sets(&groups);
            }
            if refused.is_empty() {
                return groups;
            }
            self.drop_sets(&refused);
        }
    }

    fn choose_ways(&mut self, groups: &mut [Group]) -> Refused {
        let is_small = |group: &Group| group.has_set || group.bytes <= SHARED_GROUP_BYTES_MAX;
        let has_sets = groups.iter().any(|group| group.has_set);
        let small = || groups.iter().filter(|group| is_small(group));
        // Alone, what is not synced is shared all the same: going to and fro would cost a sync each time.
        let is_worth = small().count() >= SHARED_FROM || small().any(Group::is_written_only);
        if !has_sets && !is_worth {
            return Refused::new();
        }
        let bytes_max = self.core.config.wal_bytes / 4;
        let mut bytes = 0;
        for group in groups.iter_mut() {
            let needed = (group.bytes + PART_HEAD_BYTES) as u64;
            let fits = bytes + needed <= bytes_max && !group.partition.is_stuck();
            if group.has_set || (fits && is_small(group)) {
                group.way = Way::Shared(None);
                bytes += needed;
            }
        }
        if self.has_room(bytes, has_sets) {
            return Refused::new();
        }
        self.go_direct(groups)
    }

    /// There is no room for the entry: what may goes direct, and sets are refused unless there is room for them.
    fn go_direct(&mut self, groups: &mut [Group]) -> Refused {
        let mut bytes = 0;
        for group in groups.iter_mut() {
            if group.has_set {
                bytes += (group.bytes + PART_HEAD_BYTES) as u64;
            } else {
                group.way = Way::Direct;
            }
        }
        let mut refused = Refused::new();
        if bytes > 0 && !self.has_room(bytes, true) {
            for group in groups.iter().filter(|group| group.has_set) {
                let error = self.error_of(&group.partition, &Failure::Full);
                self.refuse_parts(group, &error, &mut refused);
            }
        }
        refused
    }

    /// Sees to room for an entry with such a body. The first such round has the file made; only one that cannot do
    /// without waits for that.
    fn has_room(&mut self, body_bytes: u64, must: bool) -> bool {
        let (wal, write_back) = (&self.core.wal, &self.core.write_back);
        if !wal.ring().is_ready() {
            write_back.want_file();
            if !must || !write_back.make_ready() {
                return false;
            }
        }
        loop {
            let mut ring = wal.ring();
            if ring.has_room(body_bytes) {
                return true;
            }
            if !ring.could_hold(body_bytes) {
                return false;
            }
            match ring.free(&mut self.buffer) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::error!("the write-ahead file failed: {error}");
                    return false;
                }
            }
            drop(ring);
            if !write_back.advance() {
                return false;
            }
        }
    }

    /// Places the groups that share the entry of the round.
    pub(super) fn share(&mut self, groups: &mut [Group]) {
        if !groups.iter().any(Group::is_shared) {
            return;
        }
        for group in groups.iter_mut().filter(|group| group.is_shared()) {
            self.stage(group);
        }
        self.fill_draft(groups);
        let sequence = match self.write_draft() {
            Ok(sequence) => sequence,
            Err(reason) => return self.fail_shared(groups, &reason, |_| true),
        };
        let mut must_sync = false;
        for group in groups.iter().filter(|group| group.is_staged()) {
            if group.is_written_only() {
                self.accept(group, sequence);
            } else {
                must_sync |= group.placed.written > 0;
            }
            self.answer_written(group);
        }
        // Bound first: the lock must not be held on.
        let synced = if must_sync { self.core.wal.ring().sync() } else { Ok(()) };
        if let Err(error) = synced {
            let reason = format!("sync of the write-ahead file failed: {error}");
            return self.fail_shared(groups, &reason, |group| !group.is_written_only());
        }
        for group in groups.iter().filter(|group| group.is_staged() && !group.is_written_only()) {
            self.accept(group, sequence);
            self.publish(group);
        }
        if self.core.wal.ring().is_half_full() {
            self.core.write_back.ask(sequence + 1);
        }
    }

    /// Gives a group's appends their offsets and places.
    fn stage(&mut self, group: &mut Group) {
        self.fill_pendings(group, usize::MAX);
        let mut jobs = std::mem::take(&mut self.pendings);
        let limits = self.core.segment_limits(&group.partition.topic.info().config);
        let staged = self.with_writer(group, |writer, tools| {
            if !group.has_set {
                writer.limits = limits;
                writer.ready_stage(tools, &jobs)?;
            }
            Ok(writer.stage(tools.now_ms, &mut jobs))
        });
        self.pendings = jobs;
        match staged {
            None if group.has_set => self.answer_gone(group),
            None => self.refuse_all(group),
            Some(Ok(place)) => {
                group.way = Way::Shared(Some(place));
                group.placed.written = self.pendings.len();
                self.take_back(group);
            }
            Some(Err(failure)) => {
                group.placed.failure = Some(failure);
                self.take_back(group);
            }
        }
    }

    /// The topic was deleted after the set was found good: it was appended and then deleted.
    fn answer_gone(&mut self, group: &Group) {
        self.pendings.clear();
        for submit in self.taken.iter_mut().skip(group.start).take(group.count) {
            submit.first_offset = group.partition.high_watermark();
            submit.base_offset = submit.first_offset;
            let appended = submit.appended();
            submit.answer(Ok(appended));
        }
    }

    fn fill_draft(&mut self, groups: &[Group]) {
        self.draft.clear();
        for group in groups {
            let Some(Place { segment, position }) = group.place() else { continue };
            let submits = self.taken.get(group.start..group.written_end()).unwrap_or_default();
            let bytes: usize = submits.iter().map(|submit| submit.bytes.len()).sum();
            if bytes > 0 {
                let key = (group.partition.topic.id, group.partition.index);
                self.draft.begin(key, segment, position, bytes);
                submits.iter().for_each(|submit| self.draft.push(submit.bytes.clone()));
            }
        }
    }

    fn write_draft(&mut self) -> Result<u64, String> {
        let mut ring = self.core.wal.ring();
        if self.draft.parts() == 0 {
            return Ok(ring.next_sequence());
        }
        let written = ring.write(&self.draft, &mut self.buffer);
        self.draft.clear();
        written.map_err(|error| format!("write to the write-ahead file failed: {error}"))
    }

    /// What was staged is in the entry: it is pending now.
    fn accept(&mut self, group: &Group, sequence: u64) {
        let submits = self.taken.get(group.start..group.written_end()).unwrap_or_default();
        let staged = submits.iter().filter(|submit| !submit.bytes.is_empty());
        let staged = staged
            .map(|submit: &Submit| (submit.bytes.clone(), submit.base_offset + submit.records));
        let mut guard = group.partition.writer();
        if let Some(writer) = guard.as_mut() {
            writer.accept(staged, sequence);
        }
        let is_new = group.partition.note_wal(guard.as_ref());
        drop(guard);
        if is_new {
            self.core.wal.ring().note_unsettled(group.partition.clone());
        }
    }

    /// Nothing is known of the entry: the partitions it concerns take no appends any more.
    fn fail_shared(
        &mut self,
        groups: &mut [Group],
        reason: &str,
        concerns: impl Fn(&Group) -> bool,
    ) {
        for group in groups.iter_mut().filter(|group| group.is_staged() && concerns(group)) {
            if let Some(writer) = group.partition.writer().as_mut() {
                writer.unstage();
            }
            let failure = Failure::Broken(reason.to_owned());
            group.placed.written = 0;
            self.core.fence_if_broken(&group.partition, &failure);
            self.refuse(group.start, &group.partition.clone(), &failure);
            group.placed.failure = Some(failure);
        }
        self.core.write_back.ask(u64::MAX);
    }
}

impl Group {
    fn place(&self) -> Option<Place> {
        match self.way {
            Way::Shared(place) => place,
            Way::Direct => None,
        }
    }

    fn is_staged(&self) -> bool {
        self.place().is_some()
    }
}
