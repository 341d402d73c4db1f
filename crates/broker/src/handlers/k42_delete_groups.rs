//! DeleteGroups (key 42): groups without members, and their offsets, go.
//!
//! Version 2 is flexible.

use tidemill_commitlog::AppendFuture;
use tidemill_wire::delete_groups::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse,
};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::Call;
use crate::errors;

/// Deletes each group, and answers once that is on the disk.
pub(crate) async fn handle(
    call: &Call,
    request: DeleteGroupsRequest,
) -> Answer<DeleteGroupsResponse> {
    let started: Vec<_> =
        request.groups_names.into_iter().map(|group| (start(call, &group), group)).collect();
    Answer::Later(Box::pin(async move {
        let mut results = Vec::with_capacity(started.len());
        for (deleting, group_id) in started {
            let error_code = end(deleting).await.code();
            results.push(DeletableGroupResult { group_id, error_code });
        }
        DeleteGroupsResponse { results, ..Default::default() }
    }))
}

/// The group itself goes before its offsets in the log, so waiting for the offsets is enough.
fn start(call: &Call, group: &Text) -> Result<AppendFuture, ErrorCode> {
    let groups = &call.shared.groups;
    if group.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    if groups.has_members(group) {
        return Err(ErrorCode::NonEmptyGroup);
    }
    if !groups.is_known(group) && call.shared.offsets.fetch_all(group).is_empty() {
        return Err(ErrorCode::GroupIdNotFound);
    }
    let gone = groups.forget(group);
    let offsets = call.shared.offsets.fetch_all(group);
    Ok(match gone {
        Some(gone) if offsets.is_empty() => gone,
        _ => call.shared.offsets.delete_group(group),
    })
}

async fn end(deleting: Result<AppendFuture, ErrorCode>) -> ErrorCode {
    match deleting {
        Ok(deleting) => match deleting.await {
            Ok(_) => ErrorCode::None,
            Err(error) => errors::append(&error),
        },
        Err(error) => error,
    }
}
