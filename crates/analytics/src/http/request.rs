//! Reading a request's body within bounds of size and time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Incoming};
use tidemill_world::Clock;

/// How long a client may take for a body that is read whole. Browsers send their 64 KiB at once.
const WHOLE_BODY_MAX: Duration = Duration::from_secs(15);
/// How long a client may be silent within a body that is read in pieces.
const PIECE_MAX: Duration = Duration::from_secs(60);

/// Why a body could not be read. The connection is of no more use.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BodyError {
    /// It has more bytes than are taken.
    #[error("the body is larger than {0} bytes; send less at once")]
    TooLarge(usize),
    /// The client took too long.
    #[error("the body did not come in time; send it at once")]
    TooSlow,
    /// The connection broke or the encoding is wrong.
    #[error("the body broke off")]
    Broken,
}

/// Reads a body of at most `bytes_max` bytes. A body whose announced length is larger is refused before
/// a byte of it is read.
///
/// # Errors
/// It is too large, too slow or broken.
pub async fn whole(
    mut body: Incoming,
    bytes_max: usize,
    clock: &dyn Clock,
) -> Result<Bytes, BodyError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(BodyError::TooLarge(bytes_max));
    }
    let mut content = BytesMut::with_capacity(announced);
    let deadline = clock.sleep(WHOLE_BODY_MAX);
    let read = async {
        while let Some(piece) = next_piece(&mut body).await? {
            if content.len() + piece.len() > bytes_max {
                return Err(BodyError::TooLarge(bytes_max));
            }
            content.extend_from_slice(&piece);
        }
        Ok(())
    };
    tokio::select! {
        done = read => done?,
        () = deadline => return Err(BodyError::TooSlow),
    }
    Ok(content.freeze())
}

/// The next piece of a body that is read as it comes; `None` at its end.
///
/// # Errors
/// The client was silent for too long, or the body is broken.
pub async fn piece(body: &mut Incoming, clock: &dyn Clock) -> Result<Option<Bytes>, BodyError> {
    tokio::select! {
        piece = next_piece(body) => piece,
        () = clock.sleep(PIECE_MAX) => Err(BodyError::TooSlow),
    }
}

async fn next_piece(body: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    loop {
        let frame =
            std::future::poll_fn(|context| std::pin::Pin::new(&mut *body).poll_frame(context));
        match frame.await {
            None => return Ok(None),
            Some(Err(_)) => return Err(BodyError::Broken),
            Some(Ok(frame)) => {
                // Trailers are of no interest.
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}
