//! What stands before each message: versions 0 to 2 for requests, 0 and 1 for responses.
//!
//! A request of a flexible version has header 2 (tagged fields), any other has header 1. A response of a
//! flexible version has header 1, any other has header 0, **except ApiVersions**: its response always
//! has header 0, because the client that asks does not know yet what the server understands (KIP-511).
//! Request header 0 has no client id; only ControlledShutdown ever used it, and it is not described here.

use crate::error::{DecodeError, EncodeError};
use crate::generated::ApiKey;
use crate::reader::Reader;
use crate::scalar::Text;
use crate::writer::Writer;

/// The API key of ControlledShutdown, whose version 0 has request header 0.
const CONTROLLED_SHUTDOWN: i16 = 7;

/// The header of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHeader {
    /// Which API; perhaps none that is known here.
    pub api_key: i16,
    /// Which version of it; perhaps none that is known here.
    pub api_version: i16,
    /// Comes back in the response.
    pub correlation_id: i32,
    /// Name the client gives itself, for logs and quotas.
    pub client_id: Option<Text>,
}

/// The header version of a request: 1 if the API is not known, because the first fields of 1 and 2
/// are the same.
pub fn request_header_version(api_key: i16, api_version: i16) -> i16 {
    if api_key == CONTROLLED_SHUTDOWN && api_version == 0 {
        return 0;
    }
    let flexible = ApiKey::try_from(api_key).is_ok_and(|api| api_version >= api.flexible_from());
    if flexible { 2 } else { 1 }
}

/// The header version of a response.
pub fn response_header_version(api: ApiKey, api_version: i16) -> i16 {
    i16::from(api != ApiKey::ApiVersions && api_version >= api.flexible_from())
}

impl RequestHeader {
    /// Decodes the header; what remains in the reader is the message.
    ///
    /// # Errors
    /// The bytes are no header; see [`DecodeError`].
    pub fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let api_key = reader.i16("RequestHeader.api_key")?;
        let api_version = reader.i16("RequestHeader.api_version")?;
        let correlation_id = reader.i32("RequestHeader.correlation_id")?;
        let version = request_header_version(api_key, api_version);
        // The client id keeps its two-byte length in every version of the header.
        reader.set_flexible(false);
        let client_id = match version {
            0 => None,
            _ => reader.nullable_string("RequestHeader.client_id", true)?,
        };
        reader.set_flexible(version == 2);
        reader.skip_tags("RequestHeader")?;
        Ok(Self { api_key, api_version, correlation_id, client_id })
    }

    /// Encodes the header.
    ///
    /// # Errors
    /// The client id is longer than 32,767 bytes.
    pub fn encode(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        writer.i16(self.api_key)?;
        writer.i16(self.api_version)?;
        writer.i32(self.correlation_id)?;
        let version = request_header_version(self.api_key, self.api_version);
        writer.set_flexible(false);
        if version > 0 {
            writer.nullable_string("RequestHeader.client_id", true, self.client_id.as_ref())?;
        }
        writer.set_flexible(version == 2);
        writer.no_tags();
        Ok(())
    }
}

/// The header of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseHeader {
    /// That of the request.
    pub correlation_id: i32,
}

impl ResponseHeader {
    /// Decodes the header; what remains in the reader is the message.
    ///
    /// # Errors
    /// The bytes are no header; see [`DecodeError`].
    pub fn decode(reader: &mut Reader, api: ApiKey, api_version: i16) -> Result<Self, DecodeError> {
        let correlation_id = reader.i32("ResponseHeader.correlation_id")?;
        reader.set_flexible(response_header_version(api, api_version) == 1);
        reader.skip_tags("ResponseHeader")?;
        Ok(Self { correlation_id })
    }

    /// Encodes the header.
    pub fn encode(&self, api: ApiKey, api_version: i16, writer: &mut Writer) {
        writer.put(&self.correlation_id.to_be_bytes());
        writer.set_flexible(response_header_version(api, api_version) == 1);
        writer.no_tags();
    }
}

/// An API key that is not described here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("API key {0} is not known")]
pub struct UnknownApi(pub i16);

impl TryFrom<i16> for ApiKey {
    type Error = UnknownApi;
    fn try_from(key: i16) -> Result<Self, UnknownApi> {
        Self::ALL.into_iter().find(|api| *api as i16 == key).ok_or(UnknownApi(key))
    }
}
