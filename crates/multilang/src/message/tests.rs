//! Messages both ways, with the liberties that clients take.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(value: Value) -> FromChild {
    serde_json::from_value(value).unwrap()
}

fn emit(value: Value) -> Emit {
    match read(value) {
        FromChild::Emit(emit) => emit,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_emit_with_everything() {
    let got = emit(json!({"command": "emit", "tuple": ["dog", 1], "anchors": ["-69", 7],
        "stream": "s2", "task": 9, "id": {"any": 1}, "need_task_ids": false}));
    let expected = Emit {
        id: Some(json!({"any": 1})),
        stream: "s2".into(),
        anchors: vec![json!("-69"), json!(7)],
        task: Some(9),
        values: vec![json!("dog"), json!(1)],
        need_task_ids: false,
    };
    assert_eq!(got, expected);
}

#[test]
fn an_emit_with_nothing_but_a_tuple_has_the_protocols_defaults() {
    let expected = Emit {
        id: None,
        stream: "default".into(),
        anchors: vec![],
        task: None,
        values: vec![],
        need_task_ids: true,
    };
    assert_eq!(emit(json!({"command": "emit", "tuple": []})), expected);
    let nulls = json!({"command": "emit", "tuple": [], "id": null, "stream": null,
        "anchors": null, "task": 0, "need_task_ids": null});
    assert_eq!(emit(nulls), expected);
}

#[test]
fn anchors_may_be_one_string_and_tasks_may_be_quoted() {
    let got = emit(json!({"command": "emit", "tuple": [], "anchors": "5", "task": "4"}));
    assert_eq!((got.anchors, got.task), (vec![json!("5")], Some(4)));
}

#[test]
fn levels_are_numbers_names_or_absent() {
    let level = |value: Value| match read(json!({"command": "log", "msg": "m", "level": value})) {
        FromChild::Log { level, .. } => level,
        other => panic!("{other:?}"),
    };
    let numbers: Vec<_> = (0..6).map(|number| level(json!(number))).collect();
    use Level::{Debug, Error, Info, Trace, Warn};
    assert_eq!(numbers, [Trace, Debug, Info, Warn, Error, Error]);
    assert_eq!(level(json!("WARNING")), Warn);
    assert_eq!(level(json!(null)), Info);
}

#[test]
fn simple_commands() {
    assert_eq!(read(json!({"pid": 12})), FromChild::Pid(12));
    assert_eq!(read(json!({"command": "sync"})), FromChild::Sync);
    assert_eq!(read(json!({"command": "ack", "id": 7})), FromChild::Ack(json!(7)));
    assert_eq!(read(json!({"command": "fail", "id": "7"})), FromChild::Fail(json!("7")));
    assert_eq!(read(json!({"command": "error", "msg": "m"})), FromChild::Error("m".into()));
    assert_eq!(
        read(json!({"command": "metrics", "name": "n", "params": [1]})),
        FromChild::Metrics { name: "n".into(), params: json!([1]) }
    );
}

#[test]
fn what_is_not_understood_says_why() {
    for (value, needle) in [
        (json!({"command": "dance", "msg": "x"}), "nobody knows"),
        (json!({"command": "emit", "tuple": "x"}), "must be a list"),
        (json!({"command": "ack"}), "no tuple id"),
        (json!({"x": 1}), "neither a command"),
    ] {
        match read(value.clone()) {
            FromChild::Unreadable { reason, .. } => assert!(reason.contains(needle), "{reason}"),
            other => panic!("{value} gave {other:?}"),
        }
    }
}

#[test]
fn the_handshake_has_storms_member_names() {
    let handshake = Handshake {
        conf: serde_json::Map::from_iter([("topology.name".to_owned(), json!("wordcount"))]),
        pid_dir: "/tmp/pids".into(),
        context: Context {
            task_components: BTreeMap::from([(1, "word_spout".into()), (2, "count_bolt".into())]),
            task: 2,
            component: "count_bolt".into(),
            outputs: BTreeMap::from([("default".into(), vec!["word".into(), "count".into()])]),
            targets: BTreeMap::from([("default".into(), BTreeMap::new())]),
            inputs: vec![InputStream {
                component: "word_spout".into(),
                stream: "default".into(),
                fields: vec!["word".into()],
                grouping: json!({"type": "FIELDS", "fields": ["word"]}),
            }],
        },
    };
    let mut out = Vec::new();
    write_handshake(&handshake, &mut out).unwrap();
    let text = out.strip_suffix(b"\nend\n").unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(text).unwrap(),
        json!({"conf": {"topology.name": "wordcount"}, "pidDir": "/tmp/pids", "context": {
            "task->component": {"1": "word_spout", "2": "count_bolt"},
            "taskid": 2, "componentid": "count_bolt", "streams": ["default"],
            "stream->outputfields": {"default": ["word", "count"]},
            "stream->target->grouping": {"default": {}},
            "source->stream->grouping":
                {"word_spout": {"default": {"type": "FIELDS", "fields": ["word"]}}},
            "source->stream->fields": {"word_spout": {"default": ["word"]}}}})
    );
}

#[test]
fn messages_to_the_child_byte_for_byte() {
    let mut out = Vec::new();
    let head = TupleHead { id: 7, component: "word_spout", stream: "default", task: 1 };
    write_tuple(head, ["dog"], &mut out).unwrap();
    write_heartbeat(8, &mut out);
    write_task_ids(&[3, 4], &mut out);
    write_spout_command(&SpoutCommand::Next, &mut out);
    write_spout_command(&SpoutCommand::Ack(json!(17)), &mut out);
    let expected = r#"{"id":"7","comp":"word_spout","stream":"default","task":1,"tuple":["dog"]}
end
{"id":"8","comp":null,"stream":"__heartbeat","task":-1,"tuple":[]}
end
[3,4]
end
{"command":"next","id":""}
end
{"command":"ack","id":17}
end
"#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

proptest! {
    #[test]
    fn any_object_reads_as_something(
        command in prop::sample::select(vec!["emit", "ack", "fail", "log", "error", "metrics", "x"]),
        member in prop::sample::select(vec![
            "id", "tuple", "stream", "anchors", "task", "need_task_ids", "msg", "level", "name", "pid",
        ]),
        value in prop_oneof![
            Just(json!(null)), Just(json!([])), Just(json!({})), Just(json!(1.5)), Just(json!("x")),
            Just(json!(u64::MAX)), Just(json!(-1)), Just(json!(true)), Just(json!([[]])),
        ],
    ) {
        let mut object = json!({"command": command});
        object[member] = value;
        let read: Result<FromChild, _> = serde_json::from_value(object);
        prop_assert!(read.is_ok());
    }
}
