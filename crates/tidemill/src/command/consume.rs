//! `tidemill consume TOPIC`: records to standard output, in kcat's format language or as JSON lines.

use bytes::Bytes;
use clap::Args;
use serde_json::json;
use tidemill_commitlog::batch::{BatchError, RecordView, frames, records};

use crate::connection::Where;
use crate::error::CliError;
use crate::kafka::{Client, EARLIEST, LATEST};
use crate::output;

/// Arguments of `consume`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Topic to read
    topic: String,
    /// Where to begin: start, end, an offset, or -N for the last N of each partition
    #[arg(short, long, default_value = "start", allow_hyphen_values = true, value_parser = offset)]
    offset: Offset,
    /// End after so many records
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
    /// End when everything that is there now is read
    #[arg(short, long)]
    exit: bool,
    /// Only this partition
    #[arg(short, long)]
    partition: Option<i32>,
    /// %t topic, %p partition, %o offset, %T timestamp, %k key, %s value, %h headers, %% percent; \n and \t
    #[arg(short, long, default_value = "%s\\n")]
    format: String,
    /// One JSON object a line
    #[arg(long, conflicts_with = "format")]
    json: bool,
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Offset {
    Start,
    End,
    At(i64),
    Last(i64),
}

fn offset(text: &str) -> Result<Offset, String> {
    match text {
        "start" | "beginning" | "earliest" => Ok(Offset::Start),
        "end" | "latest" => Ok(Offset::End),
        number => match number.parse::<i64>() {
            Ok(offset) if offset < 0 || number.starts_with('-') => Ok(Offset::Last(-offset)),
            Ok(offset) => Ok(Offset::At(offset)),
            Err(_) => Err("write start, end, an offset, or -N for the last N".to_owned()),
        },
    }
}

/// What one partition has still to give.
struct Position {
    partition: i32,
    next: i64,
    end: i64,
}

impl Position {
    /// Gives the records of fetched batches from the next one on, at most `left` of them.
    fn take(
        &mut self,
        bytes: &Bytes,
        left: &mut u64,
        mut each: impl FnMut(&RecordView<'_>),
    ) -> Result<(), CliError> {
        let place = (self.partition, self.next);
        let broken = |error: BatchError| {
            CliError::failed(format!("partition {} from offset {}", place.0, place.1), error)
        };
        for frame in frames(bytes) {
            let (_, frame) = frame.map_err(broken)?;
            let batch = records(&bytes.slice_ref(frame)).map_err(broken)?;
            for record in &batch {
                let record = record.map_err(broken)?;
                if record.offset < self.next || *left == 0 {
                    continue;
                }
                self.next = record.offset + 1;
                *left -= 1;
                each(&record);
            }
        }
        Ok(())
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let mut client = Client::connect(&arguments.place.kafka_address())?;
    let mut positions = positions(&mut client, arguments)?;
    let mut left = arguments.count.unwrap_or(u64::MAX);
    let mut text = Vec::new();
    while left > 0 {
        if arguments.exit && positions.iter().all(|position| position.next >= position.end) {
            return Ok(());
        }
        let wanted: Vec<(i32, i64)> = positions.iter().map(|p| (p.partition, p.next)).collect();
        for data in client.fetch(&arguments.topic, &wanted)? {
            let partition = data.partition_index;
            let Some(position) = positions.iter_mut().find(|p| p.partition == partition) else {
                continue;
            };
            let bytes = data.records.unwrap_or_default().into_bytes();
            position.take(&bytes, &mut left, |record| {
                render(arguments, partition, record, &mut text);
            })?;
        }
        output::write(&text)?;
        text.clear();
    }
    Ok(())
}

fn positions(client: &mut Client, arguments: &Arguments) -> Result<Vec<Position>, CliError> {
    let topic = client.topic(&arguments.topic, false)?;
    let mut partitions: Vec<i32> = topic.partitions.iter().map(|p| p.partition_index).collect();
    partitions.retain(|partition| arguments.partition.is_none_or(|wanted| wanted == *partition));
    partitions.sort_unstable();
    if partitions.is_empty() {
        let why = format!("it has {} partitions, counted from 0", topic.partitions.len());
        return Err(CliError::failed(format!("topic `{}`", arguments.topic), why));
    }
    let mut positions = Vec::new();
    for partition in partitions {
        let start = client.offset(&arguments.topic, partition, EARLIEST)?;
        let end = client.offset(&arguments.topic, partition, LATEST)?;
        let next = match arguments.offset {
            Offset::Start => start,
            Offset::End => end,
            Offset::At(offset) => offset,
            Offset::Last(count) => (end - count).max(start),
        };
        positions.push(Position { partition, next, end });
    }
    Ok(positions)
}

fn render(arguments: &Arguments, partition: i32, record: &RecordView<'_>, out: &mut Vec<u8>) {
    if arguments.json {
        let text = |bytes: Option<&[u8]>| bytes.map(|b| String::from_utf8_lossy(b).into_owned());
        let headers: serde_json::Map<String, serde_json::Value> = record
            .headers()
            .map(|(name, value)| (text(Some(name)).unwrap_or_default(), json!(text(value))))
            .collect();
        let line = json!({
            "topic": arguments.topic, "partition": partition, "offset": record.offset,
            "timestamp_ms": record.timestamp_ms, "key": text(record.key), "value": text(record.value),
            "headers": headers,
        });
        out.extend_from_slice(line.to_string().as_bytes());
        out.push(b'\n');
        return;
    }
    let mut letters = arguments.format.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '%' => match letters.next() {
                Some('t') => out.extend_from_slice(arguments.topic.as_bytes()),
                Some('p') => out.extend_from_slice(partition.to_string().as_bytes()),
                Some('o') => out.extend_from_slice(record.offset.to_string().as_bytes()),
                Some('T') => out.extend_from_slice(record.timestamp_ms.to_string().as_bytes()),
                Some('k') => out.extend_from_slice(record.key.unwrap_or_default()),
                Some('s' | 'v') => out.extend_from_slice(record.value.unwrap_or_default()),
                Some('h') => headers(record, out),
                Some('%') => out.push(b'%'),
                Some(other) => out.extend_from_slice(format!("%{other}").as_bytes()),
                None => out.push(b'%'),
            },
            '\\' => match letters.next() {
                Some('n') => out.push(b'\n'),
                Some('t') => out.push(b'\t'),
                Some('r') => out.push(b'\r'),
                Some(other) => out.extend_from_slice(other.to_string().as_bytes()),
                None => out.push(b'\\'),
            },
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

fn headers(record: &RecordView<'_>, out: &mut Vec<u8>) {
    for (at, (name, value)) in record.headers().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value.unwrap_or_default());
    }
}
