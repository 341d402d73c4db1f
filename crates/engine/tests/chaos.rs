//! Bolts that panic, fail and forget, on real threads: every root ends once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that is surprised should end")]

#[path = "../examples/chaos_bench/topology.rs"]
mod topology;

use tidemill_engine::{Engine, EngineConfig};
use tidemill_world::World;

const ROOTS: u64 = 200_000;

#[test]
fn every_root_is_acked_or_given_up_and_none_is_lost() {
    let account = topology::Account::new(usize::try_from(ROOTS).unwrap());
    let engine = Engine::start(World::real(), EngineConfig { workers: Some(2) }).unwrap();
    let running = engine.submit(topology::topology(ROOTS, &account).unwrap()).unwrap();
    running.wait_finished();
    let stats = running.stats();
    engine.shutdown();
    let (acked, given_up, lost) = account.lock().unwrap().sums();
    assert_eq!(lost, 0);
    assert_eq!(acked + given_up, usize::try_from(ROOTS).unwrap());
    let spout = stats.component("numbers").unwrap();
    assert_eq!((spout.acked, spout.dead_lettered), (acked as u64, given_up as u64));
    assert_eq!((spout.pending, spout.emitted), (0, ROOTS));
    assert!(stats.component("panics").unwrap().restarts >= ROOTS / 1000);
    assert!(stats.component("fails").unwrap().failed >= ROOTS / 100);
    assert!(stats.component("forgets").unwrap().deferred >= ROOTS / 1000);
}
