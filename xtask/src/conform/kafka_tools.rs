//! Apache Kafka's own command-line tools and its Java client, and its judge of log folders, against a broker.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::clients::script_cases;
use super::setting::Setting;
use super::verdict::Case;
use crate::peers::{fetch, kafka};
use crate::process::{Result, within, write_to};

/// Runs the script with every tool, then, on the stopped broker's folder, the one that judges log files.
pub(super) fn run(setting: &mut Setting<'_>, report: &mut dyn FnMut(Case)) -> Result<()> {
    let jars = kafka::jars(setting.root)?;
    let classes = compile(setting.root, &jars)?;
    let run = format!("tools-{}", std::process::id());
    let bootstrap = setting.peer.bootstrap().to_owned();
    let script = |setting: &Setting<'_>, name: &str, first: &OsStr| {
        let mut script = Command::new("bash");
        script
            .arg(setting.root.join("xtask/conform").join(name))
            .arg(first)
            .arg(&jars)
            .arg(&classes);
        script.arg(&run).args(setting.wanted);
        script
    };
    script_cases(
        setting,
        &mut script(setting, "kafka_tools.sh", OsStr::new(&bootstrap)),
        "kafka-tools",
        report,
    )?;
    setting.peer.stop();
    let data = setting.peer.data().as_os_str().to_owned();
    script_cases(setting, &mut script(setting, "kafka_dump.sh", &data), "kafka-dump", report)
}

/// Compiles the Java program for what the tools do not cover.
fn compile(root: &Path, jars: &Path) -> Result<PathBuf> {
    let classes = root.join(".tools/conform-classes");
    fetch::make(&classes)?;
    let mut javac = Command::new("javac");
    javac.arg("-cp").arg(format!("{}/*", jars.display())).arg("-d").arg(&classes);
    javac.arg(root.join("xtask/conform/Client.java"));
    let out = classes.join("javac.out");
    if within(Duration::from_secs(120), write_to(&mut javac, &out)?)?.succeeded() {
        Ok(classes)
    } else {
        Err(format!("Client.java was not compiled; see {}", out.display()))
    }
}
