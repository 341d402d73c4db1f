//! The `tidemill` program: flags, wiring, and words for people. Everything else is in the libraries.
//!
//! A command is a file under `command/`, each with its arguments and its `run`. Data goes to standard output,
//! messages to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

mod command;
mod connection;
mod demo;
mod error;
mod format;
mod house;
mod interrupt;
mod kafka;
mod line;
mod nearest;
mod output;
mod place;
mod records;
mod rejects;
mod server_settings;
mod sites;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use command::{
    analytics, broker, cluster, completions, config, consume, group, import, log, produce, run,
    topic, up,
};
use error::CliError;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The real-time log and stream system that one person can run.
#[derive(Debug, Parser)]
#[command(name = "tidemill", version, arg_required_else_help = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the log, the engine and the analytics in this process
    Up(up::Arguments),
    /// Run only the log, for Kafka clients
    Broker(broker::Arguments),
    /// Bring facts in from elsewhere
    Import(import::Arguments),
    /// Ask which posts, authors, sections or referrers did best
    Analytics(analytics::Arguments),
    /// List, create, describe, alter and delete topics
    Topic(topic::Arguments),
    /// See and move consumer groups
    Group(group::Arguments),
    /// Write lines to a topic
    Produce(produce::Arguments),
    /// Read a topic to standard output
    Consume(consume::Arguments),
    /// See what a cluster is
    Cluster(cluster::Arguments),
    /// See and change settings of topics and brokers
    Config(config::Arguments),
    /// Run a streamparse project
    Run(run::Arguments),
    /// Check, repair and list the files of a log that is not open
    Log(log::Arguments),
    /// Print completions for a shell
    Completions(completions::Arguments),
    /// Write man pages
    Man(completions::ManArguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    output::start_log();
    match dispatch(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = error.exit_code();
            if !error.is_quiet() {
                eprintln!("{:?}", miette::Report::new(error));
            }
            ExitCode::from(code)
        }
    }
}

fn dispatch(command: Command) -> Result<(), CliError> {
    match command {
        Command::Up(arguments) => up::run(&arguments),
        Command::Broker(arguments) => broker::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Analytics(arguments) => analytics::run(&arguments),
        Command::Topic(arguments) => topic::run(&arguments),
        Command::Group(arguments) => group::run(&arguments),
        Command::Produce(arguments) => produce::run(&arguments),
        Command::Consume(arguments) => consume::run(&arguments),
        Command::Cluster(arguments) => cluster::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Log(arguments) => log::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments, Arguments::command()),
        Command::Man(arguments) => completions::man(&arguments, Arguments::command()),
    }
}
