//! Installs what the tests need and the machine lacks: from the package registries, pinned, into `.tools/`.
//!
//! Python packages go into virtual environments of their own, npm packages into `web/node_modules`, and the two
//! programs that only a system package manager brings (kcat, Chromium) are installed with it
//! where they are missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Result, command, run};

const KAFKA_PYTHON: &str = "kafka-python==3.0.12";
const CONFLUENT: &str = "confluent-kafka==2.16.1";
const STREAMPARSE: [&str; 2] = ["streamparse==5.0.1", "setuptools<80"];

/// Where the installed tools are.
pub(crate) struct Tools {
    /// Python with kafka-python.
    pub kafka_python: PathBuf,
    /// Python with confluent-kafka, which brings librdkafka.
    pub confluent: PathBuf,
    /// The virtual environment with streamparse.
    pub streamparse_venv: PathBuf,
    /// The browser.
    pub chromium: PathBuf,
}

impl Tools {
    /// Installs what is missing; quick when all is there.
    ///
    /// # Errors
    /// Which tool could not be installed, and what to do.
    pub(crate) fn install(root: &Path) -> Result<Self> {
        let tools = root.join(".tools");
        std::fs::create_dir_all(&tools).map_err(|error| format!("{}: {error}", tools.display()))?;
        kcat()?;
        let chromium = chromium()?;
        let kafka = venv(root, &tools.join("venv-kafka"), &[KAFKA_PYTHON])?;
        let confluent = venv(root, &tools.join("venv-confluent"), &[CONFLUENT])?;
        let streamparse = venv(root, &tools.join("venv-streamparse"), &STREAMPARSE)?;
        Ok(Self {
            kafka_python: kafka.join("bin/python"),
            confluent: confluent.join("bin/python"),
            streamparse_venv: streamparse,
            chromium,
        })
    }
}

/// Makes sure that kcat is there.
///
/// # Errors
/// It could not be installed.
pub(crate) fn kcat() -> Result<()> {
    system_package("kcat", &["kcat"])
}

fn chromium() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        return Ok(path.into());
    }
    let names = ["chromium", "chromium-browser", "google-chrome"];
    if let Some(found) = names.iter().find_map(|name| find(name)) {
        return Ok(found);
    }
    system_package("chromium", &["chromium"])?;
    find("chromium").ok_or_else(|| "chromium was installed but is not on the PATH".to_owned())
}

/// Makes sure that `program` is on the PATH.
fn system_package(program: &str, packages: &[&str]) -> Result<()> {
    if find(program).is_some() {
        return Ok(());
    }
    eprintln!("installing {program}");
    let hint = |error: String| {
        format!(
            "{program} is missing and could not be installed ({error}); install it and try again"
        )
    };
    let root = Path::new("/");
    run(command(root, "apt-get", &["update", "-qq"]).env("DEBIAN_FRONTEND", "noninteractive"))
        .map_err(hint)?;
    let mut install =
        command(root, "apt-get", &["install", "-y", "-qq", "--no-install-recommends"]);
    install.args(packages).env("DEBIAN_FRONTEND", "noninteractive").stdout(std::io::stderr());
    run(&mut install).map_err(hint)
}

/// A virtual environment with exactly these packages; made anew when the list has changed.
///
/// # Errors
/// Python or pip failed.
pub(crate) fn venv(root: &Path, path: &Path, packages: &[&str]) -> Result<PathBuf> {
    let mark = path.join("installed.txt");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(path.to_path_buf());
    }
    eprintln!("installing {}", packages.join(" "));
    let text = path.to_string_lossy().into_owned();
    run(&mut command(root, "python3", &["-m", "venv", "--clear", &text]))?;
    let mut pip = Command::new(path.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    run(pip.args(packages).stdout(std::io::stderr()))?;
    std::fs::write(&mark, wanted).map_err(|error| format!("{}: {error}", mark.display()))?;
    Ok(path.to_path_buf())
}

/// Looks a program up on the PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
