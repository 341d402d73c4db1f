//! What a broker costs when it starts and when nobody asks it anything.

use std::time::Duration;

use super::load::send_all;
use super::session::{Session, Side};
use crate::bench::process::resident_mb;
use crate::peers::probe;
use crate::process::Result;

/// Idle means idle: what start-up still does in the background is over by then.
const SETTLE: Duration = Duration::from_secs(1);
/// A gibibyte of messages of 1,024 bytes.
const GIB_OF_1024: u64 = 1 << 20;
/// How much a broker has to recover after it was killed, in GiB.
const KILLED_GIB: u64 = 5;
const IDLE_TOPICS: u32 = 10;
const IDLE_PARTITIONS: u32 = 1_000;

/// Both kinds of Kafka start alike.
fn sides(session: &Session<'_>) -> Vec<Side> {
    session.sides.iter().copied().filter(|side| *side != Side::KafkaSynced).collect()
}

/// From the start of the process to its first answer on an empty, formatted folder; and the memory it holds then.
pub(super) fn start(session: &mut Session<'_>) -> Result<()> {
    for side in sides(session) {
        let mut peer = session.start(side)?;
        for _ in 0..session.rounds {
            peer.stop();
            let took = peer.run()?;
            std::thread::sleep(SETTLE);
            let memory_mb = resident_mb(peer.pid())?;
            add_start(session, "start to first answer", side, took);
            session.figures.add(&format!("idle memory, {}", side.word()), memory_mb, "MB");
        }
    }
    Ok(())
}

/// The memory that a broker holds after a gibibyte went through it.
pub(super) fn memory(session: &mut Session<'_>) -> Result<()> {
    for side in sides(session) {
        for _ in 0..session.rounds {
            let peer = session.start(side)?;
            probe::create_topic(peer.bootstrap(), "memory", 4)?;
            send_all(session, &peer, "memory", 1024, GIB_OF_1024)?;
            let memory_mb = resident_mb(peer.pid())?;
            session.figures.add(
                &format!("memory after 1 GiB produced, {}", side.word()),
                memory_mb,
                "MB",
            );
        }
    }
    Ok(())
}

/// From the start to the first answer after a kill, with gibibytes to recover.
pub(super) fn restart(session: &mut Session<'_>) -> Result<()> {
    for side in sides(session) {
        let mut peer = session.start(side)?;
        probe::create_topic(peer.bootstrap(), "restart", 4)?;
        for _ in 0..KILLED_GIB {
            send_all(session, &peer, "restart", 1024, session.amount(GIB_OF_1024))?;
        }
        for _ in 0..session.rounds {
            // Something is on its way each time.
            send_all(session, &peer, "restart", 1024, 10_000)?;
            peer.kill();
            let took = peer.run()?;
            add_start(session, "restart after SIGKILL with 5 GiB", side, took);
        }
    }
    Ok(())
}

/// Start and memory with ten thousand partitions that have nothing in them.
pub(super) fn idle_partitions(session: &mut Session<'_>) -> Result<()> {
    for side in sides(session) {
        let mut peer = session.start(side)?;
        for topic in 0..IDLE_TOPICS {
            probe::create_topic(peer.bootstrap(), &format!("idle-{topic}"), IDLE_PARTITIONS)?;
        }
        for _ in 0..session.rounds {
            peer.stop();
            let took = peer.run()?;
            std::thread::sleep(SETTLE);
            let memory_mb = resident_mb(peer.pid())?;
            add_start(session, "start with 10,000 idle partitions", side, took);
            session.figures.add(
                &format!("memory with 10,000 idle partitions, {}", side.word()),
                memory_mb,
                "MB",
            );
        }
    }
    Ok(())
}

fn add_start(session: &mut Session<'_>, what: &str, side: Side, took: Duration) {
    session.figures.add(&format!("{what}, {}", side.word()), took.as_secs_f64() * 1e3, "ms");
}
