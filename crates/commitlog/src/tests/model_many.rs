//! Rounds over many partitions against a plain model, on a disk that fails: the write-ahead file, its replay and reuse, the
//! write-back, and appends to several partitions as one.
//!
//! 1. offsets follow one another, and batches keep the order in which they were sent;
//! 2. what was answered as synced is there, at its offset, after any crash; what was refused never is;
//! 3. of an append to several partitions all parts are there or none, whatever happens;
//! 4. what a reader of a synced topic has seen stays, and is the same before and after it is written back;
//! 5. once the disk is well again, everything works again.
//!
//! `MODEL_SEEDS=100000 cargo test -p tidemill-commitlog model_many` searches for longer.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use tidemill_world::sim::Simulation;

use super::model::{read_all, search};
use super::{Answer, batch, config, submit, take};
use crate::{
    Acks, AppendError, Appended, Durability, Log, LogConfig, OpenError, Part, Partition,
    TopicConfig,
};

/// Partitions: the last two are those of a topic that promises the write only.
const PARTITIONS: usize = 7;
const WRITTEN: usize = 2;

#[derive(Clone, Debug)]
enum Action {
    /// A batch of so many bytes to each partition whose bit is set.
    Burst {
        partitions: u8,
        bytes: usize,
        acks: Acks,
    },
    /// The same as one.
    All {
        partitions: u8,
        bytes: usize,
    },
    Step(u8),
    RunUntilIdle,
    Check {
        bytes_max: usize,
    },
    Advance {
        ms: u64,
    },
    Reopen,
    Restart,
    Crash,
    DieAfter(u64),
    FailWrite(&'static str),
    FailSync(&'static str),
    Fill {
        left: u64,
    },
    Free,
}

const FAULTS: [&str; 5] = ["", ".log", "ring", "checkpoint", "snapshot"];

fn action() -> impl Strategy<Value = Action> {
    let acks = prop_oneof![4 => Just(Acks::Synced), 1 => Just(Acks::Written)];
    let sizes = || prop_oneof![6 => Just(20usize), 3 => Just(900), 1 => Just(5000)];
    prop_oneof![
        30 => (any::<u8>(), sizes(), acks)
            .prop_map(|(partitions, bytes, acks)| Action::Burst { partitions, bytes, acks }),
        12 => (any::<u8>(), sizes())
            .prop_map(|(partitions, bytes)| Action::All { partitions, bytes }),
        16 => (1..6u8).prop_map(Action::Step),
        6 => Just(Action::RunUntilIdle),
        6 => prop_oneof![Just(1usize), Just(2000), Just(100_000)]
            .prop_map(|bytes_max| Action::Check { bytes_max }),
        4 => (1..300u64).prop_map(|ms| Action::Advance { ms }),
        3 => Just(Action::Reopen),
        1 => Just(Action::Restart),
        3 => Just(Action::Crash),
        3 => (0..60u64).prop_map(Action::DieAfter),
        2 => prop::sample::select(&FAULTS[..]).prop_map(Action::FailWrite),
        2 => prop::sample::select(&FAULTS[..]).prop_map(Action::FailSync),
        1 => (0..40_000u64).prop_map(|left| Action::Fill { left }),
        2 => Just(Action::Free),
    ]
}

struct Sent {
    id: u64,
    acks: Acks,
    answer: Answer,
    crashed: bool,
}

type AllAnswer = Arc<Mutex<Option<Result<Vec<Appended>, AppendError>>>>;

struct SentAll {
    id: u64,
    partitions: Vec<usize>,
    answer: AllAnswer,
}

struct Run {
    simulation: Simulation,
    log: Option<Log>,
    sent: [Vec<Sent>; PARTITIONS],
    sets: Vec<SentAll>,
    /// Base offset and id of what readers saw.
    seen: [Vec<(i64, u64)>; PARTITIONS],
    next_id: u64,
}

fn small() -> LogConfig {
    LogConfig { tail_cache_bytes: 4 << 10, ..config() }
}

fn bits(partitions: u8) -> impl Iterator<Item = usize> {
    (0..PARTITIONS).filter(move |at| partitions & (1 << at) != 0)
}

impl Run {
    fn new(seed: u64) -> Self {
        let simulation = Simulation::new(seed);
        let log = Log::open(simulation.world(), small()).unwrap();
        let count = |count: usize| i32::try_from(count).unwrap();
        let synced = TopicConfig {
            retention_ms: None,
            segment_bytes: Some(8 << 10),
            ..TopicConfig::with_partitions(count(PARTITIONS - WRITTEN))
        };
        let written = TopicConfig {
            durability: Durability::Written,
            partitions: count(WRITTEN),
            ..synced.clone()
        };
        log.create_topic("synced", synced).unwrap();
        log.create_topic("written", written).unwrap();
        let (sent, seen) = Default::default();
        Self { simulation, log: Some(log), sent, sets: Vec::new(), seen, next_id: 1 }
    }

    fn partition(&self, at: usize) -> Option<Partition> {
        let log = self.log.as_ref()?;
        let index = |at: usize| i32::try_from(at).unwrap();
        match at.checked_sub(PARTITIONS - WRITTEN) {
            None => log.partition("synced", index(at)),
            Some(at) => log.partition("written", index(at)),
        }
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Burst { partitions, bytes, acks } => self.burst(partitions, bytes, acks),
            Action::All { partitions, bytes } => self.append_all(partitions, bytes),
            Action::Step(count) => (0..count).for_each(|_| {
                self.simulation.step();
            }),
            Action::RunUntilIdle => {
                self.simulation.run_until_idle(1_000);
            }
            Action::Check { bytes_max } => self.check(bytes_max),
            Action::Advance { ms } => {
                self.simulation.clock().advance(std::time::Duration::from_millis(ms));
            }
            Action::Reopen => self.reopen(),
            Action::Restart => self.restart(),
            Action::Crash => self.crash(),
            Action::DieAfter(changes) => self.simulation.disk().die_after(changes),
            Action::FailWrite(part) => self.simulation.disk().fail_next_write(part),
            Action::FailSync(part) => self.simulation.disk().fail_next_sync(part),
            Action::Fill { left } => {
                let disk = self.simulation.disk();
                disk.set_capacity(disk.used_bytes() + left);
            }
            Action::Free => self.simulation.disk().set_capacity(u64::MAX),
        }
        if self.simulation.disk().is_down() {
            self.crash();
        }
    }

    fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn burst(&mut self, partitions: u8, bytes: usize, acks: Acks) {
        for at in bits(partitions) {
            let Some(partition) = self.partition(at) else { continue };
            let id = self.next_id();
            let answer = submit(&partition, batch(id, 1, bytes), acks);
            self.sent[at].push(Sent { id, acks, answer, crashed: false });
        }
    }

    fn append_all(&mut self, partitions: u8, bytes: usize) {
        let Some(log) = self.log.clone() else { return };
        let id = self.next_id();
        let partitions: Vec<usize> = bits(partitions).collect();
        let part = |at: &usize| (self.partition(*at).unwrap(), Part::Batches(batch(id, 1, bytes)));
        let parts = partitions.iter().map(part).collect();
        let answer = AllAnswer::default();
        let slot = Arc::clone(&answer);
        log.append_all(parts, move |result| {
            assert!(slot.lock().unwrap().replace(result).is_none(), "answered twice");
        });
        self.sets.push(SentAll { id, partitions, answer });
    }

    fn reopen(&mut self) {
        for at in 0..PARTITIONS {
            if let Some(partition) = self.partition(at) {
                // It may fail again; then it is tried again some day.
                drop(partition.reopen());
            }
        }
    }

    fn restart(&mut self) {
        let Some(log) = self.log.take() else { return };
        let unclean = log.close().is_err();
        drop(log);
        if unclean {
            self.forget_promises_of_a_process();
        }
        self.open();
    }

    fn crash(&mut self) {
        self.simulation.crash();
        std::mem::forget(self.log.take());
        self.forget_promises_of_a_process();
        self.open();
    }

    fn forget_promises_of_a_process(&mut self) {
        self.sent.iter_mut().flatten().for_each(|sent| sent.crashed = true);
        self.seen[PARTITIONS - WRITTEN..].iter_mut().for_each(Vec::clear);
    }

    fn open(&mut self) {
        for attempt in 0..6 {
            match Log::open(self.simulation.world(), small()) {
                Ok(log) => {
                    self.log = Some(log);
                    return;
                }
                Err(OpenError::Io { .. }) if attempt < 5 => {}
                Err(error) => panic!("the log does not open: {error}"),
            }
            if self.simulation.disk().is_down() {
                self.simulation.crash();
            }
            self.simulation.disk().set_capacity(u64::MAX);
        }
    }

    fn check(&mut self, bytes_max: usize) {
        let mut all = Vec::new();
        for at in 0..PARTITIONS {
            let Some(partition) = self.partition(at) else { return };
            let found = read_all(&partition, bytes_max);
            let mut next = 0;
            for (base, _, records) in &found {
                assert_eq!(*base, next, "a gap in the offsets of partition {at}");
                next = base + i64::from(*records);
            }
            let ids: Vec<u64> = found.iter().map(|batch| batch.1).collect();
            assert!(ids.is_sorted_by(|a, b| a < b), "batches of {at} changed places: {ids:?}");
            let found: Vec<(i64, u64)> = found.iter().map(|batch| (batch.0, batch.1)).collect();
            for seen in &self.seen[at] {
                assert!(found.contains(seen), "{seen:?} of {at} was seen and is gone");
            }
            let is_synced = at < PARTITIONS - WRITTEN;
            self.sent[at].iter().for_each(|sent| sent.check(is_synced, &found));
            self.seen[at].clone_from(&found);
            all.push(found);
        }
        self.sets.iter().for_each(|set| set.check(&all));
    }
}

impl Sent {
    fn check(&self, is_synced: bool, found: &[(i64, u64)]) {
        let there = found.iter().find(|batch| batch.1 == self.id);
        match take(&self.answer) {
            Some(Ok(appended)) => {
                let durable = is_synced && self.acks == Acks::Synced;
                assert!(!durable || there.is_some(), "batch {} was confirmed and is gone", self.id);
                let moved = there.is_some_and(|batch| batch.0 != appended.base_offset);
                assert!(!moved || (self.crashed && !durable), "batch {} moved", self.id);
            }
            Some(Err(AppendError::Fenced { .. } | AppendError::Closed)) | None => {}
            Some(Err(refused)) => {
                assert!(there.is_none(), "refused ({refused}), yet there: {}", self.id);
            }
        }
    }
}

impl SentAll {
    fn check(&self, all: &[Vec<(i64, u64)>]) {
        let Self { id, partitions, answer } = self;
        let places: Vec<Option<i64>> = partitions
            .iter()
            .map(|at| all[*at].iter().find(|batch| batch.1 == *id).map(|batch| batch.0))
            .collect();
        let there = places.iter().flatten().count();
        assert!(there == 0 || there == places.len(), "set {id} is there in part: {places:?}");
        match answer.lock().unwrap().as_ref() {
            Some(Ok(appended)) => {
                let told: Vec<Option<i64>> =
                    appended.iter().map(|appended| Some(appended.base_offset)).collect();
                assert_eq!(places, told, "set {id} was confirmed");
            }
            Some(Err(AppendError::Fenced { .. } | AppendError::Closed)) | None => {}
            Some(Err(refused)) => assert_eq!(there, 0, "set {id} was refused: {refused}"),
        }
    }
}

proptest! {
    #![proptest_config(search(100))]

    #[test]
    fn many_partitions_keep_their_promises(
        seed: u64,
        actions in prop::collection::vec(action(), 1..100),
    ) {
        let mut run = Run::new(seed);
        for action in &actions {
            run.act(action);
        }
        // At the end the machine is well again and loses power once more.
        run.simulation.disk().set_capacity(u64::MAX);
        run.simulation.run_until_idle(10_000);
        if run.simulation.disk().is_down() {
            run.crash();
        }
        run.check(5_000);
        run.crash();
        run.check(5_000);
        // It still works.
        run.append_all(0xff, 100);
        run.burst(0xff, 100, Acks::Synced);
        run.simulation.run_until_idle(10_000);
        run.check(1);
        let sets = run.sets.last().and_then(|set| set.answer.lock().unwrap().clone());
        prop_assert!(matches!(sets, Some(Ok(_))), "the last set: {sets:?}");
        for sent in &run.sent {
            let last = sent.last().and_then(|sent| take(&sent.answer));
            prop_assert!(matches!(last, Some(Ok(_))), "the last append: {last:?}");
        }
        run.restart();
        run.check(100_000);
        std::mem::forget(run.log.take());
    }
}
