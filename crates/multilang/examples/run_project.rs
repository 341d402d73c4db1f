//! Runs a streamparse project: `run_project [DIR|FILE] [-n NAME] [-t SECONDS] [-o K=V]… [--python PATH]`.
//!
//! Log lines go to standard error, the totals to standard output, a component a line:
//! `id kind tasks emitted executed acked failed`.

#![allow(clippy::print_stdout, reason = "the figures are this program's output")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tidemill_multilang::project::{ComponentKind, Options};
use tidemill_multilang::run::{OnEvent, RunEvent, RunOptions};
use tidemill_multilang::shell::ChildChange;
use tidemill_world::World;

fn main() -> ExitCode {
    let (path, options) = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let on_event: OnEvent = Arc::new(show);
    match tidemill_multilang::run(&World::real(), &path, &options, &on_event) {
        Ok(totals) => {
            for one in &totals.components {
                let kind = if one.kind == ComponentKind::Spout { "spout" } else { "bolt" };
                println!(
                    "{} {kind} {} {} {} {} {}",
                    one.id, one.tasks, one.emitted, one.executed, one.acked, one.failed
                );
            }
            println!("unfinished {}", totals.unfinished);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn show(event: RunEvent) {
    match event {
        RunEvent::Log(line) => {
            eprintln!("{:5} {}[{}] {}", line.level, line.component, line.task, line.text);
        }
        RunEvent::Child(news) => {
            if let ChildChange::Started(pid) = news.what {
                eprintln!("      {}[{}] is process {pid}", news.component, news.task);
            }
        }
        RunEvent::Loaded(spec) => {
            eprintln!("      {} with Python {}", spec.name, spec.python.version)
        }
        RunEvent::Draining => eprintln!("      draining"),
    }
}

fn arguments() -> Result<(PathBuf, RunOptions), String> {
    let mut path = PathBuf::from(".");
    let mut options = RunOptions::default();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "-n" => options.name = Some(value()?),
            "-e" => options.environment = Some(value()?),
            "-t" => {
                let seconds: f64 = value()?.parse().map_err(|_| "-t needs a number of seconds")?;
                options.duration = Some(Duration::from_secs_f64(seconds));
            }
            "-o" => {
                let (name, value) = Options::parse(&value()?).map_err(|error| error.to_string())?;
                options.options.insert(name, value);
            }
            "--python" => options.python = Some(value()?.into()),
            _ => path = arg.into(),
        }
    }
    Ok((path, options))
}
