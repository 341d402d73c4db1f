//! Messages from the child.

use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::names::DEFAULT_STREAM;

/// What a child says.
#[derive(Clone, Debug, PartialEq)]
pub enum FromChild {
    /// The answer to the handshake: its process id.
    Pid(i64),
    /// A tuple for a stream.
    Emit(Emit),
    /// A bolt has processed the tuple with this identifier.
    Ack(Value),
    /// A bolt could not process the tuple with this identifier.
    Fail(Value),
    /// A line for the log.
    Log {
        /// How grave it is.
        level: Level,
        /// The line, or several.
        text: String,
    },
    /// The child reports a problem of its own; it goes on or ends itself.
    Error(String),
    /// A measured value.
    Metrics {
        /// The metric's name.
        name: String,
        /// The value, of any shape.
        params: Value,
    },
    /// A spout has carried out a command, or a bolt has seen a heartbeat.
    Sync,
    /// A JSON object that is none of the above, and what is wrong with it.
    Unreadable {
        /// Why it was not understood.
        reason: &'static str,
        /// The object, as JSON.
        text: String,
    },
}

/// A tuple that a child emits.
#[derive(Clone, Debug, PartialEq)]
pub struct Emit {
    /// A spout's identifier for the tuple; `None` if nobody wants to hear of its fate.
    pub id: Option<Value>,
    /// The stream, `default` unless named.
    pub stream: String,
    /// Identifiers of the tuples that this one is made of.
    pub anchors: Vec<Value>,
    /// The receiving task of a direct emit.
    pub task: Option<i64>,
    /// The values.
    pub values: Vec<Value>,
    /// Whether the child waits for the list of receiving tasks.
    pub need_task_ids: bool,
}

/// How grave a log line is; the protocol's numbers 0 to 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// 0
    Trace,
    /// 1
    Debug,
    /// 2, and whatever has no level
    Info,
    /// 3
    Warn,
    /// 4
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        })
    }
}

impl Level {
    fn from_json(value: Option<&Value>) -> Self {
        let number = value.and_then(Value::as_i64);
        let name = value.and_then(Value::as_str).map(str::to_ascii_lowercase);
        match (number, name.as_deref()) {
            (Some(..=0), _) | (_, Some("trace")) => Self::Trace,
            (Some(1), _) | (_, Some("debug")) => Self::Debug,
            (Some(3), _) | (_, Some("warn" | "warning")) => Self::Warn,
            (Some(4..), _) | (_, Some("error" | "critical" | "fatal")) => Self::Error,
            _ => Self::Info,
        }
    }
}

/// All members that any command has; each as loose as the clients are.
#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    command: Option<Value>,
    #[serde(default)]
    pid: Option<Value>,
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    tuple: Option<Value>,
    #[serde(default)]
    stream: Option<Value>,
    #[serde(default)]
    anchors: Option<Value>,
    #[serde(default)]
    task: Option<Value>,
    #[serde(default)]
    need_task_ids: Option<Value>,
    #[serde(default)]
    msg: Option<Value>,
    #[serde(default)]
    level: Option<Value>,
    #[serde(default)]
    name: Option<Value>,
    #[serde(default)]
    params: Option<Value>,
}

impl<'de> Deserialize<'de> for FromChild {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Raw::deserialize(deserializer).map(Self::from_raw)
    }
}

impl FromChild {
    fn from_raw(raw: Raw) -> Self {
        let Some(command) = raw.command.as_ref().and_then(Value::as_str) else {
            return match raw.pid.as_ref().and_then(Value::as_i64) {
                Some(pid) => Self::Pid(pid),
                None => raw.unreadable("it has neither a command nor a pid"),
            };
        };
        match command {
            "emit" => Self::emit(raw),
            "ack" => raw.id.map_or(no_id("ack"), Self::Ack),
            "fail" => raw.id.map_or(no_id("fail"), Self::Fail),
            "log" => Self::Log { level: Level::from_json(raw.level.as_ref()), text: text(raw.msg) },
            "error" => Self::Error(text(raw.msg)),
            "metrics" => {
                Self::Metrics { name: text(raw.name), params: raw.params.unwrap_or_default() }
            }
            "sync" => Self::Sync,
            _ => raw.unreadable("nobody knows this command"),
        }
    }

    fn emit(mut raw: Raw) -> Self {
        let values = match raw.tuple.take() {
            Some(Value::Array(values)) => values,
            tuple => {
                raw.tuple = tuple;
                return raw.unreadable("the tuple of an emit must be a list");
            }
        };
        Self::Emit(Emit {
            id: raw.id.filter(|id| !id.is_null()),
            stream: match raw.stream {
                Some(Value::String(stream)) if !stream.is_empty() => stream,
                None | Some(Value::Null | Value::String(_)) => DEFAULT_STREAM.to_owned(),
                // Petrel and others number their streams.
                Some(other) => other.to_string(),
            },
            anchors: match raw.anchors {
                None | Some(Value::Null) => Vec::new(),
                Some(Value::Array(anchors)) => anchors,
                Some(anchor) => vec![anchor],
            },
            task: raw.task.as_ref().and_then(integer).filter(|&task| task != 0),
            values,
            need_task_ids: raw.need_task_ids.as_ref().and_then(Value::as_bool).unwrap_or(true),
        })
    }
}

impl Raw {
    fn unreadable(self, reason: &'static str) -> FromChild {
        let members = [
            ("command", self.command),
            ("pid", self.pid),
            ("id", self.id),
            ("stream", self.stream),
            ("tuple", self.tuple),
            ("msg", self.msg),
            ("name", self.name),
            ("params", self.params),
        ];
        let object =
            members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let text = Value::Object(object.collect()).to_string();
        FromChild::Unreadable { reason, text: crate::frame::lossy(text.as_bytes()) }
    }
}

fn no_id(command: &str) -> FromChild {
    FromChild::Unreadable {
        reason: "it names no tuple id",
        text: format!("{{\"command\":\"{command}\"}}"),
    }
}

/// A number, also when a client wrote it in quotes.
fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn text(value: Option<Value>) -> String {
    match value {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    }
}
