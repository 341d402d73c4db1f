//! Bolts that panic, fail and forget: every root is acked or given up, none is lost, and memory stays flat.
//!
//! Run it with `cargo run --release -p tidemill-engine --example chaos_bench [roots]`; ten million roots
//! unless said otherwise.

mod topology;

use std::time::Duration;

use tidemill_engine::{ComponentError, Engine, EngineConfig, Status};
use tidemill_world::{Wake, World};

/// Resident memory of this process in MiB, from the kernel's table.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn main() -> Result<(), ComponentError> {
    let roots: u64 = std::env::args().nth(1).map_or(Ok(10_000_000), |roots| roots.parse())?;
    let account = topology::Account::new(usize::try_from(roots)?);
    let world = World::real();
    let engine = Engine::start(world.clone(), EngineConfig::default())?;
    let begun = world.clock().now();
    let running = engine.submit(topology::topology(roots, &account)?)?;
    let pause = Wake::new();
    while running.status() != Status::Finished {
        pause.wait(Some(Duration::from_secs(1)));
        let stats = running.stats();
        let spout = stats.components.first().ok_or("no components")?;
        println!(
            "{{\"acked\": {}, \"failed_attempts\": {}, \"pending\": {}, \"resident_mib\": {}}}",
            spout.acked,
            spout.failed,
            spout.pending,
            resident_mib()
        );
    }
    let seconds = world.clock().now().since(begun).as_secs_f64();
    let (acked, given_up, lost) = account.lock().map_err(|_| "the account was left locked")?.sums();
    println!("{{\"name\": \"chaos_acked\", \"value\": {acked}, \"unit\": \"roots\"}}");
    println!("{{\"name\": \"chaos_dead_lettered\", \"value\": {given_up}, \"unit\": \"roots\"}}");
    println!("{{\"name\": \"chaos_lost\", \"value\": {lost}, \"unit\": \"roots\"}}");
    let rate = roots as f64 / seconds;
    println!("{{\"name\": \"chaos_rate\", \"value\": {rate:.0}, \"unit\": \"roots/s\"}}");
    let restarts: u64 = running.stats().components.iter().map(|component| component.restarts).sum();
    println!("{{\"name\": \"chaos_restarts\", \"value\": {restarts}, \"unit\": \"instances\"}}");
    engine.shutdown();
    if lost > 0 { Err(format!("{lost} roots were lost").into()) } else { Ok(()) }
}
