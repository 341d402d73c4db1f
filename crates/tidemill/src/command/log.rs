//! `tidemill log check|repair|dump`: the files of a log that is not open.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use tidemill_commitlog::check::{CheckError, Finding, Report, check, dump, repair};
use tidemill_world::World;

use crate::error::CliError;
use crate::output;

/// Arguments of `log`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// JSON, one object a line
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Read every batch and index and say what is wrong; changes nothing
    Check {
        /// Data folder, or the folder of the log in it
        folder: PathBuf,
    },
    /// Check, and mend what can be mended; what is wrong is set aside, never deleted
    Repair {
        /// Data folder, or the folder of the log in it
        folder: PathBuf,
    },
    /// List the batches of a segment, or of all segments of a partition's folder
    Dump {
        /// A segment's .log file, or the folder of a partition
        path: PathBuf,
        /// List the records too
        #[arg(short, long)]
        records: bool,
    },
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let as_json = arguments.json;
    let world = World::real();
    match &arguments.action {
        Action::Check { folder } => {
            let report = check(world.disk(), &log_in(folder)).map_err(|e| failed(folder, e))?;
            tell(&report, folder, as_json)?;
            if report.is_sound() {
                return Ok(());
            }
            let help =
                format!("`tidemill log repair {}` mends what can be mended", folder.display());
            Err(CliError::with_help(folder.display().to_string(), "the log is not sound", help))
        }
        Action::Repair { folder } => {
            let report = repair(world.disk(), &log_in(folder)).map_err(|e| failed(folder, e))?;
            tell(&report, folder, as_json)
        }
        Action::Dump { path, records } => dump_all(&world, path, *records, as_json),
    }
}

/// The folder of the log: that of a data folder, or the folder itself.
fn log_in(folder: &Path) -> PathBuf {
    let inner = folder.join("log");
    if inner.is_dir() { inner } else { folder.to_path_buf() }
}

fn failed(path: &Path, error: CheckError) -> CliError {
    match error {
        CheckError::Open { .. } => CliError::with_help(
            format!("data folder {} is in use", path.display()),
            "a tidemill has it open",
            "stop that one first",
        ),
        other => CliError::failed(path.display().to_string(), other),
    }
}

fn tell(report: &Report, folder: &Path, as_json: bool) -> Result<(), CliError> {
    for finding in &report.findings {
        if as_json {
            output::line(&finding_json(finding).to_string())?;
        } else {
            output::line(&finding.to_string())?;
        }
    }
    let found = report.findings.len();
    if as_json {
        let line = json!({
            "partitions": report.partitions, "segments": report.segments, "batches": report.batches,
            "bytes": report.bytes, "findings": found, "sound": report.is_sound(),
        });
        return output::line(&line.to_string());
    }
    eprintln!(
        "{}: {} partitions, {} segments, {} batches, {} bytes; {}",
        folder.display(),
        report.partitions,
        report.segments,
        report.batches,
        report.bytes,
        if found == 0 { "nothing is wrong".to_owned() } else { format!("{found} findings") },
    );
    Ok(())
}

fn finding_json(finding: &Finding) -> serde_json::Value {
    json!({
        "file": finding.file, "position": finding.position, "what": finding.what,
        "remedy": format!("{:?}", finding.remedy).to_lowercase(), "set_aside": finding.set_aside,
    })
}

fn dump_all(world: &World, path: &Path, deep: bool, as_json: bool) -> Result<(), CliError> {
    for file in segments(path)? {
        let mut written = Ok(());
        let ended = dump(world.disk(), &file, deep, |batch| {
            let text = if as_json { batch.json() + "\n" } else { batch.text() };
            written = output::write(text.as_bytes());
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let ended = ended.map_err(|error| failed(&file, error))?;
        written?;
        if let Some(why) = ended {
            let help = "`tidemill log check` says what to do";
            return Err(CliError::with_help(file.display().to_string(), why, help));
        }
    }
    Ok(())
}

/// The segment itself, or all of a folder, oldest first.
fn segments(path: &Path) -> Result<Vec<PathBuf>, CliError> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let failed = |error: std::io::Error| CliError::failed(path.display().to_string(), error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.extension().is_some_and(|extension| extension == "log") {
            files.push(file);
        }
    }
    if files.is_empty() {
        let help = "name a .log file, or a folder as DIR/log/TOPIC-0";
        return Err(CliError::with_help(path.display().to_string(), "it has no segments", help));
    }
    files.sort();
    Ok(files)
}
