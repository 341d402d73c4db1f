//! One connection to one broker: requests one at a time, each at the newest version that both sides know.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use bytes::Bytes;
use tidemill_wire::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use tidemill_wire::header::ResponseHeader;
use tidemill_wire::message::encode_request;
use tidemill_wire::{ApiKey, ErrorCode, Message, Reader, Request, Text};

use crate::connection::not_running;
use crate::error::CliError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longer than any wait a request asks for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A frame longer than this is no answer to what we asked.
const FRAME_BYTES_MAX: usize = 128 << 20;
/// Flexible, and known to every broker since Apache Kafka 2.4; an older one answers it with error 35.
const API_VERSIONS: i16 = 3;

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    address: String,
    correlation_id: i32,
    served: ApiVersionsResponse,
}

impl Connection {
    /// Connects and asks what is served.
    ///
    /// # Errors
    /// Nobody answers there, or not in Kafka's protocol.
    pub(crate) fn open(address: &str) -> Result<Self, CliError> {
        let failed = |error: std::io::Error| not_running(address, &error);
        let mut sockets = address.to_socket_addrs().map_err(failed)?;
        // A name such as localhost may stand for several addresses of which one answers.
        let stream = sockets.try_fold(None, |last, socket| {
            match TcpStream::connect_timeout(&socket, CONNECT_TIMEOUT) {
                Ok(stream) => Err(stream),
                Err(error) => Ok(last.or(Some(error))),
            }
        });
        let stream = match stream {
            Err(stream) => stream,
            Ok(error) => {
                let none = || std::io::Error::other("the name has no address");
                return Err(failed(error.unwrap_or_else(none)));
            }
        };
        stream.set_nodelay(true).map_err(failed)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(failed)?;
        let served = ApiVersionsResponse::default();
        let mut connection =
            Self { stream, address: address.to_owned(), correlation_id: 0, served };
        connection.served = connection.ask_versions()?;
        Ok(connection)
    }

    /// Where it leads to.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What the broker serves, and its features.
    pub(crate) fn served(&self) -> &ApiVersionsResponse {
        &self.served
    }

    fn ask_versions(&mut self) -> Result<ApiVersionsResponse, CliError> {
        let request = ApiVersionsRequest {
            client_software_name: Text::from_static("tidemill"),
            client_software_version: Text::from_static(env!("CARGO_PKG_VERSION")),
        };
        let frame = self.send(&request, API_VERSIONS)?;
        // An old broker answers in version 0, whatever was asked.
        let too_new = frame.get(4..6) == Some(&ErrorCode::UnsupportedVersion.code().to_be_bytes());
        if too_new {
            let frame = self.send(&request, 0)?;
            return self.decode::<ApiVersionsRequest>(frame, 0);
        }
        self.decode::<ApiVersionsRequest>(frame, API_VERSIONS)
    }

    /// The newest version of an API that both sides know, not newer than `newest`.
    pub(crate) fn version(&self, api: ApiKey, newest: i16) -> Option<i16> {
        let served = self.served.api_keys.iter().find(|entry| entry.api_key == api as i16)?;
        let ours = api.versions();
        let version = newest.min(served.max_version).min(*ours.end());
        (version >= served.min_version && version >= *ours.start()).then_some(version)
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// The broker does not serve the request, or the connection broke.
    pub(crate) fn call<R: Request>(
        &mut self,
        request: &R,
        newest: i16,
    ) -> Result<R::Response, CliError> {
        let Some(version) = self.version(R::API, newest) else {
            return Err(CliError::failed(
                format!("the broker at {}", self.address),
                format!("it does not serve {} in a version that is known here", R::API.name()),
            ));
        };
        let frame = self.send(request, version)?;
        self.decode::<R>(frame, version)
    }

    fn send<R: Request>(&mut self, request: &R, version: i16) -> Result<Bytes, CliError> {
        self.correlation_id = self.correlation_id.wrapping_add(1);
        let client_id = Text::from_static("tidemill");
        let parts = encode_request(request, version, self.correlation_id, Some(&client_id))
            .map_err(|error| CliError::failed(R::NAME, error))?;
        self.exchange(&parts).map_err(|error| {
            CliError::failed(format!("{}: {}", self.address, R::API.name()), error)
        })
    }

    fn decode<R: Request>(&self, frame: Bytes, version: i16) -> Result<R::Response, CliError> {
        let mut reader = Reader::new(frame);
        let decoded = ResponseHeader::decode(&mut reader, R::API, version)
            .and_then(|_| R::Response::decode(&mut reader, version));
        decoded.map_err(|error| CliError::failed(format!("the answer of {}", self.address), error))
    }

    fn exchange(&mut self, parts: &[Bytes]) -> std::io::Result<Bytes> {
        self.stream.write_all(&parts.concat())?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > FRAME_BYTES_MAX {
            let what = format!("announces {length} bytes; is this a Kafka port?");
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, what));
        }
        let mut frame = vec![0; length];
        self.stream.read_exact(&mut frame)?;
        Ok(frame.into())
    }
}
