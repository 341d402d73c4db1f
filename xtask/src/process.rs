//! Child processes of the automation: run to the end, run within a time, or kept until dropped.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What went wrong, in words for a person.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// A command in a folder.
pub(crate) fn command(root: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root);
    command
}

/// Runs a command with its output shown.
///
/// # Errors
/// It could not be started, or ended with a failure.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = describe(command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{name}` ended with {status}")),
        Err(error) => Err(format!("`{name}` could not be started: {error}")),
    }
}

/// Runs a command and returns what it printed on standard output; standard error is shown.
///
/// # Errors
/// It could not be started, or ended with a failure.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = describe(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("`{name}` could not be started: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(format!("`{name}` ended with {}\n{text}", output.status))
    }
}

/// Runs a command and returns whether it succeeded with everything it printed on standard output, which is also shown.
pub(crate) fn tee(command: &mut Command) -> Result<(bool, String)> {
    let name = describe(command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("`{name}` could not be started: {error}"))?;
    let mut text = String::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
            println!("{line}");
            text.push_str(&line);
            text.push('\n');
        }
    }
    let status = child.wait().map_err(|error| format!("`{name}`: {error}"))?;
    Ok((status.success(), text))
}

/// Where cargo puts what it builds.
pub(crate) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

/// A folder of this run alone.
pub(crate) fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("tidemill-{name}-{}", std::process::id()))
}

/// A file that a command writes to, with standard output and error together.
///
/// # Errors
/// The file cannot be made.
pub(crate) fn write_to<'a>(command: &'a mut Command, file: &Path) -> Result<&'a mut Command> {
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    let out = File::create(file).map_err(failed)?;
    let errors = out.try_clone().map_err(failed)?;
    Ok(command.stdin(Stdio::null()).stdout(out).stderr(errors))
}

/// How a command with a time limit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself.
    With(ExitStatus),
    /// It was killed, with all that it had started.
    TimedOut,
}

impl Ended {
    /// Whether it succeeded.
    pub(crate) fn succeeded(self) -> bool {
        matches!(self, Self::With(status) if status.success())
    }
}

/// How often a child with a time limit is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Runs a command for at most `limit`; what it started goes with it.
///
/// # Errors
/// It could not be started.
pub(crate) fn within(limit: Duration, command: &mut Command) -> Result<Ended> {
    let ended = Running::start(command)?.wait(limit);
    Ok(ended.map_or(Ended::TimedOut, Ended::With))
}

/// A process in a group of its own, which is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// Starts it.
    ///
    /// # Errors
    /// It could not be started.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let name = describe(command);
        let child = command
            .process_group(0)
            .spawn()
            .map_err(|error| format!("`{name}` could not be started: {error}"))?;
        Ok(Self { child })
    }

    /// The process's number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its standard output, once, if it is a pipe.
    pub(crate) fn stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Its standard input, once, if it is a pipe.
    pub(crate) fn stdin(&mut self) -> Option<std::process::ChildStdin> {
        self.child.stdin.take()
    }

    /// Waits at most `limit`; how it ended, if it has.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            match self.ended() {
                None if Instant::now() < deadline => std::thread::sleep(LOOK),
                ended => return ended,
            }
        }
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to stop (SIGTERM) and waits at most `limit`.
    pub(crate) fn stop(&mut self, limit: Duration) {
        signal("TERM", &self.pid().to_string());
        self.wait(limit);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The group is ours alone: its number is the child's, which is not yet waited for, so not yet given anew.
        signal("KILL", &format!("-{}", self.pid()));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(name: &str, whom: &str) {
    let _ = Command::new("kill")
        .args([&format!("-{name}"), "--", whom])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// A running `tidemill up` on free ports in a folder of its own; killed and removed when dropped.
pub(crate) struct Server {
    child: Child,
    /// Address of the Kafka listener.
    pub kafka: String,
    /// Base address of the HTTP listener.
    pub http: String,
    data: PathBuf,
    /// From the start of the process to its ready line.
    pub ready_after: Duration,
}

impl Server {
    /// Starts the binary and waits for its ready line.
    ///
    /// # Errors
    /// It did not start or ended before it was ready.
    pub(crate) fn start(binary: &Path, data: &Path, more: &[&str]) -> Result<Self> {
        let started = Instant::now();
        let mut child = Command::new(binary)
            .args(["up", "--kafka", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} could not be started: {error}", binary.display()))?;
        let stdout = child.stdout.take().ok_or("no output")?;
        let mut lines = BufReader::new(stdout).lines();
        while let Some(Ok(line)) = lines.next() {
            let Some(rest) = line.strip_prefix("ready ") else { continue };
            let ready_after = started.elapsed();
            let value = |name: &str| {
                rest.split(' ').find_map(|word| word.strip_prefix(name)).unwrap_or("").to_owned()
            };
            let (kafka, http) = (value("kafka="), value("http="));
            // The rest is read away, so that the server never waits for us.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok(Self { child, kafka, http, data: data.to_path_buf(), ready_after });
        }
        Err("`tidemill up` ended before it was ready".to_owned())
    }

    /// The process's number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}
