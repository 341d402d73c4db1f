//! What a handler gives back, and what becomes of it.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use tidemill_wire::message::encode_response;
use tidemill_wire::{ApiKey, DecodeError, EncodeError, Message};

use crate::memory::Hold;

pub(crate) type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a handler gives back. What keeps the order of requests is done by then.
pub(crate) enum Answer<M> {
    /// The answer is here.
    Now(M),
    /// The answer comes later; meanwhile further requests are read.
    Later(Later<M>),
    /// The answer is large: it is made when it can be written, and counts until it is.
    Held(Later<(M, Hold)>),
    /// There is no answer (`acks=0`). `false` closes the connection, the only way to tell of a failure.
    Silent(Later<bool>),
}

/// The parts of a frame, and the memory that is counted until they are written.
pub(crate) type Parts = (Vec<Bytes>, Option<Hold>);

/// An answer as bytes.
pub(crate) enum Reply {
    /// The parts of the frame.
    Now(Vec<Bytes>),
    /// The parts come later, some with the memory they take.
    Later(Later<Result<Parts, EncodeError>>),
    /// As [`Answer::Silent`].
    Silent(Later<bool>),
}

impl Reply {
    /// Encodes the answer, or says how it will be.
    ///
    /// # Errors
    /// The answer cannot be expressed in this version.
    pub(crate) fn new<M: Message + Send + 'static>(
        answer: Answer<M>,
        version: i16,
        correlation_id: i32,
    ) -> Result<Self, EncodeError> {
        Ok(match answer {
            Answer::Now(message) => Self::Now(encode_response(&message, version, correlation_id)?),
            Answer::Later(later) => Self::Later(Box::pin(async move {
                Ok((encode_response(&later.await, version, correlation_id)?, None))
            })),
            Answer::Held(later) => Self::Later(Box::pin(async move {
                let (message, hold) = later.await;
                Ok((encode_response(&message, version, correlation_id)?, Some(hold)))
            })),
            Answer::Silent(done) => Self::Silent(done),
        })
    }
}

/// Why a request was not handled; the connection must be closed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// The bytes are not the request.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The answer cannot be expressed in the client's version.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// An API that is not in the table.
    #[error("API key {0} is not served")]
    Api(i16),
    /// A version that is not in the table.
    #[error("{api} version {version} is not served", api = api.name())]
    Version {
        /// The API.
        api: ApiKey,
        /// The version asked for.
        version: i16,
    },
}
