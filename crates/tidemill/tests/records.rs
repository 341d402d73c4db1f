//! `produce` and `consume` against a real process, through both carriers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use common::{BrokerProcess, Folder, TIDEMILL, run, signal};
use serde_json::json;

/// The flags that choose each carrier.
fn carriers(broker: &BrokerProcess) -> [(&'static str, Vec<String>); 2] {
    [("own", broker.by_data()), ("librdkafka", broker.by_address())]
}

fn ok(arguments: &[&str], more: &[String], input: &[u8]) -> Vec<u8> {
    let said = run(arguments, more, input);
    assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.err);
    said.out
}

#[test]
fn json_lines_come_back_as_they_went_in() {
    let folder = Folder::new("json");
    let broker = BrokerProcess::start(&folder.path, &[]);
    let records = [
        json!({"key": "AP8=", "value": "/g==", "headers": [["a", "1"], ["a", "2"], ["none", null]], "partition": 1, "timestamp_ms": 1_700_000_000_000i64}),
        json!({"key": null, "value": "", "headers": [], "partition": 1, "timestamp_ms": 1_700_000_000_001i64}),
        json!({"key": "", "value": null, "headers": [], "partition": 1, "timestamp_ms": 5}),
    ];
    let input: String = records.iter().map(|record| format!("{record}\n")).collect();
    for (writer, by) in carriers(&broker) {
        // Our own batches have no null header values.
        let input =
            if writer == "own" { input.replace(",[\"none\",null]", "") } else { input.clone() };
        broker.ok(&["topic", "create", writer, "-p", "2"], b"");
        ok(&["produce", writer, "--json", "--base64"], &by, input.as_bytes());
        for (reader, by) in carriers(&broker) {
            let out = ok(&["consume", writer, "-e", "--json", "--base64"], &by, b"");
            let mut lines: Vec<serde_json::Value> = Vec::new();
            for line in out.lines() {
                let mut line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
                let place = line.as_object_mut().unwrap();
                assert_eq!(place.remove("topic"), Some(json!(writer)));
                assert_eq!(place.remove("offset"), Some(json!(lines.len())));
                lines.push(line);
            }
            let wanted: Vec<serde_json::Value> =
                input.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(lines, wanted, "{writer} to {reader}");
        }
    }
}

#[test]
fn lines_keys_headers_and_files_become_records() {
    let folder = Folder::new("lines");
    let broker = BrokerProcess::start(&folder.path, &[]);
    let file = folder.path.join("whole.bin");
    std::fs::write(&file, b"two\nlines \xff").unwrap();
    for (name, by) in carriers(&broker) {
        for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
            let topic = format!("{name}-{codec}");
            let more = ["-K", ":", "-H", "from=test", "-z", codec, "-Z", "NULL"];
            ok(&[&["produce", &topic][..], &more].concat(), &by, b"k:v\nno key\nk:NULL\n");
            let file = file.to_str().unwrap();
            ok(&["produce", &topic, file, "--whole", "-k", "f", "-z", codec], &by, b"");
            let dash = ["produce", &topic, "-D", "|", "-z", codec, "--acks", "1"];
            ok(&dash, &by, b"a\nb|c");
            let format = "%t %o %k/%K %s/%S %h;";
            let out = ok(&["consume", &topic, "-e", "-f", format, "-Z", "~"], &by, b"");
            let mut wanted = format!(
                "{topic} 0 k/1 v/1 from=test;{topic} 1 ~/-1 no key/6 from=test;\
                 {topic} 2 k/1 ~/-1 from=test;{topic} 3 f/1 two\nlines "
            )
            .into_bytes();
            wanted.push(0xff);
            wanted.extend(format!("/11 ;{topic} 4 ~/-1 a\nb/3 ;{topic} 5 ~/-1 c/1 ;").into_bytes());
            assert_eq!(out, wanted, "{topic}: {}", String::from_utf8_lossy(&out));
        }
    }
}

#[test]
fn a_key_finds_the_same_partition_whoever_writes() {
    let folder = Folder::new("keys");
    let broker = BrokerProcess::start(&folder.path, &[]);
    broker.ok(&["topic", "create", "keys", "-p", "7"], b"");
    let input: String = (0..50).map(|key| format!("key-{key}:x\n")).collect();
    let mut places = Vec::new();
    for (_, by) in carriers(&broker) {
        ok(&["produce", "keys", "-K", ":"], &by, input.as_bytes());
        let out = ok(&["consume", "keys", "-e", "-f", "%k %p\\n"], &by, b"");
        let mut lines: Vec<String> = out.lines().map(Result::unwrap).collect();
        lines.sort();
        lines.dedup();
        places.push(lines);
    }
    assert_eq!(places[0].len(), 50);
    assert_eq!(places[0], places[1]);
}

#[test]
fn reading_begins_and_ends_where_it_is_told() {
    let folder = Folder::new("offsets");
    let broker = BrokerProcess::start(&folder.path, &[]);
    broker.ok(&["topic", "create", "numbers", "-p", "2"], b"");
    let record = |number: i64| {
        format!(
            "{}\n",
            json!({"value": number.to_string(), "timestamp_ms": 1000 * number, "partition": 0})
        )
    };
    let input: String = (0..10).map(record).collect();
    broker.ok(&["produce", "numbers", "--json"], input.as_bytes());
    for (name, by) in carriers(&broker) {
        for (flags, wanted) in [
            (&["-e"][..], "0123456789"),
            (&["-e", "-o", "beginning"], "0123456789"),
            (&["-e", "-o", "end"], ""),
            (&["-e", "-o", "-3"], "789"),
            (&["-e", "-o", "-30"], "0123456789"),
            (&["-e", "-o", "7", "-p", "0"], "789"),
            (&["-e", "-o", "s@6500"], "789"),
            (&["-e", "-o", "s@7000"], "789"),
            (&["-e", "-o", "s@99000"], ""),
            (&["-o", "s@2000", "-o", "e@5000"], "234"),
            (&["-o", "4", "-n", "3", "-p", "0"], "456"),
            (&["-n", "0"], ""),
            (&["-e", "-p", "1"], ""),
            (&["-e", "-f", "%s", "--isolation", "read-committed"], "0123456789"),
        ] {
            let arguments = [&["consume", "numbers"][..], flags].concat();
            let format = if flags.contains(&"-f") { &[][..] } else { &["-f", "%s"] };
            let out = ok(&[&arguments, format].concat(), &by, b"");
            assert_eq!(String::from_utf8_lossy(&out), wanted, "{name}: {flags:?}");
        }
        for flags in [&["-p", "2"][..], &["-o", "11", "-p", "0"]] {
            let said = run(&[&["consume", "numbers", "-e"][..], flags].concat(), &by, b"");
            assert_eq!(said.code, Some(1), "{name} {flags:?}: {}", said.err);
            assert!(said.err.contains("topic `numbers`"), "{}", said.err);
        }
    }
}

#[test]
fn wrong_use_is_code_two() {
    let folder = Folder::new("usage");
    let broker = BrokerProcess::start(&folder.path, &[]);
    broker.ok(&["topic", "create", "t"], b"");
    for (arguments, wanted) in [
        (&["consume", "t", "-f", "%q"][..], "%q is not known"),
        (&["consume", "t", "-o", "sideways"], "beginning"),
        (&["consume", "t", "u"], "-g"),
        (&["consume", "t", "-g", "g", "-o", "5"], "group seek"),
        (&["consume", "t", "-g", "g", "--own-client"], "--own-client does without"),
        (&["consume", "t", "--own-client", "-X", "debug=all"], "librdkafka"),
        (&["produce", "t", "-D", ""], "--delimiter is empty"),
        (&["produce", "t", "-z", "rar"], "zstd"),
        (&["produce", "t", "--acks", "2"], "all, 1 or 0"),
        (&["produce", "t", "-H", "nothing"], "NAME=VALUE"),
    ] {
        let said = broker.run(arguments, b"");
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.err);
        assert!(said.err.contains(wanted), "{arguments:?}: {}", said.err);
    }
}

#[test]
fn what_fails_on_the_way_is_said() {
    let folder = Folder::new("failures");
    let broker = BrokerProcess::start(&folder.path, &[]);
    broker.ok(&["topic", "create", "t", "-c", "max.message.bytes=1000"], b"");
    for (name, by) in carriers(&broker) {
        let said = run(&["produce", "t", "--json"], &by, b"{\"value\":1}\n{oops\n");
        assert_eq!(said.code, Some(1), "{name}: {}", said.err);
        assert!(
            said.err.contains("record 2") && said.err.contains("1 record"),
            "{name}: {}",
            said.err
        );
        let said = run(&["produce", "t", "-p", "9"], &by, b"x\n");
        assert_eq!(said.code, Some(1), "{name}: {}", said.err);
        let said = run(&["produce", "t"], &by, &[b'x'; 5000]);
        assert_eq!(said.code, Some(1), "{name}: {}", said.err);
        let said = run(&["produce", "t", "no-such-file"], &by, b"");
        assert!(said.code == Some(1) && said.err.contains("no-such-file"), "{name}: {}", said.err);
    }
    let said = run(&["consume", "t", "-e", "-X", "sesion.timeout.ms=1"], &broker.by_address(), b"");
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("did you mean `-X session.timeout.ms"), "{}", said.err);
    assert_eq!(broker.ok(&["consume", "t", "-e", "-f", "%s"], b""), "11");
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let folder = Folder::new("pipe");
    let broker = BrokerProcess::start(&folder.path, &[]);
    let line = "x".repeat(1000);
    let input: String = (0..5000).map(|at| format!("{at} {line}\n")).collect();
    broker.ok(&["produce", "t"], input.as_bytes());
    for (name, by) in carriers(&broker) {
        let mut child = Command::new(TIDEMILL)
            .args(["consume", "t"])
            .args(&by)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(first.starts_with("0 xxx"), "{name}");
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""), "{name}");
    }
}

#[test]
fn ctrl_c_is_code_130() {
    let folder = Folder::new("interrupt");
    let broker = BrokerProcess::start(&folder.path, &[]);
    broker.ok(&["produce", "t"], b"first\n");
    for (name, by) in carriers(&broker) {
        let mut child = Command::new(TIDEMILL)
            .args(["consume", "t"])
            .args(&by)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        signal(child.id(), "INT");
        assert_eq!(child.wait().unwrap().code(), Some(130), "{name}");
    }
}
