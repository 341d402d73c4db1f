//! What every message can do, and whole frames.

use bytes::{Bytes, BytesMut};

use crate::error::{DecodeError, EncodeError, Problem};
use crate::generated::ApiKey;
use crate::header::{RequestHeader, ResponseHeader};
use crate::reader::Reader;
use crate::scalar::Text;
use crate::writer::Writer;

/// A request or a response.
pub trait Message: Sized + Default {
    /// The message's name, as in `FetchRequest`.
    const NAME: &'static str;
    /// The API it belongs to.
    const API: ApiKey;

    /// Reads the fields; the reader is already told whether the version is flexible.
    #[doc(hidden)]
    fn read(reader: &mut Reader, version: i16) -> Result<Self, DecodeError>;

    /// Writes the fields; the writer is already told whether the version is flexible.
    #[doc(hidden)]
    fn write(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError>;

    /// Decodes the message. Bytes that follow it stay in the reader.
    ///
    /// # Errors
    /// The version is not known or the bytes are not this message; see [`DecodeError`].
    fn decode(reader: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        if !Self::API.versions().contains(&version) {
            return Err(DecodeError { field: Self::NAME, problem: Problem::Version(version) });
        }
        reader.set_flexible(version >= Self::API.flexible_from());
        Self::read(reader, version)
    }

    /// Encodes the message. Fields the version does not have are left out.
    ///
    /// # Errors
    /// The version is not known or cannot express a value; see [`EncodeError`].
    fn encode(&self, version: i16, writer: &mut Writer) -> Result<(), EncodeError> {
        if !Self::API.versions().contains(&version) {
            return Err(EncodeError::Version { message: Self::NAME, version });
        }
        writer.set_flexible(version >= Self::API.flexible_from());
        self.write(writer, version)
    }

    /// Encodes the message into one buffer; records are copied.
    ///
    /// # Errors
    /// As [`encode`](Message::encode); `out` is then as it was.
    fn encode_to(&self, version: i16, out: &mut BytesMut) -> Result<(), EncodeError> {
        let mut writer = Writer::new();
        self.encode(version, &mut writer)?;
        for part in writer.into_parts() {
            out.extend_from_slice(&part);
        }
        Ok(())
    }
}

/// A message that asks.
pub trait Request: Message {
    /// The message that answers.
    type Response: Message;
}

/// A request with its header and its length before it, ready to be sent: the parts follow one another.
///
/// # Errors
/// As [`Message::encode`].
pub fn encode_request<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&Text>,
) -> Result<Vec<Bytes>, EncodeError> {
    let header = RequestHeader {
        api_key: R::API as i16,
        api_version: version,
        correlation_id,
        client_id: client_id.cloned(),
    };
    let mut writer = Writer::new();
    header.encode(&mut writer)?;
    request.encode(version, &mut writer)?;
    framed(R::NAME, writer)
}

/// A response with its header and its length before it, ready to be sent: the parts follow one another.
///
/// # Errors
/// As [`Message::encode`].
pub fn encode_response<M: Message>(
    response: &M,
    version: i16,
    correlation_id: i32,
) -> Result<Vec<Bytes>, EncodeError> {
    let mut writer = Writer::new();
    ResponseHeader { correlation_id }.encode(M::API, version, &mut writer);
    response.encode(version, &mut writer)?;
    framed(M::NAME, writer)
}

fn framed(field: &'static str, writer: Writer) -> Result<Vec<Bytes>, EncodeError> {
    let length = writer.len();
    let announced = i32::try_from(length).map_err(|_| EncodeError::TooLong { field, length })?;
    let mut parts = vec![Bytes::copy_from_slice(&announced.to_be_bytes())];
    parts.extend(writer.into_parts());
    Ok(parts)
}
