//! ApiVersions (key 18): what this broker can do, read off the dispatch table.
//!
//! Version 3 is flexible, but its response header never is (KIP-511). A version that is too new is answered with
//! error 35 in version 0, which any client can read, so that it can ask again.

use tidemill_wire::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::{Call, Row};
use crate::features::FEATURES;

/// The first version in which a feature's lowest level may be 0, which older clients take for an error (KIP-1022).
const LEVEL_ZERO: i16 = 4;
/// Features never change while the broker runs, so that one epoch is enough.
const FEATURES_EPOCH: i64 = 0;

/// Tells the table.
pub(crate) async fn handle(call: &Call, _: ApiVersionsRequest) -> Answer<ApiVersionsResponse> {
    let mut answer = tell(call.shared.table, ErrorCode::None);
    if call.version < LEVEL_ZERO {
        answer.supported_features.clear();
    }
    Answer::Now(answer)
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
    let supported = FEATURES.iter().map(|(name, level)| SupportedFeatureKey {
        name: Text::from_static(name),
        min_version: 0,
        max_version: *level,
    });
    let finalized = FEATURES.iter().map(|(name, level)| FinalizedFeatureKey {
        name: Text::from_static(name),
        max_version_level: *level,
        min_version_level: *level,
    });
    ApiVersionsResponse {
        error_code: error.code(),
        api_keys: api_keys.collect(),
        supported_features: supported.collect(),
        finalized_features_epoch: FEATURES_EPOCH,
        finalized_features: finalized.collect(),
        ..Default::default()
    }
}
