//! What the tests of the program share: a folder of their own and a running `tidemill up`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may"
)]
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The program under test.
pub(crate) const TIDEMILL: &str = env!("CARGO_BIN_EXE_tidemill");
/// A condition that is not met by then has failed.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A folder that is removed in the end.
pub(crate) struct Folder {
    pub path: PathBuf,
}

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidemill-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self { path }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A running `tidemill up` on free ports; killed when dropped.
pub(crate) struct Up {
    child: Child,
    pub kafka: String,
    /// `HOST:PORT`.
    pub http: String,
}

impl Up {
    pub(crate) fn start(data: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(TIDEMILL)
            .args(["up", "--kafka", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.find_map(|line| line.ok()?.strip_prefix("ready ").map(str::to_owned));
        let ready = ready.expect("`tidemill up` ended before it was ready");
        std::thread::spawn(move || lines.for_each(drop));
        let value = |name: &str| {
            ready.split(' ').find_map(|word| word.strip_prefix(name)).unwrap().to_owned()
        };
        let http = value("http=http://");
        Self { kafka: value("kafka="), http, child }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process still runs.
    pub(crate) fn is_up(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the process to end by itself.
    pub(crate) fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// The JSON answer to a question.
    pub(crate) fn get(&self, path: &str) -> serde_json::Value {
        let url = format!("http://{}{path}", self.http);
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.get(&url).call().unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{url}: {error}: {text}"))
    }

    /// Asks until the answer satisfies the condition.
    pub(crate) fn wait_for<T>(
        &self,
        path: &str,
        mut found: impl FnMut(&serde_json::Value) -> Option<T>,
    ) -> T {
        let started = Instant::now();
        loop {
            let answer = self.get(path);
            if let Some(value) = found(&answer) {
                return value;
            }
            if started.elapsed() > WAIT_MAX {
                panic!("{path} still answers {:.500}", answer.to_string());
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a command said and how it ended.
pub(crate) struct Said {
    pub code: Option<i32>,
    pub out: Vec<u8>,
    pub err: String,
}

impl Said {
    /// Standard output as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }

    /// Each line of standard output as JSON.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A running `tidemill broker` on a free port; killed when dropped.
pub(crate) struct BrokerProcess {
    child: Child,
    pub kafka: String,
    pub data: PathBuf,
}

impl BrokerProcess {
    pub(crate) fn start(data: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(TIDEMILL)
            .args(["broker", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let mut words = ready.trim_end().split(' ');
        assert_eq!(words.next(), Some("ready"), "{ready}");
        let kafka = words.next().unwrap().strip_prefix("kafka=").unwrap().to_owned();
        Self { child, kafka, data: data.to_path_buf() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the process to end by itself.
    pub(crate) fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// The flags that reach this broker by its data folder, and so by our own client.
    pub(crate) fn by_data(&self) -> Vec<String> {
        vec!["--data".to_owned(), self.data.display().to_string()]
    }

    /// The flags that name this broker, and so choose librdkafka.
    pub(crate) fn by_address(&self) -> Vec<String> {
        vec!["--brokers".to_owned(), self.kafka.clone()]
    }

    /// Runs a command against this broker and waits for its end.
    pub(crate) fn run(&self, arguments: &[&str], input: &[u8]) -> Said {
        run(arguments, &self.by_data(), input)
    }

    /// Runs a command that must succeed, and returns its standard output.
    pub(crate) fn ok(&self, arguments: &[&str], input: &[u8]) -> String {
        let said = self.run(arguments, input);
        assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.err);
        String::from_utf8(said.out).unwrap()
    }

    /// Runs a command that must fail with code 1, and returns what it said.
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments, b"");
        assert_eq!(said.code, Some(1), "{arguments:?}: {}", said.err);
        said.err
    }
}

impl Drop for BrokerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command and waits for its end.
pub(crate) fn run(arguments: &[&str], more: &[String], input: &[u8]) -> Said {
    let mut child = Command::new(TIDEMILL)
        .args(arguments)
        .args(more)
        .env_remove("TIDEMILL_BROKERS")
        // Errors are wrapped to the terminal's width, which would cut names in two.
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that fails at once does not read it.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    // One line, however it was wrapped.
    let err = err.replace("\n  │ ", " ").split_whitespace().collect::<Vec<_>>().join(" ");
    Said { code: output.status.code(), out: output.stdout, err }
}

/// Sends a signal by name.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}
