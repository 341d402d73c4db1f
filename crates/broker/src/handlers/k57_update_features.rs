//! UpdateFeatures (key 57): levels of features (KIP-584). The levels are those that this version serves; asking for the
//! one that holds is fine, asking for another is refused.
//!
//! Version 1 may only check and names the kind of change, 2 has no answers of single features: an error is one of
//! the whole request.

use tidemill_wire::update_features::{
    FeatureUpdateKey, UpdatableFeatureResult, UpdateFeaturesRequest, UpdateFeaturesResponse,
};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::Call;
use crate::errors::{self, Failure};
use crate::features::FEATURES;

/// The first version with one error for all.
const ONE_ERROR: i16 = 2;

/// Compares each level asked for with the one that holds.
pub(crate) async fn handle(
    call: &Call,
    request: UpdateFeaturesRequest,
) -> Answer<UpdateFeaturesResponse> {
    let me = call.shared.config.node_id;
    let mut response = UpdateFeaturesResponse::default();
    for update in &request.feature_updates {
        let result = check(update, me);
        if let (Err(failure), ONE_ERROR..) = (&result, call.version) {
            let why = format!(
                "The update failed for all features since the following feature had an error: {}",
                failure.message
            );
            response.error_code = failure.error.code();
            response.error_message = Some(Text::from(why));
            break;
        }
        let (error_code, error_message) = errors::told(result);
        let feature = update.feature.clone();
        response.results.push(UpdatableFeatureResult { feature, error_code, error_message });
    }
    if call.version >= ONE_ERROR {
        response.results.clear();
    }
    Answer::Now(response)
}

fn check(update: &FeatureUpdateKey, me: i32) -> Result<(), Failure> {
    let (name, level) = (&update.feature, update.max_version_level);
    let refuse = |why: String| Err(Failure::new(ErrorCode::InvalidUpdateVersion, why));
    let head = format!("Invalid update version {level} for feature {name}.");
    let Some((_, most)) = FEATURES.iter().find(|(known, _)| **known == **name) else {
        return refuse(format!("{head} Local controller {me} does not support this feature."));
    };
    match level {
        level if level == *most => Ok(()),
        level if level < 0 || level > *most => {
            refuse(format!("{head} Local controller {me} only supports versions 0-{most}"))
        }
        _ => {
            refuse(format!("{head} The level that holds is {most}, and it cannot be lowered here."))
        }
    }
}
