//! `group`, and `consume` in one, against a real process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use common::{BrokerProcess, Folder, TIDEMILL, signal};
use serde_json::{Value, json};

/// A `consume -g` that goes on; killed when dropped.
struct Member {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Member {
    fn join(broker: &BrokerProcess, group: &str, topic: &str) -> Self {
        Self::join_with(broker, group, topic, &[])
    }

    fn join_with(broker: &BrokerProcess, group: &str, topic: &str, more: &[&str]) -> Self {
        let mut child = Command::new(TIDEMILL)
            .args(["consume", topic, "-g", group, "-f", "%p:%s\\n"])
            .args(more)
            .args(broker.by_address())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn interrupt(mut self) {
        signal(self.child.id(), "INT");
        assert_eq!(self.child.wait().unwrap().code(), Some(130));
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn describe(broker: &BrokerProcess, group: &str) -> (Value, Vec<Value>) {
    let mut lines = broker.run(&["group", "describe", group, "--json"], b"").json();
    (lines.remove(0), lines)
}

fn broker(name: &str) -> (Folder, BrokerProcess) {
    let folder = Folder::new(name);
    let broker = BrokerProcess::start(&folder.path, &[]);
    broker.ok(&["topic", "create", "orders", "-p", "2"], b"");
    let record = |at: i64| {
        format!(
            "{}\n",
            json!({"value": at.to_string(), "partition": at % 2, "timestamp_ms": at * 1000})
        )
    };
    let input: String = (0..10).map(record).collect();
    broker.ok(&["produce", "orders", "--json"], input.as_bytes());
    (folder, broker)
}

#[test]
fn a_group_goes_on_where_it_was() {
    let (_folder, broker) = broker("group-read");
    let consume = |more: &[&str]| {
        let arguments = [&["consume", "orders", "-g", "g", "-f", "%s\\n"][..], more].concat();
        let text = broker.ok(&arguments, b"");
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut read = consume(&["-n", "3"]);
    assert_eq!(read.len(), 3);
    let (head, rows) = describe(&broker, "g");
    assert_eq!((&head["state"], &head["members"]), (&json!("Empty"), &json!([])));
    let lag: i64 = rows.iter().filter_map(|row| row["lag"].as_i64()).sum();
    let committed: i64 = rows.iter().filter_map(|row| row["committed"].as_i64()).sum();
    assert_eq!(committed, 3, "{rows:?}");
    assert!(lag == 7 || (rows.len() == 1 && lag == 2), "{rows:?}");
    read.extend(consume(&["-e"]));
    read.sort();
    assert_eq!(read, (0..10).map(|at| at.to_string()).collect::<Vec<_>>());
    assert!(consume(&["-e"]).is_empty());
    let listed = broker.run(&["group", "list", "--json"], b"").json();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0]["group"], &listed[0]["state"]), (&json!("g"), &json!("Empty")));
}

#[test]
fn a_live_group_is_not_moved() {
    let (_folder, broker) = broker("group-live");
    let mut member = Member::join(&broker, "g", "orders");
    for _ in 0..10 {
        member.line();
    }
    let (head, rows) = describe(&broker, "g");
    assert_eq!(head["members"].as_array().unwrap().len(), 1, "{head}");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["member"], head["members"][0]["member"]);
    let text = broker.ok(&["group", "describe", "g"], b"");
    assert!(text.contains("Stable, 1 member") && text.contains("tidemill@127.0.0.1"), "{text}");
    for arguments in [&["group", "seek", "g", "--to", "beginning"][..], &["group", "reset", "g"]] {
        let said = broker.fails(arguments);
        assert!(said.contains("Stable with 1 member (tidemill@127.0.0.1)"), "{said}");
        assert!(said.contains("stop the members"), "{said}");
    }
    let said = broker.fails(&["group", "delete", "g"]);
    assert!(said.contains("stop its members first"), "{said}");
    member.interrupt();
    // What was read before the interrupt is committed, and the member has left.
    let (head, rows) = describe(&broker, "g");
    assert_eq!(head["members"], json!([]), "{head}");
    assert!(rows.iter().all(|row| row["lag"] == 0), "{rows:?}");
    broker.ok(&["group", "seek", "g", "--to", "beginning"], b"");
    let mut member = Member::join(&broker, "g", "orders");
    assert!(member.line().ends_with([':', '0', '1']));
}

#[test]
fn a_group_is_moved_to_anywhere() {
    let (_folder, broker) = broker("group-seek");
    broker.ok(&["consume", "orders", "-g", "g", "-e"], b"");
    let seek = |to: &str, more: &[&str]| {
        let arguments = [&["group", "seek", "g", "--json", "--to", to][..], more].concat();
        let rows = broker.run(&arguments, b"").json();
        rows.iter().map(|row| row["to"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(seek("beginning", &["--dry-run"]), [0, 0]);
    assert_eq!(describe(&broker, "g").1[0]["committed"], 5);
    assert_eq!(seek("beginning", &[]), [0, 0]);
    assert_eq!(seek("+2", &[]), [2, 2]);
    assert_eq!(seek("-1", &["-t", "orders:1"]), [1]);
    assert_eq!(seek("3", &[]), [3, 3]);
    assert_eq!(seek("+99", &[]), [5, 5]);
    assert_eq!(seek("-99", &[]), [0, 0]);
    assert_eq!(seek("end", &["-t", "orders"]), [5, 5]);
    // Partition 0 has times 0, 2000, …; partition 1 has 1000, 3000, ….
    assert_eq!(seek("@3000", &[]), [2, 1]);
    assert_eq!(seek("@99999", &[]), [5, 5]);
    let rows: Vec<Value> =
        describe(&broker, "g").1.iter().map(|row| row["committed"].clone()).collect();
    assert_eq!(rows, [5, 5]);
    let new = broker.run(&["group", "seek", "new", "--to", "2", "-t", "orders:0", "--json"], b"");
    assert_eq!(new.json()[0]["from"], Value::Null, "{}", new.err);
    assert_eq!(describe(&broker, "new").1[0]["committed"], 2);
    for (arguments, wanted) in [
        (&["group", "seek", "gg", "--to", "end"][..], "did you mean `g`?"),
        (&["group", "seek", "g", "--to", "end", "-t", "order"], "did you mean `orders`?"),
        (&["group", "seek", "g", "--to", "end", "-t", "orders:7"], "2 partitions"),
        (&["group", "describe", "gg"], "did you mean `g`?"),
        (&["group", "delete", "gg"], "did you mean `g`?"),
    ] {
        let said = broker.fails(arguments);
        assert!(said.contains(wanted), "{arguments:?}: {said}");
    }
    for arguments in [
        &["group", "seek", "g"][..],
        &["group", "seek", "g", "--to", "there"],
        &["group", "seek", "g", "--to", "0", "-t", "orders:x"],
    ] {
        assert_eq!(broker.run(arguments, b"").code, Some(2), "{arguments:?}");
    }
    broker.ok(&["group", "delete", "g"], b"");
    assert!(broker.fails(&["group", "describe", "g"]).contains("no such group"));
}

#[test]
fn a_group_is_forgotten_in_part_or_whole() {
    let (_folder, broker) = broker("group-reset");
    broker.ok(&["consume", "orders", "-g", "g", "-e"], b"");
    let dry = broker.run(&["group", "reset", "g", "--dry-run", "--json"], b"").json();
    assert_eq!(dry.len(), 2);
    broker.ok(&["group", "reset", "g", "-t", "orders:1"], b"");
    let rows = describe(&broker, "g").1;
    assert_eq!((rows.len(), &rows[0]["partition"]), (1, &json!(0)), "{rows:?}");
    let none = broker.fails(&["group", "reset", "g", "-t", "orders:1"]);
    assert!(none.contains("no offsets"), "{none}");
}

#[test]
fn a_group_of_the_new_protocol_is_seen_and_not_moved() {
    let (_folder, broker) = broker("group-consumer");
    let mut member = Member::join_with(&broker, "g", "orders", &["-X", "group.protocol=consumer"]);
    for _ in 0..10 {
        member.line();
    }
    let (head, rows) = describe(&broker, "g");
    assert_eq!(
        (&head["protocol"], &head["state"]),
        (&json!("consumer"), &json!("Stable")),
        "{head}"
    );
    assert!(rows.iter().all(|row| row["member"] == head["members"][0]["member"]), "{rows:?}");
    let said = broker.fails(&["group", "seek", "g", "--to", "end"]);
    assert!(said.contains("stop the members"), "{said}");
    member.interrupt();
    broker.ok(&["group", "seek", "g", "--to", "beginning"], b"");
    let listed = broker.run(&["group", "list", "--json"], b"").json();
    assert_eq!(listed[0]["protocol"], "consumer");
}
