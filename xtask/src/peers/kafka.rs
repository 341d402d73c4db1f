//! A real Apache Kafka (KRaft; each process is broker and controller), from the jars on Maven Central.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::peers::options::Options;
use crate::peers::{fetch, probe};
use crate::process::{Result, Running, within, write_to};

/// The measure of compatibility.
pub(crate) const VERSION: &str = "4.3.1";
/// Sixteen bytes in base64: the id of a cluster that lives as long as a run.
const CLUSTER: &str = "dGlkZW1pbGwtY29uZm9ybQ";
/// A JVM on a busy machine takes its time.
const START_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(20);

/// `-Xms` and `-Xmx`: what Kafka's own start script sets.
const HEAP: &str = "1g";

/// A running cluster; killed when dropped, its folder is removed.
pub(crate) struct Kafka {
    jars: PathBuf,
    processes: Vec<Running>,
    /// Addresses of all brokers.
    pub(crate) bootstrap: String,
    /// Folder of the first broker's partitions.
    pub(crate) data: PathBuf,
    folder: PathBuf,
}

/// The folder with Kafka's jars, fetched if they are not there.
///
/// # Errors
/// Maven or Java is missing.
pub(crate) fn jars(root: &Path) -> Result<PathBuf> {
    let folder = root.join(".tools").join(format!("kafka-{VERSION}"));
    let broker = format!("org.apache.kafka:kafka_2.13:{VERSION}");
    let tools = format!("org.apache.kafka:kafka-tools:{VERSION}");
    fetch::jars(&folder, &[&broker, &tools, "org.slf4j:slf4j-simple:1.7.36"])?;
    Ok(folder)
}

/// `java` with Kafka's jars, ready for a class name and arguments.
pub(crate) fn java(jars: &Path, options: &[&str]) -> Command {
    let mut java = Command::new("java");
    java.args(options).arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn");
    java.arg("-cp").arg(format!("{}/*", jars.display()));
    java
}

impl Kafka {
    /// Formats `folder`, which is made anew, and starts in it; returns when every broker answers.
    ///
    /// # Errors
    /// What failed, with the file that has its output.
    pub(crate) fn start(root: &Path, folder: &Path, options: Options) -> Result<Self> {
        let mut kafka = Self::format(jars(root)?, folder, options)?;
        kafka.run()?;
        Ok(kafka)
    }

    fn format(jars: PathBuf, folder: &Path, options: Options) -> Result<Self> {
        let _ = std::fs::remove_dir_all(folder);
        let ports = ports(options.brokers)?;
        let quorum = quorum(&ports);
        let mut addresses = Vec::new();
        for (index, (port, _)) in ports.iter().enumerate() {
            let home = home(folder, index);
            fetch::make(&home)?;
            let file = home.join("server.properties");
            fetch::write(&file, &settings(&home, index, &ports, &quorum, options))?;
            let mut format = java(&jars, &[]);
            format.args(["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c"]).arg(&file);
            let out = home.join("format.out");
            if !within(START_MAX, write_to(&mut format, &out)?)?.succeeded() {
                return Err(format!("Apache Kafka was not formatted; see {}", out.display()));
            }
            addresses.push(format!("127.0.0.1:{port}"));
        }
        let (bootstrap, data) = (addresses.join(","), home(folder, 0).join("data"));
        Ok(Self { jars, processes: Vec::new(), bootstrap, data, folder: folder.to_path_buf() })
    }

    /// Starts the processes; how long until all answered.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) fn run(&mut self) -> Result<Duration> {
        let started = Instant::now();
        let heap = [format!("-Xms{HEAP}"), format!("-Xmx{HEAP}")];
        let addresses: Vec<&str> = self.bootstrap.split(',').collect();
        for index in 0..addresses.len() {
            let home = home(&self.folder, index);
            let mut server =
                java(&self.jars, &[&heap[0], &heap[1], "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"]);
            server.arg("kafka.Kafka").arg(home.join("server.properties"));
            self.processes.push(Running::start(write_to(&mut server, &home.join("out"))?)?);
        }
        for address in addresses {
            probe::wait(address, START_MAX)
                .map_err(|error| format!("{error}; see {}", self.folder.display()))?;
        }
        Ok(started.elapsed())
    }

    /// The first process's number; 0 when it does not run.
    pub(crate) fn pid(&self) -> u32 {
        self.processes.first().map_or(0, Running::pid)
    }

    /// Ends all with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.processes.clear();
    }

    /// Asks all to stop, and waits.
    pub(crate) fn stop(&mut self) {
        for process in &mut self.processes {
            process.stop(STOP_MAX);
        }
        self.processes.clear();
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.processes.clear();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn home(folder: &Path, index: usize) -> PathBuf {
    folder.join((index + 1).to_string())
}

/// A port for clients and one for the quorum, for each broker.
fn ports(brokers: usize) -> Result<Vec<(u16, u16)>> {
    (0..brokers).map(|_| Ok((probe::free_port()?, probe::free_port()?))).collect()
}

fn quorum(ports: &[(u16, u16)]) -> String {
    let voters =
        ports.iter().enumerate().map(|(at, (_, port))| format!("{}@127.0.0.1:{port}", at + 1));
    voters.collect::<Vec<_>>().join(",")
}

fn settings(
    home: &Path,
    index: usize,
    ports: &[(u16, u16)],
    quorum: &str,
    options: Options,
) -> String {
    let (port, controller) = ports[index];
    let replicas = options.brokers;
    let in_sync = if replicas > 1 { 2 } else { 1 };
    let mut text = format!(
        "node.id={}\nprocess.roles=broker,controller\ncontroller.quorum.voters={quorum}\n\
         controller.listener.names=CONTROLLER\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\nlog.dirs={}\n",
        index + 1,
        home.join("data").display(),
    );
    for name in
        ["offsets.topic", "transaction.state.log", "share.coordinator.state.topic", "default"]
    {
        let _ = writeln!(text, "{name}.replication.factor={replicas}");
    }
    for name in [
        "transaction.state.log.min.isr",
        "share.coordinator.state.topic.min.isr",
        "min.insync.replicas",
    ] {
        let _ = writeln!(text, "{name}={in_sync}");
    }
    let _ =
        writeln!(text, "num.partitions={}\ngroup.initial.rebalance.delay.ms=0", options.partitions);
    if options.synced {
        text.push_str("log.flush.interval.messages=1\n");
    }
    text
}
