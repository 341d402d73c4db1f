//! The same actions against the log and a plain model of it, on a disk that fails.
//!
//! The model remembers what was asked and what was answered. Whatever happens, these hold:
//!
//! 1. offsets follow one another without a gap, and batches keep the order in which they were sent;
//! 2. what was answered as synced is there, at its offset, after any crash;
//! 3. what a reader of a synced topic has seen stays;
//! 4. what was refused never appears; what was neither refused nor confirmed may or may not;
//! 5. a deleted topic does not come back, and one made anew inherits nothing;
//! 6. what a producer with an id sends again and again is there once, at the offset it was told;
//! 7. log start, and the high watermark without a crash, never go back.

use proptest::prelude::*;
use tidemill_world::sim::Simulation;

use super::model_producer::{ModelProducer, is_produced};
use super::{Answer, batch, config, submit, take};
use crate::batch::records;
use crate::{
    Acks, AppendError, Durability, Log, OpenError, Partition, ReadError, TopicConfig, TopicId,
};

#[derive(Clone, Debug)]
enum Action {
    Append {
        partition: i32,
        records: u32,
        bytes: usize,
        acks: Acks,
    },
    /// A new batch of the producer of the synced topic.
    Produce {
        records: u32,
        bytes: usize,
    },
    /// It sends again all that it has no answer for.
    Retry,
    Step(u8),
    RunUntilIdle,
    Read {
        bytes_max: usize,
    },
    Advance {
        ms: u64,
    },
    DeleteRecords {
        partition: i32,
        part: u8,
    },
    DeleteTopic {
        partition: i32,
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

/// What is broken: all files, or one kind.
const FAULTS: [&str; 5] = ["", ".log", "checkpoint", "index", "snapshot"];

fn action() -> impl Strategy<Value = Action> {
    let acks = prop_oneof![Just(Acks::Synced), Just(Acks::Written)];
    let append = (0..2, 1..5u32, prop_oneof![Just(20usize), Just(300), Just(3000)], acks).prop_map(
        |(partition, records, bytes, acks)| Action::Append { partition, records, bytes, acks },
    );
    prop_oneof![
        30 => append,
        12 => (1..5u32, prop_oneof![Just(20usize), Just(3000)])
            .prop_map(|(records, bytes)| Action::Produce { records, bytes }),
        6 => Just(Action::Retry),
        10 => (1..4u8).prop_map(Action::Step),
        8 => Just(Action::RunUntilIdle),
        8 => prop_oneof![Just(1usize), Just(2000), Just(100_000)]
            .prop_map(|bytes_max| Action::Read { bytes_max }),
        3 => (1..2000u64).prop_map(|ms| Action::Advance { ms }),
        1 => (0..2, any::<u8>())
            .prop_map(|(partition, part)| Action::DeleteRecords { partition, part }),
        1 => (0..2).prop_map(|partition| Action::DeleteTopic { partition }),
        2 => Just(Action::Reopen),
        1 => Just(Action::Restart),
        3 => Just(Action::Crash),
        2 => (0..30u64).prop_map(Action::DieAfter),
        1 => prop::sample::select(&FAULTS[..]).prop_map(Action::FailWrite),
        1 => prop::sample::select(&FAULTS[..]).prop_map(Action::FailSync),
        1 => (0..20_000u64).prop_map(|left| Action::Fill { left }),
        2 => Just(Action::Free),
    ]
}

/// One append that was sent.
struct Sent {
    id: u64,
    acks: Acks,
    records: u32,
    answer: Answer,
    /// Whether a crash came after it was sent.
    crashed: bool,
}

#[derive(Default)]
struct Model {
    sent: Vec<Sent>,
    /// Batches that a reader saw: base offset and id.
    seen: Vec<(i64, u64)>,
    log_start: i64,
    high_watermark: i64,
    epoch: i32,
    is_synced: bool,
    id: Option<TopicId>,
    is_deleted: bool,
}

struct Run {
    simulation: Simulation,
    log: Option<Log>,
    models: [Model; 2],
    producer: ModelProducer,
    next_id: u64,
}

/// The topic of partition 0 is synced, that of partition 1 promises only the write and forgets by size.
const TOPICS: [&str; 2] = ["synced", "written"];

impl Run {
    fn new(seed: u64) -> Self {
        let simulation = Simulation::new(seed);
        let log = Log::open(simulation.world(), config()).unwrap();
        let models = [Model::new(0), Model::new(1)];
        let producer = ModelProducer::default();
        let mut run = Self { simulation, log: Some(log), models, producer, next_id: 1 };
        run.make_topics();
        run
    }

    /// Makes the topics that are not there and forgets what was known of their predecessors. A fault may
    /// keep one from being made; then the next call tries again.
    fn make_topics(&mut self) {
        let Some(log) = &self.log else { return };
        let synced = TopicConfig { retention_ms: None, ..TopicConfig::default() };
        let written = TopicConfig {
            durability: Durability::Written,
            retention_bytes: Some(40 << 10),
            ..synced.clone()
        };
        for (index, config) in [synced, written].into_iter().enumerate() {
            let model = &mut self.models[index];
            let there = log.topic(TOPICS[index]).map(|topic| topic.id);
            assert!(!model.is_deleted || there != model.id, "a deleted topic came back");
            let there = there.or_else(|| Some(log.create_topic(TOPICS[index], config).ok()?.id));
            if there.is_some() && there != model.id {
                *model = Model { id: there, ..Model::new(index) };
                if index == 0 {
                    self.producer.forget_topic();
                }
            }
        }
    }

    fn partition(&self, index: i32) -> Option<Partition> {
        self.log.as_ref()?.partition(TOPICS[usize::try_from(index).unwrap()], 0)
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Append { partition, records, bytes, acks } => {
                self.append(partition, records, bytes, acks);
            }
            Action::Produce { records, bytes } => {
                if let (Some(log), Some(partition)) = (&self.log, self.partition(0)) {
                    self.producer.produce(log, &partition, records, bytes);
                }
            }
            Action::Retry => {
                if let Some(partition) = self.partition(0) {
                    self.producer.retry(&partition);
                }
            }
            Action::Step(count) => (0..count).for_each(|_| {
                self.simulation.step();
            }),
            Action::RunUntilIdle => {
                self.simulation.run_until_idle(1_000);
            }
            Action::Read { bytes_max } => self.check(bytes_max),
            Action::Advance { ms } => {
                self.simulation.clock().advance(std::time::Duration::from_millis(ms));
            }
            Action::DeleteRecords { partition, part } => self.delete_records(partition, part),
            Action::DeleteTopic { partition } => self.delete_topic(partition),
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
        self.crash_if_down();
        self.make_topics();
        self.crash_if_down();
    }

    fn crash_if_down(&mut self) {
        if self.simulation.disk().is_down() {
            self.crash();
            // A topic whose making was cut short may be there all the same.
            self.make_topics();
        }
    }

    fn append(&mut self, index: i32, records: u32, bytes: usize, acks: Acks) {
        let Some(partition) = self.partition(index) else { return };
        let id = self.next_id;
        self.next_id += 1;
        let answer = submit(&partition, batch(id, records, bytes), acks);
        let sent = Sent { id, acks, records, answer, crashed: false };
        self.models[usize::try_from(index).unwrap()].sent.push(sent);
    }

    fn delete_records(&mut self, index: i32, part: u8) {
        let Some(partition) = self.partition(index) else { return };
        let (start, end) = (partition.log_start_offset(), partition.high_watermark());
        let offset = start + (end - start) * i64::from(part) / 256;
        if partition.delete_records(offset).is_ok() {
            let model = &mut self.models[usize::try_from(index).unwrap()];
            model.log_start = model.log_start.max(offset);
        }
    }

    fn delete_topic(&mut self, index: i32) {
        let Some(log) = &self.log else { return };
        let index = usize::try_from(index).unwrap();
        if log.delete_topic(TOPICS[index]).is_ok() {
            self.models[index].is_deleted = true;
        }
    }

    fn reopen(&mut self) {
        for index in 0..2 {
            if let Some(partition) = self.partition(index) {
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
        // The dead process must not stop cleanly after its death.
        std::mem::forget(self.log.take());
        self.forget_promises_of_a_process();
        self.open();
    }

    /// What was only written may be gone.
    fn forget_promises_of_a_process(&mut self) {
        for model in &mut self.models {
            model.sent.iter_mut().for_each(|sent| sent.crashed = true);
            model.high_watermark = 0;
            if !model.is_synced {
                model.seen.clear();
            }
        }
    }

    /// Opens the log; a fault that is armed may hit the first attempts, a full disk all until it is freed.
    fn open(&mut self) {
        for attempt in 0..6 {
            match Log::open(self.simulation.world(), config()) {
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
        for index in 0..2 {
            if let Some(partition) = self.partition(index) {
                let found =
                    self.models[usize::try_from(index).unwrap()].check(&partition, bytes_max);
                if index == 0 {
                    self.producer.check(partition.log_start_offset(), &found);
                }
            }
        }
    }
}

/// All batches from the log's start to the high watermark: base offset, id, number of records.
pub(super) fn read_all(partition: &Partition, bytes_max: usize) -> Vec<(i64, u64, u32)> {
    let mut found = Vec::new();
    let mut offset = partition.log_start_offset();
    while offset < partition.high_watermark() {
        let read = partition.read(offset, bytes_max).unwrap_or_else(|error| panic!("{error}"));
        assert!(!read.is_empty() && read.next_offset > offset);
        let mut count = 0;
        for batch in read.batches() {
            let records = records(&batch).unwrap();
            let mut id = None;
            for (at, record) in records.iter().enumerate() {
                let record = record.unwrap();
                let (head, rest) = record.value.unwrap().split_first_chunk::<8>().unwrap();
                assert_eq!(rest[..4], u32::try_from(at).unwrap().to_be_bytes());
                assert_eq!(*id.get_or_insert(u64::from_be_bytes(*head)), u64::from_be_bytes(*head));
            }
            let header = records.header();
            found.push((
                header.base_offset,
                id.unwrap(),
                u32::try_from(header.record_count).unwrap(),
            ));
            count += batch.len();
        }
        assert_eq!(count, read.bytes());
        offset = read.next_offset;
    }
    found
}

impl Model {
    fn new(index: usize) -> Self {
        Self { is_synced: index == 0, ..Self::default() }
    }

    fn check(&mut self, partition: &Partition, bytes_max: usize) -> Vec<(i64, u64, u32)> {
        let start = partition.log_start_offset();
        assert!(start >= self.log_start, "the log start went back from {}", self.log_start);
        assert!(partition.high_watermark() >= self.high_watermark, "the high watermark went back");
        assert!(partition.leader_epoch() >= self.epoch, "the leader epoch went back");
        self.log_start = start;
        self.high_watermark = partition.high_watermark();
        self.epoch = partition.leader_epoch();
        let found = match partition.read(start, 1) {
            Err(ReadError::Corrupt(corruption)) => panic!("nothing was flipped: {corruption}"),
            _ => read_all(partition, bytes_max),
        };
        for pair in found.windows(2) {
            assert_eq!(pair[0].0 + i64::from(pair[0].2), pair[1].0, "a gap in the offsets");
        }
        // A batch that is sent again may come after later ones of others.
        for produced in [false, true] {
            let ids = found.iter().map(|batch| batch.1).filter(|id| is_produced(*id) == produced);
            assert!(ids.is_sorted_by(|a, b| a < b), "batches changed places or came twice");
        }
        if let Some(last) = found.last() {
            assert_eq!(last.0 + i64::from(last.2), partition.high_watermark());
        }
        let has = |base: i64, id: u64| found.iter().any(|batch| (batch.0, batch.1) == (base, id));
        for (base, id) in self.seen.iter().filter(|(base, _)| *base >= start) {
            assert!(has(*base, *id), "batch {id} at {base} was seen and is gone");
        }
        self.sent.iter().for_each(|sent| sent.check(self.is_synced, start, &found));
        self.seen = found.iter().map(|batch| (batch.0, batch.1)).collect();
        found
    }
}

impl Sent {
    fn check(&self, is_synced: bool, start: i64, found: &[(i64, u64, u32)]) {
        let Self { id, records, .. } = self;
        let there = found.iter().find(|batch| batch.1 == *id);
        match take(&self.answer) {
            Some(Ok(appended)) => {
                let length = appended.last_offset - appended.base_offset + 1;
                assert_eq!(length, i64::from(*records));
                let durable = is_synced && self.acks == Acks::Synced;
                // Without a crash what was written is there too, but not below the watermark yet.
                let promised = durable && appended.base_offset >= start;
                assert!(!promised || there.is_some(), "batch {id} was confirmed and is gone");
                let moved = there.is_some_and(|batch| batch.0 != appended.base_offset);
                assert!(!moved || (self.crashed && !durable), "batch {id} changed its offset");
            }
            Some(Err(AppendError::Fenced { .. } | AppendError::Closed)) | None => {}
            Some(Err(refused)) => assert!(there.is_none(), "refused ({refused}), yet there: {id}"),
        }
    }
}

/// So many runs, or what `MODEL_SEEDS` says for a longer search.
pub(super) fn search(cases: u32) -> ProptestConfig {
    let wanted = std::env::var("MODEL_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let cases = wanted.unwrap_or(cases);
    ProptestConfig { failure_persistence: None, cases, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(search(300))]

    #[test]
    fn the_log_keeps_its_promises(seed: u64, actions in prop::collection::vec(action(), 1..120)) {
        let mut run = Run::new(seed);
        for action in &actions {
            run.act(action);
        }
        // At the end the machine is well again and loses power once more.
        run.simulation.disk().set_capacity(u64::MAX);
        run.simulation.run_until_idle(10_000);
        run.crash_if_down();
        run.check(5_000);
        run.crash();
        run.make_topics();
        run.check(5_000);
        // It still works.
        for index in 0..2 {
            run.append(index, 2, 100, Acks::Synced);
        }
        run.simulation.run_until_idle(10_000);
        for _ in 0..2 {
            run.act(&Action::Retry);
            run.simulation.run_until_idle(10_000);
        }
        run.check(1);
        run.producer.check_all_confirmed();
        for model in &run.models {
            let last = model.sent.last().and_then(|sent| take(&sent.answer));
            prop_assert!(matches!(last, Some(Ok(_))), "the last append: {:?}", last);
        }
        std::mem::forget(run.log.take());
    }
}
