//! The first message to a child: its configuration and its place in the topology.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

/// What a child is told before anything else.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Handshake {
    /// Storm's options, those of the component over those of the topology.
    pub conf: Map<String, Value>,
    /// A directory (made if it is not there) in which the child leaves an empty file named by its process id.
    pub pid_dir: PathBuf,
    /// The child's place in the topology.
    pub context: Context,
}

/// A child's place in the topology.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    /// Every task of the topology and the component that it belongs to. Task numbers begin at 1.
    pub task_components: BTreeMap<i64, String>,
    /// The child's own task.
    pub task: i64,
    /// The child's own component.
    pub component: String,
    /// The streams that the component declares, with their fields.
    pub outputs: BTreeMap<String, Vec<String>>,
    /// Who listens to which stream: stream → component → grouping, as JSON.
    pub targets: BTreeMap<String, BTreeMap<String, Value>>,
    /// What the component listens to.
    pub inputs: Vec<InputStream>,
}

/// One stream that a component listens to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InputStream {
    /// The component that emits it.
    pub component: String,
    /// Its name.
    pub stream: String,
    /// Its fields; clients give the values these names.
    pub fields: Vec<String>,
    /// How it is spread over the tasks, as JSON: `{"type":"FIELDS","fields":["word"]}`.
    pub grouping: Value,
}

impl Handshake {
    /// The message as JSON, with the member names of Storm's `ShellProcess`.
    pub fn to_json(&self) -> Value {
        let context = &self.context;
        json!({
            "conf": self.conf,
            "pidDir": self.pid_dir.to_string_lossy(),
            "context": {
                "task->component": context.task_components,
                "taskid": context.task,
                "componentid": context.component,
                "streams": context.outputs.keys().collect::<Vec<_>>(),
                "stream->outputfields": context.outputs,
                "stream->target->grouping": context.targets,
                "source->stream->grouping": context.by_source(|input| input.grouping.clone()),
                "source->stream->fields": context.by_source(|input| json!(input.fields)),
            },
        })
    }
}

impl Context {
    fn by_source(&self, of: impl Fn(&InputStream) -> Value) -> Value {
        let mut sources = Map::new();
        for input in &self.inputs {
            let streams = sources.entry(input.component.clone()).or_insert_with(|| json!({}));
            if let Some(streams) = streams.as_object_mut() {
                streams.insert(input.stream.clone(), of(input));
            }
        }
        Value::Object(sources)
    }
}
