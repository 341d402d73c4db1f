//! `topic`, `config` and `cluster` against a real process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod common;

use common::{BrokerProcess, Folder, run, signal};

#[test]
fn a_topic_is_made_described_changed_and_removed() {
    let folder = Folder::new("topics");
    let broker = BrokerProcess::start(&folder.path, &[]);
    let said =
        broker.run(&["topic", "create", "orders", "-p", "3", "-c", "retention.ms=60000"], b"");
    assert_eq!((said.code, said.err.as_str()), (Some(0), "created topic orders with 3 partitions"));
    assert_eq!(said.text(), "");
    let described = broker.ok(&["topic", "describe", "orders"], b"");
    assert!(described.contains("retention.ms=60000"), "{described}");
    assert_eq!(described.lines().filter(|line| line.ends_with('0')).count(), 4, "{described}");
    let described = broker.run(&["topic", "describe", "orders", "--json"], b"").json();
    assert_eq!(described.len(), 4, "{described:?}");
    assert_eq!(described[2]["partition"], 2);
    assert_eq!(described[3]["settings"]["retention.ms"], "60000");
    broker.ok(&["produce", "orders", "-p", "1"], b"a\nb\n");
    let listed = broker.run(&["topic", "list", "--json"], b"").json();
    assert_eq!(listed, [serde_json::json!({"topic": "orders", "partitions": 3, "records": 2})]);
    let deleted = broker.run(&["topic", "delete", "orders", "--json"], b"").json();
    assert_eq!(deleted, [serde_json::json!({"deleted": "orders"})]);
    assert_eq!(broker.ok(&["topic", "list"], b"").lines().count(), 1);
}

#[test]
fn what_cannot_be_done_is_said_with_the_next_step() {
    let folder = Folder::new("topic-errors");
    let broker = BrokerProcess::start(&folder.path, &[]);
    broker.ok(&["topic", "create", "greetings"], b"");
    let again = broker.fails(&["topic", "create", "greetings"]);
    assert!(again.contains("already exists") && again.contains("topic alter"), "{again}");
    let same = broker.run(&["topic", "create", "greetings", "--if-not-exists", "--json"], b"");
    assert_eq!(same.json(), [serde_json::json!({"topic": "greetings", "created": false})]);
    for arguments in [
        &["topic", "describe", "greeting"][..],
        &["topic", "delete", "greeting"],
        &["config", "describe", "topic", "greeting"],
        &["consume", "greeting", "-e"],
    ] {
        let said = broker.fails(arguments);
        assert!(said.contains("did you mean `greetings`?"), "{arguments:?}: {said}");
    }
    let bad = broker.fails(&["topic", "create", "x", "-c", "retention.ms=soon"]);
    assert!(bad.contains("retention.ms") && bad.contains("soon"), "{bad}");
    let slip = broker.fails(&["topic", "create", "x", "-c", "retetnion.ms=5"]);
    assert!(slip.contains("did you mean `retention.ms`?"), "{slip}");
    let bad = broker.fails(&["topic", "create", "a/b"]);
    assert!(bad.contains("a/b"), "{bad}");
    for arguments in [
        &["topic", "create", "x", "-p", "0"][..],
        &["topic", "create", "x", "-c", "retention.ms"],
        &["topic", "alter", "greetings"],
        &["config", "alter", "topic", "greetings"],
        &["topic", "lits"],
    ] {
        let said = broker.run(arguments, b"");
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.err);
        assert!(!said.err.is_empty());
    }
}

#[test]
fn the_cluster_tells_what_it_is() {
    let folder = Folder::new("cluster");
    let broker = BrokerProcess::start(&folder.path, &[]);
    broker.ok(&["topic", "create", "orders", "-p", "3"], b"");
    let info = broker.run(&["cluster", "info", "--json"], b"").json().remove(0);
    assert_eq!((&info["groups"], info["brokers"].as_array().unwrap().len()), (&0.into(), 1));
    let port = info["brokers"][0]["port"].to_string();
    assert!(broker.kafka.ends_with(&format!(":{port}")), "{info}");
    assert!(info["partitions"].as_u64() >= Some(3), "{info}");
    let text = broker.ok(&["cluster", "info"], b"");
    assert!(text.contains(info["cluster"].as_str().unwrap()), "{text}");
    let apis = broker.ok(&["cluster", "info", "--apis"], b"");
    assert!(apis.lines().any(|line| line.contains(" Fetch ")), "{apis}");
    let settings = broker.run(&["config", "describe", "broker", "0", "--json"], b"").json();
    assert!(settings.iter().any(|setting| setting["name"] == "num.partitions"), "{settings:?}");
    let none = broker.fails(&["config", "describe", "broker", "77"]);
    assert!(none.contains("77"), "{none}");
}

#[test]
fn where_nothing_runs_it_is_said() {
    let folder = Folder::new("nothing");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    for arguments in [
        &["topic", "list"][..],
        &["group", "list"],
        &["cluster", "info"],
        &["consume", "x"],
        &["produce", "x"],
    ] {
        let said = run(arguments, &["--brokers".to_owned(), address.clone()], b"");
        assert_eq!(said.code, Some(1), "{arguments:?}");
        assert!(said.err.contains(&format!("no tidemill is running at {address}")), "{}", said.err);
        assert!(said.err.contains("tidemill broker"), "{}", said.err);
    }
    let said = run(&["topic", "list", "--brokers", "nonsense"], &[], b"");
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("HOST:PORT"), "{}", said.err);
    let said = run(&["topic", "list", "-X", "security.protocol=ssl"], &[], b"");
    assert!(said.err.contains("plain text only"), "{}", said.err);
    drop(folder);
}

#[test]
fn a_broker_ends_cleanly_and_keeps_everything() {
    let folder = Folder::new("broker-end");
    let mut broker = BrokerProcess::start(&folder.path, &[]);
    broker.ok(&["produce", "kept"], b"a\n");
    signal(broker.pid(), "TERM");
    assert_eq!(broker.wait().code(), Some(0));
    let broker = BrokerProcess::start(&folder.path, &[]);
    assert_eq!(broker.ok(&["consume", "kept", "-e"], b""), "a\n");
    let second = run(&["broker", "--listen", "127.0.0.1:0"], &broker.by_data(), b"");
    assert_eq!(second.code, Some(1));
    assert!(second.err.contains("is in use"), "{}", second.err);
    let taken = run(&["broker", "--listen", &broker.kafka], &[], b"");
    assert_eq!(taken.code, Some(1));
    assert!(taken.err.contains("--listen HOST:PORT"), "{}", taken.err);
}

#[test]
fn shells_and_man_are_served() {
    for shell in ["bash", "zsh", "fish"] {
        let said = run(&["completions", shell], &[], b"");
        assert!(said.code == Some(0) && said.text().contains("seek"), "{shell}");
    }
    let folder = Folder::new("man");
    let pages = folder.path.join("pages");
    assert_eq!(run(&["man", pages.to_str().unwrap()], &[], b"").code, Some(0));
    let page = std::fs::read_to_string(pages.join("tidemill-group-seek.1")).unwrap();
    assert!(page.contains("dry"), "{page}");
}

#[test]
fn kafkas_file_is_read_and_what_is_wrong_in_it_is_named() {
    let folder = Folder::new("properties");
    let file = folder.path.join("server.properties");
    let logs = folder.path.join("kafka-logs");
    let text = format!(
        "# A comment\nlisteners=PLAINTEXT://127.0.0.1:0\nlog.dirs={}\nnum.partitions=4\nlog.retentoin.ms=5\n",
        logs.display()
    );
    std::fs::write(&file, &text).unwrap();
    let file = file.to_str().unwrap();
    let mut child = std::process::Command::new(common::TIDEMILL)
        .args(["broker", file, "--override", "num.partitions=6"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut ready).unwrap();
    assert!(ready.contains("kafka=127.0.0.1:") && ready.contains("kafka-logs"), "{ready}");
    let by = ["--data".to_owned(), logs.display().to_string()];
    let made = run(&["topic", "create", "t", "--json"], &by, b"").json();
    assert_eq!(made[0]["partitions"], 6, "{made:?}");
    assert!(logs.join("t-5").is_dir());
    signal(child.id(), "TERM");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let warned = format!(
        "{file} line 5: there is no setting log.retentoin.ms; did you mean log.retention.ms?"
    );
    assert!(said.contains(&warned), "{said}");
    for (arguments, wanted) in [
        (&["broker", file, "--override", "num.partitions=-3"][..], "--override num.partitions=-3"),
        (&["broker", "no-such-file"], "no-such-file"),
    ] {
        let said = run(arguments, &[], b"");
        assert_eq!(said.code, Some(1), "{}", said.err);
        assert!(said.err.contains(wanted), "{}", said.err);
    }
    std::fs::write(file, text.replace("num.partitions=4", "num.partitions=many")).unwrap();
    for arguments in [&["broker", file][..], &["up", "--kafka-config", file]] {
        let said = run(arguments, &[], b"");
        assert_eq!(said.code, Some(1), "{}", said.err);
        assert!(said.err.contains("line 4") && said.err.contains("num.partitions"), "{}", said.err);
    }
}

#[test]
fn a_topic_grows_and_changes_in_use() {
    let folder = Folder::new("alter");
    let broker = BrokerProcess::start(&folder.path, &[]);
    broker.ok(&["topic", "create", "t"], b"");
    broker.ok(&["topic", "alter", "t", "-p", "3", "-c", "retention.ms=60000"], b"");
    let described = broker.run(&["topic", "describe", "t", "--json"], b"").json();
    assert_eq!(described.len(), 4, "{described:?}");
    assert_eq!(described[3]["settings"], serde_json::json!({"retention.ms": "60000"}));
    broker.ok(&["config", "alter", "topic", "t", "--unset", "retention.ms"], b"");
    let described = broker.run(&["topic", "describe", "t", "--json"], b"").json();
    assert_eq!(described[3]["settings"], serde_json::json!({}));
    let fewer = broker.fails(&["topic", "alter", "t", "-p", "2"]);
    assert!(fewer.contains("never lowered"), "{fewer}");
    let slip = broker.fails(&["config", "alter", "topic", "t", "retention.mss=5"]);
    assert!(slip.contains("did you mean `retention.ms`?"), "{slip}");
}

#[test]
fn the_files_of_a_log_are_checked_repaired_and_listed() {
    let folder = Folder::new("log-files");
    let data = folder.path.to_str().unwrap();
    let mut broker = BrokerProcess::start(&folder.path, &[]);
    broker.ok(&["produce", "t", "-k", "key"], b"value\n");
    broker.ok(&["produce", "t", "-k", "key"], b"other\n");
    let open = run(&["log", "check", data], &[], b"");
    assert!(open.code == Some(1) && open.err.contains("in use"), "{}", open.err);
    signal(broker.pid(), "TERM");
    broker.wait();
    let sound = run(&["log", "check", data, "--json"], &[], b"");
    assert_eq!(sound.code, Some(0), "{}", sound.err);
    assert_eq!(sound.json().last().unwrap()["sound"], true);
    let partition = folder.path.join("log/t-0");
    let segment = partition.join("00000000000000000000.log");
    let listed = run(&["log", "dump", segment.to_str().unwrap()], &[], b"");
    assert_eq!((listed.code, listed.text().lines().count()), (Some(0), 2), "{}", listed.err);
    let deep = run(&["log", "dump", partition.to_str().unwrap(), "-r", "--json"], &[], b"").json();
    assert_eq!(deep.len(), 2, "{deep:?}");
    assert!(deep[0].to_string().contains("\"value\":\"value\""), "{deep:?}");
    // A byte in the first batch, which was confirmed and has a good one after it.
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[70] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let broken = run(&["log", "check", data], &[], b"");
    assert_eq!(broken.code, Some(1));
    assert!(broken.text().contains("00000000000000000000.log at byte 0"), "{}", broken.text());
    assert!(broken.err.contains("log repair"), "{}", broken.err);
    let mended = run(&["log", "repair", data], &[], b"");
    assert!(mended.code == Some(0) && mended.text().contains(".corrupt-0"), "{}", mended.text());
    assert_eq!(run(&["log", "check", data], &[], b"").code, Some(0));
    let none = run(&["log", "check", "/no/such/folder"], &[], b"");
    assert!(none.code == Some(1) && none.err.contains("/no/such/folder"), "{}", none.err);
}
