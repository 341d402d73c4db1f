//! How many tuples a second a project's first bolt takes in a running engine:
//! `engine_throughput PROJECT_DIR [PYTHON] [PROCESSES]`.
//!
//! As `bolt_throughput`, but the words come from a native spout, each is tracked, and what the bolt emits goes to
//! a native bolt: what a Python bolt costs in a topology whose other parts are fast.

#![allow(clippy::print_stdout, reason = "the figures are this program's output")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidemill_engine::{
    BoltOutput, ComponentError, Done, DynBolt, DynSpout, Engine, EngineConfig, MessageId, Next,
    SpoutOutput, TopologyBuilder, TupleRef, Value,
};
use tidemill_multilang::child::{ChildSpec, Policy, SyncPolicy};
use tidemill_multilang::project::{ComponentKind, Project, load};
use tidemill_multilang::shell::{MAX_PENDING, ShellBolt, ShellConfig};
use tidemill_world::World;

const WORDS: [&str; 4] = ["dog", "cat", "zebra", "elephant"];

struct Words(MessageId);

impl DynSpout for Words {
    fn next(&mut self, out: &mut SpoutOutput<'_>) -> Result<Next, ComponentError> {
        for _ in 0..out.room().min(64) {
            self.0 += 1;
            let word = WORDS.get(self.0 as usize % WORDS.len()).copied().unwrap_or_default();
            out.emit(self.0, &[Value::Str(word)])?;
        }
        Ok(Next::More)
    }
}

struct Sink;

impl DynBolt for Sink {
    fn execute(
        &mut self,
        _tuple: &TupleRef<'_>,
        _out: &mut BoltOutput<'_>,
    ) -> Result<Done, ComponentError> {
        Ok(Done::Ack)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().unwrap_or_else(|| ".".into());
    let python = args.next();
    let processes = args.next().and_then(|count| count.parse().ok()).unwrap_or(1);
    let project = Project::find(Path::new(&folder), None)?;
    let spec = load(&project, python.as_deref().map(Path::new), None)?;
    let bolt = spec.components.iter().find(|component| component.kind == ComponentKind::Bolt);
    let bolt = bolt.ok_or("the project has no bolt")?;
    let cwd = project.source_dir();
    let (program, child_args) = spec.python.command(&bolt.command, &bolt.script, &cwd);
    let world = World::real();
    let config = Arc::new(ShellConfig {
        world: world.clone(),
        spec: ChildSpec { program, args: child_args, cwd, env: Vec::new() },
        policy: Policy::default(),
        sync: SyncPolicy::Auto,
        conf: serde_json::Map::new(),
        pid_dir: std::env::temp_dir(),
        max_pending: MAX_PENDING,
        message_timeout: Duration::from_secs(30),
        logs: Arc::new(|_| {}),
        watch: Arc::new(|_| {}),
    });
    let mut builder = TopologyBuilder::new("throughput");
    builder.dyn_spout("words", || Words(0)).output(&["word"]);
    builder
        .dyn_bolt("count", move || ShellBolt::new(Arc::clone(&config), 0))
        .output(&["word", "count"])
        .parallelism(processes)
        .shuffle("words")
        .blocking();
    builder.dyn_bolt("sink", || Sink).shuffle("count");
    let engine = Engine::start(world.clone(), EngineConfig::default())?;
    let running = engine.submit(builder.build()?)?;
    let pause = tidemill_world::Wake::new();
    let acked = || running.stats().component("words").map_or(0, |words| words.acked);
    while acked() < 10_000 {
        pause.wait(Some(Duration::from_millis(20)));
    }
    let (begun, before) = (world.clock().now(), acked());
    pause.wait(Some(Duration::from_secs(5)));
    let seconds = world.clock().now().since(begun).as_secs_f64();
    let count = acked() - before;
    println!("{:.0} tuples a second, each acked", count as f64 / seconds);
    println!("processor time of this process: {}", own_ticks());
    running.kill(Duration::from_secs(5));
    running.wait_finished();
    Ok(())
}

/// User and system time of this process without its children, in hundredths of a second.
fn own_ticks() -> String {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    format!("{} user, {} system", fields.get(11).unwrap_or(&"?"), fields.get(12).unwrap_or(&"?"))
}
