//! What can be wrong with a message.

use thiserror::Error;

/// A frame that is not the message it should be. The reader is left in the middle of the frame, so the
/// frame must be dropped; the connection can no longer be trusted either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{field}: {problem}")]
pub struct DecodeError {
    /// The message and the field in it, as in `FetchRequest.topics.partitions`.
    pub field: &'static str,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// The frame is shorter than the field.
    #[error("the frame ends too early: {needed} bytes needed, {remaining} left")]
    TooShort {
        /// Bytes the field needs.
        needed: u64,
        /// Bytes that are left.
        remaining: usize,
    },
    /// A length below -1.
    #[error("a length of {0} is not possible")]
    BadLength(i32),
    /// More array elements than the frame can pay for.
    #[error("{0} elements are more than a frame of this size may hold")]
    TooMany(u64),
    /// Null in a version that does not allow it.
    #[error("null is not allowed here")]
    Null,
    /// A string that is not UTF-8.
    #[error("the string is not UTF-8")]
    NotUtf8,
    /// A variable-length number of more than 32 bits.
    #[error("a variable-length number does not end")]
    BadVarint,
    /// A tagged field that is longer than its value.
    #[error("tag {tag} has {left} bytes too many")]
    TagTooLong {
        /// Number of the tag.
        tag: u32,
        /// Bytes left after its value.
        left: usize,
    },
    /// A version that is not described.
    #[error("version {0} is not known")]
    Version(i16),
}

/// A message that cannot be written in this version. What was written before is in the buffer; drop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// A string, byte field or array longer than its length field can say.
    #[error("{field}: {length} is longer than the protocol can express")]
    TooLong {
        /// The message and the field in it.
        field: &'static str,
        /// Length in bytes or elements.
        length: usize,
    },
    /// Null in a version that does not allow it.
    #[error("{field}: null is not allowed in this version")]
    Null {
        /// The message and the field in it.
        field: &'static str,
    },
    /// A version that is not described.
    #[error("{message}: version {version} is not known")]
    Version {
        /// The message.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
}
