//! Fetches from the package registries, through their own clients as they are set up on this machine.
//!
//! A folder is complete when its mark is there: it is written last, and names what was fetched, so that another
//! pinned version is fetched anew.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Result, command, run, within, write_to};

/// Whether `folder` holds exactly `what`, fetched to the end.
fn is_complete(folder: &Path, what: &str) -> bool {
    std::fs::read_to_string(folder.join("fetched.txt")).is_ok_and(|text| text == what)
}

/// Fetches `what` into `folder` with `how`, unless it is there.
fn once(folder: &Path, what: &str, how: impl FnOnce() -> Result<()>) -> Result<()> {
    if is_complete(folder, what) {
        return Ok(());
    }
    eprintln!("fetching {what}");
    let _ = std::fs::remove_dir_all(folder);
    make(folder)?;
    how()?;
    write(&folder.join("fetched.txt"), what)
}

/// Makes a folder.
///
/// # Errors
/// It cannot be made.
pub(crate) fn make(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Writes a file.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

/// The jars of `group:artifact:version` and all that they need, through Maven.
///
/// # Errors
/// Maven is missing or failed; the message names the file with its output.
pub(crate) fn jars(folder: &Path, artifacts: &[&str]) -> Result<()> {
    once(folder, &artifacts.join(" "), || {
        let mut pom = String::from(
            "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
             <groupId>peers</groupId><artifactId>jars</artifactId><version>1</version><dependencies>\n",
        );
        for artifact in artifacts {
            let mut parts = artifact.split(':');
            let mut part = |tag: &str| format!("<{tag}>{}</{tag}>", parts.next().unwrap_or(""));
            let named = [part("groupId"), part("artifactId"), part("version")].concat();
            pom.push_str(&format!("<dependency>{named}</dependency>\n"));
        }
        pom.push_str("</dependencies></project>\n");
        write(&folder.join("pom.xml"), &pom)?;
        let arguments = ["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=."];
        logged(folder, "mvn", &arguments, 900)
    })
}

/// The sources of crates with all that they need: `folder/vendor/NAME`.
///
/// # Errors
/// cargo failed; the message names the file with its output.
pub(crate) fn crates(folder: &Path, crates: &[(&str, &str)]) -> Result<PathBuf> {
    let names: Vec<String> =
        crates.iter().map(|(name, version)| format!("{name}-{version}")).collect();
    once(folder, &names.join(" "), || {
        let needs: String =
            crates.iter().map(|(name, version)| format!("{name} = \"={version}\"\n")).collect();
        let manifest = format!(
            "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[lib]\npath = \"lib.rs\"\n\n\
             [workspace]\n\n[dependencies]\n{needs}"
        );
        write(&folder.join("Cargo.toml"), &manifest)?;
        write(&folder.join("lib.rs"), "")?;
        logged(folder, "cargo", &["vendor", "--quiet", "vendor"], 600)
    })?;
    Ok(folder.join("vendor"))
}

/// The source distribution of a Python package, unpacked: `folder/NAME-VERSION`.
///
/// # Errors
/// pip or tar failed; the message names the file with its output.
pub(crate) fn sdist(folder: &Path, name: &str, version: &str) -> Result<PathBuf> {
    let wanted = format!("{name}=={version}");
    let unpacked = folder.join(format!("{}-{version}", name.replace('-', "_")));
    once(folder, &wanted, || {
        let quiet = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check"];
        let arguments = [&quiet[..], &["--no-deps", "--no-binary", ":all:", &wanted]].concat();
        logged(folder, "python3", &arguments, 300)?;
        let archive =
            format!("{}.tar.gz", unpacked.file_name().unwrap_or_default().to_string_lossy());
        run(&mut command(folder, "tar", &["xzf", &archive]))
    })?;
    Ok(unpacked)
}

/// Runs a command in `folder` for at most `limit_s` seconds, its output in a file there.
///
/// # Errors
/// It failed; the message names the file.
pub(crate) fn logged(folder: &Path, program: &str, arguments: &[&str], limit_s: u64) -> Result<()> {
    // The program's name comes last: librdkafka takes every `configure.*` for a part of its own configure.
    let name = program.rsplit('/').next().unwrap_or(program);
    let log = folder.join(format!("output-of-{name}.txt"));
    let mut command: Command = command(folder, program, arguments);
    let ended = within(std::time::Duration::from_secs(limit_s), write_to(&mut command, &log)?)?;
    if ended.succeeded() {
        Ok(())
    } else {
        Err(format!(
            "`{program} {}` failed ({ended:?}); its output is in {}",
            arguments.join(" "),
            log.display()
        ))
    }
}
