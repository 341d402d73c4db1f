//! The rules that no compiler knows.
//!
//! Crate floors (who may depend on whom), loops between the modules of one crate, files over
//! 600 lines, missing module heads. Every finding is one line: where, what, and what to do.

mod floors;
mod loops;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::process::{Result, command, output};

/// A file longer than this must say why, with a line that has [`LONG_MARK`] near its top.
const LINES_MAX: usize = 600;
const LONG_MARK: &str = "tidy: long because";
/// How far down [`LONG_MARK`] is looked for.
const LONG_MARK_LINES: usize = 40;

/// Runs every rule.
///
/// # Errors
/// All findings, a line each.
pub(crate) fn run(root: &Path) -> Result<()> {
    let files = tracked(root)?;
    let mut findings = floors::check(root)?;
    for file in &files {
        let Ok(text) = std::fs::read_to_string(root.join(file)) else { continue };
        findings.extend(check_length(file, &text));
        findings.extend(check_head(file, &text));
    }
    findings.extend(loops::check(root, &files));
    if findings.is_empty() {
        println!("tidy: {} files, nothing found", files.len());
        return Ok(());
    }
    Err(format!("tidy found {}:\n{}", findings.len(), findings.join("\n")))
}

/// The files that git knows or would take.
fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let text = output(&mut command(root, "git", &list))?;
    Ok(text.lines().map(PathBuf::from).filter(|file| root.join(file).is_file()).collect())
}

fn check_length(file: &Path, text: &str) -> Option<String> {
    let code = ["rs", "ts", "tsx", "css", "mjs", "py"];
    let extension = file.extension()?.to_str()?;
    let lines = text.lines().count();
    let excused = text.lines().take(LONG_MARK_LINES).any(|line| line.contains(LONG_MARK));
    (code.contains(&extension) && lines > LINES_MAX && !excused).then(|| {
        format!(
            "{}: {lines} lines; split it, or write `{LONG_MARK} …` near its top",
            file.display()
        )
    })
}

fn check_head(file: &Path, text: &str) -> Option<String> {
    if file.extension()? != "rs" {
        return None;
    }
    let headed = text.lines().take(8).any(|line| line.starts_with("//!"));
    (!headed).then(|| format!("{}: no module head; open with `//!` lines", file.display()))
}
