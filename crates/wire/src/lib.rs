//! Kafka requests and responses as bytes; no I/O.
//!
//! # Constraints
//!
//! * Record batches are opaque here. Strings, byte fields and records are slices of the frame they came
//!   in: nothing is copied when a frame is decoded, and records are not copied when it is encoded.
//! * A frame comes from anybody. Every length is held against the bytes that remain, and the
//!   memory that all arrays of one frame may take is held against the frame's size, before anything is
//!   allocated. Structures do not contain themselves, so the nesting is as deep as the description.
//! * No input makes this crate panic; an error names the field of the message where it happened.
//!
//! # Layout
//!
//! `messages/` describes each API in a small text form; `generator/` turns that into `src/generated/`
//! (a test holds the two together). [`reader`] and [`writer`] know the encodings of scalars, arrays and
//! tagged fields; [`message`] is what all messages can do; [`header`] what stands before them.
//!
//! # The story
//!
//! A server takes a frame, decodes a [`header::RequestHeader`], looks up the API's versions, and decodes
//! the [`Request`] at the version the client chose. It answers with [`message::encode_response`]. A
//! client does the same the other way round with [`message::encode_request`].

pub mod error;
pub mod error_code;
pub mod header;
pub mod message;
pub mod reader;
pub mod scalar;
pub mod writer;

#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic, unused_imports, unused_variables, reason = "generated")]
mod generated;

pub use bytes::Bytes;
pub use error::{DecodeError, EncodeError, Problem};
pub use error_code::ErrorCode;
pub use generated::*;
pub use message::{Message, Request};
pub use reader::Reader;
pub use scalar::{Records, Text, Uuid};
pub use writer::Writer;
