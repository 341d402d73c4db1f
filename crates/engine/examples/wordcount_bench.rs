//! How fast the engine counts words and passes tuples on: one JSON line a figure.
//!
//! Run it with `cargo run --release -p tidemill-engine --example wordcount_bench [seconds] [name…]`. All
//! topologies but the hand-written loop track every line at-least-once. The text is the same everywhere:
//! eight words a line out of a thousand, Zipf-distributed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;
use tidemill_engine::{
    Bolt, BoltOutput, ComponentError, Done, DynBolt, DynSpout, Emitter, Engine, EngineConfig,
    MessageId, Next, Ref, Spout, SpoutEmitter, SpoutOutput, TaskContext, TopologyBuilder, TupleRef,
    Value, tuple,
};
use tidemill_world::random::SeededRandom;
use tidemill_world::{Moment, Wake, World};

const WORDS: usize = 1000;
const LINES: usize = 12_500;
const WORDS_A_LINE: usize = 8;

type Text = Arc<Vec<String>>;
type Count = HashMap<String, u64, foldhash::fast::RandomState>;

tuple! {
    /// A line of the text.
    pub struct Line { text: str }
    /// One of its words.
    pub struct Word { word: str }
    /// A number and nothing else.
    pub struct Number { value: i64 }
}

/// Words of 2 to 9 letters; the n-th is drawn with a weight of 1/n.
fn text() -> Text {
    let mut random = SeededRandom::new(11);
    let letter = |random: &mut SeededRandom| char::from(b'a' + (random.below(26) as u8));
    let words: Vec<String> = (0..WORDS)
        .map(|_| (0..2 + random.below(8)).map(|_| letter(&mut random)).collect())
        .collect();
    let mut sums = Vec::with_capacity(WORDS);
    let mut sum = 0.0;
    for rank in 1..=WORDS {
        sum += 1.0 / rank as f64;
        sums.push(sum);
    }
    let mut draw = || {
        let at = random.unit() * sum;
        words[sums.partition_point(|upper| *upper < at).min(WORDS - 1)].as_str()
    };
    let line = |_| (0..WORDS_A_LINE).map(|_| draw()).collect::<Vec<_>>().join(" ");
    Arc::new((0..LINES).map(line).collect())
}

#[inline]
fn add(counts: &mut Count, word: &str) {
    match counts.get_mut(word) {
        Some(count) => *count += 1,
        None => {
            counts.insert(word.to_owned(), 1);
        }
    }
}

/// Emits the text over and over until a number of lines is reached.
struct Lines {
    text: Text,
    next: u64,
    end: u64,
}

impl Lines {
    fn line(&self) -> &str {
        &self.text[self.next as usize % LINES]
    }
}

impl Spout for Lines {
    type Out = Line;
    fn next(&mut self, out: &mut SpoutEmitter<'_, Line>) -> Result<Next, ComponentError> {
        for _ in 0..out.room().min(64) {
            if self.next == self.end {
                return Ok(Next::Finished);
            }
            out.emit(self.next, Line::borrow(self.line()));
            self.next += 1;
        }
        Ok(Next::More)
    }
}

struct Split;

impl Bolt for Split {
    type In = Line;
    type Out = Word;
    fn execute(
        &mut self,
        line: Ref<'_, Line>,
        out: &mut Emitter<'_, Word>,
    ) -> Result<Done, ComponentError> {
        line.text.split(' ').for_each(|word| out.emit(Word::borrow(word)));
        Ok(Done::Ack)
    }
}

/// Counts in its own map and adds up the total when it is closed.
struct Counter {
    counts: Count,
    total: Arc<AtomicU64>,
}

impl Bolt for Counter {
    type In = Word;
    type Out = ();
    fn execute(
        &mut self,
        tuple: Ref<'_, Word>,
        _: &mut Emitter<'_, ()>,
    ) -> Result<Done, ComponentError> {
        add(&mut self.counts, tuple.word);
        Ok(Done::Ack)
    }
    fn close(&mut self) {
        self.total.fetch_add(self.counts.values().sum(), Ordering::Relaxed);
    }
}

impl DynSpout for Lines {
    fn next(&mut self, out: &mut SpoutOutput<'_>) -> Result<Next, ComponentError> {
        for _ in 0..out.room().min(64) {
            if self.next == self.end {
                return Ok(Next::Finished);
            }
            out.emit(self.next, &[Value::Str(self.line())])?;
            self.next += 1;
        }
        Ok(Next::More)
    }
}

impl DynBolt for Split {
    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        out: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        let line = tuple.get(0).as_str().ok_or("no text")?;
        for word in line.split(' ') {
            out.emit(&[Value::Str(word)])?;
        }
        Ok(Done::Ack)
    }
}

impl DynBolt for Counter {
    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        _: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        add(&mut self.counts, tuple.get(0).as_str().ok_or("no word")?);
        Ok(Done::Ack)
    }
    fn close(&mut self) {
        self.total.fetch_add(self.counts.values().sum(), Ordering::Relaxed);
    }
}

/// Emits one number a call.
struct Constant {
    next: u64,
    end: u64,
}

impl Spout for Constant {
    type Out = Number;
    fn next(&mut self, out: &mut SpoutEmitter<'_, Number>) -> Result<Next, ComponentError> {
        if self.next == self.end {
            return Ok(Next::Finished);
        }
        out.emit(self.next, Number::borrow(10_000));
        self.next += 1;
        Ok(Next::More)
    }
}

struct Identity;

impl Bolt for Identity {
    type In = Number;
    type Out = Number;
    fn execute(
        &mut self,
        tuple: Ref<'_, Number>,
        out: &mut Emitter<'_, Number>,
    ) -> Result<Done, ComponentError> {
        out.emit(tuple);
        Ok(Done::Ack)
    }
}

struct Null;

impl Bolt for Null {
    type In = Number;
    type Out = ();
    fn execute(
        &mut self,
        _: Ref<'_, Number>,
        _: &mut Emitter<'_, ()>,
    ) -> Result<Done, ComponentError> {
        Ok(Done::Ack)
    }
}

/// Which topology is measured.
#[derive(Clone, Copy)]
enum Shape {
    Fused,
    Threads,
    Dynamic,
    DynamicThreads,
}

fn wordcount(shape: Shape, text: &Text, end: u64, total: &Arc<AtomicU64>) -> TopologyBuilder {
    let mut builder = TopologyBuilder::new("wordcount");
    let (text, total) = (Arc::clone(text), Arc::clone(total));
    let spout = move || Lines { text: Arc::clone(&text), next: 0, end };
    let counter = move || Counter { counts: Count::default(), total: Arc::clone(&total) };
    let tasks = if matches!(shape, Shape::Threads | Shape::DynamicThreads) { 2 } else { 1 };
    if matches!(shape, Shape::Fused | Shape::Threads) {
        let lines = builder.spout("lines", spout).handle();
        let words = builder.bolt("split", || Split).shuffle(&lines).handle();
        builder.bolt("count", counter).fields(&words, &["word"]).parallelism(tasks);
    } else {
        builder.dyn_spout("lines", spout).output(&["text"]);
        builder.dyn_bolt("split", || Split).output(&["word"]).shuffle("lines");
        builder.dyn_bolt("count", counter).fields("split", &["word"]).parallelism(tasks);
    }
    builder
}

/// Units a second.
#[derive(Clone, Copy)]
struct Rate {
    wall: f64,
    processor: f64,
}

impl Rate {
    fn times(self, factor: f64) -> Self {
        Self { wall: self.wall * factor, processor: self.processor * factor }
    }
}

struct Bench {
    world: World,
    text: Text,
    seconds: f64,
}

impl Bench {
    fn elapsed(&self, since: Moment) -> f64 {
        self.world.clock().now().since(since).as_secs_f64()
    }

    fn engine(&self) -> Result<Engine, ComponentError> {
        Ok(Engine::start(self.world.clone(), EngineConfig::default())?)
    }

    /// Runs a topology of `size` roots and returns the seconds it took, its start included.
    fn time(&self, builder: TopologyBuilder) -> Result<f64, ComponentError> {
        let engine = self.engine()?;
        let begun = self.world.clock().now();
        let running = engine.submit(builder.build()?)?;
        running.wait_finished();
        let took = self.elapsed(begun);
        let stats = running.stats();
        let spout = stats.components.first().ok_or("no components")?;
        if spout.acked != spout.emitted {
            return Err(format!("{} of {} roots acked", spout.acked, spout.emitted).into());
        }
        engine.shutdown();
        Ok(took)
    }

    /// Grows the run until it lasts long enough, and returns units a second: of time, and of processor.
    fn rate(
        &self,
        mut run: impl FnMut(u64) -> Result<f64, ComponentError>,
    ) -> Result<Rate, ComponentError> {
        let mut size = 100_000;
        loop {
            let used = processor_seconds();
            let took = run(size)?;
            if took >= self.seconds {
                let used = (processor_seconds() - used).max(0.01);
                return Ok(Rate { wall: size as f64 / took, processor: size as f64 / used });
            }
            let wanted = size as f64 * self.seconds * 1.1 / took.max(1e-6);
            size = (wanted as u64).clamp(size * 2, size * 20);
        }
    }

    fn hand_written(&self) -> Result<Rate, ComponentError> {
        let lines = self.rate(|size| {
            let mut counts = Count::default();
            let begun = self.world.clock().now();
            for index in 0..size {
                let line = &self.text[index as usize % LINES];
                line.split(' ').for_each(|word| add(&mut counts, word));
            }
            let took = self.elapsed(begun);
            assert_eq!(counts.values().sum::<u64>(), size * WORDS_A_LINE as u64);
            Ok(took)
        })?;
        Ok(lines.times(WORDS_A_LINE as f64))
    }

    fn words(&self, shape: Shape) -> Result<Rate, ComponentError> {
        let lines = self.rate(|size| {
            let total = Arc::new(AtomicU64::new(0));
            let took = self.time(wordcount(shape, &self.text, size, &total))?;
            if total.load(Ordering::Relaxed) != size * WORDS_A_LINE as u64 {
                return Err("words were lost or counted twice".into());
            }
            Ok(took)
        })?;
        Ok(lines.times(WORDS_A_LINE as f64))
    }

    fn constant(&self, threads: bool) -> Result<Rate, ComponentError> {
        self.rate(|end| {
            let mut builder = TopologyBuilder::new("constant");
            let numbers = builder.spout("const", move || Constant { next: 0, end }).handle();
            let same = if threads {
                builder.bolt("id", || Identity).shuffle(&numbers).parallelism(2).handle()
            } else {
                builder.bolt("id", || Identity).shuffle(&numbers).handle()
            };
            let tasks = if threads { 2 } else { 1 };
            builder.bolt("null", || Null).shuffle(&same).parallelism(tasks);
            self.time(builder)
        })
    }

    /// Single tuples through an idle engine: a spout, two bolts and the ack back to the spout.
    fn latency(&self, threads: bool) -> Result<Vec<Duration>, ComponentError> {
        let shared = Arc::new(Probe::default());
        let spout = Arc::clone(&shared);
        let mut builder = TopologyBuilder::new("latency");
        let numbers = builder.spout("probe", move || ProbeSpout::new(&spout)).handle();
        let id = builder.bolt("id", || Identity).shuffle(&numbers);
        let same = if threads { id.blocking().handle() } else { id.handle() };
        let null = builder.bolt("null", || Null).shuffle(&same);
        if threads {
            null.blocking();
        }
        let engine = self.engine()?;
        let running = engine.submit(builder.build()?)?;
        let mut latencies = Vec::new();
        let pause = Wake::new();
        while latencies.len() < 500 {
            // Long enough for every worker to be asleep.
            pause.wait(Some(Duration::from_millis(3)));
            let sent = self.world.clock().now();
            shared.ask();
            let done = loop {
                if let Some(done) = shared.answer() {
                    break done;
                }
                shared.answered.wait(Some(Duration::from_secs(1)));
            };
            latencies.push(done.since(sent));
        }
        running.kill(Duration::from_secs(1));
        running.wait_finished();
        engine.shutdown();
        latencies.sort_unstable();
        Ok(latencies)
    }

    /// Processor time of a worker-bearing process while an idle topology waits, in percent of a core.
    fn idle(&self) -> Result<f64, ComponentError> {
        let engine = self.engine()?;
        let shared = Arc::new(Probe::default());
        let mut builder = TopologyBuilder::new("idle");
        let spout = Arc::clone(&shared);
        let numbers = builder.spout("probe", move || ProbeSpout::new(&spout)).handle();
        let ticked = builder.bolt("id", || Identity).shuffle(&numbers).parallelism(2);
        let same = ticked.tick(Duration::from_secs(1)).handle();
        builder.bolt("null", || Null).fields(&same, &["value"]).parallelism(2);
        let running = engine.submit(builder.build()?)?;
        let pause = Wake::new();
        pause.wait(Some(Duration::from_millis(200)));
        let (begun, used) = (self.world.clock().now(), processor_seconds());
        pause.wait(Some(Duration::from_secs_f64(self.seconds.max(1.0))));
        let share = (processor_seconds() - used) / self.elapsed(begun);
        running.kill(Duration::ZERO);
        engine.shutdown();
        Ok(share * 100.0)
    }
}

/// Passes requests to a spout and its acks back.
#[derive(Default)]
struct Probe {
    asked: Mutex<u64>,
    answers: Mutex<VecDeque<Moment>>,
    spout: Mutex<Option<Wake>>,
    answered: Wake,
}

impl Probe {
    fn ask(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        if let Some(wake) = &*self.spout.lock().unwrap_or_else(PoisonError::into_inner) {
            wake.notify();
        }
    }

    fn answer(&self) -> Option<Moment> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

struct ProbeSpout {
    shared: Arc<Probe>,
    sent: u64,
    clock: Option<Arc<dyn tidemill_world::Clock>>,
}

impl ProbeSpout {
    fn new(shared: &Arc<Probe>) -> Self {
        Self { shared: Arc::clone(shared), sent: 0, clock: None }
    }
}

impl Spout for ProbeSpout {
    type Out = Number;

    fn open(&mut self, context: &TaskContext) -> Result<(), ComponentError> {
        self.clock = Some(context.clock_arc());
        *self.shared.spout.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.wake());
        Ok(())
    }

    fn next(&mut self, out: &mut SpoutEmitter<'_, Number>) -> Result<Next, ComponentError> {
        let asked = *self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner);
        while self.sent < asked {
            out.emit(self.sent, Number::borrow(1));
            self.sent += 1;
        }
        Ok(Next::Idle)
    }

    fn ack(&mut self, _: MessageId) {
        let now = self.clock.as_ref().map(|clock| clock.now()).unwrap_or_default();
        self.shared.answers.lock().unwrap_or_else(PoisonError::into_inner).push_back(now);
        self.shared.answered.notify();
    }
}

/// Processor time this process has used, from the kernel's table.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<f64> = after_name.split(' ').filter_map(|f| f.parse().ok()).collect();
    // The state letter is not a number, so user and system time are the 11th and 12th left.
    fields.get(10..12).map_or(0.0, |ticks| ticks.iter().sum::<f64>() / 100.0)
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn report(name: &str, value: f64, unit: &str) {
    println!("{{\"name\": \"{name}\", \"value\": {value:.3}, \"unit\": \"{unit}\"}}");
}

fn report_rate(name: &str, rate: Rate, unit: &str) {
    report(name, rate.wall, &format!("{unit}/s"));
    report(&format!("{name}_processor"), rate.processor, &format!("{unit}/processor-s"));
}

fn main() -> Result<(), ComponentError> {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(Ok(2.0), |seconds| seconds.parse())?;
    let names: Vec<String> = arguments.collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|known| name.contains(known));
    let bench = Bench { world: World::real(), text: text(), seconds };
    if wanted("hand_written") {
        report_rate("wordcount_hand_written", bench.hand_written()?, "words");
    }
    let shapes = [
        ("wordcount_fused", Shape::Fused),
        ("wordcount_two_threads", Shape::Threads),
        ("wordcount_dynamic", Shape::Dynamic),
        ("wordcount_dynamic_two_threads", Shape::DynamicThreads),
    ];
    for (name, shape) in shapes {
        if wanted(name) {
            report_rate(name, bench.words(shape)?, "words");
        }
    }
    for (name, threads) in [("const_id_null", false), ("const_id_null_two_threads", true)] {
        if wanted(name) {
            report_rate(name, bench.constant(threads)?, "tuples");
        }
    }
    for (name, threads) in [("latency_fused", false), ("latency_three_threads", true)] {
        if wanted(name) {
            let latencies = bench.latency(threads)?;
            let at = |share: f64| latencies[(latencies.len() as f64 * share) as usize];
            report(&format!("{name}_p50"), at(0.5).as_secs_f64() * 1e6, "us");
            report(&format!("{name}_p99"), at(0.99).as_secs_f64() * 1e6, "us");
        }
    }
    if wanted("idle") {
        report("idle_processor", bench.idle()?, "% of a core");
    }
    Ok(())
}
