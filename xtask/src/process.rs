//! Child processes of the automation: run to the end, or kept until dropped.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

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
    data: std::path::PathBuf,
    /// From the start of the process to its ready line.
    pub ready_after: std::time::Duration,
}

impl Server {
    /// Starts the binary and waits for its ready line.
    ///
    /// # Errors
    /// It did not start or ended before it was ready.
    pub(crate) fn start(binary: &Path, data: &Path, more: &[&str]) -> Result<Self> {
        let started = std::time::Instant::now();
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
