//! Moving what lies in the write-ahead file into the segments.
//!
//! It is done in large pieces by a thread of its own with a buffer of its own, some files at a time: their pending bytes are
//! written without holding the partitions, all are synced in one pass, and only then are the bytes given up in memory
//! and in the write-ahead file. It begins when that file is half full, and once a mark period for all that is
//! older, so that an idle log has nothing pending.
//!
//! A disk that is full, or a file that fails, loses nothing: the bytes stay pending and can be read. Full, it is tried
//! again a little later, and appends to the partition go straight to its segment, where they are refused until there
//! is room. Failed, the partition is fenced; its bytes are written when it is reopened, or when the log is opened again.
//!
//! Whoever needs a partition's file for itself calls [`WriteBack::recall`] first, and whoever needs room calls
//! [`WriteBack::advance`]: they do the work themselves where nothing runs beside them, as in a simulation.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_world::{AlignedBuffer, Driver, File, Moment, Step, Wake, World};

use crate::backlog::{Job, JobDone, run_job};
use crate::limits::{WRITE_BACK_BUFFER_BYTES, WRITE_BACK_BYTES, WRITE_BACK_FILES};
use crate::place::Failure;
use crate::state::{Condition, PartitionState};
use crate::tail::TailBudget;
use crate::wal::Wal;

/// How long after a full disk or a failed making of the file the next attempt waits.
const RETRY: Duration = Duration::from_millis(200);

pub(crate) struct WriteBack {
    world: World,
    dir: PathBuf,
    wal: Arc<Wal>,
    tails: Arc<Mutex<TailBudget>>,
    wake: Wake,
    /// Entries below this are to be written back.
    asked: AtomicU64,
    /// Somebody wants the write-ahead file.
    is_wanted: AtomicBool,
    work: Mutex<Work>,
}

struct Work {
    buffer: AlignedBuffer,
    /// Written, not synced.
    away: Vec<Away>,
    retry_at: Option<Moment>,
    is_closed: bool,
}

/// A job and what became of it.
struct Away {
    partition: Arc<PartitionState>,
    job: Job,
    done: Result<JobDone, Failure>,
}

impl WriteBack {
    pub(crate) fn new(
        world: World,
        dir: PathBuf,
        wal: Arc<Wal>,
        tails: Arc<Mutex<TailBudget>>,
    ) -> Self {
        let work = Work {
            buffer: AlignedBuffer::with_capacity(WRITE_BACK_BUFFER_BYTES),
            away: Vec::new(),
            retry_at: None,
            is_closed: false,
        };
        Self {
            world,
            dir,
            wal,
            tails,
            wake: Wake::new(),
            asked: AtomicU64::new(0),
            is_wanted: AtomicBool::new(false),
            work: Mutex::new(work),
        }
    }

    /// What wakes its driver.
    pub(crate) fn wake(&self) -> Wake {
        self.wake.clone()
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has entries below `sequence` written back soon.
    pub(crate) fn ask(&self, sequence: u64) {
        if self.asked.fetch_max(sequence, Ordering::AcqRel) < sequence {
            self.wake.notify();
        }
    }

    /// Has the write-ahead file made soon.
    pub(crate) fn want_file(&self) {
        if !self.is_wanted.swap(true, Ordering::AcqRel) {
            self.wake.notify();
        }
    }

    /// Ends what is under way for a partition, so that nobody else writes its segment.
    pub(crate) fn recall(&self, partition: &PartitionState) {
        let mut work = self.work();
        if work.away.iter().any(|away| away.partition.number == partition.number) {
            self.finish(&mut work);
        }
    }

    /// Writes some of the oldest pending bytes back; `false` when nothing could be.
    pub(crate) fn advance(&self) -> bool {
        let mut work = self.work();
        if work.away.is_empty() {
            self.begin(&mut work, u64::MAX);
        }
        self.finish(&mut work)
    }

    /// Makes the write-ahead file ready if it can be.
    pub(crate) fn make_ready(&self) -> bool {
        let mut work = self.work();
        self.make_file(&mut work);
        while self.wal.ring().is_broken() && self.mend(&mut work) {}
        self.wal.ring().is_ready()
    }

    /// Writes everything back that can be, and forgets all entries if that was everything. The driver ends.
    pub(crate) fn close(&self) {
        while self.advance() {}
        self.work().is_closed = true;
        self.wake.notify();
        if let Err(error) = self.wal.ring().reset() {
            tracing::warn!("the write-ahead file cannot be reset: {error}");
        }
    }

    /// The driver ends; nothing more is written.
    pub(crate) fn abandon(&self) {
        self.work().is_closed = true;
        self.wake.notify();
    }

    fn step(&self) -> Step {
        let mut work = self.work();
        if work.is_closed {
            return Step::Done;
        }
        if !work.away.is_empty() {
            self.finish(&mut work);
            return Step::Again;
        }
        let now = self.world.clock().now();
        if let Some(retry_at) = work.retry_at.filter(|at| *at > now) {
            return Step::Until(retry_at);
        }
        work.retry_at = None;
        if self.is_wanted.swap(false, Ordering::AcqRel) {
            self.make_file(&mut work);
        }
        let mended = self.wal.ring().is_broken() && self.mend(&mut work);
        if mended || self.begin(&mut work, self.asked.load(Ordering::Acquire)) {
            return Step::Again;
        }
        work.retry_at.map_or(Step::Idle, Step::Until)
    }

    fn retry_later(&self, work: &mut Work) {
        work.retry_at = Some(self.world.clock().now().after(RETRY));
    }

    fn make_file(&self, work: &mut Work) {
        let site = {
            let ring = self.wal.ring();
            if !ring.is_missing() {
                return;
            }
            ring.site()
        };
        match site.make() {
            Ok((file, salt)) => self.wal.ring().install(file, salt),
            Err(error) => {
                tracing::warn!("the write-ahead file cannot be made: {error}");
                self.retry_later(work);
            }
        }
    }

    /// After a failed write or sync of the write-ahead file: settles everything else and begins it anew. Returns
    /// whether it got further.
    fn mend(&self, work: &mut Work) -> bool {
        if self.begin(work, u64::MAX) {
            return self.finish(work);
        }
        let reset = self.wal.ring().reset();
        match reset {
            Ok(true) => return true,
            Ok(false) => {}
            Err(error) => tracing::warn!("the write-ahead file cannot be begun anew: {error}"),
        }
        self.retry_later(work);
        false
    }

    /// Writes the pending bytes of the partitions with the oldest, those in entries below `sequence`.
    fn begin(&self, work: &mut Work, sequence: u64) -> bool {
        let Ok((unsettled, synced)) = self.wal.ring().unsettled() else {
            self.retry_later(work);
            return false;
        };
        let mut bytes = 0;
        for partition in unsettled {
            let enough = work.away.len() >= WRITE_BACK_FILES || bytes >= WRITE_BACK_BYTES;
            if enough || partition.wal_from() >= sequence {
                break;
            }
            let job = partition.writer().as_mut().and_then(|writer| writer.begin_job(synced));
            let Some(job) = job else { continue };
            bytes += job.bytes();
            let done = run_job(self.world.disk(), &mut work.buffer, &job)
                .map_err(|error| Failure::of_write(&error));
            work.away.push(Away { partition, job, done });
        }
        !work.away.is_empty()
    }

    /// Syncs what was written and gives it up in memory; `false` when nothing was.
    fn finish(&self, work: &mut Work) -> bool {
        let Work { buffer, away, .. } = work;
        let synced = {
            let done = away.iter().filter_map(|away| away.done.as_ref().ok());
            let files: Vec<&dyn File> = done.map(|done| &*done.file).collect();
            self.world.disk().sync_many(&self.dir, &files)
        };
        if synced.is_err() {
            // Which of them it was shows when each is written once more and synced alone.
            for away in away.iter_mut().filter(|away| away.done.is_ok()) {
                away.done = self.write_alone(buffer, &away.job);
            }
        }
        let mut any = false;
        let mut is_full = false;
        for away in std::mem::take(&mut work.away) {
            any |= away.done.is_ok();
            is_full |= matches!(away.done, Err(Failure::Full));
            self.end(away);
        }
        if is_full {
            self.retry_later(work);
        }
        any
    }

    fn write_alone(&self, buffer: &mut AlignedBuffer, job: &Job) -> Result<JobDone, Failure> {
        let done = run_job(self.world.disk(), buffer, job);
        let done = done.map_err(|error| Failure::of_write(&error))?;
        done.file.sync_data().map_err(|error| Failure::of_sync(&error))?;
        Ok(done)
    }

    fn end(&self, Away { partition, job, done }: Away) {
        let broken = match &done {
            Err(Failure::Broken(reason)) => Some(reason.clone()),
            _ => None,
        };
        let landed = done.is_ok();
        let mut guard = partition.writer();
        if let Some(writer) = guard.as_mut() {
            writer.end_job(&job, done);
        }
        partition.note_wal(guard.as_ref());
        drop(guard);
        if landed {
            let mut tails = self.tails.lock().unwrap_or_else(PoisonError::into_inner);
            tails.release(&partition.tail, job.next_offset());
        }
        if let Some(reason) = broken {
            tracing::error!("partition {} is fenced: {reason}", partition.name);
            partition.stop(Condition::Fenced(reason.into()));
        }
    }
}

/// Steps the write-back on a thread.
pub(crate) struct WriteBackDriver(pub(crate) Arc<WriteBack>);

impl Driver for WriteBackDriver {
    fn step(&mut self) -> Step {
        self.0.step()
    }
}
