//! DescribeClientQuotas (key 48): quotas by what they are for (KIP-546).
//!
//! Version 1 is flexible.

use std::collections::BTreeMap;

use tidemill_wire::describe_client_quotas::{
    ComponentData, DescribeClientQuotasRequest, DescribeClientQuotasResponse, EntityData,
    EntryData, ValueData,
};
use tidemill_wire::{ErrorCode, Text};

use crate::admin::quotas::{Match, Quota};
use crate::answer::Answer;
use crate::context::Call;
use crate::errors::{self, Failure};

const EXACTLY: i8 = 0;
const DEFAULT: i8 = 1;
const ANY: i8 = 2;

/// Tells the quotas that are asked for.
pub(crate) async fn handle(
    call: &Call,
    request: DescribeClientQuotasRequest,
) -> Answer<DescribeClientQuotasResponse> {
    let found = filter(&request.components)
        .and_then(|filter| call.shared.admin.quotas(&filter, request.strict));
    let entries = match &found {
        Ok(found) => Some(found.iter().map(tell).collect()),
        Err(_) => None,
    };
    let (error_code, error_message) = errors::told(found);
    Answer::Now(DescribeClientQuotasResponse {
        error_code,
        error_message,
        entries,
        ..Default::default()
    })
}

fn filter(components: &[ComponentData]) -> Result<BTreeMap<String, Match>, Failure> {
    let invalid = |why: String| Failure::new(ErrorCode::InvalidRequest, why);
    let mut filter = BTreeMap::new();
    for component in components {
        let kind = component.entity_type.to_string();
        let wanted = match (component.match_type, &component.r#match) {
            (EXACTLY, Some(name)) => Match::Exactly(name.to_string()),
            (EXACTLY, None) => return Err(invalid("Unexpected null match in filter".to_owned())),
            (DEFAULT, None) => Match::Default,
            (ANY, None) => Match::Any,
            (DEFAULT | ANY, Some(_)) => {
                return Err(invalid("Unexpected match string in filter".to_owned()));
            }
            (other, _) => return Err(invalid(format!("Unknown match type {other}"))),
        };
        if filter.insert(kind.clone(), wanted).is_some() {
            return Err(invalid(format!(
                "Entity type {kind} cannot appear more than once in the filter"
            )));
        }
    }
    Ok(filter)
}

fn tell((entity, values): &Quota) -> EntryData {
    let entity = entity.iter().map(|(kind, name)| EntityData {
        entity_type: Text::from(kind.as_str()),
        entity_name: name.as_deref().map(Text::from),
    });
    let values = values
        .iter()
        .map(|(key, value)| ValueData { key: Text::from(key.as_str()), value: *value });
    EntryData { entity: entity.collect(), values: values.collect() }
}
