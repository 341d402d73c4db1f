//! Compaction against a plain map: whatever is written, cleaned and lost, a reader that folds the log gets the map of all
//! that was acknowledged and committed.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::cleaning::{Fold, eager, keyed};
use super::transactions::{end, marker, of_transaction};
use super::{Bench, of_producer, submit, take};
use crate::batch::{Compression, header, records};
use crate::{Acks, Partition, TopicConfig};

#[derive(Clone, Debug)]
enum Action {
    /// Keys, and whether each gets a value; from a producer or from nobody.
    Write {
        pairs: Vec<(u8, bool)>,
        codec: Compression,
        producer: Option<i64>,
    },
    /// Two batches of one transaction and its end.
    Transaction {
        pairs: Vec<(u8, bool)>,
        producer: i64,
        commit: bool,
    },
    /// Time for marks, cleaning and more.
    Clean,
    /// So much time that deletions may go.
    Long,
    Crash,
    /// The machine dies in the middle of what the cleaner does.
    DieCleaning(u64),
    Restart,
    /// Snapshots are lost: producers are known by batches alone.
    LoseSnapshots,
}

fn pairs() -> impl Strategy<Value = Vec<(u8, bool)>> {
    prop::collection::vec((0..12u8, prop::bool::weighted(0.8)), 1..6)
}

fn action() -> impl Strategy<Value = Action> {
    let codec = prop::sample::select(vec![
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ]);
    prop_oneof![
        12 => (pairs(), codec, prop::option::of(1..4i64))
            .prop_map(|(pairs, codec, producer)| Action::Write { pairs, codec, producer }),
        4 => (pairs(), 11..14i64, any::<bool>())
            .prop_map(|(pairs, producer, commit)| Action::Transaction { pairs, producer, commit }),
        5 => Just(Action::Clean),
        1 => Just(Action::Long),
        1 => Just(Action::Crash),
        2 => (0..60u64).prop_map(Action::DieCleaning),
        1 => Just(Action::Restart),
        1 => Just(Action::LoseSnapshots),
    ]
}

struct Model {
    bench: Bench,
    fold: Fold,
    /// The next sequence of each producer, and its last batch with the offset it has.
    sequences: BTreeMap<i64, i32>,
    last: BTreeMap<i64, (Bytes, i64)>,
    count: u32,
    /// A reader on its way, from the start again and again.
    reader: (i64, Fold),
}

fn topic() -> TopicConfig {
    TopicConfig { delete_retention_ms: 20_000, ..eager() }
}

impl Model {
    fn new(seed: u64) -> Self {
        Self {
            bench: Bench::with_topic(seed, topic()).0,
            fold: Fold::new(),
            sequences: BTreeMap::new(),
            last: BTreeMap::new(),
            count: 0,
            reader: (0, Fold::new()),
        }
    }

    fn apply(&mut self, action: &Action) {
        match action {
            Action::Write { pairs, codec, producer } => self.write(pairs, *codec, *producer),
            Action::Transaction { pairs, producer, commit } => {
                self.transaction(pairs, *producer, *commit);
            }
            Action::Clean => self.bench.clean(),
            Action::Long => {
                self.bench.simulation.clock().advance(Duration::from_secs(30));
                self.bench.clean();
            }
            Action::Crash => self.crash(),
            Action::DieCleaning(changes) => {
                self.bench.simulation.disk().die_after(*changes);
                self.bench.simulation.clock().advance(Duration::from_millis(1_100));
                self.bench.run();
                self.crash();
            }
            Action::Restart => self.bench.restart(),
            Action::LoseSnapshots => self.lose_snapshots(),
        }
    }

    fn crash(&mut self) {
        self.bench.crash();
        self.reader = (0, Fold::new());
    }

    fn lose_snapshots(&mut self) {
        let disk = self.bench.simulation.world();
        let disk = disk.disk();
        let folder = std::path::Path::new("/log/t-0");
        for entry in disk.list(folder).unwrap() {
            if entry.name.ends_with(".snapshot") {
                disk.remove_file(&folder.join(entry.name)).unwrap();
            }
        }
        disk.sync_dir(folder).unwrap();
        self.crash();
    }

    fn batch(
        &mut self,
        pairs: &[(u8, bool)],
        codec: Compression,
    ) -> (Bytes, Vec<(String, Option<String>)>) {
        self.count += 1;
        let owned: Vec<(String, Option<String>)> = pairs
            .iter()
            .zip(0..)
            .map(|((key, has_value), at)| {
                let value = format!("{}.{at}{}", self.count, "v".repeat(60));
                (format!("key{key}"), has_value.then_some(value))
            })
            .collect();
        let borrowed: Vec<(&str, Option<&str>)> =
            owned.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        let now = self.bench.log.world().clock().wall_ms();
        (keyed(&borrowed, codec, now), owned)
    }

    fn note(&mut self, base: i64, written: Vec<(String, Option<String>)>) {
        for ((key, value), offset) in written.into_iter().zip(base..) {
            match value {
                Some(value) => self.fold.insert(key.into_bytes(), (offset, value.into_bytes())),
                None => self.fold.remove(key.as_bytes()),
            };
        }
    }

    fn append(&self, batch: Bytes) -> i64 {
        let answer = submit(&self.bench.partition(), batch, Acks::Synced);
        self.bench.run();
        take(&answer).unwrap().unwrap().base_offset
    }

    fn sequence(&mut self, producer: i64, count: usize) -> i32 {
        let next = self.sequences.entry(producer).or_insert(0);
        let sequence = *next;
        *next += i32::try_from(count).unwrap();
        sequence
    }

    fn write(&mut self, pairs: &[(u8, bool)], codec: Compression, producer: Option<i64>) {
        let (mut batch, written) = self.batch(pairs, codec);
        if let Some(id) = producer {
            batch = of_producer(&batch, id, 0, self.sequence(id, pairs.len()));
        }
        let base = self.append(batch.clone());
        if let Some(id) = producer {
            self.last.insert(id, (batch, base));
        }
        self.note(base, written);
    }

    fn transaction(&mut self, pairs: &[(u8, bool)], producer: i64, commit: bool) {
        for codec in [Compression::None, Compression::Lz4] {
            let (batch, written) = self.batch(pairs, codec);
            let sequence = self.sequence(producer, pairs.len());
            let base = self.append(of_transaction(&batch, producer, 0, sequence));
            if commit {
                self.note(base, written);
            }
        }
        let answer = end(&self.bench.partition(), marker(producer, 0, commit));
        self.bench.run();
        take(&answer).unwrap().unwrap();
    }

    /// Everything from the start, and a piece for the reader on its way.
    fn check(&mut self) {
        let partition = self.bench.partition();
        let mut whole = (0, Fold::new());
        while read_on(&partition, &mut whole, 900) {}
        assert_eq!(whole.1, self.fold);
        assert_eq!(partition.last_stable_offset(), partition.high_watermark());
        let mut reader = std::mem::take(&mut self.reader);
        if read_on(&partition, &mut reader, 300) {
            self.reader = reader;
        } else {
            assert_eq!(reader.1, self.fold);
        }
    }

    /// A batch sent again is known.
    fn check_repeats(&self) {
        for (batch, base) in self.last.values() {
            assert_eq!(self.append(batch.clone()), *base);
        }
    }
}

/// Reads a piece in committed mode and folds it; `false` at the end.
fn read_on(partition: &Partition, (offset, fold): &mut (i64, Fold), bytes: usize) -> bool {
    let read = partition.read_committed(*offset, bytes).unwrap();
    for batch in read.committed() {
        assert!(header(&batch).unwrap().last_offset() >= *offset);
        for record in records(&batch).unwrap().iter().map(Result::unwrap) {
            let key = record.key.unwrap().to_vec();
            match record.value {
                Some(value) => fold.insert(key, (record.offset, value.to_vec())),
                None => fold.remove(&key),
            };
        }
    }
    let is_further = read.next_offset > *offset;
    assert!(is_further || *offset == partition.high_watermark());
    *offset = read.next_offset;
    is_further
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn a_fold_of_the_log_is_the_map(
        seed in any::<u64>(),
        actions in prop::collection::vec(action(), 1..70),
    ) {
        let mut model = Model::new(seed);
        for action in &actions {
            model.apply(action);
            model.check();
        }
        model.apply(&Action::Clean);
        model.apply(&Action::LoseSnapshots);
        model.check();
        model.check_repeats();
        model.check();
    }
}
