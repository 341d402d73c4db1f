//! Random requests of several producers, changes that are late, fail or are done in two steps, and restarts; against
//! partitions that know what the log knows. Whatever happens, a transaction counts in all of its partitions or in
//! none, an answered end is what every partition says, and a producer that was fenced commits nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::types::{NO_EPOCH, TransactionLimits};
use super::*;

const PARTITIONS: usize = 3;
const CLIENTS: usize = 4;
const IDS: [&str; 2] = ["a", "b"];

/// One transaction of one client.
type Token = usize;

/// What a partition knows of one producer id.
#[derive(Clone, Debug, Default)]
struct Known {
    epoch: i16,
    open: Vec<Token>,
}

/// The data of one partition.
#[derive(Clone, Debug, Default)]
struct Partition {
    producers: BTreeMap<i64, Known>,
    ended: Vec<(Token, bool)>,
}

impl Partition {
    /// As the log: an older epoch is fenced.
    fn append(&mut self, producer: Producer, token: Token) -> bool {
        let known = self.producers.entry(producer.id).or_default();
        if producer.epoch < known.epoch {
            return false;
        }
        known.epoch = producer.epoch;
        known.open.push(token);
        true
    }

    fn mark(&mut self, producer: Producer, commit: bool) {
        let known = self.producers.entry(producer.id).or_default();
        assert!(producer.epoch >= known.epoch, "a marker with an old epoch");
        known.epoch = producer.epoch;
        self.ended.extend(known.open.drain(..).map(|token| (token, commit)));
    }
}

/// A program with a transactional id.
#[derive(Clone, Debug, Default)]
struct Client {
    producer: Option<Producer>,
    version: i16,
    token: Option<Token>,
    /// An end whose answer it does not know: it asks for that again, and does nothing else.
    ending: Option<bool>,
}

struct World {
    core: Coordinator,
    /// What the topic has.
    log: BTreeMap<Arc<str>, Metadata>,
    /// Changes on the way.
    under_way: Vec<Change>,
    /// Appends that were admitted and are not in the log's queue.
    appends: Vec<(usize, Producer, usize, Token)>,
    /// Decisions that partitions are still told: what is left of them.
    telling: Vec<(Arc<str>, Metadata)>,
    partitions: Vec<Partition>,
    clients: Vec<Client>,
    /// What was answered to an end.
    answered: Vec<(Token, bool)>,
    /// Transactions of clients when another took over, and in how many partitions they counted by then.
    fenced: Vec<(Token, usize)>,
    tokens: usize,
    next_id: i64,
    now_ms: i64,
}

impl World {
    fn new() -> Self {
        let clients = (0..CLIENTS).map(|at| Client {
            version: if at % 2 == 0 { VERSION_0 } else { VERSION_2 },
            ..Client::default()
        });
        Self {
            core: Coordinator::new(TransactionLimits::default(), BTreeMap::new()),
            log: BTreeMap::new(),
            under_way: Vec::new(),
            appends: Vec::new(),
            telling: Vec::new(),
            partitions: vec![Partition::default(); PARTITIONS],
            clients: clients.collect(),
            answered: Vec::new(),
            fenced: Vec::new(),
            tokens: 0,
            next_id: 0,
            now_ms: 0,
        }
    }

    /// Asks; changes that come out are written at once, or are left on the way if `late`.
    fn decide<T>(
        &mut self,
        late: bool,
        step: impl Fn(&mut Coordinator, Option<i64>, i64) -> Decision<T>,
    ) -> Option<T> {
        let mut fresh = None;
        for _ in 0..6 {
            match step(&mut self.core, fresh, self.now_ms) {
                Decision::Answer(answer) => return answer.ok(),
                Decision::Later => return None,
                Decision::NeedsId => {
                    fresh = Some(self.next_id);
                    self.next_id += 1;
                }
                Decision::Write(change, _) | Decision::WriteFirst(change) if late => {
                    self.under_way.push(*change);
                    return None;
                }
                Decision::Write(change, answer) => {
                    self.write(&change, true);
                    return Some(answer);
                }
                Decision::WriteFirst(change) => self.write(&change, true),
            }
        }
        None
    }

    /// The log takes a change: as one, or the decision alone.
    fn write(&mut self, change: &Change, as_one: bool) {
        let next = match (&change.ending, as_one) {
            (Some(ending), true) => {
                self.tell(&ending.prepared, PARTITIONS);
                change.next.clone()
            }
            (Some(ending), false) => {
                self.telling.push((Arc::clone(&change.id), ending.prepared.clone()));
                Some(ending.prepared.clone())
            }
            (None, _) => change.next.clone(),
        };
        match next {
            Some(next) => self.log.insert(Arc::clone(&change.id), next),
            None => self.log.remove(&change.id),
        };
        let outcome =
            if as_one || change.ending.is_none() { Outcome::Written } else { Outcome::Prepared };
        self.core.finish(change, outcome);
    }

    fn tell(&mut self, prepared: &Metadata, count: usize) {
        let commit = prepared.state == State::PrepareCommit;
        for (_, index) in prepared.partitions.iter().take(count) {
            self.partitions[usize::try_from(*index).unwrap()].mark(prepared.producer, commit);
        }
    }

    /// One more partition is told, or all are and that is written down.
    fn tell_on(&mut self, pick: usize) {
        if self.telling.is_empty() {
            return;
        }
        let at = pick % self.telling.len();
        let (id, mut left) = self.telling[at].clone();
        self.tell(&left, 1);
        left.partitions.pop_first();
        if !left.partitions.is_empty() {
            self.telling[at].1 = left;
            return;
        }
        self.telling.remove(at);
        let change = self.core.complete(&id, self.now_ms).expect("it waits for this");
        self.write(&change, true);
    }

    fn id_of(client: usize) -> &'static str {
        IDS[client / 2]
    }

    fn init(&mut self, client: usize, goes_on: bool, late: bool) {
        let id = Self::id_of(client);
        let expected = self.clients[client].producer.filter(|_| goes_on);
        let given =
            self.decide(late, |core, fresh, now| core.init(id, 1_000, expected, fresh, now));
        let Some(producer) = given else { return };
        for other in (0..CLIENTS).filter(|other| *other != client && Self::id_of(*other) == id) {
            self.fence(other);
        }
        // What it had open itself is gone too.
        self.fence(client);
        let now = &mut self.clients[client];
        (now.producer, now.token, now.ending) = (Some(producer), None, None);
    }

    fn fence(&mut self, client: usize) {
        if let Some(token) = self.clients[client].token {
            self.fenced.push((token, self.counts_in(token)));
        }
    }

    /// In how many partitions a transaction counts.
    fn counts_in(&self, token: Token) -> usize {
        let ended = self.partitions.iter().flat_map(|partition| &partition.ended);
        ended.filter(|ended| **ended == (token, true)).count()
    }

    fn produce(&mut self, client: usize, index: usize, late: bool, late_append: bool) {
        let (id, place) = (Self::id_of(client), place(i32::try_from(index).unwrap()));
        let Client { producer: Some(producer), version, ending: None, .. } =
            self.clients[client].clone()
        else {
            return;
        };
        if version == VERSION_0 {
            let added = self.decide(late, |core, _, now_ms| {
                core.add(Asking { id, producer, version, now_ms }, std::slice::from_ref(&place))
            });
            if added.is_none() {
                return;
            }
        }
        let admitted = self.decide(late, |core, _, now_ms| {
            core.admit(Asking { id, producer, version, now_ms }, std::slice::from_ref(&place))
        });
        let Some(admitted) = admitted else { return };
        let token = *self.clients[client].token.get_or_insert_with(|| {
            self.tokens += 1;
            self.tokens
        });
        if !admitted.outside.is_empty() {
            self.core.leave(id);
            return;
        }
        self.appends.push((client, producer, index, token));
        if !late_append {
            self.append(self.appends.len() - 1);
        }
    }

    /// What was admitted comes to the partition.
    fn append(&mut self, pick: usize) {
        if !self.appends.is_empty() {
            let (client, producer, index, token) =
                self.appends.swap_remove(pick % self.appends.len());
            self.partitions[index].append(producer, token);
            self.core.leave(Self::id_of(client));
        }
    }

    fn end(&mut self, client: usize, commit: bool, late: bool) {
        let id = Self::id_of(client);
        let Client { producer: Some(producer), version, token, ending } =
            self.clients[client].clone()
        else {
            return;
        };
        let commit = ending.unwrap_or(commit);
        let ended = self.decide(late, |core, fresh, now_ms| {
            core.end(Asking { id, producer, version, now_ms }, commit, fresh)
        });
        if let Some(next) = ended {
            self.answered.extend(token.map(|token| (token, commit)));
            let client = &mut self.clients[client];
            (client.producer, client.token, client.ending) = (Some(next), None, None);
        } else {
            self.clients[client].ending = Some(commit);
        }
    }

    fn deliver(&mut self, pick: usize, how: usize) {
        if self.under_way.is_empty() {
            return;
        }
        let change = self.under_way.swap_remove(pick % self.under_way.len());
        match how % 4 {
            0 => self.core.finish(&change, Outcome::NotWritten),
            1 => self.write(&change, false),
            _ => self.write(&change, true),
        }
    }

    fn time_passes(&mut self) {
        self.now_ms += 600;
        for id in self.core.overdue(self.now_ms) {
            self.decide(false, |core, fresh, now| core.time_out(&id, fresh, now));
        }
    }

    /// Everything that was on the way is in the log or not; the rest is read back.
    fn restart(&mut self, luck: usize) {
        self.appends.clear();
        for (at, change) in std::mem::take(&mut self.under_way).into_iter().enumerate() {
            if luck >> (at % 8) & 1 == 1 {
                self.write(&change, luck & 128 == 0);
            }
        }
        let forgetful = |metadata: &Metadata| Metadata { last_epoch: NO_EPOCH, ..metadata.clone() };
        let loaded = self.log.iter().map(|(id, metadata)| (Arc::clone(id), forgetful(metadata)));
        let loaded: BTreeMap<_, _> = loaded.collect();
        self.core = Coordinator::new(TransactionLimits::default(), loaded);
        // Every partition of a decision is told again; those that know it take no harm.
        self.telling = self
            .core
            .prepared()
            .into_iter()
            .map(|id| (Arc::clone(&id), self.log[&id].clone()))
            .collect();
    }

    fn settle(&mut self) {
        self.restart(0);
        while !self.telling.is_empty() {
            self.tell_on(0);
        }
        self.now_ms += 10_000;
        self.time_passes();
    }

    fn check(&self) {
        let mut outcomes: BTreeMap<Token, bool> = self.answered.iter().copied().collect();
        for (index, partition) in self.partitions.iter().enumerate() {
            for known in partition.producers.values() {
                assert!(known.open.is_empty(), "hangs in {index}: {:?}", known.open);
            }
            for (token, commit) in &partition.ended {
                let first = *outcomes.entry(*token).or_insert(*commit);
                assert_eq!(first, *commit, "transaction {token} is torn in partition {index}");
            }
        }
        for (token, counted) in &self.fenced {
            let counts = self.counts_in(*token);
            assert_eq!(counts, *counted, "transaction {token} of a fenced producer counts");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_transaction_is_torn(
        steps in proptest::collection::vec((0..16usize, 0..CLIENTS, 0..256usize), 1..200)
    ) {
        let mut world = World::new();
        for (step, client, x) in steps {
            let late = x % 5 == 0;
            match step {
                0 => world.init(client, false, late),
                1 => world.init(client, true, late),
                2..=6 => world.produce(client, x % PARTITIONS, late, x % 7 == 0),
                7..=9 => world.end(client, x % 3 != 0, late),
                10 => world.append(x),
                11 => world.deliver(client, x),
                12 | 13 => world.tell_on(x),
                14 => world.time_passes(),
                _ if x % 4 == 0 => world.restart(x),
                _ => {}
            }
        }
        world.settle();
        world.check();
    }
}
