//! What a child is told about its place in the topology, from what the engine tells its task.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidemill_engine::{GroupingInfo, TaskContext};

use super::config::ShellConfig;
use crate::child::{ChildConfig, Role};
use crate::message::{Context, Handshake, InputStream};

/// All that starts the child of a task.
pub(super) fn child_config(config: &ShellConfig, role: Role, task: &TaskContext) -> ChildConfig {
    let mut conf = config.conf.clone();
    conf.entry("topology.name").or_insert_with(|| task.topology().into());
    ChildConfig {
        spec: config.spec.clone(),
        role,
        policy: config.policy.clone(),
        sync: config.sync,
        handshake: Handshake { conf, pid_dir: config.pid_dir.clone(), context: context_of(task) },
        logs: config.logs.clone(),
    }
}

fn context_of(task: &TaskContext) -> Context {
    let declared = task.outputs().iter().filter(|output| !is_system(&output.stream));
    let mut outputs = BTreeMap::new();
    let mut targets = BTreeMap::new();
    for output in declared {
        outputs.insert(output.stream.clone(), output.fields.to_vec());
        let readers = output.targets.iter();
        let readers = readers.map(|(reader, grouping)| (reader.clone(), grouping_json(grouping)));
        targets.insert(output.stream.clone(), readers.collect());
    }
    let inputs = task.inputs().iter().map(|input| InputStream {
        component: input.component.clone(),
        stream: input.stream.clone(),
        fields: input.fields.to_vec(),
        grouping: grouping_json(&input.grouping),
    });
    Context {
        task_components: task
            .task_components()
            .iter()
            .map(|(&task, component)| (i64::from(task), component.clone()))
            .collect(),
        task: i64::from(task.task_id()),
        component: task.component().to_owned(),
        outputs,
        targets,
        inputs: inputs.collect(),
    }
}

fn is_system(stream: &str) -> bool {
    stream.starts_with("__")
}

fn grouping_json(grouping: &GroupingInfo) -> Value {
    match grouping {
        GroupingInfo::Fields(fields) => json!({"type": "FIELDS", "fields": fields}),
        GroupingInfo::PartialKey(_) | GroupingInfo::Custom => json!({"type": "CUSTOM_OBJECT"}),
        GroupingInfo::Shuffle => json!({"type": "SHUFFLE"}),
        GroupingInfo::All => json!({"type": "ALL"}),
        GroupingInfo::Global => json!({"type": "GLOBAL"}),
        GroupingInfo::None => json!({"type": "NONE"}),
        GroupingInfo::Direct => json!({"type": "DIRECT"}),
        GroupingInfo::LocalOrShuffle => json!({"type": "LOCAL_OR_SHUFFLE"}),
    }
}
