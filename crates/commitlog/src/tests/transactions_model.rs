//! Transactions of several producers against a plain reckoning of them, on a disk that fails.
//!
//! The reckoning goes over every batch that was ever readable, from the first one on. From that alone it says where
//! readers of committed transactions stop, which transactions were aborted, what such a reader gets wherever it begins,
//! and what must be known of each producer; the log has to say the same, whatever happened to its files in between.
//! Beside that, whatever the log took in keeps the rules: epochs never fall, sequences have no gap, and nothing of a
//! producer lies beside its open transaction.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use tidemill_world::sim::Simulation;

use super::transactions::{end, marker, of_transaction};
use super::{Answer, batch, config, of_producer, submit, take};
use crate::batch::{BatchHeader, EndMarker, header};
use crate::{Acks, Log, OpenError, Partition, TopicConfig};

const PRODUCERS: usize = 4;

#[derive(Clone, Debug)]
enum Action {
    /// A producer's next batch.
    Data {
        producer: usize,
        records: u32,
        bytes: usize,
        is_transactional: bool,
    },
    /// A batch of nobody.
    Plain {
        bytes: usize,
    },
    End {
        producer: usize,
        commit: bool,
        raises: bool,
    },
    /// A marker of an epoch, or of a coordinator, that is over.
    StaleEnd {
        producer: usize,
        coordinator: bool,
    },
    Step(u8),
    RunUntilIdle,
    Check {
        part: u8,
        bytes_max: usize,
    },
    DeleteRecords {
        part: u8,
    },
    Reopen,
    Restart {
        loses_snapshots: bool,
    },
    Crash,
    DieAfter(u64),
    FailWrite(&'static str),
    FailSync(&'static str),
    Fill {
        left: u64,
    },
    Free,
}

const FAULTS: [&str; 5] = ["", ".log", "index", "snapshot", "txnindex"];

fn action() -> impl Strategy<Value = Action> {
    let size = || prop_oneof![Just(20usize), Just(300), Just(3000)];
    prop_oneof![
        30 => (0..PRODUCERS, 1..4u32, size(), prop::bool::weighted(0.9)).prop_map(
            |(producer, records, bytes, is_transactional)| {
                Action::Data { producer, records, bytes, is_transactional }
            },
        ),
        6 => size().prop_map(|bytes| Action::Plain { bytes }),
        14 => (0..PRODUCERS, any::<bool>(), any::<bool>())
            .prop_map(|(producer, commit, raises)| Action::End { producer, commit, raises }),
        2 => (0..PRODUCERS, any::<bool>())
            .prop_map(|(producer, coordinator)| Action::StaleEnd { producer, coordinator }),
        10 => (1..4u8).prop_map(Action::Step),
        10 => Just(Action::RunUntilIdle),
        8 => (any::<u8>(), prop_oneof![Just(1usize), Just(2_000), Just(100_000)])
            .prop_map(|(part, bytes_max)| Action::Check { part, bytes_max }),
        1 => any::<u8>().prop_map(|part| Action::DeleteRecords { part }),
        2 => Just(Action::Reopen),
        2 => any::<bool>().prop_map(|loses_snapshots| Action::Restart { loses_snapshots }),
        3 => Just(Action::Crash),
        2 => (0..30u64).prop_map(Action::DieAfter),
        1 => prop::sample::select(&FAULTS[..]).prop_map(Action::FailWrite),
        1 => prop::sample::select(&FAULTS[..]).prop_map(Action::FailSync),
        1 => (0..20_000u64).prop_map(|left| Action::Fill { left }),
        2 => Just(Action::Free),
    ]
}

/// A batch that was readable once.
#[derive(Clone, Debug)]
struct Seen {
    header: BatchHeader,
    marker: Option<EndMarker>,
}

/// A transaction that has ended.
#[derive(Clone, Copy, Debug)]
struct Ended {
    producer_id: i64,
    first: i64,
    last: i64,
    commit: bool,
}

/// What the batches say.
#[derive(Default)]
struct Reckoning {
    /// By producer: epoch, last sequence, coordinator's epoch.
    producers: BTreeMap<i64, (i16, i32, Option<i32>)>,
    open: BTreeMap<i64, i64>,
    ended: Vec<Ended>,
}

impl Reckoning {
    fn of(history: &[Seen]) -> Self {
        let mut reckoning = Self::default();
        history.iter().for_each(|seen| reckoning.take(seen));
        reckoning
    }

    fn take(&mut self, seen: &Seen) {
        let BatchHeader { producer_id: id, producer_epoch: epoch, .. } = seen.header;
        if id < 0 {
            return;
        }
        let offset = seen.header.base_offset;
        let known = self.producers.get(&id).copied();
        let (before, last, coordinator) = known.unwrap_or((epoch, -1, None));
        assert!(epoch >= before, "the epoch of {id} fell at {offset}");
        let last = if epoch == before { last } else { -1 };
        if let Some(marker) = seen.marker {
            assert!(Some(marker.coordinator_epoch) >= coordinator, "a coordinator that is over");
            self.producers.insert(id, (epoch, last, Some(marker.coordinator_epoch)));
            if let Some(first) = self.open.remove(&id) {
                let commit = marker.commit;
                self.ended.push(Ended { producer_id: id, first, last: offset, commit });
            }
            return;
        }
        let first_sequence = seen.header.base_sequence;
        assert!(known.is_none() || first_sequence == last + 1, "a gap of {id} at {offset}");
        let last = first_sequence + seen.header.last_offset_delta;
        self.producers.insert(id, (epoch, last, coordinator));
        if seen.header.is_transactional() {
            self.open.entry(id).or_insert(offset);
        } else {
            assert!(!self.open.contains_key(&id), "{id} wrote beside its transaction at {offset}");
        }
    }

    fn aborted_over(&self, offsets: std::ops::Range<i64>) -> Vec<(i64, i64)> {
        let aborted = self.ended.iter().filter(|ended| !ended.commit);
        let over = aborted.filter(|a| a.first < offsets.end && a.last >= offsets.start);
        over.map(|a| (a.producer_id, a.first)).collect()
    }

    fn is_aborted(&self, header: &BatchHeader) -> bool {
        let offset = header.base_offset;
        let mut ended = self.ended.iter();
        ended.any(|e| {
            !e.commit && e.producer_id == header.producer_id && (e.first..e.last).contains(&offset)
        })
    }
}

/// What a producer believes of itself.
#[derive(Clone, Copy, Default)]
struct Client {
    epoch: i16,
    next_sequence: i32,
}

struct Run {
    simulation: Simulation,
    log: Option<Log>,
    clients: [Client; PRODUCERS],
    history: Vec<Seen>,
    ends: Vec<(EndMarker, Answer)>,
    next_id: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let simulation = Simulation::new(seed);
        let log = Log::open(simulation.world(), config()).unwrap();
        // The markers are of now and the records of 1970.
        let topic =
            TopicConfig { retention_ms: None, segment_ms: 1 << 50, ..TopicConfig::default() };
        log.create_topic("t", topic).unwrap();
        let clients = [Client::default(); PRODUCERS];
        Self { simulation, log: Some(log), clients, history: vec![], ends: vec![], next_id: 1 }
    }

    fn partition(&self) -> Partition {
        self.log.as_ref().unwrap().partition("t", 0).unwrap()
    }

    fn act(&mut self, action: &Action) {
        let disk = self.simulation.disk();
        match *action {
            Action::Data { producer, records, bytes, is_transactional } => {
                self.send(producer, records, bytes, is_transactional);
            }
            Action::Plain { bytes } => {
                let plain = self.next_batch(1, bytes);
                drop(submit(&self.partition(), plain, Acks::Synced));
            }
            Action::End { producer, commit, raises } => self.end(producer, commit, raises),
            Action::StaleEnd { producer, coordinator } => {
                let epoch = self.clients[producer].epoch;
                let id = i64::try_from(producer).unwrap();
                let stale = match coordinator {
                    true => EndMarker { coordinator_epoch: 4, ..marker(id, epoch, false) },
                    false => marker(id, (epoch - 1).max(0), false),
                };
                self.ends.push((stale, end(&self.partition(), stale)));
            }
            Action::Step(count) => (0..count).for_each(|_| {
                self.simulation.step();
            }),
            Action::RunUntilIdle => {
                self.simulation.run_until_idle(1_000);
            }
            Action::Check { part, bytes_max } => self.check(part, bytes_max),
            Action::DeleteRecords { part } => self.delete_records(part),
            Action::Reopen => drop(self.partition().reopen()),
            Action::Restart { loses_snapshots } => self.restart(loses_snapshots),
            Action::Crash => self.crash(),
            Action::DieAfter(changes) => disk.die_after(changes),
            Action::FailWrite(part) => disk.fail_next_write(part),
            Action::FailSync(part) => disk.fail_next_sync(part),
            Action::Fill { left } => disk.set_capacity(disk.used_bytes() + left),
            Action::Free => disk.set_capacity(u64::MAX),
        }
        if self.simulation.disk().is_down() {
            self.crash();
        }
    }

    fn next_batch(&mut self, records: u32, bytes: usize) -> Bytes {
        self.next_id += 1;
        batch(self.next_id, records, bytes)
    }

    fn send(&mut self, producer: usize, records: u32, bytes: usize, is_transactional: bool) {
        let plain = self.next_batch(records, bytes);
        let Client { epoch, next_sequence } = self.clients[producer];
        let id = i64::try_from(producer).unwrap();
        let sent = match is_transactional {
            true => of_transaction(&plain, id, epoch, next_sequence),
            false => of_producer(&plain, id, epoch, next_sequence),
        };
        drop(submit(&self.partition(), sent, Acks::Synced));
        self.clients[producer].next_sequence += i32::try_from(records).unwrap();
    }

    fn end(&mut self, producer: usize, commit: bool, raises: bool) {
        let client = &mut self.clients[producer];
        if raises {
            *client = Client { epoch: client.epoch + 1, next_sequence: 0 };
        }
        let ended = EndMarker {
            coordinator_epoch: 5,
            transaction_version: if raises { 2 } else { 0 },
            ..marker(i64::try_from(producer).unwrap(), client.epoch, commit)
        };
        self.ends.push((ended, end(&self.partition(), ended)));
    }

    /// The clients go on from what the log knows, as after an error.
    fn agree(&mut self) {
        for info in self.partition().producers() {
            let producer = usize::try_from(info.producer_id).unwrap();
            let (epoch, next_sequence) = (info.producer_epoch, info.last_sequence + 1);
            self.clients[producer] = Client { epoch, next_sequence };
        }
    }

    fn delete_records(&mut self, part: u8) {
        // What is deleted must have been seen.
        self.check(0, 1 << 20);
        let partition = self.partition();
        let (start, end) = (partition.log_start_offset(), partition.high_watermark());
        drop(partition.delete_records(start + (end - start) * i64::from(part) / 256));
    }

    fn restart(&mut self, loses_snapshots: bool) {
        let has_all = self.partition().log_start_offset() == 0;
        let log = self.log.take().unwrap();
        drop(log.close());
        let world = log.world().clone();
        drop(log);
        // Without them everything is read off the batches, if all of those are there.
        if loses_snapshots && has_all {
            let folder = Path::new("/log/t-0");
            for entry in world.disk().list(folder).unwrap_or_default() {
                if entry.name.ends_with(".snapshot") {
                    drop(world.disk().remove_file(&folder.join(&entry.name)));
                }
            }
        }
        self.open();
    }

    fn crash(&mut self) {
        self.simulation.crash();
        // The dead process must not stop cleanly after its death.
        std::mem::forget(self.log.take());
        self.open();
    }

    fn open(&mut self) {
        for attempt in 0..6 {
            match Log::open(self.simulation.world(), config()) {
                Ok(log) => {
                    self.log = Some(log);
                    break;
                }
                Err(OpenError::Io { .. }) if attempt < 5 => {}
                Err(error) => panic!("the log does not open: {error}"),
            }
            if self.simulation.disk().is_down() {
                self.simulation.crash();
            }
            self.simulation.disk().set_capacity(u64::MAX);
        }
        self.check(0, 1 << 20);
        self.check_producers();
        self.agree();
    }

    /// Reads on from what was seen before.
    fn see(&mut self) {
        let partition = self.partition();
        let seen = self.history.last().map_or(0, |last| last.header.last_offset() + 1);
        assert!(partition.high_watermark() >= seen, "what was readable is gone");
        let mut offset = seen;
        while offset < partition.high_watermark() {
            let read = partition.read(offset, 1 << 20).unwrap();
            for batch in read.batches() {
                let header = header(&batch).unwrap();
                assert_eq!(header.base_offset, offset, "a gap");
                offset = header.last_offset() + 1;
                self.history.push(Seen { header, marker: EndMarker::read(&batch) });
            }
        }
    }

    fn check(&mut self, part: u8, bytes_max: usize) {
        self.see();
        let partition = self.partition();
        let reckoning = Reckoning::of(&self.history);
        let (start, end) = (partition.log_start_offset(), partition.high_watermark());
        let open = reckoning.open.values().min().copied().unwrap_or(end);
        assert_eq!(partition.last_stable_offset(), open.max(start), "the last stable offset");
        let offset = start + (end - start) * i64::from(part) / 256;
        let read = partition.read_committed(offset, bytes_max).unwrap();
        assert!(read.next_offset <= open.max(offset));
        assert!(offset >= open.max(start) || !read.is_empty(), "there is something to read");
        let found: Vec<(i64, i64)> =
            read.aborted.iter().map(|a| (a.producer_id, a.first_offset)).collect();
        let expected = match read.is_empty() {
            true => vec![],
            false => reckoning.aborted_over(offset..read.next_offset),
        };
        assert_eq!(found, expected, "aborted from {offset} to {}", read.next_offset);
        let committed: Vec<i64> =
            read.committed().map(|batch| header(&batch).unwrap().base_offset).collect();
        let within = self.history.iter().filter(|seen| {
            let header = &seen.header;
            let is_read = header.last_offset() >= offset && header.base_offset < read.next_offset;
            is_read && !read.is_empty()
        });
        let counts = within
            .filter(|seen| seen.marker.is_none() && !reckoning.is_aborted(&seen.header))
            .map(|seen| seen.header.base_offset);
        assert_eq!(committed, counts.collect::<Vec<_>>(), "committed from {offset}");
        self.check_ends(start);
    }

    /// A marker that was confirmed is where it was told.
    fn check_ends(&self, start: i64) {
        for (marker, answer) in &self.ends {
            let Some(Ok(appended)) = take(answer) else { continue };
            let there =
                self.history.iter().find(|seen| seen.header.base_offset == appended.base_offset);
            let found = there.and_then(|seen| seen.marker);
            let expected = EndMarker { transaction_version: 0, ..*marker };
            assert!(appended.base_offset < start || found == Some(expected), "{marker:?}");
        }
    }

    /// Only right when all that the log has decided can be read: after it was opened, or when it is idle.
    fn check_producers(&self) {
        let reckoning = Reckoning::of(&self.history);
        for info in self.partition().producers() {
            let expected = reckoning.producers[&info.producer_id];
            let found = (info.producer_epoch, info.last_sequence, info.coordinator_epoch);
            assert_eq!(found, expected, "producer {}", info.producer_id);
            let open = reckoning.open.get(&info.producer_id).copied();
            assert_eq!(info.transaction_start_offset, open, "producer {}", info.producer_id);
        }
        assert_eq!(self.partition().producers().len(), reckoning.producers.len());
    }
}

/// 200 runs, or what `PROPTEST_CASES` says for a longer search.
fn search() -> ProptestConfig {
    let mut search = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        search.cases = 200;
    }
    search
}

proptest! {
    #![proptest_config(search())]

    #[test]
    fn transactions_are_whole_or_not_at_all(seed: u64, actions in prop::collection::vec(action(), 1..150)) {
        let mut run = Run::new(seed);
        for action in &actions {
            run.act(action);
        }
        // At the end the machine is well again and loses power once more.
        run.simulation.disk().set_capacity(u64::MAX);
        run.simulation.run_until_idle(10_000);
        run.crash();
        // Every transaction can be ended, and everything is stable then.
        for producer in 0..PRODUCERS {
            run.end(producer, producer % 2 == 0, true);
        }
        run.simulation.run_until_idle(10_000);
        for part in [0, 100, 200] {
            run.check(part, 3_000);
        }
        run.check_producers();
        let partition = run.partition();
        prop_assert_eq!(partition.last_stable_offset(), partition.high_watermark());
        std::mem::forget(run.log.take());
    }
}
