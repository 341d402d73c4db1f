//! Kafka's `server.properties`, as `broker` and `up` take it: a file, then single settings in its place, then flags.
//!
//! What the names mean is known by `tidemill_broker::settings`; here the file is read and what is wrong with it is told.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tidemill_broker::settings::{ServerSettings, SettingsError, Warning, parse_properties};

use crate::connection::KAFKA_DEFAULT;
use crate::error::CliError;

/// Where what is set stands.
struct Source<'a> {
    file: Option<&'a Path>,
    /// Lines of the file; those after it are the overrides, one each.
    lines: usize,
    overrides: &'a [(String, String)],
}

impl Source<'_> {
    /// A line in words.
    fn place(&self, line: usize) -> String {
        let given = line.checked_sub(self.lines + 1).and_then(|at| self.overrides.get(at));
        match (given, self.file) {
            (Some((name, value)), _) => format!("--override {name}={value}"),
            (None, Some(file)) => format!("{} line {line}", file.display()),
            (None, None) => format!("line {line}"),
        }
    }
}

/// Reads the file and the overrides, and says on standard error what its owner should know.
///
/// # Errors
/// The file cannot be read, or a value in it is not possible; the error names file, line, setting and range.
pub(crate) fn read(
    file: Option<&Path>,
    overrides: &[(String, String)],
) -> Result<ServerSettings, CliError> {
    let mut text = match file {
        None => String::new(),
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| CliError::failed(format!("cannot read {}", file.display()), error))?,
    };
    let source = Source { file, lines: text.lines().count(), overrides };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for (name, value) in overrides {
        text.push_str(&format!("{name}={value}\n"));
    }
    let (settings, warnings) = parse_properties(&text).map_err(|error| refused(&source, &error))?;
    for Warning { line, text } in warnings {
        eprintln!("warning: {}: {text}", source.place(line));
    }
    Ok(settings)
}

fn refused(source: &Source<'_>, error: &SettingsError) -> CliError {
    let help = "docs/configuration.md lists the settings, their ranges and defaults";
    let what = match (error, source.file) {
        (SettingsError::Value { line, why }, _) => {
            return CliError::with_help(source.place(*line), why, help);
        }
        (_, Some(file)) => file.display().to_string(),
        (_, None) => "the settings".to_owned(),
    };
    CliError::with_help(what, error, help)
}

/// Where to listen: the flag, the settings, or the usual address.
pub(crate) fn listen(flag: Option<SocketAddr>, settings: &ServerSettings) -> SocketAddr {
    let stated = settings.broker.stated.contains_key("listeners");
    let usual = || KAFKA_DEFAULT.parse().unwrap_or(settings.broker.listen);
    flag.unwrap_or_else(|| if stated { settings.broker.listen } else { usual() })
}

/// The folder of the log if the settings name one.
pub(crate) fn log_folder(settings: &ServerSettings) -> Option<PathBuf> {
    let names = ["log.dirs", "log.dir"];
    let is_stated = names.iter().any(|name| settings.broker.stated.contains_key(*name));
    is_stated.then(|| settings.log.dir.clone())
}
