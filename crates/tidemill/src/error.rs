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
    /// No `tidemill up` and no `tidemill broker` answers.
    #[error("no tidemill is running at {address} ({why})")]
    #[diagnostic(help(
        "start one with `tidemill up` or `tidemill broker`, or name another with --http URL, --brokers HOST:PORT or --data DIR"
    ))]
    NotRunning {
        /// Where one was looked for.
        address: String,
        /// What the connection said.
        why: String,
    },
    /// Whoever read standard output has gone away, which is no failure.
    #[error("standard output was closed")]
    OutputClosed,
    /// Ctrl-C, after what was under way was finished.
    #[error("interrupted")]
    Interrupted,
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

    /// Whether there is anything to say about it.
    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self, Self::OutputClosed | Self::Interrupted)
    }

    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Usage(_) => 2,
            Self::Interrupted => 130,
            Self::Failed { .. } | Self::NotRunning { .. } => 1,
        }
    }
}
