//! Our broker, started as Apache Kafka is: a process (`tidemill broker`) on a folder of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::peers::options::{Build, Options};
use crate::peers::probe;
use crate::process::{Result, Running, command, run, target};

/// A start with a long log to recover takes less than this.
const START_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(20);

/// A running broker; killed when dropped, its folder is removed.
pub(crate) struct Broker {
    process: Option<Running>,
    program: PathBuf,
    partitions: u32,
    /// `HOST:PORT`, which stays when it is started again.
    pub(crate) address: String,
    /// Folder of the log.
    pub(crate) data: PathBuf,
    folder: PathBuf,
}

/// Builds the program.
///
/// # Errors
/// The build failed.
pub(crate) fn build(root: &Path, build: Build) -> Result<PathBuf> {
    let mut arguments = vec!["build", "--quiet", "--package", "tidemill"];
    let folder = match build {
        Build::Debug => "debug",
        Build::Release => {
            arguments.push("--release");
            "release"
        }
    };
    run(&mut command(root, "cargo", &arguments))?;
    Ok(target(root).join(folder).join("tidemill"))
}

impl Broker {
    /// Builds it and starts it in `folder`, which is made anew; returns when it answers.
    ///
    /// # Errors
    /// It was not built or did not start.
    pub(crate) fn start(root: &Path, folder: &Path, options: Options) -> Result<Self> {
        let program = build(root, options.build)?;
        Self::start_program(&program, folder, options.partitions)
    }

    /// As [`Self::start`], with a program that is built.
    ///
    /// # Errors
    /// It did not start.
    pub(crate) fn start_program(program: &Path, folder: &Path, partitions: u32) -> Result<Self> {
        let _ = std::fs::remove_dir_all(folder);
        crate::peers::fetch::make(folder)?;
        let mut broker = Self {
            process: None,
            program: program.to_path_buf(),
            partitions,
            address: format!("127.0.0.1:{}", probe::free_port()?),
            data: folder.join("data/log"),
            folder: folder.to_path_buf(),
        };
        broker.run()?;
        Ok(broker)
    }

    /// Starts the process, on the same folder and address as before; how long until it answered.
    ///
    /// # Errors
    /// It did not start.
    pub(crate) fn run(&mut self) -> Result<Duration> {
        let started = Instant::now();
        let mut server = Command::new(&self.program);
        server.args(["broker", "--listen", &self.address, "--data"]).arg(self.folder.join("data"));
        // As the Kafka beside us has it: suites for clients start many groups.
        let settings = [
            format!("num.partitions={}", self.partitions),
            "group.initial.rebalance.delay.ms=0".to_owned(),
        ];
        server.args(settings.iter().flat_map(|setting| ["--override", setting]));
        let log = std::fs::File::options().create(true).append(true).open(self.folder.join("out"));
        let log = log.map_err(|error| format!("{}: {error}", self.folder.display()))?;
        let mut process =
            Running::start(server.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log))?;
        let stdout = process.stdout().ok_or("no output")?;
        self.process = Some(process);
        // The ready line also tells of a process that ended at once.
        let mut lines = BufReader::new(stdout).lines();
        match lines.next() {
            Some(Ok(line)) if line.starts_with("ready ") => {}
            _ => {
                return Err(format!("the broker did not start; see {}/out", self.folder.display()));
            }
        }
        probe::wait(&self.address, START_MAX)?;
        Ok(started.elapsed())
    }

    /// The process's number; 0 when it does not run.
    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, Running::pid)
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Asks it to stop, and waits.
    pub(crate) fn stop(&mut self) {
        if let Some(process) = &mut self.process {
            process.stop(STOP_MAX);
        }
        self.process = None;
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.process = None;
        if std::thread::panicking() {
            return;
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
