//! `tidemill consume TOPIC`: records to standard output, in kcat's format language or as JSON lines.

use std::time::Duration;

use clap::Args;

use crate::error::CliError;
use crate::format::{Encoding, Format};
use crate::interrupt;
use crate::output;
use crate::place::Place;
use crate::records::{Polled, Reading, Source, Start, source};

/// How long is waited for records before Ctrl-C is looked for.
const WAIT: Duration = Duration::from_millis(250);
/// What is written to standard output at a time.
const OUTPUT_BYTES: usize = 64 << 10;

/// Arguments of `consume`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Topic to read; in a group, any number
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// Where to begin: beginning, end, an offset, -N for the last N of each partition, s@MS for a time; e@MS says when to end
    #[arg(short, long, value_name = "OFFSET", allow_hyphen_values = true, value_parser = bound)]
    offset: Vec<Bound>,
    /// End after so many records
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
    /// End when everything that is there now is read
    #[arg(short, long)]
    exit: bool,
    /// Only this partition
    #[arg(short, long, conflicts_with = "group")]
    partition: Option<i32>,
    /// Read as a member of this group and keep how far it is
    #[arg(short, long)]
    group: Option<String>,
    /// %t topic, %p partition, %o offset, %T timestamp, %k key, %K its length, %s value, %S its length, %h headers; \n \t \xHH
    #[arg(short, long, default_value = "%s\\n")]
    format: String,
    /// One JSON object a line
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write keys and values in base64, or only one of them
    #[arg(long, value_name = "key|value", num_args = 0..=1, default_missing_value = "both")]
    #[arg(require_equals = true, value_parser = ["key", "value", "both"])]
    base64: Option<String>,
    /// What to write for a key or value that is null
    #[arg(short = 'Z', long, value_name = "TEXT", default_value = "")]
    null: String,
    /// Which records of transactions are seen
    #[arg(long, value_name = "LEVEL", default_value = "read-uncommitted")]
    #[arg(value_parser = ["read-committed", "read-uncommitted"])]
    isolation: String,
    /// Read with our own small client where librdkafka would be used
    #[arg(long)]
    own_client: bool,
    #[command(flatten)]
    place: Place,
}

/// Where to begin or to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    From(Start),
    Until(i64),
}

fn bound(text: &str) -> Result<Bound, String> {
    let wrong = || "write beginning, end, an offset, -N for the last N, or s@MS or e@MS".to_owned();
    let ms = |text: &str| text.parse::<i64>().map_err(|_| wrong());
    match text {
        "start" | "beginning" | "earliest" => Ok(Bound::From(Start::Beginning)),
        "end" | "latest" => Ok(Bound::From(Start::End)),
        _ => match (text.strip_prefix("s@"), text.strip_prefix("e@")) {
            (Some(since), _) => Ok(Bound::From(Start::Since(ms(since)?))),
            (_, Some(until)) => Ok(Bound::Until(ms(until)?)),
            _ => match text.parse::<i64>().map_err(|_| wrong())? {
                _ if text.starts_with('-') => {
                    let count = text[1..].parse().map_err(|_| wrong())?;
                    Ok(Bound::From(Start::Last(count)))
                }
                at => Ok(Bound::From(Start::At(at))),
            },
        },
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let format = format(arguments)?;
    let reading = reading(arguments)?;
    interrupt::watch()?;
    let mut source = source(&arguments.place, arguments.own_client, &reading)?;
    match copy(&mut *source, &format, arguments.count) {
        Ok(()) => source.close(),
        // What was written out counts as read, also when the reader of it goes away.
        Err(error @ CliError::Interrupted) => source.close().and(Err(error)),
        Err(error) => Err(error),
    }
}

fn format(arguments: &Arguments) -> Result<Format, CliError> {
    let base64 = arguments.base64.as_deref();
    let encoding = Encoding {
        base64_key: matches!(base64, Some("key" | "both")),
        base64_value: matches!(base64, Some("value" | "both")),
    };
    if arguments.json {
        return Ok(Format::json(encoding));
    }
    Format::parse(&arguments.format, encoding, &arguments.null)
        .map_err(|why| CliError::Usage(format!("--format `{}`: {why}", arguments.format)))
}

fn reading(arguments: &Arguments) -> Result<Reading, CliError> {
    let (mut start, mut until_ms) = (Start::Beginning, None);
    for bound in &arguments.offset {
        match bound {
            Bound::From(from) => start = *from,
            Bound::Until(ms) => until_ms = Some(*ms),
        }
    }
    let in_group = arguments.group.is_some();
    if in_group && !matches!(start, Start::Beginning | Start::End) {
        return Err(CliError::Usage(
            "a group goes on where it was; -o beginning or end says where a new one begins, \
             and `tidemill group seek` moves it"
                .to_owned(),
        ));
    }
    if arguments.topics.len() > 1 && (!in_group || arguments.exit) {
        let what = "several topics can be read in a group only (-g), and without --exit";
        return Err(CliError::Usage(what.to_owned()));
    }
    Ok(Reading {
        topics: arguments.topics.clone(),
        partition: arguments.partition,
        start,
        until_ms,
        stop_at_end: arguments.exit,
        read_committed: arguments.isolation == "read-committed",
        group: arguments.group.clone(),
    })
}

/// Writes records out until there are enough, or no more, or somebody interrupts.
fn copy(source: &mut dyn Source, format: &Format, count: Option<u64>) -> Result<(), CliError> {
    let mut left = count.unwrap_or(u64::MAX);
    let mut out = Vec::new();
    while left > 0 {
        if interrupt::interrupted() {
            return Err(CliError::Interrupted);
        }
        let polled = source.poll(WAIT, &mut |record| {
            format.write(record, &mut out);
            left -= 1;
            if out.len() >= OUTPUT_BYTES {
                output::write(&out)?;
                out.clear();
            }
            Ok(left > 0)
        })?;
        if !out.is_empty() {
            output::write(&out)?;
            out.clear();
        }
        source.done()?;
        if polled == Polled::Finished {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read() {
        for (text, wanted) in [
            ("beginning", Bound::From(Start::Beginning)),
            ("start", Bound::From(Start::Beginning)),
            ("end", Bound::From(Start::End)),
            ("7", Bound::From(Start::At(7))),
            ("-7", Bound::From(Start::Last(7))),
            ("-0", Bound::From(Start::Last(0))),
            ("s@1700000000000", Bound::From(Start::Since(1_700_000_000_000))),
            ("e@5", Bound::Until(5)),
        ] {
            assert_eq!(bound(text), Ok(wanted), "{text}");
        }
        for wrong in ["", "x", "s@", "e@x", "--1", "1.5"] {
            assert!(bound(wrong).is_err(), "{wrong}");
        }
    }
}
