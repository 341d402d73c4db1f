//! What a stranger may send: each time a clear refusal, nothing lost, the process up.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may"
)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use common::{Folder, TIDEMILL, Up};

/// Sends bytes and returns all that comes back until the other side closes or says no more for a while.
fn raw(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    // The other side may close before it has read everything; what it said before counts.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read) = stream.read(&mut piece) {
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&piece[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(up: &Up, target: &str) -> String {
    let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    raw(&up.http, request.as_bytes())
}

fn post(up: &Up, target: &str, body: &str) -> String {
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    raw(&up.http, request.as_bytes())
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// The process is up when it takes a good hit and counts it.
fn still_counts(up: &mut Up, post: &str) {
    assert!(up.is_up());
    let hit = format!(
        "/plogger/?rand=1&idsite=bad.example&url=https%3A%2F%2Fbad.example%2F{post}&urlref=&action=pageview"
    );
    assert_eq!(status(&get(up, &hit)), 200);
    let question = format!(
        "/v2/analytics/post/detail?apikey=bad.example&url=bad.example/{post}&period_start=1h&bots=include"
    );
    up.wait_for(&question, |answer| (answer["data"][0]["metrics"]["views"] == 1).then_some(()));
}

#[test]
fn http_refuses_clearly_and_stays_up() {
    let folder = Folder::new("bad-http");
    let mut up = Up::start(&folder.path, &[]);
    let no_site = get(&up, "/plogger/?rand=1&url=https%3A%2F%2Fa.example%2F");
    assert_eq!(status(&no_site), 400, "{no_site}");
    assert!(no_site.contains("idsite"), "{no_site}");
    let no_url = get(&up, "/plogger/?rand=1&idsite=a.example");
    assert_eq!(status(&no_url), 400, "{no_url}");
    assert!(no_url.contains("url"), "{no_url}");
    let long = format!("/plogger/?idsite=a.example&url={}", "a".repeat(1 << 20));
    let refused = get(&up, &long);
    assert!([400, 414, 431].contains(&status(&refused)), "{refused}");
    let bomb = post(&up, "/mobileproxy", &"[".repeat(60_000));
    assert_eq!(status(&bomb), 400, "{bomb}");
    let big = post(&up, "/mobileproxy", &" ".repeat(1 << 20));
    assert_eq!(status(&big), 413, "{big}");
    let garbage = raw(&up.http, &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 9, 9, 9]);
    assert!(garbage.is_empty() || status(&garbage) == 400, "{garbage}");
    still_counts(&mut up, "after");
}

#[test]
fn the_kafka_port_survives_garbage_and_giant_frames() {
    let folder = Folder::new("bad-kafka");
    let mut up = Up::start(&folder.path, &[]);
    let mut noise = Vec::new();
    let mut word = 0x9E37_79B9_7F4A_7C15u64;
    for _ in 0..4096 {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        noise.extend_from_slice(&word.to_le_bytes());
    }
    for start in (0..noise.len()).step_by(1024) {
        raw(&up.kafka, &noise[start..]);
    }
    // A frame that announces two gigabytes, and one of a negative size.
    assert_eq!(raw(&up.kafka, &[0x7f, 0xff, 0xff, 0xff, 0, 18, 0, 3]), "");
    assert_eq!(raw(&up.kafka, &[0xff, 0xff, 0xff, 0xff, 0, 18, 0, 3]), "");
    let resident =
        std::fs::read_to_string(format!("/proc/{}/status", up.pid())).unwrap_or_default();
    let line = resident.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 500_000, "{kilobytes} kB resident after frames that only announce");
    still_counts(&mut up, "after");
}

fn fails_to_start(arguments: &[&str]) -> String {
    let output = Command::new(TIDEMILL).arg("up").args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_folder_or_port_in_use_is_named() {
    let folder = Folder::new("bad-start");
    let other = Folder::new("bad-start-other");
    let mut up = Up::start(&folder.path, &[]);
    let (data, free) = (folder.path.to_str().unwrap(), "127.0.0.1:0");
    let said = fails_to_start(&["--data", data, "--kafka", free, "--http", free]);
    assert!(said.contains("in use"), "{said}");
    let data = other.path.to_str().unwrap();
    let said = fails_to_start(&["--data", data, "--kafka", &up.kafka, "--http", free]);
    assert!(said.contains(&up.kafka) && said.contains("--kafka"), "{said}");
    let said = fails_to_start(&["--data", data, "--kafka", free, "--http", &up.http]);
    assert!(said.contains(&up.http) && said.contains("--http"), "{said}");
    still_counts(&mut up, "after");
}

#[test]
fn a_site_with_a_secret_and_hosts_keeps_both() {
    let folder = Folder::new("sites");
    let file = folder.path.join("sites.json");
    let sites = r#"[{"id": "shy.example", "secret": "open", "hosts": ["shy.example"]}]"#;
    std::fs::write(&file, sites).unwrap();
    let up = Up::start(&folder.path.join("data"), &["--sites", file.to_str().unwrap()]);
    let hit = |host: &str| {
        let url = format!("https%3A%2F%2F{host}%2Fpost");
        status(&get(
            &up,
            &format!("/plogger/?rand=1&idsite=shy.example&url={url}&urlref=&action=pageview"),
        ))
    };
    assert_eq!(hit("shy.example"), 200);
    assert_ne!(hit("elsewhere.example"), 200);
    let question = "/v2/analytics/posts?apikey=shy.example&period_start=1h&bots=include";
    up.wait_for(&format!("{question}&secret=open"), |answer| {
        (answer["data"][0]["metrics"]["views"] == 1).then_some(())
    });
    assert_eq!(up.get(question)["code"], 403);
    assert_eq!(up.get(&format!("{question}&secret=shut"))["code"], 403);
    let listed =
        |query: &str| up.get(&format!("/live/sites{query}"))["sites"].as_array().unwrap().len();
    assert_eq!((listed(""), listed("?secret=open")), (0, 1));
    assert_eq!(status(&get(&up, "/live/stream?site=shy.example&window=1h")), 403);
    let data = folder.path.join("other");
    std::fs::write(&file, "[{}]").unwrap();
    let arguments = ["--data", data.to_str().unwrap(), "--sites", file.to_str().unwrap()];
    let said = fails_to_start(&arguments);
    assert!(said.contains("missing field `id`"), "{said}");
}

#[test]
fn reading_commands_say_when_nothing_runs() {
    let folder = Folder::new("bad-none");
    let data = folder.path.to_str().unwrap();
    let commands: [&[&str]; 3] = [
        &["analytics", "posts", "--site", "a", "--http", "http://127.0.0.1:1"],
        &["topic", "list", "--kafka", "127.0.0.1:1"],
        &["consume", "t", "--kafka", "127.0.0.1:1"],
    ];
    for arguments in commands {
        let output =
            Command::new(TIDEMILL).args(arguments).args(["--data", data]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("no tidemill is running"), "{said}");
        assert!(said.contains("tidemill up"), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_drains_and_ends_at_once() {
    let folder = Folder::new("interrupt");
    let mut up = Up::start(&folder.path, &["--demo"]);
    up.wait_for("/live/sites", |answer| (answer["sites"].as_array()?.len() == 2).then_some(()));
    let started = std::time::Instant::now();
    Command::new("kill").args(["-INT", &up.pid().to_string()]).status().unwrap();
    let status = up.wait();
    println!("ended after {:?} with {status}", started.elapsed());
    assert_eq!(status.code(), Some(0));
    // A clean stop is seen at the next start: nothing has to be recovered.
    let mut again = Up::start(&folder.path, &[]);
    still_counts(&mut again, "after");
}
