//! ListPartitionReassignments (key 46): nothing ever moves.

use tidemill_wire::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

use crate::answer::Answer;
use crate::context::Call;

/// Tells that nothing moves.
pub(crate) async fn handle(
    _: &Call,
    _: ListPartitionReassignmentsRequest,
) -> Answer<ListPartitionReassignmentsResponse> {
    Answer::Now(ListPartitionReassignmentsResponse::default())
}
