//! AlterClientQuotas (key 49): quotas set and taken away (KIP-546).
//!
//! Version 1 is flexible. An entry is done whole or not at all.

use std::collections::BTreeMap;

use tidemill_wire::ErrorCode;
use tidemill_wire::alter_client_quotas::{
    AlterClientQuotasRequest, AlterClientQuotasResponse, Entity as ToldEntity, Entrie, EntryData,
};

use crate::admin::Admin;
use crate::admin::kept::Entity;
use crate::answer::Answer;
use crate::context::Call;
use crate::errors::{self, Failure};

/// Changes the quotas of each entry.
pub(crate) async fn handle(
    call: &Call,
    request: AlterClientQuotasRequest,
) -> Answer<AlterClientQuotasResponse> {
    let done = call.blocking(move |shared| {
        let only = request.validate_only;
        request.entries.iter().map(|entry| one(&shared.admin, entry, only)).collect()
    });
    let entries = done.await.unwrap_or_default();
    Answer::Now(AlterClientQuotasResponse { entries, ..Default::default() })
}

fn one(admin: &Admin, entry: &EntryData, validate_only: bool) -> Entrie {
    let (error_code, error_message) = errors::told(alter(admin, entry, validate_only));
    let entity = entry.entity.iter().map(|part| ToldEntity {
        entity_type: part.entity_type.clone(),
        entity_name: part.entity_name.clone(),
    });
    Entrie { error_code, error_message, entity: entity.collect() }
}

fn alter(admin: &Admin, entry: &EntryData, validate_only: bool) -> Result<(), Failure> {
    let invalid = |why: String| Failure::new(ErrorCode::InvalidRequest, why);
    let mut entity = Entity::new();
    for part in &entry.entity {
        let name = part.entity_name.as_ref().map(ToString::to_string);
        if entity.insert(part.entity_type.to_string(), name).is_some() {
            let why = format!("Duplicate client quota entity type: {}", part.entity_type);
            return Err(invalid(why));
        }
    }
    let mut changes = BTreeMap::new();
    for change in &entry.ops {
        let value = (!change.remove).then_some(change.value);
        if changes.insert(change.key.to_string(), value).is_some() {
            return Err(invalid(format!("Duplicate quota key {}", change.key)));
        }
    }
    admin.alter_quotas(&entity, &changes, validate_only)
}
