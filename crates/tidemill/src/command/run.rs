//! `tidemill run`: a streamparse project on this engine, with the Python it was written for.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value};
use tidemill_multilang::project::Options;
use tidemill_multilang::run::{OnEvent, RunEvent, RunOptions, Stop, Totals};
use tidemill_world::World;

use crate::error::CliError;
use crate::house::runtime;
use crate::output;

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder of the project, or one of its topology files
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    path: PathBuf,
    /// Topology, where the project has several
    #[arg(short, long, value_name = "TOPOLOGY")]
    name: Option<String>,
    /// Stop after so many seconds; 0 runs until Ctrl-C
    #[arg(short, long, value_name = "SECONDS", default_value_t = 0.0)]
    time: f64,
    /// Environment of config.json, where it has several
    #[arg(short, long, value_name = "ENV")]
    environment: Option<String>,
    /// A Storm option, as topology.max.spout.pending=100
    #[arg(short, long = "option", value_name = "NAME=VALUE")]
    options: Vec<String>,
    /// Interpreter, if not the project's own
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
    /// Totals as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let stop = Stop::default();
    let options = RunOptions {
        name: arguments.name.clone(),
        duration: (arguments.time > 0.0).then(|| Duration::from_secs_f64(arguments.time)),
        python: arguments.python.clone(),
        environment: arguments.environment.clone(),
        options: storm_options(&arguments.options)?,
        stop: stop.clone(),
        ..RunOptions::default()
    };
    // Only the signal needs a runtime.
    let runtime = runtime()?;
    runtime.spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            stop.stop();
        }
    });
    let on_event: OnEvent = Arc::new(|event| tell(&event));
    let totals = tidemill_multilang::run(&World::real(), &arguments.path, &options, &on_event)
        .map_err(|error| CliError::failed("the project cannot run", error))?;
    report(&totals, arguments.json)
}

fn storm_options(pairs: &[String]) -> Result<Map<String, Value>, CliError> {
    let parsed = pairs.iter().map(|pair| Options::parse(pair));
    parsed.collect::<Result<_, _>>().map_err(|error| CliError::Usage(error.to_string()))
}

fn tell(event: &RunEvent) {
    match event {
        RunEvent::Loaded(spec) => {
            eprintln!("running {} ({} components)", spec.name, spec.components.len());
        }
        RunEvent::Log(line) => {
            eprintln!(
                "{} {} {}",
                line.component,
                format!("{:?}", line.level).to_lowercase(),
                line.text
            );
        }
        RunEvent::Child(news) => {
            eprintln!("{} task {}: {:?}", news.component, news.task, news.what)
        }
        RunEvent::Draining => eprintln!("stopping; what is under way is finished first"),
    }
}

fn report(totals: &Totals, as_json: bool) -> Result<(), CliError> {
    let mut rows = Vec::new();
    for component in &totals.components {
        if as_json {
            output::line(&serde_json::json!({
                "component": component.id, "tasks": component.tasks, "emitted": component.emitted,
                "executed": component.executed, "acked": component.acked, "failed": component.failed,
            }).to_string())?;
        } else {
            let counts = [component.emitted, component.executed, component.acked, component.failed];
            let numbers = counts.into_iter().map(|count| count.to_string());
            let name = [component.id.clone(), component.tasks.to_string()];
            rows.push(name.into_iter().chain(numbers).collect());
        }
    }
    if !as_json {
        output::table(&["component", "tasks", "emitted", "executed", "acked", "failed"], &rows)?;
    }
    if totals.unfinished > 0 {
        eprintln!("{} tuples were still under way", totals.unfinished);
    }
    Ok(())
}
