//! ApiVersions (key 18): what this broker can do, read off the dispatch table.
//!
//! Version 3 is flexible, but its response header never is (KIP-511). A version that is too new is answered with
//! error 35 in version 0, which any client can read, so that it can ask again.

use tidemill_wire::ErrorCode;
use tidemill_wire::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};

use crate::answer::Answer;
use crate::context::{Call, Row};

/// Tells the table.
pub(crate) async fn handle(call: &Call, _: ApiVersionsRequest) -> Answer<ApiVersionsResponse> {
    Answer::Now(tell(call.shared.table, ErrorCode::None))
}

/// Tells the table to a client that asked in a version that is too new.
pub(crate) fn too_new(table: &[Row]) -> ApiVersionsResponse {
    tell(table, ErrorCode::UnsupportedVersion)
}

fn tell(table: &[Row], error: ErrorCode) -> ApiVersionsResponse {
    let api_keys = table.iter().map(|row| ApiVersion {
        api_key: row.api as i16,
        min_version: row.told_from,
        max_version: row.newest,
    });
    ApiVersionsResponse {
        error_code: error.code(),
        api_keys: api_keys.collect(),
        ..Default::default()
    }
}
