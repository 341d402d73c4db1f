//! The log beside Apache Kafka: the same load, by the same client, in the same session, turn by turn.
//!
//! `cargo xtask bench log [PART…] [--quick] [--folder DIR] [--sides tidemill,kafka,kafka-synced]`. The load generator is
//! librdkafka's own; its ceiling against its built-in mock broker is measured beside, because no broker can be faster than
//! that. Durability is part of each name and never mixed: ours is on the disk before it answers; Kafka, as it comes,
//! answers from the page cache; `synced` is Kafka with `log.flush.interval.messages=1`.

mod latency;
mod load;
mod session;
mod starts;

use std::path::{Path, PathBuf};

use crate::bench::figures::{Figures, RUNS, machine};
use crate::peers::fetch;
use crate::peers::librdkafka::Librdkafka;
use crate::process::Result;
use session::{Session, Side};

/// A part of the session.
type Part = fn(&mut Session<'_>) -> Result<()>;

const PARTS: &[(&str, Part)] = &[
    ("produce", load::produce),
    ("consume", load::consume),
    ("latency", latency::run),
    ("start", starts::start),
    ("memory", starts::memory),
    ("restart", starts::restart),
    ("idle", starts::idle_partitions),
];

/// Runs the parts named, or all.
///
/// # Errors
/// Something could not be built, fetched or started, or a client failed.
pub(super) fn run(root: &Path, arguments: &[String], as_json: bool) -> Result<()> {
    let (mut session, parts) = parse(root, arguments)?;
    if !as_json {
        println!("machine: {}; data on {}", machine(), file_system(&session.folder));
    }
    for (name, part) in
        PARTS.iter().filter(|(name, _)| parts.is_empty() || parts.iter().any(|part| part == name))
    {
        eprintln!("measuring {name}");
        part(&mut session)?;
        std::mem::take(&mut session.figures).report("log", &machine(), as_json);
    }
    let _ = std::fs::remove_dir_all(&session.folder);
    Ok(())
}

fn parse<'a>(root: &'a Path, arguments: &[String]) -> Result<(Session<'a>, Vec<String>)> {
    let (mut quick, mut folder, mut parts) =
        (false, crate::process::target(root).join("bench-log"), Vec::new());
    let mut sides = Side::ALL.to_vec();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} takes a value"));
        match argument.as_str() {
            "--quick" => quick = true,
            "--json" => {}
            "--folder" => folder = PathBuf::from(value()?).join("tidemill-bench-log"),
            "--sides" => sides = parse_sides(value()?)?,
            part if PARTS.iter().any(|(name, _)| *name == part) => parts.push(part.to_owned()),
            other => {
                let all: Vec<&str> = PARTS.iter().map(|part| part.0).collect();
                return Err(format!("`bench log` has no part {other}; it has {}", all.join(", ")));
            }
        }
    }
    fetch::make(&folder)?;
    let client = Librdkafka::build(root)?;
    let rounds = if quick { 1 } else { RUNS };
    Ok((Session { root, folder, client, sides, rounds, quick, figures: Figures::default() }, parts))
}

fn parse_sides(text: &str) -> Result<Vec<Side>> {
    let find = |word: &str| {
        let side = Side::ALL.into_iter().find(|side| side.word() == word);
        side.ok_or_else(|| format!("--sides takes tidemill, kafka, kafka-synced; not {word}"))
    };
    text.split(',').map(find).collect()
}

/// The mount that a folder is on, as the kernel tells it: device and type.
fn file_system(folder: &Path) -> String {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let holding = fields.filter(|fields| fields.len() > 2 && folder.starts_with(fields[1]));
    holding
        .max_by_key(|fields| fields[1].len())
        .map_or("?".to_owned(), |fields| format!("{} ({})", fields[2], fields[0]))
}
