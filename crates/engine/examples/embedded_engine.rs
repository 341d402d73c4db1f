//! A word count in one process, twice: with typed components, then with dynamic ones.
//!
//! Run it with `cargo run -p tidemill-engine --example embedded_engine`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tidemill_engine::{
    Bolt, BoltOutput, ComponentError, Done, DynBolt, DynSpout, Emitter, Engine, EngineConfig, Next,
    Ref, Spout, SpoutEmitter, SpoutOutput, TopologyBuilder, TupleRef, Value, tuple,
};
use tidemill_world::World;

const LINES: [&str; 4] = [
    "the tide comes in",
    "the mill turns while the tide comes in",
    "the tide goes out",
    "the mill turns back",
];

/// Where both versions leave their counts.
type Counts = Arc<Mutex<BTreeMap<String, u64>>>;

tuple! {
    /// A line of text.
    pub struct Line { text: str }
    /// One of its words.
    pub struct Word { word: str }
}

/// Emits each line once.
struct Lines(usize);

impl Spout for Lines {
    type Out = Line;

    fn next(&mut self, out: &mut SpoutEmitter<'_, Line>) -> Result<Next, ComponentError> {
        let Some(line) = LINES.get(self.0) else { return Ok(Next::Finished) };
        out.emit(self.0 as u64, Line::borrow(line));
        self.0 += 1;
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

struct Count(Counts);

impl Bolt for Count {
    type In = Word;
    type Out = ();

    fn execute(
        &mut self,
        tuple: Ref<'_, Word>,
        _: &mut Emitter<'_, ()>,
    ) -> Result<Done, ComponentError> {
        count(&self.0, tuple.word);
        Ok(Done::Ack)
    }
}

fn count(counts: &Counts, word: &str) {
    if let Ok(mut counts) = counts.lock() {
        *counts.entry(word.to_owned()).or_default() += 1;
    }
}

fn typed(counts: &Counts) -> TopologyBuilder {
    let mut builder = TopologyBuilder::new("typed");
    let lines = builder.spout("lines", || Lines(0)).handle();
    let words = builder.bolt("split", || Split).shuffle(&lines).handle();
    let counts = Arc::clone(counts);
    builder
        .bolt("count", move || Count(Arc::clone(&counts)))
        .fields(&words, &["word"])
        .parallelism(2);
    builder
}

/// The same components by name.
struct DynLines(usize);

impl DynSpout for DynLines {
    fn next(&mut self, out: &mut SpoutOutput<'_>) -> Result<Next, ComponentError> {
        let Some(line) = LINES.get(self.0) else { return Ok(Next::Finished) };
        out.emit(self.0 as u64, &[Value::Str(line)])?;
        self.0 += 1;
        Ok(Next::More)
    }
}

struct DynSplit;

impl DynBolt for DynSplit {
    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        out: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        let line = tuple.by_name("text").and_then(Value::as_str).ok_or("no text")?;
        for word in line.split(' ') {
            out.emit(&[Value::Str(word)])?;
        }
        Ok(Done::Ack)
    }
}

struct DynCount(Counts);

impl DynBolt for DynCount {
    fn execute(
        &mut self,
        tuple: &TupleRef<'_>,
        _: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        count(&self.0, tuple.get(0).as_str().ok_or("no word")?);
        Ok(Done::Ack)
    }
}

fn dynamic(counts: &Counts) -> TopologyBuilder {
    let mut builder = TopologyBuilder::new("dynamic");
    builder.dyn_spout("lines", || DynLines(0)).output(&["text"]);
    builder.dyn_bolt("split", || DynSplit).output(&["word"]).shuffle("lines");
    let counts = Arc::clone(counts);
    builder
        .dyn_bolt("count", move || DynCount(Arc::clone(&counts)))
        .fields("split", &["word"])
        .parallelism(2);
    builder
}

#[expect(clippy::print_stdout, reason = "an example shows what it found")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::start(World::real(), EngineConfig::default())?;
    for make in [typed, dynamic] {
        let counts = Counts::default();
        let running = engine.submit(make(&counts).build()?)?;
        running.wait_finished();
        let counts = counts.lock().map_err(|_| "a counter panicked")?;
        println!("{}: {counts:?}", running.name());
        for component in running.stats().components {
            println!("  {}: {} acked, {} failed", component.id, component.acked, component.failed);
        }
    }
    engine.shutdown();
    Ok(())
}
