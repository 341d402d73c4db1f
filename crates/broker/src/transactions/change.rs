//! What a request to the coordinator comes to: an answer, or a change that must be in the log first.

use std::sync::Arc;

use tidemill_wire::ErrorCode;

use super::metadata::Metadata;

/// What a request comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision<T> {
    /// It is answered at once and changes nothing.
    Answer(Result<T, ErrorCode>),
    /// Another change of the id is on its way to the log; ask again when that is done.
    Later,
    /// It cannot go on without a producer id that was never given; ask again with one.
    NeedsId,
    /// It is answered with this once the change is in the log.
    Write(Box<Change>, T),
    /// The change must be in the log, then ask again.
    WriteFirst(Box<Change>),
}

impl<T> Decision<T> {
    pub(crate) fn refuse(error: ErrorCode) -> Self {
        Self::Answer(Err(error))
    }

    /// The same with another answer.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Decision<U> {
        match self {
            Self::Answer(answer) => Decision::Answer(answer.map(change)),
            Self::Later => Decision::Later,
            Self::NeedsId => Decision::NeedsId,
            Self::Write(write, answer) => Decision::Write(write, change(answer)),
            Self::WriteFirst(write) => Decision::WriteFirst(write),
        }
    }
}

/// A change of one transactional id that is on its way to the log. Until it is told what became of it, the id takes no
/// other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) id: Arc<str>,
    /// What is to be written; `None` forgets the id.
    pub(crate) next: Option<Metadata>,
    /// The end of a transaction that is to be written with it.
    pub(crate) ending: Option<Ending>,
}

/// The end of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    /// What is written first where the end cannot be written as one: the decision, with all that is still to be told.
    pub(crate) prepared: Metadata,
}

/// How a transactional id is told to whoever asks (KIP-664).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) id: Arc<str>,
    pub(crate) metadata: Metadata,
}
