//! `tidemill import access-log FILE`: page views from an access log.
//!
//! The log goes over HTTP to the running `up`, as it is, and the import happens there. Where none runs, this process
//! opens the data folder itself for as long as it takes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tidemill_analytics::AnalyticsConfig;
use tidemill_commitlog::LogConfig;
use tidemill_world::{Wake, World};

use crate::connection::{DATA_DEFAULT, Running, not_running};
use crate::error::CliError;
use crate::house::{House, Plan, runtime};
use crate::rejects::Rejects;

/// How often a followed file is looked at for more.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// Arguments of `import`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Page views from an access log in the combined or common format, gzip or not
    AccessLog(AccessLog),
}

#[derive(Debug, Args)]
struct AccessLog {
    /// The log; - is standard input
    file: PathBuf,
    /// Site that the page views belong to; also the host of its pages
    #[arg(long)]
    site: String,
    /// Count every request: assets, errors and other methods too
    #[arg(long)]
    all_requests: bool,
    /// Go on as the file grows, until Ctrl-C
    #[arg(long)]
    follow: bool,
    /// Keep the lines that were not understood in this file
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Base URL of a running `up`
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    http: Option<String>,
    /// Data folder, of a running `up` or of none
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT)]
    data: PathBuf,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let What::AccessLog(log) = &arguments.what;
    if let Some(http) = &log.http {
        return upload(log, http.trim_end_matches('/'));
    }
    match Running::find(&log.data).filter(Running::answers) {
        Some(running) => upload(log, &running.http),
        None => alone(log),
    }
}

/// Imports into a folder that no `up` has open.
fn alone(log: &AccessLog) -> Result<(), CliError> {
    let mut analytics = AnalyticsConfig::new(&log.data);
    analytics.http = ([127, 0, 0, 1], 0).into();
    let config = LogConfig::new(log.data.join("log"));
    let plan = Plan { data: log.data.clone(), log: config, kafka: None, analytics };
    let runtime = runtime()?;
    let house = runtime.block_on(House::start(&World::real(), plan))?;
    let uploaded = upload(log, &house.http());
    runtime.block_on(house.shutdown())?;
    runtime.shutdown_background();
    uploaded?;
    eprintln!("stored in {}; `tidemill up --data {0}` shows it", log.data.display());
    Ok(())
}

/// Sends the log and says what became of it.
fn upload(log: &AccessLog, http: &str) -> Result<(), CliError> {
    let mut source = Source::open(log)?;
    let mut request = ureq::post(format!("{http}/v1/import"))
        .config()
        .http_status_as_error(false)
        .build()
        .content_type("application/octet-stream")
        .query("site", &log.site);
    for (name, is_set) in [("all_requests", log.all_requests), ("growing", log.follow)] {
        if is_set {
            request = request.query(name, "1");
        }
    }
    let sent = request.send(ureq::SendBody::from_reader(&mut source));
    source.finish()?;
    let mut response = sent.map_err(|error| match error {
        ureq::Error::Io(error) => not_running(http, &error),
        other => CliError::failed("the import broke off", other),
    })?;
    let lines = BufReader::new(response.body_mut().as_reader());
    for line in lines.lines() {
        let line = line.map_err(|error| CliError::failed("the import broke off", error))?;
        let value: Value = serde_json::from_str(&line)
            .map_err(|error| CliError::failed(format!("{http} answered"), error))?;
        if let Some(message) = value["error"].as_str().or(value["message"].as_str()) {
            return Err(CliError::failed("the import was refused", message));
        }
        if value["report"].is_object() {
            report(&value["report"], log);
            return Ok(());
        }
    }
    Err(CliError::failed("the import broke off", "the answer ended early; import again to go on"))
}

fn report(report: &Value, log: &AccessLog) {
    let count = |name: &str| report[name].as_u64().unwrap_or(0);
    eprintln!(
        "{}: {} lines, {} page views stored, {} no page views, {} known already, {} malformed",
        log.file.display(),
        count("lines"),
        count("views"),
        count("skipped"),
        count("again"),
        count("malformed")
    );
    for line in report["first_malformed"].as_array().into_iter().flatten() {
        let text = |name: &str| line[name].as_str().unwrap_or("").escape_debug().to_string();
        eprintln!("  line {}: {}: {}", line["line"], text("reason"), text("text"));
    }
    if count("malformed") > 0 && log.rejects.is_none() {
        eprintln!("  keep such lines with --rejects FILE");
    }
}

/// The log on its way out, with a bar on a terminal.
struct Source {
    input: Box<dyn Read>,
    bar: ProgressBar,
    follow: bool,
    rejects: Option<Rejects>,
}

impl Source {
    fn open(log: &AccessLog) -> Result<Self, CliError> {
        let rejects = log.rejects.as_deref().map(Rejects::create).transpose()?;
        if log.file.as_os_str() == "-" {
            let input = Box::new(io::stdin());
            return Ok(Self { input, bar: spinner(), follow: false, rejects });
        }
        let file = File::open(&log.file).map_err(|error| {
            let what = format!("cannot read {}", log.file.display());
            CliError::with_help(
                what,
                error,
                "give the path of an access log, or - for standard input",
            )
        })?;
        let bytes = file.metadata().map(|metadata| metadata.len()).unwrap_or(0);
        let bar = if log.follow { spinner() } else { bar(bytes) };
        Ok(Self { input: Box::new(file), bar, follow: log.follow, rejects })
    }

    fn finish(self) -> Result<(), CliError> {
        self.bar.finish_and_clear();
        let finished = self.rejects.map_or(Ok(()), Rejects::finish);
        finished.map_err(|error| CliError::failed("the rejects were not kept", error))
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.input.read(buffer)?;
            self.bar.inc(read as u64);
            if let Some(rejects) = &mut self.rejects {
                rejects.pass(&buffer[..read])?;
            }
            if read > 0 || !self.follow {
                return Ok(read);
            }
            // Nobody notifies it: the file is looked at again after a while.
            Wake::new().wait(Some(FOLLOW_EVERY));
        }
    }
}

fn bar(bytes: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {bytes} {bytes_per_sec}");
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}
