//! `tidemill completions SHELL` and `tidemill man DIR`: what shells and `man` want to know of the flags.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::error::CliError;
use crate::output;

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// bash, zsh or fish
    shell: Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// Folder that the pages are written to; made if it is not there
    folder: PathBuf,
}

/// Writes the completions to standard output.
pub(crate) fn run(arguments: &Arguments, mut command: Command) -> Result<(), CliError> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "tidemill", &mut text);
    output::write(&text)
}

/// Writes a page for the program and for each command.
pub(crate) fn man(arguments: &ManArguments, command: Command) -> Result<(), CliError> {
    let folder = &arguments.folder;
    let written =
        std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
    written
        .map_err(|error| CliError::failed(format!("man pages in {}", folder.display()), error))?;
    eprintln!("man pages written to {}", folder.display());
    Ok(())
}
