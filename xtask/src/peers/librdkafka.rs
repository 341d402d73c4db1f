//! librdkafka with its test suite and load generator, built from the sources inside the crate `rdkafka-sys`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::peers::fetch;
use crate::process::{Result, command, run};

/// Version of the crate; it holds librdkafka 2.12.1.
const CRATE_VERSION: &str = "4.10.0";

/// A built librdkafka.
pub(crate) struct Librdkafka {
    /// Its source folder.
    home: PathBuf,
}

impl Librdkafka {
    /// Fetches and builds it, once; about a minute.
    ///
    /// # Errors
    /// cargo, make or a compiler failed; the message names the file with the output.
    pub(crate) fn build(root: &Path) -> Result<Self> {
        let tools = root.join(".tools");
        let home = tools.join("librdkafka");
        let mark = home.join("built.txt");
        if std::fs::read_to_string(&mark).is_ok_and(|text| text == CRATE_VERSION) {
            return Ok(Self { home });
        }
        let sources = fetch::crates(&tools.join("rdkafka-sys"), &[("rdkafka-sys", CRATE_VERSION)])?;
        let _ = std::fs::remove_dir_all(&home);
        let from = sources.join("rdkafka-sys/librdkafka").to_string_lossy().into_owned();
        run(&mut command(&tools, "cp", &["-r", &from, "librdkafka"]))?;
        eprintln!("building librdkafka");
        fetch::logged(
            &home,
            "./configure",
            &["--disable-gssapi", "--disable-curl", "--disable-zstd"],
            300,
        )?;
        let jobs = format!("-j{}", std::thread::available_parallelism().map_or(1, usize::from));
        fetch::logged(&home, "make", &[&jobs, "libs"], 900)?;
        fetch::logged(&home, "make", &["-C", "examples", "rdkafka_performance"], 300)?;
        fetch::logged(&home, "make", &["-C", "tests", &jobs, "build"], 900)?;
        fetch::write(&mark, CRATE_VERSION)?;
        Ok(Self { home })
    }

    /// The load generator.
    pub(crate) fn performance(&self) -> Command {
        let mut command = Command::new(self.home.join("examples/rdkafka_performance"));
        command.env("LD_LIBRARY_PATH", self.home.join("src"));
        command
    }

    /// The folder of the test suite.
    pub(crate) fn tests(&self) -> PathBuf {
        self.home.join("tests")
    }

    /// The folder with the library and its header.
    pub(crate) fn library(&self) -> PathBuf {
        self.home.join("src")
    }
}
