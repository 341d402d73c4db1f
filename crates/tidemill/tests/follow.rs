//! A log that is still being written is followed line by line, and is the same log later.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod common;

use std::io::Write;
use std::process::{Command, Stdio};

use common::{Folder, TIDEMILL, Up};

const SITE: &str = "follow.example";

fn line(minute: u32) -> String {
    format!(
        "198.18.0.1 - - [17/May/2015:10:{minute:02}:03 +0000] \"GET /a HTTP/1.1\" 200 1 \"-\" \
         \"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\"\n"
    )
}

fn wait_for_views(up: &Up, wanted: u64) {
    let question = format!(
        "/v2/analytics/post/detail?apikey={SITE}&url={SITE}/a&period_start=2015-05-17&period_end=2015-05-17"
    );
    up.wait_for(&question, |answer| {
        (answer["data"][0]["metrics"]["views"].as_u64() == Some(wanted)).then_some(())
    });
}

#[test]
fn lines_count_as_they_come_and_only_once() {
    let folder = Folder::new("follow");
    let up = Up::start(&folder.path.join("data"), &[]);
    let log = folder.path.join("access.log");
    let mut file = std::fs::File::create(&log).unwrap();
    let http = format!("http://{}", up.http);
    let import = || {
        let mut command = Command::new(TIDEMILL);
        command.args(["import", "access-log", log.to_str().unwrap(), "--site", SITE]);
        command.args(["--http", &http]);
        command
    };
    let mut following = import().arg("--follow").stderr(Stdio::null()).spawn().unwrap();
    for minute in 1..=3 {
        file.write_all(line(minute).as_bytes()).unwrap();
        wait_for_views(&up, u64::from(minute));
    }
    following.kill().unwrap();
    following.wait().unwrap();
    file.write_all(line(4).as_bytes()).unwrap();
    let output = import().output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("1 page views stored") && said.contains("3 known already"), "{said}");
    wait_for_views(&up, 4);
}
