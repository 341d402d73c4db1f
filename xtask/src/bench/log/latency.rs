//! From the moment a record is due to the moment a consumer has it, at a rate that nobody finds hard.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::session::Session;
use crate::peers::probe;
use crate::process::{Result, output, run as run_command, within};

/// Records a second, and for how long.
const PER_SECOND: &str = "500";
const SECONDS: u64 = 12;

/// Measures every side, turn by turn.
pub(super) fn run(session: &mut Session<'_>) -> Result<()> {
    let program = compile(session)?;
    let sides = session.start_all()?;
    let seconds = session.amount(SECONDS).max(3).to_string();
    for (_, peer) in &sides {
        probe::create_topic(peer.bootstrap(), "warm-up", 1)?;
        let mut client = command(session, &program);
        client.args([peer.bootstrap(), "warm-up", PER_SECOND, "5", "100"]);
        within(Duration::from_secs(60), client.stdout(std::process::Stdio::null()))?;
    }
    for round in 0..session.rounds {
        for (side, peer) in &sides {
            let topic = format!("latency-{round}");
            probe::create_topic(peer.bootstrap(), &topic, 1)?;
            let mut client = command(session, &program);
            let text =
                output(client.args([peer.bootstrap(), &topic, PER_SECOND, &seconds, "100"]))?;
            let figures: Value = serde_json::from_str(&text)
                .map_err(|error| format!("latency printed `{text}`: {error}"))?;
            for name in ["p50", "p99", "p99.9", "max"] {
                let took_us =
                    figures[name].as_f64().ok_or_else(|| format!("no {name} in {text}"))?;
                let name = format!("end to end, {PER_SECOND}/s of 100 B, {}: {name}", side.label());
                session.figures.add(&name, took_us / 1000.0, "ms");
            }
        }
    }
    Ok(())
}

fn command(session: &Session<'_>, program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", session.client.library());
    command
}

/// Compiles `xtask/bench/latency.c` against librdkafka.
fn compile(session: &Session<'_>) -> Result<String> {
    let library = session.client.library();
    let program = session.root.join(".tools/latency").to_string_lossy().into_owned();
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-o", &program]).arg(session.root.join("xtask/bench/latency.c"));
    compiler.arg("-I").arg(&library).arg("-L").arg(&library).args(["-lrdkafka", "-lpthread"]);
    run_command(&mut compiler)?;
    Ok(program)
}
