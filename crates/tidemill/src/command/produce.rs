//! `tidemill produce TOPIC`: lines of standard input, or of files, become records.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::error::CliError;
use crate::format::unescape;
use crate::interrupt;
use crate::line::Lines;
use crate::place::{Place, pair};
use crate::records::{Outgoing, Sink, Writing, sink};

/// What is read at a time; a pipe gives at most 64 KiB.
const INPUT_BYTES: usize = 64 << 10;
/// Pieces of input read ahead.
const INPUT_PIECES: usize = 16;
/// How long is waited for input before Ctrl-C is looked for.
const WAIT: Duration = Duration::from_millis(100);

/// Arguments of `produce`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Topic to write to; made if it is not there and the broker makes topics that are asked for
    topic: String,
    /// Files to read instead of standard input; - is standard input
    files: Vec<PathBuf>,
    /// Partition to write to; without it the key chooses, or chance
    #[arg(short, long)]
    partition: Option<i32>,
    /// Key of every record
    #[arg(short, long, conflicts_with = "key_delimiter")]
    key: Option<String>,
    /// What stands between key and value, as : or \t; without it lines have no key
    #[arg(short = 'K', long, value_name = "TEXT")]
    key_delimiter: Option<String>,
    /// What stands between records
    #[arg(short = 'D', long, value_name = "TEXT", default_value = "\\n")]
    delimiter: String,
    /// A header of every record; may be given again
    #[arg(short = 'H', long = "header", value_name = "NAME=VALUE", value_parser = pair)]
    headers: Vec<(String, String)>,
    /// Each file is one record
    #[arg(long, conflicts_with_all = ["json", "delimiter"])]
    whole: bool,
    /// Lines are JSON objects as `consume --json` writes them: key, value, headers, partition, timestamp_ms
    #[arg(long, conflicts_with_all = ["key", "key_delimiter", "headers"])]
    json: bool,
    /// Keys and values come in base64, or only one of them
    #[arg(long, value_name = "key|value", num_args = 0..=1, default_missing_value = "both")]
    #[arg(require_equals = true, value_parser = ["key", "value", "both"])]
    base64: Option<String>,
    /// What stands for null in place of a key or value
    #[arg(short = 'Z', long, value_name = "TEXT")]
    null: Option<String>,
    /// How batches are compressed
    #[arg(short = 'z', long, value_name = "CODEC", default_value = "none")]
    #[arg(value_parser = ["none", "gzip", "snappy", "lz4", "zstd"])]
    compression: String,
    /// When a record counts as written: all (on the disk, on every replica in sync), 1 (the leader has it), 0 (it was sent)
    #[arg(long, default_value = "all", value_parser = acks)]
    acks: i16,
    /// Write with our own small client where librdkafka would be used
    #[arg(long)]
    own_client: bool,
    #[command(flatten)]
    place: Place,
}

fn acks(text: &str) -> Result<i16, String> {
    match text {
        "all" | "-1" => Ok(-1),
        "1" => Ok(1),
        "0" => Ok(0),
        _ => Err("write all, 1 or 0".to_owned()),
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let lines = lines(arguments)?;
    let writing = Writing {
        topic: arguments.topic.clone(),
        acks: arguments.acks,
        compression: arguments.compression.clone(),
    };
    interrupt::watch()?;
    let mut sink = sink(&arguments.place, arguments.own_client, writing)?;
    let result = write(arguments, &lines, &mut *sink);
    // What was read before an error or Ctrl-C is written all the same.
    let written = sink.flush();
    match (result, written) {
        (Err(CliError::Failed { what, why, help }), Ok(count)) => {
            let why = format!("{why}; {count} records were written before");
            Err(CliError::Failed { what, why, help })
        }
        (Err(error), _) | (Ok(()), Err(error)) => Err(error),
        (Ok(()), Ok(count)) => {
            let plural = if count == 1 { "" } else { "s" };
            eprintln!("{count} record{plural} written to {}", arguments.topic);
            Ok(())
        }
    }
}

fn lines(arguments: &Arguments) -> Result<Lines, CliError> {
    let bytes = |name: &str, text: &str| {
        unescape(text).map_err(|why| CliError::Usage(format!("{name} `{text}`: {why}")))
    };
    let delimiter = bytes("--delimiter", &arguments.delimiter)?;
    if delimiter.is_empty() {
        return Err(CliError::Usage(
            "--delimiter is empty; --whole makes a record of a file".into(),
        ));
    }
    let key_delimiter = arguments.key_delimiter.as_deref();
    let key_delimiter = key_delimiter.map(|text| bytes("--key-delimiter", text)).transpose()?;
    let base64 = arguments.base64.as_deref();
    let headers = arguments.headers.iter().cloned();
    Ok(Lines {
        delimiter,
        key_delimiter: key_delimiter.filter(|delimiter| !delimiter.is_empty()),
        json: arguments.json,
        base64_key: matches!(base64, Some("key" | "both")),
        base64_value: matches!(base64, Some("value" | "both")),
        null: arguments.null.clone().map(String::into_bytes),
        template: Outgoing {
            partition: arguments.partition,
            key: arguments.key.clone().map(String::into_bytes),
            headers: headers.map(|(name, value)| (name, Some(value.into_bytes()))).collect(),
            ..Outgoing::default()
        },
    })
}

fn write(arguments: &Arguments, lines: &Lines, sink: &mut dyn Sink) -> Result<(), CliError> {
    let standard_input = vec![PathBuf::from("-")];
    let files = if arguments.files.is_empty() { &standard_input } else { &arguments.files };
    let progress = progress(files);
    for file in files {
        let name = if file.as_os_str() == "-" {
            "standard input".to_owned()
        } else {
            file.display().to_string()
        };
        let failed = |error: std::io::Error| CliError::failed(format!("cannot read {name}"), error);
        if arguments.whole {
            let bytes = if file.as_os_str() == "-" {
                let mut bytes = Vec::new();
                std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
            } else {
                std::fs::read(file)
            };
            sink.send(
                &lines
                    .record(&bytes.map_err(failed)?)
                    .map_err(|why| CliError::failed(&name, why))?,
            )?;
            continue;
        }
        let input: Box<dyn Read + Send> = if file.as_os_str() == "-" {
            Box::new(std::io::stdin())
        } else {
            Box::new(File::open(file).map_err(failed)?)
        };
        write_lines(&name, input, lines, sink, &progress)?;
    }
    progress.finish_and_clear();
    Ok(())
}

/// A bar for files that are watched from a terminal; hidden otherwise.
fn progress(files: &[PathBuf]) -> ProgressBar {
    let bytes: u64 =
        files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|m| m.len()).sum();
    if bytes == 0 || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec}");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Reads on a thread of its own, so that a pause of the input and Ctrl-C are seen while it waits.
fn reader(mut input: Box<dyn Read + Send>) -> Result<Receiver<std::io::Result<Vec<u8>>>, CliError> {
    let (send, receive) = sync_channel(INPUT_PIECES);
    let thread = std::thread::Builder::new().name("input".to_owned());
    let spawned = thread.spawn(move || {
        loop {
            let mut piece = vec![0; INPUT_BYTES];
            let read = input.read(&mut piece).map(|length| {
                piece.truncate(length);
                piece
            });
            let is_last = !matches!(&read, Ok(piece) if !piece.is_empty());
            // Nobody waits any more once the command has failed.
            if send.send(read).is_err() || is_last {
                return;
            }
        }
    });
    spawned.map_err(|error| CliError::failed("cannot start a thread", error))?;
    Ok(receive)
}

fn write_lines(
    name: &str,
    input: Box<dyn Read + Send>,
    lines: &Lines,
    sink: &mut dyn Sink,
    progress: &ProgressBar,
) -> Result<(), CliError> {
    let pieces = reader(input)?;
    let (mut buffer, mut count) = (Vec::new(), 0u64);
    loop {
        let piece = match pieces.try_recv() {
            Ok(piece) => piece,
            Err(TryRecvError::Disconnected) => Ok(Vec::new()),
            Err(TryRecvError::Empty) => {
                // What is typed or dripped in goes out line by line; what is piped in goes out by the batch.
                sink.pause()?;
                wait(&pieces)?
            }
        };
        let piece =
            piece.map_err(|error| CliError::failed(format!("cannot read {name}"), error))?;
        progress.inc(piece.len() as u64);
        let is_last = piece.is_empty();
        buffer.extend_from_slice(&piece);
        let each = |line: &[u8]| {
            count += 1;
            let failed = |why| CliError::failed(format!("{name}, record {count}"), why);
            sink.send(&lines.record(line).map_err(failed)?)
        };
        lines.split(&mut buffer, is_last, each)?;
        if is_last {
            return Ok(());
        }
    }
}

fn wait(pieces: &Receiver<std::io::Result<Vec<u8>>>) -> Result<std::io::Result<Vec<u8>>, CliError> {
    loop {
        if interrupt::interrupted() {
            return Err(CliError::Interrupted);
        }
        match pieces.recv_timeout(WAIT) {
            Ok(piece) => return Ok(piece),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(Ok(Vec::new())),
        }
    }
}
