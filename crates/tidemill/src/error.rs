//! What a command says when it cannot do its work: what happened, why, and what to do next.

use miette::Diagnostic;
use thiserror::Error;

/// A failed command, in words for a person.
#[derive(Debug, Error, Diagnostic)]
pub(crate) enum CliError {
    /// Something could not be done; the command did nothing or says how far it came.
    #[error("{what}: {why}")]
    Failed {
        /// What was tried.
        what: String,
        /// Why it failed.
        why: String,
        /// What to do next.
        #[help]
        help: Option<String>,
    },
    /// No `tidemill up` answers.
    #[error("no tidemill is running at {address} ({why})")]
    #[diagnostic(help(
        "start one with `tidemill up`, or name another with --http URL, --kafka HOST:PORT or --data DIR"
    ))]
    NotRunning {
        /// Where one was looked for.
        address: String,
        /// What the connection said.
        why: String,
    },
    /// The arguments do not make sense together.
    #[error("{0}")]
    Usage(String),
}

impl CliError {
    /// A failure with nothing more to advise.
    pub(crate) fn failed(what: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self::Failed { what: what.into(), why: why.to_string(), help: None }
    }

    /// A failure with the next step.
    pub(crate) fn with_help(
        what: impl Into<String>,
        why: impl std::fmt::Display,
        help: impl Into<String>,
    ) -> Self {
        Self::Failed { what: what.into(), why: why.to_string(), help: Some(help.into()) }
    }

    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed { .. } | Self::NotRunning { .. } => 1,
        }
    }
}
