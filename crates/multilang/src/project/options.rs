//! Storm options: who says what, and whose word counts.
//!
//! The order is that of `sparse`: options of the environment in `config.json`, over them those of the
//! topology class, over them those of the command line; a component's own options go over all of them in
//! its handshake. Only the options named here have a meaning for the engine; all are told to the children.

use std::time::Duration;

use serde_json::{Map, Value};

use super::error::ProjectError;

/// Storm's name for the seconds between tick tuples.
pub const TICK_SECS: &str = "topology.tick.tuple.freq.secs";
/// Storm's name for the seconds after which a tuple that nobody acked fails.
pub const MESSAGE_TIMEOUT_SECS: &str = "topology.message.timeout.secs";
/// Storm's name for the roots that a spout task may have under way.
pub const MAX_SPOUT_PENDING: &str = "topology.max.spout.pending";
/// Storm's name for the number of ackers; 0 turns acking off.
pub const ACKERS: &str = "topology.acker.executors";
/// Storm's name for the tuples that may be on the way to a shell bolt's child.
pub const SHELLBOLT_MAX_PENDING: &str = "topology.shellbolt.max.pending";
/// Storm's name for the seconds after which a silent child is replaced.
pub const SUBPROCESS_TIMEOUT_SECS: &str = "topology.subprocess.timeout.secs";
/// Storm's fallback for the same.
pub const WORKER_TIMEOUT_SECS: &str = "supervisor.worker.timeout.secs";

/// Storm options by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options(pub Map<String, Value>);

impl Options {
    /// What an environment of `config.json` sets: its `options`, and its `log` under pystorm's names.
    pub fn of_environment(environment: &Map<String, Value>) -> Self {
        let mut options =
            environment.get("options").and_then(Value::as_object).cloned().unwrap_or_default();
        let log = environment.get("log").and_then(Value::as_object).cloned().unwrap_or_default();
        let mut set = |name: &str, value: Option<&Value>| {
            if let Some(value) = value {
                options.insert(format!("pystorm.log.{name}"), value.clone());
            }
        };
        let text = |value: &&Value| value.as_str().is_some_and(|text| !text.is_empty());
        let either = |name: &str, old: &str| {
            log.get(name).filter(text).or_else(|| environment.get(old)).filter(text)
        };
        set("path", either("path", "log_path"));
        set("file", either("file", "log_file"));
        set("max_bytes", log.get("max_bytes").filter(|value| value.is_i64()));
        set("backup_count", log.get("backup_count").filter(|value| value.is_i64()));
        let level = log.get("level").and_then(Value::as_str).map(str::to_lowercase);
        set("level", level.map(Value::from).as_ref());
        Self(options)
    }

    /// Puts `over` over these.
    pub fn extend(&mut self, over: &Map<String, Value>) {
        self.0.extend(over.clone());
    }

    /// Reads `name=value` of a command line; the value is JSON, or else text.
    ///
    /// # Errors
    /// There is no `=`.
    pub fn parse(pair: &str) -> Result<(String, Value), ProjectError> {
        let Some((name, value)) = pair.split_once('=') else {
            let reason = "write NAME=VALUE, as in -o topology.debug=true".to_owned();
            return Err(ProjectError::BadOption { name: pair.to_owned(), reason });
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        Ok((name.trim().to_owned(), value))
    }

    /// A whole number that is not negative; `None` if absent or null.
    ///
    /// # Errors
    /// It is something else.
    pub fn count(&self, name: &str) -> Result<Option<u64>, ProjectError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
                let bad = || ProjectError::BadOption {
                    name: name.to_owned(),
                    reason: format!("must be a whole number, not {value}"),
                };
                number.map(Some).ok_or_else(bad)
            }
        }
    }

    /// A number of seconds; `None` if absent, null or zero.
    ///
    /// # Errors
    /// It is no number, or negative.
    pub fn seconds(&self, name: &str) -> Result<Option<Duration>, ProjectError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
                let duration = number.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                let bad = || ProjectError::BadOption {
                    name: name.to_owned(),
                    reason: format!("must be a number of seconds, not {value}"),
                };
                duration.map(|found| Some(found).filter(|found| !found.is_zero())).ok_or_else(bad)
            }
        }
    }

    /// Whether an option is set to true, in any of the ways people write it.
    pub fn is_true(&self, name: &str) -> bool {
        match self.0.get(name) {
            Some(Value::Bool(truth)) => *truth,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            Some(Value::Number(number)) => number.as_i64().is_some_and(|number| number != 0),
            _ => false,
        }
    }
}
