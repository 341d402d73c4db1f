//! Standard output for data, standard error for messages.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;

use crate::error::CliError;

/// Sends log lines to standard error; `TIDEMILL_LOG` chooses them (`info`, `tidemill_broker=debug`).
pub(crate) fn start_log() {
    let filter = EnvFilter::try_from_env("TIDEMILL_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colour)
        .init();
}

/// Writes data to standard output.
///
/// # Errors
/// [`CliError::OutputClosed`] for a closed pipe (`| head`), which ends a command quietly, as other tools do.
pub(crate) fn write(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(CliError::OutputClosed),
        Err(error) => Err(CliError::failed("cannot write to standard output", error)),
        Ok(()) => Ok(()),
    }
}

/// Writes one line of data.
pub(crate) fn line(text: &str) -> Result<(), CliError> {
    write(format!("{text}\n").as_bytes())
}

/// Tells what was done: a message for people, or data for programs.
pub(crate) fn done(text: &str, as_json: bool, value: &serde_json::Value) -> Result<(), CliError> {
    if as_json {
        return line(&value.to_string());
    }
    eprintln!("{text}");
    Ok(())
}

/// Writes rows in columns as wide as their widest cell; numbers lean right.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> Result<(), CliError> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let numeric = |cell: &str| cell == "-" || cell.parse::<f64>().is_ok();
    let right = |column: usize| {
        !rows.is_empty() && rows.iter().all(|row| row.get(column).is_some_and(|cell| numeric(cell)))
    };
    let format_row = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (column, cell) in cells.enumerate() {
            let gap = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
            let pad = if column + 1 == head.len() { "" } else { "  " };
            match (right(column), pad) {
                (true, pad) => text.push_str(&format!("{gap}{cell}{pad}")),
                (false, "") => text.push_str(cell),
                (false, pad) => text.push_str(&format!("{cell}{gap}{pad}")),
            }
        }
        text
    };
    line(&format_row(&mut head.iter().copied()))?;
    for row in rows {
        line(&format_row(&mut row.iter().map(String::as_str)))?;
    }
    Ok(())
}
