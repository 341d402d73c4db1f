//! Exactly once: whatever fails, whenever the process dies, states and outputs are those of each record once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{FnBolt, Lab, Log, panic_on_purpose};
use tidemill_engine::{
    Bolt, BoltOutput, BuildError, CommitDone, CommitPart, Committer, ComponentError, Done, DynBolt,
    DynSpout, Emitter, Epoch, Guarantee, Holding, MessageId, Next, Ref, Retries, RetryPolicy, Span,
    SpoutOutput, StateHandle, StateValue, Status, TaskContext, TopologyBuilder, TupleRef, Value,
    Window, WindowBolt, Windows, tuple,
};
use tidemill_world::random::SeededRandom;

/// What components hand in.
enum Part {
    /// The spout's next number.
    Position(u64),
    /// What a sink gathered.
    Output(Vec<(String, i64)>),
}

/// What outlives a process: all that was committed.
#[derive(Default)]
struct Kept {
    epoch: u64,
    position: u64,
    states: BTreeMap<(String, String), BTreeMap<Vec<u8>, Vec<u8>>>,
    output: Vec<(String, i64)>,
}

/// A committer over a memory that outlives engines, and that refuses now and then.
#[derive(Clone)]
struct Memory {
    kept: Arc<Mutex<Kept>>,
    random: Arc<Mutex<SeededRandom>>,
    refuses: bool,
}

impl Memory {
    fn new(seed: u64, refuses: bool) -> Self {
        let random = Arc::new(Mutex::new(SeededRandom::new(seed)));
        Self { kept: Arc::default(), random, refuses }
    }
}

impl Committer for Memory {
    fn last_epoch(&self) -> Result<u64, ComponentError> {
        Ok(self.kept.lock().unwrap().epoch)
    }

    fn load(
        &self,
        component: &str,
        state: &str,
        take: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), ComponentError> {
        let kept = self.kept.lock().unwrap();
        let entries = kept.states.get(&(component.to_owned(), state.to_owned()));
        entries.into_iter().flatten().for_each(|(key, value)| take(key, value));
        Ok(())
    }

    fn commit(&self, epoch: Epoch, done: CommitDone) {
        if self.refuses && self.random.lock().unwrap().below(5) == 0 {
            return done.answer(Err("refused on purpose".into()));
        }
        let mut kept = self.kept.lock().unwrap();
        assert_eq!(epoch.number, kept.epoch + 1, "no epoch is left out or comes twice");
        kept.epoch = epoch.number;
        for part in epoch.parts {
            match *part.downcast::<Part>().unwrap() {
                Part::Position(position) => kept.position = position,
                Part::Output(mut output) => kept.output.append(&mut output),
            }
        }
        for changes in epoch.changes {
            let state = kept.states.entry((changes.component, changes.state)).or_default();
            for (key, value) in changes.entries {
                match value {
                    Some(value) => drop(state.insert(key, value)),
                    None => drop(state.remove(&key)),
                }
            }
        }
        drop(kept);
        done.answer(Ok(()));
    }
}

/// Emits the numbers below a count, each with a word, from the position that was committed.
struct Numbers {
    memory: Memory,
    next: u64,
    count: u64,
    trouble: Trouble,
}

const WORDS: [&str; 5] = ["tide", "mill", "wheel", "water", "stone"];

fn word_of(number: u64) -> &'static str {
    WORDS[usize::try_from(number * 7 % 5).unwrap()]
}

impl DynSpout for Numbers {
    fn open(&mut self, _: &TaskContext) -> Result<(), ComponentError> {
        self.next = self.memory.kept.lock().unwrap().position;
        Ok(())
    }
    fn next(&mut self, out: &mut SpoutOutput<'_>) -> Result<Next, ComponentError> {
        if self.next >= self.count {
            return Ok(Next::Finished);
        }
        if self.trouble.strikes() {
            panic_on_purpose();
        }
        // More at once than there may be room for.
        for number in self.next..self.count.min(self.next + 5) {
            out.emit(number, &[Value::Str(word_of(number)), Value::I64(number.cast_signed())])?;
            self.next = number + 1;
        }
        Ok(Next::More)
    }
    fn fail(&mut self, _: MessageId, _: &tidemill_engine::FailReason) {
        panic!("the engine takes epochs back by itself");
    }
    fn retries(&self) -> Retries {
        Retries::Engine(RetryPolicy { limit: self.trouble.retries, ..RetryPolicy::default() })
    }
    fn commit_part(&mut self, _: u64) -> Result<Option<CommitPart>, ComponentError> {
        Ok(Some(Box::new(Part::Position(self.next))))
    }
    fn taken_back(&mut self) -> Result<(), ComponentError> {
        self.next = self.memory.kept.lock().unwrap().position;
        Ok(())
    }
}

tuple! {
    struct Word { word: str, number: i64 }
    struct Counted { word: str, count: i64 }
}

/// How often components fail, in one of so many tuples; 0 never.
#[derive(Clone)]
struct Trouble {
    random: Arc<Mutex<SeededRandom>>,
    one_in: u64,
    /// A number that always fails.
    poison: Option<i64>,
    /// Epochs in which one record may fail. Chance alone must not make one a dead letter.
    retries: u32,
}

impl Trouble {
    fn none() -> Self {
        Self {
            random: Arc::new(Mutex::new(SeededRandom::new(1))),
            one_in: 0,
            poison: None,
            retries: 3,
        }
    }

    fn strikes(&self) -> bool {
        self.one_in > 0 && self.random.lock().unwrap().below(self.one_in) == 0
    }
}

/// Counts words in its state.
struct Count {
    counts: Option<StateHandle<String, i64>>,
    trouble: Trouble,
}

impl Bolt for Count {
    type In = Word;
    type Out = Counted;
    fn prepare(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        assert_eq!(context.guarantee(), Guarantee::ExactlyOnce);
        self.counts = Some(context.keyed("counts", None)?);
        Ok(())
    }
    fn execute(
        &mut self,
        tuple: Ref<'_, Word>,
        out: &mut Emitter<'_, Counted>,
    ) -> Result<Done, ComponentError> {
        let counts = out.state(self.counts.ok_or("not prepared")?);
        let count = counts.update(tuple.word, |count| {
            *count += 1;
            *count
        });
        // The state is changed by now, and the trouble comes after that.
        out.emit(Counted::borrow(tuple.word, count));
        if self.trouble.poison == Some(tuple.number) || self.trouble.strikes() {
            return Ok(Done::Fail);
        }
        if self.trouble.strikes() {
            panic_on_purpose();
        }
        Ok(Done::Ack)
    }
}

/// Gathers what it receives until the epoch is committed.
struct Sink {
    gathered: Vec<(String, i64)>,
    trouble: Trouble,
}

impl DynBolt for Sink {
    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        _: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        let (word, count) = (tuple.get(0).as_str(), tuple.get(1).as_i64());
        self.gathered.push((word.unwrap().to_owned(), count.unwrap()));
        if self.trouble.strikes() { Err("on purpose".into()) } else { Ok(Done::Ack) }
    }
    fn commit_part(&mut self, _: u64) -> Result<Option<CommitPart>, ComponentError> {
        if self.trouble.strikes() {
            return Err("no part, on purpose".into());
        }
        Ok(Some(Box::new(Part::Output(std::mem::take(&mut self.gathered)))))
    }
    fn taken_back(&mut self) -> Result<(), ComponentError> {
        self.gathered.clear();
        Ok(())
    }
}

fn counting(memory: &Memory, count: u64, tasks: usize, trouble: &Trouble) -> TopologyBuilder {
    let mut builder = TopologyBuilder::new("t");
    builder.exactly_once(memory.clone(), Duration::from_millis(20));
    let spout = memory.clone();
    let emitting = trouble.clone();
    let make = move || Numbers { memory: spout.clone(), next: 0, count, trouble: emitting.clone() };
    builder.dyn_spout("numbers", make).output(&["word", "number"]);
    let counting = trouble.clone();
    builder
        .bolt("count", move || Count { counts: None, trouble: counting.clone() })
        .fields("numbers", &["word"])
        .parallelism(tasks);
    let sinking = trouble.clone();
    builder
        .dyn_bolt("sink", move || Sink { gathered: Vec::new(), trouble: sinking.clone() })
        .shuffle("count");
    builder
}

/// Every word with every count up to how often it is there: a count twice, or left out, shows.
fn check(memory: &Memory, count: u64, without: Option<u64>) {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    let mut wanted = Vec::new();
    for number in (0..count).filter(|number| Some(*number) != without) {
        let count = counts.entry(word_of(number).to_owned()).or_default();
        *count += 1;
        wanted.push((word_of(number).to_owned(), *count));
    }
    let kept = memory.kept.lock().unwrap();
    let mut output = kept.output.clone();
    output.sort();
    wanted.sort();
    let odd: Vec<_> = wanted.iter().zip(&output).filter(|(a, b)| a != b).take(3).collect();
    assert!(
        odd.is_empty() && output.len() == wanted.len(),
        "{} for {}: {odd:?}",
        output.len(),
        wanted.len()
    );
    assert_eq!(kept.position, count);
    let state = &kept.states[&("count".to_owned(), "counts".to_owned())];
    let read = |(key, value): (&Vec<u8>, &Vec<u8>)| {
        (String::from_bytes(key).unwrap(), i64::from_bytes(value).unwrap())
    };
    assert_eq!(state.iter().map(read).collect::<BTreeMap<_, _>>(), counts);
}

const LIMIT: Duration = Duration::from_secs(600);

/// How many seeds to try: a few, or as many as the environment says.
fn seeds() -> u64 {
    std::env::var("EXACTLY_ONCE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(40)
}

#[test]
fn epochs_commit_and_the_last_one_comes_before_the_end() {
    let memory = Memory::new(1, false);
    let lab = Lab::new(41, 2);
    lab.finish(&lab.submit(counting(&memory, 500, 2, &Trouble::none()).build().unwrap()), LIMIT);
    check(&memory, 500, None);
    assert!(memory.kept.lock().unwrap().epoch >= 1);
}

#[test]
fn whatever_fails_each_record_counts_once() {
    for seed in 0..seeds() {
        let memory = Memory::new(seed, true);
        let random = Arc::new(Mutex::new(SeededRandom::new(seed)));
        let trouble = Trouble { random, one_in: 400, poison: None, retries: 1_000 };
        let lab = Lab::new(seed, 2);
        let tasks = usize::try_from(seed % 3).unwrap() + 1;
        let running = lab.submit(counting(&memory, 600, tasks, &trouble).build().unwrap());
        lab.finish(&running, LIMIT);
        check(&memory, 600, None);
    }
}

#[test]
fn a_process_that_dies_goes_on_from_its_last_commit_with_other_parallelism() {
    for seed in 0..seeds() {
        let memory = Memory::new(seed, true);
        let mut random = SeededRandom::new(seed);
        for life in 0..6 {
            let lab = Lab::new(seed * 10 + life, 2);
            let trouble = Trouble {
                random: Arc::new(Mutex::new(SeededRandom::new(random.next_u64()))),
                one_in: 300,
                poison: None,
                retries: 1_000,
            };
            let tasks = usize::try_from(random.below(4)).unwrap() + 1;
            let running = lab.submit(counting(&memory, 2_000, tasks, &trouble).build().unwrap());
            if life == 5 {
                lab.finish(&running, LIMIT);
            } else {
                // It dies in the middle of anything.
                for _ in 0..random.below(3_000) {
                    if !lab.simulation.step() {
                        lab.simulation.clock().advance(Duration::from_millis(1));
                    }
                }
            }
        }
        check(&memory, 2_000, None);
    }
}

#[test]
fn a_record_that_always_fails_becomes_a_dead_letter_of_its_epoch() {
    let memory = Memory::new(3, false);
    let trouble = Trouble { poison: Some(77), ..Trouble::none() };
    let mut builder = counting(&memory, 300, 2, &trouble);
    let dead = Log::default();
    let log = dead.clone();
    let collect = move || {
        let log = log.clone();
        FnBolt::new(move |tuple, _| {
            log.add((tuple.get(0).as_i64(), tuple.get(1).as_str().unwrap().to_owned()));
            Ok(Done::Ack)
        })
    };
    builder.dyn_bolt("dead", collect).shuffle(("numbers", "__dead_letter"));
    builder.max_pending(1);
    let lab = Lab::new(42, 2);
    let running = lab.submit(builder.build().unwrap());
    lab.finish(&running, LIMIT);
    check(&memory, 300, Some(77));
    assert_eq!(dead.take(), [(Some(77), "failed by count".to_owned())]);
    assert_eq!(running.stats().dead_lettered(), 1);
}

/// Adds up numbers of windows of five; what is open is state.
struct Fives;

impl WindowBolt for Fives {
    type In = Word;
    type Out = Counted;
    fn window(
        &mut self,
        _: &Window<'_, Word>,
        _: &mut Emitter<'_, Counted>,
    ) -> Result<(), ComponentError> {
        Ok(())
    }
}

#[test]
fn what_no_epoch_can_keep_is_refused() {
    let mut builder = TopologyBuilder::new("t");
    builder.guarantee(Guarantee::ExactlyOnce);
    let memory = Memory::new(1, false);
    let spout = memory.clone();
    let make =
        move || Numbers { memory: spout.clone(), next: 0, count: 1, trouble: Trouble::none() };
    builder.dyn_spout("numbers", make).output(&["word", "number"]);
    assert_eq!(builder.build().unwrap_err(), BuildError::NoCommitter);
    let windows = Windows::tumbling(Span::Count(5));
    for (windows, is_refused) in [(windows, true), (windows.holding(Holding::NotAtAll), false)] {
        let mut builder = counting(&memory, 1, 1, &Trouble::none());
        builder.windowed("fives", windows, || Fives).shuffle("numbers");
        let error = builder.build().err();
        let refused = matches!(error, Some(BuildError::WindowHoldsEpochs { .. }));
        assert_eq!(refused, is_refused);
    }
}

#[test]
fn a_killed_topology_commits_what_it_did() {
    let memory = Memory::new(5, false);
    let lab = Lab::new(43, 2);
    let running = lab.submit(counting(&memory, u64::MAX / 2, 2, &Trouble::none()).build().unwrap());
    let emitted = Arc::new(AtomicU64::new(0));
    for _ in 0..2_000 {
        lab.simulation.step();
    }
    running.kill(Duration::from_secs(60));
    for _ in 0..5_000 {
        lab.settle();
        lab.simulation.clock().advance(Duration::from_millis(2));
        if running.status() == Status::Finished {
            break;
        }
    }
    assert_eq!(running.status(), Status::Finished);
    emitted.store(running.stats().component("numbers").unwrap().emitted, Ordering::Relaxed);
    let count = memory.kept.lock().unwrap().position;
    assert_eq!(count, emitted.load(Ordering::Relaxed));
    check(&memory, count, None);
}

#[test]
fn executors_that_change_within_epochs_change_nothing() {
    for seed in 0..seeds() {
        let memory = Memory::new(seed, true);
        let mut random = SeededRandom::new(seed);
        let trouble = Trouble {
            random: Arc::new(Mutex::new(SeededRandom::new(seed))),
            one_in: 400,
            poison: None,
            retries: 1_000,
        };
        let lab = Lab::new(seed, 3);
        let running = lab.submit(counting(&memory, 600, 4, &trouble).build().unwrap());
        let mut changes = 0;
        loop {
            let executors = usize::try_from(random.below(4)).unwrap() + 1;
            if running.rebalance(&[("count".to_owned(), executors)]).is_err() {
                break;
            }
            changes += 1;
            for _ in 0..random.below(15) {
                if !lab.simulation.step() {
                    lab.simulation.clock().advance(Duration::from_millis(1));
                }
            }
        }
        lab.finish(&running, LIMIT);
        assert!(changes > 4, "too short a run: {changes}");
        check(&memory, 600, None);
    }
}
