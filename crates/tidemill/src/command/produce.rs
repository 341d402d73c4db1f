//! `tidemill produce TOPIC`: lines of standard input become records.

use std::io::{BufRead, BufReader, Read};

use clap::Args;
use tidemill_commitlog::batch::{BatchBuilder, Record};
use tidemill_world::World;

use crate::connection::Where;
use crate::error::CliError;
use crate::kafka::Client;

/// Records are sent when a batch has this many bytes, or the input pauses or ends.
const BATCH_BYTES: usize = 512 << 10;
/// What is read at a time; a pipe gives at most 64 KiB.
const INPUT_BYTES: usize = 64 << 10;
/// A longer line is refused: Kafka's default limit of one batch.
const LINE_BYTES_MAX: usize = 1_000_000;

/// Arguments of `produce`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Topic to write to; made if it is not there
    topic: String,
    /// Partition to write to
    #[arg(short, long, default_value_t = 0)]
    partition: i32,
    /// What stands between key and value; without it lines have no key
    #[arg(short = 'K', long, value_name = "TEXT")]
    key_delimiter: Option<String>,
    #[command(flatten)]
    place: Where,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let mut client = Client::connect(&arguments.place.kafka_address())?;
    client.topic(&arguments.topic, true)?;
    let world = World::real();
    let mut input = BufReader::with_capacity(INPUT_BYTES, std::io::stdin().lock());
    let mut batch = BatchBuilder::new(BATCH_BYTES + LINE_BYTES_MAX);
    let (mut line, mut count) = (Vec::new(), 0u64);
    loop {
        line.clear();
        let limit = LINE_BYTES_MAX as u64 + 1;
        let read = input.by_ref().take(limit).read_until(b'\n', &mut line);
        let read = read.map_err(|error| CliError::failed("cannot read standard input", error))?;
        if read > LINE_BYTES_MAX {
            let why = format!("it has more than {LINE_BYTES_MAX} bytes; {count} lines were sent");
            return Err(CliError::failed(format!("line {}", count + 1), why));
        }
        if read > 0 {
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let (key, value) = split(text, arguments.key_delimiter.as_deref());
            let timestamp_ms = world.clock().wall_ms();
            let record = Record { timestamp_ms, key, value: Some(value), headers: &[] };
            batch.push(&record).map_err(|e| CliError::failed(format!("line {}", count + 1), e))?;
            count += 1;
        }
        // What is typed or dripped in goes out line by line; what is piped in goes out by the batch.
        let pauses = !input.buffer().contains(&b'\n');
        if !batch.is_empty() && (read == 0 || pauses || batch.bytes() >= BATCH_BYTES) {
            client.produce(&arguments.topic, arguments.partition, batch.finish())?;
        }
        if read == 0 {
            eprintln!("{count} records written to {}", arguments.topic);
            return Ok(());
        }
    }
}

fn split<'a>(line: &'a [u8], delimiter: Option<&str>) -> (Option<&'a [u8]>, &'a [u8]) {
    let Some(delimiter) = delimiter.filter(|text| !text.is_empty()) else { return (None, line) };
    let at = line.windows(delimiter.len()).position(|window| window == delimiter.as_bytes());
    at.map_or((None, line), |at| (Some(&line[..at]), &line[at + delimiter.len()..]))
}
